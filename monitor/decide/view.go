package decide

import (
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
