package pairsim

import (
	"testing"
	"time"

	"loadshare/haserver/merge"
	"loadshare/haserver/pair"
	"loadshare/haserver/pairmsg"
	"loadshare/haserver/zone"
)

// Each test plays one row of the promises' table ("Promises: HA DNS"), and quotes it.

// | none | M within ack_timeout; B drops or forwards | both | every NOERROR, on two disks | - |
func TestRowNone(t *testing.T) {
	s := newScene(t, options{})
	s.answersThroughout(s.main, s.backup)
	a := s.done(s.add(s.main))
	if a.took > s.o.timers.ack || a.copies != 2 {
		t.Errorf("answered after %v with %d copies", a.took, a.copies)
	}
	b := s.add(s.backup)
	s.pass(time.Millisecond)
	if b.outcome != pair.AtBackup || b.ran {
		t.Errorf("the backup says %d, carried out: %t", b.outcome, b.ran)
	}
	s.everywhere(time.Second, a)
	s.moved(s.main)
	s.moved(s.backup)
}

// | M's process dies | B within 1 s (refused) | B, no gap | NOERROR with copies 2 | serial jump; some AXFRs |
func TestRowMainsProcessDies(t *testing.T) {
	s := newScene(t, options{})
	a := s.done(s.add(s.main))
	serial := s.backup.tip(s.zones[0]).Serial()
	s.answersThroughout(s.backup)
	s.main.crash(true)
	b, took := s.accepted(s.backup, 2*time.Second)
	if took > time.Second {
		t.Errorf("the backup took a change after %v", took)
	}
	s.moved(s.backup, "communication-interrupted: refused")
	if jump := b.serial - serial; jump < 1<<16 || b.serial%2 != 1 {
		t.Errorf("from serial %d to %d: no jump, or not odd", serial, b.serial)
	}
	s.main.start()
	s.everywhere(3*time.Second, a, b)
	s.moved(s.backup, "communication-interrupted: refused", "negotiating: contact", "normal: ready")
	if !s.noted(s.main, pair.SyncReplayed) {
		t.Error("the main did not replay the backup's steps")
	}
}

// | M's host vanishes | B after comm_timeout (30 s; fast under 1 s) | B, no gap | same | clients retry every 4 s |
func TestRowMainsHostVanishes(t *testing.T) {
	for _, timers := range []timers{usual, {heartbeat: 200 * time.Millisecond, comm: 800 * time.Millisecond, retry: time.Second, ack: 200 * time.Millisecond}} {
		s := newScene(t, options{timers: timers})
		a := s.done(s.add(s.main))
		s.answersThroughout(s.backup)
		s.main.crash(false)
		s.main.power = false
		b, took := s.accepted(s.backup, timers.comm+2*time.Second)
		if took < timers.comm-timers.heartbeat-time.Second || took > timers.comm+time.Second {
			t.Errorf("the backup took a change after %v, comm_timeout is %v", took, timers.comm)
		}
		s.moved(s.backup, "communication-interrupted: silent")
		s.main.power = true
		s.link.back(s.main)
		s.main.start()
		s.everywhere(timers.comm+10*time.Second, a, b)
	}
}

// | M stopped in order | next try | B, no gap | all (owed is sent first) | - |
func TestRowMainStoppedInOrder(t *testing.T) {
	s := newScene(t, options{})
	a := s.done(s.add(s.main))
	s.answersThroughout(s.backup)
	inFlight := s.add(s.main)
	stopped := false
	s.main.stop(func() { stopped = true })
	s.within(time.Second, "it has stopped", func() bool { return stopped })
	if inFlight.outcome != pair.Done || inFlight.copies != 2 {
		t.Errorf("what was owed came to outcome %d with %d copies", inFlight.outcome, inFlight.copies)
	}
	b, took := s.accepted(s.backup, time.Second)
	if took > 100*time.Millisecond {
		t.Errorf("the backup took a change after %v", took)
	}
	s.moved(s.backup, "communication-interrupted: partner-stopped")
	if jump := b.serial - inFlight.serial; jump > 2 {
		t.Errorf("the serial jumped by %d though the main had stopped in order", jump)
	}
	s.main.start()
	s.everywhere(3*time.Second, a, inFlight, b)
}

