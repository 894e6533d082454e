package haserver

// Reason is why an update was taken or not. It goes to the log, to the metric updates_total and to the client as an Extended DNS Error.
type Reason uint8

const (
	Applied      Reason = iota // the zone changed
	Unchanged                  // legal, and the zone was like that already
	Malformed                  // does not parse (RFC 2136, 3.1)
	BadTSIG                    // RFC 8945, 5.2
	NotOurZone                 // RFC 2136, 3.1.2
	NotAccepting               // this server may not change the zone now
	NoGrant                    // the client has no right to the zone
	PrereqFailed               // RFC 2136, 3.2
	NoGrantSet                 // the client's rights do not reach a record
	BadUpdate                  // RFC 2136, 3.4.1
	StorageError               // the change could not be made durable
	TooMany                    // too many updates wait already
	AtPartner                  // the partner takes the updates now (decision H-f)
	OneCopy                    // there is no second copy, and one is not enough (decision H-a)
	reasonCount  = int(iota)
)

var reasonNames = [reasonCount]string{
	"applied", "unchanged", "malformed", "bad-tsig", "not-our-zone", "not-accepting", "no-grant",
	"prerequisite-failed", "no-grant-for-record", "bad-update", "storage-error", "too-many", "at-partner", "one-copy",
}

// String is the reason as metrics and logs have it.
func (r Reason) String() string {
	if int(r) < len(reasonNames) {
		return reasonNames[r]
	}
	return "unknown"
}
