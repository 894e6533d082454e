package failover

import (
	"loadshare/dhcp/failover/wire"
	"loadshare/dhcp/lease"
)

// May says whether this server may give the address to the client now, in the state that it is in, or renew its lease (draft 5.4, 9;
// decision D-a). bootp: the client speaks BOOTP, or the lease has no end; such never come from the partner's share (checklist D27).
// That a reservation is this client's, and that probes are made, is the engine's business.
func (m *Machine) May(l lease.Lease, c lease.Client, bootp bool) (bool, Reason) {
	now := m.now.Wall
	state := m.State()
	switch state {
	case wire.Normal, wire.CommInterrupted, wire.PartnerDown, wire.ResolutionInterrupted, wire.ConflictDone:
	case wire.RecoverDone:
		if l.State == lease.Active && l.Same(c) {
			return true, Renewal
		}
		return false, NotServing
	default:
		return false, NotServing
	}
	same := l.Same(c)
	if l.State == lease.Active {
		if same {
			return true, Renewal
		}
		return false, AnotherClient
	}
	if l.State == lease.Abandoned {
		return false, AbandonedAddress
	}
	if capped(l.Hold, m.slack()) > now && !same {
		return false, HeldBack
	}
	alone := state == wire.PartnerDown
	switch {
	case l.State == lease.Reset:
		return false, PartnerMustKnow
	case l.State.Waiting():
		// The backup may not: once the main has heard, the address is the main's, and may be another's already.
		if same && (m.cfg.Role == Main || alone) {
			return true, Mine
		}
		return false, PartnerMustKnow
	case l.State == m.cfg.Role.share() && !l.Owed, l.Flags&lease.Reserved != 0:
		return true, Mine
	case alone && !bootp && !m.saved.Met && m.ReuseAt(l) <= now:
		return true, Mine
	}
	return false, PartnersShare
}

// Limited says that lease lengths are bound to the MCLT (see TermOf).
func (m *Machine) Limited() bool { return m.State() != wire.PartnerDown || m.saved.Met }

// Doubtful says that an address which May grants must be probed first whatever the settings say: partner-down may be false, and the
// address is the partner's or was another client's (decision D-a).
func (m *Machine) Doubtful(l lease.Lease) bool {
	return m.State() == wire.PartnerDown && (l.State != m.cfg.Role.share() || l.Owed)
}

// ReuseAt is when the address may go to another client in partner-down.
func (m *Machine) ReuseAt(l lease.Lease) int64 {
	fresh := !m.saved.Met && !l.State.Available() && l.Began > m.saved.Down
	at := ReuseAt(l, m.saved.Down, m.LongestMCLT(), fresh)
	if fresh {
		return max(at+1, capped(l.Hold, m.slack()))
	}
	return at + m.slack()
}

// slack is what the partner's clock may be behind, and the second that a time is rounded to.
func (m *Machine) slack() int64 { return m.saved.Skew + 1 }

// Sweep does to an address what the time has come for: it expires, it becomes free again, it may be tried again. The engine calls it
// when next has come (0: nothing will happen by time alone), after each change of the lease and of the state, writes what changed, and
// then says Committed.
//
// A backup leaves this to the main, unless it is alone: two that expire would only cross, and an ISC main refuses it. But what an ISC
// main has not ended long after, it has ended and been refused here, its clock being ahead; it will not say so again.
func (m *Machine) Sweep(l lease.Lease) (swept lease.Lease, next int64, changed bool) {
	now, state := m.now.Wall, m.State()
	alone := state == wire.PartnerDown
	if m.cfg.ISC && m.cfg.Role == Backup && state == wire.Normal && l.State == lease.Active && l.Due() < lease.Forever {
		if l.Due()+overdue > now {
			return l, l.Due() + overdue, false
		}
	} else if !alone && (m.cfg.Role == Backup || state != wire.Normal && state != wire.CommInterrupted) {
		return l, 0, false
	}
	var ok bool
	switch l.State {
	case lease.Active:
		if l.Due() >= lease.Forever {
			return l, 0, false
		}
		if l, ok = l.Expire(now - m.saved.Skew); !ok {
			return l, l.Due() + m.slack(), false
		}
		l.Start = now
	case lease.Abandoned:
		if l, ok = l.Retry(now); !ok {
			return l, l.End, false
		}
	case lease.Expired, lease.Released, lease.Reset:
		if !alone || m.saved.Met {
			return l, 0, false
		}
		at := m.ReuseAt(l)
		if at > now {
			return l, at, false
		}
		if l, ok = l.Confirm(now); !ok {
			return l, 0, false
		}
	default:
		return l, 0, false
	}
	l.Owed = true
	return l, now, true
}

// Kind is what a client asks.
type Kind uint8

// The kinds.
const (
	Discover Kind = iota + 1
	Select        // REQUEST with a server identifier
	Reboot        // REQUEST in INIT-REBOOT: no server identifier, no ciaddr
	Extend        // REQUEST in RENEWING or REBINDING
	Inform
	BOOTP
	Other // RELEASE, DECLINE, leasequery
)

// Query is what must be known of a message to say who answers it.
type Query struct {
	Kind   Kind
	Client lease.Client
	Secs   uint16 // as it came
	Second bool   // the client's second DISCOVER within 30 s without a REQUEST heard
	Theirs bool   // Select: the server identifier is not this server's
}

const overdue = 2 * maxSkew // seconds

const impatient = 4 // seconds that a client has waited

// Serve says whether this server answers (checklist D12, D41; decision D-f). Which address it may give is another question: May.
func (m *Machine) Serve(q Query) (bool, Reason) {
	state := m.State()
	switch state {
	case wire.Normal, wire.CommInterrupted, wire.PartnerDown, wire.ResolutionInterrupted, wire.ConflictDone:
	case wire.RecoverDone:
		return q.Kind == Extend, NotServing
	default:
		return q.Kind == Other, NotServing // a RELEASE is heard in any state
	}
	switch {
	case q.Kind == Other:
		return true, Mine
	case q.Kind == Select:
		if q.Theirs {
			return false, PartnersOffer
		}
		return true, Mine
	case q.Kind == Extend:
		return true, Renewal
	case state != wire.Normal:
		return true, Mine
	}
	if m.mine(q.Client) {
		return true, Mine
	}
	if (!m.cfg.ISC || m.cfg.SecondTry) && (q.Second || waited(q.Secs) >= impatient) {
		return true, SecondTry
	}
	return false, PartnersClient
}

// waited is the field secs; some clients send it in the other byte order, which shows by an empty low octet.
func waited(secs uint16) uint16 {
	if secs&0xff == 0 {
		return secs >> 8
	}
	return secs
}

// mine says that this server answers the client in normal.
func (m *Machine) mine(c lease.Client) bool {
	buckets := Assignment(m.cfg.ISC, m.cfg.Balancing)
	if m.cfg.Role == Backup && m.saved.Assigned {
		buckets = m.saved.Buckets
	}
	return mains(buckets, c.Hash(), m.cfg.ISC) == (m.cfg.Role == Main)
}
