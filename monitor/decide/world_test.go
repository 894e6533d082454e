package decide

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"loadshare/monitor/order"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// world drives one machine: probes answer as told, time passes as told, and
// everything the machine says is printed. It stands for the monitor's loop.
type world struct {
	t      testing.TB
	m      *Machine
	cfg    Config
	now    time.Time
	saved  map[string]Record
	outs   map[CheckID]Outcome // what probes see; absent: ok
	log    strings.Builder
	quiet  bool
	agents []string

	publishes map[order.PoolID]order.Publish
	restarts  []RestartOrder
	questions []Question
	maxGen    map[order.PoolID]order.Stamp
}

func newWorld(t testing.TB, cfg Config) *world {
	t.Helper()
	w := &world{t: t, cfg: cfg, now: start, saved: map[string]Record{}, outs: map[CheckID]Outcome{},
		publishes: map[order.PoolID]order.Publish{}, maxGen: map[order.PoolID]order.Stamp{}}
	w.boot()
	return w
}

// boot starts a machine from what was saved.
func (w *world) boot() {
	w.t.Helper()
	var recs []Record
	for _, k := range slices.Sorted(maps.Keys(w.saved)) {
		recs = append(recs, w.saved[k])
	}
	m, err := New(w.cfg, recs, w.now)
	if err != nil {
		w.t.Fatalf("New: %v", err)
	}
	w.m, w.agents = m, nil
	w.step(Tick{})
}

func (w *world) step(in Input) Output {
	w.t.Helper()
	out := w.m.Step(w.now, in)
	w.carryOut(out)
	checkMachine(w.t, w.m)
	return out
}

// carryOut does what the monitor's loop does with an output, and prints it.
func (w *world) carryOut(o Output) {
	w.t.Helper()
	for _, r := range o.Save {
		w.saved[r.Key] = r
		if r.Value == nil {
			delete(w.saved, r.Key)
		}
	}
	for _, p := range o.Publishes {
		if !p.Stamp.Newer(w.maxGen[p.Pool]) {
			w.t.Errorf("%s: stamp %v was given before", p.Pool, p.Stamp)
		}
		w.maxGen[p.Pool] = p.Stamp
		w.publishes[p.Pool] = p
	}
	w.restarts = append(w.restarts, o.Restarts...)
	w.questions = append(w.questions, o.SecondViews...)
	if !w.quiet {
		for _, line := range lines(o) {
			fmt.Fprintf(&w.log, "%-7s %s\n", "+"+w.now.Sub(start).String(), line)
		}
	}
}

// lines prints an output, a line a thing, in the order of its fields.
func lines(o Output) (out []string) {
	add := func(format string, a ...any) { out = append(out, strings.TrimRight(fmt.Sprintf(format, a...), " ")) }
	for _, r := range o.Save {
		word := "save"
		if r.Value == nil {
			word = "delete"
		}
		add("%s %s", word, r.Key)
	}
	for _, e := range o.Events {
		subject := strings.Join(slices.DeleteFunc([]string{string(e.Pool), e.Member, string(e.Check)}, func(s string) bool { return s == "" }), " ")
		move := ""
		if e.From != "" || e.To != "" {
			move = fmt.Sprintf("%s -> %s ", e.From, e.To)
		}
		add("event %s %s: %s(%s) %s", e.Kind, subject, move, e.Reason, e.Text)
	}
	for _, p := range o.Publishes {
		empty := ""
		if p.AllowEmpty {
			empty = " allow-empty"
		}
		add("PUBLISH %s %d.%d ttl %d [%s] of [%s]%s because %s", p.Pool, p.Stamp.Epoch, p.Stamp.Generation, p.Want.TTL,
			strings.Join(p.Want.Values, ", "), strings.Join(p.Members, ", "), empty, p.Reason)
	}
	for _, r := range o.Restarts {
		add("RESTART %s on %s for %s %d.%d", r.Order.Service, r.Agent, r.Order.Member, r.Order.Stamp.Epoch, r.Order.Stamp.Generation)
	}
	for _, h := range o.Hooks {
		add("HOOK %s on %s for %s up=%t", h.Order.Service, h.Agent, h.Order.Member, h.Order.Up)
	}
	if n := o.NormalDNS; n != nil {
		var pools []string
		for _, p := range n.Pools {
			pools = append(pools, fmt.Sprintf("%s [%s] out %v", p.Pool, strings.Join(p.Want.Values, ", "), n.Out[p.Pool]))
		}
		add("NORMAL-DNS %s pools %v undecided %v because %s", n.Action, pools, n.Undecided, n.Reason)
	}
	for _, q := range o.SecondViews {
		add("ASK about %s of %s %s", q.Check, q.Pool, q.Member)
	}
	for _, id := range o.Recheck {
		add("RECHECK %s", id)
	}
	for _, a := range o.Alerts {
		final := ""
		if a.Final {
			final = " final"
		}
		add("ALERT %s%s [%s] %s", a.Kind, final, a.Incident, a.Text)
		for _, c := range a.Children {
			add("        also %s", c)
		}
	}
	if o.Refused != "" {
		add("REFUSED %s", o.Refused)
	}
	return out
}

