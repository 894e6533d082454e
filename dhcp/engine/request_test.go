package engine

import (
	"testing"
	"time"

	"loadshare/dhcp/lease"
	"loadshare/dhcp/option"
	"loadshare/dhcp/packet"
	"loadshare/dhcp/scope"
)

// RFC 2131, table 4 and 4.3.2, with refs: the four cases of REQUEST.
func TestTheCasesOfRequest(t *testing.T) {
	const strange = lease.IP(0xc0a80101)
	for _, c := range []struct {
		rule string
		do   func(h *host, d *device) // d has a lease of poolAt
		nak  Reason                   // 0: ACK, or silence
		sil  Reason
		ack  lease.IP
		auth bool
	}{
		{rule: "SELECTING, the address was offered", do: func(h *host, d *device) { e := h.device(2); e.discover(); e.choose(h.reply().YIAddr) }, ack: poolAt + 1},
		{rule: "SELECTING, another has it: NAK", do: func(h *host, d *device) { h.device(2).choose(poolAt) }, nak: AnotherHasIt},
		{rule: "SELECTING, on offer to another: NAK", do: func(h *host, d *device) {
			h.device(2).discover()
			ip := h.reply().YIAddr
			h.device(3).choose(ip)
		}, nak: AnotherHasIt},
		{rule: "SELECTING, of another network: NAK", do: func(h *host, d *device) { h.device(2).choose(strange) }, nak: WrongNetwork},
		{rule: "SELECTING, not in a pool: NAK", do: func(h *host, d *device) { h.device(2).choose(0x0a000005) }, nak: NotAvailable},
		{rule: "SELECTING, names another server: silence", do: func(h *host, d *device) {
			e := h.device(2)
			e.discover()
			ip := h.reply().YIAddr
			e.say(e.message(packet.Request, u32(option.ServerIdentifier, 0x0a0000fe), u32(option.RequestedAddress, ip)))
		}, sil: OtherServer},
		{rule: "INIT-REBOOT, right: ACK", do: func(h *host, d *device) { d.reboot(poolAt) }, ack: poolAt},
		{rule: "INIT-REBOOT, after its end, nobody else has it: ACK", do: func(h *host, d *device) { h.pass(2 * time.Hour); d.reboot(poolAt) }, ack: poolAt},
		{rule: "INIT-REBOOT, known client, wrong network: NAK", do: func(h *host, d *device) { d.reboot(strange) }, nak: WrongNetwork},
		{rule: "INIT-REBOOT, known client, wrong address: NAK", do: func(h *host, d *device) {
			e := h.device(2)
			e.lease()
			e.release(e.ip)
			d.reboot(e.ip)
		}, nak: NotAvailable},
		{rule: "INIT-REBOOT, another's address: NAK", do: func(h *host, d *device) { h.device(2).reboot(poolAt) }, nak: AnotherHasIt},
		{rule: "INIT-REBOOT, no record of the client: silence", do: func(h *host, d *device) { h.device(2).reboot(poolAt + 5) }, sil: UnknownClient},
		{rule: "INIT-REBOOT, no record, authoritative: NAK", do: func(h *host, d *device) { h.device(2).reboot(poolAt + 5) }, nak: NotAvailable, auth: true},
		{rule: "INIT-REBOOT, no record, wrong network: silence", do: func(h *host, d *device) { h.device(2).reboot(strange) }, sil: UnknownClient},
		{rule: "INIT-REBOOT, no record, wrong network, authoritative: NAK", do: func(h *host, d *device) { h.device(2).reboot(strange) }, nak: WrongNetwork, auth: true},
		{rule: "RENEWING: ACK", do: func(h *host, d *device) { d.renew(poolAt) }, ack: poolAt},
		{rule: "REBINDING: ACK", do: func(h *host, d *device) { d.rebind(poolAt) }, ack: poolAt},
		{rule: "RENEWING, another's address: NAK", do: func(h *host, d *device) { h.device(2).renew(poolAt) }, nak: AnotherHasIt},
		{rule: "RENEWING, unknown: silence", do: func(h *host, d *device) { h.device(2).renew(poolAt + 3) }, sil: UnknownClient},
		{rule: "REBINDING on another link (the client has moved): NAK", do: func(h *host, d *device) {
			d.relay = otherAt
			d.rebind(poolAt)
		}, nak: WrongNetwork},
		{rule: "the client has moved, and asks for the old address: NAK", do: func(h *host, d *device) {
			d.relay = otherAt
			d.reboot(poolAt)
		}, nak: WrongNetwork},
		{rule: "neither 54, 50 nor ciaddr: silence", do: func(h *host, d *device) { d.say(d.message(packet.Request)) }, sil: NotForUs},
	} {
		t.Run(c.rule, func(t *testing.T) {
			cfg := testConfig(t, nil)
			cfg.Authoritative = c.auth
			h := newHost(t, cfg)
			d := h.device(1)
			d.lease()
			c.do(h, d)
			switch {
			case c.sil != 0:
				h.silence(c.sil)
			case c.nak != 0:
				d.nakked(c.nak)
			default:
				d.acked(c.ack)
			}
		})
	}
}

