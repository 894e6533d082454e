package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"loadshare/internal/config"
	"loadshare/internal/control"
	"loadshare/internal/process"
)

// The exit codes (contract).
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2 // wrong usage or configuration
	exitUnreachable = 3
	exitRefused     = 4
)

// app is what every command gets: where to read and print, and the global flags.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	now            func() time.Time
	env            func(string) string

	server string // -s
	file   string // -c
	json   bool
	tls    control.TLS
	local  bool // nobody named a role: it is this host's
	// answered is the address of the role that is shown now, where several are.
	answered string
	several  bool
	log      process.LogOptions
	// began: a command's own code ran, so an error is not one of usage unless it says so.
	began bool
}

// usageError is an error of whoever typed the command.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func usagef(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

// silentError ends a command with an exit code after it has said itself what is wrong.
type silentError struct{ code int }

func (e *silentError) Error() string { return "" }

// do wraps a command's code for cobra.
func (a *app) do(fn func(cmd *cobra.Command, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		a.began = true
		return fn(cmd, args)
	}
}

// exitCode prints err, which came out of cmd, and says with which code to end.
func (a *app) exitCode(cmd *cobra.Command, err error) int {
	if err == nil {
		return exitDone
	}
	var (
		silent      *silentError
		usage       *usageError
		bad         *config.Error
		unreachable *control.Unreachable
		refused     *control.Refused
	)
	if errors.As(err, &silent) {
		return silent.code
	}
	if errors.As(err, &bad) {
		fmt.Fprintln(a.stderr, err)
		return exitUsage
	}
	fmt.Fprintf(a.stderr, "loadshare: %s\n", strings.TrimRight(err.Error(), "\n"))
	switch {
	case !a.began && !errors.As(err, &usage):
		fmt.Fprintf(a.stderr, "usage: %s (see %s --help)\n", strings.TrimSuffix(cmd.UseLine(), " [flags]"), cmd.CommandPath())
		return exitUsage
	case errors.As(err, &usage):
		return exitUsage
	case errors.As(err, &unreachable):
		return exitUnreachable
	case errors.As(err, &refused):
		return exitRefused
	}
	return exitFailed
}

// group makes a command that only has subcommands: without one it is wrong usage, and says which there are.
func group(a *app, cmd *cobra.Command, subs ...*cobra.Command) *cobra.Command {
	cmd.AddCommand(subs...)
	cmd.RunE = a.do(func(cmd *cobra.Command, args []string) error {
		var names []string
		for _, c := range cmd.Commands() {
			if c.IsAvailableCommand() {
				names = append(names, c.Name())
			}
		}
		list := strings.Join(names, ", ")
		if len(args) > 0 {
			return usagef("%s has no %q: it has %s", cmd.CommandPath(), args[0], list)
		}
		return usagef("%s needs one of %s", cmd.CommandPath(), list)
	})
	return cmd
}
