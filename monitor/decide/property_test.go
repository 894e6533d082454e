package decide

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"loadshare/monitor/order"
)

// step is one input of a recorded run.
type recorded struct {
	now time.Time
	in  Input
	out []string
}

// drive runs a random life of a random site: probes, restarts, drains, lost
// agents, other monitors, second views. Every step goes through see.
func drive(t *rapid.T, cfg Config, steps int, see func(m *Machine, in Input, out Output)) []recorded {
	now := start
	m, err := New(cfg, nil, now)
	if err != nil {
		t.Fatal(err)
	}
	var log []recorded
	var restarts []RestartOrder
	var asked []Question
	publishes := map[order.PoolID]order.Publish{}
	world := map[CheckID]Outcome{}
	give := func(in Input) {
		out := m.Step(now, in)
		log = append(log, recorded{now, in, lines(out)})
		restarts = append(restarts, out.Restarts...)
		asked = append(asked, out.SecondViews...)
		for _, p := range out.Publishes {
			publishes[p.Pool] = p
		}
		checkMachine(t, m)
		see(m, in, out)
	}
	check := rapid.SampledFrom(cfg.Checks)
	pool := rapid.SampledFrom(cfg.Pools)
	agents := rapid.SampledFrom([]string{"ns1", "ns2", "n1"})
	beat := func(agent string, holder string) {
		b := Beat{Agent: agent}
		for _, c := range m.Claims(now) {
			b.Claimed = append(b.Claimed, c.Pool)
			if holder != "" {
				b.Refused = append(b.Refused, order.Held{Pool: c.Pool, Holder: holder, Newest: order.Stamp{Epoch: 3, Monitor: holder}})
			}
		}
		give(b)
	}
	for _, a := range []string{"ns1", "n1"} {
		give(AgentUp{Agent: a, Welcome: order.Welcome{Publishes: a != "n1", Boot: "1"}})
		beat(a, "")
	}
	for range steps {
		switch rapid.IntRange(0, 19).Draw(t, "op") {
		default: // an interval passes
			end := now.Add(5 * time.Second)
			for d := m.Deadline(); !d.IsZero() && !d.After(end); d = m.Deadline() {
				if d.After(now) {
					now = d
				}
				give(Tick{})
			}
			now = end
			for _, c := range cfg.Checks {
				give(Observation{Check: c.ID, Outcome: world[c.ID], Reason: "probe", At: now})
			}
		case 0, 1, 2, 3:
			world[check.Draw(t, "check").ID] = rapid.SampledFrom([]Outcome{OK, OK, Failed, Failed, Untested}).Draw(t, "outcome")
		case 12: // the monitor's own link is cut, and whole again
			o := rapid.SampledFrom([]Outcome{Failed, OK}).Draw(t, "everything")
			for _, c := range cfg.Checks {
				world[c.ID] = o
			}
		case 4:
			c := check.Draw(t, "check").ID
			give(Observation{Check: c, Outcome: world[c], Reason: "recheck", At: now, Recheck: true})
		case 5:
			p := pool.Draw(t, "pool")
			give(Drain{Address: rapid.SampledFrom(p.Members).Draw(t, "member").Value, Until: now.Add(time.Minute), By: "ann", Reason: "disk"})
		case 6:
			p := pool.Draw(t, "pool")
			give(Undrain{Address: rapid.SampledFrom(p.Members).Draw(t, "member").Value, By: "ann"})
		case 7:
			if len(restarts) > 0 {
				o := rapid.SampledFrom(restarts).Draw(t, "restart").Order
				give(Restarted{Agent: "n1", Report: order.Restarted{Order: o.ID, Pool: o.Pool, Member: o.Member,
					Outcome: rapid.SampledFrom([]order.RestartOutcome{order.RestartOK, order.RestartFailed}).Draw(t, "outcome")}})
			}
		case 8:
			a := agents.Draw(t, "agent")
			if rapid.Bool().Draw(t, "up") {
				give(AgentUp{Agent: a, Welcome: order.Welcome{Publishes: a != "n1", Boot: "1"}})
			} else {
				give(AgentDown{a})
			}
		case 9:
			beat(agents.Draw(t, "agent"), rapid.SampledFrom([]string{"", "", "m0", "m2"}).Draw(t, "holder"))
		case 10:
			if len(asked) > 0 {
				give(SecondView{Agent: "ns1", Check: rapid.SampledFrom(asked).Draw(t, "asked").Check,
					Outcome: rapid.SampledFrom([]Outcome{OK, Failed, Untested}).Draw(t, "seen")})
			}
		case 11:
			if o, ok := publishes[pool.Draw(t, "pool").ID]; ok {
				r := order.Receipt{Order: o.ID, Refused: rapid.SampledFrom([]order.Refusal{order.Taken, order.RefusedStale, order.RefusedNotHolder, order.RefusedFull}).Draw(t, "refused")}
				if r.Refused == order.RefusedStale {
					r.Newest = order.Stamp{Epoch: o.Stamp.Epoch + 1, Monitor: rapid.SampledFrom([]string{"m0", "m1"}).Draw(t, "by")}
				}
				give(Receipted{Agent: "ns1", Receipt: r})
			}
		}
	}
	return log
}

