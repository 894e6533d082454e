package decide

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"loadshare/monitor/order"
)

const matrixFile = "testdata/matrix.golden"

// matrixConfig has one member under test, m, that can be in every state, and one that stays up.
func matrixConfig() Config {
	five := 5 * time.Second
	return Config{Monitor: "m1", Lease: 15 * time.Second,
		Guard: Guard{Anchors: []CheckID{"anchor"}},
		Checks: []Check{
			{ID: "anchor", Interval: five, Fall: 3, Rise: 2},
			{ID: "parent", Interval: five, Fall: 3, Rise: 2},
			{ID: "m", Interval: five, Fall: 3, Rise: 2, DependsOn: []CheckID{"parent"}},
			{ID: "other", Interval: five, Fall: 3, Rise: 2},
		},
		Pools: []Pool{{ID: "www/A", TTL: 30, Grace: 30 * time.Second, Flap: Flap{2, 10 * time.Minute, time.Minute},
			Members: []Member{
				{Value: "192.0.2.1", Paths: []Path{{Checks: []CheckID{"m"}}}, Service: "web", Agent: "n1"},
				{Value: "192.0.2.2", Paths: []Path{{Checks: []CheckID{"other"}}}},
			}}},
	}
}

// enter brings the member into a state through real inputs only.
var enter = map[State]func(w *world){
	Unknown: func(w *world) { w.outs["m"] = Untested; w.rounds(2); w.outs["m"] = OK },
	Up:      func(w *world) { w.rounds(2) },
	Suspect: func(w *world) { w.rounds(2); w.fails(1) },
	Down: func(w *world) {
		w.rounds(2)
		w.fails(3)
		w.restarted(order.Restarted{Outcome: order.RestartFailed})
	},
	Restarting: func(w *world) { w.rounds(2); w.fails(3) },
	Recovering: func(w *world) {
		w.rounds(2)
		w.fails(3)
		w.restarted(order.Restarted{Outcome: order.RestartFailed})
		w.oks(1)
	},
	Flapping: func(w *world) {
		w.rounds(2)
		w.fails(3)
		w.oks(2)
		w.fails(3)
	},
	Drained: func(w *world) {
		w.rounds(2)
		w.step(Drain{Address: "192.0.2.1", Until: w.now.Add(time.Hour), By: "ann", Reason: "disk"})
	},
}

func (w *world) fails(n int) { w.outs["m"] = Failed; w.rounds(n) }
func (w *world) oks(n int)   { w.outs["m"] = OK; w.rounds(n) }

// one observation of the member; the anchor is looked at just before, as it would be.
func (w *world) one(o Outcome, recheck bool) {
	w.outs["m"] = o
	w.now = w.now.Add(time.Second)
	if w.outs["anchor"] == OK {
		w.probe("anchor", false)
	}
	w.probe("m", recheck)
}

var matrixInputs = []struct {
	name string
	give func(w *world)
}{
	{"probe ok", func(w *world) { w.one(OK, false) }},
	{"probe ok, rise times", func(w *world) { w.one(OK, false); w.one(OK, false) }},
	{"probe failed", func(w *world) { w.one(Failed, false) }},
	{"probe failed, fall times", func(w *world) { w.one(Failed, false); w.one(Failed, false); w.one(Failed, false) }},
	{"probe untested, often", func(w *world) {
		for range 5 {
			w.one(Untested, false)
		}
	}},
	{"recheck ok", func(w *world) { w.one(OK, true) }},
	{"recheck failed, often", func(w *world) {
		for range 5 {
			w.one(Failed, true)
		}
	}},
	{"old observation", func(w *world) { w.step(Observation{Check: "m", Outcome: Failed, At: start}) }},
	{"parent down, failed, fall times", func(w *world) {
		w.outs["parent"] = Failed
		w.probe("parent", false)
		for range 3 {
			w.one(Failed, false)
		}
	}},
	{"no anchor answers, failed, fall times", func(w *world) {
		w.outs["anchor"] = Failed
		w.probe("anchor", false)
		for range 3 {
			w.one(Failed, false)
		}
	}},
	{"drain", func(w *world) {
		w.step(Drain{Address: "192.0.2.1", Until: w.now.Add(time.Hour), By: "ann", Reason: "disk"})
	}},
	{"undrain", func(w *world) { w.step(Undrain{Address: "192.0.2.1", By: "ann"}) }},
	{"two hours pass", func(w *world) { w.pass(2 * time.Hour) }},
	{"restart ok", restartReport(order.Restarted{Outcome: order.RestartOK})},
	{"restart ok, grace passes", func(w *world) {
		restartReport(order.Restarted{Outcome: order.RestartOK})(w)
		w.pass(30 * time.Second)
	}},
	{"restart ok, failed, fall times", func(w *world) {
		restartReport(order.Restarted{Outcome: order.RestartOK})(w)
		for range 3 {
			w.one(Failed, false)
		}
	}},
	{"restart failed", restartReport(order.Restarted{Outcome: order.RestartFailed})},
	{"restart refused, budget", restartReport(order.Restarted{Outcome: order.RestartRefused, Refused: order.RefusedBudget})},
	{"receipt busy", restartReceipt(order.RefusedBusy)},
	{"receipt too late", restartReceipt(order.RefusedTooLate)},
	{"receipt not holder", restartReceipt(order.RefusedNotHolder)},
	{"agent gone, failed, fall times", func(w *world) {
		w.step(AgentDown{"n1"})
		for range 3 {
			w.one(Failed, false)
		}
	}},
	{"another holds, failed, fall times", func(w *world) {
		w.beat("ns1", order.Held{Pool: "www/A", Holder: "m0", Newest: order.Stamp{Epoch: 9, Generation: 1, Monitor: "m0"}})
		for range 3 {
			w.one(Failed, false)
		}
	}},
	{"monitor restarts", func(w *world) { w.boot() }},
	{"same configuration", func(w *world) { w.step(Reconfigure{w.cfg}) }},
	{"member leaves configuration", func(w *world) {
		w.cfg.Pools[0].Members = w.cfg.Pools[0].Members[1:]
		w.step(Reconfigure{w.cfg})
	}},
	{"second view", func(w *world) { w.step(SecondView{Agent: "ns1", Check: "m", Outcome: Failed}) }},
	{"lift hold", func(w *world) { w.step(LiftHold{By: "ann"}) }},
}

