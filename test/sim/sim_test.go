package sim

import (
	"flag"
	"strings"
	"testing"
	"time"
)

var (
	seeds   = flag.Int("seeds", 150, "how many seeds to run")
	oneSeed = flag.Uint64("seed", 0, "run only this seed")
)

// alwaysSeeds once failed. They always run.
var alwaysSeeds = []uint64{131, 171, 177, 197, 343, 373}

// run plays one seed. An error is a failed invariant with the events before it.
func run(seed uint64, b broken) (*site, error) {
	s := newSite(seed, b)
	s.storm()
	if err := s.w.Run(begin.Add(quietBy), nil); err != nil {
		return s, err
	}
	// Now and then a dead service is still restarted: what must hold when it is
	// quiet must hold at some time of the rest, and it is looked at every second.
	last := s.quiet()
	for s.w.Now().Before(begin.Add(runEnds)) {
		if last == nil {
			return s, nil
		}
		if err := s.w.Run(s.w.Now().Add(time.Second), nil); err != nil {
			return s, err
		}
		last = s.quiet()
	}
	if last != nil {
		s.w.Fail("not quiet: %w", last)
	}
	return s, s.w.Run(s.w.Now(), nil)
}

func TestTheChainKeepsItsPromises(t *testing.T) {
	list := append([]uint64(nil), alwaysSeeds...)
	for i := range *seeds {
		list = append(list, uint64(i+1))
	}
	if *oneSeed != 0 {
		list = []uint64{*oneSeed}
	}
	var sum stats
	events := uint64(0)
	for _, seed := range list {
		s, err := run(seed, broken{})
		if err != nil {
			t.Fatal(err)
		}
		sum.orders += s.stats.orders
		sum.writes += s.stats.writes
		sum.restarts += s.stats.restarts
		sum.crashes += s.stats.crashes
		sum.cuts += s.stats.cuts
		events += s.w.Events()
	}
	t.Logf("%d seeds, %d events: %d orders, %d writes taken, %d restarts, %d crashes, %d cuts", len(list), events, sum.orders, sum.writes, sum.restarts, sum.crashes, sum.cuts)
	if n := len(list); *oneSeed == 0 && (sum.orders < 5*n || sum.restarts < n || sum.crashes < n || sum.cuts < n) {
		t.Errorf("too little happens for the invariants to mean anything: %+v", sum)
	}
}

// TestOneSeedIsOneRun: a seed can be replayed.
func TestOneSeedIsOneRun(t *testing.T) {
	for _, seed := range []uint64{2, 3, 7} {
		a, errA := run(seed, broken{})
		b, errB := run(seed, broken{})
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		if a.w.Events() != b.w.Events() || a.stats != b.stats {
			t.Errorf("two runs of seed %d: %d events %+v, and %d events %+v", seed, a.w.Events(), a.stats, b.w.Events(), b.stats)
		}
	}
}

// TestEveryInvariantCanFail: each fault put in on purpose is found, by the
// invariant that is there for it.
func TestEveryInvariantCanFail(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault broken
		found string
	}{
		{"agents write without the fence", broken{noFence: true}, "a late write over a newer one"},
		{"monitors were told a lower floor", broken{noFloor: true}, "the floor is 2"},
		{"monitors may empty a record", broken{mayEmpty: true}, "is empty on"},
		{"agents have no budget", broken{noBudget: true}, "the budget is 3"},
		{"monitors act before they save", broken{carelessly: true}, "names two contents"},
		{"a server says NOERROR and does nothing", broken{deafServer: true}, "decided is"},
		{"monitors never hear how an order ended", broken{deafToReports: true}, "has not ended"},
		{"monitors never hear that another one is obeyed", broken{deafToRefusal: true}, "has two holders"},
		{"monitors never claim a pool", broken{claimsNothing: true}, "nobody holds"},
		{"monitors see every service up", broken{seesAllUp: true}, "published are"},
		{"monitors see one service down for ever", broken{seesOneDown: true}, "is up and not published"},
	} {
		t.Run(c.name, func(t *testing.T) {
			other := map[string]int{}
			for seed := range uint64(200) {
				_, err := run(seed+1, c.fault)
				if err == nil {
					continue
				}
				first, _, _ := strings.Cut(err.Error(), "\n")
				if strings.Contains(first, c.found) {
					t.Logf("found by %s", first)
					return
				}
				other[first]++
			}
			t.Errorf("not found in 200 seeds; other findings: %v", other)
		})
	}
}
