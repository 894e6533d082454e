package pairsim

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"loadshare/haserver/pair"
	"loadshare/haserver/pairmsg"
	"loadshare/haserver/zone"
)

// scene is a world in which a test plays, with the default timers unless it wants others.
type scene struct {
	*site
	t      *testing.T
	main   *node
	backup *node
	count  int
	marks  [2]int
}

// tried is one change and what came of it.
type tried struct {
	*update
	name    string
	at      time.Time
	outcome pair.Outcome // 0: not answered yet
	why     pair.Reason
	took    time.Duration
}

// newScene starts both servers and waits until they are in normal.
func newScene(t *testing.T, o options) *scene {
	t.Helper()
	if o.timers == (timers{}) {
		o.timers = usual
	}
	o.zones = max(o.zones, 1)
	o.fsync, o.delay, o.expire = 8*time.Millisecond, 4*time.Millisecond, max(o.expire, 86400)
	if o.backup == "" {
		o.backup = "same"
	}
	s := &scene{site: newSite(7, o), t: t}
	s.main, s.backup = s.nodes[0], s.nodes[1]
	s.main.start()
	s.backup.start()
	s.within(2*time.Second, "both are in normal and synchronised", s.both)
	s.mark()
	return s
}

// pass lets time pass.
func (s *scene) pass(d time.Duration) {
	s.t.Helper()
	if err := s.w.Run(s.w.Now().Add(d), nil); err != nil {
		s.t.Fatal(brief(err))
	}
}

// within waits until something is so, and returns how long it took.
func (s *scene) within(most time.Duration, what string, so func() bool) time.Duration {
	s.t.Helper()
	began := s.w.Now()
	for !so() {
		if s.w.Now().Sub(began) > most {
			s.w.Fail("not within %v: %s\n%s", most, what, s.describe())
		}
		s.pass(5 * time.Millisecond)
	}
	return s.w.Now().Sub(began)
}

// add asks a node for a record that nobody else makes.
func (s *scene) add(n *node) *tried { return s.addTo(n, s.zones[0]) }

func (s *scene) addTo(n *node, k string) *tried {
	s.count++
	name := fmt.Sprintf("u%d", s.count)
	t := s.change(n, k, update1(add(k, name, zone.TypeTXT, 60, name)))
	t.name = name
	return t
}

func (s *scene) change(n *node, k string, u zone.Update) *tried {
	t := &tried{at: s.w.Now()}
	t.update = s.ask(n, k, u, false, func(a answer) {
		t.outcome, t.why, t.took = a.outcome, a.why, s.w.Now().Sub(t.at)
	})
	return t
}

// done waits for the answer of a change, which must be good.
func (s *scene) done(t *tried) *tried {
	s.t.Helper()
	s.within(10*time.Second, "an answer", func() bool { return t.outcome != 0 })
	if t.outcome != pair.Done {
		s.t.Fatalf("outcome %d (%v), want Done", t.outcome, t.why)
	}
	return t
}

// accepted asks a node again and again, as clients do, until it takes a change. It returns how long that took.
func (s *scene) accepted(n *node, most time.Duration) (*tried, time.Duration) {
	s.t.Helper()
	began := s.w.Now()
	for {
		if n.life.Alive() {
			t := s.add(n)
			for n.life.Alive() && t.outcome == 0 && !t.lost {
				s.pass(time.Millisecond)
			}
			if t.outcome == pair.Done {
				return t, s.w.Now().Sub(began)
			}
		}
		if s.w.Now().Sub(began) > most {
			s.t.Fatalf("%s takes no changes within %v\n%s", n.name, most, s.describe())
		}
		s.pass(20 * time.Millisecond)
	}
}

// mark forgets the reasons seen so far.
func (s *scene) mark() { s.marks = [2]int{len(s.reasons[0]), len(s.reasons[1])} }

// moves are a node's changes of state since the mark, with their reasons.
func (s *scene) moves(n *node) (out []string) {
	for _, x := range s.reasons[n.i][s.marks[n.i]:] {
		if x.From != x.To {
			out = append(out, fmt.Sprintf("%v: %v", x.To, x.Reason))
		}
	}
	return out
}

// moved compares them.
func (s *scene) moved(n *node, want ...string) {
	s.t.Helper()
	if got := s.moves(n); !slices.Equal(got, want) {
		s.t.Errorf("%s moved to %q, want %q", n.name, got, want)
	}
}

// noted says whether a node has given a reason since the mark.
func (s *scene) noted(n *node, why pair.Reason) bool {
	return slices.ContainsFunc(s.reasons[n.i][s.marks[n.i]:], func(x pair.Note) bool { return x.Reason == why })
}

// answersThroughout: from now on queries of all zones at a node get answers all the time.
func (s *scene) answersThroughout(nodes ...*node) {
	for _, n := range nodes {
		n.mustShow = true
	}
}

// sees says whether queries of a node see a change.
func (s *scene) sees(n *node, t *tried) bool {
	z := n.tip(t.zone)
	if z == nil {
		return false
	}
	_, ok := z.Get(owner(t.zone, t.name), zone.TypeTXT)
	return ok
}

// everywhere: both servers show all changes given, and nothing is owed, within some time.
func (s *scene) everywhere(most time.Duration, all ...*tried) {
	s.t.Helper()
	s.within(most, "both are equal and owe nothing", func() bool { return s.settled() == nil })
	for _, t := range all {
		for _, n := range s.nodes {
			if !s.sees(n, t) {
				s.t.Errorf("%s has lost %s (%s)", n.name, t.name, t.update)
			}
		}
	}
}

func (s *scene) alarm(n *node, name string) bool {
	return slices.ContainsFunc(n.m.Status().Alarms, func(a pair.Alarm) bool { return a.Name == name })
}

// part cuts the link and waits until both work for themselves.
func (s *scene) part() {
	s.t.Helper()
	s.link.cut = [2]bool{true, true}
	s.within(s.o.timers.comm+5*time.Second, "both are interrupted", func() bool {
		return s.main.state() == pairmsg.Interrupted && s.backup.state() == pairmsg.Interrupted
	})
}

func (s *scene) heal() { s.link.cut = [2]bool{} }
