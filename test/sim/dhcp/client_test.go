package dhcpsim

import (
	"fmt"
	"net/netip"
	"time"

	"loadshare/dhcp/engine"
	"loadshare/dhcp/lease"
	"loadshare/dhcp/option"
	"loadshare/dhcp/packet"
)

// client is one device.
type client struct {
	s      *site
	n      int
	seg    *segment
	side   int // of a network in two
	mac    []byte
	id     []byte
	ip     lease.IP // 0: none
	until  time.Time
	got    time.Time // when it got this address first
	acked  time.Time // when it was acknowledged last
	server lease.IP  // that it renews with
	from   *host     // that acknowledged last
	xid    uint32    // of the exchange under way; 0: none
	sent   time.Time
	began  time.Time // of its search
	asking lease.IP  // of the REQUEST under way
	freed  bool      // an operator has freed what it has
	off    bool
	guest  bool
	onAt   time.Time
	waited time.Duration // of the last search that ended well
}

func (c *client) has() bool { return c.ip != 0 && c.until.After(c.s.w.Now()) }

// reaches says that messages pass between this client and a host.
func (c *client) reaches(h *host) bool {
	return !h.deaf && (c.s.split[0] == nil || c.s.split[c.side] == h)
}

// answers is the truth that a probe finds.
func (s *site) answers(h *host, ip lease.IP) bool {
	for _, c := range s.clients {
		if c.ip == ip && c.has() && !c.off && c.reaches(h) {
			return true
		}
	}
	return s.o.ping && s.w.Chance(0.01) // a host that was set by hand
}

// live is what the device does from time to time.
func (c *client) live() {
	s := c.s
	if c.guest && c.off {
		return
	}
	least, most := 2*time.Second, 40*time.Second
	if s.rest {
		least, most = 10*time.Second, 70*time.Second
	}
	s.w.After(s.w.Between(least, most), "", func() {
		c.act()
		c.live()
	})
}

func (c *client) act() {
	w := c.s.w
	switch has := c.has(); {
	case c.off:
	case !has:
		c.search()
	case !c.s.calm && w.Chance(0.03):
		c.leave(packet.Release)
	case !c.s.calm && w.Chance(0.01):
		c.leave(packet.Decline)
	case w.Chance(0.1):
		c.request(0, c.ip, 0, 0) // INIT-REBOOT
	case w.Chance(0.3):
		c.request(0, 0, c.ip, 0) // REBINDING: all hear it
	default:
		c.request(0, 0, c.ip, c.server)
	}
	if !c.guest && !c.s.calm && w.Chance(0.02) {
		c.turn(!c.off)
	}
}

// turn switches a device off, or on. It keeps its lease.
func (c *client) turn(off bool) {
	c.off, c.onAt, c.began = off, c.s.w.Now(), time.Time{}
}

// leave gives the address back, or says that somebody else has it.
func (c *client) leave(t packet.Type) {
	p := c.message(t)
	p.Options.Set(option.ServerIdentifier, option.Uint32Of(c.server))
	to := lease.IP(0)
	if t == packet.Release {
		p.CIAddr, to = c.ip, c.server
	} else {
		p.Options.Set(option.RequestedAddress, option.Uint32Of(c.ip))
	}
	c.tell(p, to)
	c.ip, c.until = 0, time.Time{}
}

func (c *client) message(t packet.Type) *packet.Packet {
	c.xid = uint32(c.s.w.Rand().IntN(1<<30)) + 1
	p := &packet.Packet{Type: t, HType: 1, XID: c.xid, CHAddr: c.mac}
	if c.s.o.names {
		p.Options.Set(option.HostName, fmt.Appendf(nil, "host%d", c.n))
	}
	if c.id != nil {
		p.Options.Set(option.ClientIdentifier, c.id)
	}
	return p
}

// tell sends a message to a server, or to all that hear the link.
func (c *client) tell(p *packet.Packet, to lease.IP) {
	s := c.s
	c.sent = s.w.Now()
	if to == 0 && c.seg.relay != 0 {
		p.GIAddr, p.Hops = c.seg.relay, 1
	}
	b, _ := p.Append(nil, 0)
	for _, h := range c.seg.heard {
		from := packet.Arrival{Local: h.local}
		switch {
		case to == 0 && c.seg.relay == 0:
			from.Interface = "eth0"
		case to == 0:
			from.Source = netip.AddrPortFrom(c.seg.relay.Addr(), 67)
		}
		if to != 0 && to != h.local || !c.reaches(h) {
			continue
		}
		hears := func() {
			if q, err := packet.Parse(b); err != nil {
				s.fail("a client's message does not parse: %v", err)
			} else if c.reaches(h) {
				h.step(engine.Heard{Packet: q, From: from})
			}
		}
		if p.Type == packet.Release || p.Type == packet.Decline {
			if !s.w.Chance(s.o.loss) {
				s.w.After(s.w.Between(time.Millisecond, 20*time.Millisecond), "", hears)
			}
			continue
		}
		s.carry(time.Millisecond, hears)
	}
}

func (c *client) search() {
	now := c.s.w.Now()
	if c.ip != 0 || c.began.IsZero() {
		c.began = now
	}
	c.ip, c.asking = 0, 0
	p := c.message(packet.Discover)
	p.Secs = uint16(now.Sub(c.began) / time.Second)
	c.tell(p, 0)
}

func (c *client) request(server, wants, ciaddr, to lease.IP) {
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

// hear is a reply. due is how long the address is the client's on the server's disk, by the server's clock.
func (c *client) hear(p *packet.Packet, from *host, due int64) {
	s := c.s
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
		c.freed = false
		if p.YIAddr != c.asking {
			s.fail("asked for %s, acknowledged %s", c.asking, p.YIAddr)
		}
		secs, _ := p.Options.Uint32(option.LeaseTime)
		now := s.w.Now()
		until := c.sent.Add(time.Duration(secs) * time.Second)
		if at := from.clock.Now().Add(until.Sub(now)); !from.jumped && due < at.Unix()-1 {
			s.fail("%s acknowledges %s until %d by its clock; on its disk it ends at %d%s", from.name, p.YIAddr, at.Unix(), due, s.known(p.YIAddr))
		}
		if c.ip != p.YIAddr || !c.has() {
			c.got = now
			s.tell("client %d has %s until %d, by %s", c.n, p.YIAddr, until.Unix(), from.name)
		}
		if !c.began.IsZero() {
			c.waited = now.Sub(c.began)
		}
		c.ip, c.until, c.server, c.from, c.xid, c.began, c.acked = p.YIAddr, until, lease.IP(server), from, 0, time.Time{}, now
		s.stats.acked++
		s.changed = true
	case packet.Nak:
		c.ip, c.until, c.xid = 0, time.Time{}, 0
		s.stats.refused++
	}
}
