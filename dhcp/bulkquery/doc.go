// Package bulkquery is bulk leasequery (RFC 6926) without its connection: what a request asks for, which leases belong to the answer, and
// the messages that say so. It is pure. Package bulkserve carries the messages.
//
// # A request
//
// [Parse] reads one BULKLEASEQUERY (14). It asks by one thing: hardware address (chaddr), client identifier (option 61), remote-id or
// relay-id (option 82, sub-options 2 and 12), or, with none of these, for all addresses. Options 154 and 155 leave out what has not
// changed in that time. What is wrong with a request is an [Error], which has the status to answer with.
//
// # The answer
//
// One message for every lease that [Query.Wants], from [Query.Answer], in any number, then [Query.Done]. All repeat the request's xid; the
// first carries the server's address (option 54). Times in a message are relative to its base-time (option 152).
//
//	lease                                         message         state (156)
//	active                                        LEASEACTIVE     ACTIVE
//	active, its end has passed                    LEASEUNASSIGNED EXPIRED; of a pair TRANSITIONING
//	this server's to give                         LEASEUNASSIGNED AVAILABLE
//	the partner's to give                         LEASEUNASSIGNED REMOTE
//	expired, released, reset: the partner must know first         TRANSITIONING
//	the same of a server alone                    LEASEUNASSIGNED EXPIRED, RELEASED, RESET
//	abandoned                                     LEASEUNASSIGNED ABANDONED
//
// A lease that has ended is told with the client that had it last, so that who asks again with query-start-time learns of the end.
//
// Always there: base-time (152), state (156), client identifier (61) if it sent one, seconds since it was heard (91), and of LEASEACTIVE
// the time that remains (51). Option 55 of the request chooses among start-time-of-state (153), data-source (157), relay information (82)
// and vendor class (60); without it all but the vendor class are there. Data-source is left out where nobody can tell: of addresses of a
// pair that no client has.
//
// Not there: T1 and T2 (58 and 59), which are policy and not the lease's; other options, since a list of which are not private is not
// configured; option 92, which RFC 6926 has no use for; VPNs (option 221), which are answered with NotAllowed.
package bulkquery
