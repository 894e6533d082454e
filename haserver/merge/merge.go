// Package merge decides what a zone holds after its two primaries were apart (decision H-d).
package merge

import (
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
	Reason  string
	Kept    []zone.Record // what the zone has now
	Lost    []zone.Record // what is not in the zone, though its side added it
	Removed []zone.Record // what is in the zone, though the losing side had removed it
}

// Change is the effect of one side on one record since the common base.
type Change struct {
	Record zone.Record
	Time   int64 // hybrid clock of the last entry that touched it
}

// Net is everything that one side changed since the common base, in effect: what was added and deleted again is not in it. The
// SOA is not in it.
type Net struct {
	Deleted []Change // records of the base that are gone
	Added   []Change // records that the base did not have
}

// Compose is the net effect of entries, in order.
func Compose(entries []pairmsg.Entry) Net { panic("not yet") }

// Between is the net effect that leads from one content to another; everything in it has the one time.
func Between(from, to *zone.Zone, time int64) Net { panic("not yet") }

// Undo is the content before net: the base. Net must fit.
func Undo(z *zone.Zone, net Net) (*zone.Zone, error) { panic("not yet") }

// Input is what Merge decides on. Base is content both sides once had; with a nil Base nothing in common is known, and all that only one
// side has is taken as added by it.
type Input struct {
	Main, Backup       *zone.Zone
	MainNet, BackupNet Net // since the base; ignored when there is none
	NoBase             bool
	PreferMain         bool   // times are not to be trusted: the main wins all conflicts (clocks over 60 s apart)
	Serial             uint32 // of the result
	Now                int64  // microseconds since 1970, for Conflict.At
}

// Result is the decision.
type Result struct {
	Zone      *zone.Zone // made from Main, so that the two share what is equal; serial as wanted; SOA otherwise the main's
	Conflicts []Conflict
}

// Merge makes one content of two.
func Merge(in Input) (Result, error) { panic("not yet") }

// Assemble is the partner's content: own, with everything in the buckets of differ replaced by sets, and the partner's SOA, which is
// always in sets. The result shares with own what is equal.
func Assemble(own *zone.Zone, differ []uint16, sets []zone.RRset) (*zone.Zone, error) {
	panic("not yet")
}
