package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"loadshare/dhcp"
)

func newDHCPPairSync(a *app, pair *string) *cobra.Command {
	var order syncing
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
		Args:    cobra.MaximumNArgs(1), ValidArgs: syncOperations,
		RunE: a.do(func(cmd *cobra.Command, args []string) error {
			if err := order.take("dhcp-pair sync", args, "update"); err != nil { // update is the source's default (checklist D07)
				return err
			}
			raw, err := a.post(cmd.Context(), "dhcp", "/v1/dhcp-pair/sync", dhcp.SyncOrder{Pair: *pair, Operation: order.operation, Direction: order.direction, Run: order.run})
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
	order.flags(cmd)
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
