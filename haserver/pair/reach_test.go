package pair

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"loadshare/haserver/pairmsg"
)

// forget has the journals of both forget what they need not keep, and starts both anew, apart.
func (d *duo) forget() {
	for i := range d.nodes {
		d.kill(i)
	}
	for i, n := range d.nodes {
		n.zones[testZone].trim(0)
		d.start(i)
	}
	d.pass(31 * time.Second)
}

// rejoin wants both to become equal.
func (d *duo) rejoin() {
	d.cut = false
	d.pass(5 * time.Minute)
}

// H-d, docs/decisions/0015: "the journal leads from all of them to the present, however much is changed and however often either server
// restarts": both sides' removals hold, both sides' additions hold.
func TestLongPartingHasABase(t *testing.T) {
	for _, down := range []bool{false, true} {
		d := newDuo(t)
		d.do(0, "old A 192.0.2.9")
		d.cut = true
		d.pass(31 * time.Second)
		if down {
			d.nodes[0].step(Operate{ID: 1, Command: SetPartnerDown})
		}
		d.do(0, "-www A 192.0.2.11")
		d.do(1, "b A 192.0.2.71")
		for range 3 {
			d.do(0, "xa A 192.0.2.80")
			d.do(1, "-old A 192.0.2.9")
			d.forget()
			d.do(0, "-xa A 192.0.2.80")
			d.do(1, "old A 192.0.2.9")
			d.forget()
		}
		d.do(1, "-old A 192.0.2.9")
		d.rejoin()
		z := d.equal()
		d.wantRecord(z, "www.example.test. 60 IN A 192.0.2.11", false)
		d.wantRecord(z, "old.example.test. 5 IN A 192.0.2.9", false)
		d.wantRecord(z, "xa.example.test. 5 IN A 192.0.2.80", false)
		d.wantRecord(z, "b.example.test. 5 IN A 192.0.2.71", true)
		if s := d.nodes[0].zones[testZone].saved; s.Apart != (pairmsg.Point{}) {
			t.Errorf("what is kept for a merge is wanted still: %v", s.Apart)
		}
	}
}

// The last content of both may be one that the main never heard the backup had (the simulation's seed 1217): what the backup took
// unconfirmed, and the main deleted while they were apart, stays deleted.
func TestDeletionOfWhatWasNeverConfirmedHolds(t *testing.T) {
	d := newDuo(t)
	d.do(0, "seen A 192.0.2.8")
	for _, l := range []string{"u1 A 192.0.2.9", "u2 A 192.0.2.9"} {
		d.ask(0, l)
		d.nodes[0].persist()
	}
	d.deliver()
	d.cut = true // no confirmation comes through
	d.settle()
	d.pass(31 * time.Second)
	d.nodes[0].step(Operate{ID: 1, Command: SetPartnerDown})
	d.settle()
	c := d.do(0, "-u1 A 192.0.2.9")
	d.wantOutcome(c, Done, NoReason)
	d.do(1, "b A 192.0.2.71")
	d.forget()
	d.rejoin()
	z := d.equal()
	d.wantRecord(z, "u1.example.test. 5 IN A 192.0.2.9", false)
	for _, l := range []string{"seen.example.test. 5 IN A 192.0.2.8", "u2.example.test. 5 IN A 192.0.2.9", "b.example.test. 5 IN A 192.0.2.71"} {
		d.wantRecord(z, l, true)
	}
}

// H-b: a change is shipped before it is on the main's disk. When the main crashes then, the backup has been further than the main ever was:
// the last content of both is in the middle of the backup's way, and the backup keeps it too.
func TestDeletionAfterACrashOfTheMainHolds(t *testing.T) {
	d := newDuo(t)
	d.mainCrashesBehind()
	d.do(0, "m A 192.0.2.70")
	d.forget()
	d.rejoin()
	z := d.equal()
	d.wantRecord(z, "old.example.test. 5 IN A 192.0.2.8", false)
	for _, l := range []string{"lost.example.test. 5 IN A 192.0.2.9", "m.example.test. 5 IN A 192.0.2.70", "b.example.test. 5 IN A 192.0.2.71"} {
		d.wantRecord(z, l, true)
	}
}

