package main

import (
	"os"
	"runtime"

	"github.com/spf13/cobra"

	"loadshare/dhcp"
	dhcpconfig "loadshare/dhcp/config"
)

func newDHCP(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "dhcp -c FILE",
		Short: "Give addresses to clients, alone or as one of two",
		Long: `Runs a DHCPv4 server: it gives addresses out of its scopes to clients that broadcast on its interfaces or come
through relays, and has every lease on disk before it says so. With [[failover]] in its configuration it
is one of two that share their leases by the DHCP failover protocol, the other one of ours or an
ISC dhcpd; loadshare dhcp-pair status shows how they stand. With [ddns] the names of clients
go into DNS. It reads its configuration again on SIGHUP.`,
		Example: "  loadshare dhcp -c /etc/loadshare/dhcp.toml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if os.Getenv("GOMAXPROCS") == "" {
				runtime.GOMAXPROCS(max(dhcp.Processors, runtime.GOMAXPROCS(0)))
			}
			return runRole(a, "dhcp", dhcpconfig.Load, dhcp.Run)(cmd, args)
		},
	}
}
