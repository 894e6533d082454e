package engine

import (
	"encoding/binary"
	"testing"
	"time"

	"loadshare/dhcp/lease"
	"loadshare/dhcp/option"
	"loadshare/dhcp/packet"
	"loadshare/dhcp/scope"
)

const bigRelay = lease.IP(0x0a000001)

func circuit(name string) option.List {
	return option.List{{Code: option.RelayInformation, Data: option.Relay{Circuit: []byte(name)}.Append(nil)}}
}

// invented is a client whose hardware address was made up.
func (h *host) invented(n int) *device {
	d := h.device(0).behind(bigRelay)
	d.mac, d.id = binary.BigEndian.AppendUint32([]byte{6, 6}, uint32(n)), nil
	return d
}

// One client that asks again and again has one offer, and nothing grows with how often it asks: "everything bounded".
func TestAskingAgainKeepsOneOffer(t *testing.T) {
	h := newHost(t, bigSite(t))
	d := h.invented(1)
	for range 500 {
		d.discover()
		h.now.Mono += 10 * time.Millisecond
	}
	ip := h.replies[0].Packet.YIAddr
	if n := h.m.offers.queue.Len(); n != 1 || len(h.m.offers.by) != 1 {
		t.Fatalf("%d places in the queue, %d offers; want 1 of each", n, len(h.m.offers.by))
	}
	h.pass(offerHold - time.Second)
	if !h.m.offers.taken(ip, "another") {
		t.Error("the offer is gone before its time: the last message counts")
	}
	h.pass(2 * time.Second)
	if h.m.offers.queue.Len() != 0 || h.m.offers.taken(ip, "another") {
		t.Error("the offer stays")
	}
}

// "Floods (random MACs) are bounded by rate per relay and per port": who makes up the port, or sends none, meets the limit of the relay; other
// relays and those who are known do not.
func TestAFloodBehindOneRelay(t *testing.T) {
	for name, port := range map[string]func(int) option.List{
		"no port":     func(int) option.List { return nil },
		"other ports": func(i int) option.List { return circuit(string(rune(i + 1))) },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := bigSite(t)
			cfg.RelayBurst, cfg.RelayRate = 20, 1
			h := newHost(t, cfg)
			old := h.invented(0)
			old.lease()
			for i := range 200 {
				d := h.invented(i + 1)
				d.opts = port(i)
				d.discover()
			}
			if len(h.replies) != 19 || h.reason(TooMany) != 181 {
				t.Errorf("%d offers, %d refused; want 19 and 181", len(h.replies), h.reason(TooMany))
			}
			h.replies = nil
			old.discover()
			if h.reply().YIAddr != old.ip {
				t.Error("a known client is limited")
			}
			h.invented(1000).behind(bigRelay + 1).lease()
		})
	}
}

// Who makes up circuits, or relays, does not make the server remember them all.
func TestPortsAreBounded(t *testing.T) {
	var s buckets
	for i := range 3 * maxPorts {
		s.of(port{circuit: string(rune(i + 1))}, 1, 1)
		if len(s.by) > maxPorts || len(s.by) != len(s.order) {
			t.Fatalf("%d ports, %d in order", len(s.by), len(s.order))
		}
	}
}

// A REQUEST that chooses what was not offered takes a new address as a DISCOVER does, and is limited as that; also with ciaddr.
func TestChoosingUnofferedIsLimited(t *testing.T) {
	for _, with := range []bool{false, true} {
		cfg := bigSite(t)
		cfg.PortBurst, cfg.PortRate = 10, 1
		h := newHost(t, cfg)
		first := h.invented(0)
		first.lease()
		for i := range 100 {
			d := h.invented(i + 1)
			d.opts = circuit("p")
			ip := first.ip + 1 + lease.IP(i)
			p := d.message(packet.Request, u32(option.ServerIdentifier, serverIP), u32(option.RequestedAddress, ip))
			if with {
				p.CIAddr = ip
			}
			d.say(p)
		}
		if len(h.replies) != 10 || h.reason(TooMany) != 90 {
			t.Errorf("with ciaddr %v: %d acknowledged, %d refused; want 10 and 90", with, len(h.replies), h.reason(TooMany))
		}
	}
}

