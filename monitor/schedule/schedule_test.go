package schedule

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"loadshare/probes"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is a service that takes its time, and watches that nobody looks twice at once.
type fake struct {
	takes   time.Duration
	mu      sync.Mutex
	starts  []time.Time
	now     int // looks under way
	most    int // looks under way at once, at most
	panicky bool
}

func (f *fake) Look(ctx context.Context, _ netip.Addr) probes.Result {
	f.mu.Lock()
	f.starts = append(f.starts, time.Now())
	f.now++
	f.most = max(f.most, f.now)
	f.mu.Unlock()
	if f.panicky {
		panic("bad probe")
	}
	select {
	case <-time.After(f.takes):
	case <-ctx.Done():
	}
	f.mu.Lock()
	f.now--
	f.mu.Unlock()
	return probes.Result{Outcome: probes.OK}
}

func (f *fake) seen() (starts []time.Time, most int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]time.Time(nil), f.starts...), f.most
}

// got collects what is delivered.
type got struct {
	mu      sync.Mutex
	results map[string]int
	last    map[string]probes.Result
}

func newGot() *got { return &got{results: map[string]int{}, last: map[string]probes.Result{}} }

func (g *got) deliver(id string, r probes.Result, _ time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.results[id]++
	g.last[id] = r
}

func (g *got) count(id string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.results[id]
}

// inBubble runs a Scheduler for the length of f, in a bubble of fake time.
func inBubble(t *testing.T, c Config, deliver Deliver, f func(*Scheduler)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := New(c, deliver)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); s.Run(ctx) }()
		f(s)
		cancel()
		<-ended
	})
}

func addr(i int) netip.Addr { return netip.AddrFrom4([4]byte{127, 1, byte(i >> 8), byte(i)}) }

func mustSet(t *testing.T, s *Scheduler, checks ...Check) {
	t.Helper()
	if err := s.Set(checks); err != nil {
		t.Fatal(err)
	}
}

// TestInterval: a check runs once an interval, on its grid, for ever.
func TestInterval(t *testing.T) {
	f, g := &fake{takes: 10 * time.Millisecond}, newGot()
	inBubble(t, Config{}, g.deliver, func(s *Scheduler) {
		mustSet(t, s, Check{"a", addr(1), f, 5 * time.Second})
		time.Sleep(61 * time.Second)
		synctest.Wait()
		starts, _ := f.seen()
		if len(starts) != 12 && len(starts) != 13 {
			t.Fatalf("%d starts in 61 s at 5 s, want 12 or 13", len(starts))
		}
		for i := 1; i < len(starts); i++ {
			if gap := starts[i].Sub(starts[i-1]); gap != 5*time.Second {
				t.Errorf("start %d came %v after the one before, want 5s", i, gap)
			}
		}
		if m := s.Metrics(); m.Runs != uint64(len(starts)) || m.Skipped != 0 || m.Lateness.Max != 0 || g.count("a") != len(starts) {
			t.Errorf("%+v and %d delivered after %d starts", m, g.count("a"), len(starts))
		}
	})
}

// TestNoHerd: checks added together are spread over the interval, and the same after a restart.
func TestNoHerd(t *testing.T) {
	const n, slots = 2000, 20
	var spread [2][slots]int
	for run := range spread {
		f := make([]*fake, n)
		inBubble(t, Config{}, newGot().deliver, func(s *Scheduler) {
			begin := time.Now()
			checks := make([]Check, n)
			for i := range checks {
				f[i] = &fake{}
				checks[i] = Check{fmt.Sprintf("www.mydomain.com/192.168.0.%d", i), addr(i), f[i], 10 * time.Second}
			}
			mustSet(t, s, checks...)
			time.Sleep(10 * time.Second)
			synctest.Wait()
			for i := range f {
				starts, _ := f[i].seen()
				if len(starts) != 1 {
					t.Fatalf("check %d started %d times in its first interval, want once", i, len(starts))
				}
				spread[run][min(slots-1, int(starts[0].Sub(begin)*slots/(10*time.Second)))]++
			}
		})
	}
	for i, k := range spread[0] {
		if k < n/slots/2 || k > n/slots*2 {
			t.Errorf("%d of %d checks start in the same %d. twentieth of the interval", k, n, i)
		}
	}
	if spread[0] != spread[1] {
		t.Errorf("the spread differs after a restart: %v, %v", spread[0], spread[1])
	}
}

