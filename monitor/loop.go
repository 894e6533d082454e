package monitor

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"time"

	"loadshare/internal/alert"
	"loadshare/internal/durable"
	"loadshare/internal/events"
	"loadshare/internal/process"
	"loadshare/monitor/decide"
	"loadshare/monitor/order"
)

// Times of the loop.
const (
	mostBetweenBeats = time.Second
	recheckEvery     = 30 * time.Second // DNS is asked for drift and strays; sooner with short intervals
	pendingEvery     = 4 * time.Second  // what an agent has not answered is said again (M2)
	claimsPerBeat    = 2000             // so that a heartbeat fits one frame
)

// edges are the loop's ways to the world. Tests put in-memory versions here.
type edges struct {
	dialer   Dialer
	asker    Asker
	resolver Resolver
	prober   Prober
	notifier Notifier
	store    durable.Store
	history  *events.Log
	random   *rand.Rand
	meters   *meters
	log      *slog.Logger
	// reconfigure takes over what a new configuration changes outside the
	// loop, before it is adopted; an error keeps the old one. May be nil.
	reconfigure func(now *Config) error
}

// loop owns the machine and everything that changes. Only its goroutine, in
// run, touches the fields; all others send it inputs or functions.
type loop struct {
	edges
	cfg      *Config
	plan     *plan
	env      process.Env
	machine  *decide.Machine
	resolved map[string][]netip.Addr
	started  time.Time

	links   map[netip.AddrPort]*agentHandle
	tasks   sync.WaitGroup // every goroutine the loop starts
	agentCh chan agentEvent
	inputs  chan decide.Input // from the loop's helpers
	calls   chan call         // run on the loop
	told    *outbox           // history and mail, off the path
	proof   *prover
	watcher *watcher
	owed    *owedServers

	normal        *order.NormalDNS // waits for a publishing agent
	normalRunning bool
	ready         readiness
	delivery      func() alert.Stats // how mail and webhook do; nil in tests
	lastPending   time.Time
	// last is the newest report of each publishing agent on each pool.
	last map[netip.AddrPort]map[order.PoolID]order.Published
	// strays that people were told of last
	strays map[order.PoolID][]string
	// evidence is the newest restart of each member, for mail.
	evidence map[string]order.Restarted
	zones    map[string]string // record -> zone, as found
}

// agentHandle is the loop's side of one agent.
type agentHandle struct {
	link    *agentLink
	stop    context.CancelFunc
	up      bool
	since   time.Time // of up, or of its contrary
	welcome order.Welcome
	lastErr string
	refused map[order.PoolID]order.Held // by the newest beat
	alarmed bool
}

const (
	recordPrefix = "decide/"
	recordEnd    = "decide0"
)

// newLoop restores the machine from the store.
func newLoop(cfg *Config, e edges, env process.Env) (*loop, error) {
	l := &loop{edges: e, cfg: cfg, env: env, resolved: map[string][]netip.Addr{}, started: time.Now(),
		links: map[netip.AddrPort]*agentHandle{}, agentCh: make(chan agentEvent, 256), inputs: make(chan decide.Input, 256),
		calls: make(chan call), last: map[netip.AddrPort]map[order.PoolID]order.Published{}, strays: map[order.PoolID][]string{},
		evidence: map[string]order.Restarted{}, zones: map[string]string{}}
	l.plan = build(cfg, l.resolved)
	saved, err := l.savedRecords()
	if err != nil {
		return nil, err
	}
	l.machine, err = decide.New(l.plan.decide, saved, time.Now())
	if err != nil {
		return nil, fmt.Errorf("configuration %s: %w", cfg.Path, err)
	}
	l.told = newOutbox(e.history, e.notifier, e.log)
	l.proof = newProver(l)
	l.watcher = newWatcher(l)
	l.owed = newOwedServers()
	return l, nil
}

func (l *loop) savedRecords() ([]decide.Record, error) {
	var out []decide.Record
	err := l.store.Scan([]byte(recordPrefix), []byte(recordEnd), func(k, v []byte) bool {
		out = append(out, decide.Record{Key: string(k[len(recordPrefix):]), Value: slices.Clone(v)})
		return true
	})
	if err != nil {
		return nil, fmt.Errorf("read the saved state: %w", err)
	}
	return out, nil
}

