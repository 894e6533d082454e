package pairsim

import (
	"fmt"

	"loadshare/haserver/pair"
	"loadshare/haserver/pairmsg"
	"loadshare/haserver/zone"
)

// check is looked at after each step of a machine.
func (s *site) check(n *node) {
	st := n.m.Status()
	n.stateWas, n.roleWas, n.accepting = st.State, st.Role, st.Accepting
	for _, z := range st.Zones {
		j := n.journal[z.Zone]
		if j == nil {
			continue
		}
		if j.last().point != z.Point {
			s.w.Fail("%s: status has %s of %s, its journal has %s", n.name, point(z.Point), zone.Name(z.Zone), point(j.last().point))
		}
	}
	n.ready = st.State == pairmsg.Normal && st.Unfit == "" && st.Complete == len(st.Zones)
	if n.restored && (st.State == pairmsg.Negotiating || st.State == pairmsg.Normal) {
		n.restored = false
	}
	if n.ready && n.partner().ready {
		// Each believes that everything is equal: so it is, but for what is on its way.
		for _, z := range st.Zones {
			a, b := s.nodes[0].journal[z.Zone], s.nodes[1].journal[z.Zone]
			if a == nil || b == nil {
				continue
			}
			s.related(z.Zone, a, b)
		}
	}
}

// related: of two complete zones, one has all that the other has.
func (s *site) related(k string, a, b *zoneStore) {
	p, q := a.last().point, b.last().point
	if p != q && !s.drifted[k] && b.have(p) < 0 && a.have(q) < 0 {
		s.w.Fail("both say that %s is complete; main has %s, backup %s, and neither leads to the other", zone.Name(k), point(p), point(q))
	}
}

// show is what queries see from now on.
func (n *node) show(x pair.Show) {
	s := n.s
	if x.Tip == nil {
		if x.Why == pair.NoReason {
			s.w.Fail("%s shows nothing of %s, and says no reason", n.name, zone.Name(x.Zone))
		}
		if v := n.view[x.Zone]; v == nil || v.tip != nil {
			s.w.Note("%s: nothing is shown of %s: %v", n.name, zone.Name(x.Zone), x.Why)
		}
		if n.mustShow {
			s.w.Fail("%s shows nothing of %s any more: %v", n.name, zone.Name(x.Zone), x.Why)
		}
		n.view[x.Zone] = &view{why: x.Why}
		return
	}
	tip := x.Tip
	if s.broken.oldShown && s.w.Chance(0.01) {
		if z := n.disk.durable.zones[x.Zone]; z != nil && len(z.steps) > 1 {
			tip = z.steps[len(z.steps)-2].tip
		}
	}
	p := s.pointOf(tip)
	if z := n.disk.durable.zones[x.Zone]; z == nil || z.have(p) < 0 && s.shown[n.i][x.Zone] != p.Serial { // shown again, it may be trimmed
		s.w.Fail("%s shows %s of %s, which is not durable", n.name, point(p), zone.Name(x.Zone))
	}
	if was, ok := s.shown[n.i][x.Zone]; ok && !n.restored && zone.SerialNewer(was, p.Serial) {
		s.w.Fail("%s shows serial %d of %s after serial %d", n.name, p.Serial, zone.Name(x.Zone), was)
	}
	s.copied(n, x.Zone, p)
	if !n.restored {
		s.shown[n.i][x.Zone] = p.Serial
	}
	s.named(n, x.Zone, p, tip)
	if s.broken.oldView && s.w.Chance(0.05) {
		if z := n.disk.durable.zones[x.Zone]; z != nil && len(z.steps) > 5 {
			tip = z.steps[len(z.steps)-5].tip
		}
	}
	n.view[x.Zone] = &view{tip: tip, notify: x.Notify}
}

