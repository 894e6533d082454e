package plan

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"loadshare/monitor/order"
)

// M1: "An agent obeys, for each pool, the holder of a renewable lease […];
// others stand by and may take it when it lapses."
func TestOneMonitorAPoolIsObeyed(t *testing.T) {
	w := newWorld(t, nil)
	w.claim("m1", order.Stamp{})
	w.publish(stamp("m1", 1, 1), "10.0.0.1")
	b := w.beat("m2", order.Claim{Pool: www, Current: stamp("m2", 2, 1)})
	if len(b.Refused) != 1 || b.Refused[0].Holder != "m1" || b.Refused[0].Newest != stamp("m1", 1, 1) || b.Refused[0].LapsesIn != 15*time.Second {
		t.Errorf("the second claim: %+v", b)
	}
	r := w.publish(stamp("m2", 2, 1), "10.0.0.2")
	want(t, "its order", r.Refused, order.RefusedNotHolder)
	want(t, "newest", r.Newest, stamp("m1", 1, 1))
	w.now = w.now.Add(15*time.Second + time.Nanosecond)
	want(t, "after the lapse", len(w.beat("m2", order.Claim{Pool: www}).Refused), 0)
	want(t, "reason", w.has(LeaseTaken), true)
	want(t, "the old epoch is not enough", w.publish(stamp("m2", 1, 0), "10.0.0.2").Refused, order.RefusedStale)
	want(t, "an epoch above", w.publish(stamp("m2", 2, 1), "10.0.0.2").Refused, order.Taken)
	want(t, "the first one now", w.publish(stamp("m1", 1, 2), "10.0.0.1").Refused, order.RefusedNotHolder)
}

// A standby's claim must not make the holder's orders stale.
func TestRefusedClaimsLeaveNoTrace(t *testing.T) {
	w := newWorld(t, nil)
	w.claim("m1", order.Stamp{})
	w.beat("m2", order.Claim{Pool: www, Current: stamp("m2", 99, 1)})
	want(t, "the holder's order", w.publish(stamp("m1", 1, 1), "10.0.0.1").Refused, order.Taken)
}

// M1: "An epoch starts above what the agents report": they report it.
func TestWelcomeReportsWhatIsKnown(t *testing.T) {
	w := newWorld(t, nil)
	w.claim("m1", order.Stamp{})
	w.publish(stamp("m1", 4, 2), "10.0.0.1")
	got := w.hear("m2", order.Hello{Version: order.Version, Monitor: "m2"}).(order.Welcome)
	d := cmp.Diff(order.Welcome{
		Version: order.Version, Agent: "agent1", Publishes: true, Services: []string{"apache", "postfix"}, Boot: "boot",
		Pools: []order.Held{{Pool: www, Newest: stamp("m1", 4, 2), Holder: "m1", LapsesIn: 15 * time.Second}},
	}, got)
	if d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

// The restart of an agent is no chance for a standby: the last holder is obeyed
// for one lease more.
func TestLeaseOutlivesTheAgent(t *testing.T) {
	w := newWorld(t, nil)
	w.claim("m1", order.Stamp{})
	w.publish(stamp("m1", 1, 1), "10.0.0.1")
	w.start()
	want(t, "the standby", len(w.beat("m2", order.Claim{Pool: www}).Refused), 1)
	want(t, "the holder", len(w.beat("m1", order.Claim{Pool: www}).Refused), 0)
	want(t, "an old order", w.publish(stamp("m1", 1, 0), "10.0.0.1").Refused, order.RefusedStale)
	w.start()
	w.now = w.now.Add(16 * time.Second)
	want(t, "later", len(w.beat("m2", order.Claim{Pool: www}).Refused), 0)
}

func TestRenewalIsNotSavedEachTime(t *testing.T) {
	w := newWorld(t, nil)
	w.claim("m1", stamp("m1", 1, 1))
	out := w.m.Step(w.now, Heard{From: "m1", Msg: order.Heartbeat{Lease: 15 * time.Second, Claims: []order.Claim{{Pool: www, Current: stamp("m1", 1, 1)}}}})
	want(t, "saves", len(out.Save), 0)
}

func TestPoolsAreBounded(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.MaxPools = 1 })
	b := w.beat("m1", order.Claim{Pool: www}, order.Claim{Pool: "b.example/A"})
	if len(b.Refused) != 1 || b.Refused[0].Pool != "b.example/A" {
		t.Errorf("%+v", b)
	}
}

// What a monitor missed while it was away is told at its next Hello.
func TestHelloRepeatsReports(t *testing.T) {
	w := newWorld(t, nil)
	w.claim("m1", order.Stamp{})
	w.publish(stamp("m1", 1, 1), "10.0.0.1")
	w.hear("m1", w.restartOrder("r1", "apache"))
	w.step(RestartDone{Order: "r1", Outcome: order.RestartOK})
	w.reports = nil
	w.hear("m2", order.Hello{})
	want(t, "nothing for others", len(w.reports), 0)
	w.hear("m1", order.Hello{})
	want(t, "reports", len(w.reports), 2)
	if p, ok := w.reports[0].(order.Published); !ok || !p.Done {
		t.Errorf("%+v", w.reports[0])
	}
	if r, ok := w.reports[1].(order.Restarted); !ok || r.Order != "r1" {
		t.Errorf("%+v", w.reports[1])
	}
}

// M6: "Every agent alarms when no monitor has spoken for five intervals and a minute".
func TestFrozen(t *testing.T) {
	w := newWorld(t, nil)
	w.hear("m1", order.Heartbeat{Monitor: "m1", Interval: 10 * time.Second})
	last := w.now
	w.pass(110*time.Second - time.Nanosecond)
	want(t, "before", len(w.alerts), 0)
	w.pass(time.Nanosecond)
	if len(w.alerts) != 1 || w.alerts[0].Kind != AlertFrozen || w.alerts[0].Final || !w.alerts[0].Since.Equal(last) {
		t.Fatalf("%+v", w.alerts)
	}
	want(t, "status", w.m.Status(w.now).FrozenSince, last)
	w.pass(time.Hour)
	want(t, "once", len(w.alerts), 1)
	w.hear("m2", order.Hello{})
	if len(w.alerts) != 2 || !w.alerts[1].Final {
		t.Fatalf("%+v", w.alerts)
	}
	want(t, "status", w.m.Status(w.now).FrozenSince, time.Time{})
}

func TestFrozenFromTheStart(t *testing.T) {
	w := newWorld(t, nil)
	w.pass(FrozenIntervals*defaultInterval + FrozenExtra)
	want(t, "alarms", len(w.alerts), 1)
}