// | B dies or vanishes | one wait of 1 s at most, then none | M, no gap | all, while M's disk lives | copies 1, alarm |
func TestRowBackupDiesOrVanishes(t *testing.T) {
	for _, host := range []bool{true, false} {
		s := newScene(t, options{})
		a := s.done(s.add(s.main))
		s.answersThroughout(s.main)
		s.backup.crash(host)
		s.backup.power = host
		b := s.done(s.add(s.main))
		if b.took > s.o.timers.ack+100*time.Millisecond || b.copies != 1 {
			t.Errorf("the first answer took %v and has %d copies", b.took, b.copies)
		}
		c := s.done(s.add(s.main))
		if c.took > 50*time.Millisecond || c.copies != 1 {
			t.Errorf("the second answer took %v and has %d copies", c.took, c.copies)
		}
		if !s.alarm(s.main, "copies-1") {
			t.Error("no alarm says that there is one copy only")
		}
		s.backup.power = true
		s.link.back(s.backup)
		s.backup.start()
		s.everywhere(s.o.timers.comm+10*time.Second, a, b, c)
		if s.alarm(s.main, "copies-1") || !s.noted(s.main, pair.CopiesAgain) {
			t.Error("the alarm does not end")
		}
	}
}

// | link cut, both alive | M within 1 s; B too after 30 s | may differ | every change not contradicted | a true conflict's loser is kept, restorable |
func TestRowLinkCut(t *testing.T) {
	s := newScene(t, options{})
	k := s.zones[0]
	base := s.done(s.add(s.main))
	s.answersThroughout(s.main, s.backup)
	s.link.cut = [2]bool{true, true}
	a := s.done(s.add(s.main))
	if a.took > s.o.timers.ack+100*time.Millisecond {
		t.Errorf("the main answered after %v", a.took)
	}
	b, took := s.accepted(s.backup, 32*time.Second)
	if took < 17*time.Second {
		t.Errorf("the backup took a change after %v of silence", took)
	}
	s.moved(s.backup, "communication-interrupted: silent")
	s.moved(s.main, "communication-interrupted: silent")
	gone := s.done(s.change(s.main, k, update1(del(k, base.name, zone.TypeANY, ""))))
	alias := s.done(s.change(s.main, k, update1(add(k, "x0", zone.TypeCNAME, 60, "www.example."))))
	s.pass(time.Second)
	other := s.done(s.change(s.backup, k, update1(add(k, "x0", zone.TypeA, 60, "10.1.0.1"))))
	if alias.serial%2 != 0 || other.serial%2 != 1 {
		t.Errorf("serials while parted: main %d, backup %d", alias.serial, other.serial)
	}
	s.heal()
	s.everywhere(40*time.Second, a, b)
	if s.sees(s.main, base) || !gone.done {
		t.Error("a deletion did not hold")
	}
	if !s.noted(s.main, pair.SyncMerged) || !s.noted(s.main, pair.Conflicted) {
		t.Error("nothing was merged, or no conflict noted")
	}
	s.loser(k, "x0", pairmsg.Backup, zone.TypeCNAME) // the later one won
}

// loser: there is one conflict at a name, with that winner, and it keeps a record of a type.
func (s *scene) loser(k, name string, winner pairmsg.Role, t zone.Type) merge.Conflict {
	s.t.Helper()
	var found []merge.Conflict
	for _, c := range s.conflicts {
		if c.Name.Equal(owner(k, name)) {
			found = append(found, c.Conflict)
		}
	}
	if len(found) != 1 || found[0].Winner != winner || len(found[0].Lost) == 0 || found[0].Lost[0].Type != t {
		s.t.Fatalf("conflicts at %s: %+v, want one won by %v that keeps a %v", name, found, winner, t)
	}
	return found[0]
}

// | clients cannot reach M, link up | forward: yes; drop: no, alarm | B | all | - |
func TestRowClientsCannotReachMain(t *testing.T) {
	s := newScene(t, options{})
	s.answersThroughout(s.main, s.backup)
	for range 20 {
		b := s.add(s.backup)
		s.pass(4 * time.Second)
		if b.outcome != pair.AtBackup {
			t.Fatalf("outcome %d; only the main may take it while it is there", b.outcome)
		}
	}
	s.moved(s.backup)
}