// site draws a configuration: one to three pools of one to five members.
func site(t *rapid.T) Config {
	cfg := Config{Monitor: "m1", Lease: 15 * time.Second, Guard: Guard{Members: rapid.IntRange(0, 5).Draw(t, "guard"), Share: 0.5}}
	anchors := rapid.IntRange(0, 1).Draw(t, "anchors")
	for i := range anchors {
		id := CheckID(fmt.Sprintf("anchor%d", i))
		cfg.Checks = append(cfg.Checks, Check{ID: id, Interval: 5 * time.Second, Fall: 2, Rise: 1})
		cfg.Guard.Anchors = append(cfg.Guard.Anchors, id)
	}
	for p := range rapid.IntRange(1, 3).Draw(t, "pools") {
		pc := Pool{ID: order.PoolID(fmt.Sprintf("p%d/A", p)), TTL: 30, Grace: 20 * time.Second,
			Flap:      Flap{Downs: rapid.SampledFrom([]int{0, 3}).Draw(t, "flap"), Window: time.Minute, Hold: 20 * time.Second},
			OnFailure: rapid.SampledFrom([]OnFailure{RemoveFirst, RestartFirst}).Draw(t, "on failure"),
			OnAllDown: rapid.SampledFrom([]OnAllDown{KeepLast, All, None}).Draw(t, "on all down"),
			MinMembers: Floor{Number: rapid.IntRange(0, 3).Draw(t, "min"),
				Percent: rapid.SampledFrom([]float64{0, 0, 50}).Draw(t, "percent")},
		}
		for i := range rapid.IntRange(1, 5).Draw(t, "members") {
			id := CheckID(fmt.Sprintf("c%d.%d", p, i))
			cfg.Checks = append(cfg.Checks, Check{ID: id, Interval: 5 * time.Second,
				Fall: rapid.IntRange(1, 3).Draw(t, "fall"), Rise: rapid.IntRange(1, 2).Draw(t, "rise")})
			pc.Members = append(pc.Members, Member{Value: fmt.Sprintf("192.0.2.%d", p*10+i+1), Paths: []Path{{Checks: []CheckID{id}}},
				Service: rapid.SampledFrom([]string{"", "web"}).Draw(t, "service"), Agent: "n1"})
		}
		cfg.Pools = append(cfg.Pools, pc)
	}
	return cfg
}

// TestPublishedSetsAreSafe: whatever happens, an order is never empty (but with
// on_all_down = "none"), never below the floor, never with a drained member, and
// never with a stamp that was given before.
func TestPublishedSetsAreSafe(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := site(t)
		newest := map[order.PoolID]order.Stamp{}
		drive(t, cfg, 80, func(m *Machine, in Input, out Output) {
			for _, o := range out.Publishes {
				v, _ := m.Pool(o.Pool)
				pc := cfg.Pools[slices.IndexFunc(cfg.Pools, func(p Pool) bool { return p.ID == o.Pool })]
				if !o.Stamp.Newer(newest[o.Pool]) {
					t.Fatalf("%s: stamp %v after %v", o.Pool, o.Stamp, newest[o.Pool])
				}
				newest[o.Pool] = o.Stamp
				undrained, good := 0, 0
				for _, mv := range v.Members {
					if mv.State != Drained {
						undrained++
					}
					if mv.State == Up || mv.State == Suspect {
						good++
					}
				}
				for _, mv := range v.Members {
					if mv.State == Drained && undrained > 0 && slices.Contains(o.Want.Values, mv.Value) {
						t.Fatalf("%s publishes %s, which is drained", o.Pool, mv.Value)
					}
				}
				if o.AllowEmpty {
					if pc.OnAllDown != None || good > 0 {
						t.Fatalf("%s may become empty with %d good members", o.Pool, good)
					}
					continue
				}
				if n := len(o.Want.Values); n == 0 || n < min(pc.MinMembers.Of(len(pc.Members)), undrained) {
					t.Fatalf("%s publishes %d, floor %d, %d not drained", o.Pool, n, pc.MinMembers.Of(len(pc.Members)), undrained)
				}
				if v.Role != RoleHolder {
					t.Fatalf("%s: an order as %v", o.Pool, v.Role)
				}
			}
			for _, r := range out.Restarts {
				v, _ := m.Pool(r.Order.Pool)
				for _, mv := range v.Members {
					if mv.Value == r.Order.Member && mv.State != Restarting {
						t.Fatalf("restart of %s, which is %v", mv.Value, mv.State)
					}
				}
			}
		})
	})
}

