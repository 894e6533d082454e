package dhcpsim

import (
	"fmt"
	"slices"
	"time"

	"loadshare/dhcp/engine"
	"loadshare/dhcp/failover"
	"loadshare/dhcp/lease"
)

// storm is one seed's misfortunes: each begins, lasts, and is over.
func (s *site) storm(rounds int) error {
	for range rounds {
		if err := s.run(s.w.Between(10*time.Second, 4*time.Minute)); err != nil {
			return err
		}
		if err := s.misfortune(); err != nil {
			return err
		}
	}
	return nil
}

type misfortune func(s *site, r *relation, n, other *host, run func(least, most time.Duration)) error

var misfortunes = []misfortune{
	cutLink, cutLink, crashOnly, truePartnerDown, crashInACut, lostDisk, snapshot, power, diskWatch, diskFull, diskHangs, diskHangs, clockJumps,
	wrongAtBoot, leaseRelease, deafToClients, resetLink, slowLink, falsePartnerDown, falsePartnerDown, oneWay, reload, shorter, shorter, exchange, grow,
}

func (s *site) misfortune() (err error) {
	run := func(least, most time.Duration) {
		if err == nil {
			err = s.run(s.w.Between(least, most))
		}
	}
	r := s.relations[s.w.Rand().IntN(len(s.relations))]
	i := s.w.Rand().IntN(2)
	if e := misfortunes[s.w.Rand().IntN(len(misfortunes))](s, r, r.ends[i], r.ends[1-i], run); err == nil {
		err = e
	}
	return err
}

// claims says of all relations of n that it is down, to the partners that live; or only of one.
func (s *site) claims(n *host, only *relation) {
	s.stats.claims++
	for _, r := range s.of(n) {
		if only != nil && r != only {
			continue
		}
		s.tell("*** %s is told that %s is down (%s)", r.other(n).name, n.name, r.name)
		r.other(n).pair(r, failover.Operate{ID: 1, Command: failover.SetPartnerDown})
	}
}

func cutLink(s *site, r *relation, n, other *host, run func(a, b time.Duration)) error {
	s.part(n, other)
	run(time.Second, 10*time.Minute)
	s.mend()
	return nil
}

// oneWay: nothing of one arrives at the other.
func oneWay(s *site, r *relation, n, other *host, run func(a, b time.Duration)) error {
	s.part(n, other)
	run(0, 3*time.Second)
	s.mend()
	return nil
}

func crashOnly(s *site, r *relation, n, other *host, run func(a, b time.Duration)) error {
	n.crash()
	run(time.Second, 7*time.Minute)
	n.start()
	return nil
}

func truePartnerDown(s *site, r *relation, n, other *host, run func(a, b time.Duration)) error {
	n.crash()
	back := s.crowd(r, 0.5)
	run(time.Second, 3*time.Minute)
	s.claims(n, nil)
	run(time.Second, 12*time.Minute)
	back()
	n.start()
	return nil
}

// crashInACut: a cut, then a crash within it, then the claim.
func crashInACut(s *site, r *relation, n, other *host, run func(a, b time.Duration)) error {
	s.part(n, other)
	run(time.Second, 6*time.Minute)
	n.crash()
	back := s.crowd(r, 0.7)
	run(time.Second, 3*time.Minute)
	s.claims(n, r)
	run(time.Second, 12*time.Minute)
	back()
	s.mend() // before it starts: one that serves unheard makes the claim false
	n.start()
	return nil
}

// healthy says that n's disk may be lost: its partners know all, and a draft partner could not tell.
func (s *site) healthy(n *host) bool {
	for _, r := range s.of(n) {
		if s.o.draft || !r.normal() {
			return false
		}
	}
	return true
}

func lostDisk(s *site, r *relation, n, other *host, run func(a, b time.Duration)) error {
	if !s.healthy(n) {
		return nil
	}
	s.stats.disks++
	n.crash()
	run(time.Second, 5*time.Minute)
	s.tell("*** %s has a new disk", n.name)
	n.disk = newDisk(n.disk.store<<8 | n.disk.boot)
	n.start()
	return s.recovered()
}

func snapshot(s *site, r *relation, n, other *host, run func(a, b time.Duration)) error {
	if !s.healthy(n) {
		return nil
	}
	s.stats.disks++
	was := n.disk.clone()
	run(time.Minute, 15*time.Minute)
	n.crash()
	run(time.Second, time.Minute)
	s.tell("*** %s has its snapshot", n.name)
	n.disk = was
	n.start()
	return s.recovered()
}

// recovered waits until the partners have made up for a lost disk.
func (s *site) recovered() error {
	ok, err := s.until(10*time.Minute, s.allNormal)
	if err == nil && !ok {
		err = fmt.Errorf("not recovered in ten minutes%s", s.known(0))
	}
	return err
}

