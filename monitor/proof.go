package monitor

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"time"

	"loadshare/monitor/decide"
	"loadshare/monitor/order"
)

const (
	// proofAtOnce bounds how many pools are asked about at the same time.
	proofAtOnce = 32
	askTimeout  = 2 * time.Second
)

// settling is how a server is asked again after a change until it answers the
// new set; only then is another answer taken for drift.
var settling = []time.Duration{0, 2 * time.Millisecond, 5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond, time.Second}

// prover asks the servers of [dns] what they answer, after each change at once
// and now and then (lessons, 7: the loop must close). Its methods are called on
// the loop; asking runs beside it.
type prover struct {
	l     *loop
	slots chan struct{}
	state map[order.PoolID]*proofState
}

// proofState is what is known of one pool's answers.
type proofState struct {
	running, again bool
	answers        map[netip.AddrPort]serverAnswer
	// proved is the stamp that all servers asked were seen to answer, and when the last one was.
	proved   order.Stamp
	provedAt time.Time
}

// serverAnswer is what one server said, or why it could not be asked.
type serverAnswer struct {
	at     time.Time
	values []string
	ttl    uint32
	err    string
	match  bool
}

func newProver(l *loop) *prover {
	return &prover{l: l, slots: make(chan struct{}, proofAtOnce), state: map[order.PoolID]*proofState{}}
}

// checkAll asks about every pool that this monitor holds.
func (p *prover) checkAll(ctx context.Context) {
	for _, id := range p.l.machine.Pools() {
		p.check(ctx, id, false)
	}
	for id := range p.state {
		if _, ok := p.l.machine.Pool(id); !ok {
			delete(p.state, id)
		}
	}
}

// check asks about one pool; fresh is after a change, when the servers may need
// a moment. A check that is running is followed by one more.
func (p *prover) check(ctx context.Context, id order.PoolID, fresh bool) {
	view, ok := p.l.machine.Pool(id)
	if !ok || len(p.l.cfg.DNS.Servers) == 0 || view.Role != decide.RoleHolder || view.Published == nil {
		return
	}
	st := p.state[id]
	if st == nil {
		st = &proofState{answers: map[netip.AddrPort]serverAnswer{}}
		p.state[id] = st
	}
	if st.running {
		st.again = st.again || fresh
		return
	}
	st.running = true
	q := question{pool: id, stamp: view.Stamp, want: slices.Clone(view.Published), servers: p.l.cfg.DNS.Servers, fresh: fresh, seen: view.Last.SeenAt}
	q.unwanted = unwanted(view)
	p.l.tasks.Go(func() { p.run(ctx, q) })
}

// unwanted are the members that must not be answered.
func unwanted(v decide.PoolView) []string {
	var out []string
	for _, m := range v.Members {
		if !slices.Contains(v.Published, m.Value) {
			out = append(out, m.Value)
		}
	}
	return out
}

// question is what is asked of all servers about one pool.
type question struct {
	pool           order.PoolID
	stamp          order.Stamp
	want, unwanted []string
	servers        []netip.AddrPort
	fresh          bool
	seen           time.Time // the first probe of those that led to the change
}

// match reports whether the values hold all that is wanted and no member that
// is not. What else is there is the agent's business (M3).
func (q question) match(values []string) bool {
	for _, v := range q.want {
		if !slices.Contains(values, v) {
			return false
		}
	}
	return !slices.ContainsFunc(q.unwanted, func(v string) bool { return slices.Contains(values, v) })
}

// run asks all servers at once and tells the loop.
func (p *prover) run(ctx context.Context, q question) {
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
	case <-ctx.Done():
		return
	}
	answers := make([]serverAnswer, len(q.servers))
	var all sync.WaitGroup
	for i, s := range q.servers {
		all.Go(func() { answers[i] = p.ask(ctx, s, q) })
	}
	all.Wait()
	p.l.look(ctx, func() { p.done(ctx, q, answers) })
	for i, a := range answers {
		if a.err == "" {
			p.l.give(ctx, decide.Answer{Pool: q.pool, Server: q.servers[i].String(), Values: a.values, At: a.at})
		}
	}
}

// ask asks one server until it answers as wanted or has had time enough.
func (p *prover) ask(ctx context.Context, server netip.AddrPort, q question) serverAnswer {
	tries := settling
	if !q.fresh {
		tries = settling[:1]
	}
	var a serverAnswer
	for _, wait := range tries {
		if !sleep(ctx, wait) {
			break
		}
		actx, cancel := context.WithTimeout(ctx, askTimeout)
		set, err := p.l.asker.Ask(actx, server, q.pool.Name(), q.pool.Type())
		cancel()
		a = serverAnswer{at: time.Now()}
		if err != nil {
			a.err = err.Error()
			break // a silent server is not asked again and again: the agent follows it up
		}
		set = set.Normalize()
		a.values, a.ttl = set.Values, set.TTL
		if a.match = q.match(set.Values); a.match {
			break
		}
	}
	return a
}

// done keeps the answers, on the loop.
func (p *prover) done(ctx context.Context, q question, answers []serverAnswer) {
	st := p.state[q.pool]
	if st == nil {
		return
	}
	st.running = false
	view, ok := p.l.machine.Pool(q.pool)
	current := ok && view.Stamp == q.stamp
	all, asked := true, 0
	var last time.Time
	for i, a := range answers {
		st.answers[q.servers[i]] = a
		if a.err != "" {
			continue
		}
		asked++
		all = all && a.match
		if a.at.After(last) {
			last = a.at
		}
	}
	if current && all && asked > 0 && st.proved != q.stamp {
		st.proved, st.provedAt = q.stamp, last
		if q.fresh {
			p.l.meters.proved(view, last)
		}
	}
	if st.again {
		st.again = false
		p.check(ctx, q.pool, true)
	}
}
