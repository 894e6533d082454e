package haserver

import (
	"loadshare/haserver/pairmsg"
	"loadshare/haserver/scavenge"
	"loadshare/haserver/zone"
)

// The partner hears of every mark that moves, and of all of them when the two have found each other again: so the survivor knows what is
// dynamic, and what the other had heard.

// tellAll has the partner hear of all marks.
func (c *scavenger) tellAll(zones []*markedZone) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range zones {
		for s := range m.book.All() {
			m.untold[s] = struct{}{}
		}
	}
}

// tell sends what the partner has not heard, if it is there.
func (c *scavenger) tell() {
	c.mu.Lock()
	defer c.mu.Unlock()
	link := c.s.loop.link
	if link == nil {
		for _, m := range c.zones {
			clear(m.untold)
		}
		return
	}
	to := link.session(link.met.Load())
	if to == nil {
		return
	}
	for _, m := range c.zones {
		for len(m.untold) > 0 && to.load() < marksQueued {
			if !link.put(to, m.message()) {
				return
			}
		}
	}
}

// message takes some of what is untold.
func (m *markedZone) message() pairmsg.Marks {
	out := pairmsg.Marks{Zone: m.name}
	for s := range m.untold {
		delete(m.untold, s)
		if at, marked := m.book.At(s); marked {
			out.List = append(out.List, pairmsg.Mark{Name: zone.Name(s.Name), Type: s.Type, At: at})
		}
		if len(out.List) == maxMarksTold {
			break
		}
	}
	return out
}

// learn takes the partner's marks of a zone.
func (c *scavenger) learn(list pairmsg.Marks) {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := c.zones[list.Zone.Key()]
	if m == nil {
		return
	}
	for _, mark := range list.List {
		s := scavenge.Set{Name: mark.Name.Key(), Type: mark.Type}
		switch {
		case s == m.soa() && mark.At > m.book.Voided():
			m.void(mark.At)
		case s.Type != zone.TypeSOA && m.book.Learn(s, mark.At):
			m.dirty[s] = struct{}{}
		}
	}
}
