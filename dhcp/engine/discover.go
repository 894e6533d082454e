package engine

import (
	"loadshare/dhcp/failover"
	"loadshare/dhcp/lease"
	"loadshare/dhcp/option"
	"loadshare/dhcp/packet"
	"loadshare/dhcp/scope"
)

// choice is an address for a client.
type choice struct {
	ip    lease.IP
	scope *scope.Scope
	held  *scope.Reservation // by which it is this client's; nil: it is dynamic
	old   bool               // it has it, or had it last
	has   bool               // it has it
}

// discover answers a DISCOVER (RFC 2131, 4.3.1).
func (m *Machine) discover(a *ask) {
	served, why := m.servedScopes(a, failover.Discover)
	if len(served) == 0 {
		m.silent(a, why, 0)
		m.shadow(a, a.link.Scopes()[0], false, nil)
		return
	}
	c, why := m.choose(a, served, false)
	if c.ip == 0 {
		m.silent(a, why, 0)
		return
	}
	terms := m.terms(a, c.scope, c.held)
	if terms.V6OnlyWait != nil && !c.has && c.held == nil {
		m.offerNothing(a, c.scope, &terms)
		return
	}
	l := m.get(c.ip)
	if m.mustProbe(a, &c, &l, terms.PingCheck) {
		m.probe(c.ip, a, false)
		return
	}
	if terms.RapidCommit && a.p.Options.Has(option.RapidCommit) && !a.trying && !a.late {
		m.give(a, &c, &terms, packet.Ack)
		return
	}
	if m.offers.by[c.ip] == nil && len(m.offers.by) >= maxOffers && !m.offers.endOldest(m) {
		m.silent(a, OffersFull, c.ip)
		return
	}
	m.offerTo(c.ip, a, a.probed == c.ip)
	term := m.term(&l, a.c, m.desired(a, &terms))
	r := m.reply(a, packet.Offer, &terms, c.ip, term.End-m.now.Wall)
	if a.p.Options.Has(option.ClientFQDN) {
		m.named81(a, r, c.ip, &terms)
	}
	m.send(a, r)
	m.waiters.why(a.key, Offered)
	m.shadow(a, c.scope, true, &terms)
	m.note(Note{Reason: Offered, IP: c.ip, Client: a.c, Scope: c.scope.Name, Relay: a.p.GIAddr})
}

// ahead probes the address that a DISCOVER would be answered with.
func (m *Machine) ahead(a *ask) {
	if a.link.IsZero() || a.id.Denied {
		return
	}
	served, _ := m.servedScopes(a, failover.Discover)
	c, _ := m.choose(a, served, false)
	if c.ip == 0 {
		return
	}
	l, terms := m.get(c.ip), m.terms(a, c.scope, c.held)
	if m.mustProbe(a, &c, &l, terms.PingCheck) {
		m.probe(c.ip, a, false)
	}
}

// servedScopes are the scopes of the client's link where this server answers it; of none, why.
func (m *Machine) servedScopes(a *ask, kind failover.Kind) (served []*scope.Scope, why Reason) {
	why = NotAdmitted
	served = m.scratch[:0]
	for _, s := range a.link.Scopes() {
		if s.Deactivated || kind == failover.BOOTP && !s.BOOTP && !s.DynamicBOOTP || kind != failover.BOOTP && s.NoDHCP {
			continue
		}
		ok, no := m.serves(a, s, kind)
		if !ok {
			why = no
			continue
		}
		served = append(served, s)
	}
	m.scratch = served
	return served, why
}

// choose finds an address: the client's reservation, its lease, the one that it had, the one that it asks for, the next one.
func (m *Machine) choose(a *ask, served []*scope.Scope, bootp bool) (choice, Reason) {
	frozen := m.clock.doubted()
	for _, s := range served {
		r := m.reservation(a, s)
		if r == nil {
			continue
		}
		l := m.get(r.Address)
		ok, _ := m.may(&l, a.c, bootp)
		if ok && !m.offers.taken(r.Address, a.key) && (!frozen || l.Same(a.c)) {
			return choice{ip: r.Address, scope: s, held: r, old: l.Same(a.c), has: l.State == lease.Active}, 0
		}
		m.note(Note{Reason: ReservedInUse, IP: r.Address, Client: a.c, Scope: s.Name})
	}
	if c, ok := m.own(a, served, bootp); ok {
		return c, 0
	}
	if frozen {
		return choice{}, ClockDoubted
	}
	if ip := m.offers.client[a.key]; ip != 0 && !bootp {
		if c, ok := m.free(a, served, ip); ok {
			return c, 0
		}
	}
	if !m.mayTakeNew(a) {
		return choice{}, TooMany
	}
	if a.wants != 0 {
		if c, ok := m.free(a, served, a.wants); ok {
			return c, 0
		}
	}
	why := NotAdmitted
	for _, s := range served {
		p := m.scopePool[s]
		if p == nil || p.size == 0 || !m.cfg.Scopes.Admits(a.id, s, bootp) {
			continue
		}
		if ip, ok := m.next(p, a.c, bootp); ok {
			return choice{ip: ip, scope: s}, 0
		}
		if m.askAbandoned(a, p) {
			return choice{}, Probing
		}
		if ip := m.takeBack(a, p, bootp); ip != 0 {
			return choice{ip: ip, scope: s}, 0
		}
		why = PoolEmpty
	}
	return choice{}, why
}

