package decide

import (
	"fmt"

	"loadshare/monitor/order"
)

// reset is the order to apply normal-dns after the start (F18, F19, M5).
type reset struct {
	pending bool
	late    bool // waited long enough: go without the undecided pools
	look    bool // the wait has ended in this step
}

// maybeReset orders normal-dns when every pool that is ours has its verdicts,
// or, after a while, for those that have. Only a holder resets (M1).
func (m *Machine) maybeReset() {
	if !m.reset.pending || len(m.touched) == 0 && !m.reset.look {
		return
	}
	m.reset.look = false
	ours := false
	for _, p := range m.list {
		switch {
		case p.role == RoleHolder && p.decided:
			ours = true
		case p.role != RoleStandby && !m.reset.late:
			return
		}
	}
	if !ours {
		return
	}
	m.reset.pending = false
	o := m.NormalDNS(order.NormalDNSApply, order.ReasonResetAtStart)
	m.out.NormalDNS = &o
	m.event(Event{Kind: EventDNS, Reason: order.ReasonResetAtStart,
		Text: fmt.Sprintf("normal-dns ordered: %d pools, %d left alone", len(o.Pools), len(o.Undecided))})
}

// NormalDNS builds the order to compare with normal-dns or to apply it. Pools
// that are not ours, or not decided, are named as undecided: they are not touched.
func (m *Machine) NormalDNS(a order.NormalDNSAction, r order.Reason) order.NormalDNS {
	o := order.NormalDNS{Action: a, Reason: r, Pools: []order.Publish{}, Undecided: []order.PoolID{}, Out: make(map[order.PoolID][]string)}
	for _, p := range m.list {
		if p.role != RoleHolder || !p.sent {
			o.Undecided = append(o.Undecided, p.id)
			continue
		}
		o.Pools = append(o.Pools, p.order)
		if out := minus(p.order.Members, p.order.Want.Values); len(out) > 0 {
			o.Out[p.id] = out
		}
	}
	return o
}

func (m *Machine) normalDNSApplied(in NormalDNSApplied) {
	text := fmt.Sprintf("agent %s: normal-dns", in.Agent)
	data := make(map[string]string)
	if in.Answer.Refused != "" {
		text = fmt.Sprintf("agent %s refuses normal-dns: %s %s", in.Agent, in.Answer.Refused, in.Answer.Detail)
	}
	for _, s := range in.Answer.Servers {
		data["server "+s.Server] = fmt.Sprintf("%d lines, applied %t %s", len(s.Lines), s.Applied, s.Error)
	}
	m.event(Event{Kind: EventDNS, Reason: order.ReasonNormalDNS, Text: text, Data: data})
}
