package pair

import (
	"math"
	"slices"
	"testing"
	"time"

	"loadshare/haserver/digest"
	"loadshare/haserver/pairmsg"
	"loadshare/haserver/zone"
)

// hear has node i receive messages that its partner never sent.
func (d *duo) hear(i int, list ...pairmsg.Message) {
	d.t.Helper()
	n := d.nodes[i]
	for _, msg := range list {
		n.step(Received{n.session, msg})
	}
}

// "Nothing that was acknowledged is lost by any one failure": a whole zone that was on its way when the main died, and is put together
// only when the backup has answered updates on its own, must not take their place.
func TestWholeZoneThatIsCompleteAfterTheParting(t *testing.T) {
	for _, how := range []string{"the main dies", "the main's disk fails"} {
		t.Run(how, func(t *testing.T) {
			d := newDuo(t)
			b := d.nodes[1]
			was := b.m.zones[testZone]
			late := Content{Sync: 77, Zone: testZone, Whole: was.tip, Point: was.point}
			d.hear(1, pairmsg.SyncCopy{Sync: 77, Zone: zone.Name(testZone), Point: was.point})
			if how == "the main dies" {
				d.kill(0)
				d.pass(time.Second)
				d.want(1, pairmsg.Interrupted, ConnRefused)
			} else {
				d.hear(1, pairmsg.Unfit{Why: "disk"})
				d.want(1, pairmsg.Interrupted, PartnerUnfit)
			}
			d.wantOutcome(d.do(1, "kept A 192.0.2.51"), Done, NoReason)
			b.step(late)
			d.settle()
			d.wantRecord(b.zones[testZone].tip, "kept.example.test. 5 IN A 192.0.2.51", true)
			d.wantRecord(b.shown[testZone], "kept.example.test. 5 IN A 192.0.2.51", true)
		})
	}
}

// A synchronisation that was never begun (number 0) or that the receiver's role does not take part in is ignored.
func TestMessagesOfNoSynchronisation(t *testing.T) {
	name := zone.Name(testZone)
	for i := range 2 {
		d := newDuo(t)
		n := d.nodes[i]
		z := n.m.zones[testZone]
		n.m.out.Jobs = nil
		d.hear(i,
			pairmsg.SyncFetch{Zone: name, After: 9}, pairmsg.SyncCompare{Zone: name}, pairmsg.SyncEntries{Zone: name, Last: true},
			pairmsg.SyncCommit{Zone: name, Before: z.point, After: z.point}, pairmsg.SyncEnd{Zone: name, Point: z.point}, pairmsg.SyncDone{Zone: name, Point: z.point})
		if len(n.batches) != 0 || len(n.m.out.Jobs) != 0 || z.sync != SyncComplete {
			t.Errorf("node %d: %d batches, %d jobs, %s", i, len(n.batches), len(n.m.out.Jobs), z.sync)
		}
		d.equal()
	}
	d := newDuo(t)
	d.hear(0, pairmsg.SyncAsk{Sync: 5, Zone: name})
	d.equal() // the main leads: nobody asks it
}

// Questions that come again and again before the disk is ready are answered once: histories are large.
func TestQuestionsOfOneZoneDoNotPileUp(t *testing.T) {
	d := newDuo(t)
	d.nodes[1].holdDisk = true
	for i := range 1000 {
		d.hear(1, pairmsg.SyncAsk{Sync: uint64(1 + i), Zone: zone.Name(testZone)})
	}
	if n := len(d.nodes[1].m.after); n != 1 {
		t.Errorf("%d answers wait for the disk", n)
	}
}

// "One serial never names two contents": an entry whose serial does not move is none.
func TestEntryThatStaysAtItsSerial(t *testing.T) {
	d := newDuo(t)
	n := d.nodes[1]
	z := n.m.zones[testZone]
	www, _ := z.tip.Get(z.name, zone.TypeNS)
	delta := zone.Delta{From: z.point.Serial, To: z.point.Serial, Deleted: []zone.Record{{Name: www.Name, Type: www.Type, Class: zone.ClassIN, TTL: www.TTL, Data: www.Data[0]}}}
	before := z.point
	d.hear(1, pairmsg.Update{First: 1, Zone: z.name, Entries: []pairmsg.Entry{{Delta: delta, Digest: before.Digest.Step(delta)}}})
	if z.point != before || digest.Of(z.tip) != before.Digest {
		t.Error("it was taken")
	}
}

