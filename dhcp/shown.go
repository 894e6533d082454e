package dhcp

import (
	"time"

	"loadshare/internal/process"
)

// Status is the answer to GET /v1/status.
type Status struct {
	Role   string    `json:"role"`  // main, backup, main and backup (of several pairs), single
	Since  time.Time `json:"since"` // start of the process
	Ready  bool      `json:"ready"`
	Why    string    `json:"why"`   // why not ready; "" when it is
	Unfit  string    `json:"unfit"` // why leases cannot be written; "" when they can
	Listen []string  `json:"listen"`

	Interfaces []InterfaceStatus `json:"interfaces"` // that broadcasts are heard on

	Pairs    []PairStatus  `json:"pairs"`
	Scopes   []ScopeStatus `json:"scopes"`
	Alarms   []AlarmStatus `json:"alarms"`
	Store    StoreStatus   `json:"store"`
	Queues   QueueStatus   `json:"queues"`
	Relays   []RelayStatus `json:"relays"`
	Unserved []Unserved    `json:"unserved"` // clients whose DISCOVER nobody answered for a while (decision D-k), longest first, at most 100
	Floods   []FloodStatus `json:"floods"`   // where more comes from than is answered, the greatest first, at most 65
	DNS      DNSStatus     `json:"dns"`
	Orphans  int           `json:"orphans"` // leases of scopes that are not configured any more (decision D-h)

	Reload *process.ReloadResult `json:"reload"` // null: none since the start
}

// InterfaceStatus is an interface of the configuration.
type InterfaceStatus struct {
	Name  string     `json:"name"`
	Up    bool       `json:"up"`
	Why   string     `json:"why"`   // why not: is not there, is down, has no link; "" when it is up
	Since *time.Time `json:"since"` // when it was found so; null when it is up
}

// FloodStatus is a place of which messages are dropped. It ends a minute after the last of them.
type FloodStatus struct {
	Where     string    `json:"where"`     // for people
	Relay     string    `json:"relay"`     // ""; none
	Port      string    `json:"port"`      // option 82, circuit; in hexadecimal when it is no text; "": none
	Interface string    `json:"interface"` // of broadcasts
	Since     time.Time `json:"since"`
	Last      time.Time `json:"last"`
	Dropped   uint64    `json:"dropped"` // since then
	Limited   uint64    `json:"limited"` // of them by the limits of new clients; the others because the server did not keep up
}

// PairStatus is one [[failover]].
type PairStatus struct {
	Name         string     `json:"name"`
	Role         string     `json:"role"`
	State        string     `json:"state"`
	Since        *time.Time `json:"since"`
	Reason       string     `json:"reason"`        // of the state
	PartnerState string     `json:"partner_state"` // as it said last; "none" when it never did
	PartnerSince *time.Time `json:"partner_since"`
	MCLT         int64      `json:"mclt_seconds"`
	Unacked      int        `json:"unacked"` // updates that the partner has not confirmed: sent, and to be sent

	Serving       bool          `json:"serving"`      // some client is answered in this state
	Link          string        `json:"link"`         // ours, or draft
	Address       string        `json:"address"`      // this server's of the pair
	Partner       string        `json:"partner"`      // the other's
	Connected     bool          `json:"connected"`    //
	LastHeard     *time.Time    `json:"last_heard"`   // null: not since the start
	LastError     string        `json:"last_error"`   // of the last attempt to connect, while there is no connection
	Skew          int64         `json:"skew_seconds"` // between the clocks, either way; while not connected, at the last connect
	ClocksApart   bool          `json:"clocks_apart"` // so far that the two do not connect
	Balancing     bool          `json:"load_balancing"`
	BackupPct     int           `json:"backup_pct"`
	SafePeriod    bool          `json:"use_safe_period"`
	Differs       []string      `json:"differs"`        // what is configured otherwise at the partner; [] when the same, or not known
	ConfigDiffers bool          `json:"config_differs"` //
	Shadow        []string      `json:"shadow"`         // how one of the two would serve clients otherwise than the other did, in the last hour (decision D-j)
	Outage        *OutageStatus `json:"outage"`         // the last time without contact that clients felt, for a day (decision D-k); null: none
	Next          *Next         `json:"next"`           // what happens by itself, if nothing else does; null: nothing
	Suggestions   []string      `json:"suggestions"`    // commands that may help now
	Conflicts     []Conflict    `json:"conflicts"`      // addresses that both had given, newest first, at most 20
	TakenAway     bool          `json:"taken_away"`     // it is not in the configuration any more, but its addresses are still kept apart
	Over          *time.Time    `json:"over"`           // when nothing of it is left, if it was taken away; null: not before its partner is said to be down
	BackSince     *time.Time    `json:"behind_since"`   // since when updates of before wait; null: nothing waits
}

