package monitor

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"loadshare/monitor/decide"
	"loadshare/monitor/order"
	"loadshare/probes"
)

// job is one check as it is run: the machine's view of it, and what to look at.
type job struct {
	check  decide.Check
	pool   order.PoolID // "" for a named check
	member string       // what operators call it; the check's name for a named check
	name   string       // of the check, for metrics and `pool why`
	addr   netip.Addr   // not valid: there is nothing to look at yet (see target)
	target string       // the unresolved host name, when addr is not valid
	spec   probes.Spec
}

// plan is a configuration made concrete: what the machine is told, what is
// looked at, and who is talked to. It is replaced whole.
type plan struct {
	decide decide.Config
	jobs   []job
	byID   map[decide.CheckID]int
	// agents are all agents, publishing ones first.
	agents     []netip.AddrPort
	publishing map[netip.AddrPort]bool
	// poolsAt are the pools whose lease an agent is asked for.
	poolsAt map[netip.AddrPort]map[order.PoolID]bool
	// targets are the host names to look up.
	targets []string
	// longest is the longest probe interval.
	longest time.Duration
}

// leaseIntervals is how many probe intervals a lease lasts (M1).
const leaseIntervals = 3

// leastLease keeps a lease above what a short stall of either end takes.
const leastLease = 3 * time.Second

// build makes the configuration concrete with the addresses that the targets
// have now.
func build(c *Config, addresses map[string][]netip.Addr) *plan {
	p := &plan{byID: map[decide.CheckID]int{}, publishing: map[netip.AddrPort]bool{}, poolsAt: map[netip.AddrPort]map[order.PoolID]bool{}}
	for _, a := range c.DNS.Agents {
		p.agents = append(p.agents, a)
		p.publishing[a] = true
		p.poolsAt[a] = map[order.PoolID]bool{}
	}
	for _, k := range c.Checks {
		parents := make([]decide.CheckID, len(k.DependsOn))
		for i, d := range k.DependsOn {
			parents[i] = namedCheck(d)
		}
		p.add(job{check: decideCheck(namedCheck(k.Name), k, parents), member: k.Name, name: k.Name, addr: k.Address, spec: k.Spec})
	}
	for _, pool := range c.Pools {
		p.pool(pool, c, addresses)
	}
	slices.Sort(p.targets)
	p.targets = slices.Compact(p.targets)
	p.longest = time.Second
	for _, j := range p.jobs {
		p.longest = max(p.longest, j.check.Interval)
	}
	p.decide.Monitor = c.ID
	p.decide.Guard = c.Guard
	p.decide.Lease = max(leaseIntervals*p.longest, leastLease)
	p.decide.ResetOnStart = c.DNS.ResetOnStart
	return p
}

func decideCheck(id decide.CheckID, k Check, parents []decide.CheckID) decide.Check {
	return decide.Check{ID: id, Interval: k.Interval, Fall: k.Fall, Rise: k.Rise, DependsOn: parents}
}

func (p *plan) add(j job) {
	p.byID[j.check.ID] = len(p.jobs)
	p.jobs = append(p.jobs, j)
	p.decide.Checks = append(p.decide.Checks, j.check)
}

// pool adds the record sets of one [[pool]].
func (p *plan) pool(pool Pool, c *Config, addresses map[string][]netip.Addr) {
	sets := map[order.RRType]*decide.Pool{}
	for _, m := range pool.Members {
		t := recordType(pool.Type, m)
		set := sets[t]
		if set == nil {
			set = &decide.Pool{
				ID: order.NewPoolID(pool.Record, t), Zone: pool.Zone, TTL: pool.TTL, OnFailure: pool.OnFailure, MinMembers: pool.MinMembers,
				OnAllDown: pool.OnAllDown, Flap: pool.Flap, Grace: pool.Grace, RestartTimeout: pool.RestartTimeout,
			}
			sets[t] = set
		}
		set.Members = append(set.Members, p.member(set.ID, pool, m, c, addresses))
	}
	for _, t := range slices.Sorted(maps.Keys(sets)) {
		p.decide.Pools = append(p.decide.Pools, *sets[t])
		for _, a := range c.DNS.Agents {
			p.poolsAt[a][sets[t].ID] = true
		}
	}
}

func (p *plan) member(id order.PoolID, pool Pool, m Member, c *Config, addresses map[string][]netip.Addr) decide.Member {
	out := decide.Member{Value: m.Name(), Address: m.Name(), Service: m.Service}
	agent := m.Agent
	paths := []netip.Addr{m.IP}
	if m.Target != "" {
		out.Value = fmt.Sprintf("%d %s", m.Preference, m.Target)
		p.targets = append(p.targets, m.Target)
		paths = addresses[m.Target]
		if !agent.IsValid() && len(paths) > 0 {
			agent = netip.AddrPortFrom(paths[0], c.AgentPort)
		}
		if len(paths) == 0 {
			paths = []netip.Addr{{}}
		}
	}
	for _, a := range paths {
		out.Paths = append(out.Paths, p.path(id, pool, m, a))
	}
	if m.Service == "" {
		return out
	}
	if !agent.IsValid() {
		out.Service = "" // until the target has an address
		return out
	}
	out.Agent = agent.String()
	if p.poolsAt[agent] == nil {
		p.agents = append(p.agents, agent)
		p.poolsAt[agent] = map[order.PoolID]bool{}
	}
	p.poolsAt[agent][id] = true
	return out
}

// path adds the checks of one address of a member.
func (p *plan) path(id order.PoolID, pool Pool, m Member, a netip.Addr) decide.Path {
	checks := pool.Checks
	if m.Own != nil {
		checks = m.Own
	}
	name := m.Name()
	if m.Target != "" && a.IsValid() {
		name += "@" + a.String()
	}
	prefix := decide.CheckID(string(id) + " " + name + " ")
	out := decide.Path{Need: pool.Need}
	if m.Own != nil || len(m.Named) > 0 {
		out.Need = 0
	}
	var silencers []decide.CheckID
	for _, n := range m.Named {
		out.Checks = append(out.Checks, namedCheck(n))
		silencers = append(silencers, namedCheck(n))
	}
	for _, n := range m.DependsOn {
		silencers = append(silencers, namedCheck(n))
	}
	for _, k := range checks {
		parents := slices.Clone(silencers)
		for _, d := range k.DependsOn {
			if slices.ContainsFunc(checks, func(o Check) bool { return o.Name == d }) {
				parents = append(parents, prefix+decide.CheckID(d))
			} else {
				parents = append(parents, namedCheck(d))
			}
		}
		slices.Sort(parents)
		j := job{check: decideCheck(prefix+decide.CheckID(k.Name), k, slices.Compact(parents)), pool: id, member: m.Name(), name: k.Name, addr: a, spec: k.Spec}
		if !a.IsValid() {
			j.target = m.Target
		}
		if m.Port != 0 {
			j.spec.Port = m.Port
		}
		p.add(j)
		out.Checks = append(out.Checks, j.check.ID)
	}
	return out
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