// A backup that sends steps without end does not fill the main's memory.
func TestStepsWithoutEnd(t *testing.T) {
	d := newDuo(t)
	d.cut = true
	d.pass(31 * time.Second)
	d.do(0, "m A 192.0.2.70")
	d.do(1, "b A 192.0.2.71")
	d.cut = false
	m := d.nodes[0].m
	for range 200_000 { // until it gathers the backup's steps; what the backup says from now on is not delivered
		if z := m.zones[testZone]; z.job != nil && z.job.stage == gathering {
			break
		}
		d.now += time.Millisecond
		for _, n := range d.nodes {
			if n.out.Next > 0 && n.out.Next <= d.now {
				n.step(Tick{})
			}
			for len(n.inbox) > 0 && (m.zones[testZone].job == nil || m.zones[testZone].job.stage != gathering) {
				msg := n.inbox[0]
				n.inbox = n.inbox[1:]
				n.step(Received{n.session, msg})
			}
			n.persist()
		}
	}
	z := m.zones[testZone]
	if z.job == nil {
		t.Fatal("no merge")
	}
	id := z.job.id
	for range 10 {
		d.hear(0, pairmsg.SyncEntries{Sync: id, Zone: z.name, Entries: make([]pairmsg.Entry, maxFetched/5)})
	}
	if len(z.job.theirs) > maxFetched || z.job.stage == gathering {
		t.Errorf("%d steps, %s", len(z.job.theirs), z.sync)
	}
}

// A second Hello, also after a refused one, changes nothing.
func TestHelloAgain(t *testing.T) {
	d := newDuo(t)
	again := d.nodes[1].m.hello()
	again.Unfit = "no"
	d.hear(0, again)
	d.equal()

	d = newDuo(t, func(d *duo) { d.dead[1] = true })
	n := d.nodes[0]
	d.next++
	n.session = d.next
	n.step(Connected{Session: n.session})
	bad := n.m.hello()
	good := bad
	good.Store[0], good.Configured, good.Role = 9, pairmsg.Backup, pairmsg.Backup
	d.hear(0, bad, good)
	if n.m.link.hello != nil || n.m.state == pairmsg.Negotiating {
		t.Errorf("taken after it was refused: %s", n.m.state)
	}
}

// A partner whose clock is at its end does not leave this server without later times.
func TestClockAtItsEnd(t *testing.T) {
	d := newDuo(t)
	d.hear(0, pairmsg.Heartbeat{Clock: math.MaxInt64, Wall: math.MaxInt64}, pairmsg.Heartbeat{Clock: math.MinInt64, Wall: math.MinInt64},
		pairmsg.HeartbeatReply{Wall: math.MaxInt64, Echo: math.MinInt64}, pairmsg.HeartbeatReply{Wall: math.MinInt64, Echo: math.MaxInt64})
	m := d.nodes[0].m
	if a, b := m.stamp(), m.stamp(); b <= a || a < 0 {
		t.Errorf("%d then %d", a, b)
	}
}

// A partner that is there and never gets ready: "no updates" in negotiating is for readyWithin times comm_timeout at most, then this server
// works alone and says why. A partner that gets ready after all ends that.
func TestPartnerThatNeverGetsReady(t *testing.T) {
	for i := range 2 {
		d := newDuo(t)
		n := d.nodes[i]
		d.kill(1 - i)
		d.dead[1-i] = true
		d.pass(35 * time.Second)
		d.want(i, pairmsg.Interrupted, ConnRefused)
		partner := d.nodes[1-i].m.hello()
		partner.Boot += 7
		closed := 0 * time.Second
		for session := uint64(900); d.now < 3*time.Hour; { // it heartbeats, and connects again whenever it is thrown out
			if n.session == 0 {
				session++
				n.session = session
				n.step(Connected{session, false})
				d.hear(i, partner)
			}
			d.hear(i, pairmsg.Heartbeat{State: pairmsg.Negotiating, Wall: n.clock().Wall})
			d.pass(time.Second)
			if !n.m.Status().Accepting {
				closed += time.Second
			}
			if d.now == 2*time.Hour {
				d.want(i, pairmsg.Interrupted, NotNegotiating)
			}
		}
		if most := 2 * time.Hour / 8; closed == 0 || closed > most {
			t.Errorf("node %d: no updates for %v of two hours", i, closed)
		}
		if !slices.ContainsFunc(n.m.Status().Alarms, func(a Alarm) bool { return a.Name == "not-negotiating" }) {
			t.Errorf("node %d: alarms %+v", i, n.m.Status().Alarms)
		}
		n.drop(n.session)
		d.start(1 - i)
		d.pass(31 * time.Second)
		d.equal()
		if a := n.m.Status().Alarms; slices.ContainsFunc(a, func(a Alarm) bool { return a.Name == "not-negotiating" }) {
			t.Errorf("node %d: alarms %+v", i, a)
		}
	}
}
