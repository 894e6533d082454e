package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"loadshare/haserver"
)

func (a *app) printZone(z haserver.ZoneShown) {
	a.printf("%s, serial %d, %s", a.paint(bold, z.Name), z.Serial, plural(len(z.Records), "record"))
	if z.Sync != "" {
		a.printf(", %s", a.paint(stateColor(z.Sync), z.Sync))
	}
	if z.SyncReason != "" {
		a.printf(" (%s)", z.SyncReason)
	}
	if note := zoneNote(z.Withheld, z.SyncError, z.Settings); note != "" {
		a.printf(": %s", note)
	}
	a.printf("\n\n")
	a.printSecondaries(z.Secondaries)
	var rows [][]cell
	for _, r := range z.Records {
		rows = append(rows, []cell{{r.Name, plain}, {number(uint64(r.TTL)), plain}, {r.Type, plain}, {r.Data, plain}})
	}
	a.table([]string{"NAME", "TTL", "TYPE", "DATA"}, rows)
	if z.Sync == "sync-failed" {
		a.next("loadshare zone sync " + z.Name)
	}
}

func (a *app) printSecondaries(list []haserver.SecondaryStatus) {
	if len(list) == 0 {
		return
	}
	var rows [][]cell
	for _, s := range list {
		serial, behind, color := "unknown", "", plain
		if s.Serial != nil {
			serial = number(uint64(*s.Serial))
		}
		if s.Behind != nil && *s.Behind > 0 {
			behind, color = fmt.Sprintf("%d behind for %s", *s.Behind, span(time.Duration(s.BehindSeconds*float64(time.Second)))), yellow
		}
		rows = append(rows, []cell{{s.Address, plain}, {serial, plain}, {behind, color}, {a.when(s.Answered), plain}, {s.LastError, red}})
	}
	a.table([]string{"SECONDARY", "SERIAL", "LAG", "ANSWERED", "ERROR"}, rows)
	a.printf("\n")
}

func newZoneSync(a *app) *cobra.Command {
	var from string
	cmd := &cobra.Command{
		Use: "sync [ZONE] [--from main|backup]", Short: "Synchronize a zone of a pair again, or all", Args: cobra.MaximumNArgs(1),
		Long: `Puts a zone, or all of them, at the head of the queue for synchronisation between main and backup. What
each server changed is merged. With --from the content of that server wins as it is, and what only
the other has is gone. Only in normal.`,
		Example: "  loadshare zone sync mydomain.com\n  loadshare zone sync mydomain.com --from backup", ValidArgsFunction: a.completeZones,
		RunE: a.do(func(cmd *cobra.Command, args []string) error {
			if from != "" && from != "main" && from != "backup" {
				return usagef("--from %q: accepted: main or backup", from)
			}
			raw, err := a.post(cmd.Context(), "dns", "/v1/ha/sync", map[string]any{"zones": args, "from": from})
			return show(a, raw, err, func(r struct{ Zones int }) {
				a.printf("synchronisation of %s ordered\n", plural(r.Zones, "zone"))
				a.next("loadshare zone list")
			})
		}),
	}
	cmd.Flags().StringVar(&from, "from", "", "main or backup: its content as it is, instead of a merge")
	return cmd
}
