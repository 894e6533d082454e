package pair

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"loadshare/haserver/digest"
	"loadshare/haserver/pairmsg"
)

// refs 10.1: "both up: Startup -> Negotiating -> Normal on both; all zones sync-complete".
func TestBothUpReachNormal(t *testing.T) {
	d := newDuo(t)
	d.equal()
}

// refs 10.2 and H-a: NOERROR when it is durable on both.
func TestUpdateAtMainIsOnBothBeforeItIsAnswered(t *testing.T) {
	d := newDuo(t)
	d.nodes[1].holdDisk = true
	c := d.do(0, "new A 192.0.2.50")
	d.wantOutcome(c, 0, NoReason)
	if z := d.nodes[0].shown[testZone]; has(z, "new.example.test. 5 IN A 192.0.2.50") {
		t.Fatal("seen before it is committed (H-b)")
	}
	d.nodes[1].holdDisk = false
	d.settle()
	d.wantOutcome(c, Done, NoReason)
	if c.Copies != 2 || c.Serial != 11 {
		t.Fatalf("%+v", c)
	}
	d.wantRecord(d.equal(), "new.example.test. 5 IN A 192.0.2.50", true)
}

// H-a: after ack_timeout the backup is marked behind, then answers need one copy; the mark goes at owed 0.
func TestBackupThatDoesNotConfirmIsMarkedBehind(t *testing.T) {
	d := newDuo(t)
	d.nodes[1].holdDisk = true
	c := d.do(0, "new A 192.0.2.50")
	d.pass(900 * time.Millisecond)
	d.wantOutcome(c, 0, NoReason)
	d.pass(200 * time.Millisecond)
	d.wantOutcome(c, Done, NoReason)
	if c.Copies != 1 || d.nodes[0].saved.Behind == 0 {
		t.Fatalf("copies %d, behind %d", c.Copies, d.nodes[0].saved.Behind)
	}
	next := d.do(0, "new A 192.0.2.51")
	d.wantOutcome(next, Done, NoReason)
	if s := d.nodes[0].m.Status(); s.Copies != 1 || s.Owed != 2 || s.State != pairmsg.Normal {
		t.Fatalf("%+v", s)
	}
	d.nodes[1].holdDisk = false
	d.settle()
	if s := d.nodes[0].m.Status(); s.Copies != 2 || s.Owed != 0 || len(s.Alarms) != 0 {
		t.Fatalf("%+v", s)
	}
	d.equal()
}

// refs 10.3: an update at the backup in normal changes nothing.
func TestUpdateAtBackupInNormal(t *testing.T) {
	d := newDuo(t)
	d.wantOutcome(d.do(1, "new A 192.0.2.50"), AtBackup, NoReason)
	d.equal()
}

// H-e: three refused connections within 1 s; H-c: the backup's serial jumps; H28: back to normal by itself.
func TestMainDiesAndReturns(t *testing.T) {
	d := newDuo(t)
	d.do(0, "one A 192.0.2.50")
	d.kill(0)
	d.pass(time.Second)
	d.want(1, pairmsg.Interrupted, ConnRefused)
	c := d.do(1, "two A 192.0.2.51")
	d.wantOutcome(c, Done, NoReason)
	if c.Serial < 11+stride || c.Serial%2 != 1 {
		t.Fatalf("serial %d", c.Serial)
	}
	d.start(0)
	z := d.equal()
	d.wantRecord(z, "one.example.test. 5 IN A 192.0.2.50", true)
	d.wantRecord(z, "two.example.test. 5 IN A 192.0.2.51", true)
	d.wantOutcome(d.do(0, "three A 192.0.2.52"), Done, NoReason)
	d.equal()
}

