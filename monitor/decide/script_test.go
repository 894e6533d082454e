package decide

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"loadshare/monitor/order"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the expected output in testdata; commit only differences you understand")

// TestStories plays the scripts in testdata: commands, ----, everything the
// machine says. The commands are in runCommand. One story a file.
func TestStories(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no stories: %v", err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".txt"), func(t *testing.T) { playStory(t, f) })
	}
}

func playStory(t *testing.T, file string) {
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	s := &story{t: t}
	for block := range strings.SplitSeq(strings.TrimRight(string(data), "\n"), "\n\n") {
		commands, want, isStep := strings.Cut(block+"\n", "\n----\n")
		if !isStep {
			out.WriteString(strings.TrimRight(block, "\n") + "\n\n") // a comment
			continue
		}
		got := s.run(commands)
		fmt.Fprintf(&out, "%s\n----\n%s\n", commands, got)
		if !*rewrite && strings.TrimRight(got, "\n") != strings.TrimRight(want, "\n") {
			t.Errorf("%s\ngot:\n%s\nwant:\n%s", commands, got, want)
		}
	}
	if *rewrite {
		if err := os.WriteFile(file, []byte(strings.TrimRight(out.String(), "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

type story struct {
	t *testing.T
	w *world
	c Config
}

func (s *story) run(commands string) string {
	s.t.Helper()
	for line := range strings.SplitSeq(commands, "\n") {
		if f := strings.Fields(line); len(f) > 0 && !strings.HasPrefix(f[0], "#") {
			s.command(f)
		}
	}
	if s.w == nil {
		return ""
	}
	got := s.w.log.String()
	s.w.log.Reset()
	if got == "" {
		got = "(nothing)\n"
	}
	return got
}

// command runs one command:
//
//	monitor NAME [guard=N/SHARE%] [anchors=A,B] [lease=D] [reset]      begin a configuration
//	check ID [fall=N] [rise=N] [depends=A,B]                           a free-standing check
//	pool ID [ttl=N] [min=N|P%] [on-failure=W] [on-all-down=W] [flap=N/WINDOW/HOLD] [grace=D]
//	member VALUE [address=A] [service=S agent=A] [checks=A,B|C] [need=N] [fall=N] [depends=A]   "|" parts paths
//	start | reload | reboot        new machine | same machine, new configuration | new machine from what was saved
//	configure                      the next reboot has this configuration
//	agents NAME... | nodes NAME... connect publishing agents | node agents, that grant everything
//	meet NAME... | meet-node NAME  the same, without a heartbeat yet
//	gone NAME                      lose the link to an agent
//	ok|fail|untested CHECK...      what probes see from now on
//	rounds N | pass D | look CHECK run all checks N times | let time pass | answer a recheck
//	done AGENT POOL | receipt AGENT POOL REFUSAL [NEWEST] | answer POOL SERVER VALUES
//	restarted OUTCOME [REFUSAL] [next=D]
//	refuse AGENT POOL HOLDER NEWEST | beat AGENT
//	drain ADDRESS for=D | undrain ADDRESS | lift | second CHECK OUTCOME | republish POOL
//	pending AGENT | status [POOL] | claims
func (s *story) command(f []string) {
	s.t.Helper()
	args, opts := options(f[1:])
	w := s.w
	switch f[0] {
	case "monitor":
		s.c = Config{Monitor: args[0], Lease: dur(s.t, opts, "lease", 15*time.Second), ResetOnStart: slices.Contains(args, "reset")}
		if g, ok := opts["guard"]; ok {
			fmt.Sscanf(g, "%d/%f%%", &s.c.Guard.Members, &s.c.Guard.Share)
			s.c.Guard.Share /= 100
		}
		for _, a := range list(opts["anchors"]) {
			s.c.Guard.Anchors = append(s.c.Guard.Anchors, CheckID(a))
			s.c.Checks = append(s.c.Checks, s.check(a, opts))
		}
	case "check":
		s.c.Checks = append(s.c.Checks, s.check(args[0], opts))
	case "pool":
		s.pool(args[0], opts)
	case "member":
		s.member(args[0], opts)
	case "start":
		s.w = newWorld(s.t, s.c)
	case "configure":
		w.cfg = s.c
	case "reload":
		w.cfg = s.c
		w.step(Reconfigure{s.c})
	case "reboot":
		w.boot()
	case "agents", "nodes":
		w.connect(f[0] == "agents", args...)
	case "meet", "meet-node":
		for _, a := range args {
			w.step(AgentUp{Agent: a, Welcome: order.Welcome{Publishes: f[0] == "meet", Boot: "1"}})
		}
	case "gone":
		w.step(AgentDown{args[0]})
	case "ok", "fail", "untested":
		for _, c := range args {
			w.outs[CheckID(c)] = map[string]Outcome{"ok": OK, "fail": Failed, "untested": Untested}[f[0]]
		}
	case "rounds":
		w.rounds(number(s.t, args[0]))
	case "pass":
		d, err := time.ParseDuration(args[0])
		if err != nil {
			s.t.Fatal(err)
		}
		w.pass(d)
	case "look":
		w.probe(CheckID(args[0]), true)
	case "done":
		w.done(args[0], order.PoolID(args[1]), args[2:]...)
	case "receipt":
		r := order.Receipt{Order: w.publishes[order.PoolID(args[1])].ID, Refused: order.Refusal(args[2])}
		if len(args) > 3 {
			r.Newest = newest(args[3])
		}
		w.step(Receipted{Agent: args[0], Receipt: r})
	case "answer":
		w.step(Answer{Pool: order.PoolID(args[0]), Server: args[1], Values: args[2:], At: w.now})
	case "restarted":
		r := order.Restarted{Outcome: order.RestartOutcome(args[0]), Took: 2 * time.Second}
		if len(args) > 1 {
			r.Refused = order.Refusal(args[1])
		}
		if _, ok := opts["next"]; ok {
			at := w.now.Add(dur(s.t, opts, "next", 0))
			r.NextAt = &at
		}
		w.restarted(r)
	case "beat":
		w.beat(args[0])
	case "refuse":
		w.beat(args[0], order.Held{Pool: order.PoolID(args[1]), Holder: args[2], Newest: newest(args[3])})
	case "drain":
		w.step(Drain{Address: args[0], Until: w.now.Add(dur(s.t, opts, "for", 0)), By: "ann", Reason: "new disk"})
	case "undrain":
		w.step(Undrain{Address: args[0], By: "ann"})
	case "lift":
		w.step(LiftHold{By: "ann", Reason: "it is real"})
	case "second":
		w.step(SecondView{Agent: "ns1", Check: CheckID(args[0]), Outcome: map[string]Outcome{"ok": OK, "failed": Failed, "untested": Untested}[args[1]]})
	case "republish":
		w.step(Republish{Pool: order.PoolID(args[0]), By: "ann"})
	case "pending":
		for _, p := range w.m.Pending(args[0]) {
			fmt.Fprintf(&w.log, "pending %s\n", p.ID)
		}
	case "claims":
		for _, c := range w.m.Claims(w.now) {
			fmt.Fprintf(&w.log, "claim %s %d.%d\n", c.Pool, c.Current.Epoch, c.Current.Generation)
		}
	case "status":
		s.status()
	case "quiet", "aloud":
		w.quiet = f[0] == "quiet"
	default:
		s.t.Fatalf("unknown command %v", f)
	}
}

func (s *story) check(id string, opts map[string]string) Check {
	c := Check{ID: CheckID(id), Interval: 5 * time.Second, Fall: 3, Rise: 2}
	if v, ok := opts["fall"]; ok {
		c.Fall = number(s.t, v)
	}
	if v, ok := opts["rise"]; ok {
		c.Rise = number(s.t, v)
	}
	for _, d := range list(opts["depends"]) {
		c.DependsOn = append(c.DependsOn, CheckID(d))
	}
	return c
}

func (s *story) pool(id string, opts map[string]string) {
	p := Pool{ID: order.PoolID(id), TTL: 30, Grace: dur(s.t, opts, "grace", 30*time.Second), Flap: Flap{5, 10 * time.Minute, 2 * time.Minute}}
	if v, ok := opts["ttl"]; ok {
		p.TTL = uint32(number(s.t, v))
	}
	if v, ok := opts["min"]; ok {
		if n, percent := strings.CutSuffix(v, "%"); percent {
			p.MinMembers.Percent = float64(number(s.t, n))
		} else {
			p.MinMembers.Number = number(s.t, v)
		}
	}
	if opts["on-failure"] == "restart-first" {
		p.OnFailure = RestartFirst
	}
	p.OnAllDown = map[string]OnAllDown{"": KeepLast, "keep-last": KeepLast, "all": All, "none": None}[opts["on-all-down"]]
	if v, ok := opts["flap"]; ok {
		f := strings.Split(v, "/")
		p.Flap = Flap{number(s.t, f[0]), dur(s.t, map[string]string{"d": f[1]}, "d", 0), dur(s.t, map[string]string{"d": f[2]}, "d", 0)}
	}
	s.c.Pools = append(s.c.Pools, p)
}

func (s *story) member(value string, opts map[string]string) {
	p := &s.c.Pools[len(s.c.Pools)-1]
	value = strings.ReplaceAll(value, "_", " ")
	mb := Member{Value: value, Address: opts["address"], Service: opts["service"], Agent: opts["agent"]}
	checks := opts["checks"]
	if checks == "" {
		checks = value
	}
	for part := range strings.SplitSeq(checks, "|") {
		path := Path{}
		if v, ok := opts["need"]; ok {
			path.Need = number(s.t, v)
		}
		for _, id := range list(part) {
			path.Checks = append(path.Checks, CheckID(id))
			if !slices.ContainsFunc(s.c.Checks, func(c Check) bool { return c.ID == CheckID(id) }) {
				s.c.Checks = append(s.c.Checks, s.check(id, opts))
			}
		}
		mb.Paths = append(mb.Paths, path)
	}
	p.Members = append(p.Members, mb)
}

func (s *story) status() {
	w := s.w
	for _, id := range w.m.Pools() {
		v, _ := w.m.Pool(id)
		fmt.Fprintf(&w.log, "%s %s published [%s] because %s, floor %d, stamp %d.%d, open %t\n", id, v.Role, strings.Join(v.Published, ", "),
			v.Reason, v.Floor, v.Stamp.Epoch, v.Stamp.Generation, v.Open)
		if l := v.Last; !l.AnsweredAt.IsZero() {
			rel := func(t time.Time) string {
				if t.IsZero() {
					return "never"
				}
				return t.Sub(start).String()
			}
			fmt.Fprintf(&w.log, "  seen %s, decided %s, written %s, answered %s, caches drained %s\n",
				rel(l.SeenAt), rel(l.DecidedAt), rel(l.WrittenAt), rel(l.AnsweredAt), rel(l.DrainedBy))
		}
		for _, mv := range v.Members {
			kept := ""
			if mv.Kept != "" {
				kept = " kept: " + string(mv.Kept)
			}
			fmt.Fprintf(&w.log, "  %-16s %-10s (%s) in-dns %t%s\n", mv.Value, mv.State, mv.Reason, mv.InDNS, kept)
		}
	}
	if g := w.m.Guard(); g.Holding {
		fmt.Fprintf(&w.log, "guard holds %v (%s)\n", g.Held, g.Reason)
	}
}

func options(f []string) (args []string, opts map[string]string) {
	opts = make(map[string]string)
	for _, a := range f {
		if k, v, ok := strings.Cut(a, "="); ok {
			opts[k] = v
		} else {
			args = append(args, a)
		}
	}
	return args, opts
}

func list(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}

func number(t testing.TB, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func dur(t testing.TB, opts map[string]string, key string, def time.Duration) time.Duration {
	t.Helper()
	v, ok := opts[key]
	if !ok {
		return def
	}
	d, err := time.ParseDuration(v)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// newest parses EPOCH.GENERATION.MONITOR.
func newest(s string) (st order.Stamp) {
	f := strings.SplitN(s, ".", 3)
	st.Epoch, _ = strconv.ParseUint(f[0], 10, 64)
	st.Generation, _ = strconv.ParseUint(f[1], 10, 64)
	st.Monitor = f[2]
	return st
}
