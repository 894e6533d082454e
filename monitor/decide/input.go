package decide

import (
	"time"

	"loadshare/monitor/order"
)

// Input is one thing that happened. Its kinds are the types of this file.
type Input interface{ input() }

// Outcome is what one probe saw.
type Outcome uint8

// Outcomes. OK is the zero value.
const (
	OK       Outcome = iota // it answered as expected
	Failed                  // it did not
	Untested                // the probe could not be made; says nothing about the member
)

func (o Outcome) String() string { return [...]string{"ok", "failed", "untested"}[o] }

// Observation is the result of one probe.
type Observation struct {
	Check   CheckID
	Outcome Outcome
	// Reason and Detail are the probe's words ("connect-refused", "banner"), for events and mail.
	Reason, Detail string
	Took           time.Duration
	// At is when the probe ended. An observation older than the newest one of its check is ignored.
	At time.Time
	// Recheck marks the answer to [Output.Recheck], a look outside the
	// schedule. It can clear a suspicion and it decides the look after a
	// restart, but it counts neither towards fall nor towards rise: no
	// verdict comes faster than thresholds times interval.
	Recheck bool
}

// Tick says that time has passed; send it when [Machine.Deadline] is reached. A spurious one changes nothing.
type Tick struct{}

// Drain takes an address out of DNS until a time. The answer is [Output.Refused].
type Drain struct {
	// Address is a member's Address or Value.
	Address string
	// Pool limits it to one pool; "" means every pool with that member.
	Pool order.PoolID
	// Until ends it. Must lie in the future: every override has an end.
	Until      time.Time
	By, Reason string
}

// Undrain ends a drain early. The answer is [Output.Refused].
type Undrain struct {
	Address string
	Pool    order.PoolID
	By      string
}

// AgentUp says that the link to an agent was opened and the agent has said Welcome.
type AgentUp struct {
	// Agent is the monitor's key for it, the same as in [Member].Agent.
	Agent   string
	Welcome order.Welcome
}

// AgentDown says that the link to an agent is lost.
type AgentDown struct{ Agent string }

// Beat is an agent's answer to a heartbeat that claimed [Machine.Claims].
type Beat struct {
	Agent string
	// Claimed are the pools of the heartbeat that was answered.
	Claimed []order.PoolID
	// Refused are those of them that another monitor holds there; all others were granted.
	Refused []order.Held
}

// Receipted is an agent's answer to a Publish, Restart or Hook.
type Receipted struct {
	Agent   string
	Receipt order.Receipt
}

// Published is an agent's report on a Publish.
type Published struct {
	Agent  string
	Report order.Published
}

// Restarted is an agent's report on a Restart.
type Restarted struct {
	Agent  string
	Report order.Restarted
}

// Hooked is an agent's report on a Hook.
type Hooked struct {
	Agent  string
	Report order.Hooked
}

// SecondView is a publishing agent's answer to a [Question].
type SecondView struct {
	Agent          string
	Check          CheckID
	Outcome        Outcome // Untested when nobody could be asked
	Reason, Detail string
}

// Answer is what one DNS server answers for a pool's record, asked by the
// monitor itself (the truth check). Send it only for servers that answered.
type Answer struct {
	Pool   order.PoolID
	Server string
	Values []string
	At     time.Time
}

// NormalDNSApplied is an agent's answer to [Output.NormalDNS].
type NormalDNSApplied struct {
	Agent  string
	Answer order.NormalDNSAnswer
}

// Reconfigure replaces the configuration. It must be valid and have the same
// Monitor. Members and checks that stay keep their state.
type Reconfigure struct{ Config Config }

// Republish is the operator's wish to write a pool again as decided. The answer is [Output.Refused].
type Republish struct {
	Pool   order.PoolID
	By     string
	Reason order.Reason // normal-dns, drift; "" means confirmed
}

// LiftHold is the operator's word that a mass failure is real. The answer is [Output.Refused].
type LiftHold struct{ By, Reason string }

func (Observation) input()      {}
func (Tick) input()             {}
func (Drain) input()            {}
func (Undrain) input()          {}
func (AgentUp) input()          {}
func (AgentDown) input()        {}
func (Beat) input()             {}
func (Receipted) input()        {}
func (Published) input()        {}
func (Restarted) input()        {}
func (Hooked) input()           {}
func (SecondView) input()       {}
func (Answer) input()           {}
func (NormalDNSApplied) input() {}
func (Reconfigure) input()      {}
func (Republish) input()        {}
func (LiftHold) input()         {}
