package pairsim

import (
	"slices"
	"testing"
	"time"

	"loadshare/haserver/pair"
	"loadshare/haserver/pairmsg"
	"loadshare/haserver/zone"
)

// What else a pair does, with fixed schedules.

// Silent drift is found by the digests of the heartbeats, named, and healed within seconds.
func TestDriftIsFoundAndHealed(t *testing.T) {
	s := newScene(t, options{timers: fast})
	k := s.zones[0]
	s.answersThroughout(s.main, s.backup)
	s.drifted = map[string]bool{k: true}
	s.broken.send = func(_ *node, m pairmsg.Message) (pairmsg.Message, bool) { return forge(m), true }
	a := s.done(s.add(s.main))
	s.broken.send = nil
	s.within(5*time.Second, "the drift is found", func() bool { return s.noted(s.main, pair.Drift) && s.noted(s.backup, pair.Drift) })
	s.within(10*time.Second, "the drift is healed", func() bool {
		return s.both() && s.main.tip(k).Serial() == s.backup.tip(k).Serial() && pointOf(s.main.tip(k)) == pointOf(s.backup.tip(k))
	})
	if set, _ := s.backup.tip(k).Get(owner(k, a.name), zone.TypeTXT); !slices.Contains(set.Data, rdata(zone.TypeTXT, a.name)) {
		t.Error("the change itself is gone")
	}
	s.moved(s.main)
	s.moved(s.backup)
}

// The roles are exchanged from normal, by either side's operator; who was the backup takes changes then.
func TestSwap(t *testing.T) {
	for i := range 2 {
		s := newScene(t, options{})
		a := s.done(s.add(s.main))
		s.answersThroughout(s.main, s.backup)
		answered := false
		s.nodes[i].operate(pair.Operate{Command: pair.Swap, Reason: "maintenance"}, func(refused string) {
			answered = true
			if refused != "" {
				t.Error(refused)
			}
		})
		s.within(time.Second, "the swap is done", func() bool { return answered })
		b := s.done(s.add(s.backup))
		no := s.add(s.main)
		s.pass(time.Millisecond)
		if no.outcome != pair.AtBackup {
			t.Errorf("the old main says %d", no.outcome)
		}
		s.main.mustShow = false
		s.main.crash(true)
		c, _ := s.accepted(s.backup, 2*time.Second)
		s.main.start()
		s.everywhere(5*time.Second, a, b, c)
		if s.main.m.Status().Role != pairmsg.Backup {
			t.Error("the roles are not as they were swapped")
		}
	}
}

// A backup that has nothing gets all zones over the link.
func TestZonesReachTheBackup(t *testing.T) {
	s := newScene(t, options{zones: 2, backup: "none"})
	a := s.done(s.add(s.main))
	if !slices.ContainsFunc(s.reasons[0], func(x pair.Note) bool { return x.Reason == pair.SyncCopied }) {
		t.Error("the zones were not copied")
	}
	s.everywhere(time.Second, a)
}

// A zone that is new on the main reaches a backup that does not know it; one that both drop is gone, and the others do not notice.
func TestZonesComeAndGo(t *testing.T) {
	s := newScene(t, options{zones: 2, backup: "none", late: true})
	k := s.zones[1]
	no := s.addTo(s.main, k)
	s.pass(time.Millisecond)
	if no.outcome != pair.NoZone {
		t.Errorf("outcome %d", no.outcome)
	}
	s.appears(s.main, k)
	a := s.done(s.addTo(s.main, k))
	b := s.done(s.add(s.main))
	s.everywhere(3*time.Second, a, b)

	for _, n := range s.nodes {
		n.step(pair.DropZone{Zone: k})
		delete(n.disk.durable.zones, k)
		delete(n.journal, k)
		s.pass(50 * time.Millisecond)
	}
	s.zones = s.zones[:1]
	gone := s.addTo(s.main, k)
	c := s.done(s.add(s.main))
	if gone.outcome != pair.NoZone || c.copies != 2 {
		t.Errorf("the zone that is gone: outcome %d; the other: %d copies", gone.outcome, c.copies)
	}
	s.everywhere(15*time.Second, c)
	s.moved(s.main)
}

