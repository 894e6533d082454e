package plan

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"testing"
	"time"

	"pgregory.net/rapid"

	"loadshare/ddns"
	"loadshare/monitor/order"
)

// site is a monitor, agents and servers between which messages are late, lost
// and out of order.
type site struct {
	t       *rapid.T
	now     time.Time
	cfg     Config
	servers map[string]*nameServer
	agents  []*siteAgent
	current order.Publish
	generat uint64
}

type siteAgent struct {
	m     *Machine
	store map[string][]byte
	inbox []order.Message
	ops   []any // reads, writes and answers on their way
}

func (s *site) step(a *siteAgent, in Input) { s.carry(a, a.m.Step(s.now, in)) }

func (s *site) carry(a *siteAgent, out Output) {
	for _, save := range out.Save {
		a.store[save.Key] = save.Value
	}
	for _, r := range out.Read {
		a.ops = append(a.ops, r)
	}
	for _, w := range out.Write {
		a.ops = append(a.ops, w)
	}
}

// op lets one thing on its way arrive.
func (s *site) op(a *siteAgent, i int, lost bool) {
	op := a.ops[i]
	a.ops = append(a.ops[:i:i], a.ops[i+1:]...)
	switch op := op.(type) {
	case Read:
		a.ops = append(a.ops, s.servers[op.Server].read(op))
	case Write:
		before := s.generation(op.Server)
		done := s.servers[op.Server].write(op)
		if after := s.generation(op.Server); before.Newer(after) {
			s.t.Fatalf("%s went back from %v to %v", op.Server, before, after)
		}
		if s.servers[op.Server].values("www.example") == "" && done.Fault == NoFault {
			s.t.Fatalf("%s was emptied", op.Server)
		}
		if lost {
			done = WriteDone{Token: op.Token, Fault: Silent, Err: "the answer was lost"}
		}
		a.ops = append(a.ops, done)
	case Input:
		s.step(a, op)
	}
}

func (s *site) generation(server string) order.Stamp {
	h := ddns.Have{Generation: s.servers[server].literal(ddns.Key{Name: "_a._loadshare.www.example", Type: "TXT"}).Values}
	st, _ := h.Stamp()
	return order.Stamp(st)
}

func (s *site) decide(values []string) {
	s.generat++
	st := stamp("m1", 1, s.generat)
	s.current = order.Publish{
		ID: fmt.Sprint("p", s.generat), Pool: www, Stamp: st, DecidedAt: s.now, Members: []string{"10.0.0.1", "10.0.0.2", "10.0.0.3"},
		Want: order.RecordSet{Name: "www.example", Type: order.A, TTL: 1, Values: values}.Normalize(),
	}
	for _, a := range s.agents {
		a.inbox = append(a.inbox, s.current)
	}
}

func (s *site) beat() order.Heartbeat {
	return order.Heartbeat{Monitor: "m1", Lease: 15 * time.Second, Interval: 5 * time.Second, Claims: []order.Claim{{Pool: www, Current: s.current.Stamp}}}
}

func (s *site) restart(a *siteAgent) {
	m, err := New(s.now, s.cfg, maps.Clone(a.store), "boot")
	if err != nil {
		s.t.Fatal(err)
	}
	a.m = m
	// What the dead agent had sent still arrives at the servers; nobody hears the answers.
	for _, op := range a.ops {
		if w, ok := op.(Write); ok {
			s.servers[w.Server].write(w)
		}
	}
	a.ops = nil
}