// TestNoVerdictFasterThanItsThreshold: a verdict turns no sooner than fall (or
// rise) intervals after it last turned, rechecks or not. What was judged while
// this monitor was blind is taken back at once when it sees again; to turn
// once more it needs its time like any other.
func TestNoVerdictFasterThanItsThreshold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := site(t)
		last := map[CheckID]Verdict{}
		turned := map[CheckID]time.Time{}
		drive(t, cfg, 80, func(m *Machine, in Input, out Output) {
			o, ok := in.(Observation)
			for _, c := range cfg.Checks {
				// Verdicts reached while blind are taken back when an anchor answers.
				if v, _ := m.Check(c.ID); v.Verdict == VerdictUp && last[c.ID] == VerdictDown && c.ID != o.Check {
					last[c.ID] = VerdictUp
					delete(turned, c.ID)
				}
			}
			if !ok {
				return
			}
			v, _ := m.Check(o.Check)
			if v.Verdict == last[o.Check] {
				return
			}
			c := cfg.Checks[slices.IndexFunc(cfg.Checks, func(c Check) bool { return c.ID == o.Check })]
			times := c.Rise
			if v.Verdict == VerdictDown {
				times = c.Fall
			}
			if at, was := turned[o.Check]; was && o.At.Sub(at) < time.Duration(times)*c.Interval {
				t.Fatalf("%s turned %v %v after it last turned, at least %d intervals", o.Check, v.Verdict, o.At.Sub(at), times)
			}
			last[o.Check], turned[o.Check] = v.Verdict, o.At
		})
	})
}

// TestReplayGivesTheSameOrders: the machine has no other input than its inputs.
func TestReplayGivesTheSameOrders(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := site(t)
		log := drive(t, cfg, 60, func(*Machine, Input, Output) {})
		m, err := New(cfg, nil, start)
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range log {
			if d := cmp.Diff(r.out, lines(m.Step(r.now, r.in))); d != "" {
				t.Fatalf("input %d %T %+v (-first +replay):\n%s", i, r.in, r.in, d)
			}
		}
	})
}

// TestASavedMachineGoesOnAsItWas: a machine started from the records of another
// one has the same states, drains and sets, up to what lies between two verdicts.
func TestASavedMachineGoesOnAsItWas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := site(t)
		saved := map[string]Record{}
		var last *Machine
		log := drive(t, cfg, 60, func(m *Machine, in Input, out Output) {
			last = m
			for _, r := range out.Save {
				saved[r.Key] = r
			}
		})
		var recs []Record
		for _, p := range cfg.Pools {
			if r, ok := saved[keyPrefix+string(p.ID)]; ok {
				recs = append(recs, r)
			}
		}
		m, err := New(cfg, recs, log[len(log)-1].now)
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range m.Pools() {
			a, _ := last.Pool(id)
			b, _ := m.Pool(id)
			if d := cmp.Diff(a.Published, b.Published); d != "" || a.Stamp != b.Stamp || a.Decided != b.Decided {
				t.Fatalf("%s: %v %v, after the restart %v %v\n%s", id, a.Stamp, a.Decided, b.Stamp, b.Decided, d)
			}
			for i := range a.Members {
				x, y := a.Members[i], b.Members[i]
				if x.State.durable() != y.State || x.InDNS != y.InDNS || x.Kept != y.Kept || x.Restarts != y.Restarts || (x.Drain == nil) != (y.Drain == nil) {
					t.Fatalf("%s %s: %v %t, after the restart %v %t", id, x.Value, x.State, x.InDNS, y.State, y.InDNS)
				}
			}
		}
	})
}