// run is the loop. It returns nil when ctx ends, and an error when what was
// decided cannot be made durable: then nothing more may be promised.
func (l *loop) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer l.tasks.Wait()
	defer cancel()
	l.tasks.Go(func() { l.told.run(ctx) })
	l.startLinks(ctx)
	l.startResolving(ctx)
	l.watcher.start(ctx)
	l.prober.Set(l.looks())
	l.meters.whole(l)
	every := l.beatEvery()
	beat := time.NewTicker(every)
	defer beat.Stop()
	recheck := time.NewTicker(l.askEvery())
	defer recheck.Stop()
	deadline := time.NewTimer(time.Hour)
	defer deadline.Stop()
	for {
		l.arm(deadline)
		if now := l.beatEvery(); now != every {
			every = now
			beat.Reset(every)
		}
		var outs []decide.Output
		var done chan struct{}
		select {
		case <-ctx.Done():
			return nil
		case o := <-l.prober.Observations():
			outs = l.observe(o)
		case e := <-l.agentCh:
			outs = l.agent(ctx, e)
		case in := <-l.inputs:
			outs = l.steps(in)
		case c := <-l.calls:
			outs, done = c.run(), c.done
		case <-deadline.C:
			outs = l.steps(decide.Tick{})
		case <-beat.C:
			l.beats(ctx)
			l.judgeReady()
		case <-recheck.C:
			l.proof.checkAll(ctx)
			recheck.Reset(l.askEvery())
		case r := <-l.env.Reloads:
			l.startReload(ctx, r)
		}
		if err := l.carryOut(ctx, outs); err != nil {
			return err
		}
		if done != nil {
			close(done) // after all it decided is durable
		}
	}
}

// call is a function that runs on the loop, and whoever waits for it.
type call struct {
	run  func() []decide.Output
	done chan struct{}
}

// beatEvery is the time between heartbeats: at least every second, or twice in the longest interval.
func (l *loop) beatEvery() time.Duration {
	return min(mostBetweenBeats, max(l.plan.longest/2, 100*time.Millisecond))
}

// askEvery is the time between two rounds of asking the DNS servers: six times the longest interval, within bounds.
func (l *loop) askEvery() time.Duration {
	return min(recheckEvery, max(6*l.plan.longest, time.Second))
}

// arm sets the timer to the machine's deadline; a spurious tick changes nothing.
func (l *loop) arm(t *time.Timer) {
	wait := time.Hour
	if at := l.machine.Deadline(); !at.IsZero() {
		wait = max(time.Until(at), 0)
	}
	t.Reset(wait)
}

// batchMost bounds how many observations are taken in before what they decided is carried out.
const batchMost = 4096

// observe takes one observation in, and whatever else is there already, so that
// one fsync serves all of it.
func (l *loop) observe(o decide.Observation) []decide.Output {
	var outs []decide.Output
	now := time.Now()
	for range batchMost {
		l.meters.probe(o)
		outs = append(outs, l.machine.Step(now, o))
		select {
		case o = <-l.prober.Observations():
		default:
			return outs
		}
	}
	return append(outs, l.machine.Step(now, o))
}

func (l *loop) steps(ins ...decide.Input) []decide.Output {
	out := make([]decide.Output, 0, len(ins))
	for _, in := range ins {
		out = append(out, l.machine.Step(time.Now(), in))
	}
	return out
}

// carryOut does what was decided, in the order of Output's fields. All that is
// saved is saved in one commit with its history; nothing is sent before that is durable.
func (l *loop) carryOut(ctx context.Context, outs []decide.Output) error {
	var batch durable.Batch
	for _, o := range outs {
		for _, r := range o.Save {
			if r.Value == nil {
				batch.Delete([]byte(recordPrefix + r.Key))
			} else {
				batch.Put([]byte(recordPrefix+r.Key), r.Value)
			}
		}
	}
	var told []events.Event
	for _, o := range outs {
		told = append(told, history(o.Events)...)
	}
	switch {
	case batch.Len() == 0 && len(told) > 0:
		l.told.later(ctx, told...)
	case batch.Len() > 0:
		if err := l.told.commit(&batch, told); err != nil {
			l.ready.set("the state cannot be written: " + err.Error())
			return fmt.Errorf("save what was decided: %w", err)
		}
	}
	for _, o := range outs {
		l.act(ctx, o)
	}
	return nil
}

