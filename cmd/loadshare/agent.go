package main

import (
	"github.com/spf13/cobra"

	"loadshare/agent"
)

func newAgent(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "agent -c FILE",
		Short: "Restart services of this node, and publish records",
		Long: `Runs an agent: it obeys the monitors, restarts what its own configuration lists and, with
[publish], sends the updates to the DNS servers. Run one on every node and beside the DNS servers.
It reads its configuration again on SIGHUP: all of it, or nothing when there is an error in it.`,
		Example: "  loadshare agent -c /etc/loadshare/agent.toml",
		Args:    cobra.NoArgs,
		RunE:    runRole(a, "agent", agent.LoadConfig, agent.Run),
	}
}
