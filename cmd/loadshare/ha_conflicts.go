package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"loadshare/haserver"
)

func newHAConflicts(a *app) *cobra.Command {
	list := &cobra.Command{
		Use: "conflicts", Short: "What lost when both servers had changed the same thing", Args: cobra.NoArgs,
		Long: `Lists what lost when the pair came together again after a time apart in which both servers had changed
the same records: what the zone has now, and what it has not though one server had it. Both servers
keep the list.`,
		RunE: a.do(func(cmd *cobra.Command, _ []string) error {
			raw, err := a.get(cmd.Context(), "dns", "/v1/ha/conflicts", nil)
			return show(a, raw, err, a.printConflicts)
		}),
	}
	var reason string
	restore := &cobra.Command{
		Use: "restore ID --reason TEXT", Short: "Put back what lost, by an ordinary change", Args: cobra.ExactArgs(1),
		Long:    "Gives the zone the records that lost, and takes out those in their place, as one ordinary change.\nThe ID may be cut short as long as it is clear which one is meant.",
		Example: "  loadshare ha conflicts\n  loadshare ha conflicts restore 3f9a --reason 'the second address was right'",
		RunE: a.do(func(cmd *cobra.Command, args []string) error {
			if strings.TrimSpace(reason) == "" {
				return usagef("restore needs a reason: --reason TEXT")
			}
			raw, err := a.post(cmd.Context(), "dns", "/v1/ha/conflicts/restore", map[string]string{"id": args[0], "reason": reason})
			return show(a, raw, err, func(r haserver.LoadReply) { a.printLoad(r, []string{"conflict " + args[0]}) })
		}),
	}
	restore.Flags().StringVar(&reason, "reason", "", "why, for those who wonder")
	list.AddCommand(restore)
	return list
}

func (a *app) printConflicts(list haserver.ConflictList) {
	if len(list.Conflicts) == 0 {
		a.printf("no conflicts\n")
		return
	}
	for _, c := range list.Conflicts {
		a.printf("%s  %s %s in zone %s, %s: %s; the %s won\n", a.paint(bold, c.ID), c.Name, orWord(c.Type, "(all types)"), c.Zone, a.when(&c.At), c.Reason, c.Winner)
		for _, r := range c.Kept {
			if !slices.Contains(c.Removed, r) {
				a.printf("    has      %s\n", r)
			}
		}
		for _, r := range c.Removed {
			a.printf("    %s\n", a.paint(yellow, "has      "+r+"   (the other server had it not)"))
		}
		for _, r := range c.Lost {
			a.printf("    %s\n", a.paint(red, "has not  "+r))
		}
	}
	a.next("loadshare ha conflicts restore " + list.Conflicts[0].ID + " --reason TEXT")
}
