package dhcpsim

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"loadshare/dhcp/engine"
	"loadshare/dhcp/failover"
	"loadshare/dhcp/failover/wire"
	"loadshare/dhcp/lease"
)

// What operators change while clients live: roles, pools, clocks.

// exchange: the two of a relation change their roles, by a restart of one, and later of the other. The first serves nobody until both have
// their new one (docs/dhcp-failover.md, Limits); perhaps the other is told that it is down, which is true.
func exchange(s *site, r *relation, n, other *host, run func(a, b time.Duration)) error {
	if !s.healthy(n) {
		return nil
	}
	s.tell("*** %s and %s exchange their roles in %s", n.name, other.name, r.name)
	n.crash()
	run(time.Second, 20*time.Second)
	r.ends[0], r.ends[1] = r.ends[1], r.ends[0]
	acked := n.said[engine.Acknowledged]
	n.configure()
	n.start()
	run(20*time.Second, 4*time.Minute)
	if n.alive && s.o.layout == onePair && n.said[engine.Acknowledged] != acked {
		return fmt.Errorf("%s serves, and its partner has the same role%s", n.name, s.known(0))
	}
	if s.w.Chance(0.3) {
		s.stats.claims++
		other.pair(r, failover.Operate{ID: 1, Command: failover.SetPartnerDown})
		run(time.Second, 4*time.Minute)
	}
	other.crash()
	run(0, 30*time.Second)
	other.configure()
	other.start()
	return s.recovered()
}

// grow: a pool gets more addresses, on one server first.
func grow(s *site, r *relation, n, other *host, run func(a, b time.Duration)) error {
	const most, by = 60, 8
	for _, g := range s.segments {
		if g.relation != r || g.size+by > most {
			continue
		}
		s.tell("*** %s has %d more addresses in %s", n.name, by, g.name)
		g.size += by
		other.less[g] += by
		n.gives(n.given)
		run(time.Second, 8*time.Minute)
		s.tell("*** so has %s", other.name)
		delete(other.less, g)
		other.gives(other.given)
	}
	return nil
}

// Roles are exchanged among clients that live, again and again, and back: nobody is forgotten, no two have one address, and it ends in normal.
func TestRolesAreExchangedAmongClients(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			s := goneSite(t, 300+seed)
			r := s.relations[0]
			for i := range 3 {
				if err := exchange(s, r, r.ends[i%2], r.ends[1-i%2], func(a, b time.Duration) { s.goes(t, s.w.Between(a, b)) }); err != nil {
					t.Fatal(err)
				}
				s.goes(t, 4*time.Minute)
			}
			if n := s.hosts[0].said[engine.Acknowledged]; n < 20 {
				t.Errorf("%d acknowledged: it tests nothing", n)
			}
			settled(t, s)
		})
	}
}

// A server that is new, or recovers, and whose clock is more than a minute from its partner's, waits and serves nobody. When the clock is set
// it goes on by itself.
func TestAWrongClockIsWaitedFor(t *testing.T) {
	for _, off := range []time.Duration{-5 * time.Minute, 5 * time.Minute, -30 * time.Hour} {
		for _, lost := range []bool{false, true} {
			s := newScene(t, options{})
			old := s.clients[0]
			s.gets(old, 2*time.Second)
			s.extends(old, false)
			s.backup.crash()
			s.pass(10 * time.Second)
			if lost {
				s.backup.disk = newDisk(77)
			}
			s.backup.clock.Jump(off)
			s.backup.start()
			s.backup.jumped = true
			acked := s.backup.said[engine.Acknowledged]
			s.pass(10 * time.Minute)
			if got := s.backup.state(s.one); (lost || off > 0) && got == wire.Normal { // its store tells it that the clock is behind
				t.Fatalf("%v: the backup is in %s", off, got)
			}
			by := s.gets(s.clients[1], 3*time.Second)
			if lost {
				s.must("who lost its disk serves nobody, the main does", by == s.main && s.backup.said[engine.Acknowledged] == acked)
			}
			s.backup.clock.Jump(-off)
			s.normal(5 * time.Minute)
			s.nothingForgotten()
		}
	}
}

// The clocks of a pair in normal drift apart, or one jumps and stays: no address has two holders; when the clock is right again both are in
// normal, and nobody did anything.
func TestAClockThatComesRightEndsIt(t *testing.T) {
	for _, by := range []time.Duration{-3 * time.Minute, 3 * time.Minute, 26 * time.Hour} {
		s := newScene(t, options{clients: 20})
		for _, c := range s.clients {
			c.live()
		}
		s.pass(3 * time.Minute)
		s.main.clock.Jump(by)
		s.main.jumped = true
		s.pass(5 * time.Minute)
		s.backup.crash() // and comes anew while the clocks differ
		s.pass(20 * time.Second)
		s.backup.start()
		s.pass(20 * time.Minute)
		s.main.clock.Jump(-by)
		s.normal(5 * time.Minute)
		s.main.jumped = false
		s.calm = true
		s.pass(12 * time.Minute)
		s.nothingForgotten()
	}
}

// "by the hour": whatever a storm has left of the shares, within the hour after it each backup has its part, and no operator has asked for it.
func TestSharesAreEvenWithinTheHour(t *testing.T) {
	for _, seed := range []uint64{1, 2, 5, 50278, 50421, 50531, 50582} {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			o := setting(seed)
			o.quiet = true
			s := newSite(seed, o)
			for _, h := range s.hosts {
				h.start()
			}
			for _, c := range s.clients {
				c.live()
			}
			if err := s.run(5 * time.Minute); err != nil {
				t.Fatal(err)
			}
			for i := range 4 { // who has an address from the main's share comes, and goes, or from the backup's
				r := s.relations[i%len(s.relations)]
				h := r.ends[i/2%2]
				h.deaf = true
				back := s.crowd(r, 1)
				s.goes(t, s.w.Between(3*time.Minute, 8*time.Minute))
				back()
				h.deaf = false
				s.goes(t, s.w.Between(time.Minute, 4*time.Minute))
			}
			if err := s.settle(10 * time.Minute); err != nil {
				t.Fatal(err)
			}
			gone := s.w.Now()
			for _, c := range s.clients {
				c.off = true
			}
			off := func() bool { // those that turn on by themselves
				for _, c := range s.clients {
					c.off = true
				}
				return s.w.Now().Sub(gone) > 85*time.Minute // leases of ten minutes and what was declined are over, and an hour is past
			}
			if _, err := s.until(90*time.Minute, off); err != nil {
				t.Fatal(err)
			}
			for _, g := range s.segments {
				if err := s.balanced(g); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// docs/dhcp-failover.md, Limits: snapshots of both, restored together, are found out by neither.
func TestSnapshotsOfBothAreNotFoundOut(t *testing.T) {
	s := newScene(t, options{})
	main, backup := s.main.disk.clone(), s.backup.disk.clone()
	c := s.clients[0]
	s.gets(c, 2*time.Second)
	s.pass(10 * time.Second)
	s.main.crash()
	s.backup.crash()
	s.main.disk, s.backup.disk = main, backup
	s.main.events, s.backup.events = nil, nil
	s.main.start()
	s.backup.start()
	s.normal(20 * time.Second)
	for _, h := range s.hosts {
		if slices.Contains(h.events, failover.RolledBack) || h.disk.leases[c.ip].State == lease.Active {
			t.Errorf("%s: %v, and knows %+v", h.name, h.events, h.disk.leases[c.ip])
		}
	}
}