// | M's disk full, EIO, hung | B within 3 s | M from memory, B | all answered | - |
func TestRowMainsDiskFull(t *testing.T) {
	s := newScene(t, options{})
	a := s.done(s.add(s.main))
	s.answersThroughout(s.main, s.backup)
	s.main.disk.full = true
	lost := s.add(s.main)
	b, took := s.accepted(s.backup, 3*time.Second)
	if took > 3*time.Second || lost.outcome != pair.Failed {
		t.Errorf("the backup took a change after %v, the main answered with %d", took, lost.outcome)
	}
	s.moved(s.backup, "communication-interrupted: partner-unfit")
	s.moved(s.main, "communication-interrupted: unfit")
	if !s.sees(s.main, a) || !s.alarm(s.main, "unfit") || !s.alarm(s.backup, "partner-unfit") {
		t.Error("the main does not answer from memory, or there is no alarm")
	}
	s.main.mustShow = false
	s.main.crash(true)
	s.main.disk.full = false
	s.main.start()
	s.everywhere(10*time.Second, a, b)
}

func TestRowMainsDiskHangs(t *testing.T) {
	s := newScene(t, options{})
	a := s.done(s.add(s.main))
	s.answersThroughout(s.main, s.backup)
	s.main.disk.hangs = s.w.Now().Add(10 * time.Second)
	held := s.add(s.main)
	b, took := s.accepted(s.backup, 3*time.Second)
	if took > 3*time.Second {
		t.Errorf("the backup took a change after %v", took)
	}
	s.moved(s.backup, "communication-interrupted: partner-unfit")
	s.everywhere(20*time.Second, a, b)
	if held.outcome == 0 {
		t.Error("a change was never answered")
	}
	s.moved(s.main, "communication-interrupted: unfit", "negotiating: contact", "normal: ready")
}

// | one disk lost | survivor | SERVFAIL there until seeded | all with copies 2 | seeding time |
func TestRowOneDiskLost(t *testing.T) {
	for i := range 2 {
		s := newScene(t, options{})
		a := s.done(s.add(s.main))
		lost, survivor := s.nodes[i], s.nodes[1-i]
		s.answersThroughout(survivor)
		s.loses(lost, nil)
		b, _ := s.accepted(survivor, 2*time.Second)
		lost.start()
		for !s.both() {
			if z := lost.tip(s.zones[0]); z != nil && !s.sees(lost, a) {
				t.Fatal("what is not seeded yet is shown")
			}
			s.pass(time.Millisecond)
		}
		s.everywhere(5*time.Second, a, b)
	}
}

// loses replaces a disk while its process is dead.
func (s *scene) loses(n *node, kept *store) {
	n.crash(true)
	s.diskFault(n, kept)
	n.disk.durable, n.restored, n.disk.lost = kept, kept != nil, s.w.Now()
}

// | M's disk lost while copies 1 | B | B | all up to the alarm's serial | what was owed is lost; the last confirmed serial is known |
func TestRowMainsDiskLostWhileOneCopy(t *testing.T) {
	s := newScene(t, options{})
	a := s.done(s.add(s.main))
	s.pass(time.Second)
	s.link.cut = [2]bool{true, true}
	owed := s.done(s.add(s.main))
	if !s.alarm(s.main, "copies-1") || owed.copies != 1 {
		t.Fatalf("no alarm, or %d copies", owed.copies)
	}
	s.within(40*time.Second, "interrupted", func() bool { return s.main.state() == pairmsg.Interrupted })
	if agreed := s.main.m.Status().Zones[0].Agreed; agreed.Serial != a.serial {
		t.Errorf("the last confirmed serial is said to be %d, it is %d", agreed.Serial, a.serial)
	}
	s.answersThroughout(s.backup)
	s.loses(s.main, nil)
	s.heal()
	b, _ := s.accepted(s.backup, 35*time.Second)
	s.main.start()
	s.everywhere(40*time.Second, a, b)
	if s.sees(s.backup, owed) || !owed.spared {
		t.Error("what was only on the lost disk cannot be there")
	}
}

