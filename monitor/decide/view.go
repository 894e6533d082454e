package decide

import (
	"slices"
	"time"

	"loadshare/monitor/order"
)

// PoolView is the read-only state of one pool, for `status` and `pool why`.
type PoolView struct {
	ID   order.PoolID
	Zone string
	TTL  uint32
	// Published is the set of the last decision, sorted; nil before the first.
	Published []string
	Stamp     order.Stamp
	// Reason and Cause are those of the last decision.
	Reason order.Reason
	Cause  string
	// Decided is false until every member had a verdict; nothing is published before.
	Decided bool
	Role    Role
	// Holder is the other monitor's id while Role is [RoleStandby].
	Holder  string
	Floor   int
	Members []MemberView
	// Last is the timeline of the last decision.
	Last Timeline
	// Servers is how far each DNS server has come with it.
	Servers []order.ServerResult
	// Open is true until the last order has ended (M5).
	Open bool
}

// MemberView is the read-only state of one member.
type MemberView struct {
	Value, Address string
	State          State
	Since          time.Time
	Reason         order.Reason
	// InDNS reports whether the last decision publishes it, and Kept why so
	// although it is not good: floor, all-down, mass-failure, anchors-away; else "".
	InDNS bool
	Kept  order.Reason
	// Restarts counts the orders given since the member was configured.
	Restarts    int
	LastRestart time.Time
	LastResult  string
	Drain       *DrainView
	Incident    string
	Checks      []CheckView
}

// DrainView is a drain in force.
type DrainView struct {
	Until      time.Time
	By, Reason string
}

// CheckView is the read-only state of one check.
type CheckView struct {
	ID      CheckID
	Verdict Verdict
	// Failures and Successes in a row, since the verdict last turned or was contradicted.
	Failures, Successes int
	// LastOK, LastFailed and LastAt are zero when never.
	LastOK, LastFailed, LastAt time.Time
	// Outcome, Reason and Detail are those of the last observation.
	Outcome        Outcome
	Reason, Detail string
	// Blocked is the parent that silences it, or "".
	Blocked CheckID
}

// Timeline is the receipt of one decision: when what was known. Zero times did not happen yet.
type Timeline struct {
	// SeenAt is the first probe of those that led to it.
	SeenAt     time.Time
	DecidedAt  time.Time
	WrittenAt  time.Time // first server
	AnsweredAt time.Time // every living server was asked and answers it
	// DrainedBy is when no cache can hold the set before: last write plus the TTL it had.
	DrainedBy time.Time
}

// GuardView is the read-only state of the guard.
type GuardView struct {
	Holding bool
	Reason  order.Reason
	Since   time.Time
	// Held are the members kept back: "pool value".
	Held []string
}

// Role is what this monitor is to a pool (M1).
type Role uint8

// Roles. Decisions are made in all of them, orders are given by the holder only.
const (
	RoleNone    Role = iota // no publishing agent has granted the lease yet
	RoleHolder              // obeyed
	RoleStandby             // another monitor holds it
)

func (r Role) String() string { return [...]string{"none", "holder", "standby"}[r] }

// Pools are the ids of all pools in the order of the configuration.
func (m *Machine) Pools() []order.PoolID {
	ids := make([]order.PoolID, 0, len(m.list))
	for _, p := range m.list {
		ids = append(ids, p.id)
	}
	return ids
}

// Pool is the state of one pool; false when it is not configured.
func (m *Machine) Pool(id order.PoolID) (PoolView, bool) {
	p := m.pools[id]
	if p == nil {
		return PoolView{}, false
	}
	v := PoolView{ID: p.id, Zone: p.cfg.Zone, TTL: p.cfg.TTL, Published: slices.Clone(p.want), Stamp: p.stamp,
		Reason: p.why.reason, Cause: p.why.text, Decided: p.decided, Role: p.role, Holder: p.holder, Floor: p.floor(),
		Last: p.timeline, Servers: slices.Clone(p.servers), Open: p.open}
	for _, mb := range p.members {
		v.Members = append(v.Members, m.memberView(mb))
	}
	return v, true
}

func (m *Machine) memberView(mb *member) MemberView {
	v := MemberView{Value: mb.cfg.Value, Address: mb.cfg.Address, State: mb.state, Since: mb.since, Reason: mb.reason,
		InDNS: mb.inDNS, Kept: mb.kept, Restarts: mb.attempt.count, LastRestart: mb.attempt.last, LastResult: mb.attempt.result,
		Incident: mb.incident}
	if o := mb.override; o != nil {
		v.Drain = &DrainView{Until: o.Until, By: o.By, Reason: o.Reason}
	}
	for _, c := range mb.checks {
		v.Checks = append(v.Checks, m.checkView(c))
	}
	return v
}

// Check is the state of one check; false when it is not configured.
func (m *Machine) Check(id CheckID) (CheckView, bool) {
	c := m.checks[id]
	if c == nil {
		return CheckView{}, false
	}
	return m.checkView(c), true
}

func (m *Machine) checkView(c *check) CheckView {
	v := CheckView{ID: c.cfg.ID, Verdict: c.verdict, Failures: c.fails, Successes: c.oks, LastOK: c.lastOK,
		LastFailed: c.lastFailed, LastAt: c.lastAt, Outcome: c.outcome, Reason: c.reason, Detail: c.detail}
	if b := m.blockedBy(c); b != nil {
		v.Blocked = b.cfg.ID
	}
	return v
}

// Guard is the state of the guard.
func (m *Machine) Guard() GuardView {
	v := GuardView{Holding: m.guard.holding(), Reason: m.guard.reason, Since: m.guard.since}
	for _, mb := range m.guard.members {
		if mb.held {
			v.Held = append(v.Held, mb.name())
		}
	}
	return v
}
