package main

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"loadshare/dhcp"
)

func newDHCPPairSync(a *app, pair *string) *cobra.Command {
	var direction string
	var report, run bool
	operations := []string{"update", "complete", "exact"}
	cmd := &cobra.Command{
		Use:   "sync [update|complete|exact] --report | --run",
		Short: "Bring one server's configuration to the other: scopes, classes, clients, policies",
		Long: `Compares the configuration files of the two servers and makes that of one like the other's, all in what both
must have alike. What is each server's own is never copied: addresses, interfaces, roles, files, keys.

  update     the pair's scopes and tuning; adds what is missing of the rest (the default, and the least)
  complete   also makes equal what both have (right for first times)
  exact      also takes away what only the destination has (not for a back office)

--report only shows what would change, --run does it: the destination's file is written anew, the old one is
kept beside it, and both servers read their configuration again. Only between two of ours.`,
		Example: "  loadshare dhcp-pair sync complete --report\n  loadshare dhcp-pair sync exact --direction backup-to-main --run",
		Args:    cobra.MaximumNArgs(1), ValidArgs: operations,
		RunE: a.do(func(cmd *cobra.Command, args []string) error {
			operation := "update" // the source's default (checklist D07)
			if len(args) > 0 {
				operation = args[0]
			}
			switch {
			case !slices.Contains(operations, operation):
				return usagef("dhcp-pair sync %q: accepted: update, complete or exact", operation)
			case direction != "main-to-backup" && direction != "backup-to-main":
				return usagef("--direction %q: accepted: main-to-backup or backup-to-main", direction)
			case report == run:
				return usagef("one of --report (only show) and --run (do it) is needed")
			}
			raw, err := a.post(cmd.Context(), "dhcp", "/v1/dhcp-pair/sync", map[string]any{"pair": *pair, "operation": operation, "direction": direction, "run": run})
			if err != nil {
				return err
			}
			var done dhcp.SyncReport
			if err := json.Unmarshal(raw, &done); err != nil {
				return err
			}
			if done.Applied { // the destination has; what is in the source's file may not be in force there yet
				if _, err := a.post(cmd.Context(), "dhcp", "/v1/reload", nil); err != nil {
					fmt.Fprintf(a.stderr, "loadshare: the configurations are equal, but this server cannot read its own again: %v\n", err)
				}
			}
			if a.json {
				return a.printRaw(raw)
			}
			a.printDHCPSync(&done)
			return nil
		}),
	}
	f := cmd.Flags()
	f.StringVar(&direction, "direction", "main-to-backup", "main-to-backup or backup-to-main")
	f.BoolVar(&report, "report", false, "only show what would change")
	f.BoolVar(&run, "run", false, "do it")
	return cmd
}

func (a *app) printDHCPSync(r *dhcp.SyncReport) {
	losses := 0
	for _, c := range r.Changes {
		if c.Lost {
			losses++
			a.printf("%s\n", a.paint(red, "- "+c.Text))
		} else {
			a.printf("%s\n", a.paint(green, "+ "+c.Text))
		}
	}
	what := "dhcp-pair sync " + r.Operation + ", " + r.Direction
	switch {
	case len(r.Changes) == 0:
		a.printf("%s: nothing differs\n", what)
	case r.Applied:
		a.printf("%s: %s at the %s, %s: %s is written, the old one is %s\n", what, plural(len(r.Changes), "change"), r.Destination, a.paint(green, "done"), r.File, r.Kept)
	default:
		a.printf("%s: %s at the %s, %s\n", what, plural(len(r.Changes), "change"), r.Destination, a.paint(yellow, "not done"))
		if losses > 0 {
			a.printf("%s: the lines with - are what the %s loses\n", a.paint(red, "warning"), r.Destination)
		}
		a.next("loadshare dhcp-pair sync " + r.Operation + " --direction " + r.Direction + " --run")
	}
}
