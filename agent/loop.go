package agent

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"loadshare/agent/plan"
	"loadshare/internal/alert"
	"loadshare/internal/durable"
	"loadshare/internal/process"
	"loadshare/monitor/order"
)

const (
	// inputsWaiting is how much may wait for the loop; then its senders wait.
	inputsWaiting = 1024
	// stepsPerSave is how many inputs share one commit at most.
	stepsPerSave = 256
	// planPrefix is where the plan's records are in the store.
	planPrefix = "plan/"
)

// notifier is the part of package alert that the loop needs.
type notifier interface{ Send(a alert.Alert) error }

// edges are what the loop acts through. Tests have their own.
type edges struct {
	store    durable.Store
	dns      func(p *Publish) dnsEdge
	restarts *restarter
	mail     notifier
	meters   *meters
	log      *slog.Logger
	// swap takes over what lies outside the loop at a reload, or refuses.
	swap func(now *Config) error
}

// loop owns the plan. Everything else sends it inputs.
type loop struct {
	edges
	cfg     *Config
	env     process.Env
	dns     dnsEdge
	machine *plan.Machine
	in      chan any
	done    chan struct{} // closed when the loop takes no more inputs
	probing chan struct{}
	tasks   sync.WaitGroup

	sessions map[string]*session // by monitor
	ready    readiness
	delivery func() alert.Stats // how mail and webhook do; nil in tests
}

// call is a function to run on the loop.
type call struct {
	f    func(now time.Time)
	done chan struct{}
}

func newLoop(now time.Time, cfg *Config, e edges, env process.Env, boot string) (*loop, error) {
	saved := map[string][]byte{}
	err := e.store.Scan([]byte(planPrefix), []byte(planPrefix+"\xff"), func(k, v []byte) bool {
		saved[string(k[len(planPrefix):])] = append([]byte(nil), v...)
		return true
	})
	if err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	m, err := plan.New(now, cfg.plan(), saved, boot)
	if err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	return &loop{
		edges: e, cfg: cfg, env: env, dns: e.dns(cfg.Publish), machine: m,
		in: make(chan any, inputsWaiting), done: make(chan struct{}), probing: make(chan struct{}, maxProbes),
		sessions: map[string]*session{},
	}, nil
}

// tell hands an input to the loop; false when it or ctx has ended.
func (l *loop) tell(ctx context.Context, in any) bool {
	select {
	case l.in <- in:
		return true
	case <-ctx.Done():
	case <-l.done:
	}
	return false
}

// tellAlways is tell for what must arrive while the loop runs.
func (l *loop) tellAlways(in any) {
	select {
	case l.in <- in:
	case <-l.done:
	}
}

// do runs f on the loop.
func (l *loop) do(ctx context.Context, f func(now time.Time)) error {
	c := call{f, make(chan struct{})}
	if !l.tell(ctx, c) {
		return fmt.Errorf("the agent is stopping")
	}
	select {
	case <-c.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-l.done:
		return fmt.Errorf("the agent is stopping")
	}
}

// run is the loop. It returns when ctx ends and its tasks have.
func (l *loop) run(ctx context.Context) error {
	defer close(l.done)
	timer := time.NewTimer(0)
	defer timer.Stop()
	l.ready.set("")
	l.env.Ready()
	for {
		var first any
		select {
		case <-ctx.Done():
			for _, s := range l.sessions {
				s.stop()
			}
			l.finish()
			return nil
		case first = <-l.in:
		case <-timer.C:
			first = plan.Tick{}
		case r := <-l.env.Reloads:
			l.startReload(ctx, r)
			continue
		}
		l.turn(ctx, first)
		l.meters.loop(l.machine.Counts())
		d := time.Hour
		if at := l.machine.Deadline(); !at.IsZero() {
			d = max(time.Until(at), 0)
		}
		timer.Reset(d)
	}
}

// finish waits for the tasks, which end soon after ctx did, and saves how the
// restarts among them ended. Nothing new begins.
func (l *loop) finish() {
	idle := make(chan struct{})
	go func() {
		l.tasks.Wait()
		close(idle)
	}()
	take := func(in any) {
		done, ok := in.(plan.RestartDone)
		if !ok {
			return
		}
		if err := l.save(l.machine.Step(time.Now(), done).Save); err != nil {
			l.log.Error("result of a restart not saved", "order", done.Order, "error", err)
		}
	}
	for {
		select {
		case in := <-l.in:
			take(in)
			continue
		case <-idle:
		}
		break
	}
	for len(l.in) > 0 { // what the last tasks left behind
		take(<-l.in)
	}
}

