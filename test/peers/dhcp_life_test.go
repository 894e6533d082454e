package peers

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"os/exec"
	"slices"
	"testing"
	"time"

	"loadshare/internal/dhcpclient"
)

// TestDHCPWithISC is a life of a failover pair of one server of ours and one ISC dhcpd, in both roles (decisions D-a, D-b, D-m; states as
// in draft-ietf-dhc-failover-12, 9). After every step no address is held by two clients and both servers know every lease.
func TestDHCPWithISC(t *testing.T) {
	for _, role := range []string{"main", "backup"} {
		t.Run("ours is "+role, func(t *testing.T) {
			t.Parallel()
			l := newLAN(t)
			h1, h2, load := l.host(t, "dhcp1", 1), l.host(t, "dhcp2", 2), l.host(t, "load", 3)
			check := capture(t, h2)
			p := &dhcpPair{least: 33, plain: true, load: load.generator(t, dhcpclient.Config{Servers: []netip.AddrPort{
				netip.MustParseAddrPort(h1.addr + ":67"), netip.MustParseAddrPort(h2.addr + ":67"),
			}, Wait: time.Second, Tries: patience})}
			scope := l.dhcpScope("lan", "failover = \"pair1\"\nping_check = false")
			if role == "main" {
				p.main = ourPartner{ourDHCP(t, h1, ourPair("main", h1, h2, draft)+scope)}
				p.backup = iscPartner{iscDHCP(t, h2, iscPair(l, "secondary", h2, h1))}
			} else {
				p.main = iscPartner{iscDHCP(t, h1, iscPair(l, "primary", h1, h2))}
				p.backup = ourPartner{ourDHCP(t, h2, ourPair("backup", h2, h1, draft)+scope)}
			}
			p.life(t, h1)
			said := check(t)
			for _, h := range []host{h1, h2} {
				for code, state := range map[string]string{"2": "normal", "4": "partner-down", "5": "potential-conflict", "10": "resolution-interrupted"} {
					if !slices.Contains(said[h.addr], code) {
						t.Errorf("%s never said to its partner that it is in %s, but %v", h.addr, state, said[h.addr])
					}
				}
			}
		})
	}
}

const draft = `link = "draft"`

// TestDHCPPair is the same life of two servers of ours.
func TestDHCPPair(t *testing.T) {
	t.Parallel()
	l := newLAN(t)
	h1, h2, load := l.host(t, "dhcp1", 1), l.host(t, "dhcp2", 2), l.host(t, "load", 3)
	p := &dhcpPair{least: 20, load: load.generator(t, dhcpclient.Config{Servers: []netip.AddrPort{
		netip.MustParseAddrPort(h1.addr + ":67"), netip.MustParseAddrPort(h2.addr + ":67"),
	}, Wait: time.Second, Tries: patience})}
	key := fmt.Sprintf("backup_pct = 30\nkey = %q", write(t, openDir(t), "pair.key", output(t, exec.Command(loadshare(t), "key", "pair"))))
	scope := l.dhcpScope("lan", "failover = \"pair1\"\nping_check = false")
	p.main = ourPartner{ourDHCP(t, h1, ourPair("main", h1, h2, key)+scope)}
	p.backup = ourPartner{ourDHCP(t, h2, ourPair("backup", h2, h1, key)+scope)}
	p.life(t, h1)
}

// dhcpPair is a pair and the clients that it serves.
type dhcpPair struct {
	main, backup dhcpPartner
	load         *dhcpclient.Generator
	clients      int // so many have a lease
	renewed      time.Time
	settled      bool // nobody renews for now
	least        int  // per cent of what is free that each side must have
	plain        bool // they speak the draft's protocol over TCP
}

// keep renews all leases now and then, as clients do: alone a server gives them for MCLT only. Whoever does not get an answer tries again next time.
func (p *dhcpPair) keep(t *testing.T) {
	t.Helper()
	if p.settled || p.clients == 0 || time.Since(p.renewed) < pairMCLT*time.Second/5 {
		return
	}
	p.load.Tries = 1
	defer func() { p.load.Tries = patience }()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	r, err := p.load.Run(ctx, dhcpclient.Load{Kind: dhcpclient.Renew, Clients: p.clients})
	if err != nil || r.Naks != 0 || r.Duplicates != 0 {
		t.Fatalf("renewing all the time: %s %v", &r, err)
	}
	p.renewed = time.Now()
}

// patience is how often a client tries, once a second.
const patience = 30

func (p *dhcpPair) both() []dhcpPartner { return []dhcpPartner{p.main, p.backup} }

