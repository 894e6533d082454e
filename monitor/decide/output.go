package decide

import (
	"time"

	"loadshare/monitor/order"
)

// Output is what must be done after a [Machine.Step], in the order of its
// fields: save, then tell, then act. Nothing after Save may be done before all
// of Save is durable. The zero value means: nothing to do.
type Output struct {
	// Save are the records to put into the store, in one commit.
	Save []Record
	// Events go to the history.
	Events []Event
	// Publishes go to every publishing agent. One that cannot be reached
	// gets it later: see [Machine.Pending].
	Publishes []order.Publish
	// Restarts and Hooks go to the agent they name.
	Restarts []RestartOrder
	Hooks    []HookOrder
	// NormalDNS, if set, goes to one publishing agent, once (F18, M5).
	NormalDNS *order.NormalDNS
	// SecondViews are asked of any publishing agent; each is answered by a [SecondView].
	SecondViews []Question
	// Recheck are checks to be run now, besides their schedule; mark the answers so.
	Recheck []CheckID
	// Alerts go to people.
	Alerts []Alert
	// Refused is set when an operator's input was not obeyed: the sentence to answer. Then nothing else was changed.
	Refused string
}

// Record is one durable record, one a pool. A nil Value deletes it.
type Record struct {
	Key   string
	Value []byte
}

// RestartOrder is an [order.Restart] and the key of the agent that gets it.
type RestartOrder struct {
	Agent string
	Order order.Restart
}

// HookOrder is an [order.Hook] and the key of the agent that gets it.
type HookOrder struct {
	Agent string
	Order order.Hook
}

// Question asks a publishing agent to run one check once (M4).
type Question struct {
	Check  CheckID
	Pool   order.PoolID
	Member string // value
}

// EventKind sorts the history.
type EventKind string

// Kinds of [Event].
const (
	EventMember  EventKind = "member"  // a member's state changed: From, To, Reason
	EventCheck   EventKind = "check"   // a check's verdict changed: From, To, Reason
	EventPublish EventKind = "publish" // a set was decided, taken, refused or ended: Order, Data
	EventRestart EventKind = "restart" // a restart was ordered or ended: Order, Data
	EventHook    EventKind = "hook"    // a hook ended
	EventGuard   EventKind = "guard"   // removals are held back, or go on
	EventLease   EventKind = "lease"   // the pool is ours, or another monitor's
	EventDrain   EventKind = "drain"   // an operator drained or undrained
	EventConfig  EventKind = "config"  // pool or member came, left or changed
	EventDNS     EventKind = "dns"     // normal-dns, drift
)

// Event is one line of the history, the stuff of `pool why`.
type Event struct {
	At     time.Time
	Kind   EventKind
	Pool   order.PoolID
	Member string // value
	Check  CheckID
	// From and To are states or verdicts; "" when the kind has none.
	From, To string
	Reason   order.Reason
	// Text is the sentence for people.
	Text string
	// Order is the id of the order it is about.
	Order    string
	Data     map[string]string
	Incident string
}

// AlertKind sorts what people are told.
type AlertKind string

// Kinds of [Alert].
const (
	AlertFailure    AlertKind = "failure"         // a member or a parent check fell
	AlertRestart    AlertKind = "restart"         // a restart ended, well or not
	AlertRecovery   AlertKind = "recovery"        // it is up again
	AlertBudget     AlertKind = "budget"          // the restart budget is used up: left alone (M9)
	AlertFlapping   AlertKind = "flapping"        // one notice in, one out (M10)
	AlertAllDown    AlertKind = "all-down"        // on_all_down applies, or a pool is good again
	AlertMass       AlertKind = "mass-failure"    // the guard holds removals back (M4)
	AlertUntested   AlertKind = "untested"        // a check could not be made for a while
	AlertDrift      AlertKind = "drift"           // DNS answers something else than decided
	AlertPublish    AlertKind = "publish-refused" // an order was refused for good
	AlertLease      AlertKind = "lease"           // this monitor took a pool from another one
	AlertDrainEnded AlertKind = "drain-ended"     // a drain came to its end
)

// Alert is one message to people. Those of one Incident belong to one thread.
type Alert struct {
	Incident string
	Kind     AlertKind
	Pool     order.PoolID
	Member   string
	Reason   order.Reason
	Text     string
	At       time.Time
	// Final ends the incident.
	Final bool
	// Children are what the incident also concerns: "www.mydomain.com/A 192.168.0.1".
	Children []string
}
