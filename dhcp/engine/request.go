package engine

import (
	"loadshare/dhcp/failover"
	"loadshare/dhcp/failover/wire"
	"loadshare/dhcp/lease"
	"loadshare/dhcp/option"
	"loadshare/dhcp/packet"
	"loadshare/dhcp/scope"
)

const partnerDown = wire.PartnerDown

// request answers a REQUEST: SELECTING names a server, INIT-REBOOT asks for an address, RENEWING and REBINDING have one (RFC 2131,
// table 4).
func (m *Machine) request(a *ask) {
	m.waiters.requests(a.key)
	switch {
	case a.names != 0:
		m.selecting(a)
	case a.p.CIAddr != 0:
		m.extend(a)
	case a.wants != 0:
		m.reboot(a)
	default:
		m.silent(a, NotForUs, 0)
	}
}

// selecting: "54 is ours: ACK if the address can be committed to this client, else NAK. 54 is another's: silently drop our offer".
func (m *Machine) selecting(a *ask) {
	if !m.ours(a) {
		if ip := m.offers.client[a.key]; ip != 0 {
			m.offers.end(m, ip)
		}
		m.waiters.done(a.key) // somebody serves it
		m.silent(a, OtherServer, 0)
		m.shadow(a, m.scopeFor(a, a.link.ScopeOf(a.wants)), false, nil)
		return
	}
	ip := a.wants
	if ip == 0 {
		ip = a.p.CIAddr // some clients renew so
	}
	s := a.link.ScopeOf(ip)
	if s == nil {
		m.refuse(a, ip, WrongNetwork)
		return
	}
	if !m.locals[a.names] && m.scopePair[s] >= 0 && m.offers.client[a.key] != ip {
		m.silent(a, PartnersOffer, ip) // the relay's name for the server (RFC 5107) is that of both partners
		return
	}
	if ok, why := m.serves(a, s, failover.Select); !ok {
		m.silent(a, why, ip)
		return
	}
	m.commit(a, ip, s, true)
}

// reboot: "address not on the client's link: NAK. Link right, we know the client and the address is wrong: NAK. Right: ACK. No record of
// the client: stay silent (unless configured authoritative)".
func (m *Machine) reboot(a *ask) {
	s := a.link.ScopeOf(a.wants)
	if ok, why := m.serves(a, m.scopeFor(a, s), failover.Reboot); !ok {
		m.silent(a, why, a.wants)
		m.shadow(a, m.scopeFor(a, s), false, nil)
		return
	}
	if s == nil {
		m.elsewhere(a, a.wants)
		return
	}
	m.commit(a, a.wants, s, false)
}

// extend renews: either partner may. A client that rebinds must be on the link of its address.
func (m *Machine) extend(a *ask) {
	ip := a.p.CIAddr
	s := a.link.ScopeOf(ip)
	if ok, why := m.serves(a, m.scopeFor(a, s), failover.Extend); !ok {
		m.silent(a, why, ip)
		return
	}
	if s == nil {
		m.elsewhere(a, ip)
		return
	}
	if !a.p.Options.Has(option.RelayInformation) {
		m.remembered(a, ip)
	}
	m.commit(a, ip, s, false)
}

// remembered adds what a relay said of the client before to a message that came past it (RFC 3046, 2.2).
func (m *Machine) remembered(a *ask, ip lease.IP) {
	i := m.table.find(ip)
	if i < 0 || m.table.at(i).lens[partRelay] == 0 {
		return
	}
	if l := m.table.at(i).lease(m.scopeNames); l.Same(a.c) {
		p := *a.p
		p.Options = append(p.Options[:len(p.Options):len(p.Options)], option.Option{Code: option.RelayInformation, Data: []byte(l.Relay)})
		link := a.link
		a.q.Packet = &p
		a.id = m.cfg.Scopes.Identify(a.q)
		a.link = link
	}
}

// scopeFor is the scope that decides who serves: that of the address, or the first of the link.
func (m *Machine) scopeFor(a *ask, s *scope.Scope) *scope.Scope {
	if s != nil {
		return s
	}
	return a.link.Scopes()[0]
}

// elsewhere: the client has an address of another network.
func (m *Machine) elsewhere(a *ask, ip lease.IP) {
	if m.cfg.Authoritative || m.table.first(byKey, &a.c) >= 0 {
		m.refuse(a, ip, WrongNetwork)
		return
	}
	m.silent(a, UnknownClient, ip)
}

