package failover

import (
	"testing"
	"time"

	"loadshare/dhcp/failover/wire"
	"loadshare/dhcp/lease"
)

type emptyTable struct{}

func (emptyTable) Get(ip lease.IP) (lease.Lease, bool) {
	return lease.Lease{IP: ip, State: lease.Free}, true
}
func (emptyTable) Settled(lease.IP) bool             { return true }
func (emptyTable) Next(lease.IP) (lease.Lease, bool) { return lease.Lease{}, false }

// "the countdown to anything automatic": startup ends, then the safe period.
func TestShowTellsWhatComesByItself(t *testing.T) {
	cfg := Config{Name: "p", Role: Main, MCLT: 3600, PollInterval: time.Second, PollTimeout: time.Minute, MaxUnacked: 10, SafePeriod: time.Hour}
	now := Now{Wall: 1000}
	m, _ := New(cfg, Start{Saved: Saved{State: wire.Normal, MCLT: 3600}, Store: 1, LastCommit: 900}, emptyTable{}, now)
	v := m.Show(now)
	if v.State != wire.StartingUp || v.Next != wire.CommInterrupted || v.NextIn != startupWait || v.Serving || v.MCLT != 3600 {
		t.Errorf("starting: %+v", v)
	}
	now = Now{Mono: startupWait, Wall: 1015}
	m.Step(now, Tick{})
	v = m.Show(Now{Mono: now.Mono + time.Minute, Wall: 1075})
	if v.State != wire.CommInterrupted || v.Next != wire.PartnerDown || v.NextIn != time.Hour-time.Minute || !v.Serving || v.Connected {
		t.Errorf("interrupted: %+v", v)
	}
}
