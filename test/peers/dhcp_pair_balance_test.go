package peers

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"loadshare/dhcp/failover"
	"loadshare/internal/dhcpclient"
)

// TestDHCPPairLoadBalancing: checklist D41, RFC 3074: with load_balancing each server serves the clients whose hash is its own, and nobody is
// served twice or by neither; when one dies the other serves all at once, and each has its own again afterwards.
func TestDHCPPairLoadBalancing(t *testing.T) {
	t.Parallel()
	p := newLeasePair(t, pairPlan{failover: "load_balancing = true", mclt: "60s", lease: "60s", more: "t1 = \"3s\"\nt2 = \"5s\"", last: 199})
	p.hears(t)
	p.main.up(t)
	p.backup.up(t)
	p.normal(t)
	crowd := p.crowd // by its hardware addresses
	each := map[*leasePartner]int{}
	newcomers := func(first, many int, alive ...*leasePartner) {
		t.Helper()
		for n := first; n < first+many; n++ {
			want := p.hashed(string(dhcpclient.MAC(n)))
			if len(alive) > 0 {
				want = alive[0]
			}
			l := crowd.settle(t, n)
			if each[want]++; l.Server != addrOf(want.host) {
				t.Errorf("client %d is served by %s, and is the %s's", n, l.Server, want.role)
			}
		}
	}
	newcomers(0, 24)
	if each[p.main] < 4 || each[p.backup] < 4 {
		t.Fatalf("the main has %d clients of 24, the backup %d", each[p.main], each[p.backup])
	}
	// Real clients, by their identifiers: of each kind one for either server.
	var real []*dhcpClient
	theirs := map[*dhcpClient]*leasePartner{}
	had := map[*dhcpClient]string{}
	add := func(kind string, of, by *leasePartner) *dhcpClient {
		t.Helper()
		id := p.identifier(kind, of)
		extra := map[string][]string{
			"dhclient": {"send dhcp-client-identifier " + colons(id) + ";"}, "udhcpc": {"-x", "0x3d:" + hex.EncodeToString(id)},
		}[kind]
		c := newDHCPClient(t, kind, p.bare(t, fmt.Sprintf("%s%d", kind, len(real))), extra...)
		real = append(real, c)
		theirs[c] = of
		e := c.wait(t, 0, "bound")
		if had[c] = e.ip; e.server != by.addr {
			t.Errorf("%s with the identifier %x, which is the %s's, is served by %s", kind, id, of.role, e.server)
		}
		return c
	}
	for _, kind := range []string{"dhclient", "udhcpc"} {
		add(kind, p.main, p.main)
		add(kind, p.backup, p.backup)
	}
	p.normal(t)
	for _, n := range []*leasePartner{p.main, p.backup} {
		eventually(t, "each knows everybody's lease", n.known(crowd))
		for _, c := range real {
			eventually(t, "and the real ones'", n.lease(had[c], "active"))
		}
	}
	p.backup.proc.kill9()
	begun := time.Now()
	eventually(t, "noticed", p.main.is("communications-interrupted"))
	newcomers(100, 12, p.main)
	t.Logf("12 new clients served %s after the backup died", time.Since(begun).Round(time.Millisecond))
	add("udhcpc", p.backup, p.main)
	for _, c := range real { // those of the dead one too: at T2 they ask anybody
		if c.name == "dhclient" {
			e := c.renews(t)
			for e.server != p.main.addr {
				e = c.renews(t)
			}
			if e.ip != had[c] {
				t.Errorf("%s renewed %s, it had %s", c.name, e.ip, had[c])
			}
		}
	}
	p.backup.up(t)
	p.normal(t)
	newcomers(200, 12)
	eventually(t, "the backup knows everybody's lease", p.backup.known(crowd))
	p.kept(t)
}

// hashed is whose client it is, by what RFC 3074 hashes: buckets 0 to 127 are the main's.
func (p *leasePair) hashed(key string) *leasePartner {
	if failover.Hash(key, false) < 128 {
		return p.main
	}
	return p.backup
}

// identifier is one of a client of that server.
func (p *leasePair) identifier(kind string, of *leasePartner) []byte {
	for i := byte(0); ; i++ {
		if id := append([]byte{0}, kind+string(rune('a'+i))...); p.hashed(string(id)) == of {
			return id
		}
	}
}

func colons(b []byte) string {
	return strings.ReplaceAll(fmt.Sprintf("% x", b), " ", ":")
}
