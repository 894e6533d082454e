package pairmsg

import (
	"loadshare/haserver/digest"
	"loadshare/haserver/zone"
)

// Synchronisation of one zone, led by the main (checklist H18). Sync numbers one try; messages of another try are old and
// are dropped.

// Source is whose content wins where the two differ.
type Source uint8

// The sources.
const (
	Both       Source = iota // merge (decision H-d)
	FromMain                 // the main's content, as it is
	FromBackup               // the backup's content, as it is
)

// String is the word of the command line.
func (s Source) String() string { return [...]string{"both", "main", "backup"}[s%3] }

// SyncAsk opens the synchronisation of a zone. The answer is SyncPoints.
type SyncAsk struct {
	Sync uint64
	Zone zone.Name
	Main ZonePoint
}

// SyncPoints is where the backup stands and how it got there.
type SyncPoints struct {
	Sync    uint64
	Missing bool // it does not have the zone
	Here    ZonePoint
	History []Point // points before Here that the journal still leads from, oldest first; the steps to Here can be sent
}

// SyncFetch asks the backup for its entries after a point. The answer is SyncEntries until Last.
type SyncFetch struct {
	Sync  uint64
	Zone  zone.Name
	After uint32 // serial
}

// SyncEntries brings entries that are replayed as they are, in either direction, or looked at for a merge.
type SyncEntries struct {
	Sync    uint64
	Zone    zone.Name
	Entries []Entry
	Last    bool
	Gone    bool // the journal does not reach back so far any more
}

// Buckets is how many parts a zone is cut into for comparison: names by digest.Bucket.
const Buckets = digest.Buckets

// SyncCompare asks the backup for all records in the buckets whose digest differs from those given. The answer is SyncSets
// until Last.
type SyncCompare struct {
	Sync    uint64
	Zone    zone.Name
	Digests []digest.Digest // Buckets of them; none: everything is wanted
}

// SyncSets brings whole contents: of the buckets that differ, or of a whole zone.
type SyncSets struct {
	Sync   uint64
	Zone   zone.Name
	Differ []uint16 // in the first message: the buckets that are sent; nil with All
	All    bool     // the whole zone
	Sets   []zone.RRset
	Last   bool
	Point  Point // with Last: of the whole content
}

// SyncCopy says that a whole zone follows from the main to the backup in SyncSets, which the backup shall have in place of
// what it has. The answer to the last of them is SyncDone.
type SyncCopy struct {
	Sync     uint64
	Zone     zone.Name
	Settings ZoneSettings
	Point    Point
}

// SyncCommit makes the backup's content what the main decided: Entry leads from Before to the result. Empty (a zero Delta):
// both are equal as they are. The answer is SyncDone.
type SyncCommit struct {
	Sync   uint64
	Zone   zone.Name
	Before Point
	Entry  Entry
	After  Point
}

// SyncDone says that the backup durably has the point: both are equal. With Error it is not so.
type SyncDone struct {
	Sync  uint64
	Zone  zone.Name
	Point Point
	Error string
}

// SyncEnd tells the backup how a synchronisation ended: the zone's state there. With an Error it failed.
type SyncEnd struct {
	Sync  uint64
	Zone  zone.Name
	Point Point
	Error string
}

// SyncZones asks the main to synchronise zones by hand: from the operator's door of the backup.
type SyncZones struct {
	Zones  []zone.Name // none: all
	Source Source
}

func (SyncAsk) message()     {}
func (SyncPoints) message()  {}
func (SyncFetch) message()   {}
func (SyncEntries) message() {}
func (SyncCompare) message() {}
func (SyncSets) message()    {}
func (SyncCopy) message()    {}
func (SyncCommit) message()  {}
func (SyncDone) message()    {}
func (SyncEnd) message()     {}
func (SyncZones) message()   {}
