package dhcpsim

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"loadshare/dhcp/engine"
	"loadshare/dhcp/failover"
	"loadshare/dhcp/failover/wire"
	"loadshare/dhcp/lease"
)

// double is an address that two clients hold, after a false claim.
type double struct {
	ip   lease.IP
	a, b *client
}

// check is the invariant (decision D-a): no address is validly held by two clients, ever, but by what a false claim of partner-down allows.
func (s *site) check() error {
	if !s.changed || s.trouble != nil {
		return s.trouble
	}
	s.changed = false
	now := s.w.Now()
	var holder [4][256]*client
	for _, c := range s.clients {
		if c.ip == 0 || !c.until.After(now) {
			continue
		}
		o := &holder[c.ip>>16&3][c.ip&0xff]
		if *o != nil {
			if err := s.two(c.ip, *o, c); err != nil {
				return err
			}
		}
		*o = c
	}
	return s.trouble
}

// two judges two holders of one address.
func (s *site) two(ip lease.IP, a, b *client) error {
	r, now := s.segment(ip).relation, s.w.Now()
	over := r != nil && !r.lie && !r.healed.IsZero()
	if over && s.left(r, ip, a, b) {
		return nil
	}
	if !over && slices.ContainsFunc(s.doubles, func(d *double) bool {
		return d.ip == ip && (d.a == a && d.b == b || d.a == b && d.b == a)
	}) {
		return nil
	}
	if b.got.Before(a.got) {
		a, b = b, a
	}
	wrong := func(why string) error {
		return fmt.Errorf("%s is held by client %d until %d and by %d until %d: %s%s", ip, a.n, a.until.Unix(), b.n, b.until.Unix(), why, s.known(ip))
	}
	if r == nil || !r.lie {
		return wrong("no claim was false")
	}
	if now.Before(r.since.Add((mclt - 1) * time.Second)) {
		return wrong("the MCLT is not over")
	}
	l, known := r.before[ip]
	theirs, wall := lease.Backup, r.liar.clock.Now().Unix()
	if r.role(r.liar) == failover.Backup {
		theirs = lease.Free
	}
	switch {
	case l.State == theirs, !known && theirs == lease.Free:
	case (l.State == lease.Active || l.State.Waiting()) && max(l.Sent, l.Acked, l.Received, l.Due())+mclt-1 <= wall:
	case l.State == lease.Abandoned && max(l.Sent, l.Acked, l.Received, l.ToldEnd)+mclt-1 <= wall: // tried early: nothing else was left
	default:
		return wrong(fmt.Sprintf("it was neither of the partner's free share nor over, but %+v", l))
	}
	// The one that came second was given it by a server that could have asked the first.
	if long := now.Add(-time.Minute); !a.off && a.got.Before(long) && a.onAt.Before(long) && s.splitAt.Before(long) && a.reaches(b.from) && b.from == r.liar {
		return wrong("it was not probed")
	}
	s.doubles = append(s.doubles, &double{ip, a, b})
	s.stats.doubled++
	s.tell("*** %s is held by client %d and by %d", ip, a.n, b.n)
	return nil
}

// left says that two holders of an address are what a false claim left, which is over: one of them has heard nothing since. It is the one that
// lost the address by the list that the servers made of their first contact, or its lease was over by the servers' clocks then. (The other may
// hear for the first time now that the address is its own: the reply that said so before may have been lost.)
func (s *site) left(r *relation, ip lease.IP, a, b *client) bool {
	for _, h := range r.ends {
		for _, c := range h.found {
			for _, x := range [][2]*client{{a, b}, {b, a}} {
				if kept, lost := x[0], x[1]; c.IP == ip && c.Kept.CHAddr == string(kept.mac) && c.Lost.CHAddr == string(lost.mac) {
					return lost.acked.Before(r.healed)
				}
			}
		}
	}
	lost := a
	if b.acked.Before(a.acked) {
		lost = b
	}
	return lost.acked.Before(r.healed) && lost.until.Before(r.healed.Add(10*time.Second+s.o.skew))
}

// run lets time pass, and looks after each event.
func (s *site) run(d time.Duration) error {
	return s.w.Run(s.w.Now().Add(d), s.check)
}

