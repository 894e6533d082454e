package plan

// Reason says why the plan did, or did not do, something. It is for the log and
// the metric labels.
type Reason string

// The reasons.
const (
	LeaseTaken    Reason = "lease-taken"    // a monitor got a free lease
	LeaseLapsed   Reason = "lease-lapsed"   // the holder did not renew in time
	LeaseRefused  Reason = "lease-refused"  // another monitor holds it
	OrderTaken    Reason = "order-taken"    // durable and begun
	OrderRefused  Reason = "order-refused"  // see the refusal in Text
	OrderRepeated Reason = "order-repeated" // the same order again: nothing to do twice
	Superseded    Reason = "superseded"     // a newer order of the pool replaced a job
	ReadFailed    Reason = "read-failed"
	WriteSent     Reason = "write-sent"
	WriteFailed   Reason = "write-failed"
	ChangedUnder  Reason = "changed-meanwhile" // prerequisite failed: read again, decide again
	NotConfirmed  Reason = "not-confirmed"     // waits for the holder to confirm the stamp (M2)
	StaleInDNS    Reason = "stale-in-dns"      // the server holds a newer generation
	Answers       Reason = "answers"           // asked, and it answers as wanted
	AlreadyThere  Reason = "already-as-wanted"
	StraysKept    Reason = "strays-kept"
	StraysRemoved Reason = "strays-removed"
	OrderEnded    Reason = "order-ended" // as M5 says
	Frozen        Reason = "frozen"      // no monitor speaks
	Thawed        Reason = "thawed"
)

// String is the reason's word.
func (r Reason) String() string { return string(r) }
