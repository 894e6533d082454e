// Package scope is which networks a message may be served from, and what its client gets there: scopes, shared networks, reservations,
// known clients, client-classes and policies. Pure: a [Config] goes in, a [Table] that never changes comes out, and every question to it
// is answered from memory without waiting, by several at once if need be.
//
//	table, problems := scope.Build(config)             // all problems at once; warnings leave a table
//	link := table.Link(query)                          // where the client is; zero: on no network of ours
//	id := table.Identify(query)                        // its classes, what is known of it, whether it is denied
//	for _, s := range link.Scopes() {                  // in the order of preference
//	    r := table.ReservationFor(query, s)            // its own address there
//	    if r == nil && !table.Admits(id, s, bootp) {   // or one of table.PoolOf(s)
//	        continue
//	    }
//	    terms := table.Terms(query, id, s, r)          // times, options, boot fields
//	}
//
// # Where a client is
//
// [Table.Link] has the order: relay sub-option 5, option 118, giaddr, ciaddr of a unicast message, the interface. A scope without a shared network
// is a link of its own. The scopes of a shared network share a link; each has its own subnet, ranges and policy, and [Network] what they have in
// common. They are used in the order of the configuration: the later ones are what others call secondary scopes.
//
// # Who a client is
//
// A [Reservation] is found by option 61, then by hardware address (also of a client that sends option 61), then by option 82; a [Client] by the
// first two. A [Class] is a set of conditions; its Test is a text in the language of package expr. The classes KNOWN and UNKNOWN are there by
// themselves.
//
// # What it gets
//
// Policies are joined field by field and option by option, from the widest level to the narrowest:
//
//	server < shared network < scope < class < client < reservation
//
// Of several classes that match, the first in the configuration that says something decides it. Everything through the scope is joined by Build.
// Always is the sum of all levels. LeaseQuery counts at the first three only. What nobody says is in the constants, and in the comments of [Policy].
//
// # Whether two servers agree
//
// [Summarize] puts a configuration into words, leaving out what is each server's own; [Compare] says what differs between two, in a sentence each, and
// the digests whether anything does.
package scope
