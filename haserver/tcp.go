package haserver

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

const (
	messageTimeout = 5 * time.Second // from the first octet of a message to its last
	writeTimeout   = 5 * time.Second // for a client that does not read
	maxInFlight    = 64              // updates and transfers of one connection at once
)

// tcpServer keeps the connections of all listeners within their limits.
type tcpServer struct {
	s *Server

	message time.Duration // messageTimeout
	write   time.Duration // writeTimeout

	mu      sync.Mutex // connections come and go in their own goroutines
	limits  TCPLimits
	conns   map[*tcpConn]struct{}
	clients map[netip.Addr]int
	closed  bool
}

// tcpConn is one connection. One goroutine reads and answers; updates and transfers are answered by others, as
// they are done.
type tcpConn struct {
	t      *tcpServer
	conn   net.Conn
	client netip.Addr // of the limit: IPv6 by /64
	from   netip.Addr
	peer   *tlsPeer // nil: plain TCP

	lastUse  atomic.Int64 // nanoseconds since 1970
	inFlight atomic.Int32
	tasks    sync.WaitGroup
	slots    chan struct{} // one for each message that is answered beside the reading

	mu  sync.Mutex // answers are written by several goroutines
	out *bufio.Writer
}

func newTCPServer(s *Server, limits TCPLimits) *tcpServer {
	return &tcpServer{s: s, message: messageTimeout, write: writeTimeout, limits: limits, conns: map[*tcpConn]struct{}{}, clients: map[netip.Addr]int{}}
}

// accept takes connections until the listener is closed; secure: with TLS.
func (t *tcpServer) accept(l net.Listener, c *counters, secure bool) {
	for {
		conn, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // out of descriptors, or gone before it was taken
			time.Sleep(10 * time.Millisecond)
			continue
		}
		t.boundUnread(conn)
		if secure {
			conn = t.s.xot.wrap(conn)
		}
		tc := t.admit(conn)
		if tc == nil {
			hangUp(conn)
			continue
		}
		t.s.loops.Go(func() {
			defer t.remove(tc)
			if secure && !tc.shake() {
				return
			}
			tc.serve(c)
		})
	}
}

// boundUnread has the system end a connection whose client has taken nothing of what waits for it for so long. Without it what is in
// the send buffer, megabytes, outlives our close for minutes while the client keeps its window shut, and counts against no limit of ours.
func (t *tcpServer) boundUnread(conn net.Conn) {
	if c, ok := conn.(*net.TCPConn); ok {
		if raw, err := c.SyscallConn(); err == nil {
			_ = raw.Control(func(fd uintptr) {
				_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(2*t.write/time.Millisecond))
			})
		}
	}
}

// admit makes room for a connection: at the total limit by closing the one that was idle longest. nil: there is none.
func (t *tcpServer) admit(conn net.Conn) *tcpConn {
	ap, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil {
		return nil
	}
	from := ap.Addr().Unmap().WithZone("")
	c := &tcpConn{t: t, conn: conn, from: from, client: from, out: bufio.NewWriterSize(conn, 8<<10), slots: make(chan struct{}, maxInFlight)}
	if from.Is6() {
		p, _ := from.Prefix(64)
		c.client = p.Addr()
	}
	c.lastUse.Store(time.Now().UnixNano())
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil
	}
	if t.clients[c.client] >= t.limits.PerClient || len(t.conns) >= t.limits.Connections && !t.evict() {
		t.s.count.refuse.Inc()
		return nil
	}
	t.conns[c] = struct{}{}
	t.clients[c.client]++
	t.s.count.conns.Set(float64(len(t.conns)))
	return c
}

// evict closes the connection that was idle longest and has nothing to do.
func (t *tcpServer) evict() bool {
	var oldest *tcpConn
	for c := range t.conns {
		if c.inFlight.Load() == 0 && (oldest == nil || c.lastUse.Load() < oldest.lastUse.Load()) {
			oldest = c
		}
	}
	if oldest == nil {
		return false
	}
	hangUp(oldest.conn)
	t.forget(oldest)
	t.s.count.evicts.Inc()
	return true
}

func (t *tcpServer) remove(c *tcpConn) {
	c.conn.Close()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.forget(c)
}

func (t *tcpServer) forget(c *tcpConn) {
	if _, ok := t.conns[c]; !ok {
		return
	}
	delete(t.conns, c)
	if t.clients[c.client]--; t.clients[c.client] == 0 {
		delete(t.clients, c.client)
	}
	t.s.count.conns.Set(float64(len(t.conns)))
}

