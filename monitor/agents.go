package monitor

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"loadshare/internal/alert"
	"loadshare/monitor/decide"
	"loadshare/monitor/order"
)

// agentAwayAfter is how long an agent may be away before people are told.
const agentAwayAfter = 30 * time.Second

// startLinks makes the links equal to the plan's agents: new ones start, those
// that left end, those that stay are not disturbed.
func (l *loop) startLinks(ctx context.Context) {
	for addr, h := range l.links {
		if !slices.Contains(l.plan.agents, addr) {
			h.stop()
			delete(l.links, addr)
			delete(l.last, addr)
		}
	}
	for _, addr := range l.plan.agents {
		if l.links[addr] != nil {
			continue
		}
		link := newAgentLink(addr, l.dialer, l.cfg.ID, l.agentCh, l.log, rand.New(rand.NewPCG(l.random.Uint64(), l.random.Uint64())))
		lctx, stop := context.WithCancel(ctx)
		l.links[addr] = &agentHandle{link: link, stop: stop, since: time.Now(), lastErr: "not connected yet"}
		l.tasks.Go(func() { link.run(lctx) })
	}
}

// agent takes in what a link says.
func (l *loop) agent(ctx context.Context, e agentEvent) []decide.Output {
	h := l.links[e.agent]
	if h == nil {
		return nil // left the configuration meanwhile
	}
	key := e.agent.String()
	switch {
	case e.up != nil:
		return l.agentUp(ctx, h, e)
	case e.down != nil:
		return l.agentDown(h, e)
	case e.lost != nil:
		l.lost(ctx, key, e.lost)
		return nil
	}
	switch m := e.heard.(type) {
	case order.Beat:
		return l.beaten(h, e.agent, e.asked, m)
	case order.Receipt:
		if p, ok := e.asked.(order.Publish); ok && m.Refused != order.Taken {
			h.link.forget(p.Pool, p.Stamp) // the machine says it again if it must be
			l.log.Warn("order refused by an agent", "agent", key, "pool", string(p.Pool), "order", m.Order, "reason", string(m.Refused), "detail", m.Detail)
		}
		return l.steps(decide.Receipted{Agent: key, Receipt: m})
	case order.Published:
		return l.published(ctx, e.agent, m)
	case order.Restarted:
		l.evidence[string(m.Pool)+" "+m.Member] = m
		return l.steps(decide.Restarted{Agent: key, Report: m})
	case order.Hooked:
		return l.steps(decide.Hooked{Agent: key, Report: m})
	}
	l.log.Warn("agent sent something unexpected", "agent", key, "kind", fmt.Sprintf("%T", e.heard))
	return nil
}

func (l *loop) agentUp(ctx context.Context, h *agentHandle, e agentEvent) []decide.Output {
	h.up, h.since, h.welcome, h.lastErr = true, time.Now(), *e.up, ""
	h.refused = map[order.PoolID]order.Held{}
	l.log.Info("agent connected", "agent", e.agent.String(), "name", e.up.Agent, "publishes", e.up.Publishes)
	if h.alarmed {
		h.alarmed = false
		l.told.alert(ctx, alert.Alert{Incident: "agent " + e.agent.String(), Kind: alert.Recovery, Final: true, At: h.since,
			Title: "agent " + e.agent.String() + " is back", Body: "The monitor reaches this agent again."})
	}
	if l.plan.publishing[e.agent] && !e.up.Publishes {
		l.log.Error("agent in [dns] agents has no [publish] section: it can change no record", "agent", e.agent.String())
		h.lastErr = "it has no [publish] section and can change no record"
	}
	outs := l.steps(decide.AgentUp{Agent: e.agent.String(), Welcome: *e.up})
	l.beatOne(e.agent, h)
	l.sayPending(e.agent, h)
	l.resetToNormal(ctx)
	return outs
}

func (l *loop) agentDown(h *agentHandle, e agentEvent) []decide.Output {
	text := e.down.Error()
	if text != h.lastErr {
		l.log.Warn("agent away", "agent", e.agent.String(), "error", text)
	}
	h.lastErr = text
	if !h.up {
		return nil
	}
	h.up, h.since = false, time.Now()
	h.refused = nil
	return l.steps(decide.AgentDown{Agent: e.agent.String()})
}

// beaten takes in which claims an agent granted.
func (l *loop) beaten(h *agentHandle, addr netip.AddrPort, asked order.Message, b order.Beat) []decide.Output {
	hb, ok := asked.(order.Heartbeat)
	if !ok {
		return nil
	}
	for _, held := range b.Refused {
		h.refused[held.Pool] = held
	}
	in := decide.Beat{Agent: addr.String(), Refused: b.Refused}
	for _, c := range hb.Claims {
		in.Claimed = append(in.Claimed, c.Pool)
		refused := slices.ContainsFunc(b.Refused, func(r order.Held) bool { return r.Pool == c.Pool })
		if !refused {
			delete(h.refused, c.Pool)
		}
	}
	if !l.plan.publishing[addr] {
		return nil // leases of publishing agents say who holds a pool
	}
	return l.steps(in)
}

