package decide

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"loadshare/monitor/order"
)

// CheckID names one check: what is looked at, from the point of view of the
// monitor's schedule. The monitor chooses the spelling; it must be unique and
// stay the same over restarts, because saved verdicts are found by it.
type CheckID string

// Config is everything the machine is told beforehand. The zero value watches
// nothing. Build it, call [Config.Validate], hand it to [New] or [Reconfigure].
type Config struct {
	// Monitor is this monitor's id, unique among the monitors of the site.
	Monitor string
	Pools   []Pool
	// Checks are all checks that are run: those of members, the parents
	// named in DependsOn, and the anchors.
	Checks []Check
	Guard  Guard
	// Lease is how long an agent obeys this monitor after its last heartbeat
	// (M1: three probe intervals). Must be positive.
	Lease time.Duration
	// ResetOnStart orders normal-dns to be applied once after the start (F18, M5).
	ResetOnStart bool
	// UntestedAfter is how long a check may be untested before it is mailed.
	// 0 means 5 minutes.
	UntestedAfter time.Duration
}

// Pool is one record set and its members. A pool with A and AAAA members is
// two of these.
type Pool struct {
	ID order.PoolID
	// Zone overrides the search by SOA (M12); usually "".
	Zone string
	// TTL is in seconds.
	TTL     uint32
	Members []Member
	// OnFailure says whether a fallen member leaves DNS before or after a restart was tried.
	OnFailure OnFailure
	// MinMembers is the floor: never publish fewer than this.
	MinMembers Floor
	OnAllDown  OnAllDown
	Flap       Flap
	// Grace is the time after a restart in which failures do not count (M9),
	// and the least time between two tries.
	Grace time.Duration
	// RestartTimeout is how long a restart may stay unanswered before it
	// counts as failed; it also bounds the validity of the order. 0 means 3 minutes.
	RestartTimeout time.Duration
}

// Member is one value of a pool's record set.
type Member struct {
	// Value is the rdata, canonical as [order.CanonicalValue] makes it:
	// "192.168.0.1", "10 node1.mydomain.com".
	Value string
	// Address is what operators call it: the address or the target.
	Address string
	// Paths are the ways the member can be reached. It is up when any path
	// is up and down when all are down: an A member has one path, an MX
	// target one for each of its addresses (M7).
	Paths []Path
	// Service is the restart name in the agent's allow-list; "" means never restart.
	Service string
	// Agent is the key of the node's agent, as the monitor uses it in [AgentUp]; needed with Service.
	Agent string
}

// Path is a group of checks that are judged together.
type Path struct {
	Checks []CheckID
	// Need is how many of them must be up for the path to be up. 0 means
	// all (worst wins), 1 any, more a quorum.
	Need int
}

// Check is one thing that is looked at again and again.
type Check struct {
	ID       CheckID
	Interval time.Duration
	// Fall and Rise are how many probes in a row turn the verdict. At least 1.
	Fall, Rise int
	// DependsOn are checks without which this one says nothing: while one of
	// them fails, failures of this one are not counted (reason parent-down).
	// A parent only silences. To make a parent's failure take a member down,
	// list it among the member's own checks too.
	DependsOn []CheckID
}

// OnFailure is the order of removal and restart (F03).
type OnFailure uint8

// Orders of removal and restart. RemoveFirst is the zero value and the default.
const (
	RemoveFirst  OnFailure = iota // out of DNS at once, then restart
	RestartFirst                  // restart, look again after the command, and only then remove
)

// OnAllDown says what is published when no member is good.
type OnAllDown uint8

// What is published when no member is good. KeepLast is the zero value and the default.
const (
	KeepLast OnAllDown = iota // the set published before the incident began (M4)
	All                       // every member that is not drained
	None                      // nothing: the only setting that may empty a record
)

// Floor is min_members: a number, or a percentage of the configured members,
// rounded up. The zero value means 1. A number greater than the pool means all.
type Floor struct {
	Number  int
	Percent float64
}

// Of is the floor of a pool with n members: at least 1, at most n.
func (f Floor) Of(n int) int {
	k := f.Number
	if f.Percent > 0 {
		k = int(f.Percent * float64(n) / 100)
		if float64(k)*100 < f.Percent*float64(n) {
			k++
		}
	}
	return max(min(max(k, 1), n), 0)
}

