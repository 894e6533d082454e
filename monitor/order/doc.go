// Package order holds the words that a monitor and an agent say to each other.
//
// A monitor decides, an agent obeys. What travels between them is desired state
// with a [Stamp], never a delta: an order that comes late, twice or out of order
// is harmless, because the agent compares its stamp with the newest one it has
// seen for that pool (decision M1) and the DNS server compares it once more with
// the generation record in the zone (decision M2).
//
// # Conversation
//
// The monitor dials every agent. Each message is one JSON [Envelope] in one
// frame of the authenticated link. A request carries an id and its answer
// repeats it; what an agent reports by itself carries id 0.
//
//	monitor                                   agent
//	  Hello          --------------------->
//	                 <---------------------   Welcome   (services, stamps it knows)
//	  Heartbeat      --------------------->             (claims pools, renews leases,
//	                 <---------------------   Beat       confirms current generations)
//	  Publish        --------------------->
//	                 <---------------------   Receipt   (accepted, or refused and why)
//	                 <---------------------   Published (id 0: server by server, again on change)
//	  Restart        --------------------->
//	                 <---------------------   Receipt
//	                 <---------------------   Restarted (id 0: outcome, output, evidence)
//	  Hook           --------------------->
//	                 <---------------------   Receipt, then Hooked (id 0)
//	  ProbeRequest   --------------------->
//	                 <---------------------   ProbeAnswer
//	  NormalDNS      --------------------->
//	                 <---------------------   NormalDNSAnswer
//
// The package is pure data: no clock, no I/O. [Encode] and [Decode] are its codec.
package order
