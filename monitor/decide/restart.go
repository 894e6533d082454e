package decide

import (
	"fmt"
	"strings"
	"time"

	"loadshare/monitor/order"
)

const (
	// restartValidity is how long a restart order makes sense on its way.
	restartValidity = time.Minute
	// restartTimeout is the default of Pool.RestartTimeout.
	restartTimeout = 3 * time.Minute
	// budgetWait is how long a member is left alone when the agent does not say when its budget grows.
	budgetWait = 10 * time.Minute
)

// attempt is what is known about the restarts of one member (M9).
type attempt struct {
	// id, notAfter and running belong to the order under way: running until the agent reports its end.
	id       string
	notAfter time.Time
	taken    bool // the agent has it durably
	running  bool
	// stays: restart-first; it is published until the look after the command fails.
	stays bool
	// until is when the order counts as unanswered, or the grace ends.
	until time.Time
	// next is the earliest time of another try.
	next time.Time
	// budget is when the agent's budget grows again, as it said last.
	budget time.Time
	// exhausted: people were told of the budget. refused: the agent will never do it as configured.
	exhausted, refused bool

	count  int
	last   time.Time
	result string
}

// inGrace reports whether failures are not counted, because a restart runs or has just ended.
func (mb *member) inGrace() bool { return mb.state == Restarting }

// tryRestart orders a restart of a member that is down, unless something speaks against it.
func (m *Machine) tryRestart(mb *member, c *check) {
	p := mb.pool
	if mb.cfg.Service == "" || mb.held || mb.attempt.refused || m.now.Before(mb.attempt.next) || m.parentOf(mb) != nil {
		return
	}
	a := m.agents[mb.cfg.Agent]
	switch {
	case !m.obeyed(p, mb.cfg.Agent):
		return
	case a == nil || !a.up:
		m.note(mb, order.ReasonAgentAway, fmt.Sprintf("no restart: agent %s cannot be reached", mb.cfg.Agent))
		return
	case m.now.Before(mb.attempt.budget):
		mb.attempt.next = mb.attempt.budget
		m.note(mb, order.ReasonBudgetExhausted, leftAlone(mb.attempt.next))
		m.tellBudget(mb)
		return
	case p.slot != nil:
		m.note(mb, order.ReasonRestartWaits, fmt.Sprintf("no restart yet: %s of the same pool is being restarted", p.slot.cfg.Value))
		return
	}
	t := &mb.attempt
	delete(m.attempts, t.id)
	t.id = orderID(m.cfg.Monitor, p.id, mb.cfg.Value, fmt.Sprintf("restart-%d", m.now.UnixMilli()))
	t.running, t.taken = true, false
	t.stays = p.cfg.OnFailure == RestartFirst && mb.inDNS && mb.kept == "" && mb.since.Equal(m.now)
	t.notAfter, t.until = m.now.Add(restartValidity), m.now.Add(p.restartTimeout())
	t.count++
	t.last, t.result = m.now, ""
	p.slot = mb
	m.attempts[t.id] = mb
	m.timers.set(timerKey{timerRestart, mb}, t.until)
	m.become(mb, Restarting, order.ReasonRestarting, fmt.Sprintf("%s on %s: %s", mb.cfg.Service, mb.cfg.Agent, c.says()))
	m.queue = append(m.queue, mb)
}

func (p *pool) restartTimeout() time.Duration {
	if p.cfg.RestartTimeout > 0 {
		return p.cfg.RestartTimeout
	}
	return restartTimeout
}

// orderRestart writes the order down, with the stamp of the decision made in the same step.
func (m *Machine) orderRestart(mb *member) {
	if mb.state != Restarting || !mb.attempt.running {
		return
	}
	o := RestartOrder{Agent: mb.cfg.Agent, Order: order.Restart{
		ID: mb.attempt.id, Pool: mb.pool.id, Stamp: mb.pool.stamp, Service: mb.cfg.Service, Member: mb.cfg.Value,
		Reason: order.ReasonFell, Cause: mb.cause(), NotAfter: mb.attempt.notAfter,
	}}
	m.out.Restarts = append(m.out.Restarts, o)
	m.event(Event{Kind: EventRestart, Pool: mb.pool.id, Member: mb.cfg.Value, Reason: order.ReasonRestarting, Order: o.Order.ID,
		Text: fmt.Sprintf("restart %s on %s ordered", mb.cfg.Service, mb.cfg.Agent), Incident: mb.incident})
}

// cause is the failure as the probe said it.
func (mb *member) cause() string {
	for _, c := range mb.checks {
		if c.failing() {
			return c.says()
		}
	}
	return ""
}

