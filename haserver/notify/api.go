package notify

import (
	"net/netip"
	"time"

	"loadshare/haserver/zone"
)

// Config is how often is told. Every field must be set; Defaults has good values.
type Config struct {
	Gap       time.Duration // between two messages to one secondary about one zone while changes go on
	Retry     time.Duration // until the first repetition; then twice as long each time
	RetryMax  time.Duration // the longest of them
	Tries     int           // messages by UDP, after which one by TCP follows, until the secondary is taken to be away
	Remind    time.Duration // between messages to one that is away, or was told and is still behind
	Grace     time.Duration // from a question for the SOA until it counts as "needs no transfer"
	Burst     int           // messages in Pace, over all secondaries
	Pace      time.Duration
	Addresses int // secondaries of one zone; more are left out
}

// Defaults are: the first repetition after a second, away after six messages in about a minute, 1600 messages a second at most.
var Defaults = Config{
	Gap: 500 * time.Millisecond, Retry: time.Second, RetryMax: time.Minute, Tries: 6, Remind: 5 * time.Minute,
	Grace: 5 * time.Second, Burst: 32, Pace: 20 * time.Millisecond, Addresses: 64,
}

// Input is one of the types below.
type Input interface{ input() }

// Tick is time passing: due at Output.Next, or earlier.
type Tick struct{}

// Zone is what is visible of a zone and who is to know. A secondary that was not there before is told like all are at the start
// of the server: when there is room, once. Silent: nothing is sent while the zone is brought in line with the partner (checklist H20).
type Zone struct {
	Name        string // zone.Name.Key
	Serial      uint32
	Secondaries []netip.AddrPort
	Silent      bool
}

// Gone is a zone that is not served any more.
type Gone struct{ Name string }

// Answer is a response with opcode NOTIFY.
type Answer struct {
	From  netip.AddrPort
	ID    uint16
	Rcode zone.Rcode
}

// Unsent says that a Send could not be carried out. It is tried again like one that was not answered.
type Unsent struct {
	To  netip.AddrPort
	ID  uint16
	Why string
}

// Seen is what a secondary was seen doing. It counts for all secondaries of the zone with that address.
type Seen struct {
	Zone   string
	From   netip.Addr
	Sign   Sign
	Serial uint32 // of Asked and Took the one we gave; of Named the one it has
	Why    string // of Refused
}

// Sign is a kind of Seen.
type Sign uint8

// The signs.
const (
	Asked   Sign = iota + 1 // the SOA was asked for, and answered
	Named                   // IXFR was asked for
	Whole                   // AXFR was asked for
	Took                    // a transfer ended well
	Refused                 // a transfer was refused or broke
)

// Reconfigure is a reload.
type Reconfigure struct{ Config Config }

func (Tick) input()        {}
func (Zone) input()        {}
func (Gone) input()        {}
func (Answer) input()      {}
func (Unsent) input()      {}
func (Seen) input()        {}
func (Reconfigure) input() {}

// Output is what must be done. The slices are valid until the next Step.
type Output struct {
	Send   []Send
	Events []Event
	Next   time.Duration // when Tick is due at the latest; 0: no time
	// Moved: what Machine.Addresses gives has changed.
	Moved bool
}

// Send is one message: opcode NOTIFY, the SOA of Zone as question and, as it is now, as answer.
type Send struct {
	Zone string
	To   netip.AddrPort
	ID   uint16
	TCP  bool // by TCP, since messages by UDP stay without an answer (RFC 1996, 3.5: sent once)
}

// Event is for the counters and the log.
type Event struct {
	What  What
	Zone  string
	To    netip.AddrPort
	Rcode zone.Rcode // of Declined
	Why   string     // of NotSent
	Tries int        // of Answered, Declined and Away: messages since the answer before
}

// What is a kind of Event.
type What uint8

// The events.
const (
	Sent     What = iota + 1 // a message goes out
	Answered                 // and was answered NOERROR, or NOTIMP: it is known, or will never be (RFC 1996, 3.6)
	Declined                 // and was answered with another code
	Silent                   // no answer came in time
	Away                     // nor did any to Config.Tries messages: told seldom from now on
	NotSent                  // the message could not be sent
	Stray                    // an answer that nobody waits for
	WhatCount
)

var whatNames = [WhatCount]string{"none", "sent", "answered", "declined", "silent", "away", "not-sent", "stray"}

// String is the event as metrics and logs have it.
func (w What) String() string {
	if w < WhatCount {
		return whatNames[w]
	}
	return "unknown"
}

// Evidence is how it is known what a secondary holds.
type Evidence uint8

// The kinds of evidence.
const (
	NotSeen       Evidence = iota // it is not known
	BySOA                         // it asked for the SOA and needed no transfer
	ByRequest                     // it named its serial in an IXFR request
	ByTransfer                    // it took a transfer
	evidenceCount = int(iota)
)

var evidenceNames = [evidenceCount]string{"", "soa-query", "ixfr-request", "transfer"}

// String is empty for NotSeen.
func (e Evidence) String() string {
	if int(e) < evidenceCount {
		return evidenceNames[e]
	}
	return "unknown"
}

// Secondary is one secondary of a zone as it is known. Moments are those of Step.
type Secondary struct {
	Address  netip.AddrPort
	Told     bool          // a message went out
	Notified uint32        // the serial of the last one
	Answered bool          // any message was
	At       time.Duration // when the last answer came
	Held     uint32        // what it holds, by Evidence
	Evidence Evidence
	Behind   uint32        // serials between Held and the zone's; 0 also when Evidence is NotSeen
	Current  bool          // it is known to hold the zone's serial, or a newer one
	Lag      time.Duration // for how long it has not been known to be current
	Tries    int           // messages since the last answer
	Trouble  string        // what went wrong last; empty when nothing did since
}
