package decide

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"loadshare/monitor/order"
)

// keyPrefix begins the keys of all records.
const keyPrefix = "pool/"

// poolRecord is what a restarted monitor must know of a pool: enough never to
// give a stamp twice, and to start from the last known state.
type poolRecord struct {
	Stamp    order.Stamp    `json:"stamp"`
	Newest   order.Stamp    `json:"newest"`
	Decided  bool           `json:"decided"`
	Want     []string       `json:"want"`
	TTL      uint32         `json:"ttl"`
	Whole    []string       `json:"whole"`
	Departed []string       `json:"departed,omitempty"`
	AllDown  string         `json:"all_down,omitempty"`
	Members  []memberRecord `json:"members"`
}

type memberRecord struct {
	Value    string                 `json:"value"`
	State    string                 `json:"state"`
	Since    time.Time              `json:"since"`
	Reason   order.Reason           `json:"reason"`
	Checks   map[CheckID]savedCheck `json:"checks"`
	Fell     time.Time              `json:"fell,omitzero"`
	Downs    []time.Time            `json:"downs,omitempty"`
	InDNS    bool                   `json:"in_dns"`
	Kept     order.Reason           `json:"kept,omitempty"`
	Held     bool                   `json:"held,omitempty"`
	Released bool                   `json:"released,omitempty"`
	Override *override              `json:"drain,omitempty"`
	Incident string                 `json:"incident,omitempty"`
	Attempt  *attemptRecord         `json:"restart,omitempty"`
}

type savedCheck struct {
	Verdict string    `json:"verdict"`
	LastOK  time.Time `json:"last_ok,omitzero"`
}

type attemptRecord struct {
	ID        string    `json:"id"`
	Running   bool      `json:"running,omitempty"`
	Stays     bool      `json:"stays,omitempty"`
	Until     time.Time `json:"until"`
	Next      time.Time `json:"next"`
	Budget    time.Time `json:"budget,omitzero"`
	Exhausted bool      `json:"exhausted,omitempty"`
	Count     int       `json:"count"`
	Last      time.Time `json:"last"`
	Result    string    `json:"result"`
}

func (p *pool) record() Record {
	r := poolRecord{Stamp: p.stamp, Newest: p.newest, Decided: p.decided, Want: p.want, TTL: p.ttl, Whole: p.whole,
		Departed: p.departed, AllDown: p.allDown}
	for _, mb := range p.members {
		s := memberRecord{Value: mb.cfg.Value, State: mb.state.durable().String(), Since: mb.since, Reason: mb.reason,
			Checks: make(map[CheckID]savedCheck, len(mb.checks)), Fell: mb.fell, Downs: mb.downs, InDNS: mb.inDNS, Kept: mb.kept,
			Held: mb.held, Released: mb.released, Override: mb.override, Incident: mb.incident}
		for _, c := range mb.checks {
			s.Checks[c.cfg.ID] = savedCheck{Verdict: c.verdict.String(), LastOK: c.lastOK}
		}
		if t := mb.attempt; t.count > 0 {
			s.Attempt = &attemptRecord{ID: t.id, Running: t.running, Stays: t.stays, Until: t.until, Next: t.next, Budget: t.budget,
				Exhausted: t.exhausted, Count: t.count, Last: t.last, Result: t.result}
		}
		r.Members = append(r.Members, s)
	}
	data, err := json.Marshal(r)
	if err != nil {
		panic(fmt.Sprintf("decide: record of %s: %v", p.id, err)) // only plain data: cannot happen
	}
	return Record{Key: keyPrefix + string(p.id), Value: data}
}

