// Package notify decides when secondaries are told of a new serial (RFC 1996), and knows how far each of them is behind.
//
// Machine is pure: Step(now, input) says what to send and when to call again. It knows every secondary of every zone:
//
//	idle ──new serial──> due ──sent──> flying ──answer──> idle
//	                      ^              │ silence: again after 1, 2, 4 … s
//	                      │              v
//	                      └──reminder── lagging (told often enough, or told and still behind)
//
// At most one message is in flight to a secondary about a zone. It always carries the zone's present serial: changes that come
// faster than Config.Gap share one message, and what changed while a message was in flight goes out when that one is done with.
// Any answer with its ID, from the address it went to, ends it (RFC 1996, 3.6 and 4.8). Over all secondaries no more than Config.Burst messages go out in
// Config.Pace; new serials go before repetitions.
//
// What a secondary holds is never guessed from the answer to a NOTIFY. It is known from what the secondary asks us for: an IXFR
// request names its serial, a transfer that ended gives it ours. A question for the SOA that is not followed by a transfer
// request within Config.Grace says that it had that serial already, perhaps from our partner. All of this is by address: two
// secondaries with one address cannot be told apart.
package notify
