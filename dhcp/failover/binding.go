package failover

import (
	"loadshare/dhcp/failover/wire"
	"loadshare/dhcp/lease"
)

const maxText = 255 // octets of a name, a vendor class, relay information

// BindingOf is what the partner is told of a lease (draft 7.1): to ISC dhcpd everything that it wants for every status, and no name.
// The end that is told is the latest that the client was told (decision D-b).
func BindingOf(l lease.Lease, isc bool) wire.Binding {
	b := wire.Binding{
		IP: l.IP, Has: wire.SetOf(wire.OptStatus, wire.OptEnd, wire.OptPotential, wire.OptStart), Status: l.State,
		End: stamp(l.Due()), Potential: stamp(l.Sent), Start: stamp(l.Start),
	}
	switch {
	case l.State == lease.Active:
		b.Potential = stamp(potential(l))
	case l.State == lease.Abandoned:
		b.End = stamp(l.End)
		b.Potential = stamp(max(l.Sent, l.Acked))
	case l.State.Waiting() && !isc:
		b.Potential = stamp(potential(l))
	default:
		b.Potential = stamp(l.Start) // ISC dhcpd wants a time that has passed
		if isc && l.State.Waiting() {
			b.End = min(b.End, stamp(l.Start))
		}
	}
	if l.CLTT > 0 {
		b.Has |= wire.SetOf(wire.OptCLTT)
		b.CLTT = stamp(l.CLTT)
	}
	if l.Flags != 0 {
		b.Has |= wire.SetOf(wire.OptFlags)
		b.Flags = l.Flags
	}
	if !isc {
		b.Hold = stamp(l.Hold)
	}
	if l.State == lease.Abandoned {
		return b // "must not" name a client
	}
	if l.Client.ID != "" {
		b.Has |= wire.SetOf(wire.OptClientID)
		b.Client.ID = l.Client.ID
	}
	if l.Client.HType != 0 {
		b.Has |= wire.SetOf(wire.OptHardware)
		b.Client.HType, b.Client.CHAddr = l.Client.HType, l.Client.CHAddr
	}
	if isc {
		return b
	}
	if l.Hostname+l.Vendor+l.Relay != "" {
		b.Has |= wire.SetOf(wire.OptRequest)
		b.Hostname, b.Vendor, b.Relay = cut(l.Hostname), cut(l.Vendor), cut(l.Relay)
	}
	if l.FQDN != "" && wire.NameOK(l.FQDN) {
		b.Has |= wire.SetOf(wire.OptDDNS)
		b.FQDN, b.DNS = l.FQDN, uint16(l.DNS)
	}
	return b
}

// potential is the latest end that this server or the partner may give the client without the other's knowledge, less the MCLT. It
// never goes back while the client stays, or the two could differ on it.
func potential(l lease.Lease) int64 { return max(l.Sent, l.Acked, l.Received, l.Due()) }

func cut(s string) string { return s[:min(len(s), maxText)] }

// stamp is a time as the protocol has it.
func stamp(t int64) uint32 { return uint32(max(0, min(t, lease.Forever))) }

// judged is what becomes of one received binding.
type judged struct {
	lease    lease.Lease // after it, when accepted
	reject   wire.Reject
	text     string
	conflict *TwoHolders
	changed  bool
}

// facts is what the judgement of a binding depends on, beside the two records.
type facts struct {
	role   Role
	isc    bool
	now    int64
	flying bool // this server has told something else of the address, and has no answer yet
	stands bool // the partner's word stands: what is on this disk is not to be believed
	hold   int64
	forgot int64 // Saved.ForgotAt
	mclt   int64
	slack  int64
}

func (m *Machine) facts() facts {
	return facts{
		role: m.cfg.Role, isc: m.cfg.ISC, now: m.now.Wall, hold: m.saved.HoldUntil, forgot: m.saved.ForgotAt, mclt: m.LongestMCLT(), slack: m.slack(),
		stands: m.saved.State == wire.Recover && m.saved.Lost,
	}
}