func power(s *site, r *relation, n, other *host, run func(a, b time.Duration)) error {
	n.crash()
	run(0, 2*time.Minute)
	other.crash()
	run(0, 2*time.Minute)
	n.start()
	run(0, time.Minute)
	other.start()
	return nil
}

// diskWatch: the watch sees that the disk will be full before it is, and that it is not any more.
func diskWatch(s *site, r *relation, n, other *host, run func(a, b time.Duration)) error {
	n.step(engine.Unwell{Why: "disk full"})
	run(time.Second, 5*time.Minute)
	n.step(engine.Unwell{})
	return nil
}

// diskFull: writes fail; nothing is written any more until the process starts again.
func diskFull(s *site, r *relation, n, other *host, run func(a, b time.Duration)) error {
	s.tell("*** %s: disk full", n.name)
	n.full = true
	run(time.Second, 6*time.Minute)
	n.crash()
	run(0, time.Minute)
	n.start()
	return nil
}

// diskHangs: the watchdog says so after 2 s; it comes on, or the process is killed.
func diskHangs(s *site, r *relation, n, other *host, run func(a, b time.Duration)) error {
	s.tell("*** %s: the disk hangs", n.name)
	n.free = s.w.Now().Add(s.w.Between(time.Second, 90*time.Second))
	run(2*time.Second, 2*time.Second)
	if n.free.After(s.w.Now()) {
		n.step(engine.Unwell{Why: "the disk hangs"})
		run(time.Second, time.Minute)
		if n.free.After(s.w.Now()) && s.w.Chance(0.5) {
			n.crash()
			n.start()
		}
	}
	if left := n.free.Sub(s.w.Now()); left > 0 {
		run(left, left)
	}
	n.step(engine.Unwell{})
	return nil
}

// clockJumps: and is set back.
func clockJumps(s *site, r *relation, n, other *host, run func(a, b time.Duration)) error {
	s.stats.jumps++
	by := s.w.Between(70*time.Second, 14*time.Hour)
	if s.w.Chance(0.5) {
		by = -by
	}
	s.tell("*** the clock of %s jumps by %v", n.name, by)
	n.jumped = true
	n.clock.Jump(by)
	run(time.Second, 8*time.Minute)
	n.clock.Jump(-by)
	s.tell("*** the clock of %s is set back", n.name)
	if s.w.Chance(0.5) {
		n.step(engine.ClockSure{})
	}
	return nil
}

// wrongAtBoot: a host without a battery starts with a clock that is behind, until NTP sets it.
func wrongAtBoot(s *site, r *relation, n, other *host, run func(a, b time.Duration)) error {
	s.stats.jumps++
	by := s.w.Between(70*time.Second, 14*time.Hour)
	n.crash()
	run(time.Second, 4*time.Minute)
	s.tell("*** the clock of %s is behind by %v", n.name, by)
	n.clock.Jump(-by)
	n.start()
	n.jumped = true
	run(time.Second, 4*time.Minute)
	n.clock.Jump(by)
	s.tell("*** the clock of %s is set", n.name)
	n.step(engine.ClockSure{})
	return nil
}

// reload: the lease time is much shorter for a while, on one server. Clients to whom the reply is lost believe in the longer one.
func reload(s *site, r *relation, n, other *host, run func(a, b time.Duration)) error {
	for _, secs := range [...]uint32{70, 0} {
		n.gives(secs)
		run(time.Minute, 6*time.Minute)
	}
	return nil
}

// shorter: leases become much shorter on both servers, and those who renew do not hear it: they believe in the longer one that they were
// told before (decision D-b). Most of them go away with it; others come, for whom the pool is too small.
func shorter(s *site, r *relation, n, other *host, run func(a, b time.Duration)) error {
	if !s.o.small && !s.o.first {
		return cutLink(s, r, n, other, run) // the pool is large enough for all
	}
	both := func(secs uint32) {
		n.gives(secs)
		other.gives(secs)
	}
	both(900)
	run(90*time.Second, 3*time.Minute)
	s.tell("*** clients of %s hear nothing, and leases are short", r.name)
	both(70)
	s.mute = r
	run(30*time.Second, time.Minute)
	if s.w.Chance(0.3) {
		for _, h := range r.ends {
			h.crash()
			h.start()
		}
	}
	s.mute = nil
	back := s.crowd(r, 1)
	run(2*time.Minute, 6*time.Minute)
	back()
	both(0)
	return nil
}

// gives has a host give leases so long; 0: as all do.
func (h *host) gives(secs uint32) {
	h.given = secs
	h.configure()
	h.step(engine.Reconfigure{Config: h.cfg})
}

// leaseRelease: an operator frees what clients hold, and is not sure.
func leaseRelease(s *site, r *relation, n, other *host, run func(a, b time.Duration)) error {
	for _, c := range s.clients {
		if c.has() && c.seg.relation == r && s.w.Chance(0.3) {
			s.tell("*** an operator frees %s", c.ip)
			c.freed = true
			n.step(engine.FreeLease{ID: 1, IP: c.ip})
		}
	}
	return nil
}

