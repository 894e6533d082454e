package engine

import (
	"slices"
	"strings"
	"testing"
	"time"

	"loadshare/dhcp/failover"
	"loadshare/dhcp/failover/wire"
	"loadshare/dhcp/lease"
	"loadshare/dhcp/names"
	"loadshare/dhcp/option"
	"loadshare/dhcp/packet"
	"loadshare/dhcp/scope"
)

// pairInNormal is two servers without clients of their own; probe sends a message to one of them and returns its replies.
func pairInNormal(t *testing.T, seed uint64, change func(*Config, *scope.Config)) *simWorld {
	t.Helper()
	x := newSim(t, seed, 2, change)
	for _, n := range x.nodes {
		n.start()
	}
	x.normal(10 * time.Second)
	x.run(2 * time.Second)
	return x
}

// tell gives a message to one server and returns what it answers, when the disk has answered too.
func (n *simNode) tell(p *packet.Packet) (replies []*packet.Packet, notes []Note) {
	n.x.t.Helper()
	out := n.m.Step(n.now(), Heard{Packet: p, From: packet.Arrival{Interface: "eth0", Local: n.local()}})
	for {
		for _, r := range out.Replies {
			replies = append(replies, r.Packet)
		}
		notes = append(notes, out.Notes...)
		w := testWrite(out.Write)
		for _, o := range out.Pairs {
			n.pair(&o.Output)
		}
		for _, p := range out.Probes {
			_ = p // nobody answers; the offer comes with the time
		}
		if w.Batch == 0 {
			return replies, notes
		}
		n.disk.write(w, n.now().Wall)
		out = n.m.Step(n.now(), Durable{Batch: w.Batch, Seq: n.disk.seq})
	}
}

func message(n byte, t packet.Type, opts ...option.Option) *packet.Packet {
	p := &packet.Packet{Type: t, HType: 1, XID: 77, CHAddr: []byte{2, 0, 0, 0, 0, n}}
	for _, o := range opts {
		p.Options.Set(o.Code, o.Data)
	}
	return p
}

func reasons(notes []Note) (r []Reason) {
	for _, n := range notes {
		r = append(r, n.Reason)
	}
	return r
}

func (x *simWorld) wants(got []*packet.Packet, notes []Note, t packet.Type, why Reason) *packet.Packet {
	x.t.Helper()
	switch {
	case why != 0 && (len(got) > 0 || !slices.Contains(reasons(notes), why)):
		x.t.Fatalf("%d replies, %v; want silence because of %s", len(got), reasons(notes), why)
	case why == 0 && (len(got) != 1 || got[0].Type != t):
		x.t.Fatalf("replies %v, %v; want one of type %d", got, reasons(notes), t)
	case why == 0:
		return got[0]
	}
	return nil
}

// Checklist D12, D41; draft 5.3: without load balancing the main answers new clients; either renews; the client's choice decides.
func TestWhoAnswersInNormal(t *testing.T) {
	x := pairInNormal(t, 1, nil)
	main, backup := x.nodes[0], x.nodes[1]
	got, notes := backup.tell(message(1, packet.Discover))
	x.wants(got, notes, 0, PartnersClient)
	got, notes = main.tell(message(1, packet.Discover))
	ip := x.wants(got, notes, packet.Offer, 0).YIAddr
	got, notes = backup.tell(message(1, packet.Request, u32(option.ServerIdentifier, main.local()), u32(option.RequestedAddress, ip)))
	x.wants(got, notes, 0, OtherServer)
	got, notes = main.tell(message(1, packet.Request, u32(option.ServerIdentifier, main.local()), u32(option.RequestedAddress, ip)))
	ack := x.wants(got, notes, packet.Ack, 0)
	if secs, _ := ack.Options.Uint32(option.LeaseTime); secs != simMCLT {
		t.Errorf("first lease of %d s, want the MCLT (checklist D31)", secs)
	}
	x.run(time.Second)
	renew := message(1, packet.Request)
	renew.CIAddr = ip
	got, notes = backup.tell(renew)
	ack = x.wants(got, notes, packet.Ack, 0)
	if secs, _ := ack.Options.Uint32(option.LeaseTime); secs != simLease {
		t.Errorf("renewed by the partner for %d s, want all that is configured", secs)
	}
	x.run(time.Second)
	a, b := main.m.get(ip), backup.m.get(ip)
	if a.ToldEnd != b.ToldEnd || a.ToldEnd < main.now().Wall+simLease-3 || a.Owed || b.Owed {
		t.Errorf("main knows until %d, backup %d", a.ToldEnd, b.ToldEnd)
	}
	why := backup.m.WhyServe(lease.Client{HType: 1, CHAddr: "\x02\x00\x00\x00\x00\x01"})[0]
	if s := why.String(); why.Serves || s != "hash 133, state normal, partner's client" {
		t.Error(s)
	}
}

