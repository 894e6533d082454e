package main

import (
	"github.com/spf13/cobra"

	"loadshare/haserver"
)

func newDNS(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "dns -c FILE",
		Short: "Serve zones, and take updates for them",
		Long: `Runs a DNS server: it answers for its zones from memory, takes RFC 2136 updates from those
who may (keys and addresses in its configuration), keeps them on disk before it says so, and
sends the changes to secondaries. With [ha] in its configuration it is one of two that shadow each
other; loadshare ha status shows how they stand. It reads its configuration again on SIGHUP.`,
		Example: "  loadshare dns -c /etc/loadshare/dns.toml",
		Args:    cobra.NoArgs,
		RunE:    runRole(a, "dns", haserver.LoadConfig, haserver.Run),
	}
}
