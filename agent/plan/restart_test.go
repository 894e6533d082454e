package plan

import (
	"strings"
	"testing"
	"time"

	"loadshare/monitor/order"
)

func (w *world) restartOrder(id, service string) order.Restart {
	return order.Restart{ID: id, Pool: www, Stamp: stamp("m1", 1, 1), Service: service, Member: "10.0.0.1", Reason: order.ReasonFell, NotAfter: w.now.Add(30 * time.Second)}
}

func (w *world) restart(id, service string) order.Receipt {
	w.t.Helper()
	return w.hear("m1", w.restartOrder(id, service)).(order.Receipt)
}

func (w *world) restarted() order.Restarted {
	w.t.Helper()
	r, ok := w.reports[len(w.reports)-1].(order.Restarted)
	if !ok {
		w.t.Fatalf("last report is %T", w.reports[len(w.reports)-1])
	}
	return r
}

// M9: "Every attempt counts against the budget, whoever asked. […] A recovery
// does not refill the budget; time does."
func TestBudgetIsASlidingWindow(t *testing.T) {
	w := newWorld(t, nil)
	w.claim("m1", order.Stamp{})
	start := w.now
	for i, outcome := range []order.RestartOutcome{order.RestartOK, order.RestartFailed, order.RestartTimeout} {
		id := string(rune('a' + i))
		want(t, "receipt "+id, w.restart(id, "apache").Refused, order.Taken)
		w.step(RestartDone{Order: id, Outcome: outcome})
		want(t, "left "+id, w.restarted().Left, 2-i)
		w.now = w.now.Add(time.Minute)
		w.claim("m1", order.Stamp{})
	}
	if at := w.restarted().NextAt; at == nil || !at.Equal(start.Add(10*time.Minute)) {
		t.Errorf("next at %v", at)
	}
	r := w.restart("d", "apache")
	want(t, "the fourth", r.Refused, order.RefusedBudget)
	if !strings.Contains(r.Detail, "next at 2026-01-02T03:14:05Z") {
		t.Errorf("detail %q", r.Detail)
	}
	want(t, "another service has its own", w.restart("e", "postfix").Refused, order.Taken)
	w.step(RestartDone{Order: "e", Outcome: order.RestartOK})
	w.now = start.Add(10*time.Minute - time.Nanosecond)
	w.claim("m1", order.Stamp{})
	want(t, "a moment too early", w.restart("f", "apache").Refused, order.RefusedBudget)
	w.now = start.Add(10 * time.Minute)
	want(t, "when the first has left the window", w.restart("g", "apache").Refused, order.Taken)
	want(t, "runs", len(w.runs), 5)
}

// The budget survives the agent, and so does the attempt that ran when it died.
func TestAttemptsOutliveTheAgent(t *testing.T) {
	w := newWorld(t, nil)
	w.claim("m1", order.Stamp{})
	w.restart("a", "postfix")
	w.start()
	w.hear("m1", order.Hello{})
	r := w.restarted()
	want(t, "outcome", r.Outcome, order.RestartFailed)
	want(t, "order", r.Order, "a")
	if !strings.Contains(r.Output, "stopped while this restart ran") {
		t.Errorf("output %q", r.Output)
	}
	want(t, "not run again", len(w.runs), 1)
	want(t, "counted", w.restart("b", "postfix").Refused, order.RefusedBudget)
	want(t, "the same order again", w.restart("a", "postfix").Refused, order.Taken)
	want(t, "is not carried out twice", len(w.runs), 1)
}

// "one restart of a service and one member of a pool at a time"
func TestOneAtATime(t *testing.T) {
	w := newWorld(t, nil)
	other := order.PoolID("smtp.example/A")
	w.beat("m1", order.Claim{Pool: www}, order.Claim{Pool: other})
	want(t, "first", w.restart("a", "apache").Refused, order.Taken)
	r := w.restartOrder("b", "apache")
	r.Pool = other
	want(t, "the same service for another pool", w.hear("m1", r).(order.Receipt).Refused, order.RefusedBusy)
	want(t, "another service of the pool", w.restart("c", "postfix").Refused, order.RefusedBusy)
	r = w.restartOrder("d", "postfix")
	r.Pool = other
	want(t, "another service, another pool", w.hear("m1", r).(order.Receipt).Refused, order.Taken)
	w.step(RestartDone{Order: "a", Outcome: order.RestartOK})
	want(t, "when it ended", w.restart("e", "apache").Refused, order.Taken)
}

