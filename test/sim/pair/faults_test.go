package pairsim

import (
	"time"

	"loadshare/haserver/pair"
	"loadshare/haserver/pairmsg"
	"loadshare/haserver/zone"
)

// storm breaks things for a while, then heals everything.
func (s *site) storm(lasts time.Duration) {
	w := s.w
	ends := w.Now().Add(lasts)
	t := max(s.o.timers.comm, time.Second)
	var next func()
	next = func() {
		if !w.Now().Before(ends) {
			return
		}
		if !s.guarded {
			s.breakSomething(t)
		}
		w.After(w.Between(t/4, 5*t), "", next)
	}
	w.After(w.Between(0, 3*t), "", next)
	w.At(ends, "everything heals", s.calm)
}

// while is how long a fault lasts: often shorter than the partner's patience, often longer.
func (s *site) while(t time.Duration) time.Duration {
	switch s.w.Rand().IntN(3) {
	case 0:
		return s.w.Between(50*time.Millisecond, t/2)
	case 1:
		return s.w.Between(t/2, 2*t)
	}
	return s.w.Between(t, 8*t)
}

func (s *site) breakSomething(t time.Duration) {
	w := s.w
	n := s.nodes[w.Rand().IntN(2)]
	d := s.while(t)
	switch p := w.Rand().IntN(100); {
	case p < 16:
		w.Note("FAULT: the process of %s dies", n.name)
		s.stats.crashes++
		n.crash(true)
		w.After(d, "", n.start)
	case p < 24:
		s.vanish(n, d)
	case p < 28:
		w.Note("FAULT: both lose power")
		for _, n := range s.nodes {
			s.vanish(n, s.while(t))
		}
	case p < 34:
		w.Note("FAULT: %s is stopped in order", n.name)
		n.stop(func() { w.After(d, "", n.start) })
	case p < 50:
		s.cut(d)
	case p < 56:
		w.Note("FAULT: connections are reset")
		s.link.reset()
	case p < 60:
		w.Note("FAULT: the link is slow")
		usual := s.link.delay
		s.link.delay = [2]time.Duration{10 * time.Millisecond, t / 3}
		w.After(d, "the link is as usual", func() { s.link.delay = usual })
	case p < 66:
		w.Note("FAULT: the disk of %s hangs", n.name)
		n.disk.hangs = w.Now().Add(d)
	case p < 70:
		s.fill(n, d)
	case p < 75:
		w.Note("FAULT: %s cannot write for a reason of its own", n.name)
		n.step(pair.Unfit{Why: "self-query failed"})
		w.After(d, "", n.life.Bind(func() {
			if !n.disk.unfit {
				n.step(pair.Unfit{})
			}
		}))
	case p < 80:
		s.loseDisk(n)
	case p < 84:
		by := w.Between(-10*time.Minute, 10*time.Minute)
		w.Note("FAULT: the clock of %s jumps by %v", n.name, by)
		n.wall.Jump(by)
	case p < 88:
		w.Note("FAULT: clients do not reach %s", n.name)
		s.far[n.i] = true
		w.After(d, "", func() { s.far[n.i] = false })
	case p < 90:
		s.snapshot(n)
	default:
		s.operator(n)
	}
}

// vanish is power lost, and back after some time.
func (s *site) vanish(n *node, d time.Duration) {
	s.w.Note("FAULT: the host of %s vanishes", n.name)
	s.stats.crashes++
	n.crash(false)
	n.power = false
	s.w.After(d, "", func() {
		n.power = true
		s.link.back(n)
		n.start()
	})
}

func (s *site) cut(d time.Duration) {
	w := s.w
	s.stats.cuts++
	both := w.Chance(0.7)
	which := w.Rand().IntN(2)
	w.Note("FAULT: the link is cut (%t, %d)", both, which)
	s.link.cut[which] = true
	if both {
		s.link.cut = [2]bool{true, true}
	}
	w.After(d, "the link is whole", func() { s.link.cut = [2]bool{} })
}

// fill has every write fail; an operator makes room and starts the server again.
func (s *site) fill(n *node, d time.Duration) {
	s.w.Note("FAULT: the disk of %s is full", n.name)
	n.disk.full = true
	s.w.After(d, "", func() {
		n.disk.full = false
		if n.disk.failed {
			s.w.Note("%s is started again", n.name)
			n.crash(true)
		}
		n.start()
	})
}

// snapshot keeps a copy of a disk, for later.
func (s *site) snapshot(n *node) {
	if n.disk.durable != nil {
		s.w.Note("a snapshot of %s's disk is made", n.name)
		n.disk.snapshot = n.disk.durable.clone()
	}
}

