package engine

import (
	"testing"
	"time"

	"loadshare/dhcp/lease"
	"loadshare/dhcp/option"
	"loadshare/dhcp/packet"
)

// RFC 2131, 3.1: DISCOVER, OFFER, REQUEST, ACK; table 3: what the replies hold.
func TestAClientLeases(t *testing.T) {
	h := newHost(t, testConfig(t, nil))
	d := h.device(1)
	d.discover()
	offer := h.reply()
	if offer.Type != packet.Offer || offer.YIAddr != poolAt || offer.XID != d.xid {
		t.Fatalf("offer: %+v", offer)
	}
	d.choose(offer.YIAddr)
	ack := d.acked(poolAt)
	for code, want := range map[option.Code]uint32{option.ServerIdentifier: uint32(serverIP), option.LeaseTime: 3600, option.SubnetMask: 0xffffff00} {
		if got, _ := ack.Options.Uint32(code); got != want {
			t.Errorf("option %d: %d, want %d", code, got, want)
		}
	}
	if id, _ := ack.Options.Get(option.ClientIdentifier); string(id) != string(d.id) {
		t.Error("the client identifier is echoed unchanged (RFC 6842, 3)")
	}
	l := h.disk.leases[poolAt]
	if l.State != lease.Active || !l.Same(lease.ClientOf(d.id, 1, d.mac)) || l.End != testStart+3600 || l.ToldEnd != l.End || l.Scope != "lan" {
		t.Errorf("on disk: %+v", l)
	}
}

// Nothing is acknowledged before it is durable; offers promise nothing and leave at once.
func TestAnAckWaitsForTheDisk(t *testing.T) {
	h := newHost(t, testConfig(t, nil))
	d := h.device(1)
	h.held = true
	d.discover()
	offer := h.reply()
	d.choose(offer.YIAddr)
	if len(h.replies) != 0 {
		t.Fatal("acknowledged, and nothing is on disk")
	}
	d.choose(offer.YIAddr) // again, impatient
	h.held = false
	h.flush()
	if len(h.replies) != 2 || h.replies[0].Packet.Type != packet.Ack {
		t.Fatalf("%d replies after the disk, want both acknowledgements", len(h.replies))
	}
}

// An acknowledgement that waits for the disk does not leave when the client has given the address back meanwhile.
func TestAnAckThatWasOvertakenDoesNotLeave(t *testing.T) {
	h := newHost(t, testConfig(t, nil))
	d := h.device(1)
	d.discover()
	ip := h.reply().YIAddr
	h.held = true
	d.choose(ip)
	d.release(ip)
	h.held = false
	h.flush()
	if len(h.replies) != 0 || h.reason(Overtaken) != 1 {
		t.Fatalf("%d replies; %v", len(h.replies), h.said())
	}
}

// After a crash no acknowledged lease is forgotten, and what was not durable is free.
func TestACrashForgetsNothingThatWasAcknowledged(t *testing.T) {
	c := testConfig(t, nil)
	h := newHost(t, c)
	one, two := h.device(1), h.device(2)
	one.lease()
	two.discover()
	ip := h.reply().YIAddr
	h.held = true
	two.choose(ip)
	h.held = false
	h.boot(c) // what waited is lost
	if l, _, ok := h.m.Lease(one.ip); !ok || l.State != lease.Active {
		t.Fatalf("forgotten: %+v", l)
	}
	if _, _, ok := h.m.Lease(two.ip); ok {
		t.Fatal("remembered what never was on disk")
	}
	three := h.device(3)
	three.lease()
	if three.ip == one.ip {
		t.Fatal("given twice")
	}
}

func TestRenewalExtends(t *testing.T) {
	h := newHost(t, testConfig(t, nil))
	d := h.device(1)
	d.lease()
	h.pass(30 * time.Minute)
	d.renew(d.ip)
	d.acked(d.ip)
	if l := h.disk.leases[d.ip]; l.End != h.now.Wall+3600 || l.Began != testStart {
		t.Errorf("after a renewal: %+v", l)
	}
	h.pass(10 * time.Minute)
	d.rebind(d.ip)
	d.acked(d.ip)
}

