package decide

import (
	"fmt"
	"time"

	"loadshare/monitor/order"
)

// questionsAStep bounds the second views asked for at once.
const questionsAStep = 64

// guard holds removals back while this monitor may be blind (M4). The zero value holds nothing.
type guard struct {
	// window is the longest fall times interval of all checks.
	window time.Duration
	// recent are the falls within the window, oldest first.
	recent []fallen

	reason   order.Reason // why it holds; "" when it does not
	since    time.Time
	incident string
	// members fell under this hold: still held, let go, or up again.
	members []*member
	changed bool // something happened that may end the hold
}

type fallen struct {
	mb *member
	at time.Time
}

func (g *guard) holding() bool { return g.reason != "" }

// guardFall takes note of a fall, and keeps the member in DNS if this is too much at once.
func (m *Machine) guardFall(mb *member) {
	g := &m.guard
	for len(g.recent) > 0 && m.now.Sub(g.recent[0].at) > g.window {
		g.recent = g.recent[1:]
	}
	g.recent = append(g.recent, fallen{mb, m.now})
	if !g.holding() {
		m.beginHold(mb.seen())
	}
	if g.holding() {
		m.hold(mb)
	}
}

// beginHold looks whether what fails now is too much to be believed. seen is when it began.
func (m *Machine) beginHold(seen time.Time) {
	g := &m.guard
	why, text := order.ReasonMassFailure, ""
	switch {
	case m.blind():
		why, text = order.ReasonAnchorsAway, "no anchor answers: this monitor is blind"
	case m.anchorSeen(seen):
		return
	default:
		turning, of, mass := m.mass()
		if !mass {
			return
		}
		text = fmt.Sprintf("%d of %d members fail within %v", turning, of, g.window)
	}
	g.reason, g.since = why, m.now
	g.incident = fmt.Sprintf("guard %d", m.now.Unix())
	m.event(Event{Kind: EventGuard, To: "holding", Reason: why, Text: text + ": nothing is removed", Incident: g.incident})
	m.out.Alerts = append(m.out.Alerts, Alert{Incident: g.incident, Kind: AlertMass, Reason: why, At: m.now,
		Text: text + ": nothing is removed until an anchor or a publishing agent confirms it"})
	for _, f := range g.recent {
		m.hold(f.mb)
	}
	for _, id := range m.cfg.Guard.Anchors {
		m.recheck(id)
	}
	m.timers.set(timerKey{kind: timerGuard}, m.now.Add(g.window))
}

// hold keeps one member that is not good in DNS, and asks somebody else about it.
func (m *Machine) hold(mb *member) {
	if mb.held || mb.released || !mb.bad() {
		return
	}
	mb.held, mb.views = true, nil
	if mb.since.Equal(m.now) { // not told yet: it belongs to this incident
		mb.incident = m.guard.incident
	}
	m.guard.members = append(m.guard.members, mb)
	m.keep(mb.pool)
	m.ask(mb)
}

// mass counts the members that fell in the window and are still bad, and those
// that are falling, against all that were up.
func (m *Machine) mass() (turning, of int, mass bool) {
	seen := make(map[*member]bool, len(m.guard.recent))
	for _, f := range m.guard.recent {
		if f.mb.bad() {
			seen[f.mb] = true
		}
	}
	turning, of = m.suspects+len(seen), m.good+len(seen)
	c := m.cfg.Guard
	return turning, of, c.Members > 0 && turning >= c.Members && float64(turning) > c.Share*float64(of)
}

// blind reports whether there are anchors and none of them answers.
func (m *Machine) blind() bool {
	for _, id := range m.cfg.Guard.Anchors {
		if !m.checks[id].failing() {
			return false
		}
	}
	return len(m.cfg.Guard.Anchors) > 0
}

// anchorSeen reports whether an anchor answered after a time: then this monitor can see.
func (m *Machine) anchorSeen(since time.Time) bool {
	for _, id := range m.cfg.Guard.Anchors {
		if m.checks[id].lastOK.After(since) {
			return true
		}
	}
	return false
}

