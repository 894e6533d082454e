package engine

import (
	"loadshare/dhcp/failover"
	"loadshare/dhcp/lease"
	"loadshare/dhcp/packet"
	"loadshare/dhcp/scope"
)

// decline: somebody else uses the address that the client was given (RFC 2131, 4.3.3).
func (m *Machine) decline(a *ask) {
	ip := a.wants
	if ip == 0 {
		ip = a.p.CIAddr
	}
	if a.names != 0 && !m.ours(a) {
		m.silent(a, OtherServer, ip)
		return
	}
	if m.unwell != "" {
		m.silent(a, StoreUnwell, ip)
		return
	}
	l := m.get(ip)
	if !l.Same(a.c) || l.State != lease.Active {
		m.silent(a, UnknownClient, ip)
		return
	}
	m.abandon(a, ip, Declined)
	m.offers.drop(m, ip, a.key)
}

// release: the client gives its address back (RFC 2131, 4.3.4). Its parameters are remembered: it gets the same again.
func (m *Machine) release(a *ask) {
	ip := a.p.CIAddr
	if a.names != 0 && !m.ours(a) {
		m.silent(a, OtherServer, ip)
		return
	}
	if m.unwell != "" {
		m.silent(a, StoreUnwell, ip)
		return
	}
	l := m.get(ip)
	if l.State != lease.Active || !l.Same(a.c) {
		m.silent(a, UnknownClient, ip)
		return
	}
	if !m.fromHolder(a, ip) {
		m.silent(a, NotFromHolder, ip)
		return
	}
	l, ok := l.Release(a.c, m.now.Wall)
	if !ok {
		return
	}
	if m.pairOf(ip) >= 0 {
		l.Owed = true
	} else {
		l, _ = l.Confirm(m.now.Wall)
	}
	m.put(l, change{why: Released, by: a.c, ours: true})
	m.owe(ip)
	m.note(Note{Reason: Released, IP: ip, Client: a.c, Scope: l.Scope, Relay: a.p.GIAddr})
}

// fromHolder says that a RELEASE comes from where the address is: "the client unicasts DHCPRELEASE messages to the server" (RFC 2131,
// 4.4.4), so from that address, to one of this server, or with its name; or a relay of that network has passed it on. Who knows a client's
// identifier, which every broadcast tells, could else have its address given to another while it is in use. This host may say what it likes.
func (m *Machine) fromHolder(a *ask, ip lease.IP) bool {
	if a.p.GIAddr != 0 {
		return a.link.ScopeOf(ip) != nil
	}
	if a.names == 0 && a.from.Interface != "" { // "server identifier: MUST" (RFC 2131, table 5): a broadcast names nobody
		return false
	}
	from := a.from.Source.Addr().Unmap()
	return !from.IsValid() || from.IsLoopback() || lease.IPOf(from) == ip
}

// inform: the client has an address, and wants the rest (RFC 2131, 4.3.5).
func (m *Machine) inform(a *ask) {
	s := m.cfg.Scopes.InformScope(a.q)
	if s == nil || s.Deactivated {
		m.silent(a, NoScope, a.p.CIAddr)
		return
	}
	if a.id.Denied {
		m.silent(a, DeniedClient, a.p.CIAddr)
		return
	}
	if a.names != 0 && !m.ours(a) {
		m.silent(a, OtherServer, a.p.CIAddr)
		return
	}
	if ok, why := m.serves(a, s, failover.Inform); !ok {
		m.silent(a, why, a.p.CIAddr)
		m.shadow(a, s, false, nil)
		return
	}
	t := m.terms(a, s, m.reservation(a, s))
	m.send(a, m.reply(a, packet.Ack, &t, 0, -1))
	m.note(Note{Reason: Informed, IP: a.p.CIAddr, Client: a.c, Scope: s.Name, Relay: a.p.GIAddr})
	m.shadow(a, s, true, &t)
}

// bootp: a message without a type is a BOOTP client's (RFC 1534, 2). Its lease has no end, and is final when the reply is sent.
func (m *Machine) bootp(a *ask) {
	served, why := m.servedScopes(a, failover.BOOTP)
	if len(served) == 0 {
		if why == NotAdmitted {
			why = BOOTPRefused
		}
		m.silent(a, why, 0)
		return
	}
	c, why := m.choose(a, m.bootpScopes(a, served), true)
	if c.ip == 0 {
		m.silent(a, why, 0)
		return
	}
	terms := m.terms(a, c.scope, c.held)
	l := m.get(c.ip)
	if m.mustProbe(a, &c, &l, terms.PingCheck) {
		m.probe(c.ip, a, false)
		return
	}
	m.give(a, &c, &terms, packet.BOOTP)
}

// bootpScopes are those where the client has a reservation, and those that give dynamic addresses to BOOTP clients.
func (m *Machine) bootpScopes(a *ask, served []*scope.Scope) []*scope.Scope {
	n := 0
	for _, s := range served {
		if s.DynamicBOOTP || m.reservation(a, s) != nil {
			served[n] = s
			n++
		}
	}
	return served[:n]
}

// freeLease is the operator's.
func (m *Machine) freeLease(in FreeLease) {
	refused := ""
	l := m.get(in.IP)
	i := m.table.find(in.IP)
	switch {
	case m.unwell != "":
		refused = "the store cannot write: " + m.unwell
	case i < 0:
		refused = "nobody has that address"
	case l.State.Available() || l.State == lease.Reset:
		refused = "nobody has that address: it is " + l.State.String()
	}
	if refused == "" {
		by := l.Client
		l, _ = l.Clear(m.now.Wall, in.Sure)
		if p := m.table.at(i).pair; p >= 0 {
			l.Owed = true
			if l.Hold > m.now.Wall && l.Hold < lease.Forever {
				l.Hold += m.pairs[p].m.Saved().Skew + 1 // the end may be of the partner's clock
			}
		} else {
			l, _ = l.Confirm(m.now.Wall)
		}
		m.put(l, change{why: Cleared, by: by, ours: true})
		m.owe(in.IP)
		m.note(Note{Reason: Cleared, IP: in.IP, Client: by, Scope: l.Scope})
	}
	m.out.Answers = append(m.out.Answers, Answer{in.ID, refused})
}

// named is what became of a job of DNS.
func (m *Machine) named(in Named) {
	m.out.Write.Done = append(m.out.Write.Done, in.Job.ID)
	if !in.Done {
		m.note(Note{Reason: JobGivenUp, IP: in.Job.IP, Text: in.Job.FQDN})
	}
	if i := m.table.find(in.Job.IP); i >= 0 {
		l := m.table.at(i).lease(m.scopeNames)
		if m.cfg.Names.Settle(&l, in.Job, in.Done) {
			l.Owed = m.table.at(i).pair >= 0 // it cleans up if this server cannot
			m.put(l, change{quiet: true})
			m.owe(l.IP)
		}
	}
}

// maySweep says that the pair's addresses are this server's to move by time: the main's, or of a server alone.
func (m *Machine) maySweep(i int32) bool {
	p := m.pairs[i]
	return p.cfg.Role == failover.Main || p.m.State() == partnerDown
}
