package demo

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// step is one claim of the story: something is done, then it must hold in time.
type step struct {
	// says is the claim, printed with the measured time.
	says string
	// do is what happens; the time counts from its end.
	do func(context.Context) error
	// limit bounds the wait for proof.
	limit time.Duration
	proof func(context.Context) error
}

// story plays every step and stops at the first that does not hold.
func (w *world) story(ctx context.Context, p *procs, t *timeline) error {
	begun := time.Now()
	steps := slices.Concat(w.steps(p), w.dhcpSteps(p))
	for i, s := range steps {
		if s.do != nil {
			if err := s.do(ctx); err != nil {
				return fmt.Errorf("step %d, %s: %w", i+1, s.says, err)
			}
		}
		from := time.Now()
		if err := until(ctx, s.limit, s.proof); err != nil {
			t.say(red, "FAILED", "step %d: %s", i+1, s.says)
			return fmt.Errorf("step %d, %s: %w", i+1, s.says, err)
		}
		t.say(green, "proved", "%d/%d %s  [%.2f s]", i+1, len(steps), s.says, time.Since(from).Seconds())
	}
	t.text("\nAll %d steps held, in %.1f s.", len(steps), time.Since(begun).Seconds())
	return nil
}

// steps is the story of the monitor, the agents and the HA DNS pair.
func (w *world) steps(p *procs) []step {
	www, smtp := "www."+domain, "smtp."+domain
	all, mails := w.addresses(w.webs), w.addresses(w.mails)
	without := func(list []string, n node) []string {
		return slices.DeleteFunc(slices.Clone(list), func(a string) bool { return a == n.addr.String() })
	}
	victim, other := w.webs[1], w.webs[2]
	ns1, ns2 := w.dns[0], w.dns[1]
	web, web3, mail := w.service(victim, "http"), w.service(other, "http"), w.service(w.mails[0], "smtp")
	kill := func(s service) func(context.Context) error { return func(context.Context) error { return s.kill() } }
	return []step{
		{"the two DNS servers are a pair in normal, and both answer with every address", nil, 10 * time.Second, both(w.paired("normal", w.dns...), w.holds(www, all, w.dns...))},
		{"www on " + victim.name + " dies (kill -9): its address leaves both DNS servers", kill(web), 10 * time.Second, w.holds(www, without(all, victim), w.dns...)},
		{"the agent on " + victim.name + " restarts it: it serves again", nil, 10 * time.Second, func(ctx context.Context) error { return fetch(ctx, victim) }},
		{"its address returns to both DNS servers", nil, 15 * time.Second, w.holds(www, all, w.dns...)},
		{"smtp on " + w.mails[0].name + " dies: only smtp changes", kill(mail), 10 * time.Second, both(w.holds(smtp, without(mails, w.mails[0]), w.dns...), w.holds(www, all, w.dns...))},
		{"and it returns", nil, 15 * time.Second, w.holds(smtp, mails, w.dns...)},
		{"the same zone with the same serial is on both", nil, 5 * time.Second, w.equalZones()},
		{"the main DNS server " + ns1.name + " dies (kill -9): " + ns2.name + " goes on answering", func(context.Context) error { return p.kill(ns1.name) }, 2 * time.Second, w.holds(www, all, ns2)},
		{ns2.name + " takes the updates: communication-interrupted", nil, 5 * time.Second, w.paired("communication-interrupted", ns2)},
		{"www on " + other.name + " dies: the change goes on at " + ns2.name, kill(web3), 15 * time.Second, w.holds(www, without(all, other), ns2)},
		{"it is restarted and comes back, with the main still dead", nil, 20 * time.Second, w.holds(www, all, ns2)},
		{"www on " + victim.name + " is drained by an operator: out at " + ns2.name, w.drain(victim), 10 * time.Second, w.holds(www, without(all, victim), ns2)},
		{ns1.name + " returns from its own disk: the pair is in normal again", func(context.Context) error { return p.start(w.role(ns1.name)) }, 10 * time.Second, w.paired("normal", w.dns...)},
		{"and both zones are equal, with what was changed in between", nil, 5 * time.Second, both(w.equalZones(), w.holds(www, without(all, victim), w.dns...))},
		{"the drain is ended: every address is back in both", w.undrain(victim), 10 * time.Second, both(w.equalZones(), both(w.holds(www, all, w.dns...), w.holds(smtp, mails, w.dns...)))},
	}
}

// both returns a check that a and b hold.
func both(a, b func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		if err := a(ctx); err != nil {
			return err
		}
		return b(ctx)
	}
}

func (w *world) drain(n node) func(context.Context) error {
	return w.operator("/v1/pool/drain", map[string]string{"address": n.addr.String(), "record": "www." + domain, "for": "10m", "reason": "demo"})
}

func (w *world) undrain(n node) func(context.Context) error {
	return w.operator("/v1/pool/undrain", map[string]string{"address": n.addr.String(), "record": "www." + domain})
}