// endAttempt leaves the state restarting: the pool's next restart may begin.
func (m *Machine) endAttempt(mb *member) {
	m.timers.stop(timerKey{timerRestart, mb})
	mb.attempt.stays, mb.attempt.running = false, false
	if mb.pool.slot == mb {
		mb.pool.slot = nil
	}
}

// giveUp ends a try that did not bring the member back.
func (m *Machine) giveUp(mb *member, why order.Reason, next time.Time, text string) {
	mb.attempt.next = next
	m.become(mb, Down, why, text)
}

func (m *Machine) judgeRestarting(mb *member, c *check, v Verdict, o Observation) {
	switch {
	case v == VerdictUp:
		m.rise(mb, order.ReasonRose, "answers after the restart")
	case mb.attempt.stays && !mb.attempt.running && o.Outcome == Failed:
		mb.attempt.stays = false
		m.touch(mb.pool, cause{reason: order.ReasonFell, text: mb.cfg.Value + ": still failing after the restart: " + c.says(), seen: mb.seen()})
		mb.pool.unsaved = true
	}
}

// restartTimer ends a try that nobody answered, or a grace in which the member did not come back.
func (m *Machine) restartTimer(mb *member) {
	t := &mb.attempt
	if mb.state != Restarting {
		return
	}
	next := m.now.Add(mb.pool.cfg.Grace)
	if t.running {
		t.result = "unanswered"
		m.giveUp(mb, order.ReasonRestartFailed, next, fmt.Sprintf("agent %s did not report the end of the restart", mb.cfg.Agent))
		m.tellRestart(mb, order.ReasonRestartFailed, "the agent did not report the end of the restart")
		return
	}
	m.giveUp(mb, order.ReasonGraceEnded, m.now, "still failing after the restart and its grace")
}

func (m *Machine) restarted(in Restarted) {
	r := in.Report
	mb := m.attempts[r.Order]
	if mb == nil {
		return
	}
	delete(m.attempts, r.Order)
	if mb.attempt.id != r.Order {
		return
	}
	mb.attempt.result = string(r.Outcome)
	m.event(Event{Kind: EventRestart, Pool: mb.pool.id, Member: mb.cfg.Value, Reason: restartReason(r), Order: r.Order, Incident: mb.incident,
		Text: restartText(r), Data: map[string]string{
			"outcome": string(r.Outcome), "exit_code": fmt.Sprint(r.ExitCode), "took": r.Took.String(),
			"left": fmt.Sprint(r.Left), "output": r.Output, "evidence": r.Evidence,
		}})
	m.keep(mb.pool)
	if r.Left == 0 && r.NextAt != nil && r.NextAt.After(m.now) {
		mb.attempt.budget = *r.NextAt
	}
	if mb.state != Restarting || !mb.attempt.running {
		return
	}
	switch r.Outcome {
	case order.RestartOK:
		m.beginGrace(mb, r)
	case order.RestartFailed, order.RestartTimeout:
		m.giveUp(mb, order.ReasonRestartFailed, m.now.Add(mb.pool.cfg.Grace), restartText(r))
		m.tellRestart(mb, order.ReasonRestartFailed, restartText(r))
	case order.RestartRefused:
		m.restartRefused(mb, r.Refused, r.NextAt)
	}
}

// beginGrace: the command succeeded; look at once, and give it time.
func (m *Machine) beginGrace(mb *member, r order.Restarted) {
	mb.attempt.running = false
	mb.attempt.until = m.now.Add(mb.pool.cfg.Grace)
	mb.attempt.next = mb.attempt.until
	for _, c := range mb.checks {
		c.oks = 0 // what answered before the command says nothing about what runs now
		m.recheck(c.cfg.ID)
	}
	m.timers.set(timerKey{timerRestart, mb}, mb.attempt.until)
	m.note(mb, order.ReasonRestarted, restartText(r))
	m.tellRestart(mb, order.ReasonRestarted, restartText(r))
}

