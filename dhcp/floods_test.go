package dhcp

import (
	"net/netip"
	"testing"
	"time"

	"loadshare/dhcp/engine"
	"loadshare/dhcp/lease"
	"loadshare/dhcp/packet"
)

// A flood has a name: the relay and its port, the interface, or the address; since when, and how many were dropped. It ends by itself.
func TestAFloodHasAName(t *testing.T) {
	var f floods
	now := time.Unix(1_700_000_000, 0)
	relay := lease.IP(0x0a000001)
	for range 300 {
		f.note(&engine.Note{Reason: engine.TooMany, Relay: relay, Port: "eth0/7"}, now)
		f.note(&engine.Note{Reason: engine.PoolEmpty, Relay: relay}, now)
		f.shed(&packet.Head{}, packet.Arrival{Interface: "eth1", Source: netip.MustParseAddrPort("0.0.0.0:68")}, now)
	}
	for range floodLeast {
		f.shed(&packet.Head{GIAddr: relay}, packet.Arrival{Source: netip.MustParseAddrPort("10.0.0.1:67")}, now)
	}
	for range floodLeast - 1 {
		f.shed(&packet.Head{}, packet.Arrival{Source: netip.MustParseAddrPort("10.0.0.9:68")}, now)
	}
	got := f.standing(now.Add(time.Second))
	want := []FloodStatus{
		{Where: "interface eth1", Interface: "eth1", Dropped: 300},
		{Where: "relay 10.0.0.1, port eth0/7", Relay: "10.0.0.1", Port: "eth0/7", Dropped: 300, Limited: 300},
		{Where: "relay 10.0.0.1", Relay: "10.0.0.1", Dropped: floodLeast},
	}
	if len(got) != len(want) {
		t.Fatalf("%+v", got)
	}
	for i := range want {
		want[i].Since, want[i].Last = now.UTC(), now.UTC()
		if got[i] != want[i] {
			t.Errorf("%+v, want %+v", got[i], want[i])
		}
	}
	now = now.Add(floodOver + 2*time.Second)
	if got := f.standing(now); len(got) != 0 || len(f.by) != 0 {
		t.Errorf("not over: %+v", got)
	}
	f.note(&engine.Note{Reason: engine.TooMany, Relay: relay, Port: "\x00\x07"}, now)
	if e := f.by[place{relay: relay, port: "\x00\x07"}]; e == nil || e.since != now {
		t.Errorf("anew: %+v", e)
	}
}

// Who makes up relays does not make the server remember them all.
func TestFloodsAreBounded(t *testing.T) {
	var f floods
	now := time.Unix(1_700_000_000, 0)
	for i := range lease.IP(10_000) {
		f.shed(&packet.Head{GIAddr: i + 1}, packet.Arrival{}, now)
	}
	if got := f.standing(now); len(f.by) != maxFloods+1 || len(got) != 1 || got[0].Where != "many places" || got[0].Dropped != 10_000-maxFloods {
		t.Errorf("%d places, %+v", len(f.by), got)
	}
}