// refs 10.6: "kill backup, updates at main, backup returns: all on backup; incremental".
func TestBackupDiesAndReturns(t *testing.T) {
	d := newDuo(t)
	d.kill(1)
	for _, l := range []string{"a A 192.0.2.60", "b A 192.0.2.61", "-a A 192.0.2.60"} {
		c := d.do(0, l)
		d.pass(1100 * time.Millisecond)
		d.wantOutcome(c, Done, NoReason)
	}
	d.want(0, pairmsg.Interrupted, ConnRefused)
	d.start(1)
	d.wantRecord(d.equal(), "b.example.test. 5 IN A 192.0.2.61", true)
	if d.nodes[0].m.saved.Behind != 0 {
		t.Error("still behind")
	}
}

// refs 10.7 and H-d: both sides' additions and removals hold.
func TestCutAndMerged(t *testing.T) {
	d := newDuo(t)
	d.cut = true
	d.pass(31 * time.Second)
	d.want(0, pairmsg.Interrupted, Silent)
	d.want(1, pairmsg.Interrupted, Silent)
	d.wantOutcome(d.do(0, "-www A 192.0.2.11"), Done, NoReason)
	d.wantOutcome(d.do(0, "m A 192.0.2.70"), Done, NoReason)
	d.wantOutcome(d.do(1, "b A 192.0.2.71"), Done, NoReason)
	d.cut = false
	d.pass(61 * time.Second)
	z := d.equal()
	d.wantRecord(z, "www.example.test. 60 IN A 192.0.2.11", false)
	d.wantRecord(z, "m.example.test. 5 IN A 192.0.2.70", true)
	d.wantRecord(z, "b.example.test. 5 IN A 192.0.2.71", true)
	if len(d.nodes[0].lost) != 0 {
		t.Errorf("conflicts %v", d.nodes[0].lost)
	}
}

// refs 10.10: partner-down only from communication-interrupted; afterwards whole zones are compared.
func TestPartnerDown(t *testing.T) {
	d := newDuo(t)
	d.nodes[0].step(Operate{ID: 1, Command: SetPartnerDown})
	if r := d.nodes[0].replies; len(r) != 1 || r[0].Refused == "" {
		t.Fatalf("%v", r)
	}
	d.kill(0)
	d.pass(2 * time.Second)
	d.nodes[1].step(Operate{ID: 2, Command: SetPartnerDown})
	d.settle()
	d.want(1, pairmsg.PartnerDown, OperatorSaysDown)
	d.do(1, "-www A 192.0.2.12")
	d.do(1, "new A 192.0.2.80")
	d.kill(1)
	d.start(1)
	d.pass(31 * time.Second)
	d.want(1, pairmsg.PartnerDown, Resumed)
	d.start(0)
	z := d.equal()
	d.wantRecord(z, "www.example.test. 60 IN A 192.0.2.12", false)
	d.wantRecord(z, "new.example.test. 5 IN A 192.0.2.80", true)
	if d.nodes[1].saved.Whole {
		t.Error("still to be compared as a whole")
	}
}

// H-h: a restored snapshot is found, and nothing of it is served.
func TestRestoredSnapshotIsRolledBack(t *testing.T) {
	d := newDuo(t)
	d.do(0, "one A 192.0.2.50")
	before := d.nodes[0].saved
	old := *d.nodes[0].zones[testZone]
	for _, l := range []string{"two A 192.0.2.51", "three A 192.0.2.52"} {
		d.do(0, l)
	}
	d.pass(13 * time.Second)
	d.kill(0)
	d.nodes[0].saved, d.nodes[0].zones[testZone] = before, &old
	d.start(0)
	d.wantRecord(d.equal(), "three.example.test. 5 IN A 192.0.2.52", true)
}