// act sends what one output asks for, once its Save is durable.
func (l *loop) act(ctx context.Context, o decide.Output) {
	if len(o.Events) > 0 {
		l.meters.events(o.Events)
		l.logEvents(o.Events)
	}
	for _, p := range o.Publishes {
		for _, a := range l.cfg.DNS.Agents {
			if h := l.links[a]; h != nil {
				h.link.publish(p)
			}
		}
	}
	for _, r := range o.Restarts {
		l.task(ctx, r.Agent, r.Order)
	}
	for _, h := range o.Hooks {
		l.task(ctx, h.Agent, h.Order)
	}
	if o.NormalDNS != nil {
		l.normal = o.NormalDNS
		l.resetToNormal(ctx)
	}
	for _, q := range o.SecondViews {
		l.secondView(ctx, q)
	}
	if len(o.Recheck) > 0 {
		l.prober.Recheck(o.Recheck)
	}
	for _, a := range o.Alerts {
		l.told.alert(ctx, l.compose(a))
	}
}

// task gives a restart or hook to its agent.
func (l *loop) task(ctx context.Context, agent string, m order.Message) {
	addr, err := netip.ParseAddrPort(agent)
	h := l.links[addr]
	if err != nil || h == nil {
		l.lost(ctx, agent, m)
		return
	}
	if gone := h.link.task(m); gone != nil {
		l.lost(ctx, agent, gone)
	}
}

// lost tells the machine that a restart or hook will not be carried out.
func (l *loop) lost(ctx context.Context, agent string, m order.Message) {
	receipt := order.Receipt{Refused: order.RefusedTooLate, Detail: "the agent could not be reached in time"}
	switch m := m.(type) {
	case order.Restart:
		receipt.Order = m.ID
	case order.Hook:
		receipt.Order = m.ID
	}
	l.input(ctx, decide.Receipted{Agent: agent, Receipt: receipt})
}

// input queues an input for the loop itself, from its own goroutine: it must
// not wait for itself, so a goroutine waits instead.
func (l *loop) input(ctx context.Context, in decide.Input) {
	select {
	case l.inputs <- in:
	default:
		l.tasks.Go(func() { l.give(ctx, in) })
	}
}

// give hands an input to the loop from another goroutine.
func (l *loop) give(ctx context.Context, in decide.Input) {
	select {
	case l.inputs <- in:
	case <-ctx.Done():
	}
}

// do runs f on the loop and returns when all that f decided is durable and on
// its way. An error means that the loop did not come to it.
func (l *loop) do(ctx context.Context, f func() []decide.Output) error {
	c := call{f, make(chan struct{})}
	select {
	case l.calls <- c:
	case <-ctx.Done():
		return fmt.Errorf("the monitor is stopping or too busy: %w", ctx.Err())
	}
	select {
	case <-c.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the monitor is stopping: %w", ctx.Err())
	}
}

// look runs f, which decides nothing, on the loop.
func (l *loop) look(ctx context.Context, f func()) error {
	return l.do(ctx, func() []decide.Output { f(); return nil })
}

// logEvents writes one line for each event that a person would want in a log.
func (l *loop) logEvents(list []decide.Event) {
	for _, e := range list {
		level := slog.LevelInfo
		if e.Kind == decide.EventCheck {
			level = slog.LevelDebug
		}
		l.log.Log(context.Background(), level, "decided", "kind", string(e.Kind), "pool", string(e.Pool), "member", e.Member, "check", string(e.Check),
			"from", e.From, "to", e.To, "reason", string(e.Reason), "text", e.Text, "order", e.Order)
	}
}
