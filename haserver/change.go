package haserver

import (
	"runtime/debug"

	"loadshare/haserver/pair"
	"loadshare/haserver/zone"
)

// applyFunc makes the next generation of a zone, with the given serial unless the change sets a newer one itself. When nothing
// changes it returns tip and a zero Delta.
type applyFunc func(tip *zone.Zone, serial uint32) (next *zone.Zone, d zone.Delta, r result)

// change is a pair.Change together with who waits for it.
type change struct {
	pair.Change
	s     *Server
	apply applyFunc
	is    result        // what apply said
	done  chan struct{} // of one
}

// result is what became of a change.
type result struct {
	rcode  zone.Rcode
	reason Reason
	why    string
	serial uint32 // of the zone, when there was no error
}

// carryOut is Do: it calls the change's function. A panic in it refuses the change and leaves the tip.
func (c *change) carryOut(tip *zone.Zone, serial uint32) (next *zone.Zone, d zone.Delta) {
	defer func() {
		if v := recover(); v != nil {
			c.s.count.panics.Add(1)
			c.s.quiet.Error(c.s.log, "update_panicked", "zone", zone.Name(c.Zone).String(), "panic", v, "stack", string(debug.Stack()))
			next, d, c.is = tip, zone.Delta{}, result{rcode: zone.ServFail, reason: BadUpdate, why: "internal error"}
		}
	}()
	next, d, c.is = c.apply(tip, serial)
	return next, d
}

// change carries out a change of a zone, of an operator's (edit) or of a client's, and says what became of it.
func (s *Server) change(z *liveZone, edit bool, apply applyFunc) result {
	c := &change{Change: pair.Change{Zone: z.key, Edit: edit}, s: s, apply: apply, done: make(chan struct{}, 1)}
	c.Do, c.Tag = c.carryOut, c
	if !s.loop.do(c) {
		return result{rcode: zone.ServFail, reason: NotAccepting, why: errStopping.Error()}
	}
	return c.outcome()
}

// outcome is what the machine made of a change, in the words of an update's answer.
func (c *change) outcome() result {
	switch c.Outcome {
	case pair.Done:
		r := c.is
		if r.rcode == zone.NoError {
			r.serial = c.Serial
		}
		return r
	case pair.AtBackup:
		return result{rcode: zone.ServFail, reason: AtPartner, why: "the partner takes the updates now"}
	case pair.NotAccepting:
		if c.Edit {
			return result{rcode: zone.ServFail, reason: NotAccepting, why: notNow(c.Why)}
		}
		return result{rcode: zone.ServFail, reason: NotAccepting, why: c.Why.String()}
	case pair.Unacknowledged:
		if c.Why == pair.ZoneStale {
			return result{rcode: zone.ServFail, reason: NotAccepting, why: c.Why.String()}
		}
		return result{rcode: zone.ServFail, reason: OneCopy, why: "there is no second copy, and the pair is to give none but such an answer (ack = \"strict\")"}
	case pair.NoZone:
		return result{rcode: zone.NotAuth, reason: NotOurZone, why: "the zone was taken out of service"}
	}
	// Whatever was found out about it was found out on a tip that may never be.
	why := c.s.unfitWhy()
	if why == "" {
		why = "the zone journal failed"
	}
	return result{rcode: zone.ServFail, reason: StorageError, why: why}
}
