package engine

import (
	"testing"
	"time"

	"loadshare/dhcp/failover"
	"loadshare/dhcp/failover/wire"
	"loadshare/dhcp/scope"
)

// "A main with its own lease history from serving alone starts in partner-down" (decision D-l): also one that had a partner before. In the
// state of then it would take itself for in step with a partner that knows nothing of the leases since.
func TestAPairComesBackAfterServingAlone(t *testing.T) {
	alone := Config{Scopes: testTable(t, testSite(nil))}
	paired := Config{
		Pairs:  []failover.Config{{Name: "one", Role: failover.Main, MCLT: 60, PollInterval: time.Second, PollTimeout: 10 * time.Second, MaxUnacked: 10}},
		Scopes: testTable(t, testSite(func(s *scope.Config) { s.Scopes[0].Failover = "one" })),
	}
	h := newHost(t, paired)
	h.disk.saved["one"] = failover.Saved{State: wire.Normal, Peer: wire.Normal, Paired: true, MCLT: 60}
	h.boot(paired)
	if v := h.m.Pairs(); v[0].Saved.State != wire.CommInterrupted {
		t.Fatalf("%s after a restart in a pair", v[0].Saved.State)
	}
	h.boot(alone)
	if s := h.disk.saved["one"]; s != (failover.Saved{}) {
		t.Errorf("what was of the pair is kept while there is none: %+v", s)
	}
	h.device(1).lease()
	h.boot(paired)
	if v := h.m.Pairs(); v[0].State != wire.PartnerDown || v[0].Saved.Why != failover.ServedAlone {
		t.Errorf("%s because: %s", v[0].State, v[0].Saved.Why)
	}
}
