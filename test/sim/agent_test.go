package sim

import (
	"fmt"
	"time"

	"loadshare/agent/plan"
	"loadshare/internal/sim"
	"loadshare/monitor/order"
)

// agentNode is a host with an agent: the loop around plan.Machine.
type agentNode struct {
	s    *site
	name string
	cfg  plan.Config
	life sim.Life
	disk *sim.Disk
	clk  *sim.Clock
	m    *plan.Machine
	// While a save is being synced, what comes in waits.
	busy  bool
	inbox []plan.Input
}

func (a *agentNode) start() {
	a.life.Start()
	a.clk = a.s.clock()
	m, err := plan.New(a.clk.Now(), a.cfg, a.disk.Read(), fmt.Sprintf("%s-%d", a.name, a.life.Run()))
	if err != nil {
		a.s.w.Fail("agent %s does not start: %v", a.name, err)
		return
	}
	a.m, a.busy, a.inbox = m, false, nil
	a.step(plan.Tick{})
}

func (a *agentNode) crash() {
	a.life.Stop()
	a.disk.Crash()
}

func (a *agentNode) step(in plan.Input) {
	if !a.life.Alive() {
		return
	}
	if a.busy {
		a.inbox = append(a.inbox, in)
		return
	}
	out := a.m.Step(a.clk.Now(), in)
	if len(out.Save) == 0 {
		a.carryOut(out)
		return
	}
	for _, s := range out.Save {
		a.disk.Put(s.Key, s.Value)
	}
	a.busy = true
	a.s.w.After(a.s.w.Between(time.Millisecond, 20*time.Millisecond), "", a.life.Bind(func() {
		a.disk.Sync()
		a.busy = false
		a.carryOut(out)
		waiting := a.inbox
		a.inbox = nil
		for _, in := range waiting {
			a.step(in)
		}
	}))
}

func (a *agentNode) carryOut(out plan.Output) {
	w := a.s.w
	for _, r := range out.Reply {
		a.s.net.Send(a.name, r.To, brief(r.Msg), func() { a.s.monitor(r.To).answered(a.name, r.ID, r.Msg) })
	}
	for _, r := range out.Read {
		a.ask(r.Server, fmt.Sprintf("read %s", r.Key.Name),
			func(d *dnsServer) plan.Input {
				return plan.ReadDone{Token: r.Token, Zone: "mydomain.com", Have: d.read(r.Key, r.Generation)}
			}, plan.ReadDone{Token: r.Token, Fault: plan.Silent, Err: "no answer"})
	}
	for _, r := range out.Write {
		a.ask(r.Server, fmt.Sprintf("write %s %d.%d of %s", r.Pool, r.Stamp.Epoch, r.Stamp.Generation, r.Stamp.Monitor),
			func(d *dnsServer) plan.Input {
				if d.silent() {
					return nil
				}
				return plan.WriteDone{Token: r.Token, Fault: d.update(r)}
			},
			plan.WriteDone{Token: r.Token, Fault: plan.Silent, Err: "no answer"})
	}
	for _, r := range out.Restart {
		a.restart(r)
	}
	for _, h := range out.Hook {
		w.After(time.Second, "", a.life.Bind(func() { a.step(plan.HookDone{Order: h.Order, Outcome: order.RestartOK}) }))
	}
	for _, r := range out.Report {
		a.s.net.Send(a.name, r.To, brief(r.Msg), func() { a.s.monitor(r.To).reported(a.name, r.Msg) })
	}
	a.tick()
}

// tick steps at the machine's deadline.
func (a *agentNode) tick() {
	if d := a.m.Deadline(); !d.IsZero() {
		a.s.w.At(a.clk.True(d).Add(time.Millisecond), "", a.life.Bind(func() {
			if d := a.m.Deadline(); !d.IsZero() && !a.clk.Now().Before(d) {
				a.step(plan.Tick{})
			}
		}))
	}
}

// ask sends a question to a DNS server. An answer may be lost although the
// server did what it was asked; a question may arrive long after the agent gave up.
func (a *agentNode) ask(server, what string, serve func(*dnsServer) plan.Input, silent plan.Input) {
	d := a.s.server(server)
	a.s.net.Send(a.name, server, what, func() {
		if !d.up {
			return
		}
		answer := serve(d)
		if answer == nil {
			return
		}
		a.s.net.Send(server, a.name, "answer: "+what, a.life.Bind(func() { a.step(answer) }))
	})
	a.s.w.After(2*time.Second, "", a.life.Bind(func() { a.step(silent) }))
}

// restart runs a service's restart; it helps more often than not, and always after the storm.
func (a *agentNode) restart(r plan.RunRestart) {
	w := a.s.w
	svc := a.s.service(a.name, r.Service)
	a.s.restartRuns(svc)
	svc.up = false
	took := w.Between(time.Second, 8*time.Second)
	w.After(took, fmt.Sprintf("restart of %s on %s ends", r.Service, a.name), a.life.Bind(func() {
		svc.up = !svc.dead && (w.Chance(0.7) || a.s.calm())
		out := order.RestartOK
		if w.Chance(0.1) {
			out = order.RestartFailed
		}
		a.step(plan.RestartDone{Order: r.Order, Outcome: out, Took: took})
	}))
}
