package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"loadshare/ddns"
	"loadshare/monitor/order"
)

// nameServer is a DNS server of the test: literal sets, prerequisites as RFC 2136 has
// them, and nothing else.
type nameServer struct {
	zone     string
	sets     map[ddns.Key]ddns.Set
	wildcard map[ddns.Key]ddns.Set // by zone and type: answered for names that are not there
	dead     bool
	drops    bool  // answers questions, is silent to updates (a backup in normal)
	refuses  Fault // answers every update with this
	partner  *nameServer
	writes   []string
}

func newNameServer() *nameServer {
	return &nameServer{zone: "example", sets: map[ddns.Key]ddns.Set{}}
}

func (s *nameServer) literal(k ddns.Key) ddns.Set {
	if set, ok := s.sets[k]; ok {
		return set
	}
	return ddns.Set{Name: k.Name, Type: k.Type}
}

func (s *nameServer) answer(k ddns.Key) ddns.Set {
	set := s.literal(k)
	exists := slices.ContainsFunc(slices.Collect(maps.Keys(s.sets)), func(o ddns.Key) bool {
		return o.Name == k.Name || strings.HasSuffix(o.Name, "."+k.Name)
	})
	if w, ok := s.wildcard[ddns.Key{Name: s.zone, Type: k.Type}]; ok && !exists {
		set.TTL, set.Values = w.TTL, w.Values
	}
	return set
}

func (s *nameServer) read(r Read) ReadDone {
	if s.dead {
		return ReadDone{Token: r.Token, Fault: Silent, Err: "timeout"}
	}
	out := ReadDone{Token: r.Token, Zone: s.zone, Have: ddns.Have{Set: s.answer(r.Key)}}
	if r.Generation != "" {
		out.Have.Generation = s.answer(ddns.Key{Name: r.Generation, Type: "TXT"}).Values
	}
	return out
}

func (s *nameServer) write(w Write) WriteDone {
	out := WriteDone{Token: w.Token}
	switch {
	case s.dead || s.drops:
		out.Fault, out.Err = Silent, "timeout"
	case s.refuses != NoFault:
		out.Fault, out.Err = s.refuses, "REFUSED"
	case !s.apply(w.Change):
		out.Fault, out.Err = Changed, "NXRRSET"
	default:
		s.writes = append(s.writes, fmt.Sprint(w.Stamp.Epoch, ".", w.Stamp.Generation))
	}
	return out
}

func (s *nameServer) apply(c ddns.Change) bool {
	for _, p := range c.Prereqs {
		have := s.literal(ddns.Key{Name: p.Name, Type: p.Type})
		switch p.Kind {
		case ddns.SetAbsent:
			if len(have.Values) != 0 {
				return false
			}
		case ddns.SetEquals:
			want := ddns.Set{Name: p.Name, Type: p.Type, Values: p.Values}.Normalize()
			if !slices.Equal(have.Values, want.Values) {
				return false
			}
		case ddns.NameInUse, ddns.NameNotInUse, ddns.SetExists:
			panic("not used by the agent")
		}
	}
	for _, at := range []*nameServer{s, s.partner} {
		if at == nil || at.dead {
			continue
		}
		for _, o := range c.Ops {
			k := ddns.Key{Name: o.Name, Type: o.Type}
			set := ddns.Change{Ops: []ddns.Op{o}}.Apply(at.literal(k))
			if len(set.Values) == 0 {
				delete(at.sets, k)
			} else {
				at.sets[k] = set
			}
		}
	}
	return true
}

func (s *nameServer) put(name string, ttl uint32, values ...string) {
	set := ddns.Set{Name: name, Type: "A", TTL: ttl, Values: values}.Normalize()
	s.sets[set.Key()] = set
}

func (s *nameServer) values(name string) string {
	return strings.Join(s.literal(ddns.Key{Name: name, Type: "A"}).Values, " ")
}

// world is one agent, its servers and what it said, at a time that the test moves.
type world struct {
	t       *testing.T
	now     time.Time
	m       *Machine
	cfg     Config
	servers map[string]*nameServer
	store   map[string][]byte
	hold    bool // reads and writes are kept in pending instead of carried out
	pending []any
	replies []order.Message
	reports []order.Message
	alerts  []Alert
	runs    []RunRestart
	hooks   []RunHook
	resets  []Reset
	reasons []Reason
	tried   []string // servers of reads, in order
	nextID  uint64
}

func newWorld(t *testing.T, change func(*Config)) *world {
	t.Helper()
	w := &world{
		t: t, now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		servers: map[string]*nameServer{"main": newNameServer(), "backup": newNameServer()}, store: map[string][]byte{},
		cfg: Config{
			Agent: "agent1", Servers: []string{"main", "backup"}, Policy: Every, Fence: true, Strays: StraysRemove,
			Records:  ddns.Patterns{{Name: "*.example", Types: []string{"A", "AAAA"}}},
			Services: map[string]Service{"apache": {Budget: 3, Window: 10 * time.Minute, OnDown: true, OnUp: true}, "postfix": {Budget: 1, Window: time.Minute}},
		},
	}
	if change != nil {
		change(&w.cfg)
	}
	w.start()
	return w
}

