package main

import (
	"github.com/spf13/cobra"

	"loadshare/monitor"
)

func newMonitor(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "monitor -c FILE",
		Short: "Probe services, decide, and order what follows",
		Long: `Runs a monitor: it probes the members of its pools, decides which belong in DNS, and orders the
agents to publish that and to restart what failed. Run one or more on hosts of their own.
It reads its configuration again on SIGHUP: all of it, or nothing when there is an error in it.`,
		Example: "  loadshare monitor -c /etc/loadshare/monitor.toml",
		Args:    cobra.NoArgs,
		RunE:    runRole(a, "monitor", monitor.LoadConfig, monitor.Run),
	}
}
