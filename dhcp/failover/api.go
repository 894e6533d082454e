package failover

import (
	"time"

	"loadshare/dhcp/failover/wire"
	"loadshare/dhcp/lease"
)

// Role is which of the two a server is. The main is the draft's primary.
type Role uint8

// The roles.
const (
	Main Role = iota + 1
	Backup
)

// String is the word of the configuration.
func (r Role) String() string {
	if r == Main || r == Backup {
		return [...]string{"main", "backup"}[r-1]
	}
	return "no role"
}

// share is the state of the addresses that the role gives.
func (r Role) share() lease.State {
	if r == Main {
		return lease.Free
	}
	return lease.Backup
}

// Now is a moment on both clocks of a host.
type Now struct {
	Mono time.Duration // since any start; never goes back
	Wall int64         // seconds since 1970; may jump
}

// Config is what the machine is told of the configuration. All fields but SafePeriod and Fast are needed.
type Config struct {
	Name         string // of the relationship; the same on both
	Role         Role
	ISC          bool  // the partner is an ISC dhcpd (link = "draft")
	MCLT         int64 // seconds; the main's is in force on both (checklist D30)
	PollInterval time.Duration
	PollTimeout  time.Duration // silence after which the connection is given up; whole seconds
	Fast         time.Duration // a partner of ours that vanished is replaced within it (decision D-c): see quietAfter; 0: PollTimeout
	MaxUnacked   int
	SafePeriod   time.Duration // 0: never by itself to partner-down (checklist D34)
	Balancing    bool          // by hash (checklist D41)
	SecondTry    bool          // serve the partner's clients at their second try with an ISC partner too (decision D-f)
	Pools        []Pool
	Vendor       string // vendor class that is sent; "" is loadshare
	Gone         bool   // it is not configured any more: nobody is connected to, see gone.go
}

// Saved is what an endpoint must know after a restart, beside the leases. The zero value is a relationship that never was.
type Saved struct {
	State     wire.EndpointState // 0: none yet
	Since     int64
	Why       Reason
	Before    wire.EndpointState // of Paused: what it was
	Peer      wire.EndpointState // what the partner said last; 0: nothing ever
	PeerSince int64
	MCLT      int64 // the main's, as the backup has it on disk; 0: not yet
	LongMCLT  int64 // a longer one of before: leases may be as long as it allowed; 0: none
	Buckets   Buckets
	Assigned  bool  // Buckets came from the main
	Down      int64 // of PartnerDown: since when the partner is said to be down
	Met       bool  // of PartnerDown: the partner has been heard since
	Parted    int64 // when contact was lost
	FailedAt  int64 // of Recover and RecoverWait: when this server served last; the wait is MCLT from then
	Lost      bool  // of Recover: what is on disk is not to be believed; the partner's word stands
	Fresh     bool  // of Recover: this store has no past at all
	HoldUntil int64 // an ISC partner lost its leases: what it gives us before is held until then
	Skew      int64 // seconds between the clocks, either way, as measured last
	Paired    bool  // the two have been in normal together
	// ForgotAt is when one of the two had lost its leases (0: never). It may have renewed leases that began before without the other's
	// knowledge: when they end, their addresses are held as long as it may have promised.
	ForgotAt  int64
	PeerStore uint64
	PeerSeq   uint64
}

// Start is what New finds.
type Start struct {
	Saved      Saved
	Store      uint64 // identity of the store; not 0
	Boot       uint64 // one more at each opening
	Seq        uint64 // last durable change of the store
	LastCommit int64  // when that was; 0: unknown
	HasLeases  bool   // some address was a client's once
	OtherRole  bool   // the configuration had the other role when the store was closed
}

// Table is the engine's table of leases, as one relationship sees it. The machine only reads, within Step; what it changes is in
// Output.Leases, and must be in the table before the next Step.
type Table interface {
	// Get is the address; false when it is not in this relationship. An address that was never used is Free.
	Get(lease.IP) (lease.Lease, bool)
	// Settled says that what Get returns is on disk.
	Settled(lease.IP) bool
	// Next is the first address above ip that has a record, in any pool or reserved; never used ones may be left out.
	Next(ip lease.IP) (lease.Lease, bool)
}