// "If the client's REQUEST names another server, the offer is silently dropped": the address is free for others at once.
func TestAnOfferEndsWhenTheClientTakesAnother(t *testing.T) {
	h := newHost(t, testConfig(t, func(c *scope.Config) { c.Scopes[0].Ranges = []scope.Range{{First: poolAt, Last: poolAt}} }))
	d := h.device(1)
	d.discover()
	ip := h.reply().YIAddr
	h.device(2).discover()
	h.silence(PoolEmpty)
	d.say(d.message(packet.Request, u32(option.ServerIdentifier, 0x0a0000fe), u32(option.RequestedAddress, ip)))
	h.device(2).discover()
	if got := h.reply().YIAddr; got != ip {
		t.Errorf("offered %s, want %s", got, ip)
	}
}

func TestReservations(t *testing.T) {
	const fixed, inPool = lease.IP(0x0a000032), poolAt + 4
	cfg := func(ip lease.IP) Config {
		return testConfig(t, func(c *scope.Config) {
			c.Scopes[0].Reservations = []scope.Reservation{{Address: ip, CHAddr: []byte{2, 0, 0, 0, 0, 1}, Hostname: "printer"}}
		})
	}
	for _, ip := range []lease.IP{fixed, inPool} {
		h := newHost(t, cfg(ip))
		d := h.device(1)
		if d.lease(); d.ip != ip {
			t.Fatalf("got %s, want its reservation %s", d.ip, ip)
		}
		if l := h.disk.leases[ip]; l.Flags&lease.Reserved == 0 {
			t.Errorf("%s is not marked", ip)
		}
		h.device(2).choose(ip)
		d.nakked(ReservedForOther)
		d.release(ip)
		h.device(2).choose(ip)
		d.nakked(ReservedForOther)
		h.device(2).discover(u32(option.RequestedAddress, ip))
		if got := h.reply().YIAddr; got == ip {
			t.Error("offered to another")
		}
	}

	t.Run("its address is in another's hands", func(t *testing.T) {
		h := newHost(t, testConfig(t, nil))
		other, d := h.device(2), h.device(1)
		for range 5 {
			other.discover(u32(option.RequestedAddress, inPool))
			h.replies = nil
		}
		other.choose(inPool)
		other.acked(inPool)
		h.step(Reconfigure{cfg(inPool)})
		d.lease()
		if d.ip == inPool || h.reason(ReservedInUse) == 0 {
			t.Fatalf("got %s", d.ip)
		}
		other.renew(inPool)
		other.nakked(ReservedForOther) // so that it moves
		if h.disk.leases[inPool].State != lease.Active {
			t.Fatal("freed before the latest end that its client was told (decision D-b)")
		}
		old := d.ip
		d.renew(old)
		d.acked(old) // there is nothing better yet
		h.pass(time.Hour + 2*time.Second)
		d.discover()
		if got := h.reply().YIAddr; got != inPool {
			t.Errorf("offered %s when its own is free", got)
		}
	})
	t.Run("a client with another address is moved to its reservation", func(t *testing.T) {
		h := newHost(t, testConfig(t, nil))
		d := h.device(1)
		d.lease()
		h.step(Reconfigure{cfg(fixed)})
		d.renew(d.ip)
		d.nakked(ReservedElse)
		if d.lease(); d.ip != fixed {
			t.Errorf("then got %s", d.ip)
		}
	})
}

// Checklist: secondary scopes of a shared network are used when the first has nothing left.
func TestSharedNetworkGoesOnInItsNextScope(t *testing.T) {
	h := newHost(t, testConfig(t, nil))
	var got []lease.IP
	for n := byte(1); n <= 5; n++ {
		d := h.device(n).behind(relayAt)
		d.lease()
		got = append(got, d.ip)
	}
	want := []lease.IP{sharedAt, sharedAt + 1, 0x0a02000a, 0x0a02000b, 0x0a02000c}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("%v, want %v", got, want)
		}
	}
	h.device(6).behind(relayAt).discover()
	h.silence(PoolEmpty)
	// one of the second scope renews through the same relay
	d := h.device(4).behind(relayAt)
	d.rebind(0x0a02000b)
	d.acked(0x0a02000b)
}

