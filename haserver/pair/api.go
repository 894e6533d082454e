package pair

import (
	"time"

	"loadshare/haserver/digest"
	"loadshare/haserver/merge"
	"loadshare/haserver/pairmsg"
	"loadshare/haserver/zone"
)

// Now is a moment on both clocks of a host.
type Now struct {
	Mono time.Duration // since any start; never goes back
	Wall int64         // microseconds since 1970; may jump
}

// Config is what the machine is told of the configuration. The zero Role makes it a single server: no partner, no timers.
type Config struct {
	Role        pairmsg.Role
	Heartbeat   time.Duration
	CommTimeout time.Duration
	SyncRetry   time.Duration // zonesync_failed_timeout
	AckTimeout  time.Duration
	Strict      bool   // no answer with one copy (decision H-a)
	Settings    uint64 // digest of the zones' settings
}

// Saved is what a server must know after a restart, beside its zones. The zero value is a new store.
type Saved struct {
	Store     pairmsg.StoreID // set by who opens the store, before New
	Boot      uint64          // likewise, one more at each opening
	Role      pairmsg.Role    // in force; Single: that of the configuration
	Epoch     uint64
	State     pairmsg.State
	Reason    Reason
	Since     int64 // wall microseconds
	Behind    int64 // since when the partner lacks something that was answered here; 0: it lacks nothing
	Seq       uint64
	PeerStore pairmsg.StoreID
	PeerSeq   uint64
	Contact   int64 // when both were last known to be in normal together; 0: never
	Clock     int64 // hybrid clock
	Clean     bool  // stopped in order
	Whole     bool  // the next synchronisation compares whole zones: partner-down was in between
}

// ZoneSaved is the same for one zone.
type ZoneSaved struct {
	Agreed   pairmsg.Point // last point known to be on both
	Reserved uint32        // serials through this one may have been used here (decision H-b); 0: none
	Flags    pairmsg.ZoneFlags
	// Apart is the point before the first change made here that the partner cannot have; zero: it may have all of them. As long as it is set, the
	// journal's steps must lead to the present from it, from the states before it, from Asked and the states before that, and from Agreed
	// (journal.Keep): the last content of both is one of those, and without it a merge brings back what was deleted (docs/decisions/0015).
	Apart pairmsg.Point
	// Asked is the point at which the main asked last for what was changed here since Apart, and of which it never said how that ended: it
	// may have merged that; zero: it has not asked. Only with Apart.
	Asked pairmsg.Point
	// Alone is the point before the first change made here after a start without contact; zero: there is none that the partner does not
	// have. Should the store turn out to be rolled back, what was changed since is kept as conflicts.
	Alone pairmsg.Point
}

// ZoneStart is a zone as it was found, or has just been made.
type ZoneStart struct {
	Tip     *zone.Zone
	Point   pairmsg.Point
	History []pairmsg.Point // points from which the journal still has the steps to Point, oldest first; with those of Saved.Apart
	Saved   ZoneSaved
	Begun   *zone.Zone // the content at Saved.Alone; nil: there is none, or the journal does not reach back so far
}

// Change is one change that a client or an operator asks for. Who makes it keeps it until it comes back in Output.Answer.
type Change struct {
	Zone string // Key of its name
	Edit bool   // by an operator: refused at once where a client's would be held or dropped
	// Do carries the change out on tip and gives the changed zone the serial, unless it sets one that is newer itself. No
	// difference: next is tip and the Delta is zero. It must not keep what it is given.
	Do func(tip *zone.Zone, serial uint32) (next *zone.Zone, d zone.Delta)
	// What became of it, set before it comes back.
	Outcome Outcome
	Why     Reason // of NotAccepting and Unacknowledged
	Serial  uint32 // of the zone after it
	Copies  int    // on how many disks it is: 1 or 2
	Tag     any    // of who made it
}

// Outcome is what became of a Change.
type Outcome uint8

