package decide

import (
	"fmt"
	"strings"
	"time"

	"loadshare/monitor/order"
)

// member is what is known about one member of one pool.
type member struct {
	pool   *pool
	cfg    Member
	checks []*check // all checks of its paths, each once

	state  State
	since  time.Time
	reason order.Reason
	fell   time.Time // the last time it fell
	// downs are the falls within the flap window, oldest first (M10).
	downs []time.Time
	// inDNS and kept are what the pool's last decision says of it; next and
	// nextKept are scratch of the decision being made.
	inDNS, next    bool
	kept, nextKept order.Reason
	// held: the guard keeps it in DNS. Invariant: only while it is not good.
	held bool
	// released: the guard let it go; it is not held again before it was up.
	released bool
	views    map[CheckID]Verdict // second views since it was held
	attempt  attempt
	override *override // a drain; set exactly while the state is Drained
	incident string
}

func (mb *member) name() string { return string(mb.pool.id) + " " + mb.cfg.Value }

// good reports whether it may be published on its own merit.
func (mb *member) good() bool {
	return mb.state == Up || mb.state == Suspect || mb.state == Restarting && mb.attempt.stays
}

// bad reports whether it has failed and is not back yet.
func (mb *member) bad() bool {
	switch mb.state {
	case Down, Restarting, Recovering, Flapping:
		return true
	case Unknown, Up, Suspect, Drained:
	}
	return false
}

// seen is when the failures that are going on now began.
func (mb *member) seen() (t time.Time) {
	for _, c := range mb.checks {
		if f := c.failingSince; !f.IsZero() && (t.IsZero() || f.Before(t)) {
			t = f
		}
	}
	return t
}

func (mb *member) lastOK() (t time.Time) {
	for _, c := range mb.checks {
		if c.lastOK.After(t) {
			t = c.lastOK
		}
	}
	return t
}

// judgement judges the member with one verdict a check.
func (mb *member) judgement(of func(*check) Verdict, checks map[CheckID]*check) Verdict {
	downs := 0
	for _, path := range mb.cfg.Paths {
		need, up, down := path.Need, 0, 0
		if need == 0 {
			need = len(path.Checks)
		}
		for _, id := range path.Checks {
			switch of(checks[id]) {
			case VerdictUp:
				up++
			case VerdictDown:
				down++
			case NoVerdict:
			}
		}
		if up >= need {
			return VerdictUp
		}
		if down > len(path.Checks)-need {
			downs++
		}
	}
	if downs == len(mb.cfg.Paths) {
		return VerdictDown
	}
	return NoVerdict
}

// verdict is what the checks say together.
func (m *Machine) verdict(mb *member) Verdict {
	return mb.judgement(func(c *check) Verdict { return c.verdict }, m.checks)
}

// failing reports whether an up member would not be up if the failures going on now were believed.
func (m *Machine) failing(mb *member) bool {
	return mb.judgement(func(c *check) Verdict {
		if c.fails > 0 {
			return VerdictDown
		}
		return c.verdict
	}, m.checks) != VerdictUp
}

// answering reports whether a down member would be up if the successes going on now were believed.
func (m *Machine) answering(mb *member) bool {
	return mb.judgement(func(c *check) Verdict {
		if c.oks > 0 {
			return VerdictUp
		}
		return c.verdict
	}, m.checks) == VerdictUp
}

// become is the only writer of a member's state.
func (m *Machine) become(mb *member, to State, why order.Reason, text string) {
	from := mb.state
	if !moves[from][to] {
		panic(fmt.Sprintf("decide: member %s: impossible move from %v to %v (%s)", mb.name(), from, to, why))
	}
	m.count(mb, -1)
	mb.state, mb.since, mb.reason = to, m.now, why
	m.count(mb, +1)
	if from == Restarting {
		m.endAttempt(mb)
	}
	if to == Up || to == Drained {
		m.guard.changed = true
		mb.held, mb.released, mb.views = false, false, nil
		mb.attempt.exhausted, mb.attempt.refused = false, false
	}
	m.event(Event{Kind: EventMember, Pool: mb.pool.id, Member: mb.cfg.Value, From: from.String(), To: to.String(),
		Reason: why, Text: text, Incident: mb.incident})
	m.touch(mb.pool, cause{reason: why, text: mb.cfg.Value + ": " + text, seen: mb.seen()})
	if from.durable() != to.durable() {
		mb.pool.unsaved = true
	}
}

