package sim

import (
	"fmt"
	"time"

	"loadshare/internal/sim"
	"loadshare/monitor/decide"
	"loadshare/monitor/order"
)

const (
	interval  = 5 * time.Second
	beatEvery = 5 * time.Second
	linkDead  = 12 * time.Second
)

// monitorNode is a monitor: the loop around decide.Machine.
type monitorNode struct {
	s     *site
	id    string
	cfg   decide.Config
	life  sim.Life
	disk  *sim.Disk
	clk   *sim.Clock
	m     *decide.Machine
	links map[string]*link
	asked map[uint64]func(order.Message)
	reqs  uint64
	busy  bool
	inbox []decide.Input
	// carelessly: act before what is acted on is durable, and lose it at a
	// crash. For the tests of the invariants.
	carelessly bool
}

// link is what the monitor knows of its connection to one agent.
type link struct {
	up    bool
	heard time.Time
}

func (n *monitorNode) start() {
	n.life.Start()
	n.clk = n.s.clock()
	var saved []decide.Record
	data := n.disk.Read()
	for _, k := range n.disk.Keys() {
		saved = append(saved, decide.Record{Key: k, Value: data[k]})
	}
	m, err := decide.New(n.cfg, saved, n.clk.Now())
	if err != nil {
		n.s.w.Fail("monitor %s does not start: %v", n.id, err)
		return
	}
	n.m, n.busy, n.inbox = m, false, nil
	n.links, n.asked = map[string]*link{}, map[uint64]func(order.Message){}
	for _, a := range n.s.agents {
		n.links[a.name] = &link{}
	}
	n.every(beatEvery, n.beat)
	for _, k := range n.cfg.Checks {
		n.every(interval, func() { n.probe(k.ID, false) })
	}
	n.every(10*time.Second, n.verify)
	n.step(decide.Tick{})
}

func (n *monitorNode) crash() {
	n.life.Stop()
	n.disk.Crash()
}

// every repeats do for as long as this run lives, beginning at a random offset.
func (n *monitorNode) every(d time.Duration, do func()) {
	var again func()
	again = n.life.Bind(func() {
		do()
		n.s.w.After(d, "", again)
	})
	n.s.w.After(n.s.w.Between(0, d), "", again)
}

func (n *monitorNode) step(in decide.Input) {
	if !n.life.Alive() {
		return
	}
	if n.busy {
		n.inbox = append(n.inbox, in)
		return
	}
	out := n.m.Step(n.clk.Now(), in)
	for _, r := range out.Save {
		n.disk.Put(r.Key, r.Value)
	}
	switch {
	case n.carelessly:
		n.carryOut(out)
	case len(out.Save) == 0:
		n.carryOut(out)
	default:
		n.busy = true
		n.s.w.After(n.s.w.Between(time.Millisecond, 20*time.Millisecond), "", n.life.Bind(func() {
			n.disk.Sync()
			n.busy = false
			n.carryOut(out)
			waiting := n.inbox
			n.inbox = nil
			for _, in := range waiting {
				n.step(in)
			}
		}))
	}
}

func (n *monitorNode) carryOut(out decide.Output) {
	for _, e := range out.Events {
		n.s.w.Note("%s: %s %s %s %s->%s (%s) %s", n.id, e.Kind, e.Pool, e.Member, e.From, e.To, e.Reason, e.Text)
	}
	for _, o := range out.Publishes {
		n.s.ordered(o)
		for _, a := range n.s.agents {
			if a.publishes() && n.links[a.name].up {
				n.publish(a.name, o)
			}
		}
	}
	for _, r := range out.Restarts {
		if n.links[r.Agent].up {
			n.request(r.Agent, r.Order, func(m order.Message) { n.step(decide.Receipted{Agent: r.Agent, Receipt: m.(order.Receipt)}) })
		}
	}
	for _, h := range out.Hooks {
		if n.links[h.Agent].up {
			n.request(h.Agent, h.Order, func(order.Message) {})
		}
	}
	for _, q := range out.SecondViews {
		n.secondView(q)
	}
	for _, id := range out.Recheck {
		n.probe(id, true)
	}
	if d := n.m.Deadline(); !d.IsZero() {
		n.s.w.At(n.clk.True(d).Add(time.Millisecond), "", n.life.Bind(func() {
			if d := n.m.Deadline(); !d.IsZero() && !n.clk.Now().Before(d) {
				n.step(decide.Tick{})
			}
		}))
	}
}

func (n *monitorNode) publish(agent string, o order.Publish) {
	n.request(agent, o, func(m order.Message) { n.step(decide.Receipted{Agent: agent, Receipt: m.(order.Receipt)}) })
}

// request sends a message and has its answer handled once.
func (n *monitorNode) request(agent string, msg order.Message, then func(order.Message)) {
	n.reqs++
	id := n.reqs
	n.asked[id] = then
	a := n.s.agent(agent)
	n.s.net.Send(n.id, agent, brief(msg), func() { a.hear(n.id, id, msg) })
}

// answered takes an answer in; one that was answered already, or by an earlier run, is dropped.
func (n *monitorNode) answered(agent string, id uint64, msg order.Message) {
	then := n.asked[id]
	if then == nil || !n.life.Alive() {
		return
	}
	delete(n.asked, id)
	n.links[agent].heard = n.s.w.Now()
	then(msg)
}