func (w *world) start() {
	w.t.Helper()
	m, err := New(w.now, w.cfg, maps.Clone(w.store), "boot")
	if err != nil {
		w.t.Fatal(err)
	}
	w.m, w.pending = m, nil
	w.do(w.m.Step(w.now, Tick{}))
}

// do carries an output out, in field order.
func (w *world) do(out Output) {
	for _, s := range out.Save {
		if s.Value == nil {
			delete(w.store, s.Key)
		} else {
			w.store[s.Key] = s.Value
		}
	}
	for _, r := range out.Reply {
		w.replies = append(w.replies, r.Msg)
	}
	for _, r := range out.Read {
		w.tried = append(w.tried, r.Server)
		w.pending = append(w.pending, r)
	}
	for _, r := range out.Write {
		w.pending = append(w.pending, r)
	}
	w.runs = append(w.runs, out.Restart...)
	w.hooks = append(w.hooks, out.Hook...)
	w.resets = append(w.resets, out.Reset...)
	for _, r := range out.Report {
		w.reports = append(w.reports, r.Msg)
	}
	w.alerts = append(w.alerts, out.Alert...)
	for _, n := range out.Notes {
		w.reasons = append(w.reasons, n.Reason)
	}
	if !w.hold {
		w.serve()
	}
}

// serve carries out what is pending, until nothing is.
func (w *world) serve() {
	for len(w.pending) > 0 {
		p := w.pending[0]
		w.pending = w.pending[1:]
		switch p := p.(type) {
		case Read:
			w.step(w.servers[p.Server].read(p))
		case Write:
			w.step(w.servers[p.Server].write(p))
		}
	}
}

func (w *world) step(in Input) { w.do(w.m.Step(w.now, in)) }

// pass lets time go by, waking the machine at its deadlines.
func (w *world) pass(d time.Duration) {
	w.t.Helper()
	end := w.now.Add(d)
	for range 10_000 {
		next := w.m.Deadline()
		if next.IsZero() || next.After(end) {
			w.now = end
			return
		}
		if next.After(w.now) {
			w.now = next
		}
		w.step(Tick{})
	}
	w.t.Fatal("the machine asks to be woken for ever")
}

func (w *world) hear(from string, msg order.Message) order.Message {
	w.t.Helper()
	w.nextID++
	n := len(w.replies)
	w.step(Heard{From: from, ID: w.nextID, Msg: msg})
	if len(w.replies) == n {
		return nil
	}
	return w.replies[n]
}

func stamp(monitor string, epoch, generation uint64) order.Stamp {
	return order.Stamp{Epoch: epoch, Generation: generation, Monitor: monitor}
}

const www = order.PoolID("www.example/A")

func (w *world) beat(from string, claims ...order.Claim) order.Beat {
	w.t.Helper()
	return w.hear(from, order.Heartbeat{Monitor: from, Lease: 15 * time.Second, Interval: 5 * time.Second, Claims: claims}).(order.Beat)
}

func (w *world) claim(from string, s order.Stamp) {
	w.t.Helper()
	w.beat(from, order.Claim{Pool: www, Current: s})
}

// order makes a publish order of www.example with these members in; .1 to .3 are members.
func (w *world) order(s order.Stamp, in ...string) order.Publish {
	return order.Publish{
		ID: fmt.Sprintf("%s-%d-%d", s.Monitor, s.Epoch, s.Generation), Pool: www, Stamp: s, DecidedAt: w.now,
		Want:    order.RecordSet{Name: "www.example", Type: order.A, TTL: 1, Values: in}.Normalize(),
		Members: []string{"10.0.0.1", "10.0.0.2", "10.0.0.3"}, Reason: order.ReasonFell,
	}
}

func (w *world) publish(s order.Stamp, in ...string) order.Receipt {
	w.t.Helper()
	return w.hear(s.Monitor, w.order(s, in...)).(order.Receipt)
}

// published is the last report about an order.
func (w *world) published() order.Published {
	w.t.Helper()
	for i := len(w.reports) - 1; i >= 0; i-- {
		if p, ok := w.reports[i].(order.Published); ok {
			return p
		}
	}
	w.t.Fatal("nothing was reported as published")
	return order.Published{}
}

func (w *world) states() string {
	w.t.Helper()
	var out []string
	p := w.published()
	for _, s := range p.Servers {
		out = append(out, string(s.State))
	}
	if p.Done {
		out = append(out, "done")
	}
	return strings.Join(out, " ")
}

func (w *world) has(r Reason) bool { return slices.Contains(w.reasons, r) }
