package engine

import (
	"testing"
	"time"

	"loadshare/dhcp/lease"
	"loadshare/dhcp/option"
	"loadshare/dhcp/packet"
	"loadshare/dhcp/scope"
)

// offered takes the one reply that came by itself.
func (n *simNode) offered() *packet.Packet {
	n.x.t.Helper()
	if len(n.replies) != 1 || n.replies[0].Type != packet.Offer {
		n.x.t.Fatalf("%d replies %v, want one OFFER", len(n.replies), n.replies)
	}
	p := n.replies[0]
	n.replies = nil
	return p
}

// The promises' table: "host vanishes: new clients within 1 s". A client that asks when it vanishes does not wait for its own next try.
func TestAClientOfAPartnerThatVanishesIsServedWithinFastDetect(t *testing.T) {
	for _, after := range []time.Duration{0, 100, 200, 300, 400, 500} { // since what was heard last
		x := pairInNormal(t, 1, nil)
		backup := x.nodes[1]
		x.run(after * time.Millisecond)
		x.cut = true
		got, notes := backup.tell(message(1, packet.Discover))
		x.wants(got, notes, 0, PartnersClient)
		x.run(750 * time.Millisecond)
		ip := backup.offered().YIAddr
		if l := backup.m.get(ip); l.State != lease.Backup {
			t.Errorf("offered %s of the main's share", ip)
		}
		got, notes = backup.tell(message(1, packet.Request, u32(option.ServerIdentifier, backup.local()), u32(option.RequestedAddress, ip)))
		x.wants(got, notes, packet.Ack, 0)
	}
}

// Whoever is served, by itself or as the partner tells, is not answered again; nor is one that has waited long: it has tried again.
func TestWhoIsServedIsNotAnsweredAgain(t *testing.T) {
	for name, served := range map[string]func(*simWorld){
		"the client chose the partner": func(x *simWorld) {
			x.nodes[1].tell(message(1, packet.Request, u32(option.ServerIdentifier, x.nodes[0].local()), u32(option.RequestedAddress, simFirst)))
		},
		"the partner tells": func(x *simWorld) {
			got, _ := x.nodes[0].tell(message(1, packet.Discover))
			x.nodes[0].tell(message(1, packet.Request, u32(option.ServerIdentifier, x.nodes[0].local()), u32(option.RequestedAddress, got[0].YIAddr)))
			x.run(100 * time.Millisecond)
		},
		"its second try": func(x *simWorld) {
			x.run(1100 * time.Millisecond)
			x.nodes[1].tell(message(1, packet.Discover))
		},
		"it waits too long": func(x *simWorld) { x.run(2 * time.Second) },
		"BOOTP, which cannot be taken back": func(x *simWorld) {
			x.nodes[1].m.left.drop(lease.Client{HType: 1, CHAddr: "\x02\x00\x00\x00\x00\x01"}.Key())
			x.nodes[1].tell(message(0, packet.BOOTP)) // it has a reservation
		},
	} {
		x := pairInNormal(t, 2, func(_ *Config, s *scope.Config) { s.Scopes[0].BOOTP = true })
		x.nodes[1].tell(message(1, packet.Discover))
		served(x)
		x.cut = true
		x.run(2 * time.Second)
		if n := len(x.nodes[1].replies); n > 0 {
			t.Errorf("%s: %d replies", name, n)
		}
	}
}

// A false alarm: the partner was frozen for a second and has answered too. The client takes one offer, and the other lapses.
func TestAnAnswerTooManyDoesNoHarm(t *testing.T) {
	x := pairInNormal(t, 3, func(_ *Config, s *scope.Config) { s.Policy.RapidCommit = ptr(true) })
	main, backup := x.nodes[0], x.nodes[1]
	x.cut = true
	p := message(1, packet.Discover, option.Option{Code: option.RapidCommit})
	backup.tell(p)
	first, notes := main.tell(message(1, packet.Discover))
	ip := x.wants(first, notes, packet.Offer, 0).YIAddr
	x.run(900 * time.Millisecond)
	second := backup.offered()
	if second.YIAddr == ip {
		t.Fatalf("both offer %s", ip)
	}
	x.mend()
	x.normal(5 * time.Second)
	choice := func() *packet.Packet {
		return message(1, packet.Request, u32(option.ServerIdentifier, main.local()), u32(option.RequestedAddress, ip))
	}
	got, notes := main.tell(choice())
	x.wants(got, notes, packet.Ack, 0)
	got, notes = backup.tell(choice())
	x.wants(got, notes, 0, OtherServer)
	x.run(time.Second)
	if backup.m.offers.by[second.YIAddr] != nil || backup.m.get(ip).State != lease.Active {
		t.Errorf("the other offer stands, or the lease of %s is not known", ip)
	}
}

