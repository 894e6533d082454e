package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"loadshare/internal/control"
	"loadshare/internal/dhcpclient"
)

// The clients' network exists in leases and in DNS only; loopback carries the relay's messages.
const (
	dhcpPort     = 5367
	failoverPort = 5347
	relayPort    = 5368
	clientNet    = "192.0.2"
	reverseZone  = "2.0.192.in-addr.arpa"
)

// guest is one DHCP client of the story.
type guest struct {
	name  string
	mac   byte
	lease dhcpclient.Lease
}

func (g *guest) client() dhcpclient.Client {
	return dhcpclient.Client{MAC: net.HardwareAddr{2, 0, 0, 0, 0, g.mac}, Hostname: g.name}
}

func (w *world) dhcpAt(n node) netip.AddrPort     { return netip.AddrPortFrom(n.addr, dhcpPort) }
func (w *world) failoverAt(n node) netip.AddrPort { return netip.AddrPortFrom(n.addr, failoverPort) }

func (w *world) dhcpToml(i int) string {
	n, partner, role := w.dhcp[i], w.dhcp[1-i], [...]string{"main", "backup"}[i]
	return fmt.Sprintf(`listen = ["%s"]
relay_reply_port = "source"
state_dir = "state-%s"
[control]
listen = "%s"
[[failover]]
name = "demo"
role = "%s"
address = "%s"
partner = "%s"
mclt = "1m"
key = "dhcp-pair.key"
[[scope]]
name = "guests"
subnet = "%[7]s.0/24"
ranges = ["%[7]s.100-%[7]s.199"]
failover = "demo"
lease_time = "1h"
ping_check = false
[scope.options]
routers = ["%[7]s.1"]
domain-name = "%[8]s"
[ddns]
servers = %[9]s
policy = "pair"
key = "ddns.key"
forward_zone = "%[8]s"
reverse_zone = "%[10]s"
`, w.dhcpAt(n), n.name, w.control(n.name), role, w.failoverAt(n), w.failoverAt(partner), clientNet, domain,
		quoted(each(w.dns, func(d node) string { return w.dnsAt(d).String() })), reverseZone)
}

// dhcpStatus is the part of a DHCP server's status that the story needs.
type dhcpStatus struct {
	Pairs []struct {
		State   string `json:"state"`
		Unacked int    `json:"unacked"`
	} `json:"pairs"`
	Scopes []struct {
		Free   int `json:"free"`
		Backup int `json:"backup"`
		Active int `json:"active"`
	} `json:"scopes"`
}

// sharing checks what servers of the DHCP pair say of themselves. In normal both have a share of the addresses.
func (w *world) sharing(state string, servers ...node) func(context.Context) error {
	return func(ctx context.Context) error {
		for _, n := range servers {
			client, err := control.Connect(w.control(n.name), control.TLS{})
			if err != nil {
				return err
			}
			var s dhcpStatus
			if err := client.Get(ctx, "/v1/status", &s); err != nil {
				return err
			}
			if len(s.Pairs) != 1 || len(s.Scopes) != 1 {
				return fmt.Errorf("%s shows %d pairs and %d scopes", n.name, len(s.Pairs), len(s.Scopes))
			}
			p, c := s.Pairs[0], s.Scopes[0]
			if p.State != state || state == "normal" && (c.Free == 0 || c.Backup == 0) {
				return fmt.Errorf("%s is in %s, %d addresses free for the main and %d for the backup", n.name, p.State, c.Free, c.Backup)
			}
		}
		return nil
	}
}

// knows checks that servers have the guest's lease, active, in their own stores.
func (w *world) knows(g *guest, servers ...node) func(context.Context) error {
	return func(ctx context.Context) error {
		for _, n := range servers {
			client, err := control.Connect(w.control(n.name), control.TLS{})
			if err != nil {
				return err
			}
			var l struct {
				State    string `json:"state"`
				Hardware string `json:"hardware"`
			}
			if err := client.Get(ctx, "/v1/lease/show?address="+g.lease.IP.String(), &l); err != nil {
				return err
			}
			if l.State != "active" || l.Hardware != g.client().MAC.String() {
				return fmt.Errorf("%s: %s is %s of %s", n.name, g.lease.IP, l.State, l.Hardware)
			}
		}
		return nil
	}
}