// H-h: "What is changed before it is heard in this run does not" count: a restored store that makes as many changes alone as the partner had
// seen of the one that was, in however many runs, is found all the same. A store that was not put back never is, whatever it does alone.
func TestChangesAloneDoNotHideARestoredSnapshot(t *testing.T) {
	for _, restored := range []bool{true, false} {
		d := newDuo(t)
		d.do(0, "one A 192.0.2.50")
		before := d.nodes[0].saved
		old := *d.nodes[0].zones[testZone]
		for _, l := range []string{"two A 192.0.2.51", "three A 192.0.2.52"} {
			d.do(0, l)
		}
		d.pass(13 * time.Second)
		d.kill(0)
		if restored {
			d.nodes[0].saved, d.nodes[0].zones[testZone] = before, &old
		}
		d.cut = true
		for _, lines := range [][]string{{"a A 192.0.2.60", "b A 192.0.2.61"}, {"c A 192.0.2.62", "d A 192.0.2.63", "e A 192.0.2.64"}} {
			d.start(0)
			d.pass(31 * time.Second)
			for _, l := range lines {
				d.wantOutcome(d.do(0, l), Done, NoReason)
			}
			d.kill(0)
		}
		d.cut = false
		d.start(0)
		d.pass(70 * time.Second)
		z := d.equal()
		d.wantRecord(z, "three.example.test. 5 IN A 192.0.2.52", true)
		d.wantRecord(z, "a.example.test. 5 IN A 192.0.2.60", !restored)
		if found := strings.Contains(strings.Join(d.notes, "\n"), RolledBack.String()); found != restored {
			t.Errorf("restored: %t, found to be: %t\n%s", restored, found, strings.Join(d.notes, "\n"))
		}
	}
}

// A store as it was before changes that were made alone, and that the partner got when they met, is older than what the partner has seen.
func TestChangesAloneCountOnceThePartnerIsHeard(t *testing.T) {
	d := newDuo(t)
	d.do(0, "one A 192.0.2.50")
	d.pass(13 * time.Second)
	d.cut = true
	d.kill(0)
	d.start(0)
	d.pass(31 * time.Second)
	before := d.nodes[0].saved
	old := *d.nodes[0].zones[testZone]
	d.wantOutcome(d.do(0, "two A 192.0.2.51"), Done, NoReason)
	d.cut = false
	d.pass(70 * time.Second)
	d.equal()
	d.kill(0)
	d.nodes[0].saved, d.nodes[0].zones[testZone] = before, &old
	d.start(0)
	d.pass(70 * time.Second)
	d.wantRecord(d.equal(), "two.example.test. 5 IN A 192.0.2.51", true)
	if !strings.Contains(strings.Join(d.notes, "\n"), RolledBack.String()) {
		t.Errorf("not found to be rolled back\n%s", strings.Join(d.notes, "\n"))
	}
}

// Digests of a content that is history say nothing of the present: a disk hung, another audit was begun, and the first one ends (the
// simulation's seed 10648: the alarm drift, and nothing had drifted).
func TestAuditThatTookTooLong(t *testing.T) {
	d := newDuo(t)
	m := d.nodes[1].m
	z := m.zones[testZone]
	old := z.tip
	d.do(0, "one A 192.0.2.50")
	z.auditTip, z.auditPoint = z.tip, z.point
	d.nodes[1].step(Content{Zone: testZone, Parts: digest.Parts(old), Whole: old})
	d.nodes[1].step(Content{Zone: testZone, Parts: digest.Parts(z.tip), Whole: z.tip})
	d.settle()
	if text := strings.Join(d.notes, "\n"); strings.Contains(text, DamagedZone.String()) || z.auditTip != nil {
		t.Error(text)
	}
	z.auditTip, z.auditPoint = z.tip, z.point
	d.nodes[1].step(Content{Zone: testZone, Parts: digest.Parts(old), Whole: z.tip})
	d.settle()
	if text := strings.Join(d.notes, "\n"); !strings.Contains(text, DamagedZone.String()) {
		t.Error(text)
	}
	d.equal()
}