// own is the lease that the client has on its link, or else the one that it had last.
func (m *Machine) own(a *ask, served []*scope.Scope, bootp bool) (best choice, ok bool) {
	var newest int64
	for i, n := m.table.first(byKey, &a.c), 0; i >= 0 && n < maxOwn; i, n = m.table.following(byKey, &a.c, i), n+1 {
		r := m.table.at(i)
		s := scopeIn(served, a.link.ScopeOf(r.ip))
		if s == nil || r.pool < 0 || m.offers.taken(r.ip, a.key) || !m.cfg.Scopes.Admits(a.id, s, bootp) {
			continue
		}
		has := r.state == uint8(lease.Active)
		if best.has && !has || best.has == has && int64(r.cltt) <= newest && best.ip != 0 {
			continue
		}
		l := r.lease(m.scopeNames)
		if may, _ := m.may(&l, a.c, bootp); !may {
			continue
		}
		best, newest = choice{ip: r.ip, scope: s, old: true, has: has}, l.CLTT
	}
	return best, best.ip != 0
}

func scopeIn(served []*scope.Scope, s *scope.Scope) *scope.Scope {
	for _, x := range served {
		if x == s && s != nil {
			return s
		}
	}
	return nil
}

// free is that address, if it can be given to the client as a dynamic one.
func (m *Machine) free(a *ask, served []*scope.Scope, ip lease.IP) (choice, bool) {
	s := scopeIn(served, a.link.ScopeOf(ip))
	if s == nil || m.poolOf(ip) < 0 || m.offers.taken(ip, a.key) || !m.cfg.Scopes.Admits(a.id, s, false) {
		return choice{}, false
	}
	l := m.get(ip)
	if ok, _ := m.may(&l, a.c, s.DynamicBOOTP); !ok || l.State == lease.Active {
		return choice{}, false
	}
	return choice{ip: ip, scope: s}, true
}

const parked = 30 // seconds, when nothing says how long

const parkAtOnce = 64 // addresses that may be refused in one search; the next search goes on behind them

// next is the address of the pool that is given next: see pool. What may not be given is parked.
func (m *Machine) next(p *pool, c lease.Client, bootp bool) (lease.IP, bool) {
	bootp = bootp || p.scope.DynamicBOOTP // checklist D27
	role, partners := failover.Main, p.pair < 0
	lists := [2]int8{freeList, backupList}
	if p.pair >= 0 {
		role = m.pairs[p.pair].cfg.Role
		if role == failover.Backup {
			lists = [2]int8{backupList, freeList}
		}
		probe := lease.Lease{State: lease.Backup}
		if role == failover.Backup {
			probe.State = lease.Free
		}
		partners, _ = m.pairs[p.pair].m.May(probe, c, bootp)
	}
	for n, list := range lists {
		if n == 1 && !partners {
			break
		}
		if list == freeList && p.ordered[freeList] == nil {
			used := func(ip lease.IP) bool { return m.table.find(ip) >= 0 || m.offers.by[ip] != nil }
			if ip, ok := p.unused(used); ok {
				return ip, true
			}
		}
		for range parkAtOnce {
			ip, ok := p.first(m.table, list, role)
			if !ok {
				break
			}
			i := m.table.find(ip)
			if i < 0 {
				return ip, true
			}
			l := m.table.at(i).lease(m.scopeNames)
			if ok, _ := m.may(&l, c, bootp); ok {
				return ip, true
			}
			m.park(p, i, &l)
		}
	}
	return 0, false
}

// park takes an address out of its list until something changes, or its time comes.
func (m *Machine) park(p *pool, i int32, l *lease.Lease) {
	p.park(m.table, i)
	at := max(l.Hold+1, m.now.Wall+parked)
	if p.pair >= 0 && m.pairs[p.pair].m.State() == partnerDown {
		at = max(at, m.pairs[p.pair].m.ReuseAt(*l)+1)
	}
	m.timers.set(i, stamp(at))
}

// askAbandoned probes the address that was abandoned first: the pool has nothing else.
func (m *Machine) askAbandoned(a *ask, p *pool) bool {
	ip, ok := p.first(m.table, abandonedList, failover.Main)
	if !ok || p.pair >= 0 && !m.maySweep(p.pair) {
		return false
	}
	l := m.get(ip)
	if l.Start+reclaimAfter > m.now.Wall {
		return false
	}
	p.park(m.table, m.table.find(ip))
	m.timers.set(m.table.find(ip), stamp(m.now.Wall+reclaimAfter))
	m.probe(ip, a, true)
	return true
}

const reclaimAfter = 60 // seconds that an abandoned address is left alone at least

// mustProbe says that somebody may use the address though nobody has it.
func (m *Machine) mustProbe(a *ask, c *choice, l *lease.Lease, check bool) bool {
	if c.has || a.probed == c.ip {
		return false
	}
	if e := m.offers.by[c.ip]; e != nil && e.probed && e.key == a.key {
		return false
	}
	if i := m.pairOf(c.ip); i >= 0 && m.pairs[i].m.Doubtful(*l) {
		return true
	}
	return check && !c.old
}
