package events

import (
	"encoding/json"
	"slices"
	"time"
)

// Kind says what an event is about.
type Kind string

// The kinds of events. A role may use others; these are the words that `pool why` knows.
const (
	Member   Kind = "member"   // a member changed its state: From, To, Reason
	Publish  Kind = "publish"  // a record set was ordered, written, confirmed or refused
	Restart  Kind = "restart"  // a service was restarted, or could not be
	Guard    Kind = "guard"    // a guard held something back or let it go
	Lease    Kind = "lease"    // which monitor a pool obeys
	Operator Kind = "operator" // somebody typed something: drain, undrain, normal-dns apply
	Drift    Kind = "drift"    // DNS did not answer what was decided
	Stray    Kind = "stray"    // an address nobody configured was found or removed
	Config   Kind = "config"   // the configuration was read again
	Alert    Kind = "alert"    // somebody was told
	Process  Kind = "process"  // the role started or stopped
)

// Event is one thing that happened. Fields that do not apply are empty.
type Event struct {
	// Seq is the place in the log, from 1; given by Append.
	Seq uint64 `json:"seq"`
	// At is wall time; Append fills in the present when it is zero.
	At   time.Time `json:"at"`
	Kind Kind      `json:"kind"`
	// Pool is a record name with its type ("www.mydomain.com/A"), Member an address or target, Check the name of a check.
	Pool   string `json:"pool,omitempty"`
	Member string `json:"member,omitempty"`
	Check  string `json:"check,omitempty"`
	// From and To are states, of a member for instance.
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
	// Reason is the enumerated word that the decision carried.
	Reason string `json:"reason,omitempty"`
	// Text is one sentence for a person.
	Text string `json:"text,omitempty"`
	// Order is the id of the order this belongs to.
	Order string `json:"order,omitempty"`
	// Data holds what else is worth keeping, such as evidence.
	Data map[string]string `json:"data,omitempty"`
	// Incident ties events and mail of one incident together.
	Incident string `json:"incident,omitempty"`
}

// Filter chooses events. The zero value chooses all; each field that is set narrows the choice.
type Filter struct {
	Pool, Member string
	Incident     string
	// Since is the first moment chosen, Until the first one not chosen.
	Since, Until time.Time
	Kinds        []Kind
}

// Match reports whether f chooses e.
func (f Filter) Match(e Event) bool {
	switch {
	case f.Pool != "" && f.Pool != e.Pool,
		f.Member != "" && f.Member != e.Member,
		f.Incident != "" && f.Incident != e.Incident,
		!f.Since.IsZero() && e.At.Before(f.Since),
		!f.Until.IsZero() && !e.At.Before(f.Until),
		len(f.Kinds) > 0 && !slices.Contains(f.Kinds, e.Kind):
		return false
	}
	return true
}

// needles are octets that every stored event chosen by f holds: most others are passed over unread.
func (f Filter) needles() [][]byte {
	var out [][]byte
	for _, word := range []string{f.Pool, f.Member, f.Incident} {
		if word == "" {
			continue
		}
		if text, err := json.Marshal(word); err == nil {
			out = append(out, text)
		}
	}
	return out
}
