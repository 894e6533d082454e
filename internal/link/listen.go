package link

import (
	"container/list"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Limits bound a Listener. The zero value is sensible.
type Limits struct {
	Pending int           // connections not proved yet; 0 is 256
	Conns   int           // proved connections; 0 is 1024
	Prove   time.Duration // to prove itself; 0 is 5 s
	// Refused is called for each connection that did not get in, from several
	// goroutines; nil is nobody. It must return soon. Do not log each: anyone
	// can cause them.
	Refused func(from netip.AddrPort, err error)

	pace pace
}

// Stats counts what a Listener did since it began.
type Stats struct {
	Pending int    // now, not proved yet
	Conns   int    // now, proved
	Proved  uint64 // got in
	Refused uint64 // wrong key, no TLS, too slow
	Evicted uint64 // made room for a newer one before they were proved
	Full    uint64 // proved, but Limits.Conns were in already
}

var (
	errEvicted = errors.New("made room for a newer connection before it proved itself")
	errFull    = errors.New("as many connections as allowed are in already")
)

// Listener accepts connections and lets in those that prove themselves.
type Listener struct {
	tcp    *net.TCPListener
	auth   atomic.Pointer[Auth]
	limits Limits
	proved chan *Conn
	ctx    context.Context // ends at Close
	cancel context.CancelFunc
	work   sync.WaitGroup

	// mu: pending and the counts are touched by every connection's goroutine.
	mu      sync.Mutex
	pending *list.List // of *candidate, oldest first
	stats   Stats
}

// Listen listens at addr; port 0 lets the system choose, see Addr. The caller
// must call Accept again and again.
func Listen(addr netip.AddrPort, a Auth, l Limits) (*Listener, error) {
	if err := a.valid(); err != nil {
		return nil, fmt.Errorf("listen at %s: %w", addr, err)
	}
	tcp, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(addr))
	if err != nil {
		return nil, fmt.Errorf("listen at %s: %w", addr, err)
	}
	ln := &Listener{tcp: tcp, limits: l.filled(), proved: make(chan *Conn), pending: list.New()}
	ln.auth.Store(&a)
	ln.ctx, ln.cancel = context.WithCancel(context.Background())
	ln.work.Go(ln.run)
	return ln, nil
}

func (l Limits) filled() Limits {
	if l.Pending <= 0 {
		l.Pending = 256
	}
	if l.Conns <= 0 {
		l.Conns = 1024
	}
	if l.Prove <= 0 {
		l.Prove = proveTimeout
	}
	if l.pace == (pace{}) {
		l.pace = defaultPace
	}
	return l
}

// Addr is where the Listener listens.
func (l *Listener) Addr() netip.AddrPort { return addrPort(l.tcp.Addr()) }

// SetAuth replaces what new connections must prove; those that are in stay.
func (l *Listener) SetAuth(a Auth) error {
	if err := a.valid(); err != nil {
		return err
	}
	l.auth.Store(&a)
	return nil
}

// Stats returns the counts so far.
func (l *Listener) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.stats
	s.Pending = l.pending.Len()
	return s
}

// Accept waits for the next connection that has proved itself.
func (l *Listener) Accept(ctx context.Context) (*Conn, error) {
	select {
	case c := <-l.proved:
		return c, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-l.ctx.Done():
		return nil, net.ErrClosed
	}
}

// Close stops listening and drops what nobody has accepted yet. Connections
// that were accepted stay; they are the caller's.
func (l *Listener) Close() error {
	l.cancel()
	err := l.tcp.Close()
	l.work.Wait()
	return err
}

// run takes in connections until Close.
func (l *Listener) run() {
	for {
		c, err := l.tcp.Accept()
		if l.ctx.Err() != nil {
			if err == nil {
				_ = c.Close()
			}
			return
		}
		if err != nil { // out of file descriptors, or the client is gone already
			select {
			case <-time.After(50 * time.Millisecond):
			case <-l.ctx.Done():
			}
			continue
		}
		e := l.add(c)
		l.work.Go(func() { l.admit(e) })
	}
}

// candidate is a connection that has not proved itself yet.
type candidate struct {
	net.Conn
	evicted bool
	place   *list.Element
}

// add notes a connection that has proved nothing; the oldest makes room.
func (l *Listener) add(conn net.Conn) *candidate {
	c := &candidate{Conn: conn}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.pending.Len() >= l.limits.Pending {
		oldest := l.pending.Remove(l.pending.Front()).(*candidate)
		oldest.evicted = true
		l.stats.Evicted++
		_ = oldest.Close() // its goroutine ends with an error
	}
	c.place = l.pending.PushBack(c)
	return c
}

// admit lets one connection prove itself and hands it to Accept.
func (l *Listener) admit(c *candidate) {
	auth := *l.auth.Load()
	ctx, cancel := context.WithTimeout(l.ctx, l.limits.Prove)
	defer cancel()
	t := tls.Server(c.Conn, auth.server())
	err := prove(ctx, t, auth.proveServer)
	if err = l.settle(c, err); err != nil {
		_ = c.Close()
		if l.limits.Refused != nil {
			l.limits.Refused(addrPort(c.RemoteAddr()), err)
		}
		return
	}
	conn := newConn(t, auth.peerName(t), l.limits.pace, l.leave)
	select {
	case l.proved <- conn:
	case <-l.ctx.Done():
		_ = conn.Close()
	}
}

// settle takes a connection off the pending ones and counts how it ended. The
// error says why it does not get in.
func (l *Listener) settle(c *candidate, err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.evicted {
		return errEvicted
	}
	l.pending.Remove(c.place)
	switch {
	case err != nil:
		l.stats.Refused++
		return err
	case l.stats.Conns >= l.limits.Conns:
		l.stats.Full++
		return errFull
	}
	l.stats.Proved++
	l.stats.Conns++
	return nil
}

// leave counts a connection that was let in and is closed now.
func (l *Listener) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stats.Conns--
}