// One disk lost: the survivor's content, whatever the zone file says.
func TestLostDisk(t *testing.T) {
	for i := range 2 {
		d := newDuo(t)
		d.do(0, "one A 192.0.2.50")
		d.kill(i)
		d.pass(2 * time.Second)
		d.wantOutcome(d.do(1-i, "two A 192.0.2.51"), Done, NoReason)
		n := d.nodes[i]
		fresh := newDuo(t).nodes[i]
		z := load(t, baseText)
		n.saved = Saved{Store: pairmsg.StoreID{9}}
		*n.zones[testZone] = stored{tip: z, point: fresh.zones[testZone].point, saved: ZoneSaved{Flags: pairmsg.Fresh}}
		d.start(i)
		e := d.equal()
		d.wantRecord(e, "one.example.test. 5 IN A 192.0.2.50", true)
		d.wantRecord(e, "two.example.test. 5 IN A 192.0.2.51", true)
	}
}

// A backup without zones is seeded.
func TestNewBackupIsSeeded(t *testing.T) {
	d := newDuo(t, func(d *duo) { d.nodes[1].zones = map[string]*stored{} })
	d.equal()
	d.wantOutcome(d.do(0, "one A 192.0.2.50"), Done, NoReason)
	d.equal()
}

// ha swap: roles are exchanged from normal; serials go on.
func TestSwap(t *testing.T) {
	for by := range 2 {
		d := newDuo(t)
		d.nodes[by].step(Operate{ID: 7, Command: Swap})
		d.settle()
		if r := d.nodes[by].replies; len(r) != 1 || r[0].Refused != "" {
			t.Fatalf("by %d: %v\n%v", by, r, d.notes)
		}
		d.wantOutcome(d.do(0, "x A 192.0.2.90"), AtBackup, NoReason)
		d.wantOutcome(d.do(1, "x A 192.0.2.90"), Done, NoReason)
		d.equal()
		d.kill(0)
		d.start(0)
		d.equal()
		d.wantOutcome(d.do(1, "y A 192.0.2.91"), Done, NoReason)
		d.equal()
	}
}

// H-i: a main whose disk fails stops, and the backup takes updates at once.
func TestUnfitMain(t *testing.T) {
	d := newDuo(t)
	d.nodes[0].step(WriteFailed{"disk full"})
	d.settle()
	d.want(0, pairmsg.Interrupted, OwnUnfit)
	d.want(1, pairmsg.Interrupted, PartnerUnfit)
	d.wantOutcome(d.do(1, "x A 192.0.2.90"), Done, NoReason)
	c := d.do(0, "y A 192.0.2.90")
	d.wantOutcome(c, NotAccepting, StorageFailed)
	d.kill(0)
	d.start(0)
	d.wantRecord(d.equal(), "x.example.test. 5 IN A 192.0.2.90", true)
}

// A hang of the disk ends by itself.
func TestUnfitAndFitAgain(t *testing.T) {
	d := newDuo(t)
	d.nodes[0].step(Unfit{"fsync hangs"})
	d.settle()
	d.want(1, pairmsg.Interrupted, PartnerUnfit)
	d.wantOutcome(d.do(1, "x A 192.0.2.90"), Done, NoReason)
	d.pass(20 * time.Second)
	d.nodes[0].step(Unfit{})
	d.settle()
	d.wantRecord(d.equal(), "x.example.test. 5 IN A 192.0.2.90", true)
}

// An orderly stop: the partner takes over at once and its serial does not jump.
func TestOrderlyStop(t *testing.T) {
	d := newDuo(t)
	d.do(0, "one A 192.0.2.50")
	d.nodes[0].step(Stop{})
	d.settle()
	if !d.nodes[0].out.Stopped {
		t.Fatal("not stopped")
	}
	d.want(1, pairmsg.Interrupted, PartnerStopped)
	c := d.do(1, "two A 192.0.2.51")
	if c.Outcome != Done || c.Serial != 13 {
		t.Fatalf("%+v", c)
	}
	d.kill(0)
	d.start(0)
	d.equal()
}

