package decide

import (
	"fmt"
	"maps"
	"time"

	"loadshare/monitor/order"
)

// maxYield bounds how long a pool is left to another monitor before it is claimed again.
const maxYield = 10 * time.Minute

// agent is what is known about one agent.
type agent struct {
	up        bool
	publishes bool
	boot      string
	session   uint64 // grows with each connection; older votes do not count
}

// lease is what is known about who is obeyed for a pool (M1).
type lease struct {
	role   Role
	holder string // the other monitor, while standby
	votes  map[string]vote
	// unclaimed until: the pool is left to the other monitor.
	unclaimed time.Time
	yields    int // times yielded in a row
	// contested since: some agents obey us and some the other monitor.
	contested time.Time
	// outrunAt is when an order of ours last met a newer one of another monitor.
	outrunAt time.Time
}

// vote is what one agent said of a pool in its last answer to a heartbeat.
type vote struct {
	session uint64
	holder  string // the other monitor it obeys; "" when it granted the lease to us
}

// obeyed reports whether an agent would take an order of ours for a pool.
func (m *Machine) obeyed(p *pool, agent string) bool {
	if p.role == RoleStandby {
		return false
	}
	if v, said := p.votes[agent]; said {
		return v.holder == ""
	}
	return p.role == RoleHolder
}

func (p *pool) roleText() string {
	if p.role == RoleStandby {
		return "monitor " + p.holder + " holds it"
	}
	return "no publishing agent has granted it yet"
}

// Claims are the pools to claim in a heartbeat at time now, each with its
// current stamp. A pool that was just left to another monitor is not among them.
func (m *Machine) Claims(now time.Time) []order.Claim {
	claims := make([]order.Claim, 0, len(m.list))
	for _, p := range m.list {
		if !now.Before(p.unclaimed) {
			claims = append(claims, order.Claim{Pool: p.id, Current: p.stamp})
		}
	}
	return claims
}

func (m *Machine) agentUp(in AgentUp) {
	a := m.agents[in.Agent]
	if a == nil {
		a = &agent{}
		m.agents[in.Agent] = a
	}
	a.up, a.publishes, a.boot = true, in.Welcome.Publishes, in.Welcome.Boot
	a.session++
	for _, h := range in.Welcome.Pools {
		if p := m.pools[h.Pool]; p != nil {
			p.newest = later(p.newest, h.Newest)
		}
	}
	for _, mb := range m.named["agent "+in.Agent] {
		mb.attempt.refused = false
		if mb.state == Restarting && mb.attempt.running && !mb.attempt.taken && m.now.Before(mb.attempt.notAfter) {
			m.queue = append(m.queue, mb)
		}
	}
}

func (m *Machine) agentDown(in AgentDown) {
	if a := m.agents[in.Agent]; a != nil {
		a.up = false
		a.session++
	}
}

// beat takes in what an agent granted and refused.
func (m *Machine) beat(in Beat) {
	a := m.agents[in.Agent]
	if a == nil || !a.up {
		return
	}
	refused := make(map[order.PoolID]order.Held, len(in.Refused))
	for _, h := range in.Refused {
		refused[h.Pool] = h
	}
	for _, id := range in.Claimed {
		p := m.pools[id]
		if p == nil {
			continue
		}
		h := refused[id]
		v := vote{session: a.session, holder: h.Holder}
		if h.Pool != "" && h.Holder == "" {
			v.holder = "?"
		}
		p.newest = later(p.newest, h.Newest)
		if p.votes == nil {
			p.votes = make(map[string]vote)
		}
		if p.votes[in.Agent] == v && !p.newest.Newer(p.stamp) && p.role == RoleHolder {
			continue
		}
		p.votes[in.Agent] = v
		m.recount(p)
	}
}

// recount decides from the publishing agents' votes what this monitor is to a pool.
func (m *Machine) recount(p *pool) {
	granted, refused, elsewhere, holder := 0, 0, 0, ""
	for name, v := range p.votes {
		a := m.agents[name]
		switch {
		case a == nil || a.session != v.session:
		case v.holder == "" && a.publishes:
			granted++
		case v.holder == "":
			elsewhere++
		case a.publishes:
			refused++
			holder = max(holder, v.holder)
		}
	}
	mixed := refused > 0 && granted+elsewhere > 0
	if !mixed {
		p.contested = time.Time{}
	} else if p.contested.IsZero() {
		p.contested = m.now
	}
	switch {
	case granted == 0 && refused == 0:
	case refused == 0:
		m.obtain(p)
	case granted == 0 && (elsewhere == 0 || m.now.Sub(p.contested) < m.cfg.Lease):
		m.standBy(p, holder)
	case m.now.Sub(p.contested) < m.cfg.Lease:
		// Leases lapse here and there at their own time: wait for all to have.
	case granted > refused, granted == refused && m.cfg.Monitor < holder:
		m.obtain(p)
	case granted > 0: // both hold it somewhere: one must let go
		m.yield(p)
		m.standBy(p, holder)
	default: // a node's agent obeys us, and would refuse the holder's restarts
		m.letLapse(p, 2*m.cfg.Lease)
		m.standBy(p, holder)
	}
}

