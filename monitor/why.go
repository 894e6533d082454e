package monitor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"loadshare/internal/control"
	"loadshare/internal/events"
	"loadshare/monitor/decide"
)

// How much of the history `pool why` looks at and shows.
const (
	whySearched = 20000
	whyShown    = 200
)

// whyJSON is the answer to `pool why`: how it stands, and what happened the last
// time it changed. Lines is the same for people.
type whyJSON struct {
	Record    string      `json:"record"`
	Type      string      `json:"type"`
	Zone      string      `json:"zone"`
	Published []string    `json:"published"`
	State     string      `json:"state"`
	Members   []whyMember `json:"members"`
	// Also are the record sets of the same name and other types.
	Also    []whyJSON    `json:"also,omitempty"`
	Receipt *receiptJSON `json:"receipt"`
	Lines   []string     `json:"lines"`
}

type whyMember struct {
	memberJSON
	// Events are those of the last time it changed, oldest first.
	Events []events.Event `json:"events"`
}

// why answers GET /v1/pool/why?record=R&address=A.
func (l *loop) why(ctx context.Context, r control.Request) (any, error) {
	record, err := r.Need("record")
	if err != nil {
		return nil, err
	}
	address := r.Query.Get("address")
	l.told.flush(ctx) // what was decided is in the history before it is read
	var out []whyJSON
	var views []decide.PoolView
	var names string
	err = l.look(ctx, func() {
		names = l.poolNames()
		for _, id := range l.named(record) {
			v, _ := l.machine.Pool(id)
			w := whyJSON{Record: id.Name(), Type: string(id.Type()), Zone: l.zoneOf(v), Published: list(v.Published), State: v.Role.String(), Members: []whyMember{}, Receipt: receiptOf(v, l.proof.state[id])}
			for _, m := range v.Members {
				if address == "" {
					w.Members = append(w.Members, whyMember{memberJSON: l.memberJSON(m)})
				}
			}
			if m, ok := findMember(v, address); ok {
				w.Members = append(w.Members, whyMember{memberJSON: l.memberJSON(m)})
			}
			if len(w.Members) > 0 {
				out, views = append(out, w), append(views, v)
			}
		}
	})
	switch {
	case err != nil:
		return nil, err
	case len(out) == 0 && len(l.namedNow(ctx, record)) == 0:
		return nil, control.Refuse("no pool %q; there are: %s", record, names)
	case len(out) == 0:
		return nil, control.Refuse("%s is no member of %s", address, record)
	}
	all, err := l.history.Recent(events.Filter{}, whySearched)
	if err != nil {
		return nil, err
	}
	for i := range out {
		pool := string(views[i].ID)
		for j := range out[i].Members {
			m := &out[i].Members[j]
			m.Events = list(lastChange(all, pool, m.memberJSON))
		}
		out[i].Lines = out[i].lines(views[i])
	}
	first := out[0]
	first.Also = out[1:]
	return first, nil
}

func (l *loop) namedNow(ctx context.Context, record string) (n []string) {
	l.look(ctx, func() {
		for _, id := range l.named(record) {
			n = append(n, string(id))
		}
	})
	return n
}

// lastChange chooses the events of the last time a member changed: from the
// moment it began to leave its rest (up, drained, unknown) to now. Failures that
// stopped before they counted are passed over.
func lastChange(all []events.Event, pool string, m memberJSON) []events.Event {
	checks := map[string]bool{}
	for _, c := range m.Checks {
		checks[c.ID] = true
	}
	var mine []events.Event
	for _, e := range all {
		switch {
		case e.Pool == pool && e.Member == m.Value, e.Check != "" && checks[e.Check], e.Pool == pool && e.Member == "" && e.Check == "":
			mine = append(mine, e)
		}
	}
	start := -1
	for i := len(mine) - 1; i >= 0; i-- {
		e := mine[i]
		if e.Kind != events.Member || e.Member != m.Value || e.From == e.To {
			continue
		}
		if e.From != decide.Up.String() && e.From != decide.Unknown.String() && e.From != "" && e.From != decide.Drained.String() {
			continue
		}
		if isBlip(mine[i:], m.Value) {
			continue
		}
		start = i
		break
	}
	if start < 0 {
		return mine[max(0, len(mine)-whyShown):]
	}
	// The probes that led to it come just before the member's event.
	for start > 0 && mine[start-1].Check != "" && mine[start].At.Sub(mine[start-1].At) < time.Minute && mine[start-1].Kind != events.Publish {
		start--
	}
	mine = mine[start:]
	if len(mine) > whyShown {
		mine = append(slices.Clone(mine[:whyShown/2]), mine[len(mine)-whyShown/2:]...)
	}
	return mine
}