func TestWhoIsNotServed(t *testing.T) {
	h := newHost(t, testConfig(t, func(c *scope.Config) {
		c.Clients = []scope.Client{{CHAddr: []byte{2, 0, 0, 0, 0, 1}, Deny: true}, {CHAddr: []byte{2, 0, 0, 0, 0, 2}, Classes: []string{"staff"}}}
		c.Classes = []scope.Class{{Name: "staff", OnlyKnown: true}}
		c.Scopes[0].Allow = []string{"staff"}
		c.Scopes[3].Deactivated = true
	}))
	h.device(1).discover()
	h.silence(DeniedClient)
	h.device(3).discover()
	h.silence(NotAdmitted)
	h.device(2).lease()
	h.device(3).behind(0xc0a80101).discover()
	h.silence(NoScope)
	h.device(3).behind(otherAt).discover()
	h.silence(NotAdmitted)
	nobody := h.device(4)
	nobody.id, nobody.mac = nil, nil
	nobody.discover()
	h.silence(NoIdentity)
}

func TestRapidCommit(t *testing.T) {
	h := newHost(t, testConfig(t, func(c *scope.Config) { c.Policy.RapidCommit = ptr(true) }))
	d := h.device(1)
	d.discover(option.Option{Code: option.RapidCommit})
	ack := d.acked(poolAt)
	if !ack.Options.Has(option.RapidCommit) {
		t.Error("the ACK has option 80 (RFC 4039, 3.1)")
	}
	h.device(2).discover()
	if h.reply().Type != packet.Offer {
		t.Error("committed, and nobody asked for that")
	}
}

// RFC 8925, 3.3: option 108 for a client that asks for it, where configured; no address is kept; a REQUEST is answered as usual.
func TestIPv6OnlyClientsTakeNoAddress(t *testing.T) {
	h := newHost(t, testConfig(t, func(c *scope.Config) { c.Policy.V6OnlyWait = ptr(uint32(1800)) }))
	d := h.device(1)
	d.opts = option.List{{Code: option.ParameterList, Data: []byte{1, 3, byte(option.IPv6OnlyPreferred)}}}
	d.discover()
	p := h.reply()
	if wait, _ := p.Options.Uint32(option.IPv6OnlyPreferred); p.Type != packet.Offer || p.YIAddr != 0 || wait != 1800 {
		t.Fatalf("offer of %s, wait %d", p.YIAddr, wait)
	}
	if len(h.m.offers.by) != 0 {
		t.Error("an address is kept for it")
	}
	plain := h.device(2)
	plain.lease()
}

// PXE basics: "next-server, boot file by class": the architecture (option 93, RFC 4578) says which file; who is no PXE client gets none.
func TestBootFileByClass(t *testing.T) {
	h := newHost(t, testConfig(t, func(c *scope.Config) {
		pxe := "substring(option[60].hex, 0, 9) == 'PXEClient' and option[93].hex == "
		c.Classes = []scope.Class{
			{Name: "uefi", Test: pxe + "0x0007", Policy: scope.Policy{BootFile: "uefi.efi", NextServer: 0x0a000009}},
			{Name: "bios", Test: pxe + "0x0000", Policy: scope.Policy{BootFile: "bios.0"}},
		}
		c.Policy.NextServer, c.Policy.ServerName = 0x0a000005, "boot"
	}))
	for n, c := range []struct {
		vendor string
		arch   byte
		file   string
		next   lease.IP
	}{{"PXEClient:Arch:00007", 7, "uefi.efi", 0x0a000009}, {"PXEClient:Arch:00000", 0, "bios.0", 0x0a000005}, {"MSFT 5.0", 7, "", 0x0a000005}} {
		d := h.device(byte(n + 1))
		d.opts = option.List{{Code: option.VendorClass, Data: []byte(c.vendor)}, {Code: 93, Data: []byte{0, c.arch}}}
		if p := d.lease(); p.File != c.file || p.SIAddr != c.next || p.SName != "boot" {
			t.Errorf("%s, %d: file %q of %s (%s), want %q of %s", c.vendor, c.arch, p.File, p.SIAddr, p.SName, c.file, c.next)
		}
	}
}