func restartReport(r order.Restarted) func(w *world) {
	return func(w *world) {
		r.Order = "none"
		if n := len(w.restarts); n > 0 {
			r.Order = w.restarts[n-1].Order.ID
		}
		w.step(Restarted{Agent: "n1", Report: r})
	}
}

func restartReceipt(why order.Refusal) func(w *world) {
	return func(w *world) {
		r := order.Receipt{Order: "none", Refused: why}
		if n := len(w.restarts); n > 0 {
			r.Order = w.restarts[n-1].Order.ID
		}
		w.step(Receipted{Agent: "n1", Receipt: r})
	}
}

// TestEveryStateAndInput prints every state with every input: what the member
// becomes, why, and everything that is said. A new cell or a changed one is a
// decision: read the difference before it is committed.
func TestEveryStateAndInput(t *testing.T) {
	var out strings.Builder
	for s := range NumStates {
		for _, in := range matrixInputs {
			w := newWorld(t, matrixConfig())
			w.quiet = true
			w.connect(true, "ns1")
			w.connect(false, "n1")
			enter[State(s)](w)
			if got := w.state(); got != State(s) {
				t.Fatalf("set-up of %v ended in %v", State(s), got)
			}
			w.quiet = false
			in.give(w)
			fmt.Fprintf(&out, "== %v, %s => %s\n", State(s), in.name, w.cell())
			out.WriteString(w.log.String())
		}
	}
	if *rewrite {
		if err := os.WriteFile(matrixFile, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(matrixFile)
	if err != nil {
		t.Fatal(err)
	}
	got, ref := strings.Split(out.String(), "\n"), strings.Split(string(want), "\n")
	for i := range max(len(got), len(ref)) {
		a, b := at(got, i), at(ref, i)
		if a != b {
			t.Fatalf("%s:%d\ngot:  %s\nwant: %s\n(-rewrite writes what it is now)", matrixFile, i+1, a, b)
		}
	}
}

func at(s []string, i int) string {
	if i < len(s) {
		return s[i]
	}
	return "(end)"
}

func (w *world) state() State {
	v, _ := w.m.Pool("www/A")
	for _, mv := range v.Members {
		if mv.Value == "192.0.2.1" {
			return mv.State
		}
	}
	return Unknown
}

func (w *world) cell() string {
	v, _ := w.m.Pool("www/A")
	for _, mv := range v.Members {
		if mv.Value == "192.0.2.1" {
			return fmt.Sprintf("%s (%s) in-dns %t %s", mv.State, mv.Reason, mv.InDNS, mv.Kept)
		}
	}
	return "gone"
}

// TestTableOfMoves pins the table: every permitted move is made by the matrix
// or a story, every other one panics.
func TestTableOfMoves(t *testing.T) {
	for from := range NumStates {
		for to := range NumStates {
			w := newWorld(t, matrixConfig())
			w.quiet = true
			mb := w.m.list[0].members[0]
			mb.state = State(from)
			panicked := func() (p bool) {
				defer func() { p = recover() != nil }()
				w.m.become(mb, State(to), order.ReasonFell, "")
				return
			}()
			if panicked == moves[from][to] {
				t.Errorf("%v -> %v: permitted %t, panicked %t", State(from), State(to), moves[from][to], panicked)
			}
		}
	}
}