// The start without a partner: after comm_timeout the server works alone.
func TestAloneAfterTheGrace(t *testing.T) {
	d := newDuo(t, func(d *duo) { d.dead[1] = true })
	c := d.ask(0, "x A 192.0.2.90")
	d.pass(2 * time.Second)
	d.wantOutcome(c, NotAccepting, InStartup)
	d.pass(30 * time.Second)
	d.want(0, pairmsg.Interrupted, GraceOver)
	d.wantOutcome(d.do(0, "x A 192.0.2.90"), Done, NoReason)
}

// H-f: an update for a zone that synchronises "is held up to 1 s" and then taken.
func TestHeldWhileAZoneSynchronises(t *testing.T) {
	d := newDuo(t)
	d.kill(1)
	d.pass(2 * time.Second)
	d.do(0, "a A 192.0.2.60")
	d.nodes[1].holdDisk = true
	d.start(1)
	d.nodes[1].holdDisk = false
	for range 100 {
		if d.nodes[0].m.zones[testZone].sync == Synchronizing {
			break
		}
		d.deliver()
		if d.nodes[0].m.zones[testZone].sync != Synchronizing {
			d.nodes[1].persist()
			d.nodes[0].persist()
		}
	}
	if s := d.nodes[0].m.zones[testZone].sync; s != Synchronizing {
		t.Fatalf("%s", s)
	}
	c := d.ask(0, "b A 192.0.2.61")
	d.wantOutcome(c, 0, NoReason)
	d.settle()
	d.wantOutcome(c, Done, NoReason)
	d.wantRecord(d.equal(), "b.example.test. 5 IN A 192.0.2.61", true)
}

// H-g: alone with data older than EXPIRE: SERVFAIL, no updates, until contact or serve-alone.
func TestAloneWithOldData(t *testing.T) {
	d := newDuo(t)
	d.do(0, "one A 192.0.2.50")
	d.kill(0)
	d.kill(1)
	d.now += 2 * 24 * time.Hour
	d.start(0)
	d.pass(31 * time.Second)
	d.want(0, pairmsg.Interrupted, GraceOver)
	if why := d.nodes[0].hidden[testZone]; why != ZoneExpired {
		t.Fatalf("hidden because %q", why)
	}
	c := d.ask(0, "x A 192.0.2.90")
	d.pass(2 * time.Second)
	d.wantOutcome(c, NotAccepting, ZoneExpired)
	d.nodes[0].step(Operate{ID: 1, Command: ServeAlone, Reason: "the other one burnt"})
	d.settle()
	d.wantOutcome(d.do(0, "x A 192.0.2.90"), Done, NoReason)
	if d.nodes[0].shown[testZone] == nil {
		t.Fatal("not served")
	}
	d.start(1)
	d.equal()
}

// Heartbeats carry digests: a backup that has silently become different is found, named and healed.
func TestDriftIsHealed(t *testing.T) {
	d := newDuo(t)
	d.do(0, "one A 192.0.2.50")
	other := load(t, baseText+"drift A 192.0.2.99\n").With(11)
	z := d.nodes[1].m.zones[testZone]
	z.tip = other
	z.point.Digest[0]++
	z.point = pairmsg.Point{Serial: 11, Digest: digest.Of(other)}
	d.nodes[1].zones[testZone].tip, d.nodes[1].zones[testZone].point = other, z.point
	d.pass(13 * time.Second)
	if !strings.Contains(strings.Join(d.notes, "\n"), "1 drift") {
		t.Fatalf("not named:\n%s", strings.Join(d.notes, "\n"))
	}
	e := d.equal()
	d.wantRecord(e, "one.example.test. 5 IN A 192.0.2.50", true)
	for _, n := range d.nodes {
		if a := n.m.Status().Alarms; len(a) == 0 || a[0].Name != "drift" {
			t.Errorf("node %d: alarms %v", n.i, a)
		}
	}
}

