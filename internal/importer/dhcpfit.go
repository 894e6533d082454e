package importer

import (
	"net/netip"
	"slices"
	"strings"
)

// fit makes of a scope what our configuration accepts where the old servers were less strict, and says so.
func (s *dhcpSite) fit(sc *dhcpScope) {
	sc.ranges = slices.DeleteFunc(sc.ranges, func(r string) bool { return s.usable(sc, r) == "" })
	for i, r := range sc.ranges {
		sc.ranges[i] = s.usable(sc, r)
	}
	if !slices.Contains(sc.keys, setting{"dynamic_bootp", "true"}) {
		return
	}
	if sc.failover == "" {
		set(&sc.keys, "bootp", "true")
		return
	}
	sc.keys = slices.DeleteFunc(sc.keys, func(k setting) bool { return k.key == "dynamic_bootp" })
	s.note("scope %s: dynamic-bootp: in a pair BOOTP clients without a reservation need a scope of their own: with bootp, dynamic_bootp, and dhcp = false; left out", sc.subnet)
}

// usable is the range without the network's own address and its broadcast address; "" when nothing is left.
func (s *dhcpSite) usable(sc *dhcpScope, text string) string {
	from, to, is := strings.Cut(text, "-")
	first, err := netip.ParseAddr(from)
	last, err2 := first, error(nil)
	if is {
		last, err2 = netip.ParseAddr(to)
	}
	if err != nil || err2 != nil || sc.subnet.Bits() > 30 {
		return text
	}
	a, b := first, last
	if a == sc.subnet.Masked().Addr() {
		a = a.Next()
	}
	if b == lastOf(sc.subnet) {
		b = b.Prev()
	}
	if b.Less(a) {
		return ""
	}
	return joined(a, b)
}