// adopt takes over saved records.
func (m *Machine) adopt(saved []Record) error {
	for _, s := range saved {
		id, ok := strings.CutPrefix(s.Key, keyPrefix)
		if !ok {
			continue
		}
		var r poolRecord
		if err := json.Unmarshal(s.Value, &r); err != nil {
			return fmt.Errorf("saved state of pool %s: %w", id, err)
		}
		p := m.pools[order.PoolID(id)]
		if p == nil {
			m.out.Save = append(m.out.Save, Record{Key: s.Key})
			m.event(Event{Kind: EventConfig, Pool: order.PoolID(id), Reason: order.ReasonNotConfigured, Text: "saved state dropped: the pool left the configuration"})
			continue
		}
		if err := m.adoptPool(p, r); err != nil {
			return fmt.Errorf("saved state of pool %s: %w", id, err)
		}
	}
	for _, p := range m.list {
		for _, mb := range p.members {
			if mb.held {
				m.adoptHold(mb)
			}
		}
	}
	return nil
}

func (m *Machine) adoptPool(p *pool, r poolRecord) error {
	p.stamp, p.newest, p.decided = r.Stamp, r.Newest, r.Decided
	p.want, p.ttl, p.whole, p.departed, p.allDown = r.Want, r.TTL, r.Whole, r.Departed, r.AllDown
	p.why = cause{reason: order.ReasonAdopted, text: "taken over from disk at start"}
	byValue := make(map[string]*member, len(p.members))
	for _, mb := range p.members {
		byValue[mb.cfg.Value] = mb
	}
	for _, s := range r.Members {
		mb := byValue[s.Value]
		if mb == nil {
			p.departed = append(p.departed, s.Value)
			m.event(Event{Kind: EventConfig, Pool: p.id, Member: s.Value, Reason: order.ReasonNotConfigured, Text: "left the configuration"})
			m.keep(p)
			continue
		}
		if err := m.adoptMember(mb, s); err != nil {
			return err
		}
	}
	m.event(Event{Kind: EventConfig, Pool: p.id, Reason: order.ReasonAdopted, Text: "taken over from disk: " + join(p.want)})
	m.touch(p, cause{reason: order.ReasonAdopted, text: "taken over from disk at start"})
	return nil
}

func (m *Machine) adoptMember(mb *member, s memberRecord) error {
	state, ok := ParseState(s.State)
	if !ok || (state == Drained) != (s.Override != nil) {
		return fmt.Errorf("member %s: state %q with drain %v does not fit", s.Value, s.State, s.Override)
	}
	m.count(mb, -1)
	mb.state, mb.since, mb.reason = state, s.Since, s.Reason
	m.count(mb, +1)
	mb.fell, mb.downs, mb.inDNS, mb.kept, mb.held, mb.released = s.Fell, s.Downs, s.InDNS, s.Kept, s.Held && mb.bad(), s.Released
	mb.override, mb.incident = s.Override, s.Incident
	for _, c := range mb.checks {
		switch saved := s.Checks[c.cfg.ID]; saved.Verdict {
		case VerdictUp.String():
			c.verdict, c.lastOK = VerdictUp, saved.LastOK
		case VerdictDown.String():
			c.verdict, c.lastOK = VerdictDown, saved.LastOK
		}
	}
	if t := s.Attempt; t != nil {
		mb.attempt = attempt{id: t.ID, running: t.Running, taken: true, stays: t.Stays, until: t.Until, next: t.Next, budget: t.Budget,
			exhausted: t.Exhausted, count: t.Count, last: t.Last, result: t.Result}
	}
	switch state {
	case Restarting:
		mb.pool.slot = mb
		m.attempts[mb.attempt.id] = mb
		m.timers.set(timerKey{timerRestart, mb}, mb.attempt.until)
	case Drained:
		m.timers.set(timerKey{timerDrain, mb}, mb.override.Until)
	case Unknown, Up, Suspect, Down, Recovering, Flapping:
	}
	return nil
}

// adoptHold goes on with a hold that was in force when the monitor stopped.
func (m *Machine) adoptHold(mb *member) {
	g := &m.guard
	if !g.holding() {
		g.reason, g.since, g.incident = mb.kept, m.now, mb.incident
		if g.reason == "" || g.reason == order.ReasonFloor {
			g.reason = order.ReasonMassFailure
		}
		m.timers.set(timerKey{kind: timerGuard}, m.now)
	}
	g.members = append(g.members, mb)
}
