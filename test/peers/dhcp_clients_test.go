package peers

import (
	"testing"
)

// TestDHCPClients: dhclient, udhcpc and dhcpcd get a lease, renew it, keep it over a crash of the server, and give it back: by
// broadcast, and through a relay (dhcrelay) from another network.
func TestDHCPClients(t *testing.T) {
	for _, relayed := range []bool{false, true} {
		t.Run(map[bool]string{false: "broadcast", true: "relayed"}[relayed], func(t *testing.T) {
			t.Parallel()
			l := newLAN(t)
			server, clients := l.host(t, "dhcp", 1), l
			if relayed {
				clients = newLAN(t)
			}
			s := ourDHCP(t, server, l.dhcpScope("near", "t1 = \"3s\"")+map[bool]string{true: clients.dhcpScope("far", "t1 = \"3s\"")}[relayed])
			if relayed {
				dhcpRelay(t, l, clients, server)
			}
			var list []*dhcpClient
			for _, kind := range []string{"dhclient", "udhcpc", "dhcpcd"} {
				list = append(list, newDHCPClient(t, kind, clients.bare(t, kind)))
			}
			holder := map[string]string{}
			want := map[string]fields{}
			for _, c := range list {
				e := c.wait(t, 0, "bound")
				if other := holder[e.ip]; other != "" {
					t.Fatalf("%s and %s both have %s", c.name, other, e.ip)
				}
				holder[e.ip] = c.name
				want[c.name] = fields{e.ip, server.addr, e.lease, clients.prefix + "254", clients.prefix + "1 " + clients.prefix + "2", "mydomain.com"}
				if e.fields != want[c.name] || e.lease != "3600" {
					t.Errorf("%s got %+v, want %+v", c.name, e.fields, want[c.name])
				}
				eventually(t, "the operator sees it", s.lease(e.ip, "active"))
			}
			for _, c := range list {
				if e := c.renews(t); e.ip != want[c.name].ip {
					t.Errorf("%s renewed %s, had %s", c.name, e.ip, want[c.name].ip)
				}
			}
			s.proc.kill9()
			s.restart(t)
			for _, c := range list {
				if e := c.renews(t); e.ip != want[c.name].ip {
					t.Errorf("%s renewed %s after the crash, had %s", c.name, e.ip, want[c.name].ip)
				}
				c.release()
				eventually(t, c.name+" gave "+want[c.name].ip+" back", s.lease(want[c.name].ip, "free"))
			}
		})
	}
}