// H-a: ack = "strict" answers SERVFAIL instead of with one copy, and takes nothing more until the backup confirms.
func TestStrict(t *testing.T) {
	d := newDuo(t, func(d *duo) { d.nodes[0].cfg.Strict, d.nodes[1].cfg.Strict = true, true })
	d.nodes[1].holdDisk = true
	c := d.do(0, "a A 192.0.2.50")
	d.pass(1100 * time.Millisecond)
	d.wantOutcome(c, Unacknowledged, NoSecondCopy)
	if has(d.nodes[0].shown[testZone], "a.example.test. 5 IN A 192.0.2.50") {
		t.Error("seen with one copy")
	}
	later := d.ask(0, "b A 192.0.2.51")
	d.pass(1100 * time.Millisecond)
	d.wantOutcome(later, NotAccepting, NoSecondCopy)
	d.nodes[1].holdDisk = false
	d.settle()
	d.wantRecord(d.equal(), "a.example.test. 5 IN A 192.0.2.50", true)
	d.kill(1)
	d.pass(2 * time.Second)
	last := d.ask(0, "c A 192.0.2.52")
	d.pass(1100 * time.Millisecond)
	d.wantOutcome(last, NotAccepting, NoSecondCopy)
}

// refs 10.14: two that do not go together (one role twice, one store twice) both stay in startup and take no updates, however long the connections
// are refused: two of one role would name two contents with one serial. The alarm says why, until it is mended.
func TestRoleClash(t *testing.T) {
	for name, c := range map[string]struct {
		wrong, right func(*duo)
		note, alarm  string
	}{
		"role": {func(d *duo) { d.nodes[1].cfg.Role = pairmsg.Main }, func(d *duo) { d.nodes[1].cfg.Role = pairmsg.Backup }, "role-clash", "both configurations say main"},
		"store": {func(d *duo) { d.nodes[1].saved.Store = d.nodes[0].saved.Store }, func(d *duo) { d.nodes[1].saved.Store[0] = 9 }, "same-store",
			"a state directory must not be copied"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDuo(t, c.wrong)
			d.pass(2 * time.Minute)
			for i := range 2 {
				st := d.nodes[i].m.Status()
				if st.State != pairmsg.Startup || st.Accepting {
					t.Errorf("%d is in %s, accepting %t", i, st.State, st.Accepting)
				}
				if !slices.ContainsFunc(st.Alarms, func(a Alarm) bool { return a.Name == "refused" && strings.Contains(a.Text, c.alarm) }) {
					t.Errorf("%d: alarms %v", i, st.Alarms)
				}
			}
			if !strings.Contains(strings.Join(d.notes, "\n"), c.note) {
				t.Error("not said")
			}
			d.kill(1)
			c.right(d)
			d.start(1)
			d.pass(2 * time.Minute)
			for i := range 2 {
				if st := d.nodes[i].m.Status(); st.State != pairmsg.Normal || len(st.Alarms) > 0 {
					t.Errorf("mended: %d is in %s, alarms %v", i, st.State, st.Alarms)
				}
			}
		})
	}
}

// H-e: a reset alone does not part the pair, and costs no update.
func TestResetKeepsNormal(t *testing.T) {
	d := newDuo(t)
	d.pass(2 * time.Second)
	s := d.nodes[0].session
	d.nodes[0].session, d.nodes[1].session = 0, 0
	d.nodes[0].step(Lost{s})
	c := d.ask(0, "a A 192.0.2.50")
	d.nodes[1].step(Lost{s})
	d.settle()
	d.pass(10 * time.Millisecond)
	d.wantOutcome(c, Done, NoReason)
	if c.Copies != 2 {
		t.Errorf("copies %d", c.Copies)
	}
	d.wantRecord(d.equal(), "a.example.test. 5 IN A 192.0.2.50", true)
	if strings.Contains(strings.Join(d.notes, "\n"), "interrupted") {
		t.Errorf("parted:\n%s", strings.Join(d.notes, "\n"))
	}
}