// until lets things happen message by message until something is so; from then on nothing that is said comes through.
func (d *duo) until(what string, so func() bool) {
	d.t.Helper()
	for range 100_000 {
		if so() {
			d.cut = true
			d.pass(62 * time.Second)
			for i, n := range d.nodes {
				if n.m.state != pairmsg.Interrupted {
					d.t.Fatalf("%d is in %v", i, n.m.state)
				}
			}
			return
		}
		d.now += 20 * time.Millisecond
		for _, n := range d.nodes {
			if n.out.Next > 0 && n.out.Next <= d.now {
				n.step(Tick{})
			}
			if len(n.inbox) > 0 {
				msg := n.inbox[0]
				n.inbox = n.inbox[1:]
				n.step(Received{n.session, msg})
			}
			d.cut = so()
			n.persist()
		}
	}
	d.t.Fatalf("never: %s", what)
}

// A synchronisation that is broken off has not made the two equal: the last content of both is still the one before the first parting. Only
// what the main says that it has merged lies behind.
func TestDeletionAfterABrokenSynchronisationHolds(t *testing.T) {
	for _, merged := range []bool{false, true} {
		d := newDuo(t)
		d.mainCrashesBehind()
		for i := range 3 {
			d.wantOutcome(d.do(0, fmt.Sprintf("m%d A 192.0.2.70", i)), Done, NoReason)
			d.wantOutcome(d.do(1, fmt.Sprintf("b%d A 192.0.2.72", i)), Done, NoReason)
			d.forget()
			d.cut = false
			d.until("the backup is asked", func() bool { return d.nodes[1].m.zones[testZone].other != 0 })
		}
		if merged {
			d.cut = false
			d.until("the main has merged", func() bool { return has(d.nodes[0].m.zones[testZone].tip, "b.example.test. 5 IN A 192.0.2.71") })
			if has(d.nodes[1].zones[testZone].tip, "m1.example.test. 5 IN A 192.0.2.70") {
				t.Fatal("the backup has heard of it")
			}
			d.wantOutcome(d.do(0, "-b A 192.0.2.71"), Done, NoReason)
			for i := range 2 {
				d.do(0, fmt.Sprintf("n%d A 192.0.2.70", i))
				d.do(1, fmt.Sprintf("c%d A 192.0.2.72", i))
				d.forget()
				d.cut = false
				d.until("the backup is asked", func() bool { return d.nodes[1].m.zones[testZone].other != 0 })
			}
		}
		d.wantOutcome(d.do(1, "last A 192.0.2.73"), Done, NoReason)
		d.forget()
		d.rejoin()
		z := d.equal()
		d.wantRecord(z, "old.example.test. 5 IN A 192.0.2.8", false)
		d.wantRecord(z, "b.example.test. 5 IN A 192.0.2.71", !merged)
		for _, l := range []string{"lost.example.test. 5 IN A 192.0.2.9", "m2.example.test. 5 IN A 192.0.2.70", "b2.example.test. 5 IN A 192.0.2.72", "last.example.test. 5 IN A 192.0.2.73"} {
			d.wantRecord(z, l, true)
		}
	}
}

// The main has merged, the backup has taken it, and the main never heard that: what both had last is what was merged.
func TestDeletionAfterAMergeThatWasNotConfirmedHolds(t *testing.T) {
	d := newDuo(t)
	d.cut = true
	d.pass(31 * time.Second)
	d.do(0, "m A 192.0.2.70")
	d.do(1, "b A 192.0.2.71")
	d.cut = false
	d.until("the backup has what was merged", func() bool { return has(d.nodes[1].m.zones[testZone].tip, "m.example.test. 5 IN A 192.0.2.70") })
	if z := d.nodes[0].m.zones[testZone]; z.saved.Agreed == d.nodes[1].zones[testZone].point {
		t.Fatal("the main has heard of it")
	}
	d.wantOutcome(d.do(0, "-b A 192.0.2.71"), Done, NoReason)
	d.wantOutcome(d.do(1, "-m A 192.0.2.70"), Done, NoReason)
	d.forget()
	d.rejoin()
	z := d.equal()
	d.wantRecord(z, "b.example.test. 5 IN A 192.0.2.71", false)
	d.wantRecord(z, "m.example.test. 5 IN A 192.0.2.70", false)
}

