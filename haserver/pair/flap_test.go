package pair

import (
	"slices"
	"strings"
	"testing"
	"time"

	"loadshare/haserver/pairmsg"
)

func (d *duo) alarmed(i int, name string) bool {
	n := d.nodes[i]
	n.step(Tick{})
	return slices.ContainsFunc(n.m.Status().Alarms, func(a Alarm) bool { return a.Name == name })
}

// H-e: "Flapping is damped": attempts and logs are; a return to normal is held up by nothing (docs/decisions/0017), but told.
func TestFlappingIsToldAndHoldsUpNothing(t *testing.T) {
	d := newDuo(t)
	for i := range flapCount {
		if d.alarmed(0, "flapping") {
			t.Fatalf("flapping after %d partings", i)
		}
		d.kill(1)
		d.pass(time.Second)
		d.want(0, pairmsg.Interrupted, ConnRefused)
		d.start(1)
		d.want(0, pairmsg.Normal, Ready)
		c := d.do(0, "f A 192.0.2.50")
		d.wantOutcome(c, Done, NoReason)
		if c.Copies != 2 {
			t.Fatalf("after return %d an update is on %d disks", i, c.Copies)
		}
		d.do(0, "-f A 192.0.2.50")
	}
	if !d.alarmed(0, "flapping") {
		t.Fatal("no alarm")
	}
	if !slices.ContainsFunc(d.notes, func(n string) bool { return strings.HasPrefix(n, "0 flapping ") }) {
		t.Errorf("not told: %q", d.notes)
	}
	d.pass(flapWindow - time.Minute)
	if !d.alarmed(0, "flapping") {
		t.Error("over before the window is")
	}
	d.pass(2 * time.Minute)
	if d.alarmed(0, "flapping") {
		t.Error("still flapping after a window without a parting")
	}
	d.equal()
}

// A partner that restarts so fast that nobody was refused parts the pair too; one that is stopped in order does not: somebody did that.
func TestWhatCountsAsParting(t *testing.T) {
	d := newDuo(t)
	for range flapCount {
		d.kill(0)
		d.start(0)
	}
	d.want(1, pairmsg.Normal, Ready)
	if !d.alarmed(1, "flapping") {
		t.Error("a main that is restarted again and again is not told of")
	}
	d = newDuo(t)
	for range 2 * flapCount {
		d.nodes[1].step(Stop{})
		d.settle()
		d.kill(1)
		d.want(0, pairmsg.Interrupted, PartnerStopped)
		d.pass(time.Second)
		d.start(1)
	}
	if d.alarmed(0, "flapping") {
		t.Error("stopped in order is no flapping")
	}
}

// Five partings in a week are no flapping.
func TestPartingsOfAWeek(t *testing.T) {
	d := newDuo(t)
	for range 2 * flapCount {
		d.kill(1)
		d.pass(time.Second)
		d.start(1)
		d.pass(flapWindow / (flapCount - 1))
	}
	if d.alarmed(0, "flapping") {
		t.Error("told of flapping")
	}
}
