package alert

import "time"

// Kind says what sort of news an alert is. It is a word in the footer of the mail, in
// X-Loadshare-Kind and in the webhook, to filter by.
type Kind string

// The kinds of alerts.
const (
	Failure     Kind = "failure"      // a member left, or a server went
	Restart     Kind = "restart"      // a service was restarted, or could not be
	Recovery    Kind = "recovery"     // what an earlier alert of the incident said is over
	Flapping    Kind = "flapping"     // begins or ends
	Drift       Kind = "drift"        // DNS does not say what was decided
	Stray       Kind = "stray"        // an address nobody configured
	MassFailure Kind = "mass-failure" // so much at once that it is held
	AgentFrozen Kind = "agent-frozen" // no monitor speaks to an agent
	Budget      Kind = "budget"       // a restart budget is used up
	Degraded    Kind = "degraded"     // one copy, one server, one monitor
	Summary     Kind = "summary"      // the daily mail
)

// Alert is one piece of news.
type Alert struct {
	// Incident is the thread; alerts of one incident have the same one. "": a message of its own.
	Incident string `json:"incident,omitempty"`
	Kind     Kind   `json:"kind"`
	// Title is one line: what, where. It becomes the subject, after "[loadshare] ".
	Title string `json:"title"`
	// Next is the command to type first, without a prompt; "" when Body begins with it.
	Next string `json:"next,omitempty"`
	// Body says what happened, with times; plain text.
	Body string `json:"body,omitempty"`
	// Evidence is what was seen: bytes, exit codes, log lines. It is indented as it is.
	Evidence string `json:"evidence,omitempty"`
	// At is when it happened; Send fills in the present when it is zero.
	At time.Time `json:"at"`
	// Final ends the incident: the next alert of the same name begins a new thread.
	Final bool `json:"final,omitempty"`
	// Children are the lesser things that the same cause took along, a line each.
	Children []string `json:"children,omitempty"`
}
