package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"loadshare/monitor/order"
)

const (
	// repeatResults is how long a monitor that comes back is told the results it missed.
	repeatResults = 10 * time.Minute
	maxValue      = 512 // of a member's value
	// maxAttempts bounds what is kept of one service.
	maxAttempts = 64
)

// attempt is one restart, saved before it runs.
type attempt struct {
	Order   string       `json:"order"`
	Pool    order.PoolID `json:"pool"`
	Service string       `json:"service"`
	Member  string       `json:"member"`
	Monitor string       `json:"monitor"`
	At      time.Time    `json:"at"`
	// Result is nil while it runs.
	Result *order.Restarted `json:"result,omitempty"`
}

type service struct {
	name     string
	total    int
	attempts []attempt // oldest first
	hooks    hooks
}

func (m *Machine) service(name string) *service {
	s := m.services[name]
	if s == nil {
		s = &service{name: name}
		m.services[name] = s
	}
	return s
}

func (m *Machine) sortedServices() []*service {
	ss := make([]*service, 0, len(m.services))
	for _, s := range m.services {
		ss = append(ss, s)
	}
	slices.SortFunc(ss, func(a, b *service) int { return strings.Compare(a.name, b.name) })
	return ss
}

func (s *service) running() *attempt {
	for i := range s.attempts {
		if s.attempts[i].Result == nil {
			return &s.attempts[i]
		}
	}
	return nil
}

// interrupted ends, after a start, what ran when the agent stopped. It is not run again.
func (s *service) interrupted(now time.Time) {
	for i := range s.attempts {
		if a := &s.attempts[i]; a.Result == nil {
			a.Result = &order.Restarted{
				Order: a.Order, Pool: a.Pool, Service: a.Service, Member: a.Member,
				Outcome: order.RestartFailed, ExitCode: -1, Started: a.At, Took: max(now.Sub(a.At), 0),
				Output: "the agent stopped while this restart ran; how it ended is not known",
			}
		}
	}
}

// left is what remains of the budget, and when it grows again if that is 0.
// Every attempt within the window counts, however it ended (M9).
func (s *service) left(now time.Time, c Service) (int, time.Time) {
	var within []time.Time
	for _, a := range s.attempts {
		at := a.At
		if at.After(now) {
			at = now // the clock was set back
		}
		if now.Sub(at) < c.Window {
			within = append(within, at)
		}
	}
	if n := c.Budget - len(within); n > 0 {
		return n, time.Time{}
	}
	if c.Budget <= 0 {
		return 0, time.Time{}
	}
	slices.SortFunc(within, time.Time.Compare)
	return 0, within[len(within)-c.Budget].Add(c.Window)
}

func (m *Machine) restart(now time.Time, from string, r order.Restart) verdict {
	c, ok := m.cfg.Services[r.Service]
	switch {
	case badID(r.ID) != "":
		return verdict{refused: order.RefusedBadOrder, detail: badID(r.ID)}
	case len(r.Member) > maxValue:
		return verdict{refused: order.RefusedBadOrder, detail: fmt.Sprintf("a member longer than %d octets", maxValue)}
	case r.NotAfter.IsZero():
		return verdict{refused: order.RefusedBadOrder, detail: "it does not say until when it has sense"}
	case !ok:
		return verdict{refused: order.RefusedNotAllowed, detail: fmt.Sprintf("no [restart.service.%s] here", r.Service)}
	}
	s := m.service(r.Service)
	for _, a := range s.attempts {
		if a.Order == r.ID {
			if a.Result != nil {
				m.report(from, *a.Result)
			}
			m.note(Note{Reason: OrderRepeated, Pool: r.Pool, Stamp: r.Stamp, Text: r.ID})
			return verdict{}
		}
	}
	p, v := m.obeys(now, from, r.Pool, r.Stamp)
	if p == nil {
		return v
	}
	if now.After(r.NotAfter) {
		return verdict{refused: order.RefusedTooLate, detail: fmt.Sprintf("valid until %s, and it is %s here: are the clocks right?",
			r.NotAfter.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))}
	}
	for _, other := range m.sortedServices() {
		if a := other.running(); a != nil && (other == s || a.Pool == r.Pool) {
			return verdict{refused: order.RefusedBusy, detail: other.name + " is being restarted"}
		}
	}
	if left, next := s.left(now, c); left == 0 {
		d := fmt.Sprintf("%d restarts in %s", c.Budget, c.Window)
		if !next.IsZero() {
			d += ", next at " + next.UTC().Format(time.RFC3339)
		}
		return verdict{refused: order.RefusedBudget, detail: d}
	}
	if r.Stamp.Newer(p.newest) {
		p.newest = r.Stamp
		m.save(p)
	}
	s.total++
	s.attempts = append(s.attempts, attempt{Order: r.ID, Pool: r.Pool, Service: r.Service, Member: r.Member, Monitor: from, At: now.UTC()})
	s.prune(now, c)
	m.saveService(s)
	m.out.Restart = append(m.out.Restart, RunRestart{Order: r.ID, Service: r.Service})
	m.note(Note{Reason: OrderTaken, Pool: r.Pool, Stamp: r.Stamp, Text: "restart " + r.Service})
	return verdict{}
}

// prune drops attempts that no longer count, but keeps the last one for status.
func (s *service) prune(now time.Time, c Service) {
	keep := max(c.Window, repeatResults)
	for len(s.attempts) > 1 && (len(s.attempts) > max(maxAttempts, c.Budget) || s.attempts[0].Result != nil && now.Sub(s.attempts[0].At) > keep) {
		s.attempts = s.attempts[1:]
	}
}

func (m *Machine) restartDone(now time.Time, in RestartDone) {
	for _, s := range m.services {
		a := s.running()
		if a == nil || a.Order != in.Order {
			continue
		}
		left, next := s.left(now, m.cfg.Services[s.name])
		a.Result = &order.Restarted{
			Order: a.Order, Pool: a.Pool, Service: a.Service, Member: a.Member,
			Outcome: in.Outcome, ExitCode: in.ExitCode, Output: in.Output, Evidence: in.Evidence,
			Started: a.At, Took: in.Took, Left: left,
		}
		if left == 0 && !next.IsZero() {
			next = next.UTC()
			a.Result.NextAt = &next
		}
		for i := range s.attempts[:len(s.attempts)-1] {
			if r := s.attempts[i].Result; r != nil { // long texts are kept of the last one only
				r.Output, r.Evidence = "", ""
			}
		}
		m.saveService(s)
		m.report(a.Monitor, *a.Result)
		return
	}
}
