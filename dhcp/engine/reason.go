package engine

// Reason is why something was done, or not: for the log, the counters, history and the alarms. Tests compare it.
type Reason uint8

// The reasons. Of the first group Event.What is one: their numbers are on disk and never change.
const (
	Granted   Reason = iota + 1 // a client has it, that had it not
	Renewed                     //
	Expired                     // its time was over
	Released                    // by the client
	Declined                    // the client found somebody on it
	Answered                    // a probe was answered
	Cleared                     // by an operator
	Forgotten                   // an orphan whose time is over (decision D-h)
	ByPartner                   // the partner's update

	// A reply was sent.
	Offered
	Acknowledged
	Refused // NAK; Text says why
	Informed
	Queried // leasequery answered

	// A message was not answered.
	NoScope        // no network of ours
	NoIdentity     // neither client identifier nor hardware address
	NotForUs       // a reply, or of a type that servers do not take
	OtherServer    // names another server, which is no partner
	DeniedClient   // by configuration
	NotAdmitted    // no scope of the link admits the client's classes
	PoolEmpty      // nothing left
	UnknownClient  // asks for an address of which nothing is known, and this server is not authoritative
	TooMany        // new clients behind that port
	OffersFull     //
	StoreUnwell    // the disk cannot write
	DiskBehind     // too many acknowledgements wait for it
	ClockDoubted   // decision D-g
	Probing        // the answer comes after the probe
	ProbedTooOften // several addresses answered in a row
	NotServing     // the pair's state
	PartnersClient // the partner answers it
	PartnersOffer  // the client chose the partner
	PartnersLease  // only the partner can say whether the address is the client's
	QueryRefused   // leasequery by one that may not
	BOOTPRefused   //
	Overtaken      // the lease changed hands before the acknowledgement could leave
	SecondTryLimit // too many second tries of the partner's clients

	// Of Refused, and of notes.
	WrongNetwork     // the client is on another network now
	AnotherHasIt     //
	NotAvailable     // cannot be given now
	ReservedForOther // its address is another client's by reservation
	ReservedElse     // it has a reservation, of another address
	ReservedInUse    // its reservation's address is in another client's hands

	// Alarms and states.
	ClockStepped
	ClockAgreed
	MassExpiry // more than 5 % of the active leases are due at once
	NewRelay
	Orphaned // a scope is gone from the configuration, its leases are kept
	Swept    //
	JobGivenUp
	NotReloaded
	NotFromHolder     // a RELEASE that was sent from elsewhere than the address that it gives back
	TakenBack         // an offer that was not taken up: the pool had nothing else
	PairOver          // one that was taken out of the configuration: nothing of it is left
	reasonCount   int = iota + 1
)

var reasonNames = [reasonCount]string{
	"", "granted", "renewed", "expired", "released", "declined", "answered", "cleared", "forgotten", "by partner",
	"offered", "acknowledged", "refused", "informed", "queried",
	"no scope", "no identity", "not for us", "other server", "denied client", "not admitted", "pool empty", "unknown client", "too many",
	"offers full", "store unwell", "disk behind", "clock doubted", "probing", "probed too often", "not serving", "partner's client", "client chose the partner",
	"partner's lease", "query refused", "bootp refused", "overtaken", "too many second tries",
	"wrong network", "another client has it", "not available", "reserved for another client", "reserved another address", "reserved address in use",
	"clock stepped", "clock agreed", "mass expiry", "new relay", "orphaned", "swept", "name given up", "not reloaded", "not sent by the holder", "offer taken back", "pair over",
}

// String is a few words.
func (r Reason) String() string {
	if int(r) < len(reasonNames) && r > 0 {
		return reasonNames[r]
	}
	return "unknown"
}
