package main

import (
	"net/url"
	"strings"

	"github.com/spf13/cobra"
)

func newPoolWhy(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "why RECORD [ADDRESS]",
		Short: "Why an address is in or out: the story of its last change",
		Long: `Tells why each member of a pool, or one of them, is where it is: its present state, what its
checks see, and everything that happened the last time it changed: probes, verdicts,
restarts, updates of the DNS servers, and who was told. --json has every detail.`,
		Example:           "  loadshare pool why www.mydomain.com 192.168.0.3",
		Args:              cobra.RangeArgs(1, 2),
		ValidArgsFunction: a.completeRecords,
		RunE: a.do(func(cmd *cobra.Command, args []string) error {
			query := url.Values{"record": args[:1]}
			if len(args) == 2 {
				query.Set("address", args[1])
			}
			raw, err := a.get(cmd.Context(), "monitor", "/v1/pool/why", query)
			return show(a, raw, err, func(p poolView) { a.printEach(p, a.printWhy) })
		}),
	}
}

// printWhy tells the story of one record set and returns what to type now.
func (a *app) printWhy(p poolView) (next string) {
	a.printf("%s publishes %s\n", a.paint(bold, p.Record+" "+p.Type), orWord(strings.Join(p.Published, ", "), "nothing"))
	if p.State == "standby" {
		a.printf("%s: another monitor gives the orders for it\n", a.paint(yellow, "standby"))
	}
	for _, m := range p.Members {
		a.printf("\n")
		a.printMember(m)
		if n := nextFor(m); next == "" {
			next = n
		}
	}
	a.printReceipt(p.Receipt)
	return next
}

// nextFor is what to type for a member that is not as it should be.
func nextFor(m memberView) string {
	switch m.State {
	case "up", "unknown", "suspect", "recovering":
		return ""
	case "drained":
		return "loadshare pool undrain " + m.Address
	}
	return "loadshare pool drain " + m.Address + " --for 1h --reason TEXT    (while you repair it: no restarts meanwhile)"
}

func (a *app) printMember(m memberView) {
	where := "in DNS"
	switch {
	case m.InDNS && m.Kept != "":
		where = "kept in DNS all the same: " + m.Kept
	case !m.InDNS:
		where = "not in DNS"
	}
	a.printf("%s is %s since %s: %s; %s\n", a.paint(bold, m.Address), a.paint(stateColor(m.State), m.State), a.when(m.Since), orWord(m.Reason, "no reason known"), where)
	if m.DrainedUntil != nil {
		a.printf("  drained by %s until %s: %s\n", m.DrainedBy, a.when(m.DrainedUntil), m.DrainReason)
	}
	for _, c := range m.Checks {
		a.printf("  check %s: %s\n", c.Name, a.checkText(c))
	}
	if m.Restarts > 0 {
		a.printf("  restarts: %d, the last %s: %s\n", m.Restarts, a.when(m.LastRestart), orWord(m.LastResult, "no result yet"))
	}
	if len(m.Events) == 0 {
		a.printf("  no change of it is in the history\n")
		return
	}
	a.printf("  the last time it changed:\n")
	day := ""
	for _, e := range m.Events {
		if d := e.At.Local().Format("2006-01-02"); d != day {
			day = d
			a.printf("    %s\n", a.paint(dim, day))
		}
		a.printEvent(e)
	}
}