// "A point that one side was at is in the other's content too when the other says that it was the last on both": the main has merged, the
// backup never heard of it, and the main deletes what it had from the backup.
func TestDeletionOfWhatWasMergedOnOneSideHolds(t *testing.T) {
	d := newDuo(t)
	d.cut = true
	d.pass(31 * time.Second)
	d.do(0, "m A 192.0.2.70")
	d.do(1, "b A 192.0.2.71")
	d.forget()
	d.cut = false
	d.until("the main has merged", func() bool { return has(d.nodes[0].m.zones[testZone].tip, "b.example.test. 5 IN A 192.0.2.71") })
	if has(d.nodes[1].zones[testZone].tip, "m.example.test. 5 IN A 192.0.2.70") {
		t.Fatal("the backup has heard of it")
	}
	d.wantOutcome(d.do(0, "-b A 192.0.2.71"), Done, NoReason)
	d.do(1, "b2 A 192.0.2.72")
	d.forget()
	d.rejoin()
	z := d.equal()
	d.wantRecord(z, "b.example.test. 5 IN A 192.0.2.71", false)
	for _, l := range []string{"m.example.test. 5 IN A 192.0.2.70", "b2.example.test. 5 IN A 192.0.2.72"} {
		d.wantRecord(z, l, true)
	}
}

// The last point of both, by the two ways that there are to know it: both were at it, or one was and the other says so.
func TestLatestCommon(t *testing.T) {
	points := func(serials ...uint32) (list []pairmsg.Point) {
		for _, s := range serials {
			list = append(list, pairmsg.Point{Serial: s, Digest: [2]uint64{uint64(s), 1}})
		}
		return list
	}
	for _, c := range []struct {
		what                      string
		mine, theirs              []uint32
		agreed, theirsAgreed      uint32
		want                      uint32
		fromMine, fromTheirs, not bool
	}{
		{what: "both were at two", mine: []uint32{1, 2, 4}, theirs: []uint32{1, 2, 3}, agreed: 1, theirsAgreed: 2, want: 2, fromMine: true, fromTheirs: true},
		{what: "the backup's was merged here", mine: []uint32{1, 2, 4}, theirs: []uint32{1, 3, 5}, agreed: 3, theirsAgreed: 1, want: 3, fromTheirs: true},
		{what: "the main's was merged there, before the roles were exchanged", mine: []uint32{1, 3, 5}, theirs: []uint32{1, 2, 4}, agreed: 1, theirsAgreed: 3, want: 3, fromMine: true},
		{what: "what was agreed is older than what both were at", mine: []uint32{1, 2, 3, 4}, theirs: []uint32{2, 3, 5}, agreed: 2, theirsAgreed: 1, want: 3, fromMine: true, fromTheirs: true},
		{what: "no journal leads from there", mine: []uint32{4}, theirs: []uint32{5}, agreed: 1, theirsAgreed: 1, not: true},
		{what: "never met", mine: []uint32{4}, theirs: []uint32{5}, not: true},
	} {
		mine, theirs := points(c.mine...), points(c.theirs...)
		z := &zoneState{points: mine[:len(mine)-1], point: mine[len(mine)-1], job: &job{}}
		z.job.there = pairmsg.SyncPoints{History: theirs[:len(theirs)-1], Here: pairmsg.ZonePoint{Point: theirs[len(theirs)-1]}}
		if c.agreed != 0 {
			z.saved.Agreed = points(c.agreed)[0]
		}
		if c.theirsAgreed != 0 {
			z.job.there.Here.Agreed = points(c.theirsAgreed)[0]
		}
		p, own, there := (&Machine{}).latestCommon(z)
		if c.not {
			if own || there {
				t.Errorf("%s: %v", c.what, p)
			}
		} else if p.Serial != c.want || own != c.fromMine || there != c.fromTheirs {
			t.Errorf("%s: %v, %t, %t", c.what, p, own, there)
		}
	}
}

