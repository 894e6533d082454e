package haserver

import (
	"sync/atomic"

	"loadshare/haserver/message"
	"loadshare/haserver/zone"
)

// maxChain is how many aliases are followed over all our zones.
const maxChain = 16

// chain collects the sections of an answer over the zones that an alias chain goes through.
type chain struct {
	rcode                         zone.Rcode
	aa                            bool
	result                        zone.Result
	glue                          int
	wildcard                      zone.Name
	answer, authority, additional []zone.RRset
}

// query answers opcode QUERY.
func (w *worker) query() []byte {
	m := &w.in
	if m.Counts[0] != 1 {
		if m.Counts[0] == 0 && w.cookie.ok { // RFC 7873, 5.4
			return w.reply(zone.NoError)
		}
		return w.limitedReply(zone.FormErr)
	}
	if rcode := askable(m, w.tcp); rcode != zone.NoError {
		return w.limitedReply(rcode)
	}
	z := w.view.find(m.Name(), m.QType)
	if z == nil && w.view.blank() {
		w.explain(edeNotReady, noZonesYet)
		return w.limitedReply(zone.ServFail)
	}
	if z == nil {
		w.explain(edeNotAuthoritative, "")
		return w.limitedReply(zone.Refused)
	}
	if z.hides(w.client()) {
		w.explain(edeProhibited, "")
		return w.limitedReply(zone.Refused)
	}
	if answer := w.again(z); answer != nil {
		return answer
	}
	mark, ok := z.visible.mark(m.Name()) // before the look
	now := z.visible.Load()
	if now == nil {
		w.explain(edeNotReady, z.why())
		return w.limitedReply(zone.ServFail)
	}
	w.look(z, now)
	if m.QType == zone.TypeSOA && len(m.QName) == len(z.name) { // of the zone itself
		w.s.notify.asked(z, w.from)
	}
	kind, name := w.rateKey(z)
	if !w.tcp && w.limited(kind, name) {
		return w.slip()
	}
	if ok {
		w.remember(mark)
	}
	return w.write()
}

// askable says what is wrong with the class or type of a question.
func askable(m *message.Message, tcp bool) zone.Rcode {
	switch t := m.QType; {
	case m.QClass != zone.ClassIN:
		return zone.Refused
	case t == 0 || t == zone.TypeOPT || t == zone.TypeTSIG:
		return zone.FormErr
	case t == zone.TypeAXFR && !tcp:
		return zone.FormErr // RFC 5936, 4.2
	case t == zone.TypeANY || t == zone.TypeIXFR:
		return zone.NoError
	case t.IsMeta():
		return zone.NotImp
	}
	return zone.NoError
}

// look collects the answer from z as it is now, following aliases from zone to zone.
func (w *worker) look(z *served, now *zone.Zone) {
	c := &w.chain
	q := zone.Question{Name: w.in.Name(), Type: w.in.QType, AllOfANY: w.tcp}
	a := &w.answer[0]
	now.LookupInto(q, a)
	c.answer, c.authority, c.additional = a.Answer, a.Authority, a.Additional
	c.rcode, c.aa, c.result, c.glue, c.wildcard = a.Rcode, a.AA, a.Result, a.Glue, a.Wildcard
	for a.Next != "" && len(c.answer) < maxChain {
		next := w.view.find(a.Next, q.Type)
		if next == nil || next == z || next.hides(w.client()) || seen(c.answer, a.Next) {
			return
		}
		if now = next.visible.Load(); now == nil {
			return // the client asks for the rest
		}
		z = next
		q.Name = a.Next
		if a == &w.answer[0] {
			a = &w.answer[1]
		} else {
			a = new(zone.Answer) // what was collected so far points into the two
		}
		now.LookupInto(q, a)
		c.answer = append(c.answer, a.Answer...)
		c.authority, c.additional = a.Authority, a.Additional
		c.rcode, c.result, c.glue, c.wildcard = a.Rcode, a.Result, a.Glue, a.Wildcard
	}
}

// seen says whether a name owns a set of the answer already: the chain is a loop.
func seen(sets []zone.RRset, name zone.Name) bool {
	for i := range sets {
		if sets[i].Name.Equal(name) {
			return true
		}
	}
	return false
}

// write makes the message of what look collected. Whole sets are left out when they do not fit; TC is set when one of
// them was needed (RFC 2181, 9; RFC 9471, 3).
func (w *worker) write() []byte {
	c := &w.chain
	w.edns.Options = w.ext
	w.start(c.rcode, true)
	if c.aa {
		w.build.Flags(message.FlagAA)
	}
	if !w.add(message.Answer, c.answer) || !w.add(message.Authority, c.authority) {
		w.build.Flags(message.FlagTC)
		return w.finish(c.rcode)
	}
	for i := range c.additional {
		set := &c.additional[i]
		if !w.build.Add(message.Additional, set, w.turn(set)) && i < c.glue {
			w.build.Flags(message.FlagTC)
			break
		}
	}
	return w.finish(c.rcode)
}

func (w *worker) add(s message.Section, sets []zone.RRset) bool {
	for i := range sets {
		if !w.build.Add(s, &sets[i], w.turn(&sets[i])) {
			return false
		}
	}
	return true
}

// turn is the record that a set begins with this time: each in its turn, for every set on its own, from a random start.
func (w *worker) turn(set *zone.RRset) int {
	if set.Turn == nil || len(set.Data) < 2 || set.Type == zone.TypeRRSIG {
		return 0
	}
	return w.take(set.Turn, len(set.Data))
}

// take is the record that a set of so many begins with, and counts the turn.
func (w *worker) take(turn *uint32, records int) int {
	return int((atomic.AddUint32(turn, 1) + w.s.firstTurn) % uint32(records))
}