// Decision D-f: a client's second DISCOVER, or one that has waited, is served by the other from its own share.
func TestSecondTriesAreServedByTheOther(t *testing.T) {
	x := pairInNormal(t, 2, nil)
	backup := x.nodes[1]
	got, notes := backup.tell(message(1, packet.Discover))
	x.wants(got, notes, 0, PartnersClient)
	got, notes = backup.tell(message(1, packet.Discover)) // a copy through another relay
	x.wants(got, notes, 0, PartnersClient)
	x.run(4 * time.Second)
	got, notes = backup.tell(message(1, packet.Discover))
	ip := x.wants(got, notes, packet.Offer, 0).YIAddr
	if l := backup.m.get(ip); l.State != lease.Backup {
		t.Errorf("offered %s of the main's share", ip)
	}
	// A client that has taken an offer begins anew.
	backup.tell(message(2, packet.Discover))
	x.run(2 * time.Second)
	backup.tell(message(2, packet.Request, u32(option.ServerIdentifier, x.nodes[0].local()), u32(option.RequestedAddress, simFirst)))
	got, notes = backup.tell(message(2, packet.Discover))
	x.wants(got, notes, 0, PartnersClient)
	waited := message(3, packet.Discover)
	waited.Secs = 5
	got, notes = backup.tell(waited)
	x.wants(got, notes, packet.Offer, 0)
	n := 0
	for i := range 200 { // a crowd: rate-capped
		p := message(4, packet.Discover)
		p.CHAddr = []byte{4, 4, 4, 4, 4, byte(i)}
		p.Secs = 9
		if _, notes := backup.tell(p); slices.Contains(reasons(notes), SecondTryLimit) {
			n++
		}
	}
	if n < 50 {
		t.Errorf("%d were refused by the limit", n)
	}
}

// Draft 5.14; D35: in partner-down the partner's share is given after the MCLT, and probed first whatever the settings.
func TestPartnerDownProbesTheOthersShare(t *testing.T) {
	x := pairInNormal(t, 3, nil)
	main, backup := x.nodes[0], x.nodes[1]
	main.crash()
	x.run(5 * time.Second)
	backup.step(Pair{"pair", failover.Operate{ID: 1, Command: failover.SetPartnerDown}})
	lease1 := func(n byte) ([]*packet.Packet, []Note) {
		got, notes := backup.tell(message(n, packet.Discover))
		if len(got) == 1 && got[0].Type == packet.Offer {
			got, notes = backup.tell(message(n, packet.Request, u32(option.ServerIdentifier, backup.local()), u32(option.RequestedAddress, got[0].YIAddr)))
		}
		return got, notes
	}
	for n := byte(1); n <= 10; n++ {
		got, notes := lease1(n)
		x.wants(got, notes, packet.Ack, 0)
	}
	got, notes := lease1(11)
	x.wants(got, notes, 0, PoolEmpty)
	x.run((simMCLT + 5) * time.Second)
	got, notes = lease1(11)
	x.wants(got, notes, 0, Probing)
	x.run(2 * time.Second)
	o := backup.m.offers.client[lease.Client{HType: 1, CHAddr: string([]byte{2, 0, 0, 0, 0, 11})}.Key()]
	if o == 0 || !backup.m.offers.by[o].probed {
		t.Fatal("not offered after the probe")
	}
	got, notes = backup.tell(message(11, packet.Request, u32(option.ServerIdentifier, backup.local()), u32(option.RequestedAddress, o)))
	x.wants(got, notes, packet.Ack, 0)
	// What was not probed is not given, whatever the client asks for.
	got, notes = backup.tell(message(12, packet.Request, u32(option.ServerIdentifier, backup.local()), u32(option.RequestedAddress, o+1)))
	x.wants(got, notes, packet.Nak, 0)
}