// held is Lease.Hold of an address that becomes free: the end that one of the two may have promised before it forgot.
func (f facts) held(l lease.Lease) int64 {
	if !l.State.Waiting() && l.State != lease.Active || l.Began > f.forgot {
		return l.Hold
	}
	return max(l.Hold, capped(potential(l), f.mclt)+f.slack)
}

// heard is from when on the partner must have heard the client, by its clock, to have heard it later. Where it does not know what was
// heard here, its clock may be ahead of ours: a client that released there, and came here a moment after, has the address.
func (f facts) heard(own lease.Lease) int64 {
	if own.Owed && !f.isc {
		return own.CLTT + f.slack
	}
	return own.CLTT
}

// knows says that one of ours has confirmed this lease. If it says later that another client has the address, it was alone meanwhile, and the
// client has given it back there, or an operator was sure: the two clients do not have it at once.
func (f facts) knows(own lease.Lease) bool { return !own.Owed && !f.isc }

// over says that an active lease has ended, to the second: one of ours has allowed for the clocks before it said so, and an ISC
// dhcpd that is refused does not say so again.
func (f facts) over(l lease.Lease) bool { return l.Due() <= f.now && l.Due() < lease.Forever }

// judge is the draft's table of 7.1.3, after what must come first: crossing updates, which both sides must decide alike (ISC dhcpd's
// rules, by role), and the latest end that a client was told (decision D-b), which nothing of the partner's lowers but its own RELEASE
// or DECLINE, or an operator.
func judge(own lease.Lease, b wire.Binding, f facts) judged {
	if !b.Has.Has(wire.OptStatus) || b.Status == lease.Active && (b.Client.IsZero() || !b.Has.Has(wire.OptEnd)) {
		return judged{reject: wire.MissingInformation}
	}
	if b.Status == lease.Backup && b.Flags&lease.Reserved != 0 && own.Flags&lease.Reserved == 0 && own.State.Available() {
		return judged{reject: wire.NotReserved}
	}
	if f.stands {
		return accept(own, b, f)
	}
	state := own.State
	if state == lease.Active && f.over(own) {
		state = lease.Expired
	}
	same := own.Same(b.Client)
	later := b.Has.Has(wire.OptCLTT) && int64(b.CLTT) > own.CLTT
	no := func(r wire.Reject, text string) judged { return judged{reject: r, text: text} }
	switch state {
	case lease.Active:
		switch b.Status {
		case lease.Active:
			switch {
			case same, f.knows(own):
			case f.role == Main, f.isc && f.flying && !later:
				return twoClients(own, b, f)
			}
		case lease.Released:
			if !same || int64(b.CLTT) < f.heard(own) {
				return no(wire.Outdated, "the client was heard later")
			}
		case lease.Reset, lease.Abandoned:
			// The draft accepts always. But one who has abandoned the address before this client came, and tries it again now, must not
			// take it from a client that it does not know of.
			if own.Owed && int64(b.CLTT) < f.heard(own) {
				return no(wire.Outdated, "the client was heard later")
			}
		case lease.Expired, lease.Free, lease.Backup:
			j := no(wire.Outdated, "the client was told a later end")
			if (own.Due() > int64(b.End) || f.isc) && !own.Owed { // the partner does not know: tell it
				j.lease, j.changed = own, true
				j.lease.Owed = true
			}
			return j
		}
	case lease.Expired, lease.Released:
		switch {
		// Another client's is no word of before: this server's client, whose time is over, is nobody's rival.
		case b.Status == lease.Active && !later && (same || f.isc) && !(state == lease.Expired && same && int64(b.End) > f.now):
			return no(wire.Outdated, "it ended after the client was heard")
		case b.Status == lease.Expired && state == lease.Released && !later && (f.isc || f.role == Main || !f.flying): // else it crosses
			return no(wire.Outdated, "the client released it")
		}
	case lease.Reset:
		if b.Status == lease.Active && int64(b.CLTT) <= own.Start {
			return no(wire.Outdated, "it was reset after the client was heard")
		}
	case lease.Abandoned:
		// The draft refuses always (r4). But a partner that has confirmed it, and now says something else, knows more: it has tried the
		// address again. Refused for ever, the two would never agree.
		// And a client that was heard there later has it: it is who answered the probe here, or it came back. But an ISC dhcpd that has
		// this server's word on its way takes the main's.
		heardLater := b.Status == lease.Active && int64(b.CLTT) >= f.heard(own) && !(f.isc && f.flying && f.role == Main)
		if own.Owed && b.Status != lease.Abandoned && b.Status != lease.Reset && !heardLater {
			return no(wire.LessCritical, "the address is abandoned here")
		}
	}
	// An abandonment is never crossed: its server refuses all else, so the two would refuse each other for ever.
	if f.flying && state != lease.Active && b.Status != lease.Active && f.role == Main && (b.Status != lease.Abandoned || f.isc) {
		return no(wire.LessCritical, "the main's update crosses it")
	}
	return accept(own, b, f)
}

