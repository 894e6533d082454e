package failover

// Reason is why something happened: for the log, the counters, status and the alarms. Tests compare it.
type Reason uint8

// The reasons.
const (
	Started          Reason = iota + 1
	NoPast                  // empty state directory: nothing was ever here (decision D-l)
	ServedAlone             // a main with leases from the time before it had a partner (decision D-l)
	StartupOver             // the partner was not heard while starting
	ContactMade             // the partner's state was heard
	ContactLost             // the connection ended
	Silence                 // nothing heard in time; the connection may still be there
	PartnerState            // the partner said its state
	PartnerStopped          // it said that it shuts down
	SafePeriodOver          // decision D-a: nobody knows whether the partner is down
	ByOperator              //
	UpdatesReceived         // UPDDONE
	WaitOver                // the MCLT is over
	NothingToWaitFor        // neither has a past
	RolledBack              // the partner has seen more of us than we have (decision H-h)
	DatabaseLost            // the partner knows another store of ours
	OutOfDate               // the partner was in partner-down after our last change
	Conflict                // both served without the other
	Unfit                   // the disk (decision H-i)
	Fit                     //
	Stopping                //

	ConnectRefused // by the partner, with its reason
	RefusedConnect // by us
	Disconnected   // the partner said why
	Protocol       // the partner said what it must not
	TwoServers     // both have the same role
	PeerLostStore  // the partner came with a new store
	PeerMCLT       // the backup's configuration has another MCLT than the main
	UpdateRefused  // the partner refused one of our updates
	RefusedUpdate  // we refused one of the partner's
	TwoClients     // one address, two clients
	Balanced       //
	PoolAsked      //

	// Of May and Serve.
	NotServing       // not in this state
	Mine             // own share, own client, or nobody else
	Renewal          // its client's lease
	PartnersShare    // and not, or not yet, ours
	PartnersClient   // the partner answers this client
	PartnersOffer    // the client chose the partner
	SecondTry        // the partner seems not to answer (decision D-f)
	AnotherClient    // has it
	PartnerMustKnow  // expired or released, and not confirmed
	HeldBack         // another client may believe that it has it
	AbandonedAddress //

	TakenAway // the main's configuration has the relationship no longer: its backup was stopped (checklist D44)
	OtherRole // the configuration has another role than before: the partner may still have this one
)

var reasonNames = [...]string{"", "started", "no past", "served alone", "startup over", "contact made", "contact lost", "silence", "partner's state",
	"partner stopped", "safe period over", "by operator", "updates received", "wait over", "nothing to wait for", "rolled back",
	"database lost", "out of date", "conflict", "unfit", "fit", "stopping", "connection refused by the partner",
	"connection refused", "disconnected by the partner", "protocol error of the partner", "two servers of one role",
	"partner has a new store", "partner has another mclt", "partner refused an update", "update of the partner refused",
	"one address, two clients", "balanced", "pool request", "not serving", "mine", "renewal", "partner's share",
	"partner's client", "client chose the partner", "second try", "another client has it", "the partner must know first",
	"another client may believe that it has it", "abandoned", "taken out of the configuration", "the configuration has another role"}

// String is a few words.
func (r Reason) String() string {
	if int(r) < len(reasonNames) && r > 0 {
		return reasonNames[r]
	}
	return "unknown"
}
