package engine

import (
	"time"

	"loadshare/dhcp/failover"
	"loadshare/dhcp/failover/wire"
	"loadshare/dhcp/lease"
)

const sweepPairAtOnce = 512 // records that are looked at in one Step after the state of a pair has changed

// pair is one relationship.
type pair struct {
	index  int32 // in Machine.pairs
	cfg    failover.Config
	m      *failover.Machine
	state  wire.EndpointState
	wall   int64 // of its last Step
	next   time.Duration
	own    []ownBatch // of the endpoint, not yet durable
	owed   []owedIP   // changed here, not yet durable
	ips    []lease.IP
	out    failover.Output
	acts   bool
	second bucket // second tries of the partner's clients (decision D-f)

	sweeping bool // the state has changed: all leases are looked at
	at       lease.IP
}

type ownBatch struct{ own, batch uint64 }

type owedIP struct {
	ip    lease.IP
	batch uint64
}

// pairTable is the table as one relationship sees it.
type pairTable struct {
	m *Machine
	p *pair
}

// Get implements failover.Table.
func (t pairTable) Get(ip lease.IP) (lease.Lease, bool) {
	if i := t.m.table.find(ip); i >= 0 {
		r := t.m.table.at(i)
		if r.pair != t.p.index || r.orphan {
			return lease.Lease{}, false
		}
		return r.lease(t.m.scopeNames), true
	}
	if p := t.m.poolOf(ip); p >= 0 {
		return lease.Lease{IP: ip, State: lease.Free}, t.m.pools[p].pair == t.p.index
	}
	if t.m.cfg.Scopes.Reserved(ip) != nil && t.m.pairOfScope(ip) == t.p.index {
		return lease.Lease{IP: ip, State: lease.Free, Flags: lease.Reserved}, true
	}
	return lease.Lease{}, false
}

// Settled implements failover.Table.
func (t pairTable) Settled(ip lease.IP) bool {
	i := t.m.table.find(ip)
	return i < 0 || t.m.table.at(i).batch <= t.m.durable
}

// Next implements failover.Table.
func (t pairTable) Next(ip lease.IP) (lease.Lease, bool) {
	for i := t.m.table.after(ip); i >= 0; i = t.m.table.after(t.m.table.at(i).ip) {
		if r := t.m.table.at(i); r.pair == t.p.index && !r.orphan {
			return r.lease(t.m.scopeNames), true
		}
	}
	return lease.Lease{}, false
}

// Shares implements failover.Counter.
func (t pairTable) Shares(name string) (s failover.Shares, ok bool) {
	for _, p := range t.m.pools {
		if p.pair == t.p.index && p.about.Name == name {
			s.Free, s.Backup = p.available()
			return s, true
		}
	}
	return s, false
}

// startPair makes the endpoint; its index is known already.
func (m *Machine) startPair(c failover.Config, s failover.Start) {
	i := m.pairBy[c.Name]
	p := m.pairs[i]
	p.cfg = m.withPools(c, i)
	var out failover.Output
	p.m, out = failover.New(p.cfg, s, pairTable{m, p}, m.now)
	p.state = p.m.State()
	p.second = bucket{burst: 100, rate: 50}
	m.took(p, out)
	p.sweeping, p.at = true, 0
}

// withPools adds what scopes say.
func (m *Machine) withPools(c failover.Config, i int32) failover.Config {
	c.Pools = nil
	for _, p := range m.pools {
		if p.pair == i {
			c.Pools = append(c.Pools, p.about)
		}
	}
	return c
}

func (m *Machine) stepPair(p *pair, in failover.Input) {
	m.took(p, p.m.Step(m.now, in))
}

