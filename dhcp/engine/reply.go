package engine

import (
	"encoding/binary"
	"slices"

	"loadshare/dhcp/failover"
	"loadshare/dhcp/lease"
	"loadshare/dhcp/names"
	"loadshare/dhcp/option"
	"loadshare/dhcp/packet"
	"loadshare/dhcp/scope"
)

const endless = 0xffffffff // seconds of a lease without end (RFC 2132, 9.2)

// desired is how long the client is to have it, by policy.
func (m *Machine) desired(a *ask, t *scope.Terms) int64 {
	asked, has := a.p.Options.Uint32(option.LeaseTime)
	return int64(t.Desired(asked, has))
}

// term is how long it gets it now: see failover.TermOf.
func (m *Machine) term(l *lease.Lease, c lease.Client, desired int64) failover.Term {
	if i := m.pairOf(l.IP); i >= 0 {
		return failover.TermOf(*l, c, m.now.Wall, desired, m.pairs[i].m.MCLT(), m.pairs[i].m.Limited())
	}
	return failover.TermOf(*l, c, m.now.Wall, desired, 0, false)
}

// reply begins an OFFER or ACK: address, times, and what the policy says. seconds below 0: without a lease (INFORM).
func (m *Machine) reply(a *ask, kind packet.Type, t *scope.Terms, ip lease.IP, seconds int64) *packet.Packet {
	r := packet.NewReply(a.p, kind)
	r.YIAddr, r.SIAddr, r.SName, r.File = ip, t.NextServer, t.ServerName, t.BootFile
	r.Options = slices.Grow(r.Options, len(t.Options)+6)
	room := make([]byte, 0, 16)
	set := func(c option.Code, v uint32) {
		room = binary.BigEndian.AppendUint32(room, v)
		r.Options = append(r.Options, option.Option{Code: c, Data: room[len(room)-4:]})
	}
	if kind != packet.BOOTP {
		set(option.ServerIdentifier, uint32(a.serverID))
	}
	if seconds >= 0 && kind != packet.BOOTP {
		if m.now.Wall+seconds >= lease.Forever {
			set(option.LeaseTime, endless)
		} else {
			t1, t2 := renewal(a.c, uint32(seconds), t)
			set(option.LeaseTime, uint32(seconds))
			set(option.RenewalTime, t1)
			set(option.RebindingTime, t2)
		}
	}
	r.Options = append(r.Options, t.Options...)
	return r
}

// renewal is T1 and T2: the configured ones if they fit, else a half and seven eighths of the lease (RFC 2131, 4.4.5), spread by a tenth
// so that clients that came together do not renew together (decision D-e). The same client always has the same part of the spread.
func renewal(c lease.Client, seconds uint32, t *scope.Terms) (t1, t2 uint32) {
	spread := 950 + uint64(failover.Hash(c.Hash(), true))*100/255 // thousandths
	t1 = uint32(uint64(seconds) * spread / 2000)
	t2 = uint32(uint64(seconds) * spread * 7 / 8000)
	if t.T2 > 0 && t.T2 < seconds {
		t2 = t.T2
	}
	if t.T1 > 0 && t.T1 < t2 {
		t1 = t.T1
	}
	return min(t1, t2), t2
}

// named81 adds what the reply says of the client's name, and returns the name.
func (m *Machine) named81(a *ask, r *packet.Packet, ip lease.IP, t *scope.Terms) names.Name {
	n := m.cfg.Names.Wish(names.Asked{Packet: a.p, IP: ip, Hostname: t.Hostname, Domain: t.Domain, On: t.DDNS})
	if n.Option81 != nil {
		r.Options.Set(option.ClientFQDN, n.Option81)
	}
	return n
}

// send sends a reply that promises nothing that is not on disk.
func (m *Machine) send(a *ask, r *packet.Packet) {
	if out, ok := m.address(a, r); ok {
		m.out.Replies = append(m.out.Replies, out)
	}
}

func (m *Machine) address(a *ask, r *packet.Packet) (Reply, bool) {
	to := packet.ReplyTo(a.p, r, a.from)
	return Reply{Packet: r, To: to, Room: packet.Room(a.p)}, to.IP != 0
}

// promise sends an acknowledgement when the lease is on disk.
func (m *Machine) promise(a *ask, r *packet.Packet, l *lease.Lease) {
	if out, ok := m.address(a, r); ok {
		m.promises = append(m.promises, promise{batch: m.cur(), reply: out, ip: l.IP, client: a.c, end: l.End})
	}
}

// give makes the lease the client's and acknowledges it (RFC 2131, 4.3.2).
func (m *Machine) give(a *ask, c *choice, t *scope.Terms, kind packet.Type) {
	before := m.get(c.ip)
	shared := m.pairOf(c.ip) >= 0
	desired := m.desired(a, t)
	if kind == packet.BOOTP {
		desired = lease.Forever
	}
	term := m.term(&before, a.c, desired)
	if kind == packet.BOOTP {
		term = failover.Term{End: lease.Forever, Potential: lease.Forever} // it will not ask again
	}
	l, ok := before.Grant(a.c, m.now.Wall, term.End)
	if !ok {
		m.silent(a, NotAvailable, c.ip)
		return
	}
	l.Scope, l.Flags = c.scope.Name, before.Flags&lease.Reserved
	if kind == packet.BOOTP {
		l.Flags |= lease.BOOTP
	}
	if shared {
		l.Sent, l.Owed = term.Potential, true
	}
	r := m.reply(a, kind, t, c.ip, term.End-m.now.Wall)
	name := m.named81(a, r, c.ip, t)
	if said := a.p.Options.Has(option.HostName) || a.p.Options.Has(option.ClientFQDN); said || !c.has || name.Hostname != "" {
		name.Put(&l) // one that renews and says nothing of a name keeps its own
	}
	if v, ok := a.p.Options.Get(option.RelayInformation); ok {
		l.Relay = string(v)
	}
	if v, ok := a.p.Options.Get(option.VendorClass); ok {
		l.Vendor = string(v)
	}
	if a.p.Type == packet.Discover {
		r.Options.Set(option.RapidCommit, nil)
	}
	why := Granted
	if c.has {
		why = Renewed
	}
	m.put(l, change{why: why, by: a.c, ours: true, quiet: c.has})
	m.offers.drop(m, c.ip, a.key)
	m.owe(c.ip)
	m.promise(a, r, &l)
	m.waiters.done(a.key)
	m.shadow(a, c.scope, true, t)
}

// refuse says NAK, with why (RFC 2131, 4.3.2).
func (m *Machine) refuse(a *ask, ip lease.IP, why Reason) {
	r := packet.NewReply(a.p, packet.Nak)
	r.Options = append(r.Options, option.Option{Code: option.ServerIdentifier, Data: option.Uint32Of(a.serverID)},
		option.Option{Code: option.Message, Data: []byte(why.String())})
	m.send(a, r)
	n := Note{Reason: Refused, IP: ip, Client: a.c, Relay: a.p.GIAddr, Text: why.String()}
	if s := a.link.Scopes(); len(s) > 0 {
		n.Scope = s[0].Name
	}
	m.note(n)
}

// offerNothing is the offer to a client that does without IPv4 (RFC 8925, 3.3): no address is kept for it.
func (m *Machine) offerNothing(a *ask, s *scope.Scope, t *scope.Terms) {
	m.send(a, m.reply(a, packet.Offer, t, 0, m.desired(a, t)))
	m.waiters.done(a.key)
	m.note(Note{Reason: Offered, Client: a.c, Scope: s.Name, Relay: a.p.GIAddr})
}