// note changes the reason of a state that stays.
func (m *Machine) note(mb *member, why order.Reason, text string) {
	if mb.reason == why {
		return
	}
	mb.reason = why
	m.event(Event{Kind: EventMember, Pool: mb.pool.id, Member: mb.cfg.Value, From: mb.state.String(), To: mb.state.String(),
		Reason: why, Text: text, Incident: mb.incident})
	m.keep(mb.pool)
}

func (m *Machine) count(mb *member, n int) {
	switch mb.state {
	case Up:
		m.good += n
	case Suspect:
		m.good += n
		m.suspects += n
	case Unknown, Down, Restarting, Recovering, Flapping, Drained:
	}
}

// judge moves a member after one of its checks was looked at.
func (m *Machine) judge(mb *member, c *check, o Observation) {
	v := m.verdict(mb)
	switch mb.state {
	case Unknown:
		m.judgeUnknown(mb, c, v)
	case Up, Suspect:
		m.judgeUp(mb, c, v)
	case Down, Recovering:
		m.judgeDown(mb, c, v, o)
	case Restarting:
		m.judgeRestarting(mb, c, v, o)
	case Flapping:
		m.judgeFlapping(mb, v)
	case Drained:
	}
}

func (m *Machine) judgeUnknown(mb *member, c *check, v Verdict) {
	switch v {
	case VerdictUp:
		m.become(mb, Up, order.ReasonFirstVerdict, "answers")
	case VerdictDown:
		m.fall(mb, c, order.ReasonFirstVerdict)
	case NoVerdict:
	}
}

func (m *Machine) judgeUp(mb *member, c *check, v Verdict) {
	if v == VerdictDown {
		m.fall(mb, c, order.ReasonFell)
		return
	}
	failing := v == VerdictUp && m.failing(mb)
	switch {
	case mb.state == Up && failing:
		m.become(mb, Suspect, order.ReasonFailing, c.says())
		m.recheck(c.cfg.ID)
	case mb.state == Suspect && !failing:
		why, text := order.ReasonBlip, "answers again"
		if b := m.blockedBy(c); b != nil && c.outcome == Failed {
			why, text = order.ReasonParentDown, fmt.Sprintf("not judged while %s fails", b.cfg.ID)
		}
		m.become(mb, Up, why, text)
	}
}

func (m *Machine) judgeDown(mb *member, c *check, v Verdict, o Observation) {
	switch {
	case v == VerdictUp:
		m.rise(mb, order.ReasonRose, "answers")
	case mb.state == Down && m.answering(mb):
		m.become(mb, Recovering, order.ReasonAnswering, "answers, below rise")
	case mb.state == Recovering && !m.answering(mb):
		m.become(mb, Down, order.ReasonFailing, c.says())
	}
	if mb.state == Down && o.Outcome == Failed && !o.Recheck {
		m.tryRestart(mb, c)
	}
}

func (m *Machine) judgeFlapping(mb *member, v Verdict) {
	k := timerKey{timerFlap, mb}
	switch v {
	case VerdictUp:
		if _, running := m.timers.live[k]; !running {
			m.timers.set(k, m.now.Add(mb.pool.cfg.Flap.Hold))
		}
	case VerdictDown:
		m.timers.stop(k)
		if mb.prune(m.now); len(mb.downs) == 0 {
			m.become(mb, Down, order.ReasonFlapEnded, "down for the whole window")
		}
	case NoVerdict:
		m.timers.stop(k)
	}
}