// took carries out what an endpoint decided: its leases and its state are part of this step's batch.
func (m *Machine) took(p *pair, out failover.Output) {
	p.wall, p.next = m.now.Wall, out.Next
	for _, l := range out.Leases {
		before := m.get(l.IP)
		held := before.State == lease.Active || l.State == lease.Active
		news := held && (before.State != l.State || !before.Same(l.Client))
		if l.Scope == "" {
			if s := m.cfg.Scopes.ScopeOf(l.IP); s != nil {
				l.Scope = s.Name
			}
		}
		m.put(l, change{why: ByPartner, by: l.Client, ours: p.cfg.ISC || before.State.Waiting() && l.State == lease.Free, quiet: !news})
		if l.State == lease.Active {
			key := l.Client.Key()
			m.offers.drop(m, l.IP, key)
			m.waiters.done(key)
			m.left.drop(key)
		}
	}
	if out.Saved != nil {
		m.saved(PairSaved{p.cfg.Name, *out.Saved})
	}
	if out.Batch != 0 {
		p.own = append(p.own, ownBatch{out.Batch, m.cur()})
	}
	o := &p.out
	o.Send = append(o.Send, out.Send...)
	o.Close = append(o.Close, out.Close...)
	o.Conflicts = append(o.Conflicts, out.Conflicts...)
	o.Replies = append(o.Replies, out.Replies...)
	o.Notes = append(o.Notes, out.Notes...)
	o.Dial = o.Dial || out.Dial
	o.Stopped = o.Stopped || out.Stopped
	p.acts = p.acts || len(out.Send)+len(out.Close)+len(out.Conflicts)+len(out.Replies)+len(out.Notes) > 0 || out.Dial || out.Stopped
	if s := p.m.State(); s != p.state {
		p.state = s
		p.sweeping, p.at = true, 0
	}
}

func (m *Machine) saved(s PairSaved) {
	for i := range m.out.Write.Saved {
		if m.out.Write.Saved[i].Name == s.Name {
			m.out.Write.Saved[i] = s
			return
		}
	}
	m.out.Write.Saved = append(m.out.Write.Saved, s)
}

// pairOutput hands out what the endpoint wants, once a step.
func (m *Machine) pairOutput(p *pair) {
	if !p.acts {
		return
	}
	m.out.Pairs = append(m.out.Pairs, PairOutput{p.cfg.Name, p.out})
	p.out = failover.Output{}
	p.acts = false
}

// owe says that the partner must hear of a change that this server made, once it is durable.
func (m *Machine) owe(ip lease.IP) {
	if i := m.pairOf(ip); i >= 0 {
		m.pairs[i].owed = append(m.pairs[i].owed, owedIP{ip, m.cur()})
	}
}

// pairDurable tells an endpoint what is on disk.
func (m *Machine) pairDurable(p *pair) {
	n := 0
	for n < len(p.own) && p.own[n].batch <= m.durable {
		n++
	}
	if n > 0 {
		own := p.own[n-1].own
		p.own = shift(p.own, n)
		m.stepPair(p, failover.Durable{Batch: own, Seq: m.seq})
	}
	n = 0
	p.ips = p.ips[:0]
	for n < len(p.owed) && p.owed[n].batch <= m.durable {
		p.ips = append(p.ips, p.owed[n].ip)
		n++
	}
	if n > 0 {
		p.owed = shift(p.owed, n)
		m.stepPair(p, failover.Committed{IPs: p.ips, Seq: m.seq})
	}
}

func (m *Machine) onPair(in Pair) {
	i, ok := m.pairBy[in.Name]
	if !ok {
		return
	}
	if r, ok := in.Input.(failover.Received); ok {
		m.partnersClock(int64(r.Message.Time))
	}
	m.stepPair(m.pairs[i], in.Input)
}

// sweepPairs looks at the leases of pairs whose state has changed; true: there is more.
func (m *Machine) sweepPairs() (more bool) {
	for x, p := range m.pairs {
		if !p.sweeping {
			continue
		}
		for range sweepPairAtOnce {
			i := m.table.after(p.at)
			if i < 0 {
				p.sweeping = false
				break
			}
			r := m.table.at(i)
			p.at = r.ip
			if r.pair == int32(x) && !r.orphan {
				l := r.lease(m.scopeNames)
				m.place(i, &l)
			}
		}
		more = more || p.sweeping
	}
	return more
}
