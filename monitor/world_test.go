package monitor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/netip"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"loadshare/internal/alert"
	"loadshare/internal/control"
	"loadshare/internal/durable"
	"loadshare/internal/events"
	"loadshare/internal/metrics"
	"loadshare/internal/process"
	"loadshare/monitor/decide"
	"loadshare/monitor/order"
)

// world is everything around a monitor, in memory and in virtual time: services
// that live and die, agents that obey, DNS servers that answer.
type world struct {
	started atomic.Bool // systemd was told
	t       *testing.T

	mu       sync.Mutex      // agents, probes and the test are different goroutines
	dead     map[string]bool // "192.0.2.1" or "192.0.2.1 check"
	dns      map[string]map[string][]string
	silent   map[string]bool // DNS servers that do not answer
	agents   map[netip.AddrPort]*fakeAgent
	restarts []string
	hooks    []string
	alerts   []alert.Alert
	writes   []string
	normal   []order.NormalDNS
	names    map[string][]netip.Addr
	servers  []string
	began    time.Time
}

func newWorld(t *testing.T, servers ...string) *world {
	w := &world{t: t, dead: map[string]bool{}, dns: map[string]map[string][]string{}, silent: map[string]bool{}, agents: map[netip.AddrPort]*fakeAgent{},
		names: map[string][]netip.Addr{}, servers: servers, began: time.Now()}
	for _, s := range servers {
		w.dns[s] = map[string][]string{}
	}
	return w
}

func (w *world) set(what string, dead bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dead[what] = dead
}

func (w *world) kill(what string) { w.set(what, true) }

func (w *world) silence(server string, yes bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.silent[server] = yes
}

// answers is what a server holds for a pool, sorted.
func (w *world) answers(server, pool string) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.dns[server][pool])
}

func (w *world) put(server, pool string, values ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dns[server][pool] = values
}

// seen is a copy of one of the world's lists.
func seen[T any](w *world, list *[]T) []T {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(*list)
}

// alertLines are the alerts so far: kind, title.
func (w *world) alertLines() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := []string{}
	for _, a := range w.alerts {
		out = append(out, fmt.Sprintf("%s: %s", a.Kind, a.Title))
	}
	return out
}

// Send makes the world a Notifier.
func (w *world) Send(a alert.Alert) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.alerts = append(w.alerts, a)
	return nil
}

// Ask makes the world an Asker.
func (w *world) Ask(_ context.Context, server netip.AddrPort, name string, t order.RRType) (order.RecordSet, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.silent[server.String()] {
		return order.RecordSet{}, errors.New("no answer")
	}
	values := w.dns[server.String()][string(order.NewPoolID(name, t))]
	return order.RecordSet{Name: name, Type: t, TTL: 30, Values: values}, nil
}

// Zone is Asker's.
func (w *world) Zone(context.Context, netip.AddrPort, string) (string, error) {
	return "mydomain.com", nil
}

// Resolve makes the world a Resolver.
func (w *world) Resolve(_ context.Context, host string) ([]netip.Addr, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if list := w.names[host]; list != nil {
		return list, nil
	}
	return nil, errors.New("no such host")
}

// fakeAgent obeys orders. It runs a goroutine for each connection.
type fakeAgent struct {
	w         *world
	addr      netip.AddrPort
	publishes bool
	away      bool
	boot      int
	newest    map[order.PoolID]order.Stamp
	holder    map[order.PoolID]string
	until     map[order.PoolID]time.Time
	// restart says what a restart of the service at this host does; nil: it works.
	restart func(order.Restart) order.Restarted
	conns   []*pipe
}

func (w *world) agent(addr string, publishes bool) *fakeAgent {
	a := &fakeAgent{w: w, addr: netip.MustParseAddrPort(addr), publishes: publishes, newest: map[order.PoolID]order.Stamp{},
		holder: map[order.PoolID]string{}, until: map[order.PoolID]time.Time{}}
	w.agents[a.addr] = a
	return a
}

// cut ends the agent's connections and refuses new ones, or takes them again.
func (a *fakeAgent) cut(yes bool) {
	a.w.mu.Lock()
	a.away = yes
	conns := a.conns
	a.conns = nil
	a.w.mu.Unlock()
	if yes {
		for _, c := range conns {
			c.Close()
		}
	}
}