// twoClients: the main's client keeps the address; the other one's end is remembered.
func twoClients(own lease.Lease, b wire.Binding, f facts) judged {
	l := own
	l.Hold = max(l.Hold, capped(int64(b.End), f.slack))
	l.Owed = true
	reject := wire.InUse
	if f.role == Backup {
		reject = wire.LessCritical
	}
	return judged{
		lease: l, changed: l != own, reject: reject, text: "another client has it",
		conflict: &TwoHolders{IP: own.IP, Kept: own.Client, Lost: b.Client, KeptUntil: own.Due(), LostUntil: int64(b.End)},
	}
}

// accept takes over what the partner says. EXPIRED, RELEASED and RESET are known to both now: the address is free.
func accept(own lease.Lease, b wire.Binding, f facts) judged {
	l := own
	var conflict *TwoHolders
	same := own.Same(b.Client)
	l.Owed = false
	if b.Has.Has(wire.OptFlags) || f.isc {
		l.Flags = own.Flags&lease.Reserved | b.Flags&lease.BOOTP // reservations are the configuration's
	}
	if b.Has.Has(wire.OptStart) {
		l.Start = int64(b.Start)
	}
	if b.Has.Has(wire.OptCLTT) {
		l.CLTT = max(int64(b.CLTT), sameTime(same, own.CLTT))
	}
	switch b.Status {
	case lease.Active:
		if own.State == lease.Active && !same && !f.over(own) && !f.stands && !f.knows(own) {
			conflict = &TwoHolders{IP: own.IP, Kept: b.Client, Lost: own.Client, KeptUntil: int64(b.End), LostUntil: own.Due()}
			l.Hold = max(l.Hold, capped(own.Due(), f.slack))
		}
		if !same || own.State != lease.Active {
			l.Began = f.now
			l = l.Fresh(b.Client)
			l.ToldEnd = 0
		}
		if !same {
			l.Hostname, l.FQDN, l.DNS, l.Relay, l.Vendor = "", "", 0, "", ""
		}
		l.State, l.Client = lease.Active, b.Client
		l.Received = int64(b.Potential)
		l.End = max(int64(b.End), sameTime(own.State == lease.Active && same, own.Due()))
		if f.stands {
			l.End = int64(b.End)
			l.ToldEnd, l.Acked = 0, 0
		}
		l.ToldEnd = max(l.ToldEnd, l.End)
		l.Owed = own.Owed && same && own.State == lease.Active && own.Due() > int64(b.End) && !f.stands // the partner does not know all
	case lease.Abandoned:
		l.State, l.End, l.ToldEnd = lease.Abandoned, int64(b.End), 0
	case lease.Backup:
		l = share(own, l, b, lease.Backup, f)
	default:
		l = share(own, l, b, lease.Free, f)
	}
	l = f.holds(l, b)
	if b.Has.Has(wire.OptRequest) {
		l.Hostname, l.Vendor, l.Relay = b.Hostname, b.Vendor, b.Relay
	}
	if b.Has.Has(wire.OptDDNS) {
		l.FQDN, l.DNS = b.FQDN, uint8(b.DNS)
	}
	return judged{lease: l, conflict: conflict, changed: l != own}
}

