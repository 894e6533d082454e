package sim

import (
	"fmt"
	"slices"
	"strings"

	"loadshare/agent/plan"
	"loadshare/ddns"
	"loadshare/monitor/decide"
	"loadshare/monitor/order"
)

// ordered: one stamp never names two contents (M1). It is looked at when a monitor gives an order.
func (s *site) ordered(o order.Publish) {
	s.stats.orders++
	content := fmt.Sprint(o.Want)
	if was, ok := s.given[o.Pool][o.Stamp]; ok && was != content {
		s.w.Fail("stamp %v of %s names two contents: %s and %s", o.Stamp, o.Pool, was, content)
	}
	s.given[o.Pool][o.Stamp] = content
}

// known reports whether an order was given.
func (s *site) known(st order.Stamp, o order.Publish) bool {
	_, ok := s.given[o.Pool][st]
	return ok
}

// written is looked at when a DNS server has taken an update.
func (s *site) written(d *dnsServer, w plan.Write) {
	s.stats.writes++
	if last := d.applied[w.Pool]; last.Newer(w.Stamp) {
		s.w.Fail("%s takes a write of %s of %v after one of %v: a late write over a newer one", d.name, w.Pool, w.Stamp, last)
	}
	d.applied[w.Pool] = w.Stamp
	switch n := len(d.set(w.Pool)); {
	case n == 0:
		s.w.Fail("%s is empty on %s", w.Pool, d.name)
	case n < floors[w.Pool]:
		s.w.Fail("%s has %d members on %s, the floor is %d", w.Pool, n, d.name, floors[w.Pool])
	}
}

// restartRuns: each restart within the budget (M9).
func (s *site) restartRuns(v *service) {
	s.stats.restarts++
	now := s.w.Now()
	runs := append(s.runs[v], now)
	n := 0
	for _, at := range runs {
		if now.Sub(at) < budgetWindow-s.skew*3 { // its window is by its own clock, which changes at a restart of the host
			n++
		}
	}
	s.runs[v] = runs
	if n > budget {
		s.w.Fail("%s on %s is restarted %d times within %v, the budget is %d", v.name, v.node, n, budgetWindow, budget)
	}
}

// quiet is what must hold when nothing breaks any more. It returns the first thing that does not.
func (s *site) quiet() error {
	for _, pool := range []order.PoolID{www, smtp} {
		var holder *monitorNode
		for _, n := range s.monitors {
			if v, _ := n.m.Pool(pool); v.Role == decide.RoleHolder {
				if holder != nil {
					return fmt.Errorf("%s has two holders, %s and %s", pool, holder.id, n.id)
				}
				holder = n
			}
		}
		if holder == nil {
			return fmt.Errorf("nobody holds %s", pool)
		}
		v, _ := holder.m.Pool(pool)
		if err := s.poolQuiet(v); err != nil {
			return fmt.Errorf("%s, held by %s: %w", pool, holder.id, err)
		}
	}
	return nil
}

func (s *site) poolQuiet(v decide.PoolView) error {
	if v.Published == nil {
		return s.nothingGood(v)
	}
	if v.Open {
		return fmt.Errorf("order %v has not ended", v.Stamp)
	}
	for _, d := range s.servers {
		if got := d.set(v.ID); !slices.Equal(got, v.Published) {
			return fmt.Errorf("%s answers %v, decided is %v", d.name, got, v.Published)
		}
		// A newer one with the same set is a late write of a monitor that held
		// the pool meanwhile; the next change goes above it.
		if !s.broken.noFence {
			owner, _ := ddns.GenerationName(ddns.Key{Name: v.ID.Name(), Type: "A"})
			if st, ok := d.read(ddns.Key{Name: v.ID.Name(), Type: "A"}, owner).Stamp(); !ok || v.Stamp.Newer(order.Stamp(st)) {
				return fmt.Errorf("%s has generation %v, decided is %v", d.name, st, v.Stamp)
			}
		}
	}
	var up, published []string
	for _, svc := range s.services {
		if svc.pool == v.ID && !svc.dead {
			up = append(up, svc.value)
		}
	}
	published = v.Published
	for _, val := range up {
		if !slices.Contains(published, val) {
			return fmt.Errorf("%s is up and not published (%s)", val, states(v))
		}
	}
	if len(up) >= floors[v.ID] && len(published) != len(up) {
		return fmt.Errorf("published are %v, up are %v (%s)", published, up, states(v))
	}
	return nil
}

// nothingGood: a monitor that lost its disk and sees nothing good leaves DNS as it is.
func (s *site) nothingGood(v decide.PoolView) error {
	for _, svc := range s.services {
		if svc.pool == v.ID && !svc.dead {
			return fmt.Errorf("%s is up, and nothing is published (%s)", svc.value, states(v))
		}
	}
	return nil
}

func states(v decide.PoolView) string {
	var out []string
	for _, m := range v.Members {
		out = append(out, fmt.Sprintf("%s %s %s", m.Value, m.State, m.Reason))
	}
	return strings.Join(out, ", ")
}
