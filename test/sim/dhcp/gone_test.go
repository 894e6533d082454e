package dhcpsim

import (
	"fmt"
	"testing"
	"time"

	"loadshare/dhcp/engine"
	"loadshare/dhcp/failover"
	"loadshare/dhcp/failover/wire"
)

// alone makes a host's configuration one without its pairs: it serves their networks all the same.
func (h *host) alone() {
	s := h.s
	relations := s.relations
	of := make([]*relation, len(s.segments))
	for i, g := range s.segments {
		of[i], g.relation = g.relation, nil
	}
	s.relations = nil
	h.configure()
	s.relations = relations
	for i, g := range s.segments {
		g.relation = of[i]
	}
}

// goneSite is a pair in normal among clients that live.
func goneSite(t *testing.T, seed uint64) *site {
	t.Helper()
	s := newSite(seed, options{clients: 30, fast: time.Second, loss: 0.05, late: 0.03, twice: 0.03, drift: 1e-4, relays: seed%3 == 0, small: seed%2 == 0, first: seed%5 == 0, skew: 4 * time.Second})
	for _, h := range s.hosts {
		h.start()
	}
	for _, c := range s.clients {
		c.live()
	}
	if err := s.settle(time.Minute); err != nil {
		t.Fatal(err)
	}
	s.goes(t, 5*time.Minute)
	return s
}

func (s *site) goes(t *testing.T, d time.Duration) {
	t.Helper()
	if err := s.run(d); err != nil {
		t.Fatal(err)
	}
}

func (s *site) restart(t *testing.T, h *host) {
	t.Helper()
	h.crash()
	s.goes(t, s.w.Between(time.Second, 30*time.Second))
	h.start()
}

// A backup whose [[failover]] is taken away serves beside its main, which does not know of it: for an hour of virtual time, through crashes
// of both, no address has two holders. Then the pair is put back: both know all, and are in normal.
func TestABackupServesBesideItsMainWithoutThePair(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			s := goneSite(t, seed)
			main, backup := s.hosts[0], s.hosts[1]
			backup.alone()
			acked := s.stats.acked
			for range 6 {
				s.restart(t, backup)
				s.goes(t, 7*time.Minute)
				if got := backup.state(s.relations[0]); got != wire.CommInterrupted {
					t.Fatalf("the backup is in %s", got)
				}
				s.restart(t, main)
				s.goes(t, 3*time.Minute)
			}
			if n := backup.said[engine.Acknowledged]; n < 50 || s.stats.acked-acked < 300 {
				t.Errorf("%d acknowledged by the backup, %d received: it tests nothing", n, s.stats.acked-acked)
			}
			backup.configure()
			s.restart(t, backup)
			settled(t, s)
		})
	}
}

// A main whose backup was stopped, and whose [[failover]] is taken away (checklist D44), serves all after the MCLT; what the backup gave and
// could not tell any more is nobody else's before it is over. Then a backup with an empty disk is there again.
func TestAMainServesWithoutThePair(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			s := goneSite(t, 100+seed)
			main, backup := s.hosts[0], s.hosts[1]
			s.part(main, backup) // the last that the backup does nobody knows
			s.goes(t, s.w.Between(time.Second, 5*time.Minute))
			backup.crash()
			s.mend()
			main.alone()
			s.restart(t, main)
			if got := main.view(s.relations[0]); got.State != wire.PartnerDown || got.Saved.Why != failover.TakenAway {
				t.Fatalf("the main is in %s because: %s", got.State, got.Saved.Why)
			}
			for range 6 {
				s.goes(t, 10*time.Minute)
				s.restart(t, main)
			}
			main.configure()
			s.restart(t, main)
			backup.disk = newDisk(99)
			backup.start()
			settled(t, s)
		})
	}
}

// settled wants normal, and that both know the same and all that was promised.
func settled(t *testing.T, s *site) {
	t.Helper()
	if err := s.settle(10 * time.Minute); err != nil {
		t.Fatal(err)
	}
	s.calm = true
	s.goes(t, 12*time.Minute)
	if err := s.kept(); err != nil {
		t.Fatal(err)
	}
	if err := s.agree(); err != nil {
		t.Fatal(err)
	}
}