// holds: both hold the address as long as either. What the partner does not know of it is told back.
func (f facts) holds(l lease.Lease, b wire.Binding) lease.Lease {
	if f.isc {
		return l
	}
	if b.Status == lease.Reset && int64(b.Hold) == lease.Gone {
		l.Hold = 0
		return l
	}
	l.Hold = max(l.Hold, int64(b.Hold))
	l.Owed = l.Owed || l.Hold > int64(b.Hold) && capped(l.Hold, f.slack) > f.now
	return l
}

func sameTime(same bool, t int64) int64 {
	if same {
		return t
	}
	return 0
}

// share puts an address into a share. What an ISC partner gives that may have forgotten clients is held until their leases are over.
func share(own, l lease.Lease, b wire.Binding, state lease.State, f facts) lease.Lease {
	if !f.stands {
		l.Hold = f.held(own)
	}
	switch {
	case f.stands && b.Status.Waiting(): // this server may have renewed it, and has forgotten
		l.Hold = max(l.Hold, capped(int64(b.Potential), f.mclt)+f.slack)
	case b.Status == lease.Reset && own.State == lease.Active && !f.over(own):
		l.Hold = max(l.Hold, capped(own.Due(), f.slack)) // the end may be of the other's clock
	case b.Status.Available() && state == f.role.share() && f.hold > f.now:
		l.Hold = max(l.Hold, f.hold)
	}
	if !b.Client.IsZero() {
		l.Client = b.Client
	}
	if b.Has.Has(wire.OptEnd) {
		l.End = int64(b.End)
	}
	l.State, l.ToldEnd, l.Acked, l.Sent, l.Received = state, 0, 0, 0, 0
	return l
}

// onBndUpd takes the partner's updates, and answers once they are on disk.
func (m *Machine) onBndUpd(u wire.BndUpd, xid uint32) {
	f := m.facts()
	ack := wire.BndAck{Answers: make([]wire.Answer, 0, len(u.Bindings))}
	for _, b := range u.Bindings {
		a := wire.Answer{IP: b.IP}
		own, ok := m.get(b.IP)
		if !ok {
			a.Reject, a.Text = wire.NotOurs, wire.NotOurs.String()
			ack.Answers = append(ack.Answers, a)
			continue
		}
		_, f.flying = m.updates.inAir[b.IP]
		j := judge(own, b, f)
		if j.changed {
			m.put(j.lease)
		}
		if j.conflict != nil {
			m.out.Conflicts = append(m.out.Conflicts, *j.conflict)
			m.note(Note{Reason: TwoClients, IP: b.IP})
		}
		if j.reject != 0 {
			a.Reject, a.Text = j.reject, j.text
			if a.Text == "" {
				a.Text = j.reject.String()
			}
			m.note(Note{Reason: RefusedUpdate, IP: b.IP, Reject: a.Reject, Text: a.Text})
			if j.changed && m.cfg.ISC { // not at once: a clock that is ahead would refuse it again, and so on
				m.retryLater(b.IP)
			}
		} else if !j.lease.Owed { // else what we told stands, and its answer is waited for
			m.updates.overtaken(b.IP)
		}
		ack.Answers = append(ack.Answers, a)
	}
	m.sendWhenDurable(ack, xid, true)
}

// overtaken: the partner's update for an address was accepted; what we told of it does not count any more.
func (u *updates) overtaken(ip lease.IP) {
	delete(u.inAir, ip)
	delete(u.again, ip)
}
