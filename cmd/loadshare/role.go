package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"loadshare/internal/config"
	"loadshare/internal/process"
)

// runRole makes the code of a role's command: read the configuration, then run until a signal.
func runRole[C any](a *app, role string, load func(string) (C, config.Problems), main func(context.Context, C, process.Env) error) func(*cobra.Command, []string) error {
	return a.do(func(cmd *cobra.Command, _ []string) error {
		if a.file == "" {
			return usagef("loadshare %s needs its configuration: -c FILE", role)
		}
		log, err := process.NewLogger(a.stderr, a.log)
		if err != nil {
			return usagef("%v", err)
		}
		cfg, problems := load(a.file)
		if err := problems.Err(); err != nil {
			for _, w := range problems.Warnings() {
				fmt.Fprintln(a.stderr, w)
			}
			return err
		}
		for _, w := range problems.Warnings() {
			log.Warn("configuration", "problem", w.String())
		}
		o := process.Options{Role: role, Path: a.file, Version: version(), Log: log}
		// The signals are the process's from here on: not the context of commands, which an interrupt ends at once.
		err = process.Run(context.WithoutCancel(cmd.Context()), o, func(ctx context.Context, env process.Env) error { return main(ctx, cfg, env) })
		var bad *config.Error
		if errors.As(err, &bad) { // what a configuration names, and the role reads at its start
			return err
		}
		if err != nil && !errors.Is(err, context.Canceled) {
			log.Error("ended", "role", role, "error", err)
			return &silentError{exitFailed}
		}
		return nil
	})
}
