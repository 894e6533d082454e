package decide

import (
	"fmt"
	"slices"
	"time"

	"loadshare/monitor/order"
)

// Machine decides for all pools of one monitor. Make it with [New].
type Machine struct {
	cfg Config
	now time.Time
	out Output

	pools  map[order.PoolID]*pool
	list   []*pool // in the order of the configuration
	checks map[CheckID]*check
	named  map[string][]*member // by address and by value
	agents map[string]*agent

	published map[string]*pool   // by id of the pool's current publish order
	attempts  map[string]*member // by id of a restart order that is under way
	queue     []*member          // restarts decided in this step, not yet written down
	touched   []*pool            // pools to decide and save at the end of this step

	timers timers
	guard  guard
	reset  reset
	// good counts the members that are up or suspect, suspects the latter.
	good, suspects int
}

// New makes a machine at time now. The configuration must be valid. Saved are
// the records of an earlier machine ([Output.Save]); what does not fit the
// configuration is dropped, and the first Step says so.
func New(cfg Config, saved []Record, now time.Time) (*Machine, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("monitor configuration: %w", err)
	}
	m := &Machine{
		now:       now,
		agents:    make(map[string]*agent),
		published: make(map[string]*pool),
		attempts:  make(map[string]*member),
	}
	m.wire(cfg)
	if err := m.adopt(saved); err != nil {
		return nil, err
	}
	if cfg.ResetOnStart {
		m.reset.pending = true
		m.timers.set(timerKey{kind: timerReset}, now.Add(2*m.guard.window+cfg.Lease))
	}
	return m, nil
}

// Step takes in one thing that happened at time now and says what to do.
// Time never goes back inside the machine: an earlier now counts as the last one.
func (m *Machine) Step(now time.Time, in Input) Output {
	if now.After(m.now) {
		m.now = now
	}
	for {
		k, ok := m.timers.due(m.now)
		if !ok {
			break
		}
		m.fire(k)
	}
	m.take(in)
	m.settle()
	out := m.out
	m.out = Output{}
	return out
}

func (m *Machine) take(in Input) {
	switch in := in.(type) {
	case Tick:
	case Observation:
		m.observe(in)
	case Drain:
		m.drain(in)
	case Undrain:
		m.undrain(in)
	case AgentUp:
		m.agentUp(in)
	case AgentDown:
		m.agentDown(in)
	case Beat:
		m.beat(in)
	case Receipted:
		m.receipted(in)
	case Published:
		m.publishReport(in)
	case Restarted:
		m.restarted(in)
	case Hooked:
		m.hooked(in)
	case SecondView:
		m.secondView(in)
	case Answer:
		m.answer(in)
	case NormalDNSApplied:
		m.normalDNSApplied(in)
	case Reconfigure:
		m.reconfigure(in.Config)
	case Republish:
		m.republish(in)
	case LiftHold:
		m.liftHold(in)
	}
}

func (m *Machine) fire(k timerKey) {
	switch k.kind {
	case timerRestart:
		m.restartTimer(k.member)
	case timerFlap:
		m.flapHeld(k.member)
	case timerDrain:
		m.endDrain(k.member, order.ReasonDrainEnded, "the drain came to its end")
	case timerGuard:
		m.askAgain()
	case timerReset:
		m.reset.late, m.reset.look = true, true
	}
}

// settle turns what a step changed into decisions, orders and records. Restarts
// and hooks come after the publish of the same pool, and carry its stamp.
func (m *Machine) settle() {
	m.reviewGuard()
	for _, p := range m.touched {
		m.decide(p)
	}
	for _, mb := range m.queue {
		m.orderRestart(mb)
	}
	for i := range m.out.Hooks {
		o := &m.out.Hooks[i].Order
		o.Stamp = m.pools[o.Pool].stamp
	}
	m.maybeReset()
	for _, p := range m.touched {
		p.touched = false
		p.cause = cause{}
		if p.unsaved {
			p.unsaved = false
			m.out.Save = append(m.out.Save, p.record())
		}
	}
	clear(m.queue)
	m.queue, m.touched = m.queue[:0], m.touched[:0]
}

// touch has a pool decided at the end of the step. The first reason given in a step is the one told.
func (m *Machine) touch(p *pool, c cause) {
	if !p.touched {
		p.touched = true
		m.touched = append(m.touched, p)
	}
	if p.cause.reason == "" {
		p.cause = c
	}
}

// keep has a pool saved at the end of the step.
func (m *Machine) keep(p *pool) {
	p.unsaved = true
	m.touch(p, cause{})
}

func (m *Machine) event(e Event) {
	e.At = m.now
	m.out.Events = append(m.out.Events, e)
}

// alert tells people, unless another monitor holds the pool: its own mail says it.
func (m *Machine) alert(a Alert) {
	if p := m.pools[a.Pool]; p != nil && p.role == RoleStandby {
		return
	}
	a.At = m.now
	m.out.Alerts = append(m.out.Alerts, a)
}

// recheck asks for a look at a check now, once a step.
func (m *Machine) recheck(id CheckID) {
	if !slices.Contains(m.out.Recheck, id) {
		m.out.Recheck = append(m.out.Recheck, id)
	}
}

// Deadline is when Step wants a [Tick]; zero for never.
func (m *Machine) Deadline() time.Time {
	e, ok := m.timers.next()
	if !ok {
		return time.Time{}
	}
	return e.at
}
