package peers

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"loadshare/internal/dhcpclient"
)

// hears makes both servers of a pair hear broadcasts, and whatever is sent to another address of their host.
func (p *leasePair) hears(t *testing.T) {
	t.Helper()
	for _, n := range []*leasePartner{p.main, p.backup} {
		n.change(t, "listen = [\""+n.addr, "interfaces = [\"eth0\"]\nlisten = [\""+n.addr)
	}
}

// holds gives a host an address as one takes over that of another: the neighbours are told (RFC 5227, 2.3).
func (h host) holds(t *testing.T, l *lan, address string) {
	t.Helper()
	l.ip(t, h.netns, "addr", "add", address+"/24", "dev", "eth0")
	h.within(t, func() error {
		eth0, err := net.InterfaceByName("eth0")
		if err != nil {
			return err
		}
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		ip := netip.MustParseAddr(address).As4()
		arp := append([]byte{0, 1, 8, 0, 6, 4, 0, 1}, eth0.HardwareAddr...)
		arp = append(append(append(arp, ip[:]...), 0, 0, 0, 0, 0, 0), ip[:]...)
		to := unix.SockaddrLinklayer{Protocol: 0x0608, Ifindex: eth0.Index, Halen: 6, Addr: [8]byte{255, 255, 255, 255, 255, 255}} // ARP in network order
		return unix.Sendto(fd, arp, 0, &to)
	})
}

// TestDHCPPairAddressOfTheDead: "process dies: renewing (unicast) silent until T2 unless seen through … the VIP". The survivor's host takes
// over the address of the dead one: clients go on with the server that they know, long before T2.
func TestDHCPPairAddressOfTheDead(t *testing.T) {
	t.Parallel()
	p := newLeasePair(t, pairPlan{mclt: "60s", lease: "60s", more: "t1 = \"3s\""})
	p.hears(t)
	p.main.up(t)
	p.backup.up(t)
	p.normal(t)
	var clients []*dhcpClient
	for _, kind := range []string{"dhclient", "udhcpc", "dhcpcd"} {
		clients = append(clients, newDHCPClient(t, kind, p.bare(t, kind)))
	}
	had := map[string]string{}
	for _, c := range clients {
		e := c.wait(t, 0, "bound")
		if had[c.name] = e.ip; e.server != p.main.addr {
			t.Errorf("%s is served by %s", c.name, e.server)
		}
	}
	p.normal(t)
	p.main.proc.kill9()
	p.ip(t, p.main.netns, "addr", "del", p.main.addr+"/24", "dev", "eth0")
	p.backup.holds(t, p.lan, p.main.addr)
	begun := time.Now()
	for _, c := range clients {
		if e := c.renews(t); e.ip != had[c.name] || e.server != p.main.addr {
			t.Errorf("%s renewed %s at %s, it had %s of %s", c.name, e.ip, e.server, had[c.name], p.main.addr)
		}
		eventually(t, "the survivor has renewed it", func() error {
			if end := p.backup.times(t, netip.MustParseAddr(had[c.name])).ToldEnd; end == nil || end.Before(begun.Add(55*time.Second)) {
				return errors.New("it has not")
			}
			return nil
		})
	}
	p.ip(t, p.backup.netns, "addr", "del", p.main.addr+"/24", "dev", "eth0")
	p.main.holds(t, p.lan, p.main.addr)
	p.main.up(t)
	p.normal(t)
	for _, c := range clients {
		if e := c.renews(t); e.ip != had[c.name] || e.server != p.main.addr {
			t.Errorf("%s renewed %s at %s after the main's return", c.name, e.ip, e.server)
		}
	}
}

// TestDHCPPairRenewalsThroughARelay: the same where the relay has clients renew through it (RFC 5107: it is their server, as far as they
// know): the survivor hears them at T1.
func TestDHCPPairRenewalsThroughARelay(t *testing.T) {
	t.Parallel()
	p := startLeasePair(t, pairPlan{})
	relay := p.crowd.relay
	client := func(n int) dhcpclient.Client {
		c := p.crowd.client(n)
		ip := relay.Local.Addr().As4()
		c.Options = map[byte][]byte{82: append([]byte{11, 4}, ip[:]...)} // server identifier override
		return c
	}
	had := map[int]dhcpclient.Lease{}
	get := func(n int) {
		t.Helper()
		begun := time.Now()
		l := answered(t, fmt.Sprintf("client %d", n), func() (dhcpclient.Lease, error) { return relay.Acquire(t.Context(), client(n)) })
		if l.Server != relay.Local.Addr() {
			t.Fatalf("client %d is served by %s", n, l.Server)
		}
		p.crowd.acked(n, l, begun, true)
		had[n] = l
	}
	for n := range 5 {
		get(n)
	}
	p.normal(t)
	p.main.proc.kill9()
	get(5)
	for n, l := range had {
		begun := time.Now()
		got := answered(t, fmt.Sprintf("client %d, which renews %s,", n, l.IP), func() (dhcpclient.Lease, error) { return relay.Renew(t.Context(), client(n), l) })
		if got.IP != l.IP || got.Server != l.Server {
			t.Fatalf("client %d renews %s: %s of %s", n, l.IP, got.IP, got.Server)
		}
		p.crowd.acked(n, got, begun, false)
	}
	eventually(t, "the survivor knows all", p.backup.known(p.crowd))
}
