package engine

import (
	"loadshare/dhcp/failover"
	"loadshare/dhcp/lease"
	"loadshare/dhcp/option"
	"loadshare/dhcp/packet"
	"loadshare/dhcp/scope"
)

// leaseQuery answers a LEASEQUERY (RFC 4388, 6): by address, by hardware address or by client identifier. The answer goes to giaddr, so that
// is who must be allowed to ask.
func (m *Machine) leaseQuery(a *ask) {
	p := a.p
	_, byID := p.Options.Get(option.ClientIdentifier)
	if p.GIAddr == 0 {
		m.silent(a, NotForUs, 0)
		return
	}
	ways := 0
	for _, way := range [...]bool{p.CIAddr != 0, byID, len(p.CHAddr) > 0 && p.HType != 0} {
		if way {
			ways++
		}
	}
	if ways != 1 { // one of the three, and only one (RFC 4388, 6.3)
		m.silent(a, NotForUs, p.CIAddr)
		return
	}
	if p.CIAddr != 0 {
		m.queryAddress(a)
		return
	}
	if !m.cfg.Scopes.MayQuery(p.GIAddr.Addr(), nil) {
		m.silent(a, QueryRefused, 0)
		return
	}
	which := byKey
	if !byID {
		which = byHW
	}
	var all []lease.Lease
	for i, n := m.table.first(which, &a.c), 0; i >= 0 && n < maxAsked; i, n = m.table.following(which, &a.c, i), n+1 {
		r := m.table.at(i)
		s := m.cfg.Scopes.ScopeOf(r.ip)
		if r.state == uint8(lease.Active) && s != nil && m.live(s) && m.cfg.Scopes.MayQuery(p.GIAddr.Addr(), s) {
			all = append(all, r.lease(m.scopeNames))
		}
	}
	best := -1
	for i := range all { // "the address that was used most recently" (RFC 4388, 6.4.2)
		if best < 0 || all[i].CLTT > all[best].CLTT || all[i].CLTT == all[best].CLTT && all[i].IP < all[best].IP {
			best = i
		}
	}
	if best < 0 {
		m.answerQuery(a, packet.LeaseUnknown, 0)
		return
	}
	m.activeLease(a, &all[best], all)
}

func (m *Machine) queryAddress(a *ask) {
	ip := a.p.CIAddr
	s := m.cfg.Scopes.ScopeOf(ip)
	switch {
	case !m.cfg.Scopes.MayQuery(a.p.GIAddr.Addr(), s):
		m.silent(a, QueryRefused, ip)
		return
	case s == nil:
		m.answerQuery(a, packet.LeaseUnknown, ip)
		return
	case !m.live(s):
		m.silent(a, NotServing, ip)
		return
	}
	l := m.get(ip)
	if l.State != lease.Active {
		m.answerQuery(a, packet.LeaseUnassigned, ip)
		return
	}
	var all []lease.Lease
	for i, n := m.table.first(byKey, &l.Client), 0; i >= 0 && n < maxAsked; i, n = m.table.following(byKey, &l.Client, i), n+1 {
		if r := m.table.at(i); r.state == uint8(lease.Active) {
			all = append(all, r.lease(m.scopeNames))
		}
	}
	m.activeLease(a, &l, all)
}

// live says that what this server knows of the scope's leases is worth telling.
func (m *Machine) live(s *scope.Scope) bool {
	i := m.scopePair[s]
	if i < 0 {
		return true
	}
	ok, _ := m.pairs[i].m.Serve(failover.Query{Kind: failover.Extend})
	return ok
}

// answerQuery answers: without a lease with the type and nothing else (RFC 4388, 6.4).
func (m *Machine) answerQuery(a *ask, kind packet.Type, ip lease.IP) *packet.Packet {
	r := packet.NewReply(a.p, kind)
	r.CIAddr = ip
	if kind == packet.LeaseActive {
		r.Options = option.List{{Code: option.ServerIdentifier, Data: option.Uint32Of(a.serverID)}}
	}
	m.send(a, r)
	m.note(Note{Reason: Queried, IP: ip, Relay: a.p.GIAddr})
	return r
}

// activeLease answers with a lease: times that remain, and of what is asked for the client's identifier, what its relay said, and the rest
// of its addresses (RFC 4388, 6.4.2).
func (m *Machine) activeLease(a *ask, l *lease.Lease, all []lease.Lease) {
	r := m.answerQuery(a, packet.LeaseActive, l.IP)
	r.HType, r.CHAddr = l.Client.HType, []byte(l.Client.CHAddr)
	ask := a.p.Options.Asks
	left := l.Due() - m.now.Wall
	if l.Due() >= lease.Forever {
		left = endless
	}
	if ask(option.LeaseTime) && left > 0 {
		r.Options.Set(option.LeaseTime, option.Uint32Of(uint32(left)))
	}
	if s := m.cfg.Scopes.ScopeOf(l.IP); s != nil && left > 0 && left < endless && l.End > l.CLTT {
		t := m.terms(a, s, nil)
		t1, t2 := renewal(l.Client, uint32(l.End-l.CLTT), &t)
		for _, x := range [...]struct {
			code option.Code
			at   int64
		}{{option.RenewalTime, int64(t1)}, {option.RebindingTime, int64(t2)}} {
			if in := l.CLTT + x.at - m.now.Wall; ask(x.code) && in > 0 {
				r.Options.Set(x.code, option.Uint32Of(uint32(in)))
			}
		}
	}
	if ask(option.ClientIdentifier) && l.Client.ID != "" {
		r.Options.Set(option.ClientIdentifier, []byte(l.Client.ID))
	}
	if ask(option.LastTransaction) {
		r.Options.Set(option.LastTransaction, option.Uint32Of(uint32(max(0, m.now.Wall-l.CLTT))))
	}
	if len(all) > 1 {
		ips := make([]lease.IP, 0, len(all))
		for i := range all {
			ips = append(ips, all[i].IP)
		}
		r.Options.Set(option.AssociatedAddresses, option.AddressesOf(ips...))
	}
	if ask(option.RelayInformation) && l.Relay != "" {
		r.Options.Set(option.RelayInformation, []byte(l.Relay))
	}
}
