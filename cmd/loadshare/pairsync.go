package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"loadshare/haserver"
)

func newPair(a *app) *cobra.Command {
	return group(a, &cobra.Command{
		Use:   "pair",
		Short: "The configuration of the two DNS servers of a pair: compare, make equal",
	}, newPairSync(a))
}

func newPairSync(a *app) *cobra.Command {
	var order syncing
	cmd := &cobra.Command{
		Use:   "sync [update|complete|exact] --report | --run",
		Short: "Bring one server's zones and their settings to the other",
		Long: `Compares the zones of the two servers and their settings (who may update and transfer, who is told), and
makes those of one server like the other's. What is never copied: roles, addresses, files and keys.

  update     adds what is missing: zones, and grants, transfers, notifies of zones that both have
  complete   also makes the settings of zones that both have equal (the default)
  exact      also takes zones out of service that only the destination has

Main and backup are the roles in force, which loadshare ha swap exchanges.

--report only shows what would change, --run does it. Changes at the main reach the backup by themselves:
this is for the other direction, for first times, and to be sure.`,
		Example: "  loadshare pair sync exact --report\n  loadshare pair sync complete --direction backup-to-main --run",
		Args:    cobra.MaximumNArgs(1), ValidArgs: syncOperations,
		RunE: a.do(func(cmd *cobra.Command, args []string) error {
			if err := order.take("pair sync", args, "complete"); err != nil {
				return err
			}
			raw, err := a.post(cmd.Context(), "dns", "/v1/pair/sync", haserver.PairSyncRequest{Operation: order.operation, Direction: order.direction, Run: order.run})
			return show(a, raw, err, a.printPairSync)
		}),
	}
	order.flags(cmd)
	return cmd
}

func (a *app) printPairSync(r haserver.PairSyncReply) {
	destination := r.Direction[strings.LastIndexByte(r.Direction, '-')+1:]
	for _, c := range r.Changes {
		if slices.Contains(r.Lost, c) {
			a.printf("%s\n", a.paint(red, "- "+c))
		} else {
			a.printf("%s\n", a.paint(green, "+ "+c))
		}
	}
	what := "pair sync " + r.Operation + ", " + r.Direction + ": " + plural(len(r.Changes), "change") + " at the " + destination
	switch {
	case len(r.Changes) == 0:
		a.printf("pair sync %s, %s: nothing differs\n", r.Operation, r.Direction)
	case r.Applied:
		a.printf("%s, %s\n", what, a.paint(green, "done"))
	default:
		a.printf("%s, %s\n", what, a.paint(yellow, "not done"))
		if len(r.Lost) > 0 {
			a.printf("%s: the lines with - are what the %s loses\n", a.paint(red, "warning"), destination)
		}
		a.next("loadshare pair sync " + r.Operation + " --direction " + r.Direction + " --run")
	}
}