// | a snapshot restored | partner; the restored side waits for a full sync | SERVFAIL there | all the partner has | - |
func TestRowSnapshotRestored(t *testing.T) {
	for i := range 2 {
		s := newScene(t, options{})
		a := s.done(s.add(s.main))
		s.pass(15 * time.Second)
		n, partner := s.nodes[i], s.nodes[1-i]
		old := n.disk.durable.clone()
		b := s.done(s.add(s.main))
		s.pass(15 * time.Second)
		s.answersThroughout(partner)
		s.loses(n, old)
		n.start()
		s.within(time.Second, "the restored side knows", func() bool { return s.noted(n, pair.RolledBack) })
		if n.tip(s.zones[0]) != nil {
			t.Error("a rolled back zone is shown")
		}
		if i == 0 {
			if c := s.add(n); c.ran {
				t.Error("a rolled back zone is changed")
			}
		}
		s.everywhere(10*time.Second, a, b)
	}
}

// Limits: a restored snapshot that serves alone cannot be noticed before they meet; what it acknowledged meanwhile is kept as conflicts.
func TestRowSnapshotRestoredServesAlone(t *testing.T) {
	for i := range 2 {
		s := newScene(t, options{})
		a := s.done(s.add(s.main))
		s.pass(15 * time.Second)
		n := s.nodes[i]
		old := n.disk.durable.clone()
		var later []*tried
		for range 12 {
			later = append(later, s.done(s.add(s.main)))
		}
		s.pass(15 * time.Second)
		s.link.cut = [2]bool{true, true}
		s.loses(n, old)
		n.start()
		alone, _ := s.accepted(n, 35*time.Second)
		gone := s.done(s.change(n, s.zones[0], update1(del(s.zones[0], a.name, zone.TypeANY, ""))))
		s.heal()
		s.everywhere(70*time.Second, append(later, a)...)
		if !s.noted(n, pair.RolledBack) || s.sees(n, alone) || !gone.done {
			t.Error("the restored side was not noticed, or its content did not give way")
		}
		if len(s.conflicts) != 2 {
			t.Errorf("conflicts: %+v", s.conflicts)
		}
	}
}

// | both lose power | none until both are back, or 30 s alone | at once from disk (up to SOA EXPIRE) | all | - |
func TestRowBothLosePower(t *testing.T) {
	s := newScene(t, options{})
	a := s.done(s.add(s.main))
	for _, n := range s.nodes {
		n.crash(false)
	}
	s.pass(time.Second)
	s.main.start()
	if !s.sees(s.main, a) {
		t.Error("nothing is answered from the disk")
	}
	early := s.add(s.main)
	s.within(2*time.Second, "the answer", func() bool { return early.outcome != 0 })
	if early.outcome != pair.NotAccepting || early.why != pair.InStartup {
		t.Errorf("outcome %d (%v) before the partner is back", early.outcome, early.why)
	}
	b, took := s.accepted(s.main, 35*time.Second)
	if took < 25*time.Second {
		t.Errorf("alone after %v", took)
	}
	s.moved(s.main, "communication-interrupted: grace-over")
	s.backup.start()
	s.everywhere(40*time.Second, a, b)

	for _, n := range s.nodes {
		n.crash(false)
	}
	s.main.start()
	s.pass(time.Second)
	s.backup.start()
	c, took := s.accepted(s.main, 35*time.Second)
	if took > 2*time.Second {
		t.Errorf("both are back, and a change is taken after %v", took)
	}
	s.everywhere(time.Second, a, b, c)
}

// H-g: alone with data older than the SOA's EXPIRE: SERVFAIL and no updates, until contact or serve-alone.
func TestRowBothLosePowerTooOld(t *testing.T) {
	for _, byOperator := range []bool{true, false} {
		s := newScene(t, options{expire: 86400})
		a := s.done(s.add(s.main))
		for _, n := range s.nodes {
			n.crash(false)
		}
		s.pass(25 * time.Hour)
		s.main.start()
		s.within(35*time.Second, "it is alone", func() bool { return s.main.state() == pairmsg.Interrupted })
		if s.main.tip(s.zones[0]) != nil || !s.alarm(s.main, "expired") {
			t.Error("an expired zone is answered, or there is no alarm")
		}
		no := s.add(s.main)
		s.within(2*time.Second, "the answer", func() bool { return no.outcome != 0 })
		if no.outcome != pair.NotAccepting || no.why != pair.ZoneExpired {
			t.Errorf("outcome %d (%v)", no.outcome, no.why)
		}
		if byOperator {
			s.main.operate(pair.Operate{Command: pair.ServeAlone, Reason: "the other one burnt"}, func(refused string) {
				if refused != "" {
					t.Error(refused)
				}
			})
			s.done(s.add(s.main))
		}
		s.backup.start()
		s.everywhere(40*time.Second, a)
	}
}

