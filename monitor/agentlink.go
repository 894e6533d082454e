package monitor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"time"

	"loadshare/monitor/order"
)

// Times of the conversation with an agent.
const (
	dialTimeout    = 5 * time.Second
	answerTimeout  = 5 * time.Second // a request without answer for so long ends the connection
	backoffFirst   = 100 * time.Millisecond
	backoffMost    = 4 * time.Second // what was missed is tried again at least every 4 s (M2)
	maxQueuedTasks = 64              // restarts and hooks waiting for one agent
)

// agentEvent is what a link tells the loop. Exactly one of the fields besides
// agent is set.
type agentEvent struct {
	agent netip.AddrPort
	up    *order.Welcome
	down  error
	// heard is an answer to what the loop sent, with what it answers in asked,
	// or a report (asked nil).
	heard order.Message
	asked order.Message
	// lost is a restart or hook that was given up: its time passed or the queue was full.
	lost order.Message
}

// agentLink keeps one connection to one agent and the newest that is to be said
// to it. Its goroutine runs run; all other methods may be called by the loop at
// any time and never block.
type agentLink struct {
	addr   netip.AddrPort
	dialer Dialer
	self   string
	log    *slog.Logger
	events chan<- agentEvent
	jitter *rand.Rand // of run's goroutine
	wake   chan struct{}

	mu sync.Mutex // the loop puts, run takes
	// beats replace each other whole: only the newest claims count.
	beats     []order.Heartbeat
	beatsNew  bool
	publishes map[order.PoolID]*queuedPublish
	tasks     []order.Message
	calls     []*agentCall
	connected bool
}

// queuedPublish is the newest desired state of one pool. It stays until it is
// done, and is said again on each new connection until then.
type queuedPublish struct {
	order.Publish
	said bool
}

// agentCall is a request whose answer somebody waits for.
type agentCall struct {
	ask    order.Message
	answer chan order.Message // buffered; closed without a value when the connection ends
}

var errAgentAway = errors.New("the agent is not connected")

func newAgentLink(addr netip.AddrPort, d Dialer, self string, events chan<- agentEvent, log *slog.Logger, jitter *rand.Rand) *agentLink {
	return &agentLink{addr: addr, dialer: d, self: self, events: events, jitter: jitter,
		log: log.With("agent", addr.String()), wake: make(chan struct{}, 1), publishes: map[order.PoolID]*queuedPublish{}}
}

func (l *agentLink) poke() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// beat sets the claims that are said next.
func (l *agentLink) beat(beats []order.Heartbeat) {
	l.mu.Lock()
	l.beats, l.beatsNew = beats, true
	l.mu.Unlock()
	l.poke()
}

// publish sets the desired state of one pool; an older order that was not said
// yet is forgotten.
func (l *agentLink) publish(p order.Publish) {
	l.mu.Lock()
	if have := l.publishes[p.Pool]; have == nil || p.Stamp.Compare(have.Stamp) >= 0 {
		l.publishes[p.Pool] = &queuedPublish{Publish: p}
	}
	l.mu.Unlock()
	l.poke()
}

// forget drops the pool's desired state, if it is not newer than stamp.
func (l *agentLink) forget(pool order.PoolID, stamp order.Stamp) {
	l.mu.Lock()
	if have := l.publishes[pool]; have != nil && !have.Stamp.Newer(stamp) {
		delete(l.publishes, pool)
	}
	l.mu.Unlock()
}

// task queues a restart or a hook; when too many wait the oldest is lost.
func (l *agentLink) task(m order.Message) (lost order.Message) {
	l.mu.Lock()
	if len(l.tasks) >= maxQueuedTasks {
		lost, l.tasks = l.tasks[0], slices.Delete(l.tasks, 0, 1)
	}
	l.tasks = append(l.tasks, m)
	l.mu.Unlock()
	l.poke()
	return lost
}

// undone counts the publishes that are not done.
func (l *agentLink) undone() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.publishes)
}

