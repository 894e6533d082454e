package main

import (
	"encoding/json"
	"net/url"

	"github.com/spf13/cobra"
)

func newZone(a *app) *cobra.Command {
	return group(a, &cobra.Command{
		Use:   "zone",
		Short: "The zones of a DNS server: list, show, export, load, sync",
		Long:  "Asks a DNS server of ours about its zones. Without -s and -c: the one on this host.",
	}, newZoneList(a), newZoneShow(a), newZoneExport(a), newZoneLoad(a), newZoneSync(a))
}

func newZoneList(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "All zones with serial, records and state", Args: cobra.NoArgs,
		RunE: a.do(func(cmd *cobra.Command, _ []string) error {
			raw, err := a.get(cmd.Context(), "dns", "/v1/zones", nil)
			if err != nil {
				return err
			}
			var zones []zoneView
			if err := json.Unmarshal(raw, &zones); err != nil {
				return err
			}
			if a.json {
				return a.printJSON(map[string]any{"zones": raw})
			}
			a.printZones(zones)
			return nil
		}),
	}
}

func newZoneShow(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "show ZONE", Short: "The records of a zone, in columns",
		Example: "  loadshare zone show mydomain.com",
		Args:    cobra.ExactArgs(1), ValidArgsFunction: a.completeZones,
		RunE: a.do(func(cmd *cobra.Command, args []string) error {
			raw, err := a.get(cmd.Context(), "dns", "/v1/zone", url.Values{"name": args})
			return show(a, raw, err, a.printZone)
		}),
	}
}

func newZoneExport(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "export ZONE", Short: "Print a zone as a master file",
		Long:    "Prints a zone as it is now, in the format of zone files (RFC 1035): for backups, for another\nserver, or to edit and give back to `loadshare zone load`.",
		Example: "  loadshare zone export mydomain.com > db.mydomain.com",
		Args:    cobra.ExactArgs(1), ValidArgsFunction: a.completeZones,
		RunE: a.do(func(cmd *cobra.Command, args []string) error {
			raw, err := a.get(cmd.Context(), "dns", "/v1/zone/export", url.Values{"name": args})
			return show(a, raw, err, func(z struct{ Text string }) { a.printf("%s", z.Text) })
		}),
	}
}

// completeZones offers the zones of this host's DNS server.
func (a *app) completeZones(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveDefault // the file of zone load
	}
	raw, err := a.get(cmd.Context(), "dns", "/v1/zones", nil)
	var zones []zoneView
	if err != nil || json.Unmarshal(raw, &zones) != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var out []cobra.Completion
	for _, z := range zones {
		out = append(out, z.Name)
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}
