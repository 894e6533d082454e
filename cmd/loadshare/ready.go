package main

import (
	"context"

	"github.com/spf13/cobra"
)

func newReady(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "ready",
		Short: "Exit 0 when the role can do its job now",
		Long: `Asks a role whether it can do its job now: a DNS server whether it answers for its
zones, a DHCP server whether it may give leases, a monitor whether it sees and reaches its
agents, an agent whether it may write.
Prints why not and exits 1, or 3 when the role cannot be reached. For load balancers and scripts.`,
		Example: "  loadshare ready -c /etc/loadshare/dns.toml && echo up",
		Args:    cobra.NoArgs,
		RunE: a.do(func(cmd *cobra.Command, _ []string) error {
			c, err := a.connect("")
			if err != nil {
				return err
			}
			var r struct {
				Ready bool   `json:"ready"`
				Why   string `json:"why"`
			}
			if err := ask(cmd.Context(), statusTimeout, func(ctx context.Context) error { return c.Get(ctx, "/v1/ready", &r) }); err != nil {
				return err
			}
			if a.json {
				if err := a.printJSON(map[string]any{"role": c.Role(), "ready": r.Ready, "why": r.Why}); err != nil {
					return err
				}
			} else if r.Ready {
				a.printf("%s: %s\n", c.Role(), a.paint(green, "ready"))
			} else {
				a.printf("%s: %s: %s\n", c.Role(), a.paint(red, "not ready"), r.Why)
			}
			if !r.Ready {
				return &silentError{exitFailed}
			}
			return nil
		}),
	}
}
