package monitor

import (
	"context"
	"fmt"
	"strings"
	"time"

	"loadshare/internal/events"
	"loadshare/monitor/decide"
	"loadshare/monitor/order"
)

// summaryWindow is what the daily mail looks back on.
const summaryWindow = 24 * time.Hour

// summary is the text of the daily mail.
func (l *loop) summary(ctx context.Context) string {
	l.told.flush(ctx)
	var views []decide.PoolView
	var owed []string
	err := l.look(ctx, func() {
		for _, id := range l.machine.Pools() {
			if v, ok := l.machine.Pool(id); ok {
				views = append(views, v)
				owed = append(owed, owedOf(v)...)
			}
		}
	})
	if err != nil {
		return ""
	}
	now := time.Now()
	all, err := l.history.Recent(events.Filter{Since: now.Add(-summaryWindow)}, 50000)
	if err != nil {
		return err.Error()
	}
	return summaryText(now, views, all, owed)
}

func owedOf(v decide.PoolView) []string {
	var out []string
	for _, s := range v.Servers {
		if s.State == order.ServerOwed {
			out = append(out, fmt.Sprintf("%s owes %s: %s", s.Server, v.ID, orWord(s.Error, "silent")))
		}
	}
	return out
}

// summaryText writes the daily mail from the present state and a day of history.
func summaryText(now time.Time, views []decide.PoolView, all []events.Event, owed []string) string {
	var b strings.Builder
	from := now.Add(-summaryWindow)
	fmt.Fprintf(&b, "From %s to %s.\n\nPools:\n", utc(from), utc(now))
	incidents, restarts := map[string]bool{}, map[string]int{}
	for _, e := range all {
		if e.Incident != "" {
			incidents[e.Incident] = true
		}
		if e.Kind == events.Restart && e.From == "" && e.Order != "" {
			restarts[e.Order]++
		}
	}
	var drains []string
	for _, v := range views {
		fmt.Fprintf(&b, "  %-45s %7.3f %% up, publishes %s\n", v.ID, 100*uptime(now, v, all), orNothing(v.Published))
		for _, m := range v.Members {
			if m.State != decide.Up {
				fmt.Fprintf(&b, "    %s is %s since %s (%s)\n", m.Address, m.State, utc(m.Since), m.Reason)
			}
			if m.Drain != nil {
				drains = append(drains, fmt.Sprintf("%s %s until %s by %s: %s", v.ID, m.Address, utc(m.Drain.Until), m.Drain.By, m.Drain.Reason))
			}
		}
	}
	fmt.Fprintf(&b, "\nIncidents: %d. Restarts: %d.\n", len(incidents), len(restarts))
	section := func(title string, lines []string) {
		if len(lines) > 0 {
			fmt.Fprintf(&b, "\n%s:\n", title)
			for _, s := range lines {
				b.WriteString("  " + s + "\n")
			}
		}
	}
	section("Drains in force", drains)
	section("DNS servers that have not taken a change yet", owed)
	return b.String()
}

// uptime is the share of the window in which the pool had a good member (up or
// suspect), as far as the history goes.
func uptime(now time.Time, v decide.PoolView, all []events.Event) float64 {
	good := map[string]bool{}
	for _, m := range v.Members {
		good[m.Value] = isGood(m.State.String())
	}
	any := func() bool {
		for _, g := range good {
			if g {
				return true
			}
		}
		return false
	}
	// From now back: each event says what was before it.
	var up, known time.Duration
	at := now
	for i := len(all) - 1; i >= 0; i-- {
		e := all[i]
		if e.Kind != events.Member || e.Pool != string(v.ID) || e.From == "" || e.From == e.To {
			continue
		}
		if _, member := good[e.Member]; !member {
			continue
		}
		known += at.Sub(e.At)
		if any() {
			up += at.Sub(e.At)
		}
		at = e.At
		good[e.Member] = isGood(e.From)
		if e.From == decide.Unknown.String() {
			break // before it nobody knew
		}
	}
	if rest := at.Sub(now.Add(-summaryWindow)); rest > 0 && any() {
		up, known = up+rest, known+rest
	}
	if known <= 0 {
		if any() {
			return 1
		}
		return 0
	}
	return float64(up) / float64(known)
}

func isGood(state string) bool {
	return state == decide.Up.String() || state == decide.Suspect.String()
}