// Dial makes the world a Dialer.
func (w *world) Dial(ctx context.Context, addr netip.AddrPort) (Conn, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	a := w.agents[addr]
	if a == nil || a.away {
		return nil, errors.New("connection refused")
	}
	near, far := newPipe()
	a.conns = append(a.conns, far)
	go a.serve(far)
	return near, nil
}

func (a *fakeAgent) serve(c *pipe) {
	defer c.Close()
	ctx := context.Background()
	var mine sync.WaitGroup
	defer mine.Wait()
	for {
		frame, err := c.Receive(ctx)
		if err != nil {
			return
		}
		e, err := order.Decode(frame)
		if err != nil {
			a.w.t.Errorf("agent %s: %v", a.addr, err)
			return
		}
		for _, m := range a.answer(e.Body, func(m order.Message, after time.Duration) {
			mine.Go(func() {
				select {
				case <-time.After(after):
				case <-c.done:
				}
				if out := a.late(m); out != nil {
					c.say(0, out)
				}
			})
		}) {
			if err := c.say(e.ID, m); err != nil {
				return
			}
		}
	}
}

// answer is what the agent says at once; later messages are handed to then.
func (a *fakeAgent) answer(m order.Message, then func(order.Message, time.Duration)) []order.Message {
	a.w.mu.Lock()
	defer a.w.mu.Unlock()
	switch m := m.(type) {
	case order.Hello:
		w := order.Welcome{Version: order.Version, Agent: "agent " + a.addr.Addr().String(), Publishes: a.publishes, Boot: fmt.Sprint(a.boot)}
		for _, p := range slices.Sorted(maps.Keys(a.newest)) {
			w.Pools = append(w.Pools, order.Held{Pool: p, Newest: a.newest[p], Holder: a.held(p)})
		}
		return []order.Message{w}
	case order.Heartbeat:
		b := order.Beat{Refused: []order.Held{}}
		for _, c := range m.Claims {
			if h := a.held(c.Pool); h != "" && h != m.Monitor {
				b.Refused = append(b.Refused, order.Held{Pool: c.Pool, Newest: a.newest[c.Pool], Holder: h, LapsesIn: time.Until(a.until[c.Pool])})
				continue
			}
			a.holder[c.Pool], a.until[c.Pool] = m.Monitor, time.Now().Add(m.Lease)
		}
		return []order.Message{b}
	case order.Publish:
		if h := a.held(m.Pool); h != m.Stamp.Monitor {
			return []order.Message{order.Receipt{Order: m.ID, Refused: order.RefusedNotHolder, Newest: a.newest[m.Pool]}}
		}
		if a.newest[m.Pool].Newer(m.Stamp) {
			return []order.Message{order.Receipt{Order: m.ID, Refused: order.RefusedStale, Newest: a.newest[m.Pool]}}
		}
		a.newest[m.Pool] = m.Stamp
		then(m, time.Millisecond)
		return []order.Message{order.Receipt{Order: m.ID}}
	case order.Restart:
		a.w.restarts = append(a.w.restarts, fmt.Sprintf("%s %s at %s", m.Service, m.Member, a.addr.Addr()))
		then(m, 1300*time.Millisecond)
		return []order.Message{order.Receipt{Order: m.ID}}
	case order.Hook:
		a.w.hooks = append(a.w.hooks, fmt.Sprintf("%s %s up=%t", m.Service, m.Member, m.Up))
		then(m, time.Millisecond)
		return []order.Message{order.Receipt{Order: m.ID}}
	case order.ProbeRequest:
		out := order.ProbeAnswer{Outcome: "ok"}
		if a.w.dead[m.Address] {
			out = order.ProbeAnswer{Outcome: "failed", Reason: "refused"}
		}
		return []order.Message{out}
	case order.NormalDNS:
		a.w.normal = append(a.w.normal, m)
		out := order.NormalDNSAnswer{Servers: []order.NormalDNSServer{}}
		for _, s := range a.w.servers {
			out.Servers = append(out.Servers, order.NormalDNSServer{Server: s, Lines: []string{"update add www.mydomain.com 30 A 192.0.2.1"}, Applied: m.Action == order.NormalDNSApply})
			for _, p := range m.Pools {
				if m.Action == order.NormalDNSApply {
					a.w.dns[s][string(p.Pool)] = p.Want.Values
				}
			}
		}
		return []order.Message{out}
	}
	a.w.t.Errorf("agent %s heard %T", a.addr, m)
	return nil
}

