package dhcp

import (
	"net/netip"
	"testing"

	"loadshare/dhcp/engine"
	"loadshare/dhcp/lease"
	"loadshare/dhcp/option"
	"loadshare/dhcp/packet"
	"loadshare/dhcp/socket"
)

const testIP = lease.IP(0x01020304) // what the options of message say

var testMAC = []byte{2, 0, 0, 0, 0, 1}

func message(t packet.Type, ciaddr bool, options ...option.Code) *packet.Packet {
	p := &packet.Packet{Type: t, HType: 1, CHAddr: testMAC}
	if ciaddr {
		p.CIAddr = testIP
	}
	for _, c := range options {
		p.Options.Set(c, []byte{1, 2, 3, 4})
	}
	return p
}

// testInbox knows the client of message.
func testInbox() (*inbox, *counters) {
	c, k := newCounters(), newKnown()
	k.put(&lease.Lease{IP: testIP, State: lease.Active, Client: lease.ClientOf(nil, 1, testMAC)})
	return newInbox(c, k, &floods{}), c
}

func unknown(p *packet.Packet) *packet.Packet {
	p.CHAddr = []byte{2, 0, 0, 0, 0, 2}
	return p
}

// "new DISCOVERs are dropped first when the loop is behind, renewals last; drops counted with a reason"; those for which there is no room are
// dropped before they are parsed.
func TestDiscoversAreDroppedFirst(t *testing.T) {
	b, c := testInbox()
	batch := []socket.Received{
		{Packet: unknown(message(packet.Discover, false))},
		{Packet: message(packet.Request, false, option.ServerIdentifier)},
		{Packet: message(packet.Request, true)},
	}
	admitted := [classes]bool{}
	for range room[renewals] {
		b.put(batch)
	}
	if n := b.lengths(); n != room {
		t.Errorf("%d wait, %d have room", n, room)
	}
	for cl, want := range [classes]int{0, room[renewals] - room[requests], room[renewals] - room[discovers]} {
		if got := c.overflow[cl].Load(); got != uint64(want) {
			t.Errorf("%s: %d dropped, want %d", classNames[cl], got, want)
		}
	}
	if d := c.dropped(); d["behind, discovers"] != room[renewals]-room[discovers] {
		t.Errorf("%v", d)
	}
	heard := b.take(renewals, nil)
	if len(heard) != room[renewals] || heard[0].Packet.Type != packet.Request || b.lengths() != [classes]int{0, room[requests], room[discovers]} {
		t.Errorf("taken: %d, left %d", len(heard), b.lengths())
	}
	for i := range batch {
		octets, _ := batch[i].Packet.Append(nil, 0)
		admitted[2-i] = b.admit(octets, packet.Arrival{})
	}
	if admitted != [classes]bool{true, false, false} {
		t.Errorf("admitted %v", admitted)
	}
	for cl := range class(classes) {
		b.take(cl, make([]engine.Heard, 0, 1))
	}
	if n := b.lengths(); n != [classes]int{} {
		t.Errorf("%d wait after all were taken", n)
	}
}

// Who has the address it speaks of comes before who only says so: "renewals of known clients never starve".
func TestClassOfMessages(t *testing.T) {
	b, _ := testInbox()
	withID := message(packet.Request, true, option.ClientIdentifier)
	for want, list := range map[class][]*packet.Packet{
		discovers: {unknown(message(packet.Discover, false))},
		requests: {
			message(packet.Request, false, option.ServerIdentifier), message(packet.Inform, true), message(packet.BOOTP, false), message(packet.Discover, false),
			unknown(message(packet.Request, true)), unknown(message(packet.Release, true)), unknown(message(packet.Decline, false, option.RequestedAddress)), withID,
		},
		renewals: {
			message(packet.Request, true), message(packet.Request, false, option.RequestedAddress), message(packet.Release, true),
			message(packet.Decline, false, option.RequestedAddress),
		},
	} {
		for _, p := range list {
			octets, _ := p.Append(nil, 0)
			h, ok := packet.Peek(octets)
			head := p.Head()
			if got := b.classOf(&h); got != want || !ok || b.classOf(&head) != want {
				t.Errorf("%+v: %s, want %s", p, classNames[got], classNames[want])
			}
		}
	}
}

// Shedding allocates nothing.
func TestSheddingAllocatesNothing(t *testing.T) {
	b, _ := testInbox()
	b.length[discovers].Store(int64(room[discovers]))
	octets, _ := unknown(message(packet.Discover, false)).Append(nil, 0)
	from := packet.Arrival{Source: netip.MustParseAddrPort("10.0.0.1:67")}
	if n := testing.AllocsPerRun(1000, func() { b.admit(octets, from) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
