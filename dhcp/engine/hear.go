package engine

import (
	"loadshare/dhcp/failover"
	"loadshare/dhcp/lease"
	"loadshare/dhcp/option"
	"loadshare/dhcp/packet"
	"loadshare/dhcp/scope"
)

// ask is a client's message, with what was worked out of it.
type ask struct {
	heard    Heard
	p        *packet.Packet
	from     packet.Arrival
	q        scope.Query
	c        lease.Client
	key      string // of c
	link     scope.Link
	id       scope.Identity
	relay    option.Relay
	serverID lease.IP // option 54 of replies
	names    lease.IP // option 54 of the message; 0: none
	wants    lease.IP // option 50; 0: none
	probed   lease.IP // nobody answered a probe of it just now
	tries    int      // addresses that answered
	second   bool
	firm     bool  // it has asked before when there was nothing left
	trying   bool  // the client is served as its second try
	late     bool  // the message came before: see left
	ahead    bool  // it is not answered yet
	leftTo   int32 // index of the pair whose partner answers it
}

// heard is a client's message.
func (m *Machine) heard(in Heard) {
	if !m.prepare(in) {
		return
	}
	a := &m.ask
	m.left.drop(a.key)
	if a.p.GIAddr != 0 {
		m.hearRelay(a.p.GIAddr)
	}
	if a.p.Type == packet.Discover {
		a.second = m.waiters.discovers(a.key, a.c, a.p.GIAddr, m.crowdOf(a), m.now.Mono, m.now.Wall)
	}
	m.answer(a)
}

// answer answers a message, at once or after a probe of an address.
func (m *Machine) answer(a *ask) {
	switch a.p.Type {
	case packet.LeaseQuery:
		m.leaseQuery(a)
		return
	case packet.Inform:
		m.inform(a)
		return
	case packet.Decline:
		m.decline(a)
		return
	case packet.Release:
		m.release(a)
		return
	}
	if a.link.IsZero() {
		m.silent(a, NoScope, 0)
		return
	}
	if a.id.Denied {
		m.silent(a, DeniedClient, 0)
		return
	}
	if m.unwell != "" {
		m.silent(a, StoreUnwell, 0)
		return
	}
	if len(m.promises) >= maxPromises {
		m.silent(a, DiskBehind, 0)
		return
	}
	switch a.p.Type {
	case packet.Discover:
		m.discover(a)
	case packet.Request:
		m.request(a)
	case packet.BOOTP:
		m.bootp(a)
	}
}

// prepare works out what the answer depends on; false: there is none.
func (m *Machine) prepare(in Heard) bool {
	p := in.Packet
	if p == nil || p.Reply || p.Type > packet.LeaseQuery || p.Type == packet.Offer || p.Type == packet.Ack || p.Type == packet.Nak {
		m.note(Note{Reason: NotForUs})
		return false
	}
	a := &m.ask
	*a = ask{heard: in, p: p, from: in.From, c: p.Client()}
	if a.c.ID == "" && a.c.CHAddr == "" && p.Type != packet.LeaseQuery {
		m.note(Note{Reason: NoIdentity, Relay: p.GIAddr})
		return false
	}
	a.key = a.c.Key()
	a.q = scope.Query{Packet: p, Interface: in.From.Interface, Local: in.From.Local}
	a.link = m.cfg.Scopes.Link(a.q)
	a.id = m.cfg.Scopes.Identify(a.q)
	a.serverID = in.From.Local
	if v, ok := p.Options.Get(option.RelayInformation); ok {
		a.relay = option.ParseRelay(v)
		if a.relay.ServerID != 0 {
			a.serverID = lease.IP(a.relay.ServerID) // RFC 5107, 4
		}
	}
	if v, ok := p.Options.Uint32(option.ServerIdentifier); ok {
		a.names = lease.IP(v)
	}
	if v, ok := p.Options.Uint32(option.RequestedAddress); ok {
		a.wants = lease.IP(v)
	}
	if in.From.Local != 0 && !m.locals[in.From.Local] && len(m.locals) < 256 {
		m.locals[in.From.Local] = true
	}
	return true
}

// maxPromises is how many acknowledgements may wait for the disk.
const maxPromises = 65536

// ours says that the message names this server.
func (m *Machine) ours(a *ask) bool { return a.names == a.serverID || m.locals[a.names] }

// silent notes why there is no answer.
func (m *Machine) silent(a *ask, why Reason, ip lease.IP) {
	if a.p.Type == packet.Discover {
		m.waiters.why(a.key, why)
	}
	n := Note{Reason: why, IP: ip, Client: a.c, Relay: a.p.GIAddr}
	if s := a.link.Scopes(); len(s) > 0 {
		n.Scope = s[0].Name
	}
	if why == TooMany {
		n.Port, n.Interface = string(a.relay.Circuit), a.from.Interface
	}
	m.note(n)
	if why == PartnersClient {
		m.leave(a)
	}
}

// serves says whether this server answers such a message of the client in that scope.
func (m *Machine) serves(a *ask, s *scope.Scope, kind failover.Kind) (bool, Reason) {
	i := m.scopePair[s]
	if i < 0 {
		return true, 0
	}
	p := m.pairs[i]
	ok, why := p.m.Serve(failover.Query{Kind: kind, Client: a.c, Secs: a.p.Secs, Second: a.second})
	if ok && why == failover.SecondTry {
		if !a.trying && a.tries == 0 && !p.second.take(m.now.Mono) {
			return false, SecondTryLimit
		}
		a.trying = true
	}
	if why == failover.PartnersClient {
		a.leftTo = i
		ok = ok || a.ahead
	}
	return ok, reasonOf(why)
}

// reasonOf is the failover's reason for silence as ours.
func reasonOf(r failover.Reason) Reason {
	switch r {
	case failover.PartnersClient:
		return PartnersClient
	case failover.PartnersOffer:
		return PartnersOffer
	case failover.PartnersShare, failover.PartnerMustKnow:
		return PartnersLease
	case failover.AnotherClient:
		return AnotherHasIt
	case failover.HeldBack, failover.AbandonedAddress:
		return NotAvailable
	}
	return NotServing
}

// terms are what the client gets in that scope.
func (m *Machine) terms(a *ask, s *scope.Scope, r *scope.Reservation) scope.Terms {
	return m.cfg.Scopes.Terms(a.q, a.id, s, r)
}

// reservation is the client's in that scope; nil: none.
func (m *Machine) reservation(a *ask, s *scope.Scope) *scope.Reservation {
	return m.cfg.Scopes.ReservationFor(a.q, s)
}

// reservedForOther says that the address is another client's by configuration; own is the reservation of this one, or nil.
func (m *Machine) reservedForOther(ip lease.IP, own *scope.Reservation) bool {
	r := m.cfg.Scopes.Reserved(ip)
	return r != nil && r != own
}