// life takes the pair through what a pair can meet. h1 is the main's host.
func (p *dhcpPair) life(t *testing.T, h1 host) {
	p.become(t, p.main, "normal", "normal")
	p.become(t, p.backup, "normal", "normal")
	p.balanced(t)
	p.serve(t, 10, "normal")
	p.agree(t)
	p.renew(t, "normal")
	p.agree(t)
	for i, dead := range p.both() {
		alive := p.both()[1-i]
		p.parted(t, alive, dead)
		p.downAndBack(t, alive, dead)
	}
	p.conflict(t, h1)
}

// parted: D33, D-c: one dies, the other goes on, and what it gave the dead one learns when it is back.
func (p *dhcpPair) parted(t *testing.T, alive, dead dhcpPartner) {
	t.Helper()
	dead.kill()
	p.become(t, alive, "communications-interrupted", "")
	p.serve(t, 5, dead.name()+" is dead")
	p.renew(t, dead.name()+" is dead")
	dead.again(t)
	p.become(t, alive, "normal", "normal")
	p.become(t, dead, "normal", "normal")
	p.agree(t)
}

// downAndBack: D17, D25: one dies and the other is told that it is down; it comes back by recover, and both are normal.
func (p *dhcpPair) downAndBack(t *testing.T, alive, dead dhcpPartner) {
	t.Helper()
	dead.kill()
	p.become(t, alive, "communications-interrupted", "")
	alive.partnerDown(t)
	p.become(t, alive, "partner-down", "")
	p.serve(t, 5, alive.name()+" is in partner-down")
	p.renew(t, alive.name()+" is in partner-down")
	dead.again(t)
	p.become(t, alive, "normal", "normal")
	p.become(t, dead, "normal", "normal")
	p.agree(t)
	p.balanced(t)
}

func (p *dhcpPair) hostOf(s dhcpPartner) host {
	if o, ok := s.(ourPartner); ok {
		return o.host
	}
	return s.(iscPartner).host
}

// become waits until a server is in a state, and believes its partner to be in another; "": any.
func (p *dhcpPair) become(t *testing.T, s dhcpPartner, mine, other string) {
	t.Helper()
	took := eventually(t, s.name()+" is "+mine, func() error {
		p.keep(t)
		m, o, err := s.states()
		if err == nil && (m != mine || other != "" && o != other) {
			err = fmt.Errorf("it is %s, and believes the partner to be %s", m, o)
		}
		return err
	})
	t.Logf("%s is %s after %v", s.name(), mine, took.Round(10*time.Millisecond))
}

// serve gives leases to new clients; all of them are served, and no address is anybody else's.
func (p *dhcpPair) serve(t *testing.T, n int, when string) {
	t.Helper()
	p.run(t, when, dhcpclient.Load{First: p.clients, Clients: n, Window: 5})
	p.clients += n
}

// renew renews all leases that there are.
func (p *dhcpPair) renew(t *testing.T, when string) {
	t.Helper()
	p.run(t, when, dhcpclient.Load{Kind: dhcpclient.Renew, Clients: p.clients, Window: 5})
}

func (p *dhcpPair) run(t *testing.T, when string, l dhcpclient.Load) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	r, err := p.load.Run(ctx, l)
	if err != nil || r.Kept != l.Clients || r.Duplicates != 0 {
		t.Fatalf("%s: %s %v", when, &r, err)
	}
}

// agree waits until both servers show exactly the leases that the clients have.
func (p *dhcpPair) agree(t *testing.T) {
	t.Helper()
	want := map[string]string{}
	for id := range p.clients {
		want[p.load.Lease(id).String()] = dhcpclient.MAC(id).String()
	}
	if len(want) != p.clients {
		t.Fatalf("%d addresses for %d clients", len(want), p.clients)
	}
	for _, s := range p.both() {
		eventually(t, s.name()+" knows every lease", func() error {
			p.keep(t)
			got, err := s.bindings()
			if err == nil && !maps.Equal(got, want) {
				err = fmt.Errorf("it has %v, the clients have %v", got, want)
			}
			return err
		})
	}
}

// balanced waits until each side has its share of what is free (D22; D-m: with ISC half each), as ours tells: dhcpd's file does not have
// all free addresses.
func (p *dhcpPair) balanced(t *testing.T) {
	t.Helper()
	for _, s := range p.both() {
		ours, ok := s.(ourPartner)
		if !ok {
			continue
		}
		eventually(t, "the shares are balanced", func() error {
			p.keep(t)
			st, err := ours.status()
			if err != nil {
				return err
			}
			sc := st.Scopes[0]
			if least := (sc.Free + sc.Backup) * p.least; sc.Free*100 < least || sc.Backup*100 < least || sc.Active != p.clients || sc.Free+sc.Backup+sc.Active != 101 {
				return fmt.Errorf("of 101 addresses %+v; %d have a client", sc, p.clients)
			}
			return nil
		})
	}
}
