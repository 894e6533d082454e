package plan

import (
	"time"

	"loadshare/ddns"
	"loadshare/monitor/order"
)

// Fixed times.
const (
	// ConfirmedWithin is how old a confirmation of a stamp may be for a queued
	// or repeated write (M2).
	ConfirmedWithin = 10 * time.Second
	// RetryEvery is the longest time between two tries of an owed server (M2, M5).
	RetryEvery = 4 * time.Second
	// FrozenIntervals and FrozenExtra: an agent alarms when no monitor has
	// spoken for so many intervals and this long (M6).
	FrozenIntervals = 5
	FrozenExtra     = time.Minute
)

// Policy is how the servers of an agent belong together.
type Policy uint8

// The policies.
const (
	// Every: independent primaries, all must take each change.
	Every Policy = iota
	// Pair: an HA pair, main first; one of them takes the change and hands it over.
	Pair
)

// Strays is what happens to values in DNS that nobody configured (M3).
type Strays uint8

// The treatments of strays.
const (
	// StraysDefault removes them from names in normal-dns and reports the others.
	StraysDefault Strays = iota
	// StraysRemove removes them.
	StraysRemove
	// StraysReport leaves them and says so.
	StraysReport
)

// Service is one entry of the restart allow-list, as far as deciding needs it.
type Service struct {
	// Budget attempts are allowed within Window; 0 means none.
	Budget int
	Window time.Duration
	// OnDown and OnUp tell whether the hook has a command.
	OnDown, OnUp bool
}

// Config is what the plan needs of agent.toml. It is immutable.
type Config struct {
	// Agent is the name told to monitors.
	Agent string
	// Servers are the DNS servers in order, main first; empty without [publish].
	Servers []string
	Policy  Policy
	Records ddns.Patterns
	Strays  Strays
	Fence   bool
	Normal  ddns.Normal
	// Services is the restart allow-list.
	Services map[string]Service
	// MaxPools bounds leases, stamps and jobs; 0 means 10000.
	MaxPools int
}

// Input is one thing that happened.
type Input interface{ input() }

// Heard is a message from a monitor that has proved who it is. From is the id
// it gave in its Hello; ID is the envelope's.
type Heard struct {
	From string
	ID   uint64
	Msg  order.Message
}

// Tick is the time that [Machine.Deadline] told.
type Tick struct{}

// ReadDone answers a [Read].
type ReadDone struct {
	Token uint64
	// Fault is NoFault, or why nothing was read; Err then says it in words.
	Fault Fault
	Err   string
	// Zone is the zone that the server has for the name.
	Zone string
	Have ddns.Have
}

// WriteDone answers a [Write].
type WriteDone struct {
	Token uint64
	Fault Fault
	Err   string
}

// RestartDone answers a [RunRestart].
type RestartDone struct {
	Order    string
	Outcome  order.RestartOutcome
	ExitCode int
	Output   string
	Evidence string
	Took     time.Duration
}

// HookDone answers a [RunHook].
type HookDone struct {
	Order    string
	Outcome  order.RestartOutcome
	ExitCode int
	Output   string
	Took     time.Duration
}

// NotSaved says that the Save of an earlier output failed: the orders that came
// in with it are forgotten, the loop answers them with "not-durable".
type NotSaved struct{ Orders []string }

// ResetDone ends a [Reset]; the loop has answered the monitor.
type ResetDone struct{ Order uint64 }

func (Heard) input()       {}
func (Tick) input()        {}
func (ReadDone) input()    {}
func (WriteDone) input()   {}
func (RestartDone) input() {}
func (HookDone) input()    {}
func (NotSaved) input()    {}
func (ResetDone) input()   {}

// Fault is why a read or write did not do what was asked.
type Fault uint8

// The faults.
const (
	NoFault Fault = iota
	// Silent: no answer, no connection, SERVFAIL or NOTIMP: try this or another server again.
	Silent
	// Changed: a prerequisite failed; what was read is no longer so.
	Changed
	// Final: the server said no for good (RFC 2136 section 4.6).
	Final
	// NoZone: the server is not authoritative for the name.
	NoZone
)

// Save is one durable change of the agent's store; Value nil deletes.
type Save struct {
	Key   string
	Value []byte
}

// Reply answers one request of a monitor.
type Reply struct {
	To  string
	ID  uint64
	Msg order.Message
}

// Read asks one server for a set and its generation record.
type Read struct {
	Token  uint64
	Server string
	// Zone overrides the search for the zone; else "".
	Zone string
	Key  ddns.Key
	// Generation is the owner of the generation record; "" without fence.
	Generation string
}

// Write sends one change to one server.
type Write struct {
	Token  uint64
	Server string
	Change ddns.Change
	// Pool and Stamp are for the log.
	Pool  order.PoolID
	Stamp order.Stamp
}

// RunRestart runs one restart of a service.
type RunRestart struct {
	Order   string
	Service string
}

// RunHook runs a service's on_up or on_down command.
type RunHook struct {
	Order   string
	Service string
	Up      bool
	// Pool and Member are told to the command in its environment.
	Pool   order.PoolID
	Member string
}

// Reset carries a NormalDNS request out on every server and answers it. Sets
// are what [ddns.Reset] wants; a set with a zero stamp has no generation record.
type Reset struct {
	To    string
	ID    uint64
	Apply bool
	Wants []ddns.Want
	// Zones are overrides by name.
	Zones map[string]string
}

// Report tells a monitor something unasked. It is lost when that monitor is
// not connected; the plan repeats what matters after its next Hello.
type Report struct {
	To  string
	Msg order.Message
}

// AlertKind is what an agent itself sends mail about.
type AlertKind string

// The alerts.
const (
	AlertFrozen AlertKind = "agent-frozen"  // no monitor speaks (M6); Final when one does again
	AlertStrays AlertKind = "stray-records" // first adoption found values that belong to nobody (M3)
)

// Alert is one mail of the agent's own.
type Alert struct {
	Kind  AlertKind
	Final bool
	Since time.Time
	// Pool, Values and Lines are for AlertStrays: the lines would remove them.
	Pool   order.PoolID
	Values []string
	Lines  []string
}

// Note is one decision for the log and the metrics.
type Note struct {
	Reason Reason
	Pool   order.PoolID
	Server string
	Stamp  order.Stamp
	Text   string
}

// Output is what to do, in field order. Nothing of the later fields may be
// done before Save is durable.
type Output struct {
	Save    []Save
	Reply   []Reply
	Read    []Read
	Write   []Write
	Restart []RunRestart
	Hook    []RunHook
	Reset   []Reset
	Report  []Report
	Alert   []Alert
	Notes   []Note
}