// Checklist D29: with allocate-first-available the main gives from the lowest upward, the backup from the boundary downward.
func TestAllocateFirstAvailable(t *testing.T) {
	x := pairInNormal(t, 4, func(c *Config, s *scope.Config) {
		s.Scopes[0].AllocateFirst, s.Scopes[0].Boundary = true, simFirst+30
	})
	main, backup := x.nodes[0], x.nodes[1]
	got, notes := main.tell(message(1, packet.Discover))
	if ip := x.wants(got, notes, packet.Offer, 0).YIAddr; ip != simFirst {
		t.Errorf("main offers %s", ip)
	}
	late := message(2, packet.Discover)
	late.Secs = 9
	got, notes = backup.tell(late)
	if ip := x.wants(got, notes, packet.Offer, 0).YIAddr; ip != simFirst+30 {
		t.Errorf("backup offers %s", ip)
	}
}

// Decision D-j: the silent partner says what it would have sent.
func TestShadowsCanBeCompared(t *testing.T) {
	router := func(ip lease.IP) option.List {
		return option.List{{Code: option.Routers, Data: option.AddressesOf(ip)}}
	}
	x := pairInNormal(t, 5, func(c *Config, s *scope.Config) {
		s.Scopes[0].Policy.Options = router(0x0a000001 + lease.IP(c.Pairs[0].Role))
	})
	said := func(n *simNode) (s []Shadow) {
		out := n.m.Step(n.now(), Heard{
			Packet: message(1, packet.Discover, option.Option{Code: option.ParameterList, Data: []byte{1, 3}}),
			From:   packet.Arrival{Interface: "eth0", Local: n.local()},
		})
		return slices.Clone(out.Shadows)
	}
	a, b := said(x.nodes[0]), said(x.nodes[1])
	if len(a) != 1 || len(b) != 1 || !a[0].Served || b[0].Served || a[0].XID != b[0].XID || a[0].Scope != b[0].Scope || a[0].Type != packet.Discover {
		t.Fatalf("main %+v\nbackup %+v", a, b)
	}
	x1, _ := a[0].Options.Get(option.Routers)
	x2, _ := b[0].Options.Get(option.Routers)
	if len(x1) != 4 || string(x1) == string(x2) {
		t.Errorf("routers %x and %x", x1, x2)
	}
}

// An operator's release in a pair: free for others only when the partner knows.
func TestFreeLeaseInAPair(t *testing.T) {
	x := pairInNormal(t, 6, nil)
	main := x.nodes[0]
	got, _ := main.tell(message(1, packet.Discover))
	ip := got[0].YIAddr
	main.tell(message(1, packet.Request, u32(option.ServerIdentifier, main.local()), u32(option.RequestedAddress, ip)))
	x.run(time.Second)
	x.cut = true
	x.run(3 * time.Second)
	main.step(FreeLease{ID: 1, IP: ip, Sure: true})
	x.run(time.Second)
	if l := main.m.get(ip); l.State != lease.Reset {
		t.Fatalf("%s while the partner cannot know", l.State)
	}
	x.mend()
	x.normal(15 * time.Second)
	x.run(2 * time.Second)
	if a, b := main.m.get(ip), x.nodes[1].m.get(ip); a.State != lease.Free || b.State != lease.Free {
		t.Errorf("main %s, backup %s", a.State, b.State)
	}
}

// Checklist D02: a back office: one backup for two mains. Each pair has its state; a scope of none is served always.
func TestABackOffice(t *testing.T) {
	c := Config{Pairs: []failover.Config{
		{Name: "one", Role: failover.Backup, MCLT: 60, PollInterval: time.Second, PollTimeout: 10 * time.Second, MaxUnacked: 10},
		{Name: "two", Role: failover.Backup, MCLT: 60, PollInterval: time.Second, PollTimeout: 10 * time.Second, MaxUnacked: 10},
	}}
	c.Scopes = testTable(t, testSite(func(s *scope.Config) { s.Scopes[0].Failover, s.Scopes[3].Failover = "one", "two" }))
	h := newHost(t, c)
	h.pass(20 * time.Second)
	h.device(1).discover()
	h.silence(NotServing) // decision D-l: recover, and nobody was heard
	h.device(1).behind(otherAt).discover()
	h.silence(NotServing)
	h.device(1).behind(relayAt).lease()
	if v := h.m.Pairs(); len(v) != 2 || v[0].State != wire.Recover || v[0].Serving || v[1].Config.Name != "two" || len(v[1].Config.Pools) != 1 {
		t.Fatalf("%+v", v)
	}
	h.step(Pair{"two", failover.Operate{ID: 3, Command: failover.SetPartnerDown, Force: true}})
	if v := h.m.Pairs(); v[0].State != wire.Recover || v[1].State != wire.PartnerDown {
		t.Fatalf("%s and %s", v[0].State, v[1].State)
	}
	if _, ok := h.disk.saved["two"]; !ok || h.disk.saved["two"].State != wire.PartnerDown {
		t.Error("the state is not on disk")
	}
	h.boot(c)
	if v := h.m.Pairs(); v[1].Saved.State != wire.PartnerDown {
		t.Errorf("after a restart: %s", v[1].Saved.State)
	}
}

