package main

import (
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func newPoolShow(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "show RECORD",
		Short: "One pool: its members, and the receipt of the last change",
		Long: `Shows a pool: each member with its state, and whether its address is in DNS. The receipt
of the last change says when the failure was first seen, when the change was written, when
every server answered it, and by when the caches of resolvers have forgotten the old one:
only then has traffic moved.`,
		Example:           "  loadshare pool show www.mydomain.com\n  loadshare pool show www.mydomain.com/AAAA",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeRecords,
		RunE: a.do(func(cmd *cobra.Command, args []string) error {
			raw, err := a.get(cmd.Context(), "monitor", "/v1/pool", url.Values{"record": args})
			return show(a, raw, err, func(p poolView) { a.printEach(p, a.printPool) })
		}),
	}
}

// printEach prints a record set and those of the same name, and then the first of what each says is to be typed now.
func (a *app) printEach(p poolView, print func(poolView) (next string)) {
	next := print(p)
	for _, other := range p.Also {
		a.printf("\n")
		if n := print(other); next == "" {
			next = n
		}
	}
	a.next(next)
}

// printPool prints one record set and returns the command that explains what is wrong with it, if anything.
func (a *app) printPool(p poolView) (worst string) {
	a.printf("%s, ttl %d", a.paint(bold, p.Record+" "+p.Type), p.TTL)
	if p.Zone != "" {
		a.printf(", in zone %s", p.Zone)
	}
	a.printf("\npublished: %s", orWord(strings.Join(p.Published, ", "), "nothing"))
	if p.Reason != "" {
		a.printf(" (%s)", p.Reason)
	}
	a.printf("\n")
	switch p.State {
	case "holder", "":
	case "standby":
		a.printf("%s: monitor %s gives the orders for it\n", a.paint(yellow, "standby"), p.Holder)
	default:
		a.printf("%s: no publishing agent obeys this monitor for it yet\n", a.paint(yellow, "no orders"))
	}
	a.printf("\n")
	var rows [][]cell
	for _, m := range p.Members {
		if m.State != "up" && worst == "" {
			worst = "loadshare pool why " + p.Record + " " + m.Address
		}
		in := cell{yesNo(m.InDNS), plain}
		if m.Kept != "" {
			in = cell{"kept: " + m.Kept, yellow}
		}
		why := m.Reason
		if m.DrainedUntil != nil {
			why = "by " + m.DrainedBy + " until " + a.when(m.DrainedUntil) + ": " + m.DrainReason
		}
		rows = append(rows, []cell{{m.Address, plain}, {m.State, stateColor(m.State)}, in, {a.when(m.Since), plain}, {number(uint64(m.Restarts)), plain}, {why, plain}})
	}
	a.table([]string{"MEMBER", "STATE", "IN DNS", "SINCE", "RESTARTS", "REASON"}, rows)
	a.printReceipt(p.Receipt)
	rows = nil
	for _, s := range p.Servers {
		rows = append(rows, []cell{{s.Address, plain}, {s.State, plain}, {a.when(s.WrittenAt), plain}, {a.when(s.AnsweredAt), plain}, {s.LastError, red}})
	}
	if rows != nil {
		a.printf("\n")
		a.table([]string{"DNS SERVER", "STATE", "WRITTEN", "ANSWERED", "LAST ERROR"}, rows)
	}
	if len(p.Strays) > 0 {
		a.printf("%s: %s: in DNS, but no member\n", a.paint(yellow, "strays"), strings.Join(p.Strays, ", "))
	}
	return worst
}

// printReceipt says how far the last change has come.
func (a *app) printReceipt(r *receiptView) {
	if r == nil {
		return
	}
	from := r.SeenAt
	if from == nil {
		from = r.DecidedAt
	}
	a.printf("\nlast change:\n")
	line := func(what string, t *time.Time, pending string) {
		switch {
		case t == nil:
			a.printf("  %-20s %s\n", what, a.paint(yellow, pending))
		case from == nil || t == from:
			a.printf("  %-20s %s\n", what, a.when(t))
		default:
			a.printf("  %-20s %s  +%s\n", what, t.Local().Format("15:04:05.000"), span(t.Sub(*from)))
		}
	}
	if r.SeenAt != nil {
		line("seen failing at", r.SeenAt, "")
	}
	line("decided at", r.DecidedAt, "not yet")
	line("written at", r.WrittenAt, "not yet")
	line("answered by all at", r.AnsweredAt, "not yet")
	if r.ProvedAt != nil {
		line("seen by monitor at", r.ProvedAt, "")
	}
	if r.AnsweredAt == nil || r.DrainedBy != nil {
		line("caches drained by", r.DrainedBy, "not known before all answer")
	}
}

func orWord(text, word string) string {
	if text == "" {
		return word
	}
	return text
}
