package main

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"
)

// secondaryView is one secondary of a zone.
type secondaryView struct {
	Address       string     `json:"address"`
	Notified      *uint32    `json:"notified"`
	Answered      *time.Time `json:"answered"`
	Serial        *uint32    `json:"serial"`
	Behind        *uint32    `json:"behind"`
	BehindSeconds float64    `json:"behind_seconds"`
	LastError     string     `json:"last_error"`
}

func (a *app) printZone(raw json.RawMessage) error {
	var z struct {
		Name    string `json:"name"`
		Serial  uint32 `json:"serial"`
		Records []struct {
			Name string `json:"name"`
			TTL  uint32 `json:"ttl"`
			Type string `json:"type"`
			Data string `json:"data"`
		} `json:"records"`
		Secondaries []secondaryView `json:"secondaries"`
	}
	var sync zoneView
	if err := json.Unmarshal(raw, &z); err != nil {
		return err
	}
	if err := json.Unmarshal(raw, &struct {
		*zoneView
		Records json.RawMessage `json:"records"`
	}{zoneView: &sync}); err != nil {
		return err
	}
	a.printf("%s, serial %d, %s", a.paint(bold, z.Name), z.Serial, plural(len(z.Records), "record"))
	if sync.Sync != "" {
		a.printf(", %s", a.paint(stateColor(sync.Sync), sync.Sync))
	}
	if sync.SyncReason != "" {
		a.printf(" (%s)", sync.SyncReason)
	}
	if note := sync.note(); note != "" {
		a.printf(": %s", note)
	}
	a.printf("\n\n")
	a.printSecondaries(z.Secondaries)
	var rows [][]cell
	for _, r := range z.Records {
		rows = append(rows, []cell{{r.Name, plain}, {number(uint64(r.TTL)), plain}, {r.Type, plain}, {r.Data, plain}})
	}
	a.table([]string{"NAME", "TTL", "TYPE", "DATA"}, rows)
	if sync.Sync == "sync-failed" {
		a.next("loadshare zone sync " + z.Name)
	}
	return nil
}

func (a *app) printSecondaries(list []secondaryView) {
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
			if err != nil {
				return err
			}
			if a.json {
				return a.printRaw(raw)
			}
			var r struct {
				Zones int `json:"zones"`
			}
			if err := json.Unmarshal(raw, &r); err != nil {
				return err
			}
			a.printf("synchronisation of %s ordered\n", plural(r.Zones, "zone"))
			a.next("loadshare zone list")
			return nil
		}),
	}
	cmd.Flags().StringVar(&from, "from", "", "main or backup: its content as it is, instead of a merge")
	return cmd
}