// Counter is a Table that knows the shares of a pool without looking at each address. Reserved addresses do not count.
type Counter interface {
	Shares(pool string) (s Shares, ok bool)
}

// Input is one of the types below.
type Input interface{ input() }

// The inputs.
type (
	// Tick is time passing: due at Output.Next, or earlier.
	Tick struct{}
	// Connected is a new connection with the partner's address. Sessions count up from 1. Between two of ours both have proved who
	// they are.
	Connected struct {
		Session uint64
		Dialled bool // by us
	}
	// Lost is the end of a connection, or one that said what does not decode.
	Lost struct{ Session uint64 }
	// DialFailed answers Output.Dial. It says nothing of a connection that is in use: the attempt is of before it, or was made beside it
	// because it is silent.
	DialFailed struct{}
	// Received is a message of the partner.
	Received struct {
		Session uint64
		Message wire.Message
	}
	// Durable says that everything through Batch is on disk; Seq is the store's last durable change.
	Durable struct{ Batch, Seq uint64 }
	// Committed names addresses that the engine has changed, with Owed set, once that is on disk.
	Committed struct {
		IPs []lease.IP
		Seq uint64
	}
	// Unwell says that the server cannot serve (disk full, failed fsync); with an empty Why it can again (decision H-i).
	Unwell struct{ Why string }
	// Operate is an operator's command; the answer is in Output.Replies under ID.
	Operate struct {
		ID      uint64
		Command Command
		At      int64 // SetPartnerDown: since when (0: now); RecoverFrom: when this server served last (0: now)
		Force   bool  // expert: any date; there is no partner yet; RecoverFrom: also when nobody would serve
		Words   string
	}
	// Reconfigure is a reload. Role, Name and ISC stay.
	Reconfigure struct{ Config Config }
	// Stop is SIGTERM: the connection is closed, the partner goes on alone, both return to normal (decision D-d).
	Stop struct{}
)

func (Tick) input()        {}
func (Connected) input()   {}
func (Lost) input()        {}
func (DialFailed) input()  {}
func (Received) input()    {}
func (Durable) input()     {}
func (Committed) input()   {}
func (Unwell) input()      {}
func (Operate) input()     {}
func (Reconfigure) input() {}
func (Stop) input()        {}

// Command is what an operator may ask.
type Command uint8

// The commands.
const (
	SetPartnerDown Command = iota + 1 // checklist D35
	RecoverFrom                       // decision D-d: recover --at
	Maintain                          // say SHUTDOWN; the partner goes to partner-down; when this server starts again it recovers
	Pause                             // say PAUSED
	Resume                            // end of Pause
	Rebalance
)

// Output is what must be done, in the order of its fields. The slices are valid until the next Step.
type Output struct {
	// Leases and Saved go into the table at once, and to disk together, whole or not at all, after what came before. When they are
	// durable, Durable with Batch (or a later number) is due. Nothing else in Output waits for it.
	Leases []lease.Lease
	Saved  *Saved
	Batch  uint64 // 0: nothing to write
	// Send goes out, in order. What waited for a disk comes in a later Output.
	Send []Send
	// Close ends connections, after what is to be sent on them.
	Close []uint64
	// Dial asks for one attempt to connect, also beside a connection that has fallen silent: Connected or DialFailed is due.
	Dial      bool
	Conflicts []TwoHolders
	Replies   []Reply
	Notes     []Note
	Next      time.Duration // when Tick is due at the latest; 0: no time
	Stopped   bool          // after Stop, or Maintain once the partner serves alone
}

// Send is a message and its connection.
type Send struct {
	Session uint64
	Message wire.Message
}

// TwoHolders is an address that both partners gave. It is resolved; people must be told (decision D-a).
type TwoHolders struct {
	IP         lease.IP
	Kept, Lost lease.Client
	KeptUntil  int64
	LostUntil  int64 // the address is held at least as long
}

// Reply is the answer to Operate; Refused is why not, for the operator; "": it is done.
type Reply struct {
	ID      uint64
	Refused string
}

// Note is for the log, the counters and the alarms.
type Note struct {
	Reason   Reason
	From, To wire.EndpointState // of a change of state; else equal
	Peer     wire.EndpointState
	IP       lease.IP
	Reject   wire.Reject
	Count    int
	Text     string
}