func deafToClients(s *site, r *relation, n, other *host, run func(a, b time.Duration)) error {
	n.deaf = true
	run(time.Second, 10*time.Minute)
	n.deaf = false
	return nil
}

func resetLink(s *site, r *relation, n, other *host, run func(a, b time.Duration)) error {
	for range 1 + s.w.Rand().IntN(6) {
		s.reset(n, other)
		run(time.Millisecond, 20*time.Second)
	}
	return nil
}

func slowLink(s *site, r *relation, n, other *host, run func(a, b time.Duration)) error {
	s.slow = true
	run(time.Second, 4*time.Minute)
	s.slow = false
	return nil
}

// falsePartnerDown: the link is cut, both serve, and somebody says that one of them is down. The network of clients may be in two as well:
// then probes find nobody.
func falsePartnerDown(s *site, r *relation, n, other *host, run func(a, b time.Duration)) error {
	if s.o.draft || !r.normal() {
		return nil // not promised by the draft
	}
	s.stats.lies++
	s.part(n, other)
	run(20*time.Second, 3*time.Minute)
	s.lies(r, n)
	if s.w.Chance(0.7) {
		s.split, s.splitAt = [2]*host{other, n}, s.w.Now()
	}
	s.guests(r, true)
	run(30*time.Second, 8*time.Minute)
	s.guests(r, false)
	s.calm = true
	run(10*time.Second, 10*time.Second)
	s.split, s.splitAt = [2]*host{}, s.w.Now()
	s.mend()
	return s.unlie(r)
}

// crowd: perhaps most clients go away, with their leases, and others come, for whom the pool is too small; until back.
func (s *site) crowd(r *relation, chance float64) (back func()) {
	if !s.w.Chance(chance) {
		return func() {}
	}
	var gone []*client
	for _, c := range s.clients {
		if c.seg.relation == r && c.has() && !c.off && s.w.Chance(0.7) {
			c.turn(true)
			gone = append(gone, c)
		}
	}
	s.guests(r, true)
	return func() {
		s.guests(r, false)
		for _, c := range gone {
			c.turn(false)
		}
	}
}

// guests come, and go without a word.
func (s *site) guests(r *relation, come bool) {
	for _, c := range s.clients {
		if c.guest && c.seg.relation == r && c.off == come {
			c.off, c.onAt = !come, s.w.Now()
			if come {
				c.live()
			}
		}
	}
}

// lies is the false claim that n is down.
func (s *site) lies(r *relation, n *host) {
	if !s.o.broken.liar {
		s.lie(r, r.other(n))
	}
	s.claims(n, r)
}

// lie: what one of the two says of the other from now on is false.
func (s *site) lie(r *relation, liar *host) {
	r.lie, r.liar, r.since, r.before = true, liar, s.w.Now(), map[lease.IP]lease.Lease{}
	for _, h := range r.ends { // what was found of an earlier one
		h.found = slices.DeleteFunc(h.found, func(c failover.TwoHolders) bool { return s.segment(c.IP).relation == r })
	}
	for _, l := range liar.m.Leases(0, 1<<20) {
		r.before[l.IP] = l
	}
}

// unlie is the first contact: each address that two clients hold is found and listed with both.
func (s *site) unlie(r *relation) error {
	if ok, err := s.until(2*time.Minute, func() bool { return r.ends[0].view(r).Connected && r.ends[1].view(r).Connected }); err != nil || !ok {
		return fmt.Errorf("no contact: %w", err)
	}
	var both []*double // held by two now, and for a while
	for _, d := range s.doubles {
		if later := s.w.Now().Add(10*time.Second + s.o.skew); d.a.ip == d.ip && d.b.ip == d.ip && d.a.until.After(later) && d.b.until.After(later) {
			both = append(both, d)
		}
	}
	ok, err := s.until(5*time.Minute, r.normal)
	for _, d := range both {
		if !r.found(d) {
			return fmt.Errorf("%s was held by client %d and by client %d, and is not listed%s", d.ip, d.a.n, d.b.n, s.known(d.ip))
		}
	}
	if err != nil || !ok {
		return fmt.Errorf("not in normal in five minutes: %v%s", err, s.known(0))
	}
	r.heal()
	s.calm = false
	return nil
}

// found says that an address is listed with both its clients.
func (r *relation) found(d *double) bool {
	for _, h := range r.ends {
		for _, c := range h.found {
			if c.IP == d.ip && (c.Kept.CHAddr == string(d.a.mac) && c.Lost.CHAddr == string(d.b.mac) || c.Kept.CHAddr == string(d.b.mac) && c.Lost.CHAddr == string(d.a.mac)) {
				return true
			}
		}
	}
	return false
}
