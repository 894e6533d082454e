package plan

import (
	"fmt"
	"slices"
	"time"

	"loadshare/monitor/order"
)

// hooks of one service run one after the other. While one runs only the newest
// other one waits: down and up are states, so what lies between has lost its sense.
type hooks struct {
	running *heldHook
	waiting *heldHook
	seen    []string // ids, the last ones
}

type heldHook struct {
	from string
	h    order.Hook
}

func (m *Machine) hook(now time.Time, from string, h order.Hook) verdict {
	c, ok := m.cfg.Services[h.Service]
	switch {
	case len(h.Member) > maxValue:
		return verdict{refused: order.RefusedBadOrder, detail: fmt.Sprintf("a member longer than %d octets", maxValue)}
	case badID(h.ID) != "":
		return verdict{refused: order.RefusedBadOrder, detail: badID(h.ID)}
	case !ok:
		return verdict{refused: order.RefusedNotAllowed, detail: fmt.Sprintf("no [restart.service.%s] here", h.Service)}
	}
	s := m.service(h.Service)
	if slices.Contains(s.hooks.seen, h.ID) {
		m.note(Note{Reason: OrderRepeated, Pool: h.Pool, Stamp: h.Stamp, Text: h.ID})
		return verdict{}
	}
	if p, v := m.obeys(now, from, h.Pool, h.Stamp); p == nil {
		return v
	}
	const remembered = 32
	s.hooks.seen = append(s.hooks.seen, h.ID)
	if len(s.hooks.seen) > remembered {
		s.hooks.seen = s.hooks.seen[1:]
	}
	hh := &heldHook{from, h}
	switch {
	case h.Up && !c.OnUp || !h.Up && !c.OnDown:
		m.report(from, order.Hooked{Order: h.ID, Service: h.Service, Outcome: order.RestartOK, Output: "no such hook is configured"})
	case s.hooks.running == nil:
		m.runHook(s, hh)
	default:
		if w := s.hooks.waiting; w != nil {
			m.report(w.from, order.Hooked{Order: w.h.ID, Service: s.name, Outcome: order.RestartRefused, Output: "a later hook took its place"})
		}
		s.hooks.waiting = hh
	}
	return verdict{}
}

func (m *Machine) runHook(s *service, h *heldHook) {
	s.hooks.running = h
	m.out.Hook = append(m.out.Hook, RunHook{Order: h.h.ID, Service: s.name, Up: h.h.Up, Pool: h.h.Pool, Member: h.h.Member})
}

func (m *Machine) hookDone(in HookDone) {
	for _, s := range m.services {
		r := s.hooks.running
		if r == nil || r.h.ID != in.Order {
			continue
		}
		m.report(r.from, order.Hooked{Order: in.Order, Service: s.name, Outcome: in.Outcome, ExitCode: in.ExitCode, Output: in.Output, Took: in.Took})
		s.hooks.running = nil
		if w := s.hooks.waiting; w != nil {
			s.hooks.waiting = nil
			m.runHook(s, w)
		}
		return
	}
}
