package probes

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"sync"

	"golang.org/x/net/bpf"
	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv6"
)

// One socket a family serves all looks under way: a raw socket gets every ICMP packet of the host, so one a target would make
// each of them read all. It is open while a look is under way and no longer, so there is nothing to close at the end of
// the process. These two are the only variables of the package that change.
var (
	pinger4 = pinger{raw: "ip4:icmp", plain: "udp4", any: "0.0.0.0"}
	pinger6 = pinger{raw: "ip6:ipv6-icmp", plain: "udp6", any: "::", v6: true}
)

// pinger opens and closes the shared socket of one family.
type pinger struct {
	raw, plain, any string // networks and address of package icmp
	v6              bool

	mu    sync.Mutex // joins and leaves come from many looks at once
	conn  *echoConn
	users int
}

// join gives the open socket, or opens it: raw with CAP_NET_RAW, else the ping socket of Linux.
func (p *pinger) join() (*echoConn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conn == nil {
		c, err := icmp.ListenPacket(p.raw, p.any)
		raw := err == nil
		if !raw {
			if c, err = icmp.ListenPacket(p.plain, p.any); err != nil {
				return nil, err
			}
		}
		token := newToken()
		p.conn = &echoConn{conn: c, raw: raw, v6: p.v6, id: binary.BigEndian.Uint16(token[:]), waiting: map[uint16]*echo{}, ended: make(chan struct{})}
		if raw {
			p.conn.filter()
		}
		go p.conn.read()
	}
	p.users++
	return p.conn, nil
}

// leave closes the socket when nobody uses it any more.
func (p *pinger) leave(c *echoConn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.users--; p.users == 0 {
		p.conn = nil
		_ = c.conn.Close()
		<-c.ended
	}
}

// echoConn is an open socket and who waits at it.
type echoConn struct {
	conn  *icmp.PacketConn
	raw   bool
	v6    bool
	id    uint16
	ended chan struct{} // closed when read has returned

	mu      sync.Mutex // the reader and the looks share what is below
	waiting map[uint16]*echo
	next    uint16
}

// filter keeps all but answers to us from a raw socket: else the pings of others, and on loopback our own requests, crowd
// them out of its buffer. Without the filter they are passed over one by one.
func (c *echoConn) filter() {
	if c.v6 {
		var f ipv6.ICMPFilter
		f.SetAll(true)
		f.Accept(ipv6.ICMPTypeEchoReply)
		f.Accept(ipv6.ICMPTypeDestinationUnreachable)
		_ = c.conn.IPv6PacketConn().SetICMPFilter(&f)
		return
	}
	prog, err := bpf.Assemble([]bpf.Instruction{
		bpf.LoadMemShift{Off: 0},          // X = length of the IP header
		bpf.LoadIndirect{Off: 0, Size: 1}, // the ICMP type
		bpf.JumpIf{Val: 3, SkipTrue: 3},   // destination unreachable: keep
		bpf.JumpIf{Val: 0, SkipFalse: 3},  // no echo reply: drop
		bpf.LoadIndirect{Off: 4, Size: 2}, // its id
		bpf.JumpIf{Val: uint32(c.id), SkipFalse: 1},
		bpf.RetConstant{Val: 1 << 16},
		bpf.RetConstant{Val: 0},
	})
	if err == nil {
		_ = c.conn.IPv4PacketConn().SetBPF(prog)
	}
}

// expect makes room for one answer.
func (c *echoConn) expect(to netip.Addr) (*echo, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waiting) >= 1<<16 {
		return nil, errors.New("65536 echo requests are on their way already")
	}
	for c.waiting[c.next] != nil {
		c.next++
	}
	e := &echo{to: to, seq: c.next, token: newToken(), got: make(chan Reason, 1)}
	c.waiting[e.seq] = e
	c.next++
	return e, nil
}

func (c *echoConn) forget(e *echo) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.waiting, e.seq)
}

// read hands answers to whom they are for, until the socket is closed.
func (c *echoConn) read() {
	defer close(c.ended)
	b := make([]byte, 1500)
	for errs := 0; errs < 100; {
		n, from, err := c.conn.ReadFrom(b)
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			errs++ // an ICMP error some request met; a broken socket must not spin
			continue
		}
		errs = 0
		if r, ok := parseReply(b[:n], c.v6); ok {
			c.hand(&r, addrOf(from))
		}
	}
}

func (c *echoConn) hand(r *reply, from netip.Addr) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.waiting[r.seq]
	if e == nil || !r.answers(e, from, c) {
		return
	}
	select {
	case e.got <- r.reason:
	default: // a second answer
	}
}

func addrOf(a net.Addr) netip.Addr {
	var ip net.IP
	switch a := a.(type) {
	case *net.IPAddr:
		ip = a.IP
	case *net.UDPAddr:
		ip = a.IP
	}
	addr, _ := netip.AddrFromSlice(ip)
	return addr.Unmap()
}
