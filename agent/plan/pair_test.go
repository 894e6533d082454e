package plan

import (
	"strings"
	"testing"
	"time"

	"loadshare/monitor/order"
)

func newPair(t *testing.T) *world {
	w := newWorld(t, func(c *Config) { c.Policy = Pair })
	w.servers["main"].partner = w.servers["backup"]
	w.servers["backup"].partner = w.servers["main"]
	w.servers["backup"].drops = true // a backup in normal state drops updates
	w.claim("m1", order.Stamp{})
	return w
}

// M5: "`pair`: the server that took it answers it […] the update is not sent
// again" for the partner.
func TestPairMainTakesIt(t *testing.T) {
	w := newPair(t)
	w.publish(stamp("m1", 1, 1), "10.0.0.1")
	want(t, "states", w.states(), "answers answers done")
	want(t, "backup was only asked", w.published().Servers[1].Attempts, 0)
}

func TestPairSilentPartnerIsAWarning(t *testing.T) {
	w := newPair(t)
	w.servers["backup"].dead = true
	w.publish(stamp("m1", 1, 1), "10.0.0.1")
	want(t, "ended while the partner is asked", w.published().Done, true)
	w.pass(10 * time.Second)
	want(t, "states", w.states(), "answers silent-backup done")
	want(t, "queued", w.m.Status(w.now).Queued, 0)
	n := len(w.tried)
	w.pass(time.Minute)
	want(t, "nothing is owed", len(w.tried), n)
}

// "main first, backup when the main is silent": main twice, then backup, then
// each every 4 s.
func TestPairOrderOfTries(t *testing.T) {
	w := newPair(t)
	w.servers["main"].dead = true
	w.servers["backup"].drops = true
	s := stamp("m1", 1, 1)
	w.publish(s, "10.0.0.1")
	w.pass(time.Second)
	want(t, "at first", strings.Join(w.tried, " "), "main main backup")
	w.tried = nil
	w.claim("m1", s)
	w.pass(RetryEvery)
	want(t, "within 4 s", strings.Join(w.tried, " "), "main backup")
	w.servers["backup"].drops = false
	w.claim("m1", s)
	w.pass(RetryEvery)
	want(t, "backup took over", w.servers["backup"].values("www.example"), "10.0.0.1")
	want(t, "ended", w.published().Done, true)
}

func TestPairBackupTakesItAtOnceWhenMainIsDead(t *testing.T) {
	w := newPair(t)
	w.servers["main"].dead, w.servers["backup"].drops = true, false
	start := w.now
	w.publish(stamp("m1", 1, 1), "10.0.0.1")
	w.pass(pairAgain)
	want(t, "backup", w.servers["backup"].values("www.example"), "10.0.0.1")
	if d := w.now.Sub(start); d > time.Second {
		t.Errorf("took %v besides the timeouts", d)
	}
}

// M5: "Restarts, re-adds and later orders never wait for a dead server."
func TestPairLaterOrdersDoNotWaitForADeadMain(t *testing.T) {
	w := newPair(t)
	w.servers["main"].dead, w.servers["backup"].drops = true, false
	w.publish(stamp("m1", 1, 1), "10.0.0.1")
	w.pass(time.Minute)
	w.claim("m1", stamp("m1", 1, 1))
	w.tried = nil
	w.publish(stamp("m1", 1, 2), "10.0.0.2")
	want(t, "asked first", w.tried[0], "backup")
	want(t, "at once", w.servers["backup"].values("www.example"), "10.0.0.2")
	want(t, "ended", w.published().Done, true)
	// The main is back and equal: the look at it shows that, and it is first again.
	w.servers["main"].dead, w.servers["backup"].drops = false, true
	for k, v := range w.servers["backup"].sets {
		w.servers["main"].sets[k] = v
	}
	w.pass(4 * time.Second)
	want(t, "states", w.states(), "answers answers done")
	w.tried = nil
	w.claim("m1", stamp("m1", 1, 2))
	w.publish(stamp("m1", 1, 3), "10.0.0.3")
	want(t, "first again", w.tried[0], "main")
}

// The server that took it died before it answered; the partner has it.
func TestPairTakerDiesAfterNOERROR(t *testing.T) {
	w := newPair(t)
	w.hold = true
	w.publish(stamp("m1", 1, 1), "10.0.0.1")
	read := w.pending[0].(Read)
	w.pending = w.pending[1:]
	w.step(w.servers["main"].read(read))
	wr := w.pending[0].(Write)
	w.pending = w.pending[1:]
	w.hold = false
	done := w.servers["main"].write(wr)
	w.servers["main"].dead = true
	w.step(done)
	w.pass(5 * time.Second)
	p := w.published()
	want(t, "partner", p.Servers[1].State, order.ServerAnswers)
	want(t, "partner needed no write", p.Servers[1].Already, true)
	want(t, "ended", p.Done, true)
}

// M5: "later orders never wait for a dead server". A main that answers questions
// but swallows updates is as dead to a writer, until it takes one again.
func TestPairMainTakesNoUpdates(t *testing.T) {
	w := newPair(t)
	w.servers["main"].drops, w.servers["backup"].drops = true, false
	w.publish(stamp("m1", 1, 1), "10.0.0.1")
	w.pass(time.Second)
	want(t, "the backup took it", w.servers["backup"].values("www.example"), "10.0.0.1")
	want(t, "main is not well", w.m.Status(w.now).Servers[0].OK, false)
	w.claim("m1", stamp("m1", 1, 1))
	w.tried = nil
	w.publish(stamp("m1", 1, 2), "10.0.0.2")
	want(t, "the next order goes to the backup at once", w.tried[0], "backup")
	want(t, "and is there", w.servers["backup"].values("www.example"), "10.0.0.2")
	w.servers["main"].drops = false
	w.pass(deafFor)
	w.claim("m1", stamp("m1", 1, 2))
	w.tried = nil
	w.publish(stamp("m1", 1, 3), "10.0.0.3")
	want(t, "after a while the main is tried again", w.tried[0], "main")
	want(t, "main is well", w.m.Status(w.now).Servers[0].OK, true)
}

func TestPairRefusedForGoodEndsTheOrder(t *testing.T) {
	w := newPair(t)
	w.servers["main"].refuses = Final
	w.publish(stamp("m1", 1, 1), "10.0.0.1")
	want(t, "states", w.states(), "refused silent-backup done")
	want(t, "main only", strings.Join(w.tried, " "), "main")
}

// "main first, backup when the main is silent": a main that has lost its zone says
// so to everything; the backup has it, and takes the order.
func TestPairMainWithoutTheZone(t *testing.T) {
	w := newPair(t)
	w.servers["main"].refuses = NoZone
	w.servers["backup"].drops, w.servers["backup"].partner = false, nil
	w.publish(stamp("m1", 1, 1), "10.0.0.1")
	w.pass(time.Second)
	want(t, "backup took over", w.servers["backup"].values("www.example"), "10.0.0.1")
	want(t, "ended", w.published().Done, true)

	w = newPair(t)
	w.servers["main"].refuses, w.servers["backup"].refuses, w.servers["backup"].drops = NoZone, NoZone, false
	w.publish(stamp("m1", 1, 1), "10.0.0.1")
	w.pass(time.Second)
	want(t, "neither has it: refused", w.published().Done, true)
	want(t, "why", w.published().Servers[1].Refused, order.RefusedNoZone)
}
