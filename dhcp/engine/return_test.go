package engine

import (
	"testing"
	"time"

	"loadshare/dhcp/failover"
	"loadshare/dhcp/failover/wire"
	"loadshare/dhcp/scope"
)

// pairedAndAlone are the configurations of a server in a pair, and of the same server when the pair is taken out of them.
func pairedAndAlone(t *testing.T, role failover.Role) (paired, alone Config) {
	alone = Config{Scopes: testTable(t, testSite(nil))}
	return Config{
		Pairs:  []failover.Config{{Name: "one", Role: role, MCLT: 60, PollInterval: time.Second, PollTimeout: 10 * time.Second, MaxUnacked: 10}},
		Scopes: testTable(t, testSite(func(s *scope.Config) { s.Scopes[0].Failover = "one" })),
	}, alone
}

var inNormal = failover.Saved{State: wire.Normal, Peer: wire.Normal, Paired: true, MCLT: 60}

// "A main with its own lease history from serving alone starts in partner-down" (decision D-l): also one that had a partner before. In the
// state of then it would take itself for in step with a partner that knows nothing of the leases since.
func TestAPairComesBackAfterServingAlone(t *testing.T) {
	paired, alone := pairedAndAlone(t, failover.Main)
	h := newHost(t, paired)
	h.disk.saved["one"] = inNormal
	h.boot(paired)
	if v := h.m.Pairs(); v[0].Saved.State != wire.CommInterrupted {
		t.Fatalf("%s after a restart in a pair", v[0].Saved.State)
	}
	h.boot(alone)
	h.device(1).lease()
	h.boot(paired)
	if v := h.m.Pairs(); v[0].Saved.State != wire.PartnerDown || v[0].Saved.Why != failover.TakenAway || v[0].Over != 0 {
		t.Errorf("soon: %s because: %s", v[0].State, v[0].Saved.Why)
	}
	h.boot(alone)
	h.pass(8 * 24 * time.Hour)
	if s := h.disk.saved["one"]; s != (failover.Saved{}) || len(h.disk.shared) != 0 || len(h.m.Pairs()) != 0 {
		t.Errorf("what was of the pair is kept when it is over: %+v", s)
	}
	h.boot(paired)
	if v := h.m.Pairs(); v[0].State != wire.PartnerDown || v[0].Saved.Why != failover.ServedAlone {
		t.Errorf("late: %s because: %s", v[0].State, v[0].Saved.Why)
	}
}
