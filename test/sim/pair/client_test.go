package pairsim

import (
	"fmt"
	"slices"
	"time"

	"loadshare/haserver/pair"
	"loadshare/haserver/pairmsg"
	"loadshare/haserver/zone"
)

// asked is a change that a node has not answered yet.
type asked struct {
	n     *node
	c     *pair.Change
	u     *update
	since time.Time
	reply func(answer)
}

// answer is what came of a change: what the client may be told.
type answer struct {
	outcome pair.Outcome
	why     pair.Reason
	rcode   zone.Rcode
}

// vanished: nobody will answer it any more.
func (a *asked) vanished() { a.u.lost = true }

// ask gives a change to a node. reply gets the answer, if there is one.
func (s *site) ask(n *node, k string, upd zone.Update, edit bool, reply func(answer)) *update {
	w := s.w
	u := &update{n: n, zone: k, run: n.life.Run(), at: w.Now()}
	c := &pair.Change{Zone: k, Edit: edit, Tag: u}
	c.Do = func(tip *zone.Zone, serial uint32) (*zone.Zone, zone.Delta) {
		if u.ran {
			w.Fail("%s carries a change out twice", n.name)
		}
		if !edit {
			s.accepts(n)
		}
		upd := upd
		upd.Serial = serial
		next, d, rcode, _ := tip.Apply(upd)
		u.ran, u.rcode, u.on = true, rcode, tip.Serial()
		s.executed(u, d)
		return next, d
	}
	a := &asked{n: n, c: c, u: u, since: w.Now(), reply: reply}
	n.asked = append(n.asked, a)
	bound := n.cfg.AckTimeout + 2*time.Second
	if !edit {
		bound += time.Second
	}
	w.After(bound, "", n.life.Bind(func() {
		slow := n.disk.hangs.After(w.Now()) || n.disk.unfit || n.disk.full || n.disk.failed || n.disk.lastSlow.After(a.since.Add(-time.Second))
		if !slow && slices.Contains(n.asked, a) {
			w.Fail("%s has not answered a change of %s after %v (executed: %t, serial %d)", n.name, zone.Name(k), bound, u.ran, c.Serial)
		}
	}))
	n.step(c)
	return u
}

// answered is a change that comes back.
func (n *node) answered(c *pair.Change) {
	i := slices.IndexFunc(n.asked, func(a *asked) bool { return a.c == c })
	if i < 0 {
		n.s.w.Fail("%s answers a change twice, or one that nobody asked for", n.name)
		return
	}
	a := n.asked[i]
	if n.s.broken.forgetful && n.s.w.Chance(0.01) {
		return
	}
	n.asked = slices.Delete(n.asked, i, i+1)
	n.s.outcome(n, a.u, c)
	if a.reply != nil {
		a.reply(answer{c.Outcome, c.Why, a.u.rcode})
	}
}

// client asks for one change after the other, like DHCP servers, or like programs that know one server.
type client struct {
	s      *site
	id     int
	only   *node // the one server it knows; nil: main twice, then backup, then every 4 s the other one
	tcp    bool
	think  time.Duration
	serial int
	mine   []owned // unique records that may be deleted again
}

type owned struct{ zone, name string }

const clientTimeout = 2 * time.Second

func (c *client) start() {
	c.s.w.After(c.s.w.Between(0, c.think), "", c.next)
}

func (c *client) next() {
	s := c.s
	if s.calmed {
		return
	}
	if len(c.mine) > 0 && s.w.Chance(0.1) {
		o := c.mine[0]
		c.mine = c.mine[1:]
		c.try(o.zone, func(*zone.Zone) (zone.Update, func(answer)) {
			return update1(del(o.zone, o.name, zone.TypeANY, "")), func(answer) {}
		}, 0)
		return
	}
	k := s.zones[s.w.Rand().IntN(len(s.zones))]
	what := s.w.Rand().IntN(100)
	c.try(k, func(tip *zone.Zone) (zone.Update, func(answer)) { return c.invent(k, what, tip) }, 0)
}

