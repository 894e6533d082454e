package engine

import (
	"time"

	"loadshare/dhcp/lease"
	"loadshare/dhcp/option"
	"loadshare/dhcp/packet"
)

func (c *simClient) has() bool { return c.ip != 0 && c.until.After(c.x.w.Now()) }

// live is what the device does from time to time.
func (c *simClient) live() {
	x := c.x
	x.w.After(x.w.Between(2*time.Second, 40*time.Second), "client", func() {
		switch {
		case c.off:
		case c.has() && x.w.Chance(0.03):
			p := c.message(packet.Release)
			p.CIAddr = c.ip
			p.Options.Set(option.ServerIdentifier, option.Uint32Of(c.server))
			c.tell(p, c.server)
			c.ip, c.until = 0, time.Time{}
		case c.has() && x.w.Chance(0.01):
			p := c.message(packet.Decline)
			p.Options.Set(option.RequestedAddress, option.Uint32Of(c.ip))
			p.Options.Set(option.ServerIdentifier, option.Uint32Of(c.server))
			c.tell(p, 0)
			c.ip, c.until = 0, time.Time{}
		case c.has() && x.w.Chance(0.1):
			c.request(0, c.ip, 0, 0) // INIT-REBOOT
		case c.has() && x.w.Chance(0.3):
			c.request(0, 0, c.ip, 0) // REBINDING: both hear it
		case c.has():
			c.request(0, 0, c.ip, c.server)
		default:
			c.search()
		}
		if x.w.Chance(0.02) {
			c.off = !c.off // a device that is switched off keeps its lease
		}
		c.live()
	})
}

func (c *simClient) message(t packet.Type) *packet.Packet {
	c.xid = uint32(c.x.w.Rand().IntN(1<<30)) + 1
	p := &packet.Packet{Type: t, HType: 1, XID: c.xid, CHAddr: c.mac}
	if c.id != nil {
		p.Options.Set(option.ClientIdentifier, c.id)
	}
	return p
}

// tell sends a message to a server, or to both.
func (c *simClient) tell(p *packet.Packet, to lease.IP) {
	b, _ := p.Append(nil, 0)
	c.sent = c.x.w.Now()
	for _, n := range c.x.nodes {
		if to != 0 && to != n.local() || n.deaf || c.x.w.Chance(0.05) {
			continue
		}
		life := n.life
		from := packet.Arrival{Local: n.local()}
		if to == 0 {
			from.Interface = "eth0"
		}
		c.x.w.After(c.x.w.Between(time.Millisecond, 20*time.Millisecond), "message", func() {
			if n.life != life || !n.alive {
				return
			}
			q, err := packet.Parse(b)
			if err != nil {
				c.x.fail("a client's message does not parse: %v", err)
				return
			}
			n.step(Heard{Packet: q, From: from})
		})
	}
}

func (c *simClient) search() {
	now := c.x.w.Now()
	if c.ip != 0 || c.began.IsZero() {
		c.began = now
	}
	c.ip, c.asking = 0, 0
	p := c.message(packet.Discover)
	p.Secs = uint16(now.Sub(c.began) / time.Second)
	c.tell(p, 0)
}

func (c *simClient) request(server, wants, ciaddr, to lease.IP) {
	p := c.message(packet.Request)
	if server != 0 {
		p.Options.Set(option.ServerIdentifier, option.Uint32Of(server))
	}
	if wants != 0 {
		p.Options.Set(option.RequestedAddress, option.Uint32Of(wants))
	}
	p.CIAddr = ciaddr
	c.asking = wants | ciaddr
	c.tell(p, to)
}

// hear is a reply.
func (c *simClient) hear(p *packet.Packet) {
	if p.XID != c.xid || c.xid == 0 {
		return
	}
	server, _ := p.Options.Uint32(option.ServerIdentifier)
	switch p.Type {
	case packet.Offer:
		if c.asking == 0 {
			c.request(lease.IP(server), p.YIAddr, 0, 0)
		}
	case packet.Ack:
		if p.YIAddr != c.asking {
			c.x.fail("asked for %s, acknowledged %s", c.asking, p.YIAddr)
		}
		secs, _ := p.Options.Uint32(option.LeaseTime)
		c.ip, c.until, c.server, c.xid, c.began = p.YIAddr, c.sent.Add(time.Duration(secs)*time.Second), lease.IP(server), 0, time.Time{}
		c.x.served++
	case packet.Nak:
		c.ip, c.until, c.xid = 0, time.Time{}, 0
		c.x.refused++
	}
}