// idle is how long an unused connection may stay: less when room gets short (RFC 7766, 6.2.3).
func (t *tcpServer) idle() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.conns) > t.limits.Connections*3/4 {
		return min(t.limits.Idle, 2*time.Second)
	}
	return t.limits.Idle
}

// stop ends reading on all connections: what is being answered is answered still.
func (t *tcpServer) stop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	for c := range t.conns {
		_ = c.conn.SetReadDeadline(time.Unix(1, 0))
	}
}

// cut closes all connections.
func (t *tcpServer) cut() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for c := range t.conns {
		hangUp(c.conn)
	}
}

func (t *tcpServer) stopping() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.closed
}

// serve reads messages and answers them (RFC 7766). It returns when the client is gone, breaks the rules, or is idle too long.
func (c *tcpConn) serve(count *counters) {
	w := newWorker(c.t.s, count)
	w.peer = c.peer
	defer c.tasks.Wait()
	in := bufio.NewReaderSize(c.conn, 4<<10)
	var msg []byte
	for {
		var ok bool
		if msg, ok = c.next(in, msg); !ok {
			c.flush()
			return
		}
		answer, later := w.handle(msg, c.from, true)
		if later {
			if !c.later(msg) {
				return
			}
			continue
		}
		if answer != nil && c.write(answer, false) != nil {
			return
		}
	}
}

// next reads a message into buf, which it may replace.
func (c *tcpConn) next(in *bufio.Reader, buf []byte) ([]byte, bool) {
	if !c.await(in) {
		return nil, false
	}
	_ = c.conn.SetReadDeadline(time.Now().Add(c.t.message))
	var size [2]byte
	if _, err := io.ReadFull(in, size[:]); err != nil {
		return nil, false
	}
	n := int(binary.BigEndian.Uint16(size[:]))
	if cap(buf) < n {
		buf = make([]byte, n)
	}
	buf = buf[:n]
	if in.Buffered() < n && c.flush() != nil {
		return nil, false
	}
	if _, err := io.ReadFull(in, buf); err != nil {
		return nil, false
	}
	c.lastUse.Store(time.Now().UnixNano())
	return buf, true
}

// await waits for the first octet of a message. A connection is not idle as long as something is being answered.
func (c *tcpConn) await(in *bufio.Reader) bool {
	if in.Buffered() > 0 {
		return true
	}
	if c.flush() != nil {
		return false
	}
	for {
		_ = c.conn.SetReadDeadline(time.Now().Add(c.t.idle()))
		if c.t.stopping() { // after the deadline was set: stop may have set its own before
			return false
		}
		_, err := in.Peek(1)
		if err == nil {
			return true
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) || c.inFlight.Load() == 0 || c.t.stopping() {
			return false
		}
	}
}

// later has a message answered in another goroutine. It waits when this connection has too many under way: then the client
// waits too.
func (c *tcpConn) later(msg []byte) bool {
	if c.flush() != nil {
		return false
	}
	c.slots <- struct{}{} // freed by those under way, each of which ends
	c.t.s.enterWait()
	c.inFlight.Add(1)
	msg = append([]byte(nil), msg...)
	c.tasks.Add(1)
	c.t.s.beside(func(w *worker) {
		defer func() {
			c.lastUse.Store(time.Now().UnixNano())
			c.inFlight.Add(-1)
			<-c.slots
			c.tasks.Done()
			w.peer = nil // what the worker does next is for somebody else
		}()
		w.peer = c.peer
		w.slow(msg, c.from, true, func(answer []byte) error { return c.write(answer, true) })
	})
	return true
}

// write sends one message; without now it may stay in the buffer until flush.
func (c *tcpConn) write(answer []byte, now bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.out.Available() < 2+len(answer) || now {
		_ = c.conn.SetWriteDeadline(time.Now().Add(c.t.write))
	}
	_, _ = c.out.Write([]byte{byte(len(answer) >> 8), byte(len(answer))})
	_, err := c.out.Write(answer)
	if err == nil && now {
		err = c.out.Flush()
	}
	if err != nil {
		reset(c.conn)
	}
	return err
}

func (c *tcpConn) flush() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.out.Buffered() == 0 {
		return nil
	}
	_ = c.conn.SetWriteDeadline(time.Now().Add(c.t.write))
	err := c.out.Flush()
	if err != nil {
		reset(c.conn)
	}
	return err
}

func (t *tcpServer) setLimits(l TCPLimits) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.limits = l
}
