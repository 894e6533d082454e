package decide

import (
	"fmt"
	"time"

	"loadshare/monitor/order"
)

// override is an operator's drain. It always has an end, a reason and an author.
type override struct {
	Until  time.Time `json:"until"`
	By     string    `json:"by"`
	Reason string    `json:"reason"`
}

// match finds the members an operator means.
func (m *Machine) match(address string, pool order.PoolID) (found []*member) {
	for _, mb := range m.named[address] {
		if pool == "" || mb.pool.id == pool {
			found = append(found, mb)
		}
	}
	return found
}

// drain takes members out of DNS. All of them or, if one pool would fall below its floor, none.
func (m *Machine) drain(in Drain) {
	found := m.match(in.Address, in.Pool)
	if len(found) == 0 {
		m.refuse("no member %s in %s", in.Address, poolText(in.Pool))
		return
	}
	if !in.Until.After(m.now) {
		m.refuse("the drain would have ended at %s already", stamp(in.Until))
		return
	}
	for _, mb := range found {
		if left, floor := mb.pool.leftWithout(mb), mb.pool.floor(); mb.state != Drained && left < floor {
			m.refuse("%s would be left with %d good members, min_members is %d (%s)", mb.pool.id, left, floor, order.ReasonFloor)
			return
		}
	}
	text := fmt.Sprintf("drained by %s until %s: %s", in.By, stamp(in.Until), in.Reason)
	for _, mb := range found {
		mb.override = &override{Until: in.Until, By: in.By, Reason: in.Reason}
		m.timers.stop(timerKey{timerFlap, mb})
		m.timers.set(timerKey{timerDrain, mb}, in.Until)
		if mb.state != Drained {
			m.become(mb, Drained, order.ReasonDrained, text)
		}
		m.event(Event{Kind: EventDrain, Pool: mb.pool.id, Member: mb.cfg.Value, Reason: order.ReasonDrained, Text: text})
		m.keep(mb.pool)
	}
}

func (m *Machine) undrain(in Undrain) {
	n := 0
	for _, mb := range m.match(in.Address, in.Pool) {
		if mb.state == Drained {
			n++
			m.endDrain(mb, order.ReasonUndrained, "undrained by "+in.By)
		}
	}
	if n == 0 {
		m.refuse("%s is not drained in %s", in.Address, poolText(in.Pool))
	}
}

// endDrain returns a member to what the probes say of it: it is published again only if it is up.
func (m *Machine) endDrain(mb *member, why order.Reason, text string) {
	if mb.state != Drained {
		return
	}
	to := Unknown
	switch m.verdict(mb) {
	case VerdictUp:
		to = Up
	case VerdictDown:
		to = Down
	case NoVerdict:
	}
	mb.override = nil
	m.timers.stop(timerKey{timerDrain, mb})
	m.event(Event{Kind: EventDrain, Pool: mb.pool.id, Member: mb.cfg.Value, Reason: why, Text: text})
	if to == Down && mb.incident == "" {
		mb.fell = m.now
		mb.incident = fmt.Sprintf("%s %d", mb.name(), m.now.Unix())
	}
	m.become(mb, to, why, fmt.Sprintf("%s; the probes say %s", text, to))
	if to == Up {
		mb.incident = ""
	}
	if why == order.ReasonDrainEnded {
		m.alert(Alert{Incident: "drain " + mb.name(), Kind: AlertDrainEnded, Pool: mb.pool.id, Member: mb.cfg.Value, Reason: why, Final: true,
			Text: fmt.Sprintf("%s: %s; the probes say %s", mb.name(), text, to)})
	}
	m.keep(mb.pool)
}

func (m *Machine) refuse(format string, a ...any) { m.out.Refused = fmt.Sprintf(format, a...) }

func poolText(id order.PoolID) string {
	if id == "" {
		return "any pool"
	}
	return string(id)
}
