package dhcpsim

import (
	"errors"
	"flag"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"loadshare/internal/sim"
)

var (
	seeds   = flag.Int("seeds", 350, "how many seeds to run")
	from    = flag.Int("from", 1, "the first of them")
	goOn    = flag.Bool("all", false, "go on after a failure, and list what failed")
	oneSeed = flag.Uint64("seed", 0, "run only this seed; with -v, with its whole trace")
)

// alwaysSeeds once failed, in the world as it was then. They always run.
var alwaysSeeds = []uint64{14, 36, 101, 105, 1067, 3158, 10280, 10429, 10767, 10791, 10795, 30455, 30798, 30919, 31189, 31300, 70231, 70319, 72705}

// play plays one seed. An error is a promise that was not kept.
func play(seed uint64, o options) (*site, error) {
	s := newSite(seed, o)
	for _, h := range s.hosts {
		s.w.After(s.w.Between(0, 5*time.Second), "", h.start)
	}
	for _, c := range s.clients {
		c.live()
	}
	err := s.run(6 * time.Second)
	for _, do := range []func() error{
		func() error { return s.settle(30 * time.Second) },
		func() error { return s.storm(5) },
		func() error { return s.settle(10 * time.Minute) },
		func() error { return s.served(5 * time.Minute) },
		func() error { return s.soonKept(3 * time.Minute) },
		func() error { s.rest = true; return s.run(9 * time.Minute) },
		s.agree,
	} {
		if err == nil {
			err = do()
		}
	}
	return s, err
}

func TestThePairsKeepTheirPromises(t *testing.T) {
	list := append([]uint64(nil), alwaysSeeds...)
	for i := range *seeds {
		list = append(list, uint64(*from+i))
	}
	if *oneSeed != 0 {
		list = []uint64{*oneSeed}
	}
	var sum stats
	for i, r := range playAll(list) {
		switch {
		case r.err == nil:
			sum.add(r.stats)
		case *goOn:
			first, _, _ := strings.Cut(brief(r.err), "\n")
			t.Errorf("seed %d: %s", list[i], first)
		default:
			t.Fatalf("seed %d, the %d. of %d: %s", list[i], i+1, len(list), brief(r.err))
		}
	}
	t.Logf("%d seeds: %+v", len(list), sum)
	n := len(list)
	if *oneSeed == 0 && n >= 50 && (sum.acked < 200*n || sum.crashes < n || sum.cuts < n/2 || sum.disks < n/20 || sum.jumps < n/4 || sum.claims < n/4 || sum.doubled < n/20 || sum.conflicts < n/20) {
		t.Errorf("too little happens for the invariants to mean anything: %+v", sum)
	}
}

// brief is a failure without the trace.
func brief(err error) string {
	var f *sim.Failure
	if !errors.As(err, &f) {
		return err.Error()
	}
	return fmt.Sprintf("at %d: %v", f.At.Unix(), f.Err)
}

type result struct {
	stats stats
	err   error
}

// playAll plays seeds, each in a world of its own, as many at a time as there are processors. After a failure no more are begun, unless
// they were asked for.
func playAll(list []uint64) []result {
	defer debug.SetGCPercent(debug.SetGCPercent(800)) // worlds are small, and make much garbage
	out := make([]result, len(list))
	var next, failed atomic.Int64
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(list) && (failed.Load() == 0 || *goOn); i = int(next.Add(1)) - 1 {
				o := setting(list[i])
				o.verbose = *oneSeed != 0 && testing.Verbose()
				o.quiet = !o.verbose
				s, err := play(list[i], o)
				if err != nil {
					failed.Add(1)
					o.quiet = false // once more, with a trace of what came before
					_, err = play(list[i], o)
				}
				out[i] = result{s.stats, err}
			}
		})
	}
	wg.Wait()
	return out
}

func (s *stats) add(o stats) {
	s.steps += o.steps
	s.acked += o.acked
	s.refused += o.refused
	s.doubled += o.doubled
	s.conflicts += o.conflicts
	s.claims += o.claims
	s.lies += o.lies
	s.crashes += o.crashes
	s.cuts += o.cuts
	s.disks += o.disks
	s.jumps += o.jumps
}

// TestOneSeedIsOneRun: a seed can be replayed.
func TestOneSeedIsOneRun(t *testing.T) {
	for _, seed := range []uint64{2, 3, 7} {
		a, errA := play(seed, setting(seed))
		b, errB := play(seed, setting(seed))
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		if a.w.Events() != b.w.Events() || a.stats != b.stats {
			t.Errorf("two runs of seed %d: %d events %+v, and %d events %+v", seed, a.w.Events(), a.stats, b.w.Events(), b.stats)
		}
	}
}