// OutageStatus is a time without contact between the two, and what it did to clients, as both know it.
type OutageStatus struct {
	From        time.Time      `json:"from"`
	Until       time.Time      `json:"until"`
	NeverServed int            `json:"never_served"`
	Waited      int            `json:"waited"`
	ShortLease  int            `json:"short_lease"`
	Clients     []OutageClient `json:"clients"` // at most 100
	Cut         bool           `json:"cut"`     // there were more than are counted
}

// OutageClient is a client that felt it.
type OutageClient struct {
	Client string `json:"client"`
	Relay  string `json:"relay"`          // "": no relay
	How    string `json:"how"`            // never served, waited, or short lease
	Waited int64  `json:"waited_seconds"` //
	Lease  int64  `json:"lease_seconds"`  // that it got; 0: none
}

// Next is something automatic.
type Next struct {
	What    string    `json:"what"` // for example: partner-down by the safe period
	At      time.Time `json:"at"`
	Seconds int64     `json:"in_seconds"`
}

// Conflict is an address that both partners had given (decision D-a). It is resolved.
type Conflict struct {
	At        time.Time `json:"at"`
	Address   string    `json:"address"`
	Kept      string    `json:"kept"`
	Lost      string    `json:"lost"`
	LostUntil time.Time `json:"lost_until"` // the address is held for it at least as long
}

// ScopeStatus is one [[scope]]. Reservations are not counted in the numbers.
type ScopeStatus struct {
	Name      string `json:"name"`
	Subnet    string `json:"subnet"`
	Failover  string `json:"failover"` // name of the pair; "": single
	Total     int    `json:"total"`
	Free      int    `json:"free"`
	Backup    int    `json:"backup"`
	Active    int    `json:"active"`
	Abandoned int    `json:"abandoned"`
	Waiting   int    `json:"waiting"` // expired, released or reset; the partner must know first

	Forecast Forecast `json:"forecast"`
}

// Forecast says when the part of a pool that this server may give is empty, at the rate of the last hours.
type Forecast struct {
	PerHour float64    `json:"per_hour"` // addresses that went, less those that came back; not positive: none is lost
	Empty   *time.Time `json:"empty"`    // null: not within 30 days
	Text    string     `json:"text"`     // for people, with what to do; "" when all is well
}

// AlarmStatus is an alarm that stands.
type AlarmStatus struct {
	Name  string    `json:"name"` // nobody-serving, partner-lost, one-copy, configuration-differs, pool-low, clock-skew, clock-step, conflict, dns-old, relay-one-sided, unserved, unfit, recovering, answers-differ, after-outage
	About string    `json:"about"`
	Since time.Time `json:"since"`
	Text  string    `json:"text"`
	Next  string    `json:"next"` // command to type first
}

// StoreStatus is the lease database.
type StoreStatus struct {
	Dir          string     `json:"dir"`
	Identity     string     `json:"identity"` // hexadecimal; another one is another store
	Boot         uint64     `json:"boot"`
	Sequence     uint64     `json:"sequence"`
	LastCommit   *time.Time `json:"last_commit"`
	Leases       int        `json:"leases"` // with a record; never used addresses have none
	CommitMillis float64    `json:"commit_ms"`
	Hangs        float64    `json:"hangs_seconds"` // how long the write under way has taken, when it is long; else 0
}

// QueueStatus is how much waits, and what was dropped since the start.
type QueueStatus struct {
	Renewals  int            `json:"renewals"`
	Requests  int            `json:"requests"`
	Discovers int            `json:"discovers"`
	Disk      int            `json:"disk"`    // changes that wait for the disk
	Replies   int            `json:"replies"` // that wait to be sent
	Dropped   map[string]int `json:"dropped"` // by reason
}

// RelayStatus is a relay that was heard.
type RelayStatus struct {
	Address string     `json:"address"`
	Last    *time.Time `json:"last"`    // heard here; null: by the partner only
	Partner *time.Time `json:"partner"` // heard by the partner; null: never, or no partner
	OneOnly bool       `json:"one_only"`
}

// Unserved is a client that asks and gets nothing.
type Unserved struct {
	Client        string    `json:"client"`
	Relay         string    `json:"relay"` // "": no relay
	Since         time.Time `json:"since"`
	Last          time.Time `json:"last"`
	Tries         int       `json:"tries"`
	Reason        string    `json:"reason"`         // why this server did not answer; "" when it does not hear the client
	PartnerReason string    `json:"partner_reason"` // why the partner did not; "" when it does not hear the client, or there is none
	Here          bool      `json:"here"`           // this server hears it
	There         bool      `json:"there"`          // the partner hears it
}

// DNSStatus is the queue of changes of DNS.
type DNSStatus struct {
	Enabled   bool       `json:"enabled"`
	Queued    int        `json:"queued"`
	Oldest    *time.Time `json:"oldest"` // when the oldest was queued, or this process started; null: none
	Done      int        `json:"done"`   // since the start
	GivenUp   int        `json:"given_up"`
	Server    string     `json:"server"` // that was asked last
	LastError string     `json:"last_error"`
}