// The outcomes.
const (
	Done           Outcome = iota + 1 // Do was called, and what it did is durable and visible as decision H-a wants it
	AtBackup                          // not called: in normal the partner, the main, takes changes (decision H-f)
	NotAccepting                      // not called: held as long as allowed, and still no changes are taken
	Unacknowledged                    // called, but must not be answered NOERROR: strict, and there is no second copy; or ZoneStale, and the partner's content replaces it
	Failed                            // the disk failed: nobody knows
	NoZone                            // there is no such zone
)

// Input is one of the types below.
type Input interface{ input() }

// Tick is time passing: due at Output.Next, or earlier.
type Tick struct{}

// Durable says that all writes through Batch are on disk.
type Durable struct{ Batch uint64 }

// WriteFailed says that a write failed: nothing more will ever be durable in this run (decision H-i).
type WriteFailed struct{ Why string }

// Unfit says that the server can write nothing now, though no write has failed (an fsync that hangs, a failed self-query);
// with an empty Why it can again.
type Unfit struct{ Why string }

// Connected is a new connection to the partner, proved by both; Dialled: we opened it. Sessions count up from 1.
type Connected struct {
	Session uint64
	Dialled bool
}

// Lost is the end of a connection.
type Lost struct{ Session uint64 }

// DialFailed answers Output.Dial. Refused: the partner's own address refused the connection (decision H-e).
type DialFailed struct{ Refused bool }

// Received is a message of the partner, of any type but Forward, Forwarded, Settings…, SyncSets.
type Received struct {
	Session uint64
	Message pairmsg.Message
}

// Content answers a Job, or is what SyncSets messages of the partner made, once they are complete.
type Content struct {
	Sync uint64
	Zone string
	Err  string

	Entries []pairmsg.Entry // of ReadEntries
	Gone    bool            // of ReadEntries: the journal does not reach back so far
	Parts   []digest.Digest // of DigestParts
	Whole   *zone.Zone      // of Assemble, and of a whole zone in SyncSets; its digest is Point.Digest, checked; of DigestParts its Tip
	Point   pairmsg.Point   // of Whole
}

// SetsArrived is what SyncSets of the partner brought for a comparison, complete.
type SetsArrived struct {
	Sync   uint64
	Zone   string
	Differ []uint16
	Sets   []zone.RRset
	Point  pairmsg.Point // of the partner's whole content
}

// AddZone brings a zone that is new here; DropZone takes one out of service.
type (
	AddZone struct {
		Zone string
		ZoneStart
	}
	DropZone struct{ Zone string }
)

// Reconfigure is a reload.
type Reconfigure struct{ Config Config }

// Operate is an operator's command; the answer is in Output.Replies under ID.
type Operate struct {
	ID      uint64
	Command Command
	Reason  string // his words
	Zones   []zone.Name
	Source  pairmsg.Source
}

// Command is what an operator may ask of the pair.
type Command uint8

// The commands.
const (
	SetPartnerDown Command = iota + 1 // only from communication-interrupted (checklist H15)
	Swap                              // exchange the roles, only from normal
	ServeAlone                        // answer and take updates though the data may be old (decision H-g)
	SyncNow                           // synchronise zones; none: all
)

// Stop is the orderly end: the machine says Shutdown to the partner and saves. Output.Stopped says when all is done.
type Stop struct{}

func (*Change) input()     {}
func (Tick) input()        {}
func (Durable) input()     {}
func (WriteFailed) input() {}
func (Unfit) input()       {}
func (Connected) input()   {}
func (Lost) input()        {}
func (DialFailed) input()  {}
func (Received) input()    {}
func (Content) input()     {}
func (SetsArrived) input() {}
func (AddZone) input()     {}
func (DropZone) input()    {}
func (Reconfigure) input() {}
func (Operate) input()     {}
func (Stop) input()        {}

