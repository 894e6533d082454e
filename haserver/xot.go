package haserver

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"

	"loadshare/internal/metrics"
)

// dotALPN is the token by which both ends of a TLS connection say that it is for DNS (RFC 7858, RFC 9103).
const dotALPN = "dot"

// padBlock is the multiple that padded answers are made to (RFC 8467, 4.1).
const padBlock = 468

var errNoTLS = errors.New("TLS was taken out of the configuration")

// endpoint is an address to listen on: UDP and TCP, or TLS.
type endpoint struct {
	addr netip.AddrPort
	tls  bool
}

// endpoints are all addresses that a configuration listens on.
func (c *Config) endpoints() []endpoint {
	var list []endpoint
	for _, a := range c.Listen {
		list = append(list, endpoint{addr: a})
	}
	if c.TLS != nil {
		for _, a := range c.TLS.Listen {
			list = append(list, endpoint{addr: a, tls: true})
		}
	}
	return list
}

// xot is what a server has for transfers and queries over TLS (RFC 9103, RFC 7858). A connection that has been made goes the
// same way as one over TCP.
type xot struct {
	front    *tls.Config // of every connection: it asks for what is configured now
	config   atomic.Pointer[tls.Config]
	addrs    atomic.Pointer[[]netip.AddrPort]
	shaken   metrics.CounterOne
	unshaken metrics.CounterOne
}

// begin registers what is counted.
func (x *xot) begin(reg *metrics.Registry) {
	total := reg.Counter("dns_tls_handshakes_total", "TLS handshakes, by result.", "result")
	x.shaken, x.unshaken = total.With("done"), total.With("failed")
	x.front = &tls.Config{
		MinVersion: tls.VersionTLS13,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			if c := x.config.Load(); c != nil {
				return c, nil
			}
			return nil, errNoTLS
		},
	}
}

// configure takes over a configuration and the listeners that are open: new connections get its certificates.
func (x *xot) configure(conf *Config, list []*listener) {
	var addrs []netip.AddrPort
	for _, l := range list {
		if l.conf.tls {
			addrs = append(addrs, l.addr)
		}
	}
	x.addrs.Store(&addrs)
	if conf.TLS == nil {
		x.config.Store(nil)
		return
	}
	x.config.Store(conf.TLS.config)
}

// TLSAddrs are the addresses that TLS is listened for on, with the ports that the system chose.
func (s *Server) TLSAddrs() []netip.AddrPort { return *s.xot.addrs.Load() }

func (x *xot) wrap(conn net.Conn) net.Conn { return tls.Server(conn, x.front) }

// tlsPeer is who is at the other end of a TLS connection.
type tlsPeer struct {
	names []string // of its certificate, lower case; none when it has shown none of our authority
	dot   bool     // the ALPN token was agreed on
}

// certs are the names, none of no peer.
func (p *tlsPeer) certs() []string {
	if p == nil {
		return nil
	}
	return p.names
}

// shake makes the TLS connection; false: there is none.
func (c *tcpConn) shake() bool {
	conn := c.conn.(*tls.Conn)
	ctx, cancel := context.WithTimeout(background, c.t.message)
	defer cancel()
	s := c.t.s
	if err := conn.HandshakeContext(ctx); err != nil {
		s.xot.unshaken.Inc()
		s.quiet.Info(s.log, "tls_refused", "client", c.from.String(), "error", err.Error())
		return false
	}
	s.xot.shaken.Inc()
	state := conn.ConnectionState()
	c.peer = &tlsPeer{dot: state.NegotiatedProtocol == dotALPN}
	if len(state.VerifiedChains) > 0 {
		for _, name := range state.VerifiedChains[0][0].DNSNames {
			c.peer.names = append(c.peer.names, strings.ToLower(strings.TrimSuffix(name, ".")))
		}
	}
	return true
}

// hangUp closes a connection without a word of good-bye, which could block.
func hangUp(conn net.Conn) { bare(conn).Close() }

// reset closes a connection whose client does not read, and what it has not read is dropped at once.
func reset(conn net.Conn) {
	if c, ok := bare(conn).(*net.TCPConn); ok {
		_ = c.SetLinger(0)
	}
	hangUp(conn)
}

// bare is the connection without TLS.
func bare(conn net.Conn) net.Conn {
	if t, ok := conn.(*tls.Conn); ok {
		return t.NetConn()
	}
	return conn
}

var zeros [padBlock]byte

// pad fills the answer up to a multiple of padBlock when it goes over TLS and the client has padded as well (RFC 7830, 4; RFC 8467, 4.1).
// It is called when all of the answer but OPT and TSIG is there.
func (w *worker) pad() {
	if w.peer == nil {
		return
	}
	if _, asked := w.in.OPT.Option(optPad); !asked {
		return
	}
	size := w.build.Len() + w.edns.Len() - len(w.edns.Options) + len(w.ext) + 4 + w.signer.Len()
	n := (padBlock - size%padBlock) % padBlock
	if size+n > maxTCP {
		return
	}
	w.ext = append(w.ext, 0, optPad, byte(n>>8), byte(n))
	w.ext = append(w.ext, zeros[:n]...)
}
