package engine

import (
	"testing"
	"time"

	"loadshare/dhcp/lease"
	"loadshare/dhcp/option"
	"loadshare/dhcp/packet"
	"loadshare/dhcp/scope"
)

func probing1(t *testing.T, change func(*scope.Config)) *host {
	return newHost(t, testConfig(t, func(c *scope.Config) {
		c.Policy.PingCheck = ptr(true)
		if change != nil {
			change(c)
		}
	}))
}

// RFC 2131, 2.2: the server should probe an address before it offers it anew. Who has it or had it does not wait.
func TestAnAddressIsProbedBeforeItIsOffered(t *testing.T) {
	h := probing1(t, nil)
	d := h.device(1)
	d.discover()
	h.silence(Probing)
	if len(h.probes) != 1 || h.probes[0] != (Probe{IP: poolAt, Interface: "eth0"}) {
		t.Fatalf("probes %v", h.probes)
	}
	h.step(Probed{IP: poolAt})
	if offer := h.reply(); offer.Type != packet.Offer || offer.YIAddr != poolAt {
		t.Fatalf("%+v", offer)
	}
	d.choose(poolAt)
	d.acked(poolAt)
	d.discover()
	if h.reply().YIAddr != poolAt || len(h.probes) != 1 {
		t.Error("its own address was probed")
	}
	d.release(poolAt)
	d.discover()
	if h.reply().YIAddr != poolAt || len(h.probes) != 1 {
		t.Error("a returning client waits")
	}
	relayed := h.device(2).behind(relayAt)
	relayed.discover()
	if p := h.probes[1]; p.Interface != "" {
		t.Errorf("ARP for a client behind a relay: %v", p)
	}
}

func TestAnAddressThatAnswersIsAbandoned(t *testing.T) {
	h := probing1(t, nil)
	d := h.device(1)
	d.discover()
	h.step(Probed{IP: poolAt, InUse: true})
	if l := h.disk.leases[poolAt]; l.State != lease.Abandoned || h.reason(Answered) != 1 {
		t.Fatalf("%+v", l)
	}
	if n := len(h.probes); n != 2 || h.probes[1].IP != poolAt+1 {
		t.Fatalf("probes %v, want the next address", h.probes)
	}
	h.step(Probed{IP: poolAt + 1})
	if ip := h.reply().YIAddr; ip != poolAt+1 {
		t.Errorf("offered %s", ip)
	}
	e := h.device(2)
	e.discover()
	for n := range 6 { // a whole link that answers everything, such as a proxy ARP
		h.step(Probed{IP: poolAt + 2 + lease.IP(n), InUse: true})
	}
	if h.reason(ProbedTooOften) == 0 {
		t.Error("one message may cost the whole pool")
	}
}

// Results come late, twice, or never: the offer is made when the time is over.
func TestProbesThatAreNotAnswered(t *testing.T) {
	h := probing1(t, nil)
	d := h.device(1)
	d.discover()
	d.discover() // again, impatient
	if len(h.probes) != 1 {
		t.Fatalf("%d probes", len(h.probes))
	}
	h.pass(time.Second)
	offer := h.reply()
	if offer.Type != packet.Offer || offer.XID != d.xid {
		t.Fatalf("%+v, want the offer for the last message", offer)
	}
	h.step(Probed{IP: offer.YIAddr, InUse: true}) // too late: it is offered
	h.step(Probed{IP: 1, InUse: true})
	d.choose(offer.YIAddr)
	d.acked(offer.YIAddr)
}

// The time of a probe whose client went elsewhere is not that of the next probe of its address: it would be given unasked.
func TestAProbeHasItsOwnTime(t *testing.T) {
	h := probing1(t, func(c *scope.Config) { c.Scopes[0].Ranges = []scope.Range{{First: poolAt, Last: poolAt}} })
	d, e := h.device(1), h.device(2)
	d.discover()
	d.say(d.message(packet.Request, u32(option.ServerIdentifier, 0x0a0000fe), u32(option.RequestedAddress, otherAt)))
	h.pass(700 * time.Millisecond)
	e.discover()
	h.pass(100 * time.Millisecond)
	h.silence(Probing)
	h.step(Probed{IP: poolAt, InUse: true})
	if len(h.probes) != 2 || len(h.replies) != 0 || h.disk.leases[poolAt].State != lease.Abandoned {
		t.Errorf("%d probes, %d replies, %s", len(h.probes), len(h.replies), h.disk.leases[poolAt].State)
	}
}

// "Recovery after AbandonTime, or when the pool is empty, the oldest abandoned after a probe."
func TestAnEmptyPoolTriesAbandonedAddresses(t *testing.T) {
	h := newHost(t, testConfig(t, func(c *scope.Config) { c.Scopes[0].Ranges = []scope.Range{{First: poolAt, Last: poolAt + 2}} }))
	for n := byte(1); n <= 3; n++ {
		d := h.device(n)
		d.lease()
		if n < 3 {
			d.decline(d.ip)
			h.pass(time.Minute)
		}
	}
	d := h.device(4)
	d.discover()
	h.silence(Probing)
	if p := h.probes[0].IP; p != poolAt {
		t.Fatalf("probed %s, want %s, abandoned first", p, poolAt)
	}
	h.step(Probed{IP: poolAt, InUse: true})
	if p := h.probes[1].IP; p != poolAt+1 {
		t.Fatalf("probed %s, want the other", p)
	}
	h.step(Probed{IP: poolAt + 1})
	if ip := h.reply().YIAddr; ip != poolAt+1 {
		t.Fatalf("offered %s", ip)
	}
	d.choose(poolAt + 1)
	d.acked(poolAt + 1)
}