// try sends it to the server whose turn it is.
func (c *client) try(k string, make func(*zone.Zone) (zone.Update, func(answer)), attempt int) {
	s, w := c.s, c.s.w
	n := c.only
	if n == nil {
		n = s.nodes[[...]int{0, 0, 1}[min(attempt, 2)]]
		if attempt > 2 {
			n = s.nodes[(attempt+1)%2]
		}
	}
	again := func(after time.Duration) {
		if attempt >= 10 || s.calmed {
			w.After(w.Between(0, c.think), "", c.next)
			return
		}
		w.After(after, "", func() { c.try(k, make, attempt+1) })
	}
	if !n.power || !n.life.Alive() || s.far[n.i] {
		again(clientTimeout)
		return
	}
	over := false
	timeout := clientTimeout
	if attempt > 2 {
		timeout = 4 * time.Second
	}
	w.After(timeout, "", func() {
		if !over {
			over = true
			again(0)
		}
	})
	w.After(w.Between(time.Millisecond, 5*time.Millisecond), "", n.life.Bind(func() {
		upd, then := make(n.tip(k))
		s.ask(n, k, upd, false, func(a answer) {
			silent := a.outcome == pair.AtBackup || a.outcome == pair.NotAccepting
			if silent && !c.tcp {
				return
			}
			w.After(w.Between(time.Millisecond, 5*time.Millisecond), "", func() {
				if over {
					return
				}
				over = true
				if a.outcome != pair.Done {
					again(time.Second)
					return
				}
				then(a)
				w.After(w.Between(0, c.think), "", c.next)
			})
		})
	}))
}

// The records of a zone that clients change; the first letter of a name says by which rules.
//
//	u  one value that nobody else ever makes: once there, it stays
//	p  sets to which addresses are added and from which they are taken, one by one
//	c  one value, changed by compare and swap
//	x  an alias against addresses
//	h  DHCID groups
//	s  sets that are replaced as a whole, with other TTLs

func (c *client) invent(k string, what int, tip *zone.Zone) (zone.Update, func(answer)) {
	s := c.s
	r := s.w.Rand()
	nothing := func(answer) {}
	switch {
	case what < 30:
		c.serial++
		name := fmt.Sprintf("u%d-%d", c.id, c.serial)
		return update1(add(k, name, zone.TypeTXT, 60, name)), func(a answer) {
			if a.rcode == zone.NoError && r.IntN(2) == 0 {
				c.mine = append(c.mine, owned{k, name})
			}
		}
	case what < 50:
		name, addr := fmt.Sprintf("p%d", r.IntN(3)), fmt.Sprintf("10.0.0.%d", 1+r.IntN(6))
		if r.IntN(2) == 0 {
			return update1(add(k, name, zone.TypeA, 60, addr)), nothing
		}
		return update1(del(k, name, zone.TypeA, addr)), nothing
	case what < 65:
		c.serial++
		name, value := fmt.Sprintf("c%d", r.IntN(2)), fmt.Sprintf("v%d-%d", c.id, c.serial)
		u := zone.Update{Updates: []zone.Record{del(k, name, zone.TypeTXT, ""), add(k, name, zone.TypeTXT, 60, value)}}
		var set zone.RRset
		if tip != nil {
			set, _ = tip.Get(owner(k, name), zone.TypeTXT)
		}
		for _, d := range set.Data {
			u.Prereq = append(u.Prereq, zone.Record{Name: owner(k, name), Type: zone.TypeTXT, Class: zone.ClassIN, Data: d})
		}
		if len(set.Data) == 0 {
			u.Prereq = []zone.Record{{Name: owner(k, name), Type: zone.TypeTXT, Class: zone.ClassNONE}}
		}
		return u, nothing
	case what < 75:
		name := fmt.Sprintf("x%d", r.IntN(2))
		switch r.IntN(3) {
		case 0:
			return update1(add(k, name, zone.TypeCNAME, 60, fmt.Sprintf("www%d.example.", r.IntN(3)))), nothing
		case 1:
			return update1(add(k, name, zone.TypeA, 60, fmt.Sprintf("10.1.0.%d", 1+r.IntN(3)))), nothing
		}
		return update1(del(k, name, zone.TypeANY, "")), nothing
	case what < 88:
		return dhcp(k, r.IntN(3), r.IntN(3), r.IntN(6)), nothing
	case what < 98:
		name := fmt.Sprintf("s%d", r.IntN(2))
		u := update1(del(k, name, zone.TypeA, ""))
		ttl := uint32(30 * (1 + r.IntN(3)))
		for i := range 1 + r.IntN(3) {
			u.Updates = append(u.Updates, add(k, name, zone.TypeA, ttl, fmt.Sprintf("10.2.%d.%d", i, 1+r.IntN(3))))
		}
		return u, nothing
	default:
		u := update1(add(k, "www", zone.TypeA, 60, "192.0.2.3"))
		if tip != nil && r.IntN(2) == 0 {
			u.Updates = append(u.Updates, soaOf(tip, tip.Serial()+uint32(1+r.IntN(50))))
		}
		if r.IntN(2) == 0 {
			u.Updates[0] = del(k, "www", zone.TypeA, "192.0.2.3")
		}
		return u, nothing
	}
}

