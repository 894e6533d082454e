package order

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// PoolID names one record set that a monitor looks after: the owner name in
// lower case without final dot, a slash, the type. "www.mydomain.com/A".
// A pool with A and AAAA members is two pools here (contract: the floor and
// "never empty" count per record type).
type PoolID string

// NewPoolID builds the id of a pool from a record name in any case, with or
// without final dot, and its type.
func NewPoolID(name string, t RRType) PoolID {
	return PoolID(strings.ToLower(strings.TrimSuffix(name, ".")) + "/" + string(t))
}

// Name is the owner name, lower case, without final dot.
func (p PoolID) Name() string { n, _, _ := strings.Cut(string(p), "/"); return n }

// Type is the record type.
func (p PoolID) Type() RRType { _, t, _ := strings.Cut(string(p), "/"); return RRType(t) }

// RRType is a record type that can be shared: A, AAAA, MX or SRV (decision M7).
type RRType string

// The types that monitors order and normal-dns may list.
const (
	A    RRType = "A"
	AAAA RRType = "AAAA"
	MX   RRType = "MX"
	SRV  RRType = "SRV"
)

// Stamp says which decision something comes from. Stamps of one pool are
// totally ordered by [Stamp.Compare]; the greater one wins everywhere: in the
// agent, in its queue and, as the generation record, in the DNS server itself.
// The zero Stamp is older than any other and means "no decision yet".
type Stamp struct {
	// Epoch grows each time a monitor takes a pool over: it starts above
	// every epoch that the agents report (M1).
	Epoch uint64 `json:"epoch"`
	// Generation grows with each decision inside an epoch.
	Generation uint64 `json:"generation"`
	// Monitor is the id of the monitor that decided. It only breaks ties.
	Monitor string `json:"monitor"`
}

// Compare orders stamps by epoch, then generation, then monitor id.
func (s Stamp) Compare(t Stamp) int {
	return cmp.Or(cmp.Compare(s.Epoch, t.Epoch), cmp.Compare(s.Generation, t.Generation), cmp.Compare(s.Monitor, t.Monitor))
}

// Newer reports whether s is from a later decision than t.
func (s Stamp) Newer(t Stamp) bool { return s.Compare(t) > 0 }

// IsZero reports whether s stands for "no decision yet".
func (s Stamp) IsZero() bool { return s == Stamp{} }

// RecordSet is the whole content of one name and type.
type RecordSet struct {
	// Name is the owner, lower case, without final dot.
	Name string `json:"name"`
	Type RRType `json:"type"`
	// TTL is in seconds.
	TTL uint32 `json:"ttl"`
	// Values are rdata in presentation form, canonical (see [CanonicalValue]),
	// sorted, without duplicates: "192.168.0.1", "2001:db8::5",
	// "10 node1.mydomain.com".
	Values []string `json:"values"`
}

// Normalize returns the set with its name, values and their order made canonical.
func (r RecordSet) Normalize() RecordSet {
	r.Name = strings.ToLower(strings.TrimSuffix(r.Name, "."))
	vals := make([]string, 0, len(r.Values))
	for _, v := range r.Values {
		vals = append(vals, CanonicalValue(r.Type, v))
	}
	slices.Sort(vals)
	r.Values = slices.Compact(vals)
	return r
}

// Equal reports whether two normalized sets hold the same records, TTL included.
func (r RecordSet) Equal(o RecordSet) bool {
	return r.Name == o.Name && r.Type == o.Type && r.TTL == o.TTL && slices.Equal(r.Values, o.Values)
}

// CanonicalValue gives one rdata its only spelling: addresses as netip prints
// them (4-in-6 unmapped), names in lower case without final dot, one space
// between fields. A value that does not parse comes back trimmed.
func CanonicalValue(t RRType, v string) string {
	f := strings.Fields(v)
	switch t {
	case A, AAAA:
		if a, err := netip.ParseAddr(strings.TrimSpace(v)); err == nil {
			return a.Unmap().String()
		}
	case MX, SRV:
		if n := len(f); n > 0 {
			f[n-1] = strings.ToLower(strings.TrimSuffix(f[n-1], "."))
		}
	}
	return strings.Join(f, " ")
}

// Publish orders one record set to be made true on every DNS server the agent
// publishes to. It is complete: the values not named are not wanted, except
// strays the agent is told to leave (M3) and values that only its normal-dns
// file lists (M5).
type Publish struct {
	// ID is unique per order and monitor; a repeated order has the same one.
	ID    string `json:"id"`
	Pool  PoolID `json:"pool"`
	Stamp Stamp  `json:"stamp"`
	// Zone overrides the search for the zone by SOA queries (M12); else "".
	Zone string    `json:"zone,omitempty"`
	Want RecordSet `json:"want"`
	// Members are all values that members of the pool may have, up or down.
	// Anything else in DNS is a stray or known from normal-dns.
	Members []string `json:"members"`
	// AllowEmpty lets the set become empty: only with on_all_down = "none".
	AllowEmpty bool `json:"allow_empty,omitempty"`
	// Reason and Cause say why, for the agent's log and mail.
	Reason Reason `json:"reason"`
	Cause  string `json:"cause,omitempty"`
	// DecidedAt is the monitor's wall clock.
	DecidedAt time.Time `json:"decided_at"`
}

// Restart orders one service of the agent's own allow-list to be restarted.
// It names the service and nothing else: no command ever comes from the wire.
type Restart struct {
	ID      string `json:"id"`
	Pool    PoolID `json:"pool"`
	Stamp   Stamp  `json:"stamp"`
	Service string `json:"service"`
	// Member is the pool member's value, for the evidence and the mail.
	Member string `json:"member"`
	Reason Reason `json:"reason"`
	Cause  string `json:"cause,omitempty"`
	// NotAfter is when the order has lost its sense (monitor's wall clock
	// plus its validity); an agent that reads it later refuses it as stale.
	NotAfter time.Time `json:"not_after"`
}

// Hook tells the agent of a node that a member went down or came up, so that it
// runs the on_down or on_up command of its own configuration, if any (M8).
type Hook struct {
	ID      string `json:"id"`
	Pool    PoolID `json:"pool"`
	Stamp   Stamp  `json:"stamp"`
	Service string `json:"service"`
	Member  string `json:"member"`
	Up      bool   `json:"up"`
	Reason  Reason `json:"reason"`
}