// Flap says when a member that goes up and down stays out (M10).
type Flap struct {
	// Downs within Window make a member flapping. 0 switches it off.
	Downs  int
	Window time.Duration
	// Hold is how long it must be up to return.
	Hold time.Duration
}

// Guard is what holds removals back when the monitor itself may be blind (M4).
type Guard struct {
	// Members is the least number that must fail together; 0 switches the mass-failure guard off.
	Members int
	// Share is the part of the members that were up, 0 to 1, that must be exceeded.
	Share float64
	// Anchors are checks of things that answer whenever this monitor can see at all.
	Anchors []CheckID
}

// Validate reports everything that is impossible in c, joined.
func (c Config) Validate() error {
	var errs []error
	bad := func(format string, a ...any) { errs = append(errs, fmt.Errorf(format, a...)) }
	if c.Monitor == "" {
		bad("monitor id is empty")
	}
	if c.Lease <= 0 {
		bad("lease %v: must be positive", c.Lease)
	}
	checks := make(map[CheckID]Check, len(c.Checks))
	for _, k := range c.Checks {
		if _, dup := checks[k.ID]; dup {
			bad("check %s: configured twice", k.ID)
		}
		checks[k.ID] = k
		if k.Fall < 1 || k.Rise < 1 || k.Interval <= 0 {
			bad("check %s: fall, rise and interval must be positive", k.ID)
		}
	}
	for _, k := range c.Checks {
		for _, p := range k.DependsOn {
			if _, ok := checks[p]; !ok {
				bad("check %s: depends on unknown check %s", k.ID, p)
			}
		}
	}
	if loop := dependencyLoop(c.Checks); loop != "" {
		bad("check %s: depends on itself", loop)
	}
	for _, a := range c.Guard.Anchors {
		if _, ok := checks[a]; !ok {
			bad("guard: anchor %s is no configured check", a)
		}
	}
	pools := make(map[order.PoolID]bool, len(c.Pools))
	for _, p := range c.Pools {
		if pools[p.ID] {
			bad("pool %s: configured twice", p.ID)
		}
		pools[p.ID] = true
		errs = append(errs, p.validate(checks)...)
	}
	return errors.Join(errs...)
}

func (p Pool) validate(checks map[CheckID]Check) (errs []error) {
	bad := func(format string, a ...any) {
		errs = append(errs, fmt.Errorf("pool %s: "+format, append([]any{p.ID}, a...)...))
	}
	if len(p.Members) == 0 {
		bad("no members")
	}
	seen := make(map[string]bool, len(p.Members))
	for _, m := range p.Members {
		if m.Value == "" || m.Value != order.CanonicalValue(p.ID.Type(), m.Value) {
			bad("member %q: value is not canonical", m.Value)
		}
		if seen[m.Value] {
			bad("member %s: configured twice", m.Value)
		}
		seen[m.Value] = true
		if len(m.Paths) == 0 {
			bad("member %s: nothing to check", m.Value)
		}
		if m.Service != "" && m.Agent == "" {
			bad("member %s: service %s without an agent", m.Value, m.Service)
		}
		for _, path := range m.Paths {
			if len(path.Checks) == 0 || path.Need < 0 || path.Need > len(path.Checks) {
				bad("member %s: a path needs %d of %d checks", m.Value, path.Need, len(path.Checks))
			}
			for _, id := range path.Checks {
				if _, ok := checks[id]; !ok {
					bad("member %s: unknown check %s", m.Value, id)
				}
			}
		}
	}
	if p.Flap.Downs > 0 && (p.Flap.Window <= 0 || p.Flap.Hold <= 0) {
		bad("flap without window or hold")
	}
	if p.Grace < 0 || p.RestartTimeout < 0 {
		bad("negative grace or restart timeout")
	}
	return errs
}

// dependencyLoop returns a check that depends on itself, directly or not, or "".
func dependencyLoop(checks []Check) CheckID {
	parents := make(map[CheckID][]CheckID, len(checks))
	for _, k := range checks {
		parents[k.ID] = k.DependsOn
	}
	const walking, done = 1, 2
	mark := make(map[CheckID]int, len(checks))
	var walk func(CheckID) bool
	walk = func(id CheckID) bool {
		switch mark[id] {
		case walking:
			return true
		case done:
			return false
		}
		mark[id] = walking
		loop := slices.ContainsFunc(parents[id], walk)
		mark[id] = done
		return loop
	}
	for _, k := range checks {
		if walk(k.ID) {
			return k.ID
		}
	}
	return ""
}