// | false partner-down | as link cut | as link cut | as link cut | whole-zone compare |
func TestRowFalsePartnerDown(t *testing.T) {
	s := newScene(t, options{})
	k := s.zones[0]
	base := s.done(s.add(s.main))
	s.answersThroughout(s.main, s.backup)
	s.main.operate(pair.Operate{Command: pair.SetPartnerDown}, func(refused string) {
		if refused == "" {
			t.Error("partner-down from normal")
		}
	})
	s.part()
	s.backup.operate(pair.Operate{Command: pair.SetPartnerDown}, func(refused string) {
		if refused != "" {
			t.Error(refused)
		}
	})
	s.moved(s.backup, "communication-interrupted: silent", "partner-down: operator")
	a, _ := s.accepted(s.main, time.Second)
	b, _ := s.accepted(s.backup, time.Second)
	s.done(s.change(s.backup, k, update1(del(k, base.name, zone.TypeANY, ""))))
	s.backup.crash(true)
	s.pass(time.Second)
	s.backup.start()
	s.within(35*time.Second, "partner-down survives a restart", func() bool { return s.backup.state() == pairmsg.PartnerDown })
	s.heal()
	s.everywhere(70*time.Second, a, b)
	if s.sees(s.main, base) {
		t.Error("a deletion did not hold")
	}
	if !s.noted(s.main, pair.SyncWhole) {
		t.Error("the zones were not compared whole")
	}
}

// | a zone synchronises | that zone: within 1 s, then SERVFAIL or silence | yes | all | others unaffected |
func TestRowZoneSynchronises(t *testing.T) {
	s := newScene(t, options{zones: 2})
	s.part()
	a := s.done(s.add(s.main))
	s.answersThroughout(s.main, s.backup)
	s.link.delay = [2]time.Duration{1500 * time.Millisecond, 1500 * time.Millisecond}
	s.heal()
	s.within(90*time.Second, "the zone synchronises", func() bool { return s.main.m.Status().Zones[0].Sync == pair.Synchronizing })
	held := s.add(s.main)
	other := s.addTo(s.main, s.zones[1])
	s.within(2*time.Second, "the answer", func() bool { return held.outcome != 0 && other.outcome != 0 })
	if held.outcome != pair.NotAccepting || held.why != pair.ZoneSynchronizing || held.took < time.Second || held.took > 1100*time.Millisecond {
		t.Errorf("outcome %d (%v) after %v", held.outcome, held.why, held.took)
	}
	if other.outcome != pair.Done || other.took > 1100*time.Millisecond {
		t.Errorf("the other zone: outcome %d (%v) after %v", other.outcome, other.why, other.took)
	}
	s.link.delay = [2]time.Duration{time.Millisecond, 4 * time.Millisecond}
	s.everywhere(20*time.Second, a, other)

	// What can be taken within the second is taken.
	s.part()
	b := s.done(s.add(s.main))
	s.link.delay = [2]time.Duration{200 * time.Millisecond, 200 * time.Millisecond}
	s.heal()
	s.within(90*time.Second, "the zone synchronises", func() bool { return s.main.m.Status().Zones[0].Sync == pair.Synchronizing })
	c := s.done(s.add(s.main))
	s.everywhere(20*time.Second, a, b, c)
}

// | clocks over 60 s apart | as normal | yes | as its row | conflicts go to M |
func TestRowClocksApart(t *testing.T) {
	s := newScene(t, options{})
	k := s.zones[0]
	s.backup.wall.Jump(2 * time.Minute)
	s.pass(30 * time.Second)
	if !s.alarm(s.main, "clock-skew") || !s.noted(s.main, pair.ClockSkew) {
		t.Error("no alarm")
	}
	a := s.done(s.add(s.main))
	s.part()
	s.done(s.change(s.main, k, update1(add(k, "x0", zone.TypeCNAME, 60, "www.example."))))
	s.pass(time.Second)
	s.done(s.change(s.backup, k, update1(add(k, "x0", zone.TypeA, 60, "10.1.0.1"))))
	s.heal()
	s.everywhere(70*time.Second, a)
	s.loser(k, "x0", pairmsg.Main, zone.TypeA) // though the backup's is later
}