// A pair that a reload takes away (checklist D44): what the partner may have promised is waited for.
func TestAPairIsTakenAway(t *testing.T) {
	x := pairInNormal(t, 8, nil)
	main := x.nodes[0]
	single := testTable(t, func() scope.Config {
		s := testSite(nil)
		s.Scopes = s.Scopes[:1]
		s.Scopes[0].Ranges = []scope.Range{{First: simFirst, Last: simFirst + simPool - 1}}
		return s
	}())
	_, theirs := main.m.pools[0].available()
	if theirs != 10 {
		t.Fatalf("the backup has %d", theirs)
	}
	main.step(Reconfigure{Config{Scopes: single}})
	n := 0
	give := func(crowd byte) {
		for i := range byte(60) {
			p := message(0, packet.Discover)
			p.CHAddr = []byte{7, 7, 7, 7, crowd, i}
			if got, _ := main.tell(p); len(got) == 1 {
				main.tell(func() *packet.Packet {
					r := message(0, packet.Request, u32(option.ServerIdentifier, main.local()), u32(option.RequestedAddress, got[0].YIAddr))
					r.CHAddr = p.CHAddr
					return r
				}())
				n++
			}
		}
	}
	give(1)
	if n != simPool-10 {
		t.Errorf("%d leases at once, want all but the partner's %d", n, theirs)
	}
	x.run((simMCLT + 5) * time.Second)
	give(2) // they are probed
	x.run(2 * time.Second)
	give(2)
	if n != simPool {
		t.Errorf("%d leases after the MCLT, want all %d", n, simPool)
	}
}

// Names: a job is given out when it and its lease are durable, kept until it is done, and given again after a crash.
func TestNamesFollowLeases(t *testing.T) {
	c := testConfig(t, func(s *scope.Config) { s.Policy.Domain = "example.org" })
	c.Names = names.Config{On: true, ForwardZones: []string{"example.org"}, ReverseZones: []string{"0.10.in-addr.arpa"}}
	h := newHost(t, c)
	d := h.device(1)
	d.opts = option.List{{Code: option.HostName, Data: []byte("laptop")}}
	d.discover()
	ip := h.reply().YIAddr
	h.held = true
	d.choose(ip)
	if len(h.jobs) != 0 {
		t.Fatal("DNS learns of a lease that is not on disk")
	}
	h.held = false
	h.flush()
	d.acked(ip)
	if len(h.jobs) != 1 || h.jobs[0].Kind != names.Add || h.jobs[0].FQDN != "laptop.example.org" || h.jobs[0].ID == 0 {
		t.Fatalf("jobs %+v", h.jobs)
	}
	add := h.jobs[0]
	h.jobs = nil
	h.boot(c)
	if len(h.jobs) != 1 || h.jobs[0].ID != add.ID {
		t.Fatalf("after a restart: %+v", h.jobs)
	}
	h.step(Named{Job: add, Done: true})
	if len(h.disk.jobs) != 0 {
		t.Errorf("kept: %+v", h.disk.jobs)
	}
	if l := h.disk.leases[ip]; l.FQDN != "laptop.example.org" || l.Hostname != "laptop" {
		t.Errorf("%+v", l)
	}
	h.jobs = nil
	d.opts = nil
	d.renew(ip) // and says nothing of a name
	d.acked(ip)
	if l := h.disk.leases[ip]; l.FQDN != "laptop.example.org" || len(h.jobs) != 0 {
		t.Errorf("after a renewal: %q, jobs %+v", l.FQDN, h.jobs)
	}
	d.release(ip)
	if len(h.jobs) != 1 || h.jobs[0].Kind != names.Remove || h.jobs[0].ID <= add.ID {
		t.Errorf("after the release: %+v", h.jobs)
	}
}