// ask puts the question about a held member to a publishing agent.
func (m *Machine) ask(mb *member) {
	for _, c := range mb.checks {
		if c.verdict == VerdictDown && len(m.out.SecondViews) < questionsAStep {
			m.out.SecondViews = append(m.out.SecondViews, Question{Check: c.cfg.ID, Pool: mb.pool.id, Member: mb.cfg.Value})
		}
	}
}

// askAgain repeats the questions about what is still held, those first that were asked longest ago.
func (m *Machine) askAgain() {
	g := &m.guard
	if !g.holding() {
		return
	}
	for range g.members {
		if len(m.out.SecondViews) >= questionsAStep {
			break
		}
		mb := g.members[0]
		g.members = append(g.members[1:], mb)
		if mb.held {
			m.ask(mb)
		}
	}
	m.timers.set(timerKey{kind: timerGuard}, m.now.Add(g.window))
}

func (m *Machine) secondView(in SecondView) {
	c := m.checks[in.Check]
	if c == nil || in.Outcome == Untested {
		return
	}
	saw := VerdictUp
	if in.Outcome == Failed {
		saw = VerdictDown
	}
	for _, mb := range c.watchers {
		if !mb.held {
			continue
		}
		if mb.views == nil {
			mb.views = make(map[CheckID]Verdict)
		}
		mb.views[in.Check] = saw
		m.event(Event{Kind: EventGuard, Pool: mb.pool.id, Member: mb.cfg.Value, Check: in.Check, Reason: order.ReasonSecondView, Incident: m.guard.incident,
			Text: fmt.Sprintf("agent %s sees it %s %s", in.Agent, saw, in.Reason)})
		if mb.judgement(func(c *check) Verdict {
			if c.verdict == VerdictDown {
				return mb.views[c.cfg.ID]
			}
			return c.verdict
		}, m.checks) == VerdictDown {
			m.letGo(mb, order.ReasonSecondView, "a publishing agent sees it down too")
		}
	}
}

// letGo lets a held member leave DNS.
func (m *Machine) letGo(mb *member, why order.Reason, text string) {
	mb.held, mb.released, mb.views = false, true, nil
	m.guard.changed = true
	m.keep(mb.pool)
	m.touch(mb.pool, cause{reason: why, text: mb.cfg.Value + ": " + text, seen: mb.seen()})
}

// reviewGuard ends a hold that has lost its reason: an anchor answers, what
// failed answers again, or nobody is held any more.
func (m *Machine) reviewGuard() {
	g := &m.guard
	if !g.holding() {
		return
	}
	if m.anchorSeen(g.since) {
		m.endHold("an anchor answers: this monitor can see")
		return
	}
	if !g.changed {
		return
	}
	g.changed = false
	held, bad := 0, m.suspects
	for _, mb := range g.members {
		if mb.held {
			held++
		}
		if mb.bad() {
			bad++
		}
	}
	c := m.cfg.Guard
	switch {
	case held == 0:
		m.endHold("nothing is held any more")
	case g.reason == order.ReasonMassFailure && (bad < c.Members || float64(bad) <= c.Share*float64(m.good+bad-m.suspects)):
		m.endHold("most of what failed answers again")
	}
}

// endHold lets everything go, down to the floors.
func (m *Machine) endHold(text string) {
	g := &m.guard
	m.event(Event{Kind: EventGuard, From: "holding", Reason: order.ReasonGuardEnded, Text: text, Incident: g.incident})
	alert := Alert{Incident: g.incident, Kind: AlertMass, Reason: order.ReasonGuardEnded, Final: true, Text: text, At: m.now}
	for _, mb := range g.members {
		if mb.bad() {
			alert.Children = append(alert.Children, mb.name())
		}
		if mb.held {
			m.letGo(mb, order.ReasonGuardEnded, text)
		}
	}
	m.out.Alerts = append(m.out.Alerts, alert)
	m.timers.stop(timerKey{kind: timerGuard})
	m.guard = guard{window: g.window}
	for _, p := range m.list {
		if p.waiting {
			m.touch(p, cause{reason: order.ReasonGuardEnded, text: text})
		}
	}
}

func (m *Machine) liftHold(in LiftHold) {
	if !m.guard.holding() {
		m.refuse("nothing is held")
		return
	}
	m.endHold(fmt.Sprintf("lifted by %s: %s", in.By, in.Reason))
}