// turn steps the plan with what has arrived, at most stepsPerSave inputs, and
// carries the outputs out: one commit first, then the rest in field order.
func (l *loop) turn(ctx context.Context, first any) {
	now := time.Now()
	out := l.step(now, first)
	for range stepsPerSave - 1 {
		select {
		case in := <-l.in:
			join(&out, l.step(now, in))
			continue
		default:
		}
		break
	}
	l.carry(ctx, now, out)
}

// step turns what arrived into an input of the plan, or handles it.
func (l *loop) step(now time.Time, in any) plan.Output {
	switch in := in.(type) {
	case plan.Input:
		return l.machine.Step(now, in)
	case opened:
		if old := l.sessions[in.s.monitor]; old != nil {
			l.log.Info("monitor connected again", "monitor", in.s.monitor)
			old.stop()
		} else {
			l.log.Info("monitor connected", "monitor", in.s.monitor, "from", in.s.conn.RemoteAddr().String())
		}
		l.sessions[in.s.monitor] = in.s
		return l.machine.Step(now, plan.Heard{From: in.s.monitor, ID: in.id, Msg: in.hello})
	case said:
		if l.sessions[in.s.monitor] != in.s {
			return plan.Output{} // its place was taken
		}
		l.meters.heard(in.e.Body)
		return l.machine.Step(now, plan.Heard{From: in.s.monitor, ID: in.e.ID, Msg: in.e.Body})
	case answer:
		l.put(in.s, in.id, in.m)
	case closed:
		if l.sessions[in.s.monitor] == in.s {
			delete(l.sessions, in.s.monitor)
			l.log.Info("monitor gone", "monitor", in.s.monitor, "error", in.err)
		}
	case call:
		in.f(now)
		close(in.done)
	case reconfigured:
		return l.adopt(now, in)
	}
	return plan.Output{}
}

func join(a *plan.Output, b plan.Output) {
	a.Save = append(a.Save, b.Save...)
	a.Reply = append(a.Reply, b.Reply...)
	a.Read = append(a.Read, b.Read...)
	a.Write = append(a.Write, b.Write...)
	a.Restart = append(a.Restart, b.Restart...)
	a.Hook = append(a.Hook, b.Hook...)
	a.Reset = append(a.Reset, b.Reset...)
	a.Report = append(a.Report, b.Report...)
	a.Alert = append(a.Alert, b.Alert...)
	a.Notes = append(a.Notes, b.Notes...)
}

// carry carries an output out. Reads begin beside the commit: they promise
// nothing to anybody. When the Save fails, the orders in it are answered with
// "not-durable" and not carried out; the rest goes on.
func (l *loop) carry(ctx context.Context, now time.Time, out plan.Output) {
	dns := l.dns
	for _, r := range out.Read {
		l.tasks.Go(func() { l.tell(ctx, dns.read(ctx, r)) })
	}
	out.Read = nil
	if err := l.save(out.Save); err != nil {
		l.ready.set("the state cannot be written: " + err.Error())
		l.log.Error("state not saved, orders are refused", "error", err)
		join(&out, l.machine.Step(now, l.notSaved(&out)))
	} else if len(out.Save) > 0 {
		l.ready.set("")
	}
	for _, r := range out.Reply {
		l.put(l.sessions[r.To], r.ID, r.Msg)
	}
	for _, r := range out.Read { // what a failed Save brought
		l.tasks.Go(func() { l.tell(ctx, dns.read(ctx, r)) })
	}
	for _, w := range out.Write {
		l.tasks.Go(func() {
			done := dns.write(ctx, w)
			l.meters.updated(w.Server, done.Fault)
			l.tell(ctx, done)
		})
	}
	for _, r := range out.Restart {
		l.restart(ctx, r)
	}
	for _, h := range out.Hook {
		l.hook(ctx, h)
	}
	for _, r := range out.Reset {
		l.reset(ctx, r)
	}
	for _, r := range out.Report {
		if s := l.sessions[r.To]; s != nil {
			l.put(s, 0, r.Msg)
		}
	}
	for _, a := range out.Alert {
		l.alert(a)
	}
	for _, n := range out.Notes {
		l.say(n)
	}
}