// A zone that one side takes out of service while the two are apart, and has again later, as its state directory still has it: nothing that the
// other did meanwhile is lost, the other zones do not notice, and a backup that lacks it gets it from the main.
func TestZoneGoneOnOneSideOfAParting(t *testing.T) {
	for i := range 2 {
		for _, crash := range []bool{false, true} {
			s := newScene(t, options{zones: 2})
			k := s.zones[1]
			n, other := s.nodes[i], s.nodes[1-i]
			a := s.done(s.addTo(s.main, k))
			s.everywhere(5*time.Second, a)
			s.part()
			var own []*tried
			if n == s.main { // what a backup alone has of a zone goes when it takes it out of service (docs/ha-dns.md, Limits)
				own = append(own, s.done(s.addTo(n, k)))
			}
			n.step(pair.DropZone{Zone: k})
			kept := n.disk.durable.zones[k]
			delete(n.disk.durable.zones, k)
			delete(n.journal, k)
			delete(n.files, k)
			delete(n.view, k)
			b, c := s.done(s.addTo(other, k)), s.done(s.add(n))
			gone := s.done(s.change(other, k, update1(del(k, a.name, zone.TypeANY, ""))))
			s.heal()
			s.within(90*time.Second, "both are in normal", func() bool {
				return s.main.state() == pairmsg.Normal && s.backup.state() == pairmsg.Normal && s.sees(other, c)
			})
			if crash {
				other.crash(true)
				other.start()
				s.within(90*time.Second, "both are in normal again", func() bool { return s.main.state() == pairmsg.Normal && s.backup.state() == pairmsg.Normal })
			}
			if !s.sees(other, b) || s.sees(other, a) {
				t.Errorf("%d: %s does not show what it has", i, other.name)
			}
			if n == s.backup {
				s.everywhere(60*time.Second, b, c)
				continue
			}
			s.within(time.Second, "the alarm", func() bool { return s.alarm(other, "config-differs") || s.noted(other, pair.OneOnly) })
			n.disk.durable.zones[k] = kept
			n.journal[k] = &zoneStore{steps: slices.Clone(kept.steps), saved: kept.saved}
			n.step(pair.AddZone{Zone: k, ZoneStart: pair.ZoneStart{Tip: kept.last().tip, Point: kept.last().point, History: kept.history(), Saved: kept.saved}})
			s.everywhere(60*time.Second, append(own, b, c)...)
			if s.sees(n, a) {
				t.Errorf("what was deleted is there again (%s)", gone)
			}
		}
	}
}

// Roles stop within 5 s, with nothing acknowledged lost, whatever the partner does.
func TestStopDoesNotWaitForASlowPartner(t *testing.T) {
	for _, strict := range []bool{false, true} {
		s := newScene(t, options{strict: strict})
		s.link.delay = [2]time.Duration{8 * time.Second, 8 * time.Second}
		a := s.add(s.main)
		stopped := false
		s.main.stop(func() { stopped = true })
		s.within(3*time.Second, "it has stopped", func() bool { return stopped })
		switch {
		case strict && a.outcome != pair.Unacknowledged:
			t.Errorf("strict: outcome %d", a.outcome)
		case !strict && (a.outcome != pair.Done || a.copies != 1):
			t.Errorf("outcome %d with %d copies", a.outcome, a.copies)
		}
		s.link.delay = [2]time.Duration{time.Millisecond, 4 * time.Millisecond}
		s.main.start()
		s.everywhere(90*time.Second, a)
	}
}

// ack = "strict": no answer with one copy, and it is SERVFAIL after ack_timeout.
func TestStrict(t *testing.T) {
	s := newScene(t, options{strict: true})
	a := s.done(s.add(s.main))
	s.backup.crash(true)
	b := s.add(s.main)
	s.within(2*time.Second, "an answer", func() bool { return b.outcome != 0 })
	if a.copies != 2 || b.outcome != pair.Unacknowledged || b.took > s.o.timers.ack+50*time.Millisecond {
		t.Errorf("copies %d; then outcome %d after %v", a.copies, b.outcome, b.took)
	}
	if s.sees(s.main, b) {
		t.Error("what has one copy is seen")
	}
	c := s.add(s.main)
	s.within(2*time.Second, "an answer", func() bool { return c.outcome != 0 })
	if c.outcome != pair.NotAccepting || c.why != pair.NoSecondCopy {
		t.Errorf("outcome %d (%v)", c.outcome, c.why)
	}
	s.backup.start()
	s.everywhere(5*time.Second, a)
}

// A merge that is written at the main and never reaches the backup: what is deleted after it does not come back with the next one.
func TestMergeThatNeverArrived(t *testing.T) {
	for _, crash := range []bool{false, true} {
		s := newScene(t, options{})
		k := s.zones[0]
		s.part()
		a := s.done(s.add(s.backup))
		b := s.done(s.add(s.main))
		s.broken.send = func(_ *node, m pairmsg.Message) (pairmsg.Message, bool) {
			_, is := m.(pairmsg.SyncCommit)
			return m, !is
		}
		s.heal()
		s.within(90*time.Second, "the main has merged", func() bool { return s.sees(s.main, a) })
		s.part()
		if crash {
			s.main.crash(true)
			s.main.start()
			s.within(40*time.Second, "it is alone", func() bool { return s.main.state() == pairmsg.Interrupted })
		}
		s.done(s.change(s.main, k, update1(del(k, a.name, zone.TypeANY, ""))))
		c := s.done(s.add(s.backup))
		s.broken.send = nil
		s.heal()
		s.everywhere(90*time.Second, b, c)
		if s.sees(s.main, a) {
			t.Error("it is there again")
		}
	}
}