// What the machine remembers of points is what the journal keeps: the newest, and behind them those for a merge.
func TestPointsRememberedAreThoseKept(t *testing.T) {
	var z zoneState
	step := func(n int) {
		for range n {
			z.remember()
			z.point.Serial++
		}
	}
	z.point.Serial = 1
	step(3 * maxHistory)
	if h := z.history(); len(h) != maxHistory || h[0].Serial != 2*maxHistory+1 {
		t.Fatalf("%d points from %v on", len(h), h[0])
	}
	z.saved.Agreed, z.saved.Apart = z.points[len(z.points)-5], z.point
	step(7 * maxHistory)
	h := z.history()
	n := slices.Index(h, z.saved.Apart) + 1
	if n < maxHistory/2 || n > 2*maxHistory || len(h) != maxHistory+n || h[n-6] != z.saved.Agreed || h[n].Serial != 9*maxHistory+1 {
		t.Errorf("%d points, %d of them kept", len(h), n)
	}
	if z.reaches(z.saved.Apart) || !z.reaches(h[n]) {
		t.Error("what is kept for a merge is not sent step by step")
	}
	if len(z.points) > 4*maxHistory {
		t.Errorf("%d points", len(z.points))
	}
	for range 3 { // they go apart again and again, and nothing is agreed on
		z.saved.Apart = z.point
		step(6 * maxHistory)
		if h := z.history(); !slices.Contains(h, z.saved.Agreed) || !slices.Contains(h, z.saved.Apart) || len(h) > 3*maxHistory+1 {
			t.Errorf("%d points, the first %v", len(h), h[0])
		}
	}
	if h := z.history(); h[0] != z.saved.Agreed || h[2*maxHistory] != z.saved.Apart {
		t.Errorf("the first %v", h[0])
	}
	apart := z.saved.Apart
	step(3 * maxHistory)
	z.saved.Asked = z.point
	step(9 * maxHistory)
	h = z.history()
	i, asked := slices.Index(h, apart), slices.Index(h, z.saved.Asked)
	if n := asked - i; h[0] != z.saved.Agreed || i != 2*maxHistory || n < maxHistory/2 || n > 2*maxHistory || len(h) != asked+1+maxHistory {
		t.Errorf("%d points, the first %v; those before the two went apart end at %d, those before it was asked for at %d", len(h), h[0], i, asked)
	}
	if len(z.points) > 7*maxHistory {
		t.Errorf("%d points", len(z.points))
	}
}

// mainCrashesBehind: the main crashes with a change that the backup has on disk and it has not; parted, it deletes a record that both had,
// the backup changes something else, and both journals forget what they may.
func (d *duo) mainCrashesBehind() {
	d.t.Helper()
	d.do(0, "old A 192.0.2.8")
	d.nodes[0].holdDisk = true
	d.ask(0, "lost A 192.0.2.9")
	d.deliver()
	d.nodes[1].persist()
	if len(d.nodes[1].zones[testZone].points) != len(d.nodes[0].zones[testZone].points)+1 {
		d.t.Fatal("the backup is not ahead of the main's disk")
	}
	d.kill(0)
	d.nodes[0].holdDisk = false
	d.cut = true
	d.start(0)
	d.pass(31 * time.Second)
	d.wantOutcome(d.do(0, "-old A 192.0.2.8"), Done, NoReason)
	d.do(1, "b A 192.0.2.71")
	d.forget()
}