func TestALeaseThatEndsIsFreeAndGoesToOthersLast(t *testing.T) {
	h := newHost(t, testConfig(t, nil))
	d := h.device(1)
	d.lease()
	h.pass(time.Hour + 2*time.Second)
	if l := h.disk.leases[d.ip]; l.State != lease.Free {
		t.Fatalf("after its end: %+v", l)
	}
	// Never used addresses go first, then the one that was unused longest.
	for n := byte(2); n <= 10; n++ {
		x := h.device(n)
		if x.lease(); x.ip == d.ip {
			t.Fatalf("%s was used last, and goes first", d.ip)
		}
	}
	last := h.device(11)
	if last.lease(); last.ip != d.ip {
		t.Fatalf("%s, want the last one, %s", last.ip, d.ip)
	}
	h.device(12).discover()
	h.silence(PoolEmpty)
}

// RFC 2131, 4.3.1: the current binding; the previous one; the one that is asked for; a new one.
func TestWhichAddressIsOffered(t *testing.T) {
	h := newHost(t, testConfig(t, nil))
	d := h.device(1)
	d.discover(u32(option.RequestedAddress, poolAt+5))
	if ip := h.reply().YIAddr; ip != poolAt+5 {
		t.Errorf("asked for %s, offered %s", poolAt+5, ip)
	}
	d.choose(poolAt + 5)
	d.acked(poolAt + 5)
	d.discover(u32(option.RequestedAddress, poolAt+7))
	if ip := h.reply().YIAddr; ip != poolAt+5 {
		t.Errorf("has %s, offered %s", poolAt+5, ip)
	}
	d.release(poolAt + 5)
	d.discover(u32(option.RequestedAddress, poolAt+7))
	if ip := h.reply().YIAddr; ip != poolAt+5 {
		t.Errorf("had %s, offered %s", poolAt+5, ip)
	}
	other := h.device(2)
	other.discover(u32(option.RequestedAddress, poolAt+5))
	if ip := h.reply().YIAddr; ip == poolAt+5 {
		t.Error("offered an address that is on offer to another")
	}
}

// "Do not hand out an offered address while the offer is pending": 30 s.
func TestAnOfferIsKeptForAWhile(t *testing.T) {
	h := newHost(t, testConfig(t, nil))
	seen := map[lease.IP]bool{}
	for n := byte(1); n <= 10; n++ {
		h.device(n).discover()
		seen[h.reply().YIAddr] = true
	}
	if len(seen) != 10 {
		t.Fatalf("%d different offers, want 10", len(seen))
	}
	h.device(11).discover()
	h.silence(PoolEmpty)
	h.pass(31 * time.Second)
	h.device(11).discover()
	if h.reply().Type != packet.Offer {
		t.Fatal("the offers are over")
	}
	same := h.device(11)
	same.discover()
	a := h.reply().YIAddr
	same.discover()
	if b := h.reply().YIAddr; a != b {
		t.Errorf("offered %s, then %s", a, b)
	}
}

func TestReleaseAndDecline(t *testing.T) {
	h := newHost(t, testConfig(t, nil))
	d := h.device(1)
	d.lease()
	stranger := h.device(2)
	stranger.release(d.ip)
	if h.disk.leases[d.ip].State != lease.Active {
		t.Fatal("released by another")
	}
	d.release(d.ip)
	if l := h.disk.leases[d.ip]; l.State != lease.Free || l.Client.IsZero() {
		t.Fatalf("released: %+v", l)
	}
	d.lease()
	stranger.decline(d.ip)
	if h.disk.leases[d.ip].State != lease.Active {
		t.Fatal("declined by another")
	}
	d.decline(d.ip)
	if l := h.disk.leases[d.ip]; l.State != lease.Abandoned || l.End != h.now.Wall+86400 {
		t.Fatalf("declined: %+v", l)
	}
	old := d.ip
	if d.lease(); d.ip == old {
		t.Fatal("the declined address again")
	}
	h.pass(24*time.Hour + time.Minute)
	if l := h.disk.leases[old]; l.State != lease.Free {
		t.Fatalf("after abandon_time: %+v", l)
	}
}
