package haserver

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"loadshare/haserver/message"
	"loadshare/haserver/zone"
)

func parseZone(t *testing.T, origin, text string) *zone.Zone {
	t.Helper()
	z, problems := zone.Load(func(string) ([]byte, error) { return []byte(text), nil }, mustName(origin), "db")
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	return z
}

// viewOf serves zones: origin, text, origin, text.
func viewOf(t *testing.T, zones ...string) *view {
	t.Helper()
	v := &view{zones: map[string]*served{}}
	for i := 0; i < len(zones); i += 2 {
		name := mustName(zones[i])
		l := &liveZone{name: name}
		l.visible.Store(parseZone(t, zones[i], zones[i+1]))
		v.zones[name.Key()] = &served{liveZone: l, conf: ZoneConfig{Name: name, Text: zones[i]}}
	}
	return v
}

// RFC 1996 2.1, 3.1: the NS set without the primary that the SOA names and without ourselves, and the configured ones; those of a pair
// do not notify each other.
func TestSecondaries(t *testing.T) {
	v := viewOf(t, "example.test", `$TTL 60
@ SOA ns1 admin 1 1 1 1 1
@ NS ns1
@ NS ns2
@ NS ns3
@ NS NS4.other.test.
@ NS partner
@ NS same
@ NS ns.elsewhere.test.
@ NS nowhere
ns1 A 192.0.2.1
ns2 A 192.0.2.2
ns2 AAAA 2001:db8::2
ns3 A 192.0.2.10
ns3 A 192.0.2.3
partner A 192.0.2.11
same A 192.0.2.1
`, "other.test", "$TTL 60\n@ SOA ns4 admin 1 1 1 1 1\n@ NS ns4\nns4 A 192.0.2.4\n")
	z := v.exact(mustName("example.test"))
	z.conf.Notify = []netip.AddrPort{
		mustAddr("192.0.2.20:53"), mustAddr("192.0.2.2:53"), mustAddr("192.0.2.10:53"), mustAddr("192.0.2.11:53"), mustAddr("192.0.2.10:5353"), mustAddr("[::ffff:192.0.2.21]:53"),
	}
	set := newNotifySettings(&Config{HA: &HA{Partner: mustAddr("192.0.2.11:2225")}}, []netip.AddrPort{mustAddr("192.0.2.10:53")})
	var got []string
	for _, a := range set.secondaries(v, z, z.visible.Load()) {
		got = append(got, a.String())
	}
	want := []string{"192.0.2.20:53", "192.0.2.2:53", "192.0.2.10:5353", "192.0.2.21:53", "[2001:db8::2]:53", "192.0.2.3:53", "192.0.2.4:53"}
	slices.Sort(got)
	slices.Sort(want)
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// Behind a wildcard all addresses of the host are our own.
func TestSecondariesBehindAWildcard(t *testing.T) {
	v := viewOf(t, "example.test", "$TTL 60\n@ SOA ns1 admin 1 1 1 1 1\n@ NS ns2\nns2 A 127.0.0.1\nns2 A 203.0.113.9\n")
	z := v.exact(mustName("example.test"))
	z.conf.Notify = []netip.AddrPort{mustAddr("127.0.0.1:53"), mustAddr("127.0.0.1:54")}
	set := newNotifySettings(&Config{}, []netip.AddrPort{mustAddr("0.0.0.0:53")})
	got := set.secondaries(v, z, z.visible.Load())
	if want := []netip.AddrPort{mustAddr("127.0.0.1:54"), mustAddr("203.0.113.9:53")}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// NOTIFY leaves from an address that is listened on, so that secondaries know it.
func TestNotifyFrom(t *testing.T) {
	for _, c := range []struct{ listen, four, six string }{
		{"", "0.0.0.0", "::"},
		{"127.0.0.1:53 192.0.2.1:53 192.0.2.2:53", "192.0.2.1", "::"},
		{"192.0.2.1:53 127.0.0.1:53 [2001:db8::1]:53", "192.0.2.1", "2001:db8::1"},
		{"127.0.0.1:53 [::1]:53", "127.0.0.1", "::1"},
		{"192.0.2.1:53 0.0.0.0:5353 [::]:53", "0.0.0.0", "::"},
	} {
		var list []netip.AddrPort
		for _, a := range strings.Fields(c.listen) {
			list = append(list, mustAddr(a))
		}
		if got := notifyFrom(list); got[0].String() != c.four || got[1].String() != c.six {
			t.Errorf("%s: %v", c.listen, got)
		}
	}
}

// The hint is left out when the message would be too large for some receivers.
func TestNotifyFits(t *testing.T) {
	long := ""
	for range 3 {
		long += "a23456789012345678901234567890123456789012345678901234567890123."
	}
	z := parseZone(t, "example.test", "$TTL 60\n@ SOA "+long+" "+long+"b. 1 1 1 1 1\n@ NS ns1\n")
	for reserve, answers := range map[int]uint16{0: 1, 80: 0} {
		b := appendNotify(nil, 7, z.SOA(), reserve)
		var m message.Message
		if err := m.Parse(b); err != nil || m.Counts[1] != answers || len(b)+reserve > 512 || m.ID != 7 || m.QType != zone.TypeSOA {
			t.Errorf("reserve %d: %d octets, %v answers, %v", reserve, len(b), m.Counts[1], err)
		}
	}
}

// Clients with rights can give a zone any number of name servers and addresses; only so many are told, and finding them stays cheap.
func TestSecondariesAreBounded(t *testing.T) {
	var b strings.Builder
	b.WriteString("$TTL 60\n@ SOA ns admin 1 1 1 1 1\n")
	for i := range 100 {
		fmt.Fprintf(&b, "@ NS n%d\n", i)
		for j := range 100 {
			fmt.Fprintf(&b, "n%d A 10.1.%d.%d\n", i, i, j)
		}
	}
	v := viewOf(t, "example.test", b.String())
	z := v.exact(mustName("example.test"))
	z.conf.Notify = []netip.AddrPort{mustAddr("192.0.2.20:53"), mustAddr("10.1.0.1:53")}
	got := (&notifySettings{}).secondaries(v, z, z.visible.Load())
	if len(got) != 2+maxFound || got[0] != z.conf.Notify[0] {
		t.Errorf("%d secondaries, the first is %s", len(got), got[0])
	}
}
