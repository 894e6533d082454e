package dhcp

import (
	"time"

	"loadshare/dhcp/config"
)

// The requests of operators, besides GET /v1/status, GET /v1/ready and POST /v1/reload:
//
//	GET  /v1/dhcp-pair/status       ?pair=NAME (optional)                  -> PairList
//	POST /v1/dhcp-pair/partner-down PairOrder                              -> Done
//	POST /v1/dhcp-pair/recover      PairOrder                              -> Done
//	POST /v1/dhcp-pair/maintenance  PairOrder                              -> Done
//	POST /v1/dhcp-pair/pause        PairOrder                              -> Done
//	POST /v1/dhcp-pair/resume       PairOrder                              -> Done
//	POST /v1/dhcp-pair/rebalance    PairOrder                              -> Done
//	POST /v1/dhcp-pair/sync         SyncOrder                              -> SyncReport
//	GET  /v1/lease/list             ?scope= &state= &client= &after= &limit= -> LeaseList
//	GET  /v1/lease/show             ?address=                              -> LeaseStatus
//	POST /v1/lease/release          LeaseOrder                             -> Done
//	GET  /v1/lease/orphans          ?after= &limit=                        -> LeaseList
//	GET  /v1/lease/history          ?address= &client= &since= &until= &limit= -> History
//	POST /v1/clock/sure             ClockOrder                             -> Done
//	GET  /v1/client/why             ?client=                               -> ClientWhy
//
// client matches a hardware address, an identifier (hexadecimal, with or without colons) or a host name. Times of queries are RFC
// 3339. limit is 1 to 10,000, 1,000 when absent. What is refused is status 409 with its reason.

// PairOrder is an order for one pair.
type PairOrder struct {
	Pair    string     `json:"pair"`     // may be absent when there is one only
	At      *time.Time `json:"at"`       // of partner-down and recover: since when; null: now
	NewSite bool       `json:"new_site"` // of partner-down: there is no partner yet (decision D-l)
	Force   bool       `json:"force"`    // of partner-down: any date (checklist D35)
	Reason  string     `json:"reason"`   // for the log
}

// SyncOrder makes the configuration of one server of a pair like the other's (decision D-i).
type SyncOrder struct {
	Pair      string `json:"pair"`
	Operation string `json:"operation"` // update, complete, exact
	Direction string `json:"direction"` // main-to-backup, backup-to-main
	Run       bool   `json:"run"`       // false: only the report
}

// SyncReport is what a synchronisation would change at the destination, or has changed.
type SyncReport struct {
	Operation   string          `json:"operation"`
	Direction   string          `json:"direction"`
	Destination string          `json:"destination"` // main, or backup
	Changes     []config.Change `json:"changes"`
	Applied     bool            `json:"applied"`
	File        string          `json:"file"` // at the destination, that was written; "" when none was
	Kept        string          `json:"kept"` // the file there with what it was before
}

// LeaseOrder is an order for one address.
type LeaseOrder struct {
	Address string `json:"address"`
	Sure    bool   `json:"sure"` // of release: the client is gone; else nobody gets the address before its lease would have ended
	Reason  string `json:"reason"`
}

// Done is the answer to an order that was carried out.
type Done struct {
	OK   bool   `json:"ok"`
	Text string `json:"text"` // what was done, and what follows
}

// PairList is the answer to GET /v1/dhcp-pair/status.
type PairList struct {
	Pairs []PairStatus `json:"pairs"`
}

// LeaseList is a page of leases, by address.
type LeaseList struct {
	Leases []LeaseStatus `json:"leases"`
	More   string        `json:"more"` // value of after for the next page; "": there is none
}

// LeaseStatus is one address.
type LeaseStatus struct {
	Address  string     `json:"address"`
	State    string     `json:"state"`
	Scope    string     `json:"scope"`
	Orphan   bool       `json:"orphan"` // its scope is not configured any more
	Reserved bool       `json:"reserved"`
	BOOTP    bool       `json:"bootp"`
	Client   string     `json:"client"` // "" when it never had one
	ClientID string     `json:"client_id"`
	Hardware string     `json:"hardware"` // address in hexadecimal with colons
	HType    int        `json:"hardware_type"`
	Hostname string     `json:"hostname"`
	FQDN     string     `json:"fqdn"`
	DNS      string     `json:"dns"` // what of it is in DNS
	Vendor   string     `json:"vendor"`
	Relay    string     `json:"relay"` // option 82 in hexadecimal
	Start    *time.Time `json:"start"` // since when in its state
	Began    *time.Time `json:"began"` // since when the client has it
	End      *time.Time `json:"end"`   // what the client was told; null: never, or no end
	Forever  bool       `json:"forever"`
	ToldEnd  *time.Time `json:"told_end"` // the latest that either server told it
	Heard    *time.Time `json:"heard"`    // from the client
	Hold     *time.Time `json:"hold"`     // no other client gets it before
	Sent     *time.Time `json:"potential_sent"`
	Acked    *time.Time `json:"potential_acked"`
	Received *time.Time `json:"potential_received"`
	Owed     bool       `json:"owed"` // the partner has not confirmed this state
}

// History is what happened to leases, oldest first.
type History struct {
	Events []HistoryEvent `json:"events"`
	Cut    bool           `json:"cut"` // older ones that match are left out, for the limit
}

// HistoryEvent is one line of it.
type HistoryEvent struct {
	At    time.Time   `json:"at"`
	What  string      `json:"what"`
	By    string      `json:"by"` // the client that asked; "": nobody
	Lease LeaseStatus `json:"lease"`
}

// ClientWhy says why this server answers a client, or stays silent.
type ClientWhy struct {
	Client string        `json:"client"`
	Known  bool          `json:"known"`  // a [[client]] of the configuration
	Denied bool          `json:"denied"` // by the configuration: it is never served
	Pairs  []ClientWay   `json:"pairs"`
	Asked  *Unserved     `json:"asked"` // it asks, and nobody serves it as far as this server knows; null: not lately
	Leases []LeaseStatus `json:"leases"`
}

// ClientWay is what one pair has to do with it.
type ClientWay struct {
	Pair   string `json:"pair"` // "": the scopes without one
	State  string `json:"state"`
	Serves bool   `json:"serves"` // a new client of this identity
	Reason string `json:"reason"`
	Bucket int    `json:"bucket"` // of RFC 3074, 0 to 255
}