// call asks and waits. It may be called by any goroutine but the loop's.
func (l *agentLink) call(ctx context.Context, ask order.Message) (order.Message, error) {
	c := &agentCall{ask: ask, answer: make(chan order.Message, 1)}
	l.mu.Lock()
	if !l.connected || len(l.calls) >= maxQueuedTasks {
		l.mu.Unlock()
		return nil, errAgentAway
	}
	l.calls = append(l.calls, c)
	l.mu.Unlock()
	l.poke()
	select {
	case m, ok := <-c.answer:
		if !ok {
			return nil, errAgentAway
		}
		return m, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// tell hands an event to the loop; false when everything ends.
func (l *agentLink) tell(ctx context.Context, e agentEvent) bool {
	e.agent = l.addr
	select {
	case l.events <- e:
		return true
	case <-ctx.Done():
		return false
	}
}

// run connects, talks, and connects again, until ctx ends.
func (l *agentLink) run(ctx context.Context) {
	wait := backoffFirst
	for ctx.Err() == nil {
		began := time.Now()
		err := l.session(ctx)
		if ctx.Err() != nil {
			return
		}
		if !l.tell(ctx, agentEvent{down: err}) {
			return
		}
		if time.Since(began) > backoffMost {
			wait = backoffFirst
		}
		if !sleep(ctx, wait+time.Duration(l.jitter.Int64N(int64(wait)/4+1))) {
			return
		}
		wait = min(2*wait, backoffMost)
		l.expire(ctx)
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// expire gives up restarts whose time has passed while the agent was away.
func (l *agentLink) expire(ctx context.Context) {
	now := time.Now()
	var lost []order.Message
	l.mu.Lock()
	l.tasks = slices.DeleteFunc(l.tasks, func(m order.Message) bool {
		r, ok := m.(order.Restart)
		if late := ok && !r.NotAfter.IsZero() && now.After(r.NotAfter); late {
			lost = append(lost, m)
			return true
		}
		return false
	})
	l.mu.Unlock()
	for _, m := range lost {
		l.tell(ctx, agentEvent{lost: m})
	}
}

// session is one connection from dial to its end; the error says why it ended.
func (l *agentLink) session(ctx context.Context) error {
	dctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	conn, err := l.dialer.Dial(dctx, l.addr)
	if err != nil {
		return fmt.Errorf("connect to agent %s: %w", l.addr, err)
	}
	defer conn.Close()
	welcome, err := l.hello(dctx, conn)
	if err != nil {
		return err
	}
	sctx, stop := context.WithCancel(ctx)
	defer stop()
	frames := make(chan order.Envelope)
	broken := make(chan error, 1)
	var reader sync.WaitGroup
	reader.Go(func() { broken <- receive(sctx, conn, frames) })
	defer reader.Wait()
	defer conn.Close() // before reader.Wait, so that it returns
	defer stop()
	l.setConnected(true)
	defer l.setConnected(false)
	if !l.tell(ctx, agentEvent{up: welcome}) {
		return ctx.Err()
	}
	return l.talk(sctx, conn, frames, broken)
}

func (l *agentLink) setConnected(on bool) {
	l.mu.Lock()
	l.connected = on
	l.beats, l.beatsNew = nil, false // the loop sets them when it hears of the connection
	calls := l.calls
	if !on {
		l.calls = nil
	}
	for _, p := range l.publishes {
		p.said = false
	}
	l.mu.Unlock()
	if !on {
		for _, c := range calls {
			close(c.answer)
		}
	}
}

// hello opens the conversation.
func (l *agentLink) hello(ctx context.Context, conn Conn) (*order.Welcome, error) {
	if err := send(ctx, conn, order.Envelope{ID: 1, Body: order.Hello{Version: order.Version, Monitor: l.self}}); err != nil {
		return nil, fmt.Errorf("greet agent %s: %w", l.addr, err)
	}
	frame, err := conn.Receive(ctx)
	if err != nil {
		return nil, fmt.Errorf("no welcome from agent %s: %w", l.addr, err)
	}
	e, err := order.Decode(frame)
	if err != nil {
		return nil, fmt.Errorf("agent %s: %w", l.addr, err)
	}
	w, ok := e.Body.(order.Welcome)
	if !ok {
		return nil, fmt.Errorf("agent %s did not answer with a welcome", l.addr)
	}
	if w.Version != order.Version {
		return nil, fmt.Errorf("agent %s speaks version %d, this monitor %d: upgrade the older one", l.addr, w.Version, order.Version)
	}
	return &w, nil
}

func send(ctx context.Context, conn Conn, e order.Envelope) error {
	frame, err := order.Encode(e)
	if err != nil {
		return err
	}
	return conn.Send(ctx, frame)
}

// receive reads frames until the connection breaks.
func receive(ctx context.Context, conn Conn, out chan<- order.Envelope) error {
	for {
		frame, err := conn.Receive(ctx)
		if err != nil {
			return err
		}
		e, err := order.Decode(frame)
		if err != nil {
			return err
		}
		select {
		case out <- e:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// asked is a request under way.
type asked struct {
	msg  order.Message
	call *agentCall
	at   time.Time
}

// talk sends what is queued and hands on what comes, until the connection breaks
// or the agent stops answering.
func (l *agentLink) talk(ctx context.Context, conn Conn, frames <-chan order.Envelope, broken <-chan error) error {
	pending := map[uint64]asked{}
	next := uint64(1)
	defer func() { l.unanswered(pending) }()
	watch := time.NewTicker(time.Second)
	defer watch.Stop()
	for {
		for _, a := range l.take() {
			next++
			frame, err := order.Encode(order.Envelope{ID: next, Body: a.msg})
			if err != nil { // too large: the connection is not to blame
				l.unsayable(a, err)
				continue
			}
			a.at = time.Now()
			pending[next] = a
			if err := conn.Send(ctx, frame); err != nil {
				return fmt.Errorf("send to agent %s: %w", l.addr, err)
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-broken:
			return fmt.Errorf("connection to agent %s: %w", l.addr, err)
		case <-l.wake:
		case now := <-watch.C:
			for _, a := range pending {
				if a.call == nil && now.Sub(a.at) > answerTimeout {
					return fmt.Errorf("agent %s has not answered for %s", l.addr, answerTimeout)
				}
			}
		case e := <-frames:
			a, known := pending[e.ID]
			delete(pending, e.ID)
			if e.ID != 0 && !known {
				return fmt.Errorf("agent %s answered a request that was not made", l.addr)
			}
			if !l.hand(ctx, e, a) {
				return ctx.Err()
			}
		}
	}
}

// unsayable gives up a message that cannot be encoded.
func (l *agentLink) unsayable(a asked, err error) {
	l.log.Error("message cannot be sent", "error", err)
	if a.call != nil {
		close(a.call.answer)
	}
}

// unanswered ends calls without an answer, and queues restarts and hooks again
// that have no receipt: a repeated order has the same id, so twice does no harm.
func (l *agentLink) unanswered(pending map[uint64]asked) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range slices.Backward(sortedKeys(pending)) {
		switch a := pending[id]; a.msg.(type) {
		case order.Restart, order.Hook:
			l.tasks = slices.Insert(l.tasks, 0, a.msg)
		default:
			if a.call != nil {
				close(a.call.answer)
			}
		}
	}
}

// hand passes one message to who waits for it.
func (l *agentLink) hand(ctx context.Context, e order.Envelope, a asked) bool {
	if a.call != nil {
		a.call.answer <- e.Body
		return true
	}
	return l.tell(ctx, agentEvent{heard: e.Body, asked: a.msg})
}

// take removes what is to be said now: claims first, so that the agent knows who
// asks, then desired states, then restarts and hooks, then calls.
func (l *agentLink) take() []asked {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []asked
	if l.beatsNew {
		for _, b := range l.beats {
			out = append(out, asked{msg: b})
		}
		l.beatsNew = false
	}
	if len(l.beats) == 0 {
		return out // before the first claims the agent would refuse everything
	}
	for _, pool := range sortedKeys(l.publishes) {
		if p := l.publishes[pool]; !p.said {
			p.said = true
			out = append(out, asked{msg: p.Publish})
		}
	}
	for _, m := range l.tasks {
		out = append(out, asked{msg: m})
	}
	l.tasks = nil
	for _, c := range l.calls {
		out = append(out, asked{msg: c.ask, call: c})
	}
	l.calls = nil
	return out
}