// restartRefused: the agent said no.
func (m *Machine) restartRefused(mb *member, why order.Refusal, nextAt *time.Time) {
	next := m.now.Add(mb.pool.cfg.Grace)
	mb.attempt.result = string(why)
	switch why {
	case order.RefusedBudget:
		next = m.now.Add(budgetWait)
		if nextAt != nil && nextAt.After(m.now) {
			next = *nextAt
		} else if mb.attempt.budget.After(m.now) {
			next = mb.attempt.budget
		}
		m.giveUp(mb, order.ReasonBudgetExhausted, next, leftAlone(next))
		m.tellBudget(mb)
	case order.RefusedBusy:
		m.giveUp(mb, order.ReasonRestartWaits, next, "the agent is restarting it already")
	case order.RefusedNotHolder, order.RefusedStale:
		m.giveUp(mb, order.ReasonStandby, next, "the agent obeys another monitor")
	case order.RefusedNotAllowed, order.RefusedBadOrder:
		mb.attempt.refused = true
		text := string(why)
		if why == order.RefusedNotAllowed {
			text = "not-allowed: its agent.toml has no [restart.service." + mb.cfg.Service + "]"
		}
		m.giveUp(mb, order.ReasonRestartFailed, next, fmt.Sprintf("agent %s refuses to restart %s: %s", mb.cfg.Agent, mb.cfg.Service, text))
		m.tellRestart(mb, order.ReasonRestartFailed, "the agent refuses: "+text)
	default:
		m.giveUp(mb, order.ReasonRestartFailed, next, "the agent did not take the order: "+string(why))
	}
}

func leftAlone(until time.Time) string {
	return fmt.Sprintf("restart budget used up: left alone until %s", stamp(until))
}

// tellBudget says once an incident that no more is tried (M9).
func (m *Machine) tellBudget(mb *member) {
	if mb.attempt.exhausted {
		return
	}
	mb.attempt.exhausted = true
	m.alert(Alert{Incident: mb.incident, Kind: AlertBudget, Pool: mb.pool.id, Member: mb.cfg.Value, Reason: order.ReasonBudgetExhausted,
		Text: fmt.Sprintf("%s: %s: %s", mb.name(), mb.cfg.Service, leftAlone(mb.attempt.next))})
}

func (m *Machine) tellRestart(mb *member, why order.Reason, text string) {
	m.alert(Alert{Incident: mb.incident, Kind: AlertRestart, Pool: mb.pool.id, Member: mb.cfg.Value, Reason: why,
		Text: fmt.Sprintf("%s: restart of %s on %s: %s", mb.name(), mb.cfg.Service, mb.cfg.Agent, text)})
}

func restartReason(r order.Restarted) order.Reason {
	switch {
	case r.Outcome == order.RestartOK:
		return order.ReasonRestarted
	case r.Refused == order.RefusedBudget:
		return order.ReasonBudgetExhausted
	}
	return order.ReasonRestartFailed
}

func restartText(r order.Restarted) string {
	switch r.Outcome {
	case order.RestartOK:
		return fmt.Sprintf("done in %v", r.Took.Round(time.Millisecond))
	case order.RestartFailed:
		if r.ExitCode < 0 { // it was not run to its end; its output ends with why
			lines := strings.Split(strings.TrimSpace(r.Output), "\n")
			return fmt.Sprintf("failed after %v: %s", r.Took.Round(time.Millisecond), strings.Trim(lines[len(lines)-1], "[]"))
		}
		return fmt.Sprintf("failed with exit code %d after %v", r.ExitCode, r.Took.Round(time.Millisecond))
	case order.RestartTimeout:
		return fmt.Sprintf("stopped after %v: it took too long", r.Took.Round(time.Millisecond))
	case order.RestartRefused:
		return "refused: " + string(r.Refused)
	}
	return string(r.Outcome)
}

// hook tells the node's agent that a member went down or came up (M8).
func (m *Machine) hook(mb *member, up bool, why order.Reason) {
	a := m.agents[mb.cfg.Agent]
	if mb.cfg.Service == "" || mb.held || a == nil || !a.up || !m.obeyed(mb.pool, mb.cfg.Agent) {
		return
	}
	edge := "down"
	if up {
		edge = "up"
	}
	m.out.Hooks = append(m.out.Hooks, HookOrder{Agent: mb.cfg.Agent, Order: order.Hook{
		ID:   orderID(m.cfg.Monitor, mb.pool.id, mb.cfg.Value, fmt.Sprintf("%s-%d", edge, m.now.UnixMilli())),
		Pool: mb.pool.id, Service: mb.cfg.Service, Member: mb.cfg.Value, Up: up, Reason: why,
	}})
}

func (m *Machine) hooked(in Hooked) {
	r := in.Report
	m.event(Event{Kind: EventHook, Order: r.Order, Text: fmt.Sprintf("hook of %s on %s: %s", r.Service, in.Agent, r.Outcome),
		Data: map[string]string{"exit_code": fmt.Sprint(r.ExitCode), "output": r.Output, "took": r.Took.String()}})
}
