// Package dhcp is the role: a DHCPv4 server that serves a cluster alone, or as one of two that share one lease database.
//
// It decides nothing. All decisions are those of package dhcp/engine; here is one loop around it, what carries packets, messages
// of the partner and writes to and from it, and the operator's door.
//
//	packets ─ dhcp/socket ─────────────┐                            ┌─ committer ─ dhcp/store (one fsync for many)
//	partner ─ link or TCP ─ wire ──────┼─> loop: engine.Machine.Step ┼─ replies, once what they promise is durable
//	clock, probes, DNS, operator ──────┘                            └─ messages, DNS jobs, probes, notes
//
// # Order of things
//
// What the machine says is carried out in the order of engine.Output: what is written goes to the committer, which makes all that
// waits durable with one fsync and tells the machine; replies that promise something come out of the machine only then. So no
// ACK leaves before its lease is on disk, and none waits for the partner. What no client waits for, such as the partner's updates, gathers
// for a few milliseconds: a client that asks meanwhile does not wait for an fsync that is not its own.
//
// # When there is too much
//
// Packets wait in three bounded queues: renewals and what ends a lease, other requests, DISCOVERs. The first are taken first and
// have the most room; DISCOVERs are dropped first. Each drop is counted with its reason.
//
// # When the disk fails
//
// A write that fails, or takes longer than 2 s, makes the server unfit (decision H-i): it says so to the partner, which serves
// alone. After a failed write nothing is written any more until the server is started again.
//
// # What operators ask
//
// Handlers and the forms of their answers are in shown.go and asked.go; cmd/loadshare prints them.
package dhcp
