package decide

import (
	"fmt"
	"time"

	"loadshare/monitor/order"
)

// check is what is known about one check.
type check struct {
	cfg      Check
	children []*check  // checks that depend on it
	watchers []*member // members it is judged for

	verdict Verdict
	turned  time.Time // when the verdict last turned
	// Invariant: fails > 0 only while the verdict is not down, oks > 0 only while it is not up.
	fails, oks int
	// failingSince is the first failed probe of the present run; zero when the last tested one was good.
	failingSince               time.Time
	lastOK, lastFailed, lastAt time.Time
	outcome                    Outcome
	reason, detail             string
	untestedSince              time.Time
	untestedTold               bool
	incident                   string // of a parent that is down
}

// failing reports whether the last tested probe failed. It is what silences children.
func (c *check) failing() bool { return c.verdict == VerdictDown || !c.failingSince.IsZero() }

// alone reports whether its verdict needs an incident of its own: it stands
// for others (a parent) or for nobody's membership (an anchor).
func (c *check) alone() bool { return len(c.children) > 0 || len(c.watchers) == 0 }

// blockedBy is the nearest check that silences c, or nil.
func (m *Machine) blockedBy(c *check) *check {
	for _, id := range c.cfg.DependsOn {
		p := m.checks[id]
		if p.failing() {
			return p
		}
		if b := m.blockedBy(p); b != nil {
			return b
		}
	}
	return nil
}

func (m *Machine) observe(o Observation) {
	c := m.checks[o.Check]
	if c == nil || o.At.Before(c.lastAt) {
		return
	}
	c.lastAt, c.outcome, c.reason, c.detail = o.At, o.Outcome, o.Reason, o.Detail
	switch o.Outcome {
	case Untested:
		m.untested(c)
		return
	case OK:
		m.tested(c)
		m.succeeded(c, o)
	case Failed:
		m.tested(c)
		m.failed(c, o)
	}
	for _, mb := range c.watchers {
		m.judge(mb, c, o)
	}
}

func (m *Machine) succeeded(c *check, o Observation) {
	c.lastOK = o.At
	c.fails, c.failingSince = 0, time.Time{}
	if c.verdict == VerdictUp || o.Recheck {
		return
	}
	if c.oks++; c.oks >= c.cfg.Rise {
		m.turn(c, VerdictUp)
	}
}

func (m *Machine) failed(c *check, o Observation) {
	c.lastFailed = o.At
	if b := m.blockedBy(c); b != nil {
		c.fails, c.oks, c.failingSince = 0, 0, time.Time{}
		return
	}
	if len(c.watchers) == 1 && c.watchers[0].inGrace() {
		return // M9: failures are not counted
	}
	if c.failingSince.IsZero() {
		c.failingSince = o.At
		for _, id := range c.cfg.DependsOn {
			m.recheck(id)
		}
	}
	if o.Recheck {
		return
	}
	c.oks = 0
	if c.verdict == VerdictDown {
		return
	}
	if c.fails++; c.fails >= c.cfg.Fall {
		m.turn(c, VerdictDown)
	}
}

// turn is the only writer of a check's verdict, but for what is taken back after a hold ([Machine.lookAgain]).
func (m *Machine) turn(c *check, to Verdict) {
	from := c.verdict
	c.verdict, c.turned, c.fails, c.oks = to, m.now, 0, 0
	why := order.ReasonRose
	switch {
	case from == NoVerdict:
		why = order.ReasonFirstVerdict
	case to == VerdictDown:
		why = order.ReasonFell
	}
	for _, mb := range c.watchers {
		mb.pool.unsaved = true
		m.touch(mb.pool, cause{})
	}
	if !c.alone() {
		return
	}
	m.event(Event{Kind: EventCheck, Check: c.cfg.ID, From: from.String(), To: to.String(), Reason: why, Text: c.says()})
	switch {
	case to == VerdictDown:
		c.incident = fmt.Sprintf("check %s %d", c.cfg.ID, m.now.Unix())
		m.alert(Alert{Incident: c.incident, Kind: AlertFailure, Reason: why, Children: c.family(),
			Text: fmt.Sprintf("check %s is down: %s", c.cfg.ID, c.says())})
	case c.incident != "":
		m.alert(Alert{Incident: c.incident, Kind: AlertRecovery, Reason: why, Final: true,
			Text: fmt.Sprintf("check %s is up again", c.cfg.ID)})
		c.incident = ""
	}
}

// family lists the members that a check concerns, its own and its children's.
func (c *check) family() (names []string) {
	seen := make(map[*member]bool)
	var walk func(*check)
	walk = func(c *check) {
		for _, mb := range c.watchers {
			if !seen[mb] {
				seen[mb] = true
				names = append(names, mb.name())
			}
		}
		for _, child := range c.children {
			walk(child)
		}
	}
	walk(c)
	return names
}

func (c *check) says() string {
	if c.detail == "" {
		return c.reason
	}
	return c.reason + ": " + c.detail
}

// untested takes note that nothing could be seen. It moves nothing; after a while people are told.
func (m *Machine) untested(c *check) {
	if c.untestedSince.IsZero() {
		c.untestedSince = m.now
	}
	after := m.cfg.UntestedAfter
	if after == 0 {
		after = 5 * time.Minute
	}
	if c.untestedTold || m.now.Sub(c.untestedSince) < after {
		return
	}
	c.untestedTold = true
	text := fmt.Sprintf("check %s could not be made since %s: %s", c.cfg.ID, stamp(c.untestedSince), c.says())
	m.event(Event{Kind: EventCheck, Check: c.cfg.ID, From: c.verdict.String(), To: c.verdict.String(), Reason: order.ReasonUntested, Text: text})
	m.alert(Alert{Incident: "untested " + string(c.cfg.ID), Kind: AlertUntested, Reason: order.ReasonUntested, Text: text, Children: c.family()})
}

func (m *Machine) tested(c *check) {
	c.untestedSince = time.Time{}
	if !c.untestedTold {
		return
	}
	c.untestedTold = false
	m.alert(Alert{Incident: "untested " + string(c.cfg.ID), Kind: AlertUntested, Reason: order.ReasonUntested, Final: true,
		Text: fmt.Sprintf("check %s can be made again", c.cfg.ID)})
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
