package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"sync"

	"github.com/spf13/cobra"

	"loadshare/internal/control"
)

// answer is what one role said about itself, or why it did not.
type answer struct {
	Name    string          `json:"name"`
	Address string          `json:"address"`
	Role    string          `json:"role,omitempty"`
	Status  json.RawMessage `json:"status,omitempty"`
	Error   string          `json:"error,omitempty"`
	err     error
}

func newStatus(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "How a role is, or all roles on this host, or the whole site",
		Long: `Shows what a role is doing, what is wrong with it, since when, and what to type next.

Without -s and -c: every role with a socket on this host. With -c FILE: the role whose
configuration that is; with a console's configuration every server it lists. --json prints
what the role says, unchanged (several roles: {"servers":[...]}).`,
		Example: `  loadshare status
  loadshare status -c /etc/loadshare/monitor.toml
  loadshare status -s unix:/run/loadshare/dns.sock --json`,
		Args: cobra.NoArgs,
		RunE: a.do(func(cmd *cobra.Command, _ []string) error {
			list, err := a.targets()
			if err != nil {
				return err
			}
			answers := make([]answer, len(list))
			var all sync.WaitGroup
			for i, t := range list { // side by side: one that hangs keeps nobody waiting for the others
				all.Go(func() { answers[i] = a.statusOf(cmd.Context(), t) })
			}
			all.Wait()
			if len(answers) == 1 {
				return a.oneStatus(answers[0])
			}
			return a.manyStatus(answers)
		}),
	}
}

func (a *app) statusOf(ctx context.Context, t target) answer {
	out := answer{Name: t.name, Address: t.address}
	c, err := t.client()
	if err == nil {
		err = ask(ctx, statusTimeout, func(ctx context.Context) error { return c.Get(ctx, "/v1/status", &out.Status) })
		out.Role = c.Role()
	}
	if err != nil {
		out.err, out.Error = err, err.Error()
	}
	return out
}

func (a *app) oneStatus(ans answer) error {
	if ans.err != nil {
		return ans.err
	}
	if a.json {
		return a.printRaw(ans.Status)
	}
	return a.printStatus(ans)
}

// manyStatus prints all; one that does not answer makes the exit code that of its error.
func (a *app) manyStatus(answers []answer) error {
	var first error
	for _, ans := range answers {
		if ans.err != nil && first == nil {
			first = ans.err
		}
	}
	if a.json {
		if err := a.printJSON(map[string]any{"servers": answers}); err != nil {
			return err
		}
	} else {
		a.several = true
		for i, ans := range answers {
			if i > 0 {
				a.printf("\n")
			}
			a.printf("%s\n", a.paint(bold, "== "+ans.Name+"  "+ans.Address))
			if ans.err != nil {
				a.printf("%s\n", a.paint(red, ans.Error))
				continue
			}
			if a.answered = ans.Address; ans.Address == "unix:"+filepath.Join(a.runtimeDir(), ans.Role+".sock") {
				a.answered = ""
			}
			if err := a.printStatus(ans); err != nil {
				return err
			}
		}
	}
	var un *control.Unreachable
	switch {
	case errors.As(first, &un):
		return &silentError{exitUnreachable}
	case first != nil:
		return &silentError{exitFailed}
	}
	return nil
}

// printStatus prints what a person wants to know of each role.
func (a *app) printStatus(ans answer) error {
	show := map[string]func(json.RawMessage) error{"monitor": a.printMonitor, "agent": a.printAgent, "dns": a.printDNS, "dhcp": a.printDHCP}[ans.Role]
	if show == nil {
		return a.printRaw(ans.Status)
	}
	if err := show(ans.Status); err != nil {
		return fmt.Errorf("the answer of the %s cannot be read: %w", ans.Role, err)
	}
	return nil
}

// printRaw prints JSON as a role said it, indented.
func (a *app) printRaw(raw json.RawMessage) error { return a.printJSON(raw) }