// published takes in how far an order is, and asks the servers themselves at once.
func (l *loop) published(ctx context.Context, addr netip.AddrPort, m order.Published) []decide.Output {
	if l.last[addr] == nil {
		l.last[addr] = map[order.PoolID]order.Published{}
	}
	l.last[addr][m.Pool] = m
	l.owed.note(addr, m)
	if m.Done {
		if h := l.links[addr]; h != nil {
			h.link.forget(m.Pool, m.Stamp)
		}
	}
	if m.Done {
		if newStrays(m, l.strays[m.Pool]) {
			l.told.alert(ctx, strayAlert(addr, m))
		}
		l.strays[m.Pool] = m.Strays
	}
	outs := l.steps(decide.Published{Agent: addr.String(), Report: m})
	if slices.ContainsFunc(m.Servers, func(s order.ServerResult) bool {
		return s.State == order.ServerWritten || s.State == order.ServerAnswers
	}) {
		l.proof.check(ctx, m.Pool, true)
	}
	return outs
}

// beats says the claims to every agent that is connected, repeats what was not
// answered, and looks for agents that are away.
func (l *loop) beats(ctx context.Context) {
	now := time.Now()
	say := now.Sub(l.lastPending) >= pendingEvery
	if say {
		l.lastPending = now
	}
	claims := l.machine.Claims(now)
	for _, addr := range l.plan.agents {
		h := l.links[addr]
		if h.up {
			h.link.beat(l.heartbeats(addr, claims))
			if say {
				l.sayPending(addr, h)
			}
		} else if !h.alarmed && now.Sub(h.since) > agentAwayAfter {
			h.alarmed = true
			l.told.alert(ctx, l.awayAlert(addr, h, now))
		}
	}
	for _, a := range l.owed.alerts(now) {
		l.told.alert(ctx, a)
	}
	l.meters.tick(l)
}

func (l *loop) beatOne(addr netip.AddrPort, h *agentHandle) {
	h.link.beat(l.heartbeats(addr, l.machine.Claims(time.Now())))
}

// heartbeats builds what to claim at one agent: the pools it has to do with.
func (l *loop) heartbeats(addr netip.AddrPort, claims []order.Claim) []order.Heartbeat {
	hb := order.Heartbeat{Monitor: l.cfg.ID, Lease: l.plan.decide.Lease, Interval: l.plan.longest}
	var out []order.Heartbeat
	for _, c := range claims {
		if !l.plan.poolsAt[addr][c.Pool] {
			continue
		}
		if len(hb.Claims) == claimsPerBeat {
			out = append(out, hb)
			hb.Claims = nil
		}
		hb.Claims = append(hb.Claims, c)
	}
	if hb.Claims == nil {
		hb.Claims = []order.Claim{}
	}
	return append(out, hb)
}

// sayPending repeats to a publishing agent what it has not answered.
func (l *loop) sayPending(addr netip.AddrPort, h *agentHandle) {
	if !l.plan.publishing[addr] {
		return
	}
	for _, p := range l.machine.Pending(addr.String()) {
		h.link.publish(p)
	}
}

func (l *loop) awayAlert(addr netip.AddrPort, h *agentHandle, now time.Time) alert.Alert {
	a := alert.Alert{Incident: "agent " + addr.String(), Kind: alert.Degraded, At: now,
		Title: "agent " + addr.String() + " cannot be reached", Next: "systemctl status loadshare-agent    (on " + addr.Addr().String() + ")",
		Body: fmt.Sprintf("No connection since %s: %s.\n", h.since.UTC().Format(time.RFC3339), h.lastErr)}
	if l.plan.publishing[addr] {
		a.Body += "It publishes records. The other publishing agents go on; without any of them DNS stays as it is.\n"
	}
	for _, id := range sortedKeys(l.plan.poolsAt[addr]) {
		if !l.plan.publishing[addr] {
			a.Children = append(a.Children, string(id)+": a failed service there is not restarted")
		}
	}
	return a
}

// publishers are the publishing agents that are connected.
func (l *loop) publishers() []*agentLink {
	var out []*agentLink
	for _, a := range l.cfg.DNS.Agents {
		if h := l.links[a]; h != nil && h.up && h.welcome.Publishes {
			out = append(out, h.link)
		}
	}
	return out
}

// secondView asks the publishing agents for a look of their own (M4), one after
// the other until one can say something.
func (l *loop) secondView(ctx context.Context, q decide.Question) {
	i, ok := l.plan.byID[q.Check]
	if !ok {
		return
	}
	j := l.plan.jobs[i]
	agents := l.publishers()
	l.tasks.Go(func() {
		view := decide.SecondView{Check: q.Check, Outcome: decide.Untested, Reason: "nobody-asked", Detail: "no publishing agent could be asked"}
		spec, err := json.Marshal(j.spec)
		for _, a := range agents {
			if err != nil || !j.addr.IsValid() {
				break
			}
			cctx, cancel := context.WithTimeout(ctx, j.spec.Timeout+2*time.Second)
			m, callErr := a.call(cctx, order.ProbeRequest{Address: j.addr.String(), Spec: spec})
			cancel()
			p, isAnswer := m.(order.ProbeAnswer)
			if callErr != nil || !isAnswer {
				continue
			}
			view = decide.SecondView{Agent: a.addr.String(), Check: q.Check, Outcome: parseOutcome(p.Outcome), Reason: p.Reason, Detail: p.Detail}
			if view.Outcome != decide.Untested {
				break
			}
		}
		l.give(ctx, view)
	})
}

func parseOutcome(s string) decide.Outcome {
	switch s {
	case "ok":
		return decide.OK
	case "failed":
		return decide.Failed
	}
	return decide.Untested
}
