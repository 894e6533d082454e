package engine

import (
	"net/netip"
	"testing"

	"loadshare/dhcp/lease"
	"loadshare/dhcp/option"
	"loadshare/dhcp/packet"
)

// RFC 2131, 4.4.4: "the client unicasts DHCPRELEASE messages to the server"; table 5: ciaddr is the client's address, "server identifier:
// MUST". Who only knows the client's identity does not give its address away.
func TestAReleaseComesFromTheHolder(t *testing.T) {
	at := func(s string) netip.AddrPort { return netip.AddrPortFrom(netip.MustParseAddr(s), 68) }
	here := packet.Arrival{Local: serverIP}
	for name, c := range map[string]struct {
		change func(*packet.Packet)
		from   packet.Arrival
		why    Reason // 0: it is released
	}{
		"the client":               {nil, packet.Arrival{Local: serverIP, Source: at("10.1.0.10")}, 0},
		"mapped":                   {nil, packet.Arrival{Local: serverIP, Source: at("::ffff:10.1.0.10")}, 0},
		"unicast without a name":   {func(p *packet.Packet) { p.Options.Delete(option.ServerIdentifier) }, packet.Arrival{Local: serverIP, Source: at("10.1.0.10")}, 0},
		"its relay":                {func(p *packet.Packet) { p.GIAddr = relayAt }, packet.Arrival{Local: serverIP, Source: at("10.9.9.9")}, 0},
		"this host":                {nil, packet.Arrival{Local: serverIP, Source: at("127.0.0.9")}, 0},
		"a broadcast, named":       {nil, packet.Arrival{Interface: "eth0", Local: serverIP, Source: at("10.1.0.10")}, 0},
		"another address":          {nil, packet.Arrival{Local: serverIP, Source: at("10.1.0.11")}, NotFromHolder},
		"no address":               {nil, packet.Arrival{Interface: "eth0", Local: serverIP, Source: at("0.0.0.0")}, NotFromHolder},
		"a broadcast to nobody":    {func(p *packet.Packet) { p.Options.Delete(option.ServerIdentifier) }, packet.Arrival{Interface: "eth0", Local: serverIP, Source: at("10.1.0.10")}, NotFromHolder},
		"another network's relay":  {func(p *packet.Packet) { p.GIAddr = otherAt }, packet.Arrival{Local: serverIP, Source: at("10.3.0.1")}, NotFromHolder},
		"nobody's relay":           {func(p *packet.Packet) { p.GIAddr = 0x7f000001 }, here, NotFromHolder},
		"another server's client":  {func(p *packet.Packet) { p.Options.Set(option.ServerIdentifier, []byte{9, 9, 9, 9}) }, packet.Arrival{Local: serverIP, Source: at("10.1.0.10")}, OtherServer},
		"another client":           {func(p *packet.Packet) { p.Options.Set(option.ClientIdentifier, []byte{1, 2, 3}) }, packet.Arrival{Local: serverIP, Source: at("10.1.0.10")}, UnknownClient},
		"another address's holder": {func(p *packet.Packet) { p.CIAddr = sharedAt + 1 }, packet.Arrival{Local: serverIP, Source: at("10.1.0.11")}, UnknownClient},
		"without ciaddr":           {func(p *packet.Packet) { p.CIAddr = 0 }, packet.Arrival{Local: serverIP, Source: at("10.1.0.10")}, UnknownClient},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t, testConfig(t, nil))
			d := h.device(1).behind(relayAt)
			d.lease()
			if d.ip != sharedAt {
				t.Fatalf("it has %s", d.ip)
			}
			p := d.message(packet.Release, u32(option.ServerIdentifier, serverIP))
			p.CIAddr, p.GIAddr = d.ip, 0
			if c.change != nil {
				c.change(p)
			}
			h.step(Heard{Packet: p, From: c.from})
			want := lease.Active
			if c.why == 0 {
				want, c.why = lease.Free, Released
			}
			if l := h.m.get(sharedAt); l.State != want || h.notes[len(h.notes)-1].Reason != c.why {
				t.Errorf("%s, %v; want %s because of %s", l.State, h.said(), want, c.why)
			}
		})
	}
}