func TestRestartsNotTaken(t *testing.T) {
	w := newWorld(t, nil)
	w.claim("m1", stamp("m1", 1, 1))
	cases := []struct {
		name string
		edit func(*order.Restart)
		want order.Refusal
	}{
		{"a service that is not listed", func(r *order.Restart) { r.Service = "sshd" }, order.RefusedNotAllowed},
		{"a path", func(r *order.Restart) { r.Service = "../../bin/sh" }, order.RefusedNotAllowed},
		{"too late", func(r *order.Restart) { r.NotAfter = w.now.Add(-time.Nanosecond) }, order.RefusedTooLate},
		{"no end", func(r *order.Restart) { r.NotAfter = time.Time{} }, order.RefusedBadOrder},
		{"no id", func(r *order.Restart) { r.ID = "" }, order.RefusedBadOrder},
		{"a pool of another monitor's", func(r *order.Restart) { r.Pool = "x.example/A" }, order.RefusedNotHolder},
		{"an old decision", func(r *order.Restart) { r.Stamp.Generation = 0 }, order.RefusedStale},
	}
	for _, c := range cases {
		r := w.restartOrder("x", "apache")
		c.edit(&r)
		if got := w.hear("m1", r).(order.Receipt).Refused; got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	want(t, "runs", len(w.runs), 0)
	want(t, "budget untouched", w.m.service("apache").total, 0)
}

func TestClockSetBackDoesNotRefillTheBudget(t *testing.T) {
	w := newWorld(t, nil)
	w.claim("m1", order.Stamp{})
	w.restart("a", "postfix")
	w.step(RestartDone{Order: "a", Outcome: order.RestartOK})
	w.now = w.now.Add(-time.Hour)
	want(t, "an hour earlier", w.restart("b", "postfix").Refused, order.RefusedBudget)
}

func TestNotSavedRestartIsForgotten(t *testing.T) {
	w := newWorld(t, nil)
	w.claim("m1", order.Stamp{})
	w.restart("a", "postfix")
	w.step(NotSaved{Orders: []string{"a"}})
	want(t, "again", w.restart("a", "postfix").Refused, order.Taken)
}

// M8: hooks run one after the other; down and up are states, so only the newest waits.
func TestHooks(t *testing.T) {
	w := newWorld(t, nil)
	w.claim("m1", order.Stamp{})
	hook := func(id string, up bool) order.Refusal {
		return w.hear("m1", order.Hook{ID: id, Pool: www, Stamp: stamp("m1", 1, 1), Service: "apache", Member: "10.0.0.1", Up: up}).(order.Receipt).Refused
	}
	want(t, "down", hook("a", false), order.Taken)
	want(t, "up", hook("b", true), order.Taken)
	want(t, "down again", hook("c", false), order.Taken)
	want(t, "the same again", hook("c", false), order.Taken)
	want(t, "running", len(w.hooks), 1)
	if h := w.reports[len(w.reports)-1].(order.Hooked); h.Order != "b" || h.Outcome != order.RestartRefused {
		t.Errorf("the one between: %+v", h)
	}
	w.step(HookDone{Order: "a", Outcome: order.RestartOK})
	want(t, "then the newest", w.hooks[1].Order, "c")
	w.step(HookDone{Order: "c", Outcome: order.RestartFailed, ExitCode: 3})
	want(t, "exit code", w.reports[len(w.reports)-1].(order.Hooked).ExitCode, 3)
	h := order.Hook{ID: "d", Pool: www, Stamp: stamp("m1", 1, 1), Service: "postfix", Up: true}
	want(t, "none configured", w.hear("m1", h).(order.Receipt).Refused, order.Taken)
	want(t, "nothing ran", len(w.hooks), 2)
	h.ID, h.Service = "e", "sshd"
	want(t, "not listed", w.hear("m1", h).(order.Receipt).Refused, order.RefusedNotAllowed)
	want(t, "not the holder", w.hear("m2", order.Hook{ID: "f", Pool: www, Stamp: stamp("m2", 1, 1), Service: "apache"}).(order.Receipt).Refused, order.RefusedNotHolder)
}