func TestInform(t *testing.T) {
	h := newHost(t, testConfig(t, func(c *scope.Config) {
		c.Scopes[0].Policy.Options = option.List{{Code: option.Routers, Data: option.AddressesOf(lease.IP(0x0a000001))}}
	}))
	d := h.device(1)
	p := d.message(packet.Inform)
	p.CIAddr = 0x0a000014
	d.say(p)
	ack := h.reply()
	if ack.Type != packet.Ack || ack.YIAddr != 0 || ack.Options.Has(option.LeaseTime) || !ack.Options.Has(option.Routers) {
		t.Errorf("%+v: an ACK with options, without lease time and address (RFC 2131, 4.3.5)", ack)
	}
	if len(h.disk.leases) != 0 {
		t.Error("an INFORM makes no lease")
	}
}

// RFC 5107, 4: the relay's server identifier is in the reply, and names this server in the REQUEST. RFC 3046, 2.2: option 82 is echoed.
func TestServerIdentifierOverride(t *testing.T) {
	h := newHost(t, testConfig(t, nil))
	d := h.device(1).behind(relayAt)
	info := option.Relay{Circuit: []byte("ge-0/1"), ServerID: uint32(relayAt)}.Append(nil)
	d.opts = option.List{{Code: option.RelayInformation, Data: info}}
	d.discover()
	offer := h.reply()
	id, _ := offer.Options.Uint32(option.ServerIdentifier)
	if v, _ := offer.Options.Get(option.RelayInformation); lease.IP(id) != relayAt || string(v) != string(info) {
		t.Fatalf("server identifier %s, relay information %x", lease.IP(id), v)
	}
	d.say(d.message(packet.Request, u32(option.ServerIdentifier, relayAt), u32(option.RequestedAddress, offer.YIAddr)))
	d.acked(offer.YIAddr)
	if l := h.disk.leases[d.ip]; l.Relay != string(info) {
		t.Errorf("the lease has %x of its relay", l.Relay)
	}
}

// Decision D-e: T1 and T2 are spread by 10 %, always the same for a client; what is configured stands.
func TestRenewalTimesAreSpread(t *testing.T) {
	var terms scope.Terms
	seen := map[uint32]bool{}
	for n := range 200 {
		c := lease.ClientOf([]byte{1, byte(n)}, 1, nil)
		t1, t2 := renewal(c, 3600, &terms)
		if t1 < 1710 || t1 > 1890 || t2 < 2992 || t2 > 3308 {
			t.Fatalf("T1 %d, T2 %d of 3600", t1, t2)
		}
		if a, b := renewal(c, 3600, &terms); a != t1 || b != t2 {
			t.Fatal("another time the second time")
		}
		seen[t1] = true
	}
	if len(seen) < 50 {
		t.Errorf("%d different times for 200 clients", len(seen))
	}
	terms.T1, terms.T2 = 1000, 2000
	if t1, t2 := renewal(lease.Client{}, 3600, &terms); t1 != 1000 || t2 != 2000 {
		t.Errorf("T1 %d, T2 %d, want those of the configuration", t1, t2)
	}
	if t1, t2 := renewal(lease.Client{}, 60, &terms); t1 >= t2 || t2 >= 60 {
		t.Errorf("T1 %d, T2 %d of a lease of 60 s", t1, t2)
	}
}

// RFC 2131, 4.3.1: what is asked for within the policy; RFC 2132, 9.2: 0xffffffff is without end.
func TestLeaseTimes(t *testing.T) {
	h := newHost(t, testConfig(t, nil))
	for _, c := range []struct{ asked, want uint32 }{{0, 60}, {1800, 1800}, {100000, 7200}} {
		d := h.device(1)
		d.discover(option.Option{Code: option.LeaseTime, Data: option.Uint32Of(c.asked)})
		if got, _ := h.reply().Options.Uint32(option.LeaseTime); got != c.want {
			t.Errorf("asked for %d: %d, want %d", c.asked, got, c.want)
		}
	}
	h = newHost(t, testConfig(t, func(c *scope.Config) {
		c.Policy.LeaseTime, c.Policy.MaxLease = ptr(uint32(0xffffffff)), ptr(uint32(0xffffffff))
	}))
	d := h.device(1)
	ack := d.lease()
	if secs, _ := ack.Options.Uint32(option.LeaseTime); secs != 0xffffffff || ack.Options.Has(option.RenewalTime) {
		t.Errorf("lease time %x", secs)
	}
	h.pass(1000 * time.Hour)
	if l := h.disk.leases[d.ip]; l.State != lease.Active || l.End != lease.Forever {
		t.Errorf("%+v", l)
	}
}