// M2, whatever is late, lost, repeated or cut off: no server goes back to an older
// decision, none is emptied, and when all can talk again all answer the newest.
func TestLateWritesNeverWin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &site{
			t: t, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
			cfg: Config{Agent: "a", Servers: []string{"main", "backup"}, Policy: rapid.SampledFrom([]Policy{Every, Pair}).Draw(t, "policy"), Fence: true, Strays: StraysRemove,
				Records: ddns.Patterns{{Name: "*.example", Types: []string{"A"}}}},
			servers: map[string]*nameServer{"main": newNameServer(), "backup": newNameServer()},
		}
		if s.cfg.Policy == Pair {
			s.servers["main"].partner, s.servers["backup"].partner = s.servers["backup"], s.servers["main"]
		}
		for range 2 {
			a := &siteAgent{store: map[string][]byte{}}
			s.agents = append(s.agents, a)
			s.restart(a)
			s.step(a, Heard{From: "m1", Msg: s.beat()})
		}
		s.decide([]string{"10.0.0.1", "10.0.0.2"})
		agent := func(t *rapid.T) *siteAgent { return s.agents[rapid.IntRange(0, 1).Draw(t, "agent")] }
		t.Repeat(map[string]func(*rapid.T){
			"decide": func(t *rapid.T) {
				s.decide(rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"10.0.0.1", "10.0.0.2"}), 1, 2, rapid.ID).Draw(t, "values"))
			},
			"order arrives": func(t *rapid.T) {
				a := agent(t)
				if len(a.inbox) == 0 {
					t.Skip("nothing is under way: rapid draws another step")
				}
				i := rapid.IntRange(0, len(a.inbox)-1).Draw(t, "which")
				s.step(a, Heard{From: "m1", ID: 1, Msg: a.inbox[i]})
			},
			"heartbeat": func(t *rapid.T) { s.step(agent(t), Heard{From: "m1", ID: 1, Msg: s.beat()}) },
			"packet": func(t *rapid.T) {
				a := agent(t)
				if len(a.ops) == 0 {
					t.Skip("nothing is under way: rapid draws another step")
				}
				s.op(a, rapid.IntRange(0, len(a.ops)-1).Draw(t, "which"), rapid.Bool().Draw(t, "answer lost"))
			},
			"server": func(t *rapid.T) {
				srv := s.servers[rapid.SampledFrom(s.cfg.Servers).Draw(t, "server")]
				// A member of a pair that comes back takes over what the other has.
				if srv.dead && srv.partner != nil && !srv.partner.dead {
					srv.sets = maps.Clone(srv.partner.sets)
				}
				if s.cfg.Policy == Every || srv.dead || !srv.partner.dead {
					srv.dead = !srv.dead
				}
			},
			"agent dies": func(t *rapid.T) { s.restart(agent(t)) },
			"time": func(t *rapid.T) {
				s.now = s.now.Add(time.Duration(rapid.IntRange(0, 6000).Draw(t, "ms")) * time.Millisecond)
				for _, a := range s.agents {
					s.step(a, Tick{})
				}
			},
		})
		s.settle()
	})
}

// settle lets everything talk for a while and looks at the end.
func (s *site) settle() {
	for _, srv := range s.servers {
		if srv.dead && srv.partner != nil {
			srv.sets = maps.Clone(srv.partner.sets)
		}
		srv.dead = false
	}
	for range 60 {
		s.now = s.now.Add(time.Second)
		for _, a := range s.agents {
			s.step(a, Heard{From: "m1", ID: 1, Msg: s.current})
			s.step(a, Heard{From: "m1", ID: 1, Msg: s.beat()})
			s.step(a, Tick{})
			for len(a.ops) > 0 {
				s.op(a, 0, false)
			}
		}
	}
	for name, srv := range s.servers {
		set := srv.literal(ddns.Key{Name: "www.example", Type: "A"})
		if !set.Equal(setOf(s.current.Want).Normalize()) || s.generation(name) != s.current.Stamp {
			s.t.Fatalf("%s ends with %v of %v, want %v of %v", name, set.Values, s.generation(name), s.current.Want.Values, s.current.Stamp)
		}
	}
	for i, a := range s.agents {
		if q := a.m.Status(s.now).Queued; q != 0 {
			s.t.Fatalf("agent %d still queues %d", i, q)
		}
	}
}

// What a machine saved it can load; anything else is refused without harm.
func FuzzLoad(f *testing.F) {
	f.Add("pool/www.example/A", []byte(`{"newest":{"epoch":1,"generation":2,"monitor":"m1"},"holder":"m1","lease":15000000000,"adopted":true}`))
	f.Add("service/apache", []byte(`{"total":3,"attempts":[{"order":"a","pool":"www.example/A","service":"apache","member":"10.0.0.1","monitor":"m1","at":"2026-01-02T03:04:05Z"}]}`))
	f.Add("other", []byte("x"))
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	f.Fuzz(func(t *testing.T, key string, value []byte) {
		cfg := Config{Servers: []string{"main"}, Fence: true, Services: map[string]Service{"apache": {Budget: 1, Window: time.Minute}}}
		m, err := New(now, cfg, map[string][]byte{key: value}, "boot")
		if err != nil {
			return
		}
		out := m.Step(now, Tick{})
		m.Step(now, Heard{From: "m1", Msg: order.Hello{}})
		m.Deadline()
		for _, p := range m.pools {
			m.begin(&Output{})
			m.save(p)
			again := m.out.Save[0].Value
			var a, b poolRecord
			if json.Unmarshal(value, &a) != nil || json.Unmarshal(again, &b) != nil {
				t.Fatalf("%s does not load again", again)
			}
			var x, y bytes.Buffer
			_ = json.Compact(&x, mustJSON(a))
			_ = json.Compact(&y, mustJSON(b))
			if a.Job == nil && x.String() != y.String() {
				t.Fatalf("%s became %s", x.String(), y.String())
			}
		}
		_ = out
	})
}

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}