// until runs until something is so, looked at every second.
func (s *site) until(within time.Duration, is func() bool) (bool, error) {
	for end := s.w.Now().Add(within); s.w.Now().Before(end); {
		if is() {
			return true, nil
		}
		if err := s.run(time.Second); err != nil {
			return false, err
		}
	}
	return is(), nil
}

// heal ends what a false claim allowed.
func (r *relation) heal() {
	if r.lie {
		r.lie, r.healed = false, r.ends[0].s.w.Now()
	}
}

func (s *site) allNormal() bool {
	return !slices.ContainsFunc(s.relations, func(r *relation) bool { return !r.normal() })
}

func (r *relation) normal() bool {
	return r.ends[0].alive && r.ends[1].alive && r.ends[0].state(r) == wire.Normal && r.ends[1].state(r) == wire.Normal
}

// settle waits for normal, left alone.
func (s *site) settle(within time.Duration) error {
	ok, err := s.until(within, s.allNormal)
	if err != nil || ok {
		for _, r := range s.relations {
			r.heal()
		}
		return err
	}
	text := ""
	for _, r := range s.relations {
		text += fmt.Sprintf(" %s: %s and %s", r.name, r.ends[0].state(r), r.ends[1].state(r))
	}
	return fmt.Errorf("not normal after %v:%s%s", within, text, s.known(0))
}

// kept checks that no lease that a client holds is forgotten by a server of its that lives.
func (s *site) kept() error {
	for _, c := range s.clients {
		if !c.has() || s.disputed(c) {
			continue
		}
		for _, h := range s.hosts {
			if g := c.seg; !h.alive || g.relation != nil && g.relation.role(h) == 0 {
				continue
			}
			at := h.clock.Now().Add(c.until.Sub(s.w.Now())).Unix() - int64(s.o.skew/time.Second) - 3
			l := h.disk.leases[c.ip]
			if c.freed && l.State != lease.Active && l.Hold >= at { // an operator, who was not sure: it is kept for nobody else
				continue
			}
			if l.State != lease.Active || l.Client.CHAddr != string(c.mac) || l.Due() < at {
				return fmt.Errorf("client %d has %s until %d; %s, whose clock will show %d, knows %+v%s", c.n, c.ip, c.until.Unix(), h.name, at, l, s.known(c.ip))
			}
		}
	}
	return nil
}

// soonKept is kept, when what is on its way between the servers, and what was refused at first, has had its time.
func (s *site) soonKept(within time.Duration) error {
	var last error
	_, err := s.until(within, func() bool { last = s.kept(); return last == nil })
	return errors.Join(err, last)
}

// disputed says that another client has the address too.
func (s *site) disputed(c *client) bool {
	return slices.ContainsFunc(s.doubles, func(d *double) bool { return d.ip == c.ip && (d.a == c || d.b == c) })
}

// starved is how long a client may wait in a pool where addresses were declined: they are left alone for ten minutes, and partners share by
// the minute.
const starved = 13 * time.Minute

// served checks that within a while every client that is on has an address.
func (s *site) served(within time.Duration) error {
	waits := func(c *client) bool {
		return !c.guest && !c.has() && !c.began.IsZero() && c.began.Before(s.w.Now().Add(-time.Minute))
	}
	all := func() bool {
		for _, c := range s.clients {
			c.off = c.guest
		}
		return !slices.ContainsFunc(s.clients, waits)
	}
	ok, err := s.until(within, all)
	if !ok && err == nil && slices.ContainsFunc(s.clients, func(c *client) bool { return waits(c) && s.abandoned(c.seg) }) {
		ok, err = s.until(starved-within, all)
	}
	if ok || err != nil {
		return err
	}
	i := slices.IndexFunc(s.clients, waits)
	c := s.clients[i]
	return fmt.Errorf("client %d of %s has asked since %v: %s %v", c.n, c.seg.name, s.w.Now().Sub(c.began), s.shares(c.seg), c.seg.heard[0].said)
}

// abandoned says that there are addresses of a segment that were declined.
func (s *site) abandoned(g *segment) bool {
	return slices.ContainsFunc(g.heard[0].m.Scopes(), func(v engine.ScopeView) bool { return v.Name == g.name && v.Abandoned > 0 })
}