// H-b: a crashed main never uses for other content a serial that its backup may have seen.
func TestSerialsAreReserved(t *testing.T) {
	d := newDuo(t)
	d.do(0, "one A 192.0.2.50") // the reservation is on disk with it
	d.nodes[0].holdDisk = true
	d.ask(0, "two A 192.0.2.51")
	d.settle()
	if s := d.nodes[1].m.zones[testZone].point.Serial; s != 12 {
		t.Fatalf("not shipped beside the fsync: the backup is at %d", s)
	}
	d.nodes[0].holdDisk = false
	d.kill(0)
	d.dead[1] = true // and the link is away when it starts
	d.start(0)
	d.pass(31 * time.Second)
	c := d.do(0, "three A 192.0.2.52")
	if c.Outcome != Done || c.Serial <= 12 || c.Serial%2 != 0 {
		t.Fatalf("%+v", c)
	}
	d.start(1)
	z := d.equal()
	d.wantRecord(z, "two.example.test. 5 IN A 192.0.2.51", true)
	d.wantRecord(z, "three.example.test. 5 IN A 192.0.2.52", true)
}

// "zone sync --from backup" takes the backup's content, and no acknowledged update with it: what is under way reaches the backup first, what comes
// later is held.
func TestSyncFromBackupKeepsWhatIsAcknowledged(t *testing.T) {
	d := newDuo(t)
	d.pass(2 * time.Second)
	d.nodes[1].holdDisk = true
	before := d.ask(0, "before A 192.0.2.50")
	d.deliver()
	d.nodes[0].step(Operate{ID: 5, Command: SyncNow, Source: pairmsg.FromBackup})
	d.deliver()
	during := d.ask(0, "during A 192.0.2.51")
	d.wantOutcome(during, 0, NoReason)
	d.nodes[1].holdDisk = false
	d.settle()
	d.wantOutcome(before, Done, NoReason)
	d.wantOutcome(during, Done, NoReason)
	z := d.equal()
	d.wantRecord(z, "before.example.test. 5 IN A 192.0.2.50", true)
	d.wantRecord(z, "during.example.test. 5 IN A 192.0.2.51", true)
}

// "A zone synchronises: other zones notice nothing": a change too large for a message reaches the backup as a copy, which is put together beside
// its loop, and never as one step that the loop would have to carry out; what came in between is replayed.
func TestLargeChangeIsCopied(t *testing.T) {
	d := newDuo(t)
	d.pass(2 * time.Second)
	lines := make([]string, 20_000)
	for i := range lines {
		lines[i] = fmt.Sprintf("h%d A 192.0.2.50", i)
	}
	d.ask(0, lines...)
	d.ask(0, "after A 192.0.2.51")
	d.pass(2 * time.Second) // no heartbeat in between
	z := d.equal()
	d.wantRecord(z, "h19999.example.test. 5 IN A 192.0.2.50", true)
	d.wantRecord(z, "after.example.test. 5 IN A 192.0.2.51", true)
	for _, e := range d.nodes[1].zones[testZone].entries {
		if len(e.Delta.Added) > len(lines) {
			t.Error("the backup carried it out as a step")
		}
	}
	d.do(0, "later A 192.0.2.52")
	d.wantRecord(d.equal(), "later.example.test. 5 IN A 192.0.2.52", true)
}

// refs 10.13: two different zone files and no metadata: the union, the main wins.
func TestTwoFreshZones(t *testing.T) {
	d := newDuo(t, func(d *duo) {
		z := load(t, baseText+"extra A 192.0.2.33\nalias CNAME www\n")
		d.nodes[1].zones[testZone] = &stored{tip: z, point: pairmsg.Point{Serial: 10, Digest: digest.Of(z)}, saved: ZoneSaved{Flags: pairmsg.Fresh}}
		z = load(t, baseText+"alias A 192.0.2.34\n")
		d.nodes[0].zones[testZone] = &stored{tip: z, point: pairmsg.Point{Serial: 10, Digest: digest.Of(z)}, saved: ZoneSaved{Flags: pairmsg.Fresh}}
	})
	z := d.equal()
	d.wantRecord(z, "extra.example.test. 60 IN A 192.0.2.33", true)
	d.wantRecord(z, "alias.example.test. 60 IN A 192.0.2.34", true)
	if len(d.nodes[0].lost) != 1 {
		t.Errorf("%v", d.nodes[0].lost)
	}
}

