package sim

import (
	"fmt"
	"time"

	"loadshare/internal/sim"
	"loadshare/monitor/decide"
)

const (
	stormEnds = 6 * time.Minute
	quietBy   = 18 * time.Minute // flapping, yields and budgets have run out
	runEnds   = 21 * time.Minute
)

// storm breaks things until stormEnds, then heals everything but the dead.
func (s *site) storm() {
	w := s.w
	var next func()
	next = func() {
		if w.Now().Sub(begin) >= stormEnds {
			return
		}
		s.breakSomething()
		w.After(w.Between(time.Second, 12*time.Second), "", next)
	}
	w.After(20*time.Second, "", next)
	w.At(begin.Add(stormEnds), "everything heals", s.heal)
}

func (s *site) breakSomething() {
	w := s.w
	switch p := w.Rand().IntN(100); {
	case p < 25:
		v := s.services[w.Rand().IntN(len(s.services))]
		w.Note("%s on %s dies", v.name, v.node)
		v.up = false
	case p < 35:
		v := s.services[w.Rand().IntN(len(s.services))]
		w.Note("%s on %s comes back by itself", v.name, v.node)
		v.up = !v.dead
	case p < 45:
		n := s.monitors[w.Rand().IntN(len(s.monitors))]
		if n.life.Alive() {
			s.stats.crashes++
			w.Note("monitor %s crashes", n.id)
			n.crash()
			if w.Chance(0.2) {
				w.Note("and its disk is lost")
				n.disk.Wipe()
			}
			w.After(w.Between(time.Second, 40*time.Second), "monitor "+n.id+" starts", n.start)
		}
	case p < 57:
		a := s.agents[w.Rand().IntN(len(s.agents))]
		if a.life.Alive() {
			s.stats.crashes++
			w.Note("agent %s crashes", a.name)
			a.crash()
			w.After(w.Between(time.Second, 40*time.Second), "agent "+a.name+" starts", a.start)
		}
	case p < 67:
		d := s.servers[w.Rand().IntN(len(s.servers))]
		if d.partner != nil && !d.partner.up {
			break // both of a pair down is another promise (docs), not this chain's
		}
		w.Note("%s stops", d.name)
		d.up = false
		w.After(w.Between(time.Second, time.Minute), d.name+" is back", d.start)
	case p < 87:
		s.cutSomething()
	case p < 92:
		w.Note("the network is bad for a while")
		s.net.SetQuality(sim.Quality{Delay: time.Millisecond, Jitter: time.Second, Loss: 0.2, Duplicate: 0.1, Late: 0.1, LateBy: 30 * time.Second})
		w.After(w.Between(5*time.Second, 40*time.Second), "the network is better", func() { s.net.SetQuality(usual) })
	case p < 96:
		n := s.monitors[w.Rand().IntN(len(s.monitors))]
		v := s.services[w.Rand().IntN(len(s.services))]
		if n.life.Alive() {
			w.Note("%s is drained at %s", v.value, n.id)
			n.step(decide.Drain{Address: v.value, Until: n.clk.Now().Add(w.Between(20*time.Second, 2*time.Minute)), By: "ann", Reason: "disk"})
		}
	default:
		w.Note("all services die")
		for _, v := range s.services {
			v.up = false
		}
	}
}

var usual = sim.Quality{Delay: time.Millisecond, Jitter: 50 * time.Millisecond, Loss: 0.02, Duplicate: 0.02, Late: 0.02, LateBy: 20 * time.Second}

// cutSomething cuts one link, one direction or both, for a while.
func (s *site) cutSomething() {
	w := s.w
	places := []string{s.gateway.node}
	for _, n := range s.monitors {
		places = append(places, n.id)
	}
	for _, a := range s.agents {
		places = append(places, a.name)
	}
	for _, d := range s.servers {
		places = append(places, d.name)
	}
	a, b := places[w.Rand().IntN(len(places))], places[w.Rand().IntN(len(places))]
	s.stats.cuts++
	back := func() { s.net.HealBoth(a, b) }
	switch w.Rand().IntN(3) {
	case 0:
		w.Note("%s hears %s no more", b, a)
		s.net.Cut(a, b)
	case 1:
		w.Note("link between %s and %s is cut", a, b)
		s.net.CutBoth(a, b)
	case 2:
		w.Note("%s is cut off", a)
		for _, p := range places {
			s.net.CutBoth(a, p)
		}
		back = func() {
			for _, p := range places {
				s.net.HealBoth(a, p)
			}
		}
	}
	w.After(w.Between(3*time.Second, 80*time.Second), fmt.Sprintf("%s and %s hear each other", a, b), back)
}

func (s *site) calm() bool { return s.w.Now().Sub(begin) >= stormEnds }

// heal ends the storm. Processes that are down come back by themselves.
func (s *site) heal() {
	s.net.HealAll()
	s.net.SetQuality(sim.Quality{Delay: time.Millisecond, Jitter: 20 * time.Millisecond})
	s.probeNoise = 0
	for _, v := range s.services {
		v.dead = s.w.Chance(0.2)
		v.up = !v.dead
	}
}