// isBlip reports whether the first event began a suspicion that was cleared at once.
func isBlip(list []events.Event, member string) bool {
	if list[0].To != decide.Suspect.String() {
		return false
	}
	for _, e := range list[1:] {
		if e.Kind == events.Member && e.Member == member && e.From == decide.Suspect.String() {
			return e.To == decide.Up.String()
		}
	}
	return false
}

// lines is the answer for people.
func (w whyJSON) lines(v decide.PoolView) []string {
	var out []string
	add := func(format string, a ...any) { out = append(out, fmt.Sprintf(format, a...)) }
	add("%s %s publishes %s (%s)", w.Record, w.Type, orNothing(w.Published), orWord(string(v.Reason), "nothing decided yet"))
	if v.Role != decide.RoleHolder {
		add("  this monitor gives no orders for it: %s", standing(v))
	}
	for _, m := range w.Members {
		out = append(out, m.lines()...)
	}
	if w.Receipt != nil {
		add("last change of %s: %s", w.Record, w.Receipt.Text)
	}
	return out
}

func standing(v decide.PoolView) string {
	if v.Role == decide.RoleStandby {
		return "monitor " + v.Holder + " holds it"
	}
	return "no publishing agent has granted it yet"
}

func (m whyMember) lines() []string {
	var out []string
	add := func(format string, a ...any) { out = append(out, fmt.Sprintf(format, a...)) }
	where := "in DNS"
	switch {
	case m.InDNS && m.Kept != "":
		where = "kept in DNS: " + string(m.Kept)
	case !m.InDNS:
		where = "not in DNS"
	}
	add("%s is %s since %s (%s), %s", m.Address, m.State, whenOf(m.Since), m.Reason, where)
	if m.DrainedUntil != nil {
		add("  drained by %s until %s: %s", m.DrainedBy, whenOf(m.DrainedUntil), m.DrainReason)
	}
	for _, c := range m.Checks {
		add("  check %s: %s", c.Name, c.text())
	}
	if m.Restarts > 0 {
		add("  restarts: %d, the last at %s: %s", m.Restarts, whenOf(m.LastRestart), orWord(m.LastResult, "no result yet"))
	}
	if len(m.Events) == 0 {
		add("  no change of it is in the history")
		return out
	}
	add("  the last time it changed:")
	for _, e := range m.Events {
		add("    %s", eventLine(e))
	}
	return out
}

func (c checkJSON) text() string {
	var b strings.Builder
	b.WriteString(c.Verdict)
	switch {
	case c.At == nil:
		b.WriteString(", not looked at yet")
	case c.Outcome == decide.OK.String():
		fmt.Fprintf(&b, ", ok at %s", whenOf(c.At))
		if c.Successes > 0 {
			fmt.Fprintf(&b, ", %d in a row", c.Successes)
		}
	default:
		fmt.Fprintf(&b, ", %s at %s: %s", c.Outcome, whenOf(c.At), c.Reason)
		if c.Detail != "" {
			b.WriteString(" (" + c.Detail + ")")
		}
		if c.Failures > 0 {
			fmt.Fprintf(&b, ", %d in a row", c.Failures)
		}
	}
	if c.Blocked != "" {
		b.WriteString(", not counted while " + c.Blocked + " fails")
	}
	return b.String()
}

// eventLine is one event for people: when, what, why.
func eventLine(e events.Event) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %-8s", e.At.UTC().Format("2006-01-02T15:04:05.000Z"), e.Kind)
	if e.From != "" || e.To != "" {
		fmt.Fprintf(&b, " %s -> %s", orWord(e.From, "-"), orWord(e.To, "-"))
	}
	if e.Reason != "" {
		b.WriteString(" " + e.Reason)
	}
	if e.Text != "" {
		b.WriteString(": " + strings.ReplaceAll(e.Text, "\n", " "))
	}
	if out := e.Data["removed"]; out != "" && out != "nothing" {
		b.WriteString("; out of DNS: " + out)
	}
	if in := e.Data["added"]; in != "" && in != "nothing" {
		b.WriteString("; into DNS: " + in)
	}
	return b.String()
}

func whenOf(t *time.Time) string {
	if t == nil {
		return "never"
	}
	return utc(*t)
}

func orWord(s, word string) string {
	if s == "" {
		return word
	}
	return s
}
