package dhcpsim

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

// TestOneServerForgetsNothing: a single server through hours of clients and crashes. Its disk is its only memory.
func TestOneServerForgetsNothing(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			s := newSite(seed, options{layout: alone, clients: 20, small: seed%2 == 0, ping: seed%3 == 0, drift: 1e-4, loss: 0.05, late: 0.03, twice: 0.03})
			h := s.hosts[0]
			h.start()
			for _, c := range s.clients {
				c.live()
			}
			var err error
			run := func(least, most time.Duration) {
				if err == nil {
					err = s.run(s.w.Between(least, most))
				}
			}
			for range 12 {
				run(time.Minute, 8*time.Minute)
				h.full = s.w.Chance(0.3)
				run(0, time.Minute)
				h.crash()
				run(0, 2*time.Minute)
				h.start()
				run(time.Second, time.Second)
				err = errors.Join(err, s.kept())
			}
			if err = errors.Join(err, s.served(5*time.Minute)); err != nil {
				t.Fatal(err)
			}
			if s.stats.acked < 500 {
				t.Errorf("%d acknowledgements: it tests nothing", s.stats.acked)
			}
		})
	}
}