func (l *loop) save(saves []plan.Save) error {
	if len(saves) == 0 {
		return nil
	}
	var b durable.Batch
	for _, s := range saves {
		if s.Value == nil {
			b.Delete([]byte(planPrefix + s.Key))
		} else {
			b.Put([]byte(planPrefix+s.Key), s.Value)
		}
	}
	return l.store.Commit(&b)
}

// notSaved turns the receipts of an output that could not be saved into
// refusals, and takes out what they promised.
func (l *loop) notSaved(out *plan.Output) plan.NotSaved {
	var in plan.NotSaved
	for i, r := range out.Reply {
		receipt, ok := r.Msg.(order.Receipt)
		if !ok || receipt.Refused != order.Taken {
			continue
		}
		in.Orders = append(in.Orders, receipt.Order)
		receipt.Refused, receipt.Detail = order.RefusedNotDurable, "the agent's state cannot be written"
		out.Reply[i].Msg = receipt
	}
	out.Restart, out.Save = nil, nil
	return in
}

// put queues a message to a session; one that does not take it ends.
func (l *loop) put(s *session, id uint64, m order.Message) {
	if s != nil && !s.put(id, m) {
		s.stop()
	}
}

func (l *loop) restart(ctx context.Context, r plan.RunRestart) {
	s, bus := l.cfg.Services[r.Service], l.cfg.Bus
	l.log.Info("restarting", "service", r.Service, "method", string(s.Method), "order", r.Order)
	l.tasks.Go(func() {
		done := l.restarts.restart(ctx, bus, s, r.Order)
		l.meters.restarted(s.Name, done.Outcome)
		l.log.Info("restart ended", "service", s.Name, "outcome", string(done.Outcome), "exit_code", done.ExitCode, "took", done.Took, "order", r.Order)
		l.tell(context.WithoutCancel(ctx), done)
	})
}

func (l *loop) hook(ctx context.Context, h plan.RunHook) {
	s := l.cfg.Services[h.Service]
	l.tasks.Go(func() {
		done := l.restarts.hook(ctx, s, h)
		l.log.Info("hook ended", "service", s.Name, "up", h.Up, "outcome", string(done.Outcome), "exit_code", done.ExitCode, "order", h.Order)
		l.tell(context.WithoutCancel(ctx), done)
	})
}

func (l *loop) reset(ctx context.Context, r plan.Reset) {
	p, s := l.cfg.Publish, l.sessions[r.To]
	j := resetJob{edge: l.dns, policy: p.Policy, fence: p.Fence, reset: r, noFile: p.NoNormal}
	for _, a := range p.Servers {
		j.servers = append(j.servers, a.String())
	}
	l.tasks.Go(func() {
		a := j.run(ctx)
		for _, server := range a.Servers {
			l.log.Info("normal-dns", "server", server.Server, "applied", server.Applied, "lines", len(server.Lines), "error", server.Error)
		}
		if s != nil {
			l.tell(ctx, answer{s, r.ID, a})
		}
		l.tell(ctx, plan.ResetDone{Order: r.ID})
	})
}

// What people must see, and what is of interest only while looking for a fault.
var (
	warnings = []plan.Reason{plan.OrderRefused, plan.StaleInDNS, plan.Frozen, plan.StraysKept, plan.StraysRemoved, plan.WriteFailed}
	details  = []plan.Reason{plan.NotConfirmed, plan.ReadFailed, plan.LeaseRefused, plan.WriteSent, plan.OrderRepeated}
)

// say logs one decision: its whole trace in one line.
func (l *loop) say(n plan.Note) {
	level := slog.LevelInfo
	switch {
	case slices.Contains(warnings, n.Reason):
		level = slog.LevelWarn
	case slices.Contains(details, n.Reason):
		level = slog.LevelDebug
	}
	l.log.Log(context.Background(), level, "decided", "reason", n.Reason.String(), "pool", string(n.Pool), "server", n.Server,
		"epoch", n.Stamp.Epoch, "generation", n.Stamp.Generation, "monitor", n.Stamp.Monitor, "text", n.Text)
	l.meters.note(n.Reason)
}