// Output is what must be done, in the order of its fields. The slices are valid until the next Step.
type Output struct {
	// Write goes to the disk, in order, whole or not at all; with what came before it. When it is durable, Durable with Batch (or a
	// later number) is due. Several outputs may share one write. Nothing else in Output waits for it.
	Write []Write
	Batch uint64 // 0: nothing to write
	// Send goes to the partner, in order, over the session. A message that waited for a disk comes in a later Output.
	Send    []pairmsg.Message
	Session uint64
	// Met says that at the other end of the session is the partner: its Hello was heard and not refused.
	Met bool
	// Close ends connections that are not (or no longer) the one in use.
	Close []uint64
	// Dial asks for one attempt to connect to the partner: Connected or DialFailed is due.
	Dial bool
	// Show is what queries and transfers see from now on; before the answers.
	Show []Show
	// Answer are changes that are done with.
	Answer  []*Change
	Replies []Reply
	Jobs    []Job
	Notes   []Note
	// Next is when Tick is due at the latest; 0: no time.
	Next    time.Duration
	Stopped bool // after Stop: nothing is owed any more and the disk has all
}

// Write is one of the types below.
type Write interface{ write() }

// The writes.
type (
	// WriteEntry appends to a zone's journal.
	WriteEntry struct {
		Zone  string
		Entry pairmsg.Entry
		Tip   *zone.Zone // after it
	}
	// WriteZone replaces what is saved of a zone.
	WriteZone struct {
		Zone  string
		Saved ZoneSaved
	}
	// WriteContent replaces a zone with its history.
	WriteContent struct {
		Zone  string
		Tip   *zone.Zone
		Point pairmsg.Point
	}
	// WriteSaved replaces what is saved of the server.
	WriteSaved struct{ Saved Saved }
	// WriteConflict keeps what lost.
	WriteConflict struct {
		Zone     string
		Conflict merge.Conflict
	}
)

func (WriteEntry) write()    {}
func (WriteZone) write()     {}
func (WriteContent) write()  {}
func (WriteSaved) write()    {}
func (WriteConflict) write() {}

// Show is what is seen of a zone. No Tip: queries and transfers get SERVFAIL, since Why.
type Show struct {
	Zone   string
	Tip    *zone.Zone
	Why    Reason
	Notify bool // secondaries may be told (not while a zone synchronises, checklist H20)
}

// Reply is the answer to Operate: Refused is why not, in words for the operator; "": it is done.
type Reply struct {
	ID      uint64
	Refused string
}

// Job is long work for another goroutine: reading the journal, streaming to the partner, comparing. Where a result is wanted it
// comes as Content with the same Sync and Zone.
type Job interface{ job() }

// The jobs.
type (
	// StreamEntries sends SyncEntries, with the steps from the serial After to Through, of our journal. The last one has Last.
	StreamEntries struct {
		Session, Sync  uint64
		Zone           string
		After, Through uint32
	}
	// StreamSets sends SyncSets with the buckets of Tip whose digest is not that in Parts, or everything without Parts.
	StreamSets struct {
		Session, Sync uint64
		Zone          string
		Tip           *zone.Zone
		Point         pairmsg.Point
		Parts         []digest.Digest
	}
	// StreamCopy sends SyncCopy, then SyncSets with everything.
	StreamCopy struct {
		Session, Sync uint64
		Zone          string
		Tip           *zone.Zone
		Point         pairmsg.Point
	}
	// ReadEntries reads the steps from the serial After to Through.
	ReadEntries struct {
		Sync           uint64
		Zone           string
		After, Through uint32
	}
	// DigestParts computes digest.Parts.
	DigestParts struct {
		Sync uint64
		Zone string
		Tip  *zone.Zone
	}
	// Assemble computes merge.Assemble of the partner's content and checks its digest.
	Assemble struct {
		Sync   uint64
		Zone   string
		Tip    *zone.Zone
		Differ []uint16
		Sets   []zone.RRset
		Point  pairmsg.Point
	}
)

func (StreamEntries) job() {}
func (StreamSets) job()    {}
func (StreamCopy) job()    {}
func (ReadEntries) job()   {}
func (DigestParts) job()   {}
func (Assemble) job()      {}

// Note is for the log, the counters and the alarms: what happened and why.
type Note struct {
	Reason   Reason
	Zone     string        // "" for the server
	From, To pairmsg.State // of a change of the server's state; else equal
	Text     string
}
