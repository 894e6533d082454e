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
package decide
