package haserver

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
)

// listener is one address: a TCP socket and a UDP socket for every core.
type listener struct {
	conf endpoint       // as configured
	addr netip.AddrPort // with the port that the system chose
	tcp  net.Listener
	udp  []*udpSocket
}

// listen opens all addresses or none.
func (s *Server) listen(addrs []endpoint) ([]*listener, error) {
	var list []*listener
	for _, a := range addrs {
		l, err := openListener(a)
		if err != nil {
			for _, l := range list {
				l.close()
			}
			return nil, fmt.Errorf("listen on %s: %w", a.addr, err)
		}
		list = append(list, l)
	}
	return list, nil
}

// openListener takes TCP first: unlike the UDP sockets it cannot be shared with another process by mistake.
func openListener(e endpoint) (*listener, error) {
	conf := e.addr
	var last error
	for range 20 { // for port 0: the port may be free for TCP alone
		t, err := net.Listen(network("tcp", conf), conf.String())
		if err != nil {
			return nil, err
		}
		addr := netip.AddrPortFrom(conf.Addr(), uint16(t.Addr().(*net.TCPAddr).Port))
		if e.tls {
			return &listener{conf: e, addr: addr, tcp: t}, nil
		}
		u, err := listenUDP(addr)
		if err == nil {
			return &listener{conf: e, addr: addr, tcp: t, udp: u}, nil
		}
		t.Close()
		last = err
		if conf.Port() != 0 {
			break
		}
	}
	return nil, last
}

// start runs the loops of a listener.
func (s *Server) start(l *listener) {
	c := s.count.part()
	s.loops.Go(func() { s.tcp.accept(l.tcp, c, l.conf.tls) })
	for _, u := range l.udp {
		w := newWorker(s, s.count.part())
		w.ready = newReady(len(l.udp))
		loop := newUDPLoop(s, u, w)
		s.loops.Go(loop.run)
	}
}

// stop ends reading; answers can still be written.
func (l *listener) stop() {
	l.tcp.Close()
	for _, u := range l.udp {
		u.stop()
	}
}

func (l *listener) close() {
	l.tcp.Close()
	closeUDP(l.udp)
}

func (s *Server) listener(conf endpoint) *listener {
	i := slices.IndexFunc(s.sockets, func(l *listener) bool { return l.conf == conf })
	if i < 0 {
		return nil
	}
	return s.sockets[i]
}