// H29, H30: by hand, from either side as it is.
func TestSyncByHandFromEitherSide(t *testing.T) {
	for _, src := range []pairmsg.Source{pairmsg.FromMain, pairmsg.FromBackup} {
		d := newDuo(t)
		d.cut = true
		d.pass(31 * time.Second)
		d.do(0, "m A 192.0.2.70")
		d.do(1, "b A 192.0.2.71")
		d.nodes[0].m.zones[testZone].source = src
		d.cut = false
		d.pass(61 * time.Second)
		z := d.equal()
		d.wantRecord(z, "m.example.test. 5 IN A 192.0.2.70", src == pairmsg.FromMain)
		d.wantRecord(z, "b.example.test. 5 IN A 192.0.2.71", src == pairmsg.FromBackup)
		d.nodes[1].step(Operate{ID: 3, Command: SyncNow, Source: src})
		d.settle()
		d.equal()
	}
}

// H-c: "the backup jumps by a stride at its first change", once: not again after each restart.
func TestJumpsOnce(t *testing.T) {
	d := newDuo(t)
	d.pass(13 * time.Second)
	d.kill(0)
	d.pass(time.Second)
	first := d.do(1, "a A 192.0.2.51")
	d.kill(1)
	d.start(1)
	d.pass(31 * time.Second)
	second := d.do(1, "b A 192.0.2.52")
	if first.Serial < 10+stride || second.Outcome != Done || second.Serial-first.Serial > 2*reserve { // what was reserved is skipped
		t.Fatalf("serials %d, then %d", first.Serial, second.Serial)
	}
}

// A zone that only one server has: after a swap that makes that server the main, or when the other gets the zone too, both have it.
func TestZoneThatOnlyTheBackupHad(t *testing.T) {
	t.Run("swap", func(t *testing.T) {
		d := newDuo(t, func(d *duo) { d.nodes[0].zones = map[string]*stored{} })
		if z := d.nodes[1].m.zones[testZone]; z.syncWhy != OneOnly {
			t.Fatalf("%s (%s)", z.sync, z.syncWhy)
		}
		d.nodes[1].step(Operate{ID: 1, Command: Swap})
		d.settle()
		d.equal()
		c := d.do(1, "a A 192.0.2.50")
		d.wantOutcome(c, Done, NoReason)
		if c.Copies != 2 {
			t.Errorf("copies %d", c.Copies)
		}
		d.equal()
	})
	t.Run("new at the backup", func(t *testing.T) {
		d := newDuo(t, func(d *duo) { d.nodes[1].zones = map[string]*stored{} }, func(d *duo) { d.nodes[0].zones = map[string]*stored{} })
		z := load(t, baseText)
		start := ZoneStart{Tip: z, Point: pairmsg.Point{Serial: z.Serial(), Digest: digest.Of(z)}, Saved: ZoneSaved{Flags: pairmsg.Fresh}}
		for _, n := range d.nodes {
			n.zones[testZone] = &stored{tip: z, point: start.Point, saved: start.Saved}
		}
		d.nodes[0].m.zones = map[string]*zoneState{}
		d.nodes[0].step(AddZone{testZone, start})
		d.nodes[0].m.zones[testZone].peerHas = false // it was asked about, and was not there
		d.nodes[0].m.endJob(d.nodes[0].m.zones[testZone])
		d.nodes[0].inbox, d.nodes[1].inbox = nil, nil
		d.nodes[1].step(AddZone{testZone, start})
		d.settle()
		d.equal()
	})
}
