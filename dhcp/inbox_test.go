package dhcp

import (
	"testing"

	"loadshare/dhcp/engine"
	"loadshare/dhcp/option"
	"loadshare/dhcp/packet"
	"loadshare/dhcp/socket"
)

func message(t packet.Type, ciaddr bool, options ...option.Code) *packet.Packet {
	p := &packet.Packet{Type: t}
	if ciaddr {
		p.CIAddr = 1
	}
	for _, c := range options {
		p.Options.Set(c, []byte{1, 2, 3, 4})
	}
	return p
}

// "new DISCOVERs are dropped first when the loop is behind, renewals last; drops counted with a reason"
func TestDiscoversAreDroppedFirst(t *testing.T) {
	c := newCounters()
	b := newInbox(c)
	batch := []socket.Received{
		{Packet: message(packet.Discover, false)},
		{Packet: message(packet.Request, false, option.ServerIdentifier)},
		{Packet: message(packet.Request, true)},
	}
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
	var heard [classes][]engine.Heard
	b.take(&heard)
	if heard[renewals][0].Packet.Type != packet.Request || len(heard[discovers]) != room[discovers] {
		t.Errorf("taken: %d %d %d", len(heard[0]), len(heard[1]), len(heard[2]))
	}
	if n := b.lengths(); n != [classes]int{} {
		t.Errorf("%d wait after all were taken", n)
	}
}

func TestClassOfMessages(t *testing.T) {
	for want, list := range map[class][]*packet.Packet{
		discovers: {message(packet.Discover, false)},
		requests:  {message(packet.Request, false, option.ServerIdentifier), message(packet.Request, false, option.RequestedAddress), message(packet.Inform, true), message(packet.BOOTP, false)},
		renewals:  {message(packet.Request, true), message(packet.Release, true), message(packet.Decline, false)},
	} {
		for _, p := range list {
			if got := classOf(p); got != want {
				t.Errorf("%+v: %s, want %s", p, classNames[got], classNames[want])
			}
		}
	}
}
