package peers

import (
	"testing"
)

// TestDHCPAddressSetByHand: "ping or ARP check before offer": a host that was given an address by hand, out of the range, keeps it. The
// server asks, by ARP on its own network and by ICMP behind a relay, and the client gets another one; the operator sees what was found.
func TestDHCPAddressSetByHand(t *testing.T) {
	for _, relayed := range []bool{false, true} {
		t.Run(map[bool]string{false: "ARP", true: "ICMP"}[relayed], func(t *testing.T) {
			t.Parallel()
			l := newLAN(t)
			server, clients := l.host(t, "dhcp", 1), l
			if relayed {
				clients = newLAN(t)
			}
			near := l.dhcpScope("near", "allocate_first_available = true\nping_check = true")
			far := ""
			if relayed {
				far = clients.dhcpScope("far", "allocate_first_available = true\nping_check = true")
			}
			stubborn := clients.host(t, "stubborn", 100)
			if relayed {
				clients.ip(t, stubborn.netns, "route", "add", l.prefix+"0/24", "via", clients.prefix+"254")
			}
			s := ourDHCP(t, server, near+far)
			if relayed {
				dhcpRelay(t, l, clients, server)
			}
			c := newDHCPClient(t, "udhcpc", clients.bare(t, "udhcpc"))
			if e := c.wait(t, 0, "bound"); e.ip != clients.prefix+"101" {
				t.Errorf("the client got %s, want the next after the one that somebody uses", e.ip)
			}
			eventually(t, "the operator sees it", s.lease(stubborn.addr, "abandoned"))
		})
	}
}