// TestNoOverlap: a check that takes longer than its interval is skipped, never doubled.
func TestNoOverlap(t *testing.T) {
	f, g := &fake{takes: 12 * time.Second}, newGot()
	inBubble(t, Config{}, g.deliver, func(s *Scheduler) {
		mustSet(t, s, Check{"slow", addr(1), f, 5 * time.Second})
		time.Sleep(time.Minute)
		s.Now("slow")
		time.Sleep(time.Minute)
		synctest.Wait()
		starts, most := f.seen()
		if most != 1 {
			t.Errorf("%d looks at once, want 1", most)
		}
		if len(starts) < 8 {
			t.Errorf("%d starts in 2 min, want one about every 15 s", len(starts))
		}
		if m := s.Metrics(); m.Skipped < 10 {
			t.Errorf("%d skipped, want two for each look", m.Skipped)
		}
	})
}

// TestRemoved: "check life is bound to configuration" (lessons, 3): a removed check is not run again and its late
// result is dropped.
func TestRemoved(t *testing.T) {
	f, g := &fake{takes: 3 * time.Second}, newGot()
	inBubble(t, Config{}, g.deliver, func(s *Scheduler) {
		mustSet(t, s, Check{"a", addr(1), f, 5 * time.Second}, Check{"b", addr(1), &fake{}, time.Second})
		s.Now("a")
		time.Sleep(time.Second)
		mustSet(t, s, Check{"b", addr(1), &fake{}, time.Second})
		if st := s.Status(); len(st) != 2 || st[0].ID != "a" || !st[0].Removed || !st[0].InFlight {
			t.Errorf("Status while its last look is under way: %+v", st)
		}
		if s.Now("a") {
			t.Error("Now of a removed check says that there is one")
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if starts, _ := f.seen(); len(starts) != 1 {
			t.Errorf("%d starts, want only the one before the removal", len(starts))
		}
		if m := s.Metrics(); g.count("a") != 0 || m.Dropped != 1 || m.Checks != 1 {
			t.Errorf("%d delivered, %+v; want the late result dropped", g.count("a"), m)
		}
		if g.count("b") < 60 {
			t.Errorf("the check that stayed ran %d times in 61 s", g.count("b"))
		}
		if st := s.Status(); len(st) != 1 || st[0].ID != "b" {
			t.Errorf("Status: %+v, want b alone", st)
		}
		mustSet(t, s)
		synctest.Wait()
		if len(s.targets) != 0 || len(s.queue) != 0 || len(s.byID) != 0 {
			t.Errorf("left over: %d targets, %d queued, %d ids", len(s.targets), len(s.queue), len(s.byID))
		}
	})
}

// TestReturned: a check that goes and comes back during its look does not run twice at once, and the old look
// does not count for the new check.
func TestReturned(t *testing.T) {
	f, g := &fake{takes: 8 * time.Second}, newGot()
	inBubble(t, Config{}, g.deliver, func(s *Scheduler) {
		c := Check{"a", addr(1), f, 10 * time.Second}
		mustSet(t, s, c)
		s.Now("a")
		time.Sleep(time.Second)
		mustSet(t, s)
		time.Sleep(time.Second)
		c.Addr = addr(2)
		mustSet(t, s, c)
		s.Now("a")
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if g.count("a") != 0 {
			t.Error("the old look counted for the new check")
		}
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if _, most := f.seen(); most != 1 || g.count("a") < 2 {
			t.Errorf("%d at once, %d delivered", most, g.count("a"))
		}
		if len(s.targets) != 1 || s.targets[addr(2)] == nil {
			t.Errorf("targets: %v, want the new address alone", s.targets)
		}
	})
}

// TestChanged: a changed address or probe drops the look under way; a reload without a change disturbs nothing.
func TestChanged(t *testing.T) {
	f1, f2, g := &fake{takes: 2 * time.Second}, &fake{}, newGot()
	inBubble(t, Config{}, g.deliver, func(s *Scheduler) {
		c := Check{"a", addr(1), f1, 10 * time.Second}
		mustSet(t, s, c)
		s.Now("a")
		time.Sleep(time.Second)
		mustSet(t, s, c)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if g.count("a") != 1 {
			t.Fatalf("a reload without a change lost the look under way")
		}
		s.Now("a")
		time.Sleep(time.Second)
		c.Probe, c.Interval = f2, time.Second
		mustSet(t, s, c)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		starts, _ := f2.seen()
		if len(starts) < 8 || g.count("a") != 1+len(starts) || s.Metrics().Dropped != 1 {
			t.Errorf("%d new looks, %d delivered, %+v", len(starts), g.count("a"), s.Metrics())
		}
	})
}

// TestNow: "second-opinion recheck before removal, within one interval" (lessons, 25).
func TestNow(t *testing.T) {
	f, g := &fake{takes: time.Second}, newGot()
	inBubble(t, Config{}, g.deliver, func(s *Scheduler) {
		mustSet(t, s, Check{"a", addr(1), f, time.Hour})
		if !s.Now("a") || s.Now("nobody") {
			t.Error("Now does not tell which checks there are")
		}
		time.Sleep(500 * time.Millisecond)
		s.Now("a") // while it runs: once more, right after
		s.Now("a")
		time.Sleep(5 * time.Second)
		synctest.Wait()
		starts, most := f.seen()
		if len(starts) != 2 || most != 1 || starts[1].Sub(starts[0]) != time.Second {
			t.Errorf("starts %v, %d at once; want two, the second when the first ends", starts, most)
		}
	})
}

// TestPerTarget: "global rate cap per target" (lessons, 2).
func TestPerTarget(t *testing.T) {
	f, g := &fake{takes: 100 * time.Millisecond}, newGot()
	inBubble(t, Config{PerTarget: 3}, g.deliver, func(s *Scheduler) {
		var checks []Check
		for i := range 50 {
			checks = append(checks, Check{fmt.Sprint(i), addr(1), f, 10 * time.Second})
		}
		mustSet(t, s, checks...)
		for i := range 50 {
			s.Now(fmt.Sprint(i))
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if starts, most := f.seen(); most != 3 || len(starts) < 50 {
			t.Errorf("%d at once and %d looks; want 3 at once and all made", most, len(starts))
		}
		if m := s.Metrics(); m.TargetBusy < 47 {
			t.Errorf("TargetBusy = %d, want 47 or more", m.TargetBusy)
		}
	})
}

// TestRate: the cap over all checks spreads even a forced herd.
func TestRate(t *testing.T) {
	f := &fake{}
	inBubble(t, Config{Rate: 100}, newGot().deliver, func(s *Scheduler) {
		var checks []Check
		for i := range 300 {
			checks = append(checks, Check{fmt.Sprint(i), addr(i), f, time.Hour})
		}
		mustSet(t, s, checks...)
		for i := range 300 {
			s.Now(fmt.Sprint(i))
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if starts, _ := f.seen(); len(starts) < 95 || len(starts) > 110 {
			t.Errorf("%d starts in the first second at 100/s", len(starts))
		}
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if starts, _ := f.seen(); len(starts) < 300 {
			t.Errorf("%d of 300 started in 4 s", len(starts))
		}
	})
}

// TestSlowConsumer: a deliver that blocks makes looks late and is counted; no result is lost.
func TestSlowConsumer(t *testing.T) {
	f := &fake{}
	var blocked atomic.Bool
	var delivered atomic.Int32
	deliver := func(string, probes.Result, time.Time) {
		for blocked.Load() {
			time.Sleep(time.Millisecond)
		}
		delivered.Add(1)
	}
	blocked.Store(true)
	inBubble(t, Config{MaxInFlight: 8}, deliver, func(s *Scheduler) {
		var checks []Check
		for i := range 100 {
			checks = append(checks, Check{fmt.Sprint(i), addr(i), f, time.Second})
		}
		mustSet(t, s, checks...)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if starts, _ := f.seen(); len(starts) != 8 {
			t.Errorf("%d looks while nothing is taken, want MaxInFlight = 8", len(starts))
		}
		if m := s.Metrics(); m.Saturated == 0 || m.InFlight != 8 {
			t.Errorf("%+v; want it said that the bound was met", m)
		}
		blocked.Store(false)
		time.Sleep(2500 * time.Millisecond)
		synctest.Wait()
		if starts, _ := f.seen(); len(starts) < 200 || int(delivered.Load()) != len(starts) {
			t.Errorf("%d looks, %d delivered: the backlog must be made good and nothing lost", len(starts), delivered.Load())
		}
		if m := s.Metrics(); m.Lateness.Max < 8*time.Second || m.Skipped == 0 {
			t.Errorf("%+v; want the delay visible", m)
		}
	})
}

// TestPanic: a panic in one probe is that probe's failure to look, and nobody else's.
func TestPanic(t *testing.T) {
	g := newGot()
	inBubble(t, Config{}, g.deliver, func(s *Scheduler) {
		mustSet(t, s, Check{"bad", addr(1), &fake{panicky: true}, time.Second}, Check{"good", addr(1), &fake{}, time.Second})
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if g.count("good") < 4 || g.count("bad") < 4 {
			t.Errorf("good %d, bad %d; want both to go on", g.count("good"), g.count("bad"))
		}
		if r := g.last["bad"]; r.Outcome != probes.Untested || r.Reason != probes.ReasonInternal {
			t.Errorf("the bad one delivers %v", r)
		}
	})
}

// TestJitter: starts are put off by up to the given part of the interval, and never drift.
func TestJitter(t *testing.T) {
	f := &fake{}
	inBubble(t, Config{Jitter: 0.1, Rand: rand.New(rand.NewPCG(1, 2))}, newGot().deliver, func(s *Scheduler) {
		begin := time.Now()
		mustSet(t, s, Check{"a", addr(1), f, 10 * time.Second})
		time.Sleep(1000 * time.Second)
		synctest.Wait()
		starts, _ := f.seen()
		off := map[time.Duration]bool{}
		for _, at := range starts {
			late := (at.Sub(begin) - phase("a", 10*time.Second)) % (10 * time.Second)
			if late < 0 || late > time.Second {
				t.Errorf("a start is %v off its grid, want 0 to 1s", late)
			}
			off[late] = true
		}
		if len(starts) < 99 || len(off) < 50 {
			t.Errorf("%d starts with %d different delays", len(starts), len(off))
		}
	})
}

// TestSetRefuses: all mistakes at once, and nothing is changed.
func TestSetRefuses(t *testing.T) {
	s := New(Config{}, newGot().deliver)
	mustSet(t, s, Check{"a", addr(1), &fake{}, time.Second})
	err := s.Set([]Check{
		{"b", addr(1), &fake{}, time.Second}, {"b", addr(1), &fake{}, time.Second},
		{"", addr(1), &fake{}, time.Second}, {"c", addr(1), &fake{}, 0}, {"d", addr(1), nil, time.Second}, {"e", netip.Addr{}, &fake{}, time.Second},
	})
	for _, want := range []string{`"b" is there twice`, "no id", `"c" has the interval 0s`, `"d" has no probe`, `"e" has no address`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error %v does not say %s", err, want)
		}
	}
	if st := s.Status(); len(st) != 1 || st[0].ID != "a" {
		t.Errorf("Status after a refused Set: %+v", st)
	}
}

// TestStop: Run ends with its context, with every look under way ended and nothing delivered any more.
func TestStop(t *testing.T) {
	f, g := &fake{takes: time.Hour}, newGot()
	inBubble(t, Config{}, g.deliver, func(s *Scheduler) {
		mustSet(t, s, Check{"a", addr(1), f, time.Second})
		time.Sleep(2 * time.Second)
	})
	if starts, _ := f.seen(); len(starts) != 1 || f.now != 0 || g.count("a") != 0 {
		t.Errorf("%d starts, %d still under way, %d delivered", len(starts), f.now, g.count("a"))
	}
}
