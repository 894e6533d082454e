package agent

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"loadshare/agent/plan"
	"loadshare/ddns"
	"loadshare/internal/alert"
	"loadshare/internal/durable"
	"loadshare/internal/metrics"
	"loadshare/internal/process"
	"loadshare/monitor/order"
)

// The edges in memory, for loops in a synctest bubble.

type memConn struct {
	in, out chan []byte
	closed  chan struct{}
	once    *sync.Once
}

// pipe makes both ends of a connection. The agent's sends wait until the monitor receives.
func pipe() (agent, monitor memConn) {
	a, b, c, once := make(chan []byte), make(chan []byte), make(chan struct{}), new(sync.Once)
	return memConn{a, b, c, once}, memConn{b, a, c, once}
}

var errMemClosed = errors.New("closed")

func (c memConn) Send(ctx context.Context, f []byte) error {
	select {
	case c.out <- f:
		return nil
	case <-c.closed:
		return errMemClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c memConn) Receive(ctx context.Context) ([]byte, error) {
	select {
	case f := <-c.in:
		return f, nil
	case <-c.closed:
		return nil, errMemClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (c memConn) RemoteAddr() netip.AddrPort { return netip.MustParseAddrPort("127.0.0.1:9") }
func (c memConn) Close() error               { c.once.Do(func() { close(c.closed) }); return nil }

type memListener chan Conn

func (l memListener) Accept(ctx context.Context) (Conn, error) {
	select {
	case c := <-l:
		return c, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
func (l memListener) Close() error { return nil }

// memStore is a durable.Store in memory that can refuse to write.
type memStore struct {
	mu   sync.Mutex
	data map[string][]byte
	fail error
}

func (s *memStore) Get(k []byte) ([]byte, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.data[string(k)]
	return v, ok, nil
}

func (s *memStore) Scan(from, to []byte, fn func(k, v []byte) bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range slices.Sorted(maps.Keys(s.data)) {
		if k >= string(from) && (to == nil || k < string(to)) && !fn([]byte(k), s.data[k]) {
			return nil
		}
	}
	return nil
}

func (s *memStore) Commit(b *durable.Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fail // the loop's saves are looked at in wire tests
}

func (s *memStore) Close() error { return nil }

func (s *memStore) failing(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = err
}

// memDNS answers reads with one set and counts writes.
type memDNS struct {
	mu     sync.Mutex
	set    map[string]ddns.Have // by server
	writes int
}

func (d *memDNS) read(_ context.Context, r plan.Read) plan.ReadDone {
	d.mu.Lock()
	defer d.mu.Unlock()
	h := d.set[r.Server]
	h.Set.Name, h.Set.Type = r.Key.Name, r.Key.Type
	return plan.ReadDone{Token: r.Token, Zone: "example", Have: h}
}

func (d *memDNS) write(_ context.Context, w plan.Write) plan.WriteDone {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.writes++
	h := d.set[w.Server]
	h.Set.Name, h.Set.Type = "www.example", "A"
	h.Set = w.Change.Apply(h.Set)
	for _, o := range w.Change.Ops {
		if o.Type == "TXT" && o.Kind == ddns.Add {
			h.Generation = []string{o.Data}
		}
	}
	d.set[w.Server] = h
	return plan.WriteDone{Token: w.Token}
}

func (d *memDNS) written() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.writes
}

type memMail struct {
	mu   sync.Mutex
	sent []alert.Alert
}

func (m *memMail) Send(a alert.Alert) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sent = append(m.sent, a)
	return nil
}

func (m *memMail) all() []alert.Alert {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.sent)
}

// memAgent is a loop in a bubble.
type memAgent struct {
	t        *testing.T
	loop     *loop
	store    *memStore
	dns      *memDNS
	mail     *memMail
	listener memListener
	cancel   context.CancelFunc
}

// bubble runs f with an agent whose edges are in memory, and stops it.
func bubble(t *testing.T, f func(a *memAgent)) {
	synctest.Test(t, func(t *testing.T) {
		a := &memAgent{t: t, store: &memStore{}, dns: &memDNS{set: map[string]ddns.Have{}}, mail: &memMail{}, listener: make(memListener)}
		cfg := &Config{Name: "node1", Listen: netip.MustParseAddrPort("0.0.0.0:2224"), Services: map[string]Service{},
			Publish: &Publish{Servers: []netip.AddrPort{netip.MustParseAddrPort("10.0.0.53:53")}, Fence: true, Records: ddns.Patterns{{Name: "*.example", Types: []string{"A"}}}}}
		env := process.NewEnv(slog.New(slog.NewTextHandler(io.Discard, nil)), "")
		l, err := newLoop(time.Now(), cfg, edges{
			store: a.store, mail: a.mail, meters: newMeters(metrics.New("agent")), log: env.Log,
			dns: func(*Publish) dnsEdge { return a.dns }, restarts: &restarter{commands: newCommands()},
		}, env, "boot")
		if err != nil {
			t.Fatal(err)
		}
		a.loop = l
		ctx, cancel := context.WithCancel(context.Background())
		a.cancel = cancel
		ended := make(chan error, 2)
		go func() { ended <- l.run(ctx) }()
		go func() { ended <- l.acceptAll(ctx, a.listener) }()
		f(a)
		cancel()
		for range 2 {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	})
}

// memMonitor is the other end.
type memMonitor struct {
	a    *memAgent
	conn memConn
	id   string
	next uint64
}

func (a *memAgent) dial(id string) *memMonitor {
	agent, monitor := pipe()
	a.listener <- agent
	return &memMonitor{a: a, conn: monitor, id: id}
}

func (a *memAgent) monitor(id string) *memMonitor {
	a.t.Helper()
	m := a.dial(id)
	m.ask(order.Hello{Version: order.Version, Monitor: id})
	return m
}

func (m *memMonitor) send(msg order.Message) uint64 {
	m.a.t.Helper()
	m.next++
	frame, err := order.Encode(order.Envelope{ID: m.next, Body: msg})
	if err != nil {
		m.a.t.Fatal(err)
	}
	if err := m.conn.Send(context.Background(), frame); err != nil {
		m.a.t.Fatal(err)
	}
	return m.next
}

func (m *memMonitor) receive() (order.Envelope, error) {
	m.a.t.Helper()
	frame, err := m.conn.Receive(context.Background())
	if err != nil {
		return order.Envelope{}, err
	}
	e, err := order.Decode(frame)
	if err != nil {
		m.a.t.Fatal(err)
	}
	return e, nil
}

func (m *memMonitor) ask(msg order.Message) order.Message {
	m.a.t.Helper()
	id := m.send(msg)
	for {
		e, err := m.receive()
		if err != nil {
			m.a.t.Fatalf("no answer to %T: %v", msg, err)
		}
		if e.ID == id {
			return e.Body
		}
	}
}

func (m *memMonitor) claim() {
	m.a.t.Helper()
	m.ask(order.Heartbeat{Monitor: m.id, Lease: 15 * time.Second, Interval: 5 * time.Second, Claims: []order.Claim{{Pool: webPool}}})
}

func (m *memMonitor) publish(generation uint64, values ...string) order.Receipt {
	m.a.t.Helper()
	return m.ask(order.Publish{
		ID: m.id + string(rune('a'+generation)), Pool: webPool, Stamp: order.Stamp{Epoch: 1, Generation: generation, Monitor: m.id}, DecidedAt: time.Now(),
		Want: order.RecordSet{Name: "www.example", Type: order.A, TTL: 1, Values: values}, Members: values, Reason: order.ReasonFell,
	}).(order.Receipt)
}
