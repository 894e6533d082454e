package merge

import (
	"slices"

	"loadshare/haserver/digest"
	"loadshare/haserver/pairmsg"
	"loadshare/haserver/zone"
)

// Conflict is one thing on which both sides said something else, and what lost (decision H-d).
type Conflict struct {
	ID      string // stable: the same loss has the same ID
	Name    zone.Name
	Type    zone.Type // 0: the whole name
	At      int64     // when it was decided, microseconds since 1970
	Winner  pairmsg.Role
	Reason  string        // one of the Reasons
	Kept    []zone.Record // what the zone has now
	Lost    []zone.Record // what the losing side had, and the zone has not
	Removed []zone.Record // what the zone has, and the losing side had removed or never had
}

// The reasons of a Conflict.
const (
	ReasonSingle  = "both changed a type of one value"
	ReasonAlias   = "CNAME against other data"
	ReasonDeleted = "one deleted what the other changed"
	ReasonTTL     = "both changed the TTL"
	ReasonEmpty   = "both together would have emptied the set"
	ReasonDHCID   = "both changed a name with a DHCID"
	ReasonLimit   = "both together are over the limit of updates"
	ReasonSOA     = "the SOA's fields are the main's"
	// ReasonOverruled: of Overruled.
	ReasonOverruled = "changed on a rolled-back store while it was alone"
)

// Restore is the update section (RFC 2136) that gives the loser what it lost: Lost is added and Removed deleted, for a whole name in
// the other order. A SOA among Lost needs a newer serial than the zone's before it is taken.
func (c Conflict) Restore() []zone.Record {
	update := make([]zone.Record, 0, len(c.Removed)+len(c.Lost))
	for _, r := range c.Removed {
		again := func(lost zone.Record) bool { return keyOf(lost) == keyOf(r) }
		if slices.ContainsFunc(c.Lost, again) {
			continue // it only gets another TTL
		}
		r.Class, r.TTL = zone.ClassNONE, 0
		update = append(update, r)
	}
	if c.Type == 0 {
		return append(update, c.Lost...) // a CNAME is taken only when the rest is gone
	}
	return append(slices.Clone(c.Lost), update...) // the apex's last NS is not taken away
}

// idDigits is the length of an ID: short enough to be typed.
const idDigits = 12

// conflict completes c and notes it.
func (m *merger) conflict(c Conflict) {
	change := zone.Delta{Added: c.Lost}
	switch {
	case len(c.Lost) == 0:
		change = zone.Delta{Deleted: c.Removed}
	case c.Reason == ReasonTTL: // the TTL is lost, whatever records have it
		change.Added = []zone.Record{{Name: c.Name, Type: c.Type, Class: zone.ClassIN, TTL: c.Lost[0].TTL}}
	}
	c.ID = digest.Digest{}.Step(change).String()[:idDigits]
	c.At = m.in.Now
	m.conflicts = append(m.conflicts, c)
}
