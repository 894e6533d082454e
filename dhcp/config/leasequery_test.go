package config

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Bulk leasequery: at port 67 of the addresses of the server unless it is said where, and never for everybody.
func TestLeaseQuery(t *testing.T) {
	equal := cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })
	prefix := cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })
	from := []netip.Prefix{netip.MustParsePrefix("192.168.0.1/32"), netip.MustParsePrefix("10.0.0.0/8")}
	for text, want := range map[string]LeaseQuery{
		"": {},
		"[leasequery]\nfrom = [\"192.168.0.1\", \"10.0.0.0/8\"]\n":                              {Bulk: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:67")}, From: from},
		"[leasequery]\nbulk = [\"192.0.2.1\"]\nfrom = [\"192.168.0.1\", \"10.0.0.0/8\"]\n":      {Bulk: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:67")}, From: from},
		"[leasequery]\nbulk = [\"192.0.2.1:6767\"]\nfrom = [\"192.168.0.1\", \"10.0.0.0/8\"]\n": {Bulk: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:6767")}, From: from},
	} {
		c, problems := load(t, head+text)
		if diff := cmp.Diff(want, c.LeaseQuery, equal, prefix); diff != "" || strings.Contains(strings.Join(problems, "\n"), "leasequery") {
			t.Errorf("%s: %s %q", text, diff, problems)
		}
	}
	for text, want := range map[string]string{
		"[leasequery]\n": "f:2: leasequery.from is missing: accepted: at least one address or network",
		"[leasequery]\nfrom = [\"10.0.0.0/8\"]\nbulk = [\"[::1]:67\"]\n":                  `f:4: leasequery.bulk[1] = "[::1]:67": accepted: an IPv4 address`,
		"[leasequery]\nfrom = [\"10.0.0.0/8\"]\nbulk = [\"10.0.0.1\", \"10.0.0.1:67\"]\n": `accepted: every address once`,
		"[leasequery]\nfrom = [\"10.0.0.0/8\"]\nbulk = []\n":                              `f:4: leasequery.bulk = []: accepted: at least one address`,
	} {
		if _, problems := load(t, head+text); !strings.Contains(strings.Join(problems, "\n"), want) {
			t.Errorf("%s: %q has no %q", text, problems, want)
		}
	}
}