func (a *fakeAgent) held(p order.PoolID) string {
	if time.Now().Before(a.until[p]) {
		return a.holder[p]
	}
	return ""
}

// late is the report that follows an order.
func (a *fakeAgent) late(m order.Message) order.Message {
	a.w.mu.Lock()
	defer a.w.mu.Unlock()
	switch m := m.(type) {
	case order.Publish:
		return a.write(m)
	case order.Restart:
		if a.restart != nil {
			return a.restart(m)
		}
		a.w.dead[m.Member] = false
		return order.Restarted{Order: m.ID, Pool: m.Pool, Service: m.Service, Member: m.Member, Outcome: order.RestartOK, Started: time.Now(), Took: 1300 * time.Millisecond, Left: 2, Evidence: "unit failed"}
	case order.Hook:
		return order.Hooked{Order: m.ID, Service: m.Service, Outcome: order.RestartOK}
	}
	return nil
}

func (a *fakeAgent) write(m order.Publish) order.Message {
	r := order.Published{Order: m.ID, Pool: m.Pool, Stamp: m.Stamp, Done: true, Set: m.Want.Values}
	now := time.Now().UTC()
	for _, s := range a.w.servers {
		if a.w.silent[s] {
			r.Servers = append(r.Servers, order.ServerResult{Server: s, State: order.ServerOwed, Attempts: 1, Error: "timeout"})
			continue
		}
		a.w.dns[s][string(m.Pool)] = m.Want.Values
		r.Servers = append(r.Servers, order.ServerResult{Server: s, State: order.ServerAnswers, WrittenAt: &now, AnsweredAt: &now, Attempts: 1})
	}
	a.w.writes = append(a.w.writes, fmt.Sprintf("%s %s %v", a.addr.Addr(), m.Pool, m.Want.Values))
	return r
}

// pipe is one end of a connection in memory.
type pipe struct {
	in, out chan []byte
	done    chan struct{}
	once    *sync.Once
}

func newPipe() (near, far *pipe) {
	a, b, done, once := make(chan []byte, 64), make(chan []byte, 64), make(chan struct{}), &sync.Once{}
	return &pipe{a, b, done, once}, &pipe{b, a, done, once}
}