// copied: what the main shows in normal is on the backup's disk too, or the backup is durably marked behind (H-a, H-b).
func (s *site) copied(n *node, k string, p pairmsg.Point) {
	was := n.view[k]
	if was == nil || was.tip == nil || s.pointOf(was.tip) == p || n.m == nil {
		return
	}
	st := n.m.Status()
	if st.State != pairmsg.Normal || st.Role != pairmsg.Main || n.disk.durable.saved.Behind != 0 || !n.partner().life.Alive() {
		return
	}
	if z := n.partner().disk.durable.zones[k]; z == nil || z.find(p.Serial) < 0 && !zone.SerialNewer(z.steps[0].point.Serial, p.Serial) {
		s.w.Fail("%s shows %s of %s, which is on one disk only, and the backup is not marked behind", n.name, point(p), zone.Name(k))
	}
}

// settled is what must hold when it is quiet. It returns the first thing that does not.
func (s *site) settled() error {
	for _, n := range s.nodes {
		switch {
		case !n.life.Alive():
			return fmt.Errorf("%s does not run", n.name)
		case len(n.disk.queue) > 0:
			return fmt.Errorf("%s still writes", n.name)
		case len(n.asked) > 0:
			return fmt.Errorf("%s has %d changes unanswered", n.name, len(n.asked))
		}
		st := n.m.Status()
		switch {
		case st.State != pairmsg.Normal:
			return fmt.Errorf("%s is in %v (%v)", n.name, st.State, st.Reason)
		case st.Held != 0 || st.Owed != 0 || st.Copies != 2 || st.Behind != 0:
			return fmt.Errorf("%s holds %d, owes %d, copies %d, behind since %d", n.name, st.Held, st.Owed, st.Copies, st.Behind)
		case st.Unfit != "" || st.PartnerUnfit != "":
			return fmt.Errorf("%s: unfit %q, partner unfit %q", n.name, st.Unfit, st.PartnerUnfit)
		case st.Accepting != (st.Role == pairmsg.Main):
			return fmt.Errorf("%s is %v and accepting: %t (%v)", n.name, st.Role, st.Accepting, st.Closed)
		case st.Complete != len(s.zones):
			return fmt.Errorf("%s has %d of %d zones complete: %+v", n.name, st.Complete, len(s.zones), st.Zones)
		}
		for _, a := range st.Alarms {
			if a.Name != "clock-skew" && a.Name != "conflict" && a.Name != "flapping" { // these outlast their cause
				return fmt.Errorf("%s has the alarm %s: %s", n.name, a.Name, a.Text)
			}
		}
		for _, k := range s.zones {
			if err := s.zoneSettled(n, k); err != nil {
				return err
			}
		}
	}
	a, b := s.nodes[0].m.Status(), s.nodes[1].m.Status()
	if a.Role == b.Role || a.Epoch != b.Epoch {
		return fmt.Errorf("roles %v of epoch %d and %v of epoch %d", a.Role, a.Epoch, b.Role, b.Epoch)
	}
	for _, x := range s.seconds {
		if z := s.nodes[0].tip(x.zone); x.tip == nil || s.pointOf(x.tip) != s.pointOf(z) {
			return fmt.Errorf("the secondary %s is not where the pair is", x)
		}
	}
	return nil
}

func (s *site) zoneSettled(n *node, k string) error {
	z := n.disk.durable.zones[k]
	other := s.nodes[1-n.i].disk.durable.zones[k]
	switch {
	case z == nil || other == nil:
		return fmt.Errorf("%s does not have %s", n.name, zone.Name(k))
	case z.last().point != other.last().point || len(zone.Diff(z.last().tip, other.last().tip).Added) > 0:
		return fmt.Errorf("%s differs: %s and %s", zone.Name(k), point(z.last().point), point(other.last().point))
	case n.tip(k) == nil || s.pointOf(n.tip(k)) != z.last().point:
		return fmt.Errorf("%s does not show the last of %s", n.name, zone.Name(k))
	case z.saved.Flags != 0:
		return fmt.Errorf("%s: flags %d of %s", n.name, z.saved.Flags, zone.Name(k))
	}
	if err := s.keeps(k, n.tip(k)); err != nil {
		return fmt.Errorf("%s of %s: %w", zone.Name(k), n.name, err)
	}
	return nil
}
