package pair

// Reason is why something happened or is not possible: of a change of state, of a refusal, of an alarm. The zero value is none.
type Reason uint8

// The reasons.
const (
	NoReason Reason = iota

	// Of changes of the server's state.
	Started          // the process began
	Contact          // the partner is there
	Ready            // both have said that they are ready
	GraceOver        // no partner within comm_timeout after the start
	Silent           // nothing was heard for comm_timeout
	ConnRefused      // the partner's own address refuses connections: its process is gone (decision H-e)
	PartnerStopped   // the partner said that it stops
	OwnUnfit         // this server can write nothing (decision H-i)
	PartnerUnfit     // the partner can write nothing
	OperatorSaysDown // partner-down
	OperatorSwapped  // ha swap
	OperatorAlone    // ha serve-alone
	Resumed          // partner-down outlived a restart

	// Of connections.
	VersionDiffers
	RoleClash
	SameStore
	HelloLate
	RoleTaken // the partner's epoch is higher: its word on the roles holds

	// Of changes that are not taken.
	InStartup
	InNegotiating
	ZoneSynchronizing
	ZoneStale   // rolled back or incomplete: the partner's content must come first (decision H-h)
	ZoneFresh   // read from a file, and the partner may know better
	ZoneExpired // alone, and older than the zone's EXPIRE (decision H-g)
	Swapping
	Stopping
	NoSecondCopy // ack = "strict"
	StorageFailed
	UnknownZone

	// Of zones.
	SyncEqual    // nothing to do
	SyncReplayed // one side's steps were replayed on the other
	SyncMerged
	SyncWhole // whole contents were compared
	SyncCopied
	SyncTimeout
	SyncError
	SyncByHand
	Drift        // same serial, other content
	DamagedZone  // the content is not what its digest says
	NotFitting   // a shipped change did not fit
	WindowFull   // the partner does not keep up
	TooLarge     // a change too large to be shipped
	ZoneNew      // the partner does not have it
	OneOnly      // only this server has the zone
	Conflicted   // the merge had to choose (decision H-d)
	RolledBack   // this store is older than the partner remembers (decision H-h)
	PartnerOlder // the partner's is

	// Of answers with one copy.
	AckLate     // the partner did not confirm within ack_timeout (decision H-a)
	CopiesAgain // nothing is owed any more
	ClockSkew   // over 5 s between the partners

	// NotNegotiating is of a change of the server's state: the partner is there, and does not get ready. (At the end: numbers are stored.)
	NotNegotiating
	Flapping // the pair parts again and again
)

var reasons = [...]string{
	"", "started", "contact", "ready", "grace-over", "silent", "refused", "partner-stopped", "unfit", "partner-unfit", "operator", "swapped", "serve-alone", "resumed",
	"version", "role-clash", "same-store", "hello-late", "role-taken",
	"startup", "negotiating", "synchronizing", "stale", "fresh", "expired", "swapping", "stopping", "no-second-copy", "storage-failed", "unknown-zone",
	"equal", "replayed", "merged", "whole", "copied", "timeout", "error", "by-hand", "drift", "damaged", "not-fitting", "window-full", "too-large", "new", "one-only", "conflict", "rolled-back", "partner-rolled-back",
	"ack-late", "copies-again", "clock-skew",
	"not-negotiating", "flapping",
}

// String is one word, the same in log, metrics, status and answers.
func (r Reason) String() string {
	if int(r) < len(reasons) {
		return reasons[r]
	}
	return "unknown"
}
