package monitor

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"loadshare/internal/alert"
	"loadshare/monitor/decide"
	"loadshare/monitor/order"
)

// alertKinds gives the mail's word for what the machine says.
var alertKinds = map[decide.AlertKind]alert.Kind{
	decide.AlertFailure: alert.Failure, decide.AlertRestart: alert.Restart, decide.AlertRecovery: alert.Recovery,
	decide.AlertBudget: alert.Budget, decide.AlertFlapping: alert.Flapping, decide.AlertAllDown: alert.Failure,
	decide.AlertMass: alert.MassFailure, decide.AlertUntested: alert.Degraded, decide.AlertDrift: alert.Drift,
	decide.AlertPublish: alert.Failure, decide.AlertLease: alert.Degraded, decide.AlertDrainEnded: alert.Recovery,
}

// compose turns what the machine wants people to know into mail: what to type
// first, what happened, how the pool stands, what was seen.
func (l *loop) compose(a decide.Alert) alert.Alert {
	kind, ok := alertKinds[a.Kind]
	if !ok {
		kind = alert.Kind(a.Kind)
	}
	title, rest, _ := strings.Cut(a.Text, "\n")
	out := alert.Alert{Incident: a.Incident, Kind: kind, Title: title, At: a.At, Final: a.Final, Children: a.Children}
	var body strings.Builder
	if rest != "" {
		body.WriteString(rest + "\n")
	}
	if a.Reason != "" {
		fmt.Fprintf(&body, "Reason: %s.\n", a.Reason)
	}
	view, known := l.machine.Pool(a.Pool)
	out.Next = nextCommand(a, view)
	if known {
		body.WriteString(poolText(view))
		out.Evidence = l.evidenceFor(a, view)
	}
	out.Body = body.String()
	return out
}

// nextCommand is what to type first.
func nextCommand(a decide.Alert, v decide.PoolView) string {
	name := a.Pool.Name()
	switch {
	case a.Kind == decide.AlertMass:
		return "loadshare status"
	case a.Kind == decide.AlertDrift || a.Kind == decide.AlertPublish:
		return "loadshare pool show " + name
	case a.Pool == "":
		return "loadshare status"
	}
	for _, m := range v.Members {
		if m.Value == a.Member {
			return "loadshare pool why " + name + " " + m.Address
		}
	}
	return "loadshare pool why " + name
}

// poolText is how a pool stands, for mail.
func poolText(v decide.PoolView) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s publishes: %s\n", v.ID, orNothing(v.Published))
	for _, m := range v.Members {
		fmt.Fprintf(&b, "  %-40s %-10s since %s (%s)", m.Address, m.State, utc(m.Since), m.Reason)
		switch {
		case m.Kept != "":
			fmt.Fprintf(&b, ", kept in DNS: %s", m.Kept)
		case !m.InDNS:
			b.WriteString(", not in DNS")
		}
		b.WriteString("\n")
	}
	return b.String()
}

func orNothing(list []string) string {
	if len(list) == 0 {
		return "nothing"
	}
	return strings.Join(list, ", ")
}

// evidenceFor is what the probes saw last and, after a restart, what the agent collected.
func (l *loop) evidenceFor(a decide.Alert, v decide.PoolView) string {
	var b strings.Builder
	for _, m := range v.Members {
		if m.Value != a.Member {
			continue
		}
		for _, c := range m.Checks {
			if c.Outcome != decide.OK && !c.LastAt.IsZero() {
				b.WriteString(strings.TrimRight(fmt.Sprintf("%s at %s: %s %s %s", c.ID, utc(c.LastAt), c.Outcome, c.Reason, c.Detail), " ") + "\n")
			}
		}
	}
	if r, ok := l.evidence[string(a.Pool)+" "+a.Member]; ok && (a.Kind == decide.AlertRestart || a.Kind == decide.AlertBudget) {
		fmt.Fprintf(&b, "restart of %s: %s, exit code %d, %s\n", r.Service, r.Outcome, r.ExitCode, r.Took.Round(time.Millisecond))
		if r.Refused != "" {
			fmt.Fprintf(&b, "refused: %s\n", r.Refused)
		}
		if r.Output != "" {
			b.WriteString("it printed:\n" + strings.TrimRight(r.Output, "\n") + "\n")
		}
		if r.Evidence != "" {
			b.WriteString("before it:\n" + strings.TrimRight(r.Evidence, "\n") + "\n")
		}
	}
	return b.String()
}

// newStrays reports whether people should hear of the strays of a report: they
// were removed, or they were left and nobody was told yet.
func newStrays(m order.Published, told []string) bool {
	return len(m.Undo) > 0 || slices.ContainsFunc(m.Strays, func(s string) bool { return !slices.Contains(told, s) })
}

// strayAlert tells of addresses that nobody configured (M3).
func strayAlert(agent netip.AddrPort, m order.Published) alert.Alert {
	a := alert.Alert{Incident: "stray " + string(m.Pool), Kind: alert.Stray, Final: true, At: time.Now(),
		Title: fmt.Sprintf("%s held what nobody configured: %s", m.Pool, strings.Join(m.Strays, ", ")),
		Next:  "loadshare pool show " + m.Pool.Name(),
		Body:  "Found by agent " + agent.String() + ". "}
	if len(m.Undo) == 0 {
		a.Body += "They were left in DNS. Add them to the pool, to normal-dns, or remove them.\n"
		return a
	}
	a.Body += "They were removed. These lines put them back:\n"
	a.Evidence = strings.Join(m.Undo, "\n") + "\n"
	return a
}

// utc prints a time for people and machines.
func utc(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format("2006-01-02T15:04:05Z")
}
