package link

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

// pace holds the times of a connection; tests use shorter ones.
type pace struct {
	ping    time.Duration // send a keep-alive when nothing was sent for so long
	silence time.Duration // give up when nothing arrived for so long
	write   time.Duration // give up when a frame is not taken for so long
}

var defaultPace = pace{ping: 5 * time.Second, silence: 16 * time.Second, write: 10 * time.Second}

// ErrSilent is returned by Receive when the other end was silent too long.
var ErrSilent = errors.New("the other end has fallen silent")

// ErrGone is returned when the other end has closed the connection.
var ErrGone = errors.New("the other end has closed the connection")

var errTimedOut = errors.New("the other end takes no data")

// Conn is a connection whose other end has proved itself. One goroutine may
// send while another receives. It must be closed.
type Conn struct {
	tls    *tls.Conn
	remote netip.AddrPort
	peer   string
	pace   pace
	frames frameReader
	closed func() // tells the listener, once

	// writing lets the caller's frames and the keep-alives take turns.
	writing  sync.Mutex
	lastSent time.Time
	out      []byte // room for the frame that is written

	reads ending // of Receive

	once sync.Once
	quit chan struct{}
	work sync.WaitGroup
}

func newConn(c *tls.Conn, peer string, p pace, closed func()) *Conn {
	conn := &Conn{
		tls: c, peer: peer, pace: p, closed: closed,
		remote:   addrPort(c.RemoteAddr()),
		frames:   frameReader{limit: MaxFrame},
		lastSent: time.Now(),
		quit:     make(chan struct{}),
	}
	conn.work.Go(conn.keepAlive)
	return conn
}

func addrPort(a net.Addr) netip.AddrPort {
	if tcp, ok := a.(*net.TCPAddr); ok {
		ap := tcp.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	return netip.AddrPort{}
}

// Peer is the name the other end has proved: its certificate's first name, or
// the name of the shared key.
func (c *Conn) Peer() string { return c.peer }

// RemoteAddr is where the other end is.
func (c *Conn) RemoteAddr() netip.AddrPort { return c.remote }

// Close ends the connection and what Send and Receive are doing. Calling it
// again does nothing.
func (c *Conn) Close() error {
	var err error
	c.once.Do(func() {
		close(c.quit)
		err = c.tls.NetConn().Close() // not tls.Close: it waits for a writer that is stuck
		c.work.Wait()
		c.reads.release()
		c.closed()
	})
	return err
}

// Send sends a frame of 1 byte to MaxFrame bytes, which it does not keep. It is
// done when the kernel has the frame; the other end may never get it. After an
// error, also that of ctx, the connection is of no use any more and is closed.
func (c *Conn) Send(ctx context.Context, frame []byte) error {
	if len(frame) == 0 || len(frame) > MaxFrame {
		return errFrameSize
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	err := c.write(ctx, frame)
	if err != nil {
		_ = c.Close()
		return fmt.Errorf("send to %s: %w", c.remote, err)
	}
	return nil
}

func (c *Conn) write(ctx context.Context, frame []byte) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	_ = c.tls.SetWriteDeadline(time.Now().Add(c.pace.write)) // fails only when closed, as the write will
	var writes ending
	writes.watch(ctx, func() { _ = c.tls.SetWriteDeadline(time.Unix(1, 0)) })
	c.out = appendFrame(c.out[:0], frame)
	_, err := c.tls.Write(c.out)
	writes.release()
	if cap(c.out) > keptRoom {
		c.out = nil
	}
	c.lastSent = time.Now()
	return explain(ctx, err, errTimedOut)
}

// keptRoom is how many octets of room are kept for the next frame.
const keptRoom = 64 << 10

// Receive returns the next frame, which is the caller's. When ctx ends, Receive
// returns its error and may be called again; after any other error the
// connection is closed.
func (c *Conn) Receive(ctx context.Context) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for {
		frame, err := c.read(ctx)
		if err != nil {
			if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
				return nil, err
			}
			_ = c.Close()
			c.reads.release()
			return nil, fmt.Errorf("receive from %s: %w", c.remote, err)
		}
		if len(frame) > 0 {
			return frame, nil
		}
	}
}

// read reads one frame or keep-alive, within the time of silence.
func (c *Conn) read(ctx context.Context) ([]byte, error) {
	c.reads.watch(ctx, func() { _ = c.tls.SetReadDeadline(time.Unix(1, 0)) }) // first: the end of the last context may still set its own
	_ = c.tls.SetReadDeadline(time.Now().Add(c.pace.silence))                 // fails only when closed, as the read will
	if err := ctx.Err(); err != nil {                                         // the deadline for that may have been set before the one above
		return nil, err
	}
	frame, err := c.frames.next(c.tls)
	return frame, explain(ctx, err, ErrSilent)
}

// ending calls a function when a context ends. The zero value watches none. It may be released by any goroutine.
type ending struct {
	mu   sync.Mutex
	ctx  context.Context // watched
	stop func() bool
	done chan struct{} // closed when the function has run
}

// watch has f called when ctx ends, at once when it has ended already. What was watched before is released first; the same context is
// watched on as it is.
func (e *ending) watch(ctx context.Context, f func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ctx == ctx {
		return
	}
	e.end()
	if ctx.Done() == nil {
		return
	}
	done := make(chan struct{})
	e.ctx, e.done = ctx, done
	e.stop = context.AfterFunc(ctx, func() { f(); close(done) })
}

// release ends the watch: the function is not running and never will.
func (e *ending) release() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.end()
}

func (e *ending) end() {
	if e.ctx != nil && !e.stop() {
		<-e.done
	}
	e.ctx, e.stop, e.done = nil, nil, nil
}

// explain turns an end of file and a passed deadline into what they mean: the
// other end left, the context ended, or the other end is late.
func explain(ctx context.Context, err, late error) error {
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return ErrGone
	case !errors.Is(err, os.ErrDeadlineExceeded):
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return late
}

// keepAlive sends an empty frame whenever nothing was sent for a while.
func (c *Conn) keepAlive() {
	tick := time.NewTicker(c.pace.ping / 2)
	defer tick.Stop()
	for {
		select {
		case <-c.quit:
			return
		case <-tick.C:
		}
		c.writing.Lock()
		idle := time.Since(c.lastSent) >= c.pace.ping/2
		c.writing.Unlock()
		if idle {
			if err := c.write(context.Background(), nil); err != nil {
				_ = c.tls.NetConn().Close() // Receive and Send find out
				return
			}
		}
	}
}