func (s *site) shares(g *segment) (text string) {
	for _, h := range s.hosts {
		for _, v := range h.m.Scopes() {
			if v.Name == g.name {
				text += fmt.Sprintf(" %s: free %d, backup %d, active %d, abandoned %d, waiting %d, offered %d;", h.name, v.Free, v.Backup, v.Active, v.Abandoned, v.Waiting, v.Offered)
			}
		}
	}
	return text
}

// agree checks, with quiet clients, that partners' tables say the same, that nobody was forgotten, and that each backup has its part.
func (s *site) agree() error {
	for end := s.w.Now().Add(2 * time.Minute); s.w.Now().Before(end); {
		for _, c := range s.clients {
			c.off = true
		}
		if err := s.run(time.Second); err != nil {
			return err
		}
	}
	var last error
	// A lease that has just ended by one clock, and not yet by the other's, is told again after a minute.
	if ok, err := s.until(3*time.Minute, func() bool { last = s.same(); return last == nil }); err != nil || !ok {
		return errors.Join(err, last)
	}
	if err := s.kept(); err != nil {
		return err
	}
	for range 3 { // leases may end meanwhile
		for _, r := range s.relations {
			r.ends[0].pair(r, failover.Operate{ID: 9, Command: failover.Rebalance})
		}
		if err := s.run(5 * time.Second); err != nil {
			return err
		}
		last = nil
		for _, g := range s.segments {
			last = errors.Join(last, s.balanced(g))
		}
		if last == nil {
			break
		}
	}
	return last
}

func (g *segment) addresses() (all []lease.IP) {
	for ip := g.first(); ip < g.first()+g.size; ip++ {
		all = append(all, ip)
	}
	return all
}

// balanced checks a pool's shares, as both see them, and the numbers against the leases.
func (s *site) balanced(g *segment) error {
	if g.relation == nil {
		return nil
	}
	main, backup := g.relation.ends[0], g.relation.ends[1]
	view := func(h *host) engine.ScopeView {
		all := h.m.Scopes()
		return all[slices.IndexFunc(all, func(v engine.ScopeView) bool { return v.Name == g.name })]
	}
	v := view(main)
	pct := 25
	if s.o.balancing || s.o.draft {
		pct = 50
	}
	all := v.Free + v.Backup
	want := (all*pct + 50) / 100
	if s.o.draft {
		want = all / 2
	}
	held := 1 // these may not change sides yet; and one may have come just now
	if s.o.draft {
		held = (all+5)/10 + 1 // it moves no more often than is worth while
	}
	known := 0
	for _, ip := range g.addresses() {
		l, _, ok := main.m.Lease(ip)
		if ok && l.State.Available() && l.Hold+int64(s.o.skew/time.Second)+3 > main.now().Wall {
			held++
		}
		if ok && l.State == lease.Backup {
			known++
		}
	}
	if o := view(backup); o.Free != v.Free || o.Backup != v.Backup || known != v.Backup || max(v.Backup-want, want-v.Backup) > held {
		return fmt.Errorf("%s: free %d and %d, backup %d and %d (%d leases), want %d ± %d", g.name, v.Free, o.Free, v.Backup, o.Backup, known, want, held)
	}
	return nil
}

// same says where partners' tables differ.
func (s *site) same() error {
	for _, g := range s.segments {
		if g.relation == nil {
			continue
		}
		a, b := g.relation.ends[0], g.relation.ends[1]
		for _, ip := range append(g.addresses(), g.fixed()) {
			x, _, _ := a.m.Lease(ip)
			y, _, _ := b.m.Lease(ip)
			state := func(l lease.Lease) lease.State {
				if l.IP == 0 {
					return lease.Free
				}
				return l.State
			}
			if state(x) != state(y) || x.State == lease.Active && x.Client != y.Client || x.Owed || y.Owed {
				return fmt.Errorf("%s: %s has %s %v (owed %v), %s has %s %v (owed %v)%s", ip, a.name, x.State, x.Client, x.Owed, b.name, y.State, y.Client, y.Owed, s.known(ip))
			}
		}
	}
	return nil
}