// loseDisk: the disk of n is replaced by an empty one, or put back to its snapshot. The partner lives and has all that counts;
// until the two are together again nothing else breaks (two disks lost is not promised).
func (s *site) loseDisk(n *node) {
	w, p := s.w, n.partner()
	if !p.power || !p.life.Alive() || p.disk.full || p.disk.failed || p.stopping {
		return
	}
	if st := p.m.Status(); st.State == pairmsg.Startup || st.State == pairmsg.Negotiating || st.Unfit != "" || p.disk.hangs.After(w.Now()) {
		return
	}
	for _, z := range p.m.Status().Zones {
		if z.Unseen != pair.NoReason {
			return
		}
	}
	if len(p.m.Status().Zones) < len(s.zones) {
		return
	}
	s.guarded = true
	s.stats.disks++
	s.link.cut, s.link.delay = [2]bool{}, [2]time.Duration{s.o.delay / 4, s.o.delay}
	n.crash(w.Chance(0.5))
	var kept *store
	if n.disk.snapshot != nil && w.Chance(0.5) {
		kept = n.disk.snapshot.clone()
	}
	p.disk.snapshot = nil // it knows nothing of the disk that comes now
	w.Note("FAULT: the disk of %s is lost; an old snapshot is put back: %t", n.name, kept != nil)
	s.diskFault(n, kept)
	n.disk.durable, n.restored, n.disk.lost = kept, kept != nil, w.Now()
	n.disk.full, n.disk.hangs = false, time.Time{}
	n.power = true
	alone := kept != nil && w.Now().UnixMilli()%4 != 0
	if alone { // it serves its old state alone, and then meets its partner
		s.link.cut = [2]bool{true, true}
	}
	w.After(s.while(s.o.timers.comm), "", func() {
		s.link.back(n)
		n.start()
		if alone {
			s.stats.alone++
			w.After(s.o.timers.comm+s.while(s.o.timers.comm), "the link is whole", func() { s.link.cut = [2]bool{} })
		}
	})
	var together func()
	together = func() {
		if s.both() {
			w.Note("what the disk of %s lost is made up for", n.name)
			s.guarded = false
			return
		}
		w.After(s.o.timers.comm/2, "", together)
	}
	w.After(s.o.timers.comm/2, "", together)
}

// operator does something that operators do.
func (s *site) operator(n *node) {
	w := s.w
	said := func(what string) func(string) {
		return func(refused string) { w.Note("%s answers the operator: %s: %q", n.name, what, refused) }
	}
	which := w.Rand().IntN(8)
	if n.state() == pairmsg.Interrupted && w.Chance(0.4) {
		which = 0
	}
	switch which {
	case 6:
		c := n.cfg
		c.Strict = w.Chance(0.2)
		c.Heartbeat = max(c.Heartbeat*time.Duration(1+w.Rand().IntN(3))/2, 50*time.Millisecond)
		if c.Heartbeat > s.o.timers.comm/2 {
			c.Heartbeat = s.o.timers.heartbeat
		}
		w.Note("OPERATOR: reload of %s: strict %t, heartbeat %v", n.name, c.Strict, c.Heartbeat)
		n.cfg = c
		n.step(pair.Reconfigure{Config: c})
	case 0, 1:
		w.Note("OPERATOR: partner-down at %s", n.name)
		n.operate(pair.Operate{Command: pair.SetPartnerDown, Reason: "test"}, said("partner-down"))
	case 2:
		w.Note("OPERATOR: swap at %s", n.name)
		n.operate(pair.Operate{Command: pair.Swap, Reason: "test"}, said("swap"))
		switch soon := w.Between(0, 8*s.link.delay[1]); w.Rand().IntN(4) {
		case 0:
			w.After(soon, "FAULT: connections are reset", s.link.reset)
		case 1:
			v := s.nodes[w.Rand().IntN(2)]
			w.After(soon, "", func() {
				if !s.guarded {
					w.Note("FAULT: the process of %s dies", v.name)
					v.crash(true)
					w.After(time.Second, "", v.start)
				}
			})
		}
	case 3:
		w.Note("OPERATOR: serve-alone at %s", n.name)
		if s.fresh(n) {
			return // he would have an old state taken for a new one
		}
		n.operate(pair.Operate{Command: pair.ServeAlone, Reason: "test"}, said("serve-alone"))
	case 4:
		o := pair.Operate{Command: pair.SyncNow}
		if s.both() && w.Chance(0.2) { // what is on its way may be lost by his command
			o.Source = pairmsg.Source(w.Rand().IntN(3))
			for _, k := range s.zones {
				if o.Source != pairmsg.Both {
					s.overruledByHand(k)
				}
			}
		}
		if w.Chance(0.5) {
			o.Zones = []zone.Name{zone.Name(s.zones[w.Rand().IntN(len(s.zones))])}
		}
		w.Note("OPERATOR: zone sync from %v at %s", o.Source, n.name)
		n.operate(o, said("zone sync"))
	default:
		if n.life.Alive() && !n.stopping {
			k := s.zones[w.Rand().IntN(len(s.zones))]
			u := zone.Update{}
			for range 1 + w.Rand().IntN(8) {
				s.edits++
				name := "u-edit" + time.Duration(s.edits).String()
				u.Updates = append(u.Updates, add(k, name, zone.TypeTXT, 60, name))
			}
			w.Note("OPERATOR: edit of %s at %s", zone.Name(k), n.name)
			s.ask(n, k, u, true, nil)
		}
	}
}

// fresh says whether some zone of a node waits for the partner's content.
func (s *site) fresh(n *node) bool {
	for _, z := range n.journal {
		if unripe(z) {
			return true
		}
	}
	return !n.life.Alive()
}

// calm ends the storm: what is broken is repaired, who is down starts.
func (s *site) calm() {
	s.calmed = true
	s.guarded = true
	s.link.cut, s.far = [2]bool{}, [2]bool{}
	s.link.delay = [2]time.Duration{time.Millisecond, 5 * time.Millisecond}
	s.jobsFail = 0
	for _, n := range s.nodes {
		n.disk.hangs = time.Time{}
		n.disk.full = false
		n.wall.Jump(-s.w.Between(0, time.Millisecond))
		if n.disk.failed && n.life.Alive() {
			n.crash(true)
		}
		n.power = true
		s.link.back(n)
		if n.life.Alive() && n.stateWas == pairmsg.Startup || n.stopping {
			continue
		}
		n.start()
	}
}
