package dhcp

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"

	"loadshare/internal/link"
)

const (
	maxConns  = 16 // of all partners at one address
	helloTime = 5 * time.Second
)

// door is one address at which partners connect. Several pairs may share it: between two of ours the first frame names the pair, with
// the plain protocol the partner's address tells.
type door struct {
	s      *Server
	addr   netip.AddrPort
	links  []*pairLink // that it is for
	secure *link.Listener
	tcp    *net.TCPListener
}

func openDoor(s *Server, links []*pairLink) (*door, error) {
	first := links[0].conf
	d := &door{s: s, addr: first.Address, links: links}
	var err error
	if first.Draft {
		d.tcp, err = net.ListenTCP("tcp", net.TCPAddrFromAddrPort(d.addr))
	} else {
		for _, l := range links {
			if !l.conf.Auth.Same(first.Auth) {
				return nil, fmt.Errorf("[[failover]] %s and %s have one address, but not one key: give one of them another port", first.Name, l.conf.Name)
			}
		}
		d.secure, err = link.Listen(d.addr, first.Auth, link.Limits{Conns: maxConns, Refused: func(from netip.AddrPort, err error) {
			s.quiet.Warn(s.log, "pair_connection_refused", "from", from.String(), "error", err.Error())
		}})
	}
	if err != nil {
		return nil, fmt.Errorf("[[failover]] %s: %w", first.Name, err)
	}
	return d, nil
}

func (d *door) close() {
	if d.secure != nil {
		_ = d.secure.Close()
	} else {
		_ = d.tcp.Close()
	}
}

// serve takes connections in until the door is closed.
func (d *door) serve(ctx context.Context) {
	for ctx.Err() == nil {
		if d.secure != nil {
			conn, err := d.secure.Accept(ctx)
			if err != nil {
				return
			}
			d.s.side.Go(func() { d.greet(ctx, conn) })
			continue
		}
		conn, err := d.tcp.AcceptTCP()
		if err != nil {
			if ctx.Err() != nil {
				return
			}
			time.Sleep(50 * time.Millisecond) // out of file descriptors
			continue
		}
		d.admit(conn)
	}
}

// greet reads which pair a connection of ours is for.
func (d *door) greet(ctx context.Context, conn *link.Conn) {
	hello, cancel := context.WithTimeout(ctx, helloTime)
	defer cancel()
	frame, err := conn.Receive(hello)
	var name string
	if err == nil {
		name, err = parseHello(frame)
	}
	if err == nil {
		for _, l := range d.links {
			if l.conf.Name == name && l.conf.Partner.Addr() == conn.RemoteAddr().Addr() {
				l.adopt(secured{conn, ctx}, false)
				return
			}
		}
		err = fmt.Errorf("no pair %q with that address", name)
	}
	d.s.quiet.Warn(d.s.log, "pair_connection_refused", "from", conn.RemoteAddr().String(), "error", err.Error())
	_ = conn.Close()
}

// admit takes a plain connection of a partner, known by its address.
func (d *door) admit(conn *net.TCPConn) {
	from := unmapped(conn.RemoteAddr())
	for _, l := range d.links {
		if l.conf.Partner.Addr() == from.Addr() && l.count() < maxConns {
			l.adopt(newPlain(conn), false)
			return
		}
	}
	d.s.quiet.Warn(d.s.log, "pair_connection_refused", "from", from.String(), "error", "not the address of a partner, or too many connections of it")
	_ = conn.Close()
}
