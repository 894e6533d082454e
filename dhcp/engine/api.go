package engine

import (
	"time"

	"loadshare/dhcp/failover"
	"loadshare/dhcp/lease"
	"loadshare/dhcp/names"
	"loadshare/dhcp/option"
	"loadshare/dhcp/packet"
	"loadshare/dhcp/scope"
)

// Config is what the machine is told of the configuration. Zero durations and numbers are the defaults named at the field.
type Config struct {
	Scopes        *scope.Table
	Pairs         []failover.Config // without Pools: those are made of the scopes
	Names         names.Config
	Authoritative bool          // a client that asks for an address of another network is told NAK though nothing is known of it
	OfferHold     time.Duration // how long an offered address is kept; 30 s
	PingTimeout   time.Duration // 500 ms
	OrphanTime    time.Duration // decision D-h; 30 days
	UnservedAfter time.Duration // a client that waits so long is unserved (decision D-k); 10 s

	// PortBurst new clients, and PortRate a second after that, are served behind one port of a relay (option 82, circuit); 256 and 32.
	// RelayBurst and RelayRate are the same of a whole relay, and of all clients without one; 131,072 and 16,384.
	PortBurst, PortRate   int
	RelayBurst, RelayRate int
}

// Start is what New finds on disk.
type Start struct {
	Store      uint64 // identity of the store; not 0
	Boot       uint64 // one more at each opening
	Seq        uint64 // last durable change
	LastCommit int64  // when that was; 0: unknown
	Leases     []lease.Lease
	Saved      map[string]failover.Saved // by the name of the pair
	Shared     []Shared                  // which networks were whose
	Jobs       []names.Job               // not yet done: they come again in the first Output
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
	// Durable says that everything through Batch is on disk; Seq is the store's last durable change.
	Durable struct{ Batch, Seq uint64 }
	// Pair is for the endpoint of that name.
	Pair struct {
		Name  string
		Input failover.Input // but not Tick, Durable, Committed, Unwell, Reconfigure: the machine makes those itself
	}
	// Named is what became of a job of DNS: done, or given up.
	Named struct {
		Job  names.Job
		Done bool
	}
	// FreeLease is the operator's `lease release`. Sure: he knows that the client is gone; else the address is held until the client's
	// lease would have ended.
	FreeLease struct {
		ID   uint64
		IP   lease.IP
		Sure bool
	}
	// Reconfigure is a reload. Roles of pairs, and whether the partner is an ISC dhcpd, stay as they are.
	Reconfigure struct{ Config Config }
	// Unwell says that the store cannot write; with an empty Why it can again.
	Unwell struct{ Why string }
	// ClockSure says that the wall clock is right after all: NTP has set it, or the operator says so (decision D-g).
	ClockSure struct{}
	// Tick is time passing: due at Output.Next, or earlier. The first one is due at once after New.
	Tick struct{}
)

func (Heard) input()       {}
func (Probed) input()      {}
func (Durable) input()     {}
func (Pair) input()        {}
func (Named) input()       {}
func (FreeLease) input()   {}
func (Reconfigure) input() {}
func (Unwell) input()      {}
func (ClockSure) input()   {}
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
	Shadows []Shadow      // a sample of what clients were told, or would have been (decision D-j)
	Next    time.Duration // when Tick is due at the latest, on the monotonic clock; 0: no time
}

// Write is one atomic write; a zero Batch is none.
type Write struct {
	Batch   uint64
	Awaited bool // by a client, or it decides what the server may do: it is to be written at once; what is not may wait a little for more
	Leases  []lease.Lease
	Forget  []lease.IP // records to remove
	Saved   []PairSaved
	Shared  []Shared // one without networks is to be forgotten
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

// Note is for people.
type Note struct {
	Reason Reason
	IP     lease.IP
	Client lease.Client
	Scope  string
	Relay  lease.IP
	Text   string

	// Of TooMany: the port of the relay (option 82, circuit), or the interface where the broadcast was heard.
	Port, Interface string
}

// Shadow is what this server told a client, or would have told a client that its partner serves. Both partners sample the same
// messages, so the shell can compare the two (decision D-j).
type Shadow struct {
	Pair    string
	Client  lease.Client
	XID     uint32
	Type    packet.Type // of the client's message
	Served  bool
	Scope   string
	Classes []string
	Seconds uint32 // lease time by policy, before the failover's limit
	Options option.List
}
