package decide

import (
	"fmt"
	"slices"
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
	// quiet: not announced yet. No anchor has answered since the failure
	// began, but they have not all failed either: their answer is a moment away.
	quiet bool
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

// beginHold looks whether what fails now is to be believed. seen is when it
// began. With anchors it is believed when one of them answered after that; else
// it waits for them. Without anchors a mass failure is not believed.
func (m *Machine) beginHold(seen time.Time) {
	g := &m.guard
	switch {
	case m.blind():
		m.startHold(order.ReasonAnchorsAway)
		m.announce("no anchor answers: this monitor is blind")
	case m.anchorSeen(seen):
	case len(m.cfg.Guard.Anchors) > 0:
		m.startHold(order.ReasonAnchorsAway)
	default:
		turning, of, mass := m.mass()
		if !mass {
			return
		}
		m.startHold(order.ReasonMassFailure)
		for _, f := range g.recent {
			m.hold(f.mb)
		}
		m.announce(fmt.Sprintf("%d of %d members fail within %v", turning, of, g.window))
	}
}

// startHold begins a hold, quietly.
func (m *Machine) startHold(why order.Reason) {
	m.guard.reason, m.guard.since, m.guard.quiet = why, m.now, true
	m.guard.incident = fmt.Sprintf("guard %d", m.now.Unix())
	for _, id := range m.cfg.Guard.Anchors {
		m.recheck(id)
	}
	m.timers.set(timerKey{kind: timerGuard}, m.now.Add(m.guard.window))
}

// announce tells people that nothing is removed, and asks the publishing agents what they see.
func (m *Machine) announce(text string) {
	g := &m.guard
	g.quiet = false
	m.event(Event{Kind: EventGuard, To: "holding", Reason: g.reason, Text: text + ": nothing is removed", Incident: g.incident})
	m.out.Alerts = append(m.out.Alerts, Alert{Incident: g.incident, Kind: AlertMass, Reason: g.reason, At: m.now,
		Text: text + ": nothing is removed until an anchor or a publishing agent confirms it"})
	for _, mb := range g.members {
		m.ask(mb)
	}
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
	if !m.guard.quiet {
		m.ask(mb)
	}
}

// mass counts the members that fell in the window and are still bad, and those
// that are falling, against all that were up.
func (m *Machine) mass() (turning, of int, mass bool) {
	c := m.cfg.Guard
	if most := m.suspects + len(m.guard.recent); c.Members == 0 || most < c.Members || float64(most) <= c.Share*float64(m.good) {
		return 0, 0, false // not even if all of them still count
	}
	seen := make(map[*member]bool, len(m.guard.recent))
	for _, f := range m.guard.recent {
		if f.mb.bad() {
			seen[f.mb] = true
		}
	}
	turning, of = m.suspects+len(seen), m.good+len(seen)
	return turning, of, turning >= c.Members && float64(turning) > c.Share*float64(of)
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
	if g.quiet {
		m.announce(fmt.Sprintf("no anchor has answered for %v", g.window))
		m.timers.set(timerKey{kind: timerGuard}, m.now.Add(g.window))
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
	switch {
	case m.anchorSeen(g.since) && g.quiet:
		m.believe()
		return
	case m.anchorSeen(g.since) && g.reason == order.ReasonAnchorsAway:
		m.lookAgain()
		m.endHold("an anchor answers: this monitor can see, and looks again")
		return
	case m.anchorSeen(g.since):
		m.endHold("an anchor answers: this monitor can see")
		return
	case g.quiet && m.blind():
		m.announce("no anchor answers: this monitor is blind")
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

// believe ends a quiet hold: an anchor answered, so the failures are what they seemed to be.
func (m *Machine) believe() {
	held := m.guard.members
	m.timers.stop(timerKey{kind: timerGuard})
	m.guard = guard{window: m.guard.window, recent: m.guard.recent}
	for _, mb := range held {
		if !mb.held {
			continue
		}
		if mb.incident == "" || mb.sharedIncident() {
			mb.incident = fmt.Sprintf("%s %d", mb.name(), mb.fell.Unix())
		}
		c := mb.downCheck()
		m.letGo(mb, mb.reason, c.says())
		m.tellFall(mb, c.says())
		if mb.state == Down {
			m.tryRestart(mb, c)
		}
	}
}

// lookAgain takes back what was judged while this monitor was blind: the members
// stay in DNS and must fail again, now that it can see, to leave it. What was
// never seen to answer is not taken for good by that.
func (m *Machine) lookAgain() {
	for _, mb := range m.guard.members {
		if !mb.held {
			continue
		}
		if mb.lastOK().IsZero() {
			m.letGo(mb, mb.reason, "it never answered")
			continue
		}
		for _, c := range mb.checks {
			if c.verdict == VerdictDown && !c.turned.Before(m.guard.since) && !c.believedSince(m.guard.since) {
				c.verdict, c.fails, c.oks, c.failingSince = VerdictUp, 0, 0, time.Time{}
				m.recheck(c.cfg.ID)
			}
		}
		m.become(mb, Up, order.ReasonGuardEnded, "judged while no anchor answered: looked at again")
		mb.incident = ""
		m.hook(mb, true, order.ReasonGuardEnded)
	}
}

// believedSince reports whether a member that fell after a time was let go: somebody else saw it down too.
func (c *check) believedSince(t time.Time) bool {
	return slices.ContainsFunc(c.watchers, func(mb *member) bool { return mb.bad() && mb.released && !mb.fell.Before(t) })
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