// One client does not empty the pool by declining what it gets.
func TestOneClientDoesNotDeclineAll(t *testing.T) {
	h := newHost(t, bigSite(t))
	d := h.invented(1)
	for range maxDeclined {
		d.lease()
		d.decline(d.ip)
		d.decline(d.ip + 1) // not its own: nothing happens
	}
	if h.reason(Declined) != maxDeclined || h.m.pools[0].counts[lease.Abandoned] != maxDeclined {
		t.Fatalf("%d declined, %d abandoned; want %d", h.reason(Declined), h.m.pools[0].counts[lease.Abandoned], maxDeclined)
	}
	d.discover()
	h.silence(TooMany)
	d.choose(d.ip + 7)
	h.silence(TooMany)
	h.invented(2).lease()
}

// One client does not take the pool by choosing one address after the other; what it has it can renew.
func TestOneClientDoesNotTakeAll(t *testing.T) {
	h := newHost(t, bigSite(t))
	d := h.invented(1)
	d.lease()
	first := d.ip
	for i := range 200 {
		d.choose(first + lease.IP(i))
	}
	if h.m.active != maxActive {
		t.Errorf("%d leases, want %d", h.m.active, maxActive)
	}
	if who := h.m.Asker(h.m.get(first).Client); !who.Limit || who.Denied {
		t.Errorf("%+v: lease why must say that it has all it may have", who)
	}
	h.replies = nil
	d.renew(first)
	d.acked(first)
}

// A client's records cost the same to find, to take out and to change, and stay right, whatever the order.
func TestManyRecordsOfOneHardware(t *testing.T) {
	h := newHost(t, bigSite(t))
	var all []*device
	for i := range 120 {
		d := h.device(1).behind(bigRelay)
		d.id = []byte{0, 1, byte(i)}
		d.lease()
		all = append(all, d)
	}
	for i, d := range all {
		if i%3 != 0 {
			d.release(d.ip)
			other := h.invented(i)
			other.choose(d.ip)
			other.acked(d.ip)
		}
	}
	left := h.m.LeasesOf(lease.ClientOf(nil, 1, all[0].mac))
	if len(left) != 40 {
		t.Errorf("%d records of the hardware address, want 40", len(left))
	}
}

// A flood that fills the table of offers does not keep others out: who takes its offer soon gets its lease.
func TestAFullTableOfOffersServesNewClients(t *testing.T) {
	h := newHost(t, testConfig(t, func(c *scope.Config) {
		c.Scopes[3].Subnet, c.Scopes[3].Ranges = prefix("10.64.0.0/10"), []scope.Range{{First: 0x0a400002, Last: 0x0a4ffffe}}
	}))
	m := h.m
	say := func(n int, kind packet.Type, opts ...option.Option) *Output {
		d := h.invented(n).behind(0x0a400001)
		return m.Step(h.now, Heard{Packet: d.message(kind, opts...), From: packet.Arrival{Local: serverIP}})
	}
	for i := range maxOffers + 1000 {
		say(i, packet.Discover)
	}
	out := say(1<<30, packet.Discover)
	if len(out.Replies) != 1 || len(m.offers.by) != maxOffers || m.offers.queue.Len() != maxOffers {
		t.Fatalf("%d replies, %d offers, %d in the queue", len(out.Replies), len(m.offers.by), m.offers.queue.Len())
	}
	ip := out.Replies[0].Packet.YIAddr
	for i := range 1000 {
		say(i, packet.Discover)
	}
	out = say(1<<30, packet.Request, u32(option.ServerIdentifier, serverIP), u32(option.RequestedAddress, ip))
	if out = m.Step(h.now, Durable{Batch: out.Write.Batch}); len(out.Replies) != 1 || out.Replies[0].Packet.Type != packet.Ack {
		t.Fatalf("not acknowledged: %v", out.Notes)
	}
}
