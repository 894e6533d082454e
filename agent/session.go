package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"regexp"
	"sync"
	"time"

	"loadshare/monitor/order"
)

const (
	maxSessions  = 64
	sessionQueue = 1024
	helloTime    = 5 * time.Second
	sendTime     = 10 * time.Second
)

// Conn is one authenticated connection to a monitor. package link has it; tests
// have one in memory. Send and Receive are used by one goroutine each.
type Conn interface {
	Send(ctx context.Context, frame []byte) error
	Receive(ctx context.Context) ([]byte, error)
	RemoteAddr() netip.AddrPort
	Close() error
}

// Listener accepts authenticated connections.
type Listener interface {
	Accept(ctx context.Context) (Conn, error)
	Close() error
}

var plainMonitor = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$`)

// session is the conversation with one monitor. Its two goroutines read and write;
// the loop only puts into out and calls stop.
type session struct {
	monitor string
	conn    Conn
	out     chan []byte
	cancel  context.CancelFunc
	tasks   sync.WaitGroup // its probes; only its reader adds to it
	log     *slog.Logger
}

// put queues a message; false when the monitor does not take what it is sent,
// or the message cannot be sent. The session ends then.
func (s *session) put(id uint64, m order.Message) bool {
	frame, err := order.Encode(order.Envelope{ID: id, Body: m})
	if err != nil {
		s.log.Error("message not sent", "monitor", s.monitor, "error", err)
		return false
	}
	select {
	case s.out <- frame:
		return true
	default:
		s.log.Warn("monitor does not take its messages and is cut off", "monitor", s.monitor, "waiting", len(s.out))
		return false
	}
}

func (s *session) stop() {
	s.cancel()
	_ = s.conn.Close()
}

// events of sessions, for the loop.
type (
	opened struct {
		s     *session
		hello order.Hello
		id    uint64
	}
	said struct {
		s *session
		e order.Envelope
	}
	closed struct {
		s   *session
		err error
	}
)

// acceptAll takes connections until ctx ends.
func (l *loop) acceptAll(ctx context.Context, ln Listener) error {
	places := make(chan struct{}, maxSessions)
	var all sync.WaitGroup
	defer all.Wait()
	for {
		conn, err := ln.Accept(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("accept monitors: %w", err)
		}
		select {
		case places <- struct{}{}:
			all.Go(func() {
				defer func() { <-places }()
				l.converse(ctx, conn)
			})
		default:
			l.log.Warn("too many monitors at once", "from", conn.RemoteAddr().String(), "most", maxSessions)
			_ = conn.Close()
		}
	}
}

// converse is one connection from Hello to its end.
func (l *loop) converse(ctx context.Context, conn Conn) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer conn.Close()
	s := &session{conn: conn, out: make(chan []byte, sessionQueue), cancel: cancel, log: l.log}
	hello, id, err := l.greet(ctx, conn)
	if err != nil {
		l.log.Warn("monitor turned away", "from", conn.RemoteAddr().String(), "error", err)
		return
	}
	s.monitor = hello.Monitor
	writing := make(chan struct{})
	go func() {
		defer close(writing)
		defer cancel()
		s.write(ctx)
	}()
	if l.tell(ctx, opened{s, hello, id}) {
		err = l.listen(ctx, s)
	}
	cancel()
	_ = conn.Close()
	<-writing
	s.tasks.Wait()
	l.tellAlways(closed{s, err})
}

// greet waits for the Hello, which must be the first message.
func (l *loop) greet(ctx context.Context, conn Conn) (order.Hello, uint64, error) {
	hctx, cancel := context.WithTimeout(ctx, helloTime)
	defer cancel()
	frame, err := conn.Receive(hctx)
	if err != nil {
		return order.Hello{}, 0, fmt.Errorf("waiting for its hello: %w", err)
	}
	e, err := order.Decode(frame)
	if err != nil {
		return order.Hello{}, 0, err
	}
	hello, ok := e.Body.(order.Hello)
	var why string
	switch {
	case !ok:
		why = "the first message must be a hello"
	case hello.Version != order.Version:
		why = fmt.Sprintf("it speaks version %d, this agent %d", hello.Version, order.Version)
	case !plainMonitor.MatchString(hello.Monitor):
		why = fmt.Sprintf("monitor id %.140q: letters, digits, . _ : and -", hello.Monitor)
	default:
		return hello, e.ID, nil
	}
	if frame, err := order.Encode(order.Envelope{ID: e.ID, Body: order.Receipt{Refused: order.RefusedBadOrder, Detail: why}}); err == nil {
		_ = conn.Send(hctx, frame)
	}
	return order.Hello{}, 0, errors.New(why)
}

func (s *session) write(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case frame := <-s.out:
			sctx, cancel := context.WithTimeout(ctx, sendTime)
			err := s.conn.Send(sctx, frame)
			cancel()
			if err != nil {
				return
			}
		}
	}
}

func (l *loop) listen(ctx context.Context, s *session) error {
	for {
		frame, err := s.conn.Receive(ctx)
		if err != nil {
			return err
		}
		e, err := order.Decode(frame)
		if err != nil {
			return err
		}
		if p, ok := e.Body.(order.ProbeRequest); ok {
			l.probe(ctx, s, e.ID, p)
		}
		if !l.tell(ctx, said{s, e}) {
			return ctx.Err()
		}
	}
}

// probe looks beside the loop and answers. When too many are under way it says
// that it could not look.
func (l *loop) probe(ctx context.Context, s *session, id uint64, p order.ProbeRequest) {
	select {
	case l.probing <- struct{}{}:
	default:
		l.tell(ctx, answer{s, id, order.ProbeAnswer{Outcome: "untested", Reason: "busy", Detail: fmt.Sprintf("%d probes are under way", maxProbes)}})
		return
	}
	s.tasks.Go(func() {
		defer func() { <-l.probing }()
		l.tell(ctx, answer{s, id, look(ctx, p)})
	})
}

// answer is what a session's task has to say.
type answer struct {
	s  *session
	id uint64
	m  order.Message
}
