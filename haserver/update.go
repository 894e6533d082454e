package haserver

import (
	"loadshare/haserver/zone"
)

// update answers opcode UPDATE (RFC 2136, 3), in the order of its checks: form, (TSIG before,) zone, may it be changed
// now, right to the zone, prerequisites, right to every record, form of the records, the change itself.
func (w *worker) update() []byte {
	r := w.change()
	rcode := r.rcode
	w.count.update(rcode, r.reason)
	passed := r.reason == AtPartner && w.view.passesOn() && !w.forwarded
	switch {
	case passed:
		if answer, ok := w.s.loop.link.passOn(w.raw, w.from, w.tcp); ok {
			return answer
		}
		r.why = "the partner, which takes the updates, did not answer in time"
	case r.reason == AtPartner:
		w.s.unheard.drop(w.from, w.now())
	case w.view.ha != nil:
		w.s.unheard.hear(w.from, w.now())
	}
	if !passed && w.silent(r.reason) {
		w.s.quiet.Info(w.s.log, "update_dropped", "client", w.client().String(), "zone", w.in.Name().String(), "reason", r.reason.String(), "why", r.why)
		w.count.drop(dropClosed)
		return nil
	}
	if r.reason > Unchanged {
		say := w.s.quiet.Warn
		if r.reason == PrereqFailed || r.reason == AtPartner { // everyday business of clients that compare and swap, or that ask both
			say = w.s.quiet.Info
		}
		say(w.s.log, "update_refused", "client", w.client().String(), "zone", w.in.Name().String(), "rcode", rcode.String(), "reason", r.reason.String(), "why", r.why)
		if !w.tcp && w.limited(kindError, zone.Root) { // the client's address is not proved
			w.count.drop(dropRate)
			return nil
		}
		w.explain(r.reason.ede(), r.reason.String()+": "+r.why)
	}
	return w.reply(rcode)
}

// silent says whether an update is not answered at all: over UDP when this server takes none now, so that the client turns to
// the other one at its next try (decision H-f). A server that can write nothing says so: there may be no other.
func (w *worker) silent(r Reason) bool {
	return !w.tcp && !w.forwarded && w.view.ha != nil && (r == AtPartner || r == NotAccepting)
}

// passesOn says whether clients' updates go to the partner when that takes them.
func (v *view) passesOn() bool { return v.ha != nil && v.ha.Forward }

func (r Reason) ede() uint16 {
	switch r {
	case NoGrant, NoGrantSet:
		return edeProhibited
	case NotOurZone:
		return edeNotAuthoritative
	case NotAccepting, TooMany, StorageError, AtPartner, OneCopy:
		return edeNotReady
	}
	return edeOther
}

func (w *worker) change() result {
	m := &w.in
	if m.Counts[0] != 1 || m.QType != zone.TypeSOA {
		return result{rcode: zone.FormErr, reason: Malformed, why: "the zone section must be one SOA question (RFC 2136, 3.1.1)"}
	}
	u, err := m.Update()
	if err != nil {
		return result{rcode: zone.FormErr, reason: Malformed, why: err.Error()}
	}
	z := w.view.exact(m.Name())
	if z == nil && w.view.blank() { // NOTAUTH would be final to the client (RFC 2136, 4.5)
		return result{rcode: zone.ServFail, reason: NotAccepting, why: noZonesYet}
	}
	if z == nil || m.QClass != zone.ClassIN {
		return result{rcode: zone.NotAuth, reason: NotOurZone, why: "this server has no such zone; name the zone, not a name in it"}
	}
	if why := w.s.unfitWhy(); why != "" {
		return result{rcode: zone.ServFail, reason: NotAccepting, why: why}
	}
	client := w.client()
	allowed := z.conf.Update.Allow(client)
	if !allowed && !w.view.passesOn() { // the grants of who carries it out count
		return noGrant(client)
	}
	beyond := z.conf.Update.beyond(client, u.Updates)
	return w.s.change(z.liveZone, false, func(tip *zone.Zone, serial uint32) (*zone.Zone, zone.Delta, result) {
		if !allowed {
			return tip, zone.Delta{}, noGrant(client)
		}
		next, d, r := apply(tip, serial, u, beyond)
		if r.rcode == zone.NoError {
			w.s.scavenge.touch(z, tip, next, u.Updates)
		}
		return next, d, r
	})
}

// beyond is the first record that the client's grants do not reach; nil: none.
func (gs Grants) beyond(c Client, records []zone.Record) *zone.Record {
	for i := range records {
		if r := &records[i]; !gs.AllowSet(c, r.Name, r.Type) {
			return r
		}
	}
	return nil
}

func noGrant(client Client) result {
	return result{rcode: zone.Refused, reason: NoGrant, why: "no update grant of the zone is for " + client.String()}
}

// apply carries out u, of which the client has no right to the record beyond.
func apply(tip *zone.Zone, serial uint32, u zone.Update, beyond *zone.Record) (*zone.Zone, zone.Delta, result) {
	if rcode, why := tip.CheckPrereq(u); rcode != zone.NoError {
		return tip, zone.Delta{}, result{rcode: rcode, reason: PrereqFailed, why: why}
	}
	if beyond != nil {
		return tip, zone.Delta{}, result{rcode: zone.Refused, reason: NoGrantSet, why: "no update grant of this client reaches " + beyond.Name.String() + " " + beyond.Type.String()}
	}
	next, d, rcode, why := tip.Apply(zone.Update{Updates: u.Updates, Serial: serial})
	switch {
	case rcode != zone.NoError:
		return tip, zone.Delta{}, result{rcode: rcode, reason: BadUpdate, why: why}
	case d.IsZero():
		return tip, d, result{reason: Unchanged, serial: tip.Serial()}
	}
	return next, d, result{reason: Applied, serial: next.Serial()}
}

// tooMany answers the update that handle has just looked at and that there is no room for: SERVFAIL, so that the client
// asks again (RFC 2136, 4.6). Nothing of it was proved.
func (w *worker) tooMany() []byte {
	w.count.update(zone.ServFail, TooMany)
	const why = "too many updates and transfers are under way"
	w.s.quiet.Warn(w.s.log, "update_refused", "client", w.client().String(), "zone", w.in.Name().String(), "rcode", zone.ServFail.String(), "reason", TooMany.String(), "why", why)
	w.explain(TooMany.ede(), TooMany.String()+": "+why)
	return w.limitedReply(zone.ServFail)
}