func TestReasonsHaveNames(t *testing.T) {
	for r := Reason(1); int(r) < reasonCount; r++ {
		if s := r.String(); s == "" || s == "unknown" || strings.ToLower(s) != s && !strings.Contains(s, "DNS") {
			t.Errorf("%d: %q", r, s)
		}
	}
}

// RFC 5107: both partners are called by the relay's name. The one that made no offer stays silent, and does not refuse the other's.
func TestTheRelaysNameForBothPartners(t *testing.T) {
	x := pairInNormal(t, 9, nil)
	main, backup := x.nodes[0], x.nodes[1]
	by := option.Option{Code: option.RelayInformation, Data: option.Relay{ServerID: 0x0a000001}.Append(nil)}
	got, notes := main.tell(message(1, packet.Discover, by))
	ip := x.wants(got, notes, packet.Offer, 0).YIAddr
	chosen := func() *packet.Packet {
		return message(1, packet.Request, u32(option.ServerIdentifier, 0x0a000001), u32(option.RequestedAddress, ip), by)
	}
	got, notes = backup.tell(chosen())
	x.wants(got, notes, 0, PartnersOffer)
	got, notes = main.tell(chosen())
	x.wants(got, notes, packet.Ack, 0)
}

// An address of a pool that a reload makes a reservation is held for an MCLT: the partner, not yet reloaded, may have given it.
func TestAReservationInAPairsPoolWaits(t *testing.T) {
	x := pairInNormal(t, 10, nil)
	main := x.nodes[0]
	c := main.cfg
	site := func(reserved bool) *scope.Table {
		s := testSite(nil)
		s.Scopes = s.Scopes[:1]
		s.Scopes[0].Failover = "pair"
		s.Scopes[0].Ranges = []scope.Range{{First: simFirst, Last: simFirst + simPool - 1}}
		if reserved {
			s.Scopes[0].Reservations = []scope.Reservation{{Address: simFirst + 3, CHAddr: []byte{2, 0, 0, 0, 0, 1}}}
		}
		return testTable(t, s)
	}
	for _, reserved := range []bool{true, false} {
		c.Scopes = site(reserved)
		main.step(Reconfigure{c})
		got, notes := main.tell(message(1, packet.Discover, u32(option.RequestedAddress, simFirst+3)))
		if ip := x.wants(got, notes, packet.Offer, 0).YIAddr; ip == simFirst+3 {
			t.Fatalf("reserved %v: given at once", reserved)
		}
		x.run((simMCLT + 35) * time.Second)
		got, notes = main.tell(message(1, packet.Discover, u32(option.RequestedAddress, simFirst+3)))
		if ip := x.wants(got, notes, packet.Offer, 0).YIAddr; ip != simFirst+3 {
			t.Fatalf("reserved %v: %s after the MCLT", reserved, ip)
		}
		x.run(35 * time.Second)
	}
}

// A scope that is meant to be shared is never served alone because its pair is missing.
func TestAScopeOfNoPairIsRefused(t *testing.T) {
	c := testConfig(t, func(s *scope.Config) { s.Scopes[0].Failover = "forgotten" })
	if _, err := New(failover.Now{Mono: 1, Wall: testStart}, c, Start{Store: 1}); err == nil || !strings.Contains(err.Error(), `"forgotten"`) {
		t.Errorf("error %v", err)
	}
	h := newHost(t, testConfig(t, nil))
	h.step(Reconfigure{c})
	if h.reason(NotReloaded) != 1 || h.m.cfg.Scopes == c.Scopes {
		t.Error("reloaded")
	}
}

// The forecast of a pair: each server counts its own share, and knows which percentage is in force (checklist D22).
func TestForecastOfAPair(t *testing.T) {
	x := pairInNormal(t, 5, nil)
	for i, n := range x.nodes[:2] {
		v := n.m.Scopes()[0]
		mine := [...]int{v.Free, v.Backup}[i]
		if f := v.Forecast; f.Mine != mine || f.Pct != 25 || f.Share != v.Backup || mine == 0 {
			t.Errorf("%d: %+v of %+v, want 25 %%, and the own share", i, f, v)
		}
	}
}