func (n *monitorNode) reported(agent string, msg order.Message) {
	if !n.life.Alive() || !n.links[agent].up {
		return
	}
	switch msg := msg.(type) {
	case order.Published:
		if !n.s.broken.deafToReports {
			n.step(decide.Published{Agent: agent, Report: msg})
		}
	case order.Restarted:
		n.step(decide.Restarted{Agent: agent, Report: msg})
	case order.Hooked:
		n.step(decide.Hooked{Agent: agent, Report: msg})
	}
}

// beat connects to agents, claims and confirms, and repeats what is pending.
func (n *monitorNode) beat() {
	for _, a := range n.s.agents {
		l, name := n.links[a.name], a.name
		switch {
		case !l.up:
			n.request(name, order.Hello{Version: order.Version, Monitor: n.id}, func(m order.Message) {
				if !l.up {
					l.up = true
					n.step(decide.AgentUp{Agent: name, Welcome: m.(order.Welcome)})
					n.heartbeat(name)
				}
			})
		case n.s.w.Now().Sub(l.heard) > linkDead:
			l.up = false
			n.step(decide.AgentDown{Agent: name})
		default:
			n.heartbeat(name)
		}
	}
}

func (n *monitorNode) heartbeat(agent string) {
	hb := order.Heartbeat{Monitor: n.id, Lease: n.cfg.Lease, Interval: interval, Claims: n.m.Claims(n.clk.Now())}
	if n.s.broken.claimsNothing {
		hb.Claims = nil
	}
	n.request(agent, hb, func(m order.Message) {
		in := decide.Beat{Agent: agent, Refused: m.(order.Beat).Refused}
		if n.s.broken.deafToRefusal {
			in.Refused = nil
		}
		for _, c := range hb.Claims {
			in.Claimed = append(in.Claimed, c.Pool)
		}
		n.step(in)
		for _, o := range n.m.Pending(agent) {
			if n.s.known(o.Stamp, o) { // what is not durable yet goes when it is
				n.publish(agent, o)
			}
		}
	})
}

// probe looks at a service over the network.
func (n *monitorNode) probe(id decide.CheckID, recheck bool) {
	w, svc := n.s.w, n.s.check(id)
	o := decide.Observation{Check: id, Reason: "answers", Recheck: recheck}
	after := w.Between(time.Millisecond, 300*time.Millisecond)
	switch {
	case n.s.broken.seesAllUp:
	case n.s.broken.seesOneDown && svc == n.s.services[0]:
		o.Outcome = decide.Failed
	case w.Chance(n.s.probeNoise):
		o.Outcome, o.Reason = decide.Untested, "no-socket"
	case !n.s.net.Whole(n.id, svc.node) || !n.s.net.Whole(svc.node, n.id) || w.Chance(n.s.probeNoise):
		o.Outcome, o.Reason = decide.Failed, "timeout"
		after = 3 * time.Second
	case !svc.up:
		o.Outcome, o.Reason = decide.Failed, "refused"
	}
	w.After(after, "", n.life.Bind(func() {
		o.At = n.clk.Now()
		n.step(o)
	}))
}

// secondView has the first publishing agent that can be reached look.
func (n *monitorNode) secondView(q decide.Question) {
	svc := n.s.check(q.Check)
	in := decide.SecondView{Check: q.Check, Outcome: decide.Untested}
	for _, a := range n.s.agents {
		if a.publishes() && n.links[a.name].up && a.life.Alive() && n.s.net.Whole(a.name, svc.node) && n.s.net.Whole(svc.node, a.name) {
			in.Agent, in.Outcome = a.name, decide.OK
			if !svc.up {
				in.Outcome = decide.Failed
			}
			break
		}
	}
	n.s.w.After(100*time.Millisecond, "", n.life.Bind(func() { n.step(in) }))
}

// verify asks every DNS server what it answers.
func (n *monitorNode) verify() {
	for _, id := range n.m.Pools() {
		for _, d := range n.s.servers {
			n.s.net.Send(n.id, d.name, "", func() {
				if !d.up {
					return
				}
				vals := append([]string(nil), d.set(id)...)
				n.s.net.Send(d.name, n.id, "", n.life.Bind(func() {
					n.step(decide.Answer{Pool: id, Server: d.name, Values: vals, At: n.clk.Now()})
				}))
			})
		}
	}
}

func brief(m order.Message) string {
	switch m := m.(type) {
	case order.Publish:
		return fmt.Sprintf("publish %s %v", m.ID, m.Want.Values)
	case order.Receipt:
		return fmt.Sprintf("receipt %s %s", m.Order, m.Refused)
	case order.Published:
		s := fmt.Sprintf("published %s done=%t", m.Order, m.Done)
		for _, r := range m.Servers {
			s += fmt.Sprintf(" %s:%s", r.Server, r.State)
		}
		return s
	case order.Restart:
		return "restart " + m.ID
	case order.Restarted:
		return fmt.Sprintf("restarted %s %s", m.Order, m.Outcome)
	case order.Heartbeat, order.Beat:
		return ""
	}
	return fmt.Sprintf("%T", m)
}
