package failover

import "loadshare/dhcp/failover/wire"

// A relationship that is taken out of the configuration of one server is not over: the other may go on serving, and nobody tells it. So the
// endpoint stays, with nobody to talk to (Config.Gone), cut off for good: the partner's addresses are not touched. That is ended by
// somebody's word that the partner serves nobody: then it is partner-down, with its wait for the MCLT.
//
// On the main, to take it away is that word, as of now: so failover is stopped (checklist D44), and its backup was stopped before. A backup
// that is to serve alone is told so (SetPartnerDown).

// takenAway makes the state of an endpoint whose partner is not configured any more. There is nobody to wait for.
func (m *Machine) takenAway() {
	s := &m.saved
	m.starting = false
	if s.State == wire.ConflictDone {
		m.image(wire.CommInterrupted)
	}
	apart := s.State == wire.CommInterrupted || s.State == wire.ResolutionInterrupted || s.State == wire.PartnerDown && s.Met
	if m.cfg.Role != Main || !apart || s.Peer == wire.PartnerDown {
		return
	}
	s.State, s.Since, s.Why = wire.PartnerDown, m.now.Wall, TakenAway
	s.Down, s.Met, m.dirty = m.now.Wall, false, true
}

// HasMet says that the relationship has a past: some partner has been heard in it.
func (s Saved) HasMet() bool { return s.Peer != 0 || s.PeerStore != 0 || s.Paired }