// flapHeld ends flapping: up for flap_hold.
func (m *Machine) flapHeld(mb *member) {
	if mb.state == Flapping && m.verdict(mb) == VerdictUp {
		m.rise(mb, order.ReasonFlapEnded, fmt.Sprintf("up for %v", mb.pool.cfg.Flap.Hold))
	}
}

// prune forgets the falls that have left the flap window.
func (mb *member) prune(now time.Time) {
	n := 0
	for n < len(mb.downs) && now.Sub(mb.downs[n]) >= mb.pool.cfg.Flap.Window {
		n++
	}
	mb.downs = mb.downs[n:]
}

// fall takes a member down: to down, or to flapping when it fell too often.
func (m *Machine) fall(mb *member, c *check, why order.Reason) {
	f := mb.pool.cfg.Flap
	if why == order.ReasonFell && f.Downs > 0 {
		mb.prune(m.now)
		mb.downs = append(mb.downs, m.now)
	}
	mb.fell = m.now
	text := c.says()
	parent := m.parentOf(mb)
	if parent != nil {
		why, text = order.ReasonParentDown, fmt.Sprintf("%s: %s", parent.cfg.ID, parent.says())
		mb.incident = parent.incident
	} else if mb.incident == "" {
		mb.incident = fmt.Sprintf("%s %d", mb.name(), m.now.Unix())
	}
	to := Down
	if f.Downs > 0 && len(mb.downs) >= f.Downs && why == order.ReasonFell {
		to, why = Flapping, order.ReasonFlapping
		text = fmt.Sprintf("fell %d times in %v: %s", len(mb.downs), f.Window, text)
	}
	m.become(mb, to, why, text)
	m.guardFall(mb)
	if parent == nil && !mb.held {
		m.tellFall(mb, text)
	}
	m.hook(mb, false, why)
	if to == Down {
		m.tryRestart(mb, c)
	}
}

// tellFall tells people that a member is down or flapping.
func (m *Machine) tellFall(mb *member, text string) {
	kind := AlertFailure
	if mb.state == Flapping {
		kind = AlertFlapping
	}
	m.alert(Alert{Incident: mb.incident, Kind: kind, Pool: mb.pool.id, Member: mb.cfg.Value, Reason: mb.reason,
		Text: fmt.Sprintf("%s is %s: %s", mb.name(), mb.state, text)})
}

// downCheck is the first check whose verdict is down; the first of all if none is.
func (mb *member) downCheck() *check {
	for _, c := range mb.checks {
		if c.verdict == VerdictDown {
			return c
		}
	}
	return mb.checks[0]
}

// rise brings a member back up and ends its incident.
func (m *Machine) rise(mb *member, why order.Reason, text string) {
	m.become(mb, Up, why, text)
	m.timers.stop(timerKey{timerFlap, mb})
	kind := AlertRecovery
	if why == order.ReasonFlapEnded {
		kind = AlertFlapping
	}
	if mb.incident != "" && !mb.sharedIncident() {
		m.alert(Alert{Incident: mb.incident, Kind: kind, Pool: mb.pool.id, Member: mb.cfg.Value, Reason: why, Final: true,
			Text: fmt.Sprintf("%s is up again: %s; it was out since %s", mb.name(), text, stamp(mb.fell))})
	}
	mb.incident = ""
	m.hook(mb, true, why)
}

// sharedIncident reports whether the member's incident is a parent's or the guard's: told once, not by each member.
func (mb *member) sharedIncident() bool {
	return !strings.HasPrefix(mb.incident, mb.name()+" ")
}

// parentOf is a check of the member that is down and on which others depend, or nil: then that is the failure.
func (m *Machine) parentOf(mb *member) *check {
	for _, c := range mb.checks {
		if c.verdict == VerdictDown && len(c.children) > 0 {
			return c
		}
	}
	return nil
}
