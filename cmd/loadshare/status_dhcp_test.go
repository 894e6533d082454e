package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"loadshare/dhcp"
)

// Decisions D-j and D-k: the operator sees what the partner would have done otherwise, and whom an outage touched.
func TestDHCPPairsShowShadowsAndOutages(t *testing.T) {
	var out bytes.Buffer
	a := newApp(nil, &out, &out)
	a.now = func() time.Time { return time.Unix(1_700_000_000, 0) }
	from := a.now().Add(-10 * time.Minute)
	a.printDHCPPairs([]dhcp.PairStatus{{
		Name: "pair1", Role: "main", State: "normal", Shadow: []string{"backup would give another router in scope voice"},
		Outage: &dhcp.OutageStatus{From: from, Until: from.Add(time.Minute), NeverServed: 1, Waited: 2, ShortLease: 3, Clients: []dhcp.OutageClient{{Client: "hw 1/02", How: "never served", Waited: 40}}},
	}})
	for _, want := range []string{"seen at clients: backup would give another router in scope voice", "1 client never served, 2 waited, 3 got a short lease", "hw 1/02", "40s     -"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}

// What a state means is said as things stand: nobody says that the partner serves who does not know it; of many unserved clients the first
// ten are shown.
func TestDHCPStatusClaimsNothingOfAPartnerThatIsAway(t *testing.T) {
	for _, state := range []string{"paused", "recover"} {
		near, far := dhcpMeaning(&dhcp.PairStatus{State: state, Connected: true}), dhcpMeaning(&dhcp.PairStatus{State: state})
		if !strings.Contains(near, "partner does") || strings.Contains(far, "partner does") || !strings.Contains(far, "as far as is known") {
			t.Errorf("%s: connected: %q, not connected: %q", state, near, far)
		}
	}
	var out bytes.Buffer
	a := newApp(nil, &out, &out)
	a.printUnserved(make([]dhcp.Unserved, 37))
	if got := strings.Count(out.String(), "\n"); got != 1+1+1+unservedShown+1 || !strings.Contains(out.String(), "37 clients asked") || !strings.Contains(out.String(), "and 27 more") {
		t.Errorf("%d lines:\n%s", got, out.String())
	}
}
