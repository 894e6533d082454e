// Package engine is the decisions of the DHCP server: who gets which address, for how long, and what is said when; alone, or with a partner
// for some of its scopes (package dhcp/failover), or with several. Pure: no clock, no I/O, no lock.
//
// # How the loop uses it
//
// One loop, for every input:
//
//	out := m.Step(now, input)
//	hand out.Write to the committer        // numbered, in order; several may be one fsync; when durable: Durable{Batch, Seq}
//	send out.Replies                       // now; an ACK comes in the Output of the Durable that it waited for
//	do what out.Pairs say                  // messages to the partner, connections; also only after what they promise is durable
//	make out.Probes; hand out.Jobs to DNS; answer operators; log and count out.Notes; compare out.Shadows
//	Tick at out.Next
//
// Offers promise nothing and leave at once. What is in the machine but not on disk is never told to anybody: not to a client, not to the
// partner, not to DNS. The first Tick is due at once after New: what New had to say is in its Output.
//
// # A message's way
//
//	prepare  whose link, which classes, who asks                    hear.go
//	serves   does this server answer it? (failover.Machine.Serve)   hear.go
//	choose   which address: reservation, lease, the last one, the   discover.go
//	         one on offer, the one asked for, the next of the pool
//	may      may this server give it? (failover.Machine.May)        put.go
//	probe    does somebody use it without a lease?                  offers.go
//	give     for how long (failover.TermOf), write, ACK when        reply.go
//	         durable, then tell the partner
//
// REQUEST has its four cases in request.go (RFC 2131, table 4). DECLINE, RELEASE, INFORM, BOOTP and the operator are in other.go, LEASEQUERY
// in query.go.
//
// When a client's REQUEST cannot be granted it is told NAK if this server knows better: the address is another client's, or reserved, or of
// another network. Where only the partner can know, this server is silent. With Config.Authoritative it says NAK also to those of whom it
// knows nothing; never about an address that the partner may have given.
//
// What the partner is to answer is kept for a moment: when contact is lost, it is answered at once (left.go).
//
// # The next address
//
// A pool gives what was unused longest: never used addresses, then the list of those that became free, in that order; with
// allocate-first-available the lowest, and the backup's downward from the boundary (checklist D29). An address that may not be given
// (held, owed to the partner) leaves the list until its lease, the state of the pair or time changes something, so no search looks at it
// twice. When nothing is left the address that was abandoned first is probed, and given if nobody answers; or an offer is taken back
// that nobody has requested (crowds.go). No message costs more than a
// bounded number of addresses.
//
// # What keeps two clients from one address (decision D-a)
//
//   - Nothing is given but through May: of a pair's addresses the partner's are not touched.
//   - An ACK leaves after its write, and only if the lease is still its client's then.
//   - A lease ends after the latest end that either server told its client (lease.Lease.ToldEnd), and never while the clock is doubted.
//   - Where partner-down may be false, an address is probed before it is offered, and one that was not probed is not given.
//   - An address that turns from dynamic to reserved or back is held for the MCLT.
//   - A pair that the configuration has no longer, wholly or for some network, goes on without a partner until it is over: gone.go.
//
// # The clock (decision D-g)
//
// The wall clock is compared with the monotonic one. A step of more than a minute: the time goes on from before it, nothing ends, nobody
// new is served, renewals are. That is over when the two agree again for a minute, when a partner's messages have the same time, or with
// ClockSure; then leases that were given by a clock that was behind end as much later. More than 5 % of the leases due at once: a minute
// of the same, or until the partner agrees.
//
// # Bounds
//
// Messages left to the partner 1,024, for 2 s. Offers 32,768, then the oldest ends; probes 1,024; clients that wait 8,192, of
// which real relays and ports have fair parts; ports 4,096; relays
// 4,096; acknowledgements that wait for the disk 65,536. New clients behind one port of a relay, and behind one relay, are limited
// (Config.PortBurst, RelayBurst); who has a lease, had one, or is configured is not. A client that has declined 8 addresses gets no other
// while they are left alone, nor one that has 32. Of one client's records a message looks at the newest 64. Second tries of the partner's
// clients: 50 a second (decision D-f). A lease takes about 200 octets.
//
// # Not here
//
// Bulk leasequery (the loop answers it from Leases), FORCERENEW, DHCP authentication. A client that asks for no lease time gets the
// configured one, not what is left of its lease.
package engine
