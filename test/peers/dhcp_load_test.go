package peers

import (
	"context"
	"net/netip"
	"regexp"
	"testing"
	"time"

	"loadshare/internal/dhcpclient"
)

// TestDHCPPerfdhcp: Kea's load generator completes every exchange with our server, and every client gets its own address.
func TestDHCPPerfdhcp(t *testing.T) {
	t.Parallel()
	need(t, "perfdhcp")
	l := newLAN(t)
	s := ourDHCP(t, l.host(t, "dhcp", 1), l.dhcpScope("lan", "ping_check = false"))
	out := perfdhcp(t, l.host(t, "load", 2), "-4", "-r", "50", "-R", "90", "-n", "90", "-u", "-d", "20", "-W", "5000000", s.addr)
	for want, n := range map[string]int{
		`sent packets: 90\nreceived packets: 90\ndrops: 0\n`: 2, `non unique addresses: 0\n`: 2, `rejected leases: 0\n`: 2,
	} {
		if got := len(regexp.MustCompile(want).FindAllString(out, -1)); got != n {
			t.Errorf("%q is there %d times, not %d", want, got, n)
		}
	}
	if t.Failed() {
		t.Log(out)
	}
}

// TestDHCPPoolRunsOut: with more clients than addresses, each address is given once and the rest get nothing; what is given back is
// given again.
func TestDHCPPoolRunsOut(t *testing.T) {
	t.Parallel()
	l := newLAN(t)
	s := ourDHCP(t, l.host(t, "dhcp", 1), l.dhcpScope("lan", "ping_check = false"))
	load := l.host(t, "load", 2)
	g := load.generator(t, dhcpclient.Config{Servers: []netip.AddrPort{netip.MustParseAddrPort(s.addr + ":67")}, Tries: 5})
	run := func(ld dhcpclient.Load) dhcpclient.Result {
		t.Helper()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		r, err := g.Run(ctx, ld)
		if err != nil {
			t.Fatal(err)
		}
		if r.Duplicates != 0 {
			t.Fatalf("one address for two: %s", &r)
		}
		return r
	}
	if r := run(dhcpclient.Load{Clients: 120}); r.Kept != 101 || r.Lost != 19 {
		t.Errorf("120 clients, 101 addresses: %s", &r)
	}
	if r := run(dhcpclient.Load{Kind: dhcpclient.Renew, Clients: 100}); r.Kept < 81 || r.Naks != 0 {
		t.Errorf("renewing: %s", &r)
	}
	run(dhcpclient.Load{Kind: dhcpclient.Release, Clients: 120})
	if r := run(dhcpclient.Load{First: 200, Clients: 101}); r.Kept != 101 {
		t.Errorf("after all were given back: %s", &r)
	}
}