// dhcp is what a DHCP server does for a client (RFC 4703): the name and its DHCID together.
func dhcp(k string, host, id, addr int) zone.Update {
	name := fmt.Sprintf("h%d", host)
	who := fmt.Sprintf("\x00\x01\x01client-%d", id)
	a := add(k, name, zone.TypeA, 60, fmt.Sprintf("10.3.%d.%d", id, 1+addr)) // the third octet is whose address it is
	return zone.Update{Updates: []zone.Record{
		del(k, name, zone.TypeA, ""), {Name: owner(k, name), Type: zone.TypeDHCID, Class: zone.ClassANY},
		a, {Name: owner(k, name), Type: zone.TypeDHCID, Class: zone.ClassIN, TTL: 60, Data: who},
	}}
}

func owner(k, name string) zone.Name {
	n, err := zone.ParseName(name + "." + zone.Name(k).String())
	if err != nil {
		panic(err)
	}
	return n
}

func rdata(t zone.Type, text string) string {
	if t == zone.TypeTXT {
		return string([]byte{byte(len(text))}) + text
	}
	d, err := zone.ParseRdata(t, text, zone.Root)
	if err != nil {
		panic(err)
	}
	return d
}

func add(k, name string, t zone.Type, ttl uint32, text string) zone.Record {
	return zone.Record{Name: owner(k, name), Type: t, Class: zone.ClassIN, TTL: ttl, Data: rdata(t, text)}
}

// del deletes a record, a set (no text), or all sets of a name (ANY).
func del(k, name string, t zone.Type, text string) zone.Record {
	if text == "" {
		return zone.Record{Name: owner(k, name), Type: t, Class: zone.ClassANY}
	}
	return zone.Record{Name: owner(k, name), Type: t, Class: zone.ClassNONE, Data: rdata(t, text)}
}

func update1(r zone.Record) zone.Update { return zone.Update{Updates: []zone.Record{r}} }

// soaOf is a zone's SOA with another serial.
func soaOf(z *zone.Zone, serial uint32) zone.Record {
	s := z.With(serial).SOA()
	return zone.Record{Name: s.Name, Type: zone.TypeSOA, Class: zone.ClassIN, TTL: s.TTL, Data: s.Data[0]}
}

// accepts: a client's update is being carried out by n.
func (s *site) accepts(n *node) {
	p := n.partner()
	if p.life.Alive() && n.m.Status().State == pairmsg.Normal && p.stateWas == pairmsg.Normal && p.accepting {
		s.w.Fail("both servers are in normal, and both take updates")
	}
}
