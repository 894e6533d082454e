package engine

import (
	"cmp"
	"maps"
	"slices"

	"loadshare/dhcp/failover"
	"loadshare/dhcp/lease"
	"loadshare/dhcp/scope"
)

const defaultBackupPct = 10 // checklist D22

// configure makes the pools of the configuration, and finds the place of every record in it.
func (m *Machine) configure() {
	old := m.pairBy
	pairs := m.pairs
	m.pairs, m.pairBy = nil, map[string]int32{}
	for _, c := range m.endpoints() {
		p := &pair{}
		if i, ok := old[c.Name]; ok && pairs[i].cfg.Gone == c.Gone {
			p = pairs[i]
		}
		p.index = int32(len(m.pairs))
		m.pairBy[c.Name] = p.index
		m.pairs = append(m.pairs, p)
	}
	t := m.cfg.Scopes
	usages := map[string]usage{}
	for _, p := range m.pools {
		usages[p.scope.Name] = p.use
	}
	m.pools, m.areas = nil, nil
	m.scopePool, m.scopePair = map[*scope.Scope]*pool{}, map[*scope.Scope]int32{}
	for _, s := range t.Scopes() {
		m.scopePair[s] = m.pairFor(s)
	}
	for _, p := range t.Pools() {
		pair := m.pairFor(p.Scope)
		n := newPool(p, pair, p.Scope.BackupShare(defaultBackupPct))
		n.use = usages[p.Scope.Name]
		for _, r := range p.Ranges {
			m.areas = append(m.areas, area{r.First, r.Last, int32(len(m.pools))})
		}
		m.pools = append(m.pools, n)
		m.scopePool[p.Scope] = n
	}
	slices.SortFunc(m.areas, func(a, b area) int { return cmp.Compare(a.first, b.first) })
	m.active, m.orphans = 0, 0
	for i := m.table.after(0); i >= 0; i = m.table.after(m.table.at(i).ip) {
		r := m.table.at(i)
		r.list, r.prev, r.next = noList, 0, 0
		r.flags &^= lease.Reserved
		if t.Reserved(r.ip) != nil {
			r.flags |= lease.Reserved
		}
		m.settleHome(i)
		s := t.ScopeOf(r.ip)
		r.orphan = s == nil
		if r.orphan {
			m.orphans++
		}
		l := r.lease(m.scopeNames)
		m.count(i, &l, 1)
	}
	for ip := range m.offers.by {
		if i := m.poolOf(ip); i >= 0 && m.table.find(ip) < 0 {
			m.pools[i].offered(ip)
		}
	}
	if m.orphans > 0 {
		m.note(Note{Reason: Orphaned, Text: "leases of scopes that are not configured any more are kept"})
	}
}

// settle puts all records into lists, those unused longest first, and sets all timers.
func (m *Machine) settle() {
	all := make([]int32, 0, m.table.len())
	for i := m.table.after(0); i >= 0; i = m.table.after(m.table.at(i).ip) {
		all = append(all, i)
	}
	slices.SortFunc(all, func(a, b int32) int {
		x, y := m.table.at(a), m.table.at(b)
		return cmp.Or(cmp.Compare(x.start, y.start), cmp.Compare(x.ip, y.ip))
	})
	for _, i := range all {
		l := m.table.at(i).lease(m.scopeNames)
		m.place(i, &l)
	}
}

func (m *Machine) pairNamed(name string) int32 {
	if i, ok := m.pairBy[name]; ok && name != "" {
		return i
	}
	return -1
}

// reconfigure is a reload. Leases of scopes that are gone are kept (decision D-h); a pair that is new begins as at a start.
func (m *Machine) reconfigure(c Config) {
	if err := check(c); err != nil {
		m.note(Note{Reason: NotReloaded, Text: err.Error()})
		return
	}
	before := m.cfg.Scopes
	gone := map[string]*pair{}
	for _, p := range m.pairs {
		gone[p.cfg.Name] = p
	}
	turned := m.turned(before, c.Scopes)
	turned = append(turned, m.turned(c.Scopes, before)...)
	m.cfg = withDefaults(c)
	m.offers.forgetAll(m)
	saved := maps.Clone(m.dormant)
	for _, p := range m.pairs {
		saved[p.cfg.Name] = p.m.Saved()
	}
	m.part(saved)
	m.configure()
	for _, pc := range m.endpoints() {
		p := m.pairs[m.pairBy[pc.Name]]
		if gone[pc.Name] == p {
			pc.Role, pc.ISC = p.cfg.Role, p.cfg.ISC // another role needs a restart
			p.cfg = m.withPools(pc, m.pairBy[pc.Name])
			m.stepPair(p, failover.Reconfigure{Config: p.cfg})
			p.sweeping, p.at = true, 0
			continue
		}
		start := m.start
		start.Saved = saved[pc.Name]
		start.Seq, start.LastCommit, start.HasLeases = m.seq, m.now.Wall, m.table.len() > 0
		m.startPair(pc, start)
	}
	for _, ip := range turned {
		m.holdTurned(ip)
	}
	m.settle()
}

// turned are the addresses of pairs that are dynamic in one configuration and reserved in the other.
func (m *Machine) turned(dynamic, reserved *scope.Table) (ips []lease.IP) {
	for _, s := range reserved.Scopes() {
		for k := range s.Reservations {
			if ip := s.Reservations[k].Address; m.pairOf(ip) >= 0 && dynamic.Dynamic(ip) && !reserved.Dynamic(ip) {
				ips = append(ips, ip)
			}
		}
	}
	return ips
}

// holdTurned: an address of a pool has become a reservation, or the other way round. Until the partner has the same configuration it may
// give the address to somebody else: there is an MCLT to reload it, and what it has promised is waited for.
func (m *Machine) holdTurned(ip lease.IP) {
	i := m.pairOf(ip)
	if i < 0 {
		return
	}
	l := m.get(ip)
	l.Hold = max(l.Hold, m.now.Wall+m.pairs[i].m.LongestMCLT()+1)
	m.put(l, change{why: Swept, ours: true, quiet: true})
}
