package failover

import (
	"time"

	"loadshare/dhcp/failover/wire"
)

// Shown is the endpoint as people see it.
type Shown struct {
	State, Peer      wire.EndpointState
	Since, PeerSince int64 // 0: never
	Why              Reason
	MCLT             int64
	Connected        bool          // communications are OK
	Heard            time.Duration // since the partner was heard last on the connection in use; 0 without one
	Skew             int64
	Serving          bool // new clients may be answered, as far as the state goes
	Unacked          int  // addresses that the partner must still be told, or has not confirmed
	Paired           bool // the two have been in normal together

	// Next is the state that comes by itself, without the partner, in so much time; 0: none does.
	Next   wire.EndpointState
	NextIn time.Duration
}

// Show is the endpoint now.
func (m *Machine) Show(now Now) Shown {
	s := &m.saved
	v := Shown{
		State: m.State(), Peer: s.Peer, Since: s.Since, PeerSince: s.PeerSince, Why: s.Why, MCLT: m.MCLT(), Connected: m.comm(), Skew: s.Skew,
		Unacked: len(m.updates.queue) + len(m.updates.inAir) + len(m.updates.soon) + len(m.updates.refused), Paired: s.Paired,
	}
	if m.link.up != 0 {
		v.Heard = max(0, now.Mono-m.link.heard)
	}
	switch v.State {
	case wire.Normal, wire.CommInterrupted, wire.PartnerDown, wire.ResolutionInterrupted, wire.ConflictDone:
		v.Serving = true
	}
	switch {
	case m.starting:
		v.Next, v.NextIn = s.State, max(1, m.startEnd-now.Mono)
	case s.State == wire.RecoverWait:
		v.Next, v.NextIn = wire.RecoverDone, time.Duration(max(1, s.FailedAt+m.MCLT()+m.slack()-now.Wall))*time.Second
	case s.State == wire.CommInterrupted && m.safeEnd > 0 && !m.comm():
		v.Next, v.NextIn = wire.PartnerDown, max(1, m.safeEnd-now.Mono)
	}
	return v
}
