// Package monitor is the role that looks: it probes the members of every pool,
// decides which of them DNS shall hold, and gives orders to agents until they are
// carried out and proved.
//
// # The data's way
//
//	services <-- probes <-- schedule --Observation--> decide.Machine
//	                                                    |  Output, in its order:
//	                                  store  <-- Save --+   1. durable, one commit
//	                                  agents <----------+   2. publish, restart, hook, normal-dns, second view
//	                                  history, mail <---+   3. written down beside the path
//	agents --Receipt, Published, Restarted--> Machine
//	DNS servers --Answer (asked at once after each change, and every 30 s)--> Machine
//
// One goroutine owns the machine and everything that changes (loop). All others
// send it inputs: the scheduler observations, each agent's link what the agent
// says, the prover what the servers answer, the operator's door functions to run.
// Nothing is sent before what it promises is durable. A store that cannot be
// written ends the role: it may promise nothing more, and systemd starts it again.
//
// # Agents
//
// One link for each agent ([decide.Member].Agent and [dns] agents, which may be
// the same host): dial, Hello, Welcome, then a heartbeat at least every second or
// half an interval that claims the pools' leases (M1) and confirms the current
// stamps (M2). Desired state replaces desired state of the same pool; restarts and
// hooks queue up to a bound and expire. After a reconnect the claims come first,
// then what the agent has not answered.
//
// # Two monitors
//
// Each pool has one holder, the monitor whose lease the publishing agents granted.
// The other probes and decides too, but gives no orders, and takes over when the
// lease lapses, three of the longest probe intervals (at least 3 s) after the
// holder's last heartbeat. If each got the lease of one agent, the machine lets one of them go.
//
// # Names
//
// Members of MX pools are given by name; their addresses are asked of the [dns]
// servers, then of the host's resolver, at the start and every 30 s. A name that
// cannot be looked up keeps its addresses; without any, its checks are untested,
// which is not a failure.
//
// # The operator
//
// GET /v1/status, /v1/ready, /v1/pools, /v1/pool, /v1/pool/why, /v1/events;
// POST /v1/pool/drain, /v1/pool/undrain, /v1/normal-dns, /v1/guard/lift, /v1/reload.
//
// # What it does not do
//
// It never writes to DNS and never restarts anything itself: agents do, within
// what their own configuration allows. It does not judge members: package decide does.
package monitor