// commit gives the client the address that it names, or says that it may not have it. chosen: it is what this server offered.
func (m *Machine) commit(a *ask, ip lease.IP, s *scope.Scope, chosen bool) {
	l := m.get(ip)
	has := l.State == lease.Active && l.Same(a.c)
	own := m.reservation(a, s)
	if own != nil && own.Address != ip {
		if r := m.get(own.Address); m.canHave(a, &r) {
			m.refuse(a, ip, ReservedElse)
			return
		}
	}
	if own != nil && own.Address == ip {
		m.commitLease(a, choice{ip: ip, scope: s, held: own, old: l.Same(a.c), has: has}, &l, chosen)
		return
	}
	if m.reservedForOther(ip, own) {
		m.refuse(a, ip, ReservedForOther)
		return
	}
	if s.Deactivated || s.NoDHCP || m.poolOf(ip) < 0 || !m.cfg.Scopes.Admits(a.id, s, false) {
		if has || chosen || m.cfg.Authoritative {
			m.refuse(a, ip, NotAvailable)
		} else {
			m.silent(a, NotAdmitted, ip)
		}
		return
	}
	m.commitLease(a, choice{ip: ip, scope: s, old: l.Same(a.c), has: has}, &l, chosen)
}

func (m *Machine) canHave(a *ask, l *lease.Lease) bool {
	ok, _ := m.may(l, a.c, false)
	return ok && !m.offers.taken(l.IP, a.key)
}

// commitLease is commit once it is known that the configuration does not forbid it.
func (m *Machine) commitLease(a *ask, c choice, l *lease.Lease, chosen bool) {
	may, no := m.may(l, a.c, c.scope.DynamicBOOTP && !c.has && c.held == nil)
	offered := m.offers.by[c.ip] != nil && !m.offers.taken(c.ip, a.key)
	switch {
	case c.has && may:
	case !may && no == failover.AnotherClient:
		m.refuse(a, c.ip, AnotherHasIt)
		return
	case !may && chosen:
		m.refuse(a, c.ip, NotAvailable)
		return
	case !may:
		m.notMine(a, c.ip, no)
		return
	case m.offers.taken(c.ip, a.key):
		m.refuse(a, c.ip, AnotherHasIt)
		return
	case !chosen && m.hasOther(a, c.ip):
		m.refuse(a, c.ip, NotAvailable) // "we know the client and the address is wrong"
		return
	case !chosen && !c.old && c.held == nil && !offered:
		m.unknown(a, c.ip)
		return
	case m.clock.doubted() && !c.old:
		m.silent(a, ClockDoubted, c.ip)
		return
	case m.doubtful(c.ip, l) && !(offered && m.offers.by[c.ip].probed):
		if chosen {
			m.refuse(a, c.ip, NotAvailable) // it begins anew, and is probed
		} else {
			m.silent(a, NotAvailable, c.ip)
		}
		return
	}
	if chosen && !offered && !c.has && !c.old && c.held == nil && !m.mayTakeNew(a) { // what was offered was counted then
		m.silent(a, TooMany, c.ip)
		return
	}
	if offered || c.has || c.old {
		m.prove(a)
	}
	terms := m.terms(a, c.scope, c.held)
	m.give(a, &c, &terms, packet.Ack)
}

func (m *Machine) doubtful(ip lease.IP, l *lease.Lease) bool {
	i := m.pairOf(ip)
	return i >= 0 && l.State != lease.Active && m.pairs[i].m.Doubtful(*l)
}

// hasOther says that the client has a lease of another address on its link.
func (m *Machine) hasOther(a *ask, ip lease.IP) bool {
	for i, n := m.table.first(byKey, &a.c), 0; i >= 0 && n < maxOwn; i, n = m.table.following(byKey, &a.c, i), n+1 {
		if r := m.table.at(i); r.ip != ip && r.state == uint8(lease.Active) && a.link.ScopeOf(r.ip) != nil && int64(max(r.end, r.told)) >= m.now.Wall {
			return true
		}
	}
	return false
}

// notMine: the address may be the client's, as far as the partner knows; only a single server is sure that it is not.
func (m *Machine) notMine(a *ask, ip lease.IP, no failover.Reason) {
	if m.cfg.Authoritative && m.pairOf(ip) < 0 {
		m.refuse(a, ip, NotAvailable)
		return
	}
	m.silent(a, reasonOf(no), ip)
}

// unknown: nothing is known of the client and that address. In a pair it may be a lease whose update has not come yet, unless the address
// is of this server's own share.
func (m *Machine) unknown(a *ask, ip lease.IP) {
	if m.cfg.Authoritative {
		m.refuse(a, ip, NotAvailable)
		return
	}
	m.silent(a, UnknownClient, ip)
}