// relayed does something as a client behind a relay that knows both servers.
func (w *world) relayed(do func(*dhcpclient.Relay) error) error {
	r, err := dhcpclient.Listen(dhcpclient.Config{
		Local: netip.AddrPortFrom(w.relay.addr, relayPort), Link: netip.MustParseAddr(clientNet + ".1"),
		Servers: []netip.AddrPort{w.dhcpAt(w.dhcp[0]), w.dhcpAt(w.dhcp[1])}, Wait: 500 * time.Millisecond,
	})
	if err != nil {
		return err
	}
	defer r.Close()
	return do(r)
}

// leases is the guest asking for an address until it has one.
func (w *world) leases(g *guest) func(context.Context) error {
	return func(ctx context.Context) error {
		return w.relayed(func(r *dhcpclient.Relay) (err error) {
			g.lease, err = r.Acquire(ctx, g.client())
			return err
		})
	}
}

// renews is the guest extending its lease: the address must stay.
func (w *world) renews(g *guest) func(context.Context) error {
	return func(ctx context.Context) error {
		return w.relayed(func(r *dhcpclient.Relay) error {
			l, err := r.Renew(ctx, g.client(), g.lease)
			if err != nil {
				return err
			}
			if l.IP != g.lease.IP {
				return errors.New(l.IP.String() + " instead of " + g.lease.IP.String())
			}
			g.lease = l
			return nil
		})
	}
}

func (w *world) releases(g *guest) func(context.Context) error {
	return func(context.Context) error {
		return w.relayed(func(r *dhcpclient.Relay) error { return r.Release(g.client(), g.lease) })
	}
}

// named checks that every DNS server has the guest's name with its address; or nothing of it.
func (w *world) named(g *guest, there bool, servers ...node) func(context.Context) error {
	return func(ctx context.Context) error {
		var want []string
		if there {
			want = []string{g.lease.IP.String()}
		}
		return w.holds(g.name+"."+domain, want, servers...)(ctx)
	}
}

// dhcpSteps is the story of the DHCP pair.
func (w *world) dhcpSteps(p *procs) []step {
	laptop, phone := &guest{name: "laptop", mac: 1}, &guest{name: "phone", mac: 2}
	first, second := w.dhcp[0], w.dhcp[1]
	return []step{
		{"the two DHCP servers are a pair in normal, and each has its share of the addresses", nil, 15 * time.Second, w.sharing("normal", w.dhcp...)},
		{"laptop leases an address through a relay", nil, 5 * time.Second, w.leases(laptop)},
		{"both DHCP servers know the lease", nil, 5 * time.Second, w.knows(laptop, w.dhcp...)},
		{"laptop." + domain + " is in both DNS servers", nil, 5 * time.Second, w.named(laptop, true, w.dns...)},
		{"the main DHCP server " + first.name + " dies (kill -9): phone, a new client, gets its address from " + second.name,
			func(context.Context) error { return p.kill(first.name) }, 5 * time.Second, w.leases(phone)},
		{"laptop renews at " + second.name + " and keeps its address", nil, 5 * time.Second, w.renews(laptop)},
		{second.name + " serves alone: communications-interrupted", nil, 5 * time.Second, w.sharing("communications-interrupted", second)},
		{first.name + " returns from its own disk: the pair is in normal again", func(context.Context) error { return p.start(w.role(first.name)) }, 15 * time.Second, w.sharing("normal", w.dhcp...)},
		{"and it knows what was leased without it", nil, 5 * time.Second, both(w.knows(phone, w.dhcp...), w.knows(laptop, w.dhcp...))},
		{"laptop gives its address back: its name leaves both DNS servers", w.releases(laptop), 5 * time.Second, both(w.named(laptop, false, w.dns...), w.named(phone, true, w.dns...))},
	}
}