func (p *pipe) Send(ctx context.Context, frame []byte) error {
	select {
	case p.out <- slices.Clone(frame):
		return nil
	case <-p.done:
		return errors.New("connection closed")
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *pipe) Receive(ctx context.Context) ([]byte, error) {
	select {
	case f := <-p.in:
		return f, nil
	case <-p.done:
		return nil, errors.New("connection closed")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pipe) Close() error { p.once.Do(func() { close(p.done) }); return nil }

func (p *pipe) say(id uint64, m order.Message) error {
	f, err := order.Encode(order.Envelope{ID: id, Body: m})
	if err != nil {
		return err
	}
	return p.Send(context.Background(), f)
}

// fakeProber looks at the world's services, each check at its interval.
type fakeProber struct {
	w      *world
	ctx    context.Context
	out    chan decide.Observation
	mu     sync.Mutex
	cancel context.CancelFunc
	looks  []Look
	group  sync.WaitGroup
}

func (p *fakeProber) Set(looks []Look) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cancel != nil {
		p.cancel()
	}
	ctx, cancel := context.WithCancel(p.ctx)
	p.looks, p.cancel = looks, cancel
	for i, l := range looks {
		p.group.Go(func() {
			for sleep(ctx, time.Duration(i)*time.Millisecond) {
				if !p.look(ctx, l, false) || !sleep(ctx, l.Interval-time.Duration(i)*time.Millisecond) {
					return
				}
			}
		})
	}
}

func (p *fakeProber) look(ctx context.Context, l Look, again bool) bool {
	p.w.mu.Lock()
	o := decide.Observation{Check: l.ID, At: time.Now(), Took: time.Millisecond, Recheck: again}
	if p.w.dead[l.Address.String()] || p.w.dead[string(l.ID)] {
		o.Outcome, o.Reason, o.Detail = decide.Failed, "refused", "connection refused"
	}
	p.w.mu.Unlock()
	select {
	case p.out <- o:
		return true
	case <-ctx.Done():
		return false
	}
}

func (p *fakeProber) Recheck(ids []decide.CheckID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.looks {
		if slices.Contains(ids, l.ID) {
			p.group.Go(func() { p.look(p.ctx, l, true) })
		}
	}
}

func (p *fakeProber) Observations() <-chan decide.Observation { return p.out }
func (p *fakeProber) Lateness() time.Duration                 { return 0 }

// fragileStore is a store whose commits fail once told so.
type fragileStore struct {
	durable.Store
	mu   sync.Mutex // the test breaks it while the loop uses it
	fail error
}

func newStore(t *testing.T) *fragileStore {
	t.Helper()
	s, err := durable.OpenBolt(filepath.Join(t.TempDir(), "monitor.db"))
	if err != nil {
		t.Fatal(err)
	}
	return &fragileStore{Store: s}
}

func (s *fragileStore) Commit(b *durable.Batch) error {
	s.mu.Lock()
	fail := s.fail
	s.mu.Unlock()
	if fail != nil {
		return fail
	}
	return s.Store.Commit(b)
}

func (s *fragileStore) breakIt(err error) {
	s.mu.Lock()
	s.fail = err
	s.mu.Unlock()
}

// running is a monitor at work in a world.
type running struct {
	*loop
	w      *world
	env    process.Env
	stop   context.CancelFunc
	ended  chan error
	prober *fakeProber
	ctx    context.Context
}

// start runs a monitor with this configuration until the test ends.
func (w *world) start(cfg *Config, store durable.Store) *running {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.t.Context())
	history, err := events.Open(store, events.Limits{})
	if err != nil {
		w.t.Fatal(err)
	}
	p := &fakeProber{w: w, ctx: ctx, out: make(chan decide.Observation, 16)}
	log := slog.New(slog.DiscardHandler)
	env := process.NewEnv(log, cfg.Path)
	env.Ready = func() { w.started.Store(true) }
	l, err := newLoop(cfg, edges{dialer: w, asker: w, resolver: w, prober: p, notifier: w, store: store, history: history,
		random: rand.New(rand.NewPCG(1, 2)), meters: newMeters(metrics.New("monitor")), log: log}, env)
	if err != nil {
		w.t.Fatal(err)
	}
	r := &running{loop: l, w: w, env: env, stop: cancel, ended: make(chan error, 1), prober: p, ctx: ctx}
	go func() {
		err := l.run(ctx)
		cancel()
		p.group.Wait()
		r.ended <- err
	}()
	return r
}

// end stops the monitor and waits for it.
func (r *running) end() {
	r.w.t.Helper()
	r.stop()
	if err := <-r.ended; err != nil {
		r.w.t.Errorf("the monitor ended with: %v", err)
	}
}

// member is the state of one member.
func (r *running) member(pool, address string) decide.MemberView {
	r.w.t.Helper()
	var out decide.MemberView
	found := false
	if err := r.loop.look(r.ctx, func() {
		v, _ := r.machine.Pool(order.PoolID(pool))
		out, found = findMember(v, address)
	}); err != nil || !found {
		r.w.t.Fatalf("no member %s of %s: %v", address, pool, err)
	}
	return out
}

// until sleeps in virtual time until the condition holds, at most that long.
func (w *world) until(what string, most time.Duration, ok func() bool) {
	w.t.Helper()
	const step = 10 * time.Millisecond
	for range int(most / step) {
		synctest.Wait()
		if ok() {
			return
		}
		time.Sleep(step)
	}
	w.t.Fatalf("not within %s: %s", most, what)
}

// doors collects the operator's handlers.
type doors map[string]control.Handler

func (d doors) Handle(pattern string, h control.Handler) { d[pattern] = h }
