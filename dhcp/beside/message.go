package beside

import (
	"hash/fnv"

	"loadshare/dhcp/lease"
)

// kind is the type of a frame.
type kind uint8

const (
	kindTold kind = iota + 1
	kindRelays
	kindWaiting
	kindServed
	kindOutage
	kindDigest
	kindWant
	kindSummary
)

// The bounds of what is told and kept.
const (
	MaxFrame   = 16 << 10 // octets of a frame
	maxRelays  = 4096
	maxWaiting = 512
	maxOutage  = 512
	maxOptions = 128
	maxSummary = 4 << 20 // octets of a configuration in words
	maxText    = 255
)

// clientHash stands for a client in Served and Told; both sides make it alike.
func clientHash(c lease.Client) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(c.Key()))
	return h.Sum64()
}

// told is what one server told a client, or would have, in digests.
type told struct {
	key     uint64 // client, transaction and type of its message
	served  bool
	scope   string
	classes uint32
	seconds uint32
	options []optionDigest // by code, ascending
}

type optionDigest struct {
	code   uint8
	digest uint32
}

// relayAgo is a relay, and how long ago it was heard, in seconds.
type relayAgo struct {
	ip  lease.IP
	ago uint32
}

// relayFrame is a part of the list of relays. listening is for how many seconds the sender has heard whatever came.
type relayFrame struct {
	first     bool
	listening uint32
	list      []relayAgo
}

// waitingFrame is a part of the list of clients that wait.
type waitingFrame struct {
	first bool
	list  []Waiter
}

// servedOne is a client that was acknowledged so many seconds ago.
type servedOne struct {
	client uint64
	ago    uint32
}

// outageFrame is a part of what an outage did; the outage ended when contact was made.
type outageFrame struct {
	first  bool
	lasted uint32
	list   []Affected
}

// summaryFrame is a piece of a configuration in words.
type summaryFrame struct {
	digest [32]byte
	at     uint32 // where in the whole the piece belongs
	whole  uint32 // octets
	piece  []byte
}

type (
	toldFrame   struct{ list []told }
	servedFrame struct{ list []servedOne }
	digestFrame struct{ digest [32]byte }
	wantFrame   struct{ digest [32]byte } // of what is wanted
)