// INIT-REBOOT of a client whose lease both know: either server may acknowledge it.
func TestARebootingClientOfAPartnerThatVanishesIsServed(t *testing.T) {
	x := pairInNormal(t, 4, nil)
	main, backup := x.nodes[0], x.nodes[1]
	got, _ := main.tell(message(1, packet.Discover))
	ip := got[0].YIAddr
	main.tell(message(1, packet.Request, u32(option.ServerIdentifier, main.local()), u32(option.RequestedAddress, ip)))
	x.run(time.Second)
	x.cut = true
	got, notes := backup.tell(message(1, packet.Request, u32(option.RequestedAddress, ip)))
	x.wants(got, notes, 0, PartnersClient)
	x.run(time.Second)
	if len(backup.replies) != 1 || backup.replies[0].Type != packet.Ack || backup.replies[0].YIAddr != ip {
		t.Errorf("%v, want an ACK of %s", backup.replies, ip)
	}
}

// A probe takes half a second: it begins when the partner's word is overdue, so that the offer does not come later for it.
func TestAddressesAreProbedBeforeContactIsLost(t *testing.T) {
	x := pairInNormal(t, 5, func(_ *Config, s *scope.Config) { s.Policy.PingCheck = ptr(true) })
	backup := x.nodes[1]
	backup.tell(message(1, packet.Discover))
	x.run(time.Second)
	if n := len(backup.probes); n != 0 {
		t.Fatalf("%d probes while the partner is well", n)
	}
	x.cut = true
	backup.tell(message(2, packet.Discover))
	for range 40 {
		if x.run(10 * time.Millisecond); len(backup.probes) > 0 {
			break
		}
	}
	if len(backup.probes) != 2 { // of both: the first client has not been served either
		t.Fatalf("%d probes", len(backup.probes))
	}
	answer := func(i int, used bool) { backup.step(Probed{IP: backup.probes[i].IP, InUse: used}) }
	x.run(200 * time.Millisecond)
	answer(0, false)
	answer(1, true) // somebody uses it: another one, from the beginning
	x.run(200 * time.Millisecond)
	if backup.offered().YIAddr != backup.probes[0].IP || len(backup.probes) != 3 {
		t.Fatalf("probes %v", backup.probes)
	}
	answer(2, false)
	if backup.offered().YIAddr != backup.probes[2].IP {
		t.Error("not what was probed")
	}
}

// However many ask, so many are kept, the newest, and no step answers all of them.
func TestWhatIsLeftIsBounded(t *testing.T) {
	x := pairInNormal(t, 6, nil)
	m := x.nodes[1].m
	for i := range 5 * maxLeft {
		p := message(0, packet.Discover)
		p.CHAddr = []byte{4, 4, 4, 4, byte(i >> 8), byte(i)}
		x.nodes[1].tell(p)
		if len(m.left.by) > maxLeft || len(m.left.order) > 2*maxLeft+64 {
			t.Fatalf("%d are kept, %d places", len(m.left.by), len(m.left.order))
		}
		if _, ok := m.left.by[lease.Client{HType: 1, CHAddr: string(p.CHAddr)}.Key()]; !ok {
			t.Fatal("the newest is not kept")
		}
	}
	x.cut = true
	x.run(time.Second)
	if n := len(x.nodes[1].replies); n != simPool/4 {
		t.Errorf("%d offers of %d", n, simPool/4)
	}
	x.run(leftFresh)
	if len(m.left.by)+len(m.left.order) != 0 {
		t.Errorf("%d are kept", len(m.left.by))
	}
}