// pass lets time go on, with a tick at each deadline.
func (w *world) pass(d time.Duration) {
	w.t.Helper()
	end := w.now.Add(d)
	for {
		at := w.m.Deadline()
		if at.IsZero() || at.After(end) {
			break
		}
		if at.After(w.now) {
			w.now = at
		}
		w.step(Tick{})
	}
	w.now = end
}

// round lets an interval pass and runs every check once.
func (w *world) round() {
	w.t.Helper()
	w.pass(5 * time.Second)
	for _, c := range w.cfg.Checks {
		w.probe(c.ID, false)
	}
}

func (w *world) rounds(n int) {
	w.t.Helper()
	for range n {
		w.round()
	}
}

func (w *world) probe(id CheckID, recheck bool) {
	w.t.Helper()
	o := Observation{Check: id, Outcome: w.outs[id], At: w.now, Recheck: recheck}
	switch o.Outcome {
	case OK:
		o.Reason = "ok"
	case Failed:
		o.Reason, o.Detail = "refused", "connection refused"
	case Untested:
		o.Reason = "no-socket"
	}
	w.step(o)
}

// connect brings agents up and has them grant everything.
func (w *world) connect(publishes bool, names ...string) {
	w.t.Helper()
	for _, n := range names {
		w.step(AgentUp{Agent: n, Welcome: order.Welcome{Version: order.Version, Agent: n, Publishes: publishes, Boot: "1"}})
		if !slices.Contains(w.agents, n) {
			w.agents = append(w.agents, n)
		}
		w.beat(n)
	}
}

func (w *world) beat(agent string, refused ...order.Held) {
	w.t.Helper()
	var claimed []order.PoolID
	for _, c := range w.m.Claims(w.now) {
		claimed = append(claimed, c.Pool)
	}
	w.step(Beat{Agent: agent, Claimed: claimed, Refused: refused})
}

// done has an agent report the newest order of a pool as ended on two servers; it left strays there.
func (w *world) done(agent string, id order.PoolID, strays ...string) {
	w.t.Helper()
	o := w.publishes[id]
	at := w.now
	w.step(Receipted{Agent: agent, Receipt: order.Receipt{Order: o.ID}})
	w.step(Published{Agent: agent, Report: order.Published{Order: o.ID, Pool: id, Stamp: o.Stamp, Done: true, Set: append(slices.Clone(o.Want.Values), strays...), Strays: strays,
		Servers: []order.ServerResult{
			{Server: "ns1", State: order.ServerAnswers, WrittenAt: &at, AnsweredAt: &at},
			{Server: "ns2", State: order.ServerAnswers, WrittenAt: &at, AnsweredAt: &at},
		}}})
}

// restarted answers the last restart order.
func (w *world) restarted(r order.Restarted) {
	w.t.Helper()
	if len(w.restarts) == 0 {
		w.t.Fatal("no restart was ordered")
	}
	o := w.restarts[len(w.restarts)-1]
	r.Order, r.Pool, r.Service, r.Member = o.Order.ID, o.Order.Pool, o.Order.Service, o.Order.Member
	w.step(Restarted{Agent: o.Agent, Report: r})
}

// checkMachine asserts the invariants that must hold after every step.
func checkMachine(t interface {
	Helper()
	Errorf(string, ...any)
}, m *Machine) {
	t.Helper()
	good, suspects := 0, 0
	for _, p := range m.list {
		restarting := 0
		for _, mb := range p.members {
			switch mb.state {
			case Up:
				good++
			case Suspect:
				good++
				suspects++
			case Restarting:
				restarting++
				if p.slot != mb {
					t.Errorf("%s is restarting without the pool's slot", mb.name())
				}
			}
			if (mb.state == Drained) != (mb.override != nil) {
				t.Errorf("%s: state %v with drain %v", mb.name(), mb.state, mb.override)
			}
			if mb.held && !mb.bad() {
				t.Errorf("%s: held although %v", mb.name(), mb.state)
			}
			if mb.held && !m.guard.holding() {
				t.Errorf("%s: held by a guard that does not hold", mb.name())
			}
		}
		if restarting > 1 {
			t.Errorf("%s: %d restarts at once, at most one a pool", p.id, restarting)
		}
		if p.touched || p.unsaved && p.touched {
			t.Errorf("%s: a decision was left over", p.id)
		}
		if p.want != nil && len(p.want) == 0 && p.cfg.OnAllDown != None {
			t.Errorf("%s: empty", p.id)
		}
	}
	if good != m.good || suspects != m.suspects {
		t.Errorf("counted %d good and %d suspect, there are %d and %d", m.good, m.suspects, good, suspects)
	}
}
