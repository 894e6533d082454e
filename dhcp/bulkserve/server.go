package bulkserve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"loadshare/dhcp/bulkquery"
	"loadshare/dhcp/lease"
)

// The defaults of RFC 6926, 6.3.
const (
	DefaultConns   = 10
	DefaultTimeout = 300 * time.Second
)

const goodbye = time.Second // for the last words of a server that stops

// Page looks at the next addresses above after, by address, about most of them; all: those that nobody ever had too. It is called by
// several goroutines. An error ends the answer with UnspecFail and the error's words.
type Page func(after lease.IP, most int, all bool) (Leases, error)

// Leases is one page.
type Leases struct {
	List []bulkquery.Known // of those that were looked at, what is to be told
	Last lease.IP          // the last that was looked at
	More bool              // there are others above it
}

// Config is what Listen needs: Listen, From and Page. The rest has defaults.
type Config struct {
	Listen  []netip.AddrPort // IPv4; port 0: the system chooses
	From    []netip.Prefix   // who may ask
	Page    Page
	Now     func() time.Time
	Log     *slog.Logger
	Conns   int           // at a time; 0: DefaultConns
	Timeout time.Duration // without anything moving; 0: DefaultTimeout
}

// Counters are what happened since the start.
type Counters struct {
	Refused  uint64 // connections from elsewhere
	Full     uint64 // connections for which there was no room
	Queries  uint64 // answered whole
	Failed   uint64 // requests answered with a status, or ended before they were answered whole
	Messages uint64 // of leases
}

// Server is bulk leasequery at some addresses.
type Server struct {
	conf   Config
	lists  []*net.TCPListener
	places chan struct{}
	count  struct{ refused, full, queries, failed, messages atomic.Uint64 }
}

// Listen opens the addresses. Serve or Close must follow.
func Listen(c Config) (*Server, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Conns <= 0 {
		c.Conns = DefaultConns
	}
	if c.Timeout <= 0 {
		c.Timeout = DefaultTimeout
	}
	s := &Server{conf: c, places: make(chan struct{}, c.Conns)}
	for _, a := range c.Listen {
		l, err := net.ListenTCP("tcp4", net.TCPAddrFromAddrPort(a))
		if err != nil {
			s.Close()
			return nil, fmt.Errorf("bulk leasequery: %w", err)
		}
		s.lists = append(s.lists, l)
	}
	return s, nil
}

// Addrs are the addresses that are listened on, with the ports that the system chose.
func (s *Server) Addrs() []netip.AddrPort {
	var out []netip.AddrPort
	for _, l := range s.lists {
		out = append(out, l.Addr().(*net.TCPAddr).AddrPort())
	}
	return out
}

// Close gives the addresses back.
func (s *Server) Close() {
	for _, l := range s.lists {
		_ = l.Close()
	}
}

// Counters are what happened since the start.
func (s *Server) Counters() Counters {
	c := &s.count
	return Counters{c.refused.Load(), c.full.Load(), c.queries.Load(), c.failed.Load(), c.messages.Load()}
}

// Serve answers until ctx ends, then returns once all connections are closed, within seconds.
func (s *Server) Serve(ctx context.Context) {
	var all sync.WaitGroup
	for _, l := range s.lists {
		all.Go(func() { s.accept(ctx, l, &all) })
	}
	<-ctx.Done()
	s.Close()
	all.Wait()
}

func (s *Server) accept(ctx context.Context, l *net.TCPListener, all *sync.WaitGroup) {
	for {
		conn, err := l.AcceptTCP()
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return
			}
			select { // out of file descriptors
			case <-time.After(50 * time.Millisecond):
			case <-ctx.Done():
			}
			continue
		}
		if !s.admit(conn) {
			_ = conn.Close()
			continue
		}
		all.Go(func() {
			defer func() { <-s.places }()
			c := &session{s: s, conn: conn}
			c.serve(ctx)
		})
	}
}

// admit takes a place for a connection that may ask.
func (s *Server) admit(conn *net.TCPConn) bool {
	from := conn.RemoteAddr().(*net.TCPAddr).AddrPort()
	addr := from.Addr().Unmap()
	if !slices.ContainsFunc(s.conf.From, func(p netip.Prefix) bool { return p.Contains(addr) }) {
		if s.count.refused.Add(1) == 1 {
			s.conf.Log.Warn("leasequery_refused", "from", from.String(), "hint", "it is not in `from` of [leasequery]; further ones are only counted")
		}
		return false
	}
	select {
	case s.places <- struct{}{}:
		return true
	default:
		if s.count.full.Add(1) == 1 {
			s.conf.Log.Warn("leasequery_full", "from", from.String(), "connections", s.conf.Conns, "hint", "further ones are only counted")
		}
		return false
	}
}
