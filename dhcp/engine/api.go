package engine

import (
	"time"

	"loadshare/dhcp/failover"
	"loadshare/dhcp/lease"
	"loadshare/dhcp/names"
	"loadshare/dhcp/packet"
	"loadshare/dhcp/scope"
)

// Config is what the machine is told of the configuration.
type Config struct {
	Scopes        *scope.Table
	Pairs         []failover.Config // without Pools: those are made of the scopes
	Names         names.Config
	Authoritative bool          // a client that asks for an address of another network is told NAK though nothing is known of it
	OfferHold     time.Duration // how long an offered address is kept
	PingTimeout   time.Duration
	OrphanTime    time.Duration // decision D-h
}

// Start is what New finds on disk.
type Start struct {
	Store      uint64 // identity of the store
	Boot       uint64
	Seq        uint64
	LastCommit int64
	Leases     []lease.Lease
	Saved      map[string]failover.Saved // by the name of the pair
}

// Input is one of the types below.
type Input interface{ input() }

// The inputs.
type (
	// Heard is a client's message. Packet is the machine's from now on.
	Heard struct {
		Packet *packet.Packet
		From   packet.Arrival
	}
	// Probed is the answer to Output.Probes.
	Probed struct {
		IP    lease.IP
		InUse bool
	}
	// Durable says that everything through Batch is on disk.
	Durable struct{ Batch, Seq uint64 }
	// Pair is for the endpoint of that name.
	Pair struct {
		Name  string
		Input failover.Input // but not Tick, Durable, Committed: the machine makes those itself
	}
	// Named is what became of a job of DNS: done, or given up.
	Named struct {
		Job  names.Job
		Done bool
	}
	// FreeLease is the operator's `lease release`.
	FreeLease struct {
		ID uint64
		IP lease.IP
	}
	Reconfigure struct{ Config Config }
	// Unwell says that the store cannot write; with an empty Why it can again.
	Unwell struct{ Why string }
	Tick   struct{}
)

func (Heard) input()       {}
func (Probed) input()      {}
func (Durable) input()     {}
func (Pair) input()        {}
func (Named) input()       {}
func (FreeLease) input()   {}
func (Reconfigure) input() {}
func (Unwell) input()      {}
func (Tick) input()        {}

// Output is what must be done, in the order of its fields. The slices are valid until the next Step.
type Output struct {
	Write   Write         // to disk, after what came before; when it is durable, Durable with its Batch is due
	Replies []Reply       // at once: those that promise something come in the Output of the Durable that they waited for
	Pairs   []PairOutput  // at once
	Probes  []Probe       // one echo or ARP request each; Probed is due within Config.PingTimeout
	Jobs    []names.Job   // for DNS; durable by now
	Answers []Answer      // to operators
	Notes   []Note        // for the log, the counters and the alarms
	Next    time.Duration // when Tick is due at the latest, on the monotonic clock; 0: no time
}

// Write is one atomic write; a zero Batch is none.
type Write struct {
	Batch   uint64
	Leases  []lease.Lease
	Saved   []PairSaved
	History []Event
	Jobs    []names.Job // to keep until Named
	Done    []uint64    // IDs of jobs to forget
}

// PairSaved is an endpoint's state to keep.
type PairSaved struct {
	Name  string
	Saved failover.Saved
}

// Reply is a message to send.
type Reply struct {
	Packet *packet.Packet
	To     packet.Destination
	Room   int // octets that the client takes
}

// PairOutput is what an endpoint wants: Send, Close, Dial, Conflicts, Replies, Notes, Stopped of its Output.
type PairOutput struct {
	Name   string
	Output failover.Output
}

// Probe asks whether somebody uses the address.
type Probe struct {
	IP        lease.IP
	Interface string // ARP is possible there; "": echo only
}

// Answer is for FreeLease; Refused is why not; "": done.
type Answer struct {
	ID      uint64
	Refused string
}

// Event is a line of lease history.
type Event struct {
	At     int64
	What   Reason
	Lease  lease.Lease
	Client lease.Client // who asked
}

// Reason is why something was done, or not.
type Reason uint8

// Note is for people.
type Note struct {
	Reason Reason
	IP     lease.IP
	Client lease.Client
	Scope  string
	Relay  lease.IP
	Text   string
}

// Machine is the DHCP server's decisions. It is not for several goroutines at once.
type Machine struct{}

// New starts from what is on disk.
func New(now failover.Now, c Config, s Start) (*Machine, error) { return &Machine{}, nil }

// Step takes one input.
func (m *Machine) Step(now failover.Now, in Input) *Output { return &Output{} }
