// Package room bounds the connections of an HTTP server, and keeps room for those
// who ask something: when it is full, the connection that has been without a
// request longest is closed. Connections with a request under way are never
// closed for it; when all have one, more wait in the kernel's queue.
package room

import (
	"container/list"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
)

// Listener is a listener with room for so many connections. Give its State to the
// server as ConnState; it is to know which connections are idle.
type Listener struct {
	net.Listener
	most int

	mu     sync.Mutex // Accept, Close and State are called by many goroutines
	left   *sync.Cond
	open   int
	idle   *list.List // of *Conn, the one that has waited longest first
	closed bool
}

// New makes a Listener over ln; most is at least 1.
func New(ln net.Listener, most int) *Listener {
	l := &Listener{Listener: ln, most: most, idle: list.New()}
	l.left = sync.NewCond(&l.mu)
	return l
}

// Conn is a connection of a Listener. The one below it is NetConn.
type Conn struct {
	net.Conn
	l    *Listener
	once sync.Once
	at   *list.Element // in idle; nil while a request is under way
	gone bool          // closed: never idle again
}

// NetConn is the connection below, which may know who is at its other end.
func (c *Conn) NetConn() net.Conn { return c.Conn }

// Close closes the connection and gives its place away.
func (c *Conn) Close() error {
	c.once.Do(func() {
		c.l.mu.Lock()
		defer c.l.mu.Unlock()
		c.busy()
		c.gone = true
		c.l.open--
		c.l.left.Signal()
	})
	return c.Conn.Close()
}

// busy takes it off the idle ones; the lock is held.
func (c *Conn) busy() {
	if c.at != nil {
		c.l.idle.Remove(c.at)
		c.at = nil
	}
}

// Accept is net.Listener's. A new connection is idle until State says otherwise.
func (l *Listener) Accept() (net.Conn, error) {
	inner, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &Conn{Conn: inner, l: l}
	l.mu.Lock()
	for l.open >= l.most && !l.closed {
		if oldest := l.idle.Front(); oldest != nil {
			victim := oldest.Value.(*Conn)
			l.mu.Unlock()
			_ = victim.Close()
			l.mu.Lock()
			continue
		}
		l.left.Wait()
	}
	defer l.mu.Unlock()
	if l.closed {
		_ = inner.Close()
		return nil, net.ErrClosed
	}
	l.open++
	c.at = l.idle.PushBack(c)
	return c, nil
}

// Close closes the listener; open connections stay.
func (l *Listener) Close() error {
	l.mu.Lock()
	l.closed = true
	l.left.Broadcast()
	l.mu.Unlock()
	return l.Listener.Close()
}

// State is an http.Server's ConnState.
func (l *Listener) State(nc net.Conn, s http.ConnState) {
	if t, ok := nc.(*tls.Conn); ok {
		nc = t.NetConn()
	}
	c, ok := nc.(*Conn)
	if !ok || c.l != l {
		return
	}
	switch s {
	case http.StateActive:
		l.mu.Lock()
		defer l.mu.Unlock()
		c.busy()
	case http.StateIdle:
		l.mu.Lock()
		defer l.mu.Unlock()
		if c.busy(); !c.gone {
			c.at = l.idle.PushBack(c)
			l.left.Signal()
		}
	case http.StateNew, http.StateHijacked, http.StateClosed:
	}
}
