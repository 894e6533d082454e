// Package decide turns what the probes saw into orders: which members of a pool
// are published, which services are restarted, what people are told. It is pure:
// no clock, no I/O, no goroutine; the same inputs give the same outputs.
//
// # The caller
//
// One goroutine owns a [Machine].
//
//  1. [New] with the configuration and the records that were saved.
//  2. For each thing that happens, [Machine.Step] with the time and one [Input];
//     when [Machine.Deadline] is reached, Step with a [Tick].
//  3. Carry out the [Output] in the order of its fields. Nothing may be sent
//     before Save is durable: a stamp that another process has seen must never
//     be given to other content.
//  4. At each heartbeat claim [Machine.Claims], and hand the answer in as [Beat].
//  5. When an agent (re)connects, hand in [AgentUp], then send it
//     [Machine.Pending]; also from time to time. Repeated orders are harmless.
//
// # From probes to a member's state
//
// Each check has a verdict: rise good or fall bad probes in a row turn it. What
// could not be tested turns nothing. A check that depends on another is not
// judged while that one fails. Checks make paths (all, any, a quorum), paths
// make a member: up when one path is up, down when all are.
//
//	          first verdict            failed probe          fall in a row
//	unknown ----------------> up ----------------> suspect ----------------> down
//	                           ^ <---------------- |    (fell too often: flapping)
//	                           |    good probe                              |  ^
//	                           |                                    restart |  | grace over,
//	                           |        rise in a row                       v  | command failed
//	                           | <------------------------------------ restarting
//	                           | <------------- recovering <----------- down
//	                           |     rise                    good probe
//	                           | <------------- flapping (up for flap_hold)
//	any state ---- operator ----> drained ---- its end, operator ----> up, down or unknown
//
// [State] says what each does and what leaves it. The golden table
// testdata/matrix.golden has every state with every input.
//
// # From states to a record set
//
// Published are the members that are up, suspect, or restarting under
// "restart-first". Then, in this order:
//
//   - The guard (M4). With anchors, no fall is believed before one of them has
//     answered since the failure began; while none answers, what fell stays, and
//     is taken back and looked at again when one answers. Without anchors, what
//     fell stays while too much failed at once. Either way it goes when a publishing
//     agent sees it down too or an operator lifts the hold.
//   - If nothing is left, on_all_down: the set published when the pool was last
//     whole, all members, or nothing.
//   - Below min_members, the least bad members are kept: one that is up but
//     flapping, then one that is in DNS already, then the one that answered last.
//   - A drained member is never published while there is another one.
//
// Nothing is published before every member of the pool had a verdict, or was
// adopted from a saved record; nothing good at the first verdict leaves DNS as it is.
//
// # From a record set to DNS
//
// Each change gets a stamp (M1, M2) and one [order.Publish], which counts until
// an agent reports its end (M5). Only the holder of the pool's lease gives
// orders; a standby decides the same and stays silent. A holder whose stamp was
// outrun goes above it; if that happens again within ten minutes, the other
// monitor lives and is obeyed somewhere, and the pool is left to it for a while
// that doubles. What a DNS server answers instead of the decision is drift, and is written again.
//
// # Restarts
//
// One member of a pool at a time; never one that is up; none while the guard
// holds it, while a parent is the cause, or while another monitor is obeyed. An
// order is answered by the agent's report; without one it has failed after
// [Pool].RestartTimeout. The budget is the agent's (M9).
//
// What it does not do: it probes nothing, sends nothing, and knows no DNS server.
package decide