// obtain makes this monitor the holder, in an epoch above all that was heard of.
func (m *Machine) obtain(p *pool) {
	taken := p.newest.Newer(p.stamp)
	if p.role == RoleHolder && !taken {
		return
	}
	from, other := p.role, p.newest.Monitor
	p.role, p.holder = RoleHolder, ""
	why := cause{reason: p.why.reason, text: p.why.text}
	if taken || p.stamp.IsZero() {
		epoch := max(p.newest.Epoch, p.stamp.Epoch) + 1
		if p.stamp.IsZero() {
			epoch = max(epoch, m.firstEpoch())
		}
		p.stamp = order.Stamp{Epoch: epoch, Monitor: m.cfg.Monitor}
		p.newest = p.stamp
	}
	if taken {
		why = cause{reason: order.ReasonLeaseTaken, text: fmt.Sprintf("taken over from monitor %s", other)}
		if other == m.cfg.Monitor {
			why.text = "this monitor had lost its state"
		}
	}
	p.sent, p.unsaved = false, true
	m.event(Event{Kind: EventLease, Pool: p.id, From: from.String(), To: p.role.String(), Reason: order.ReasonLeaseTaken,
		Text: fmt.Sprintf("epoch %d", p.stamp.Epoch)})
	if from == RoleStandby {
		m.alert(Alert{Incident: fmt.Sprintf("%s lease %d", p.id, m.now.Unix()), Kind: AlertLease, Pool: p.id, Reason: order.ReasonLeaseTaken, Final: true,
			Text: fmt.Sprintf("%s: monitor %s took it over", p.id, m.cfg.Monitor), Children: p.notGood()})
	}
	m.touch(p, why)
}

// firstEpoch is the least epoch of a monitor that remembers none: seconds since
// the start of 2026. If it has lost its disk, orders of its earlier life may lie
// in the queue of an agent that it cannot ask now. Counting from the agents'
// words alone it might give one of those stamps to other content.
func (m *Machine) firstEpoch() uint64 {
	since := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	return uint64(max(m.now.Sub(since)/time.Second, 0))
}

func (p *pool) notGood() (names []string) {
	for _, mb := range p.members {
		if !mb.good() {
			names = append(names, mb.name())
		}
	}
	return names
}

// standBy leaves a pool to another monitor: decisions go on, orders do not.
func (m *Machine) standBy(p *pool, holder string) {
	if p.role == RoleStandby && p.holder == holder {
		return
	}
	from := p.role
	p.role, p.holder = RoleStandby, holder
	m.event(Event{Kind: EventLease, Pool: p.id, From: from.String(), To: p.role.String(), Reason: order.ReasonStandby,
		Text: "monitor " + holder + " holds it"})
	m.keep(p)
}

// yield leaves a pool to another monitor for a while, twice as long each time,
// so that two monitors that each reach only some of the agents do not fight for it.
func (m *Machine) yield(p *pool) {
	if m.now.Sub(p.unclaimed) > maxYield {
		p.yields = 0
	}
	m.letLapse(p, min(2*m.cfg.Lease<<min(p.yields, 10), max(maxYield, 2*m.cfg.Lease)))
	p.yields++
}

// letLapse does not claim a pool for a time, at least two leases: after the
// first of them, the other monitor has a whole one to claim what lapsed.
func (m *Machine) letLapse(p *pool, d time.Duration) {
	p.unclaimed, p.contested = m.now.Add(d), time.Time{}
	maps.DeleteFunc(p.votes, func(_ string, v vote) bool { return v.holder == "" })
}

// outrun: an agent, or a DNS server through it, knows a newer decision than ours.
func (m *Machine) outrun(p *pool, agent string, newest order.Stamp, why order.Refusal) {
	p.newest = later(p.newest, newest)
	if why == order.RefusedNotHolder {
		// Our lease lapsed there, or is another's: the next heartbeat tells.
		// The order stays pending for this agent.
		if p.votes[agent].holder == "" {
			delete(p.votes, agent)
		}
		return
	}
	if !newest.Newer(p.stamp) {
		return // an old order of ours met a newer one of ours: nothing is wrong
	}
	// Ours, from before this monitor lost its state; or another monitor's,
	// that the agent no longer obeys: go above it. But if it happens again
	// soon, that monitor lives and is obeyed somewhere: leave it the pool.
	if newest.Monitor == m.cfg.Monitor || p.outrunAt.IsZero() || m.now.Sub(p.outrunAt) > maxYield {
		if newest.Monitor != m.cfg.Monitor {
			p.outrunAt = m.now
		}
		m.obtain(p)
		return
	}
	p.outrunAt = m.now
	m.yield(p)
	m.standBy(p, newest.Monitor)
}