// RFC 1534, 2 and RFC 951: a BOOTP client's lease has no end, its reply no type; dynamic ones only by configuration.
func TestBOOTP(t *testing.T) {
	h := newHost(t, testConfig(t, func(c *scope.Config) {
		c.Scopes[0].BOOTP = true
		c.Scopes[0].Reservations = []scope.Reservation{{Address: 0x0a000032, CHAddr: []byte{2, 0, 0, 0, 0, 1}}}
		c.Scopes[3].BOOTP, c.Scopes[3].DynamicBOOTP, c.Scopes[3].NoDHCP = true, true, true
	}))
	d := h.device(1)
	d.id = nil
	d.say(d.message(packet.BOOTP))
	p := h.reply()
	if p.Type != packet.BOOTP || p.YIAddr != 0x0a000032 || p.Options.Has(option.LeaseTime) || p.Options.Has(option.ServerIdentifier) {
		t.Fatalf("%+v", p)
	}
	if l := h.disk.leases[0x0a000032]; l.State != lease.Active || l.End != lease.Forever || l.Flags&lease.BOOTP == 0 {
		t.Errorf("%+v", l)
	}
	stranger := h.device(2)
	stranger.id = nil
	stranger.say(stranger.message(packet.BOOTP))
	h.silence(NotAdmitted)
	stranger.behind(relayAt).say(stranger.message(packet.BOOTP))
	h.silence(BOOTPRefused)
	stranger.behind(otherAt).say(stranger.message(packet.BOOTP))
	if p := h.reply(); p.YIAddr != 0x0a03000a {
		t.Errorf("dynamic: %s", p.YIAddr)
	}
	stranger.discover() // only BOOTP there (checklist D28)
	if len(h.replies) != 0 {
		t.Error("DHCP where only BOOTP is served")
	}
}

// RFC 4388, 6.
func TestLeaseQuery(t *testing.T) {
	h := newHost(t, testConfig(t, nil))
	d := h.device(1).behind(relayAt)
	d.opts = option.List{{Code: option.RelayInformation, Data: option.Relay{Circuit: []byte("p")}.Append(nil)}}
	d.lease()
	h.pass(10 * time.Minute)
	ask := func(from lease.IP, change func(*packet.Packet)) {
		p := &packet.Packet{Type: packet.LeaseQuery, XID: 5, GIAddr: from}
		p.Options.Set(option.ParameterList, []byte{51, 58, 59, 61, 82, 91})
		change(p)
		h.step(Heard{Packet: p, From: packet.Arrival{Local: serverIP}})
	}
	for rule, change := range map[string]func(*packet.Packet){
		"by address":           func(p *packet.Packet) { p.CIAddr = d.ip },
		"by hardware address":  func(p *packet.Packet) { p.HType, p.CHAddr = 1, d.mac },
		"by client identifier": func(p *packet.Packet) { p.Options.Set(option.ClientIdentifier, d.id) },
	} {
		ask(relayAt, change)
		p := h.reply()
		left, _ := p.Options.Uint32(option.LeaseTime)
		ago, _ := p.Options.Uint32(option.LastTransaction)
		relay, _ := p.Options.Get(option.RelayInformation)
		if p.Type != packet.LeaseActive || p.CIAddr != d.ip || string(p.CHAddr) != string(d.mac) || left != 3000 || ago != 600 ||
			string(relay) != string(d.opts[0].Data) || !p.Options.Has(option.RenewalTime) {
			t.Errorf("%s: %+v, %d s left", rule, p, left)
		}
	}
	ask(relayAt, func(p *packet.Packet) { p.CIAddr = sharedAt + 1 })
	if p := h.reply(); p.Type != packet.LeaseUnassigned || p.CIAddr != sharedAt+1 || len(p.Options) != 0 {
		t.Errorf("%+v", p)
	}
	ask(relayAt, func(p *packet.Packet) { p.CIAddr = 0xc0a80101 })
	if p := h.reply(); p.Type != packet.LeaseUnknown || len(p.Options) != 0 { // "no other options"
		t.Errorf("%+v", p)
	}
	ask(relayAt, func(p *packet.Packet) { p.HType, p.CHAddr = 1, []byte{9, 9, 9, 9, 9, 9} })
	if p := h.reply(); p.Type != packet.LeaseUnknown {
		t.Errorf("%+v", p)
	}
	ask(0x0a030001, func(p *packet.Packet) { p.CIAddr = d.ip })
	h.silence(QueryRefused)
	ask(0, func(p *packet.Packet) { p.CIAddr = d.ip })
	h.silence(NotForUs)
	ask(relayAt, func(p *packet.Packet) { p.CIAddr = d.ip; p.HType, p.CHAddr = 1, d.mac })
	h.silence(NotForUs)
}
