// Package lease is what is known of one address: who has it, until when, what the partner knows of it. Pure.
//
// States and their numbers are those of draft-ietf-dhc-failover-12, 5.11 and 12.3. Times are seconds since 1970 UTC; 0 is never.
//
// [State.After] is the table of permitted moves:
//
//	            Grant    Expire   Release   Decline    Clear  Confirm  Give    Take  Retry
//	free        active                      abandoned  reset           backup
//	backup      active                      abandoned  reset                   free
//	active      active   expired  released  abandoned  reset
//	expired     active                      abandoned  reset  free
//	released    active                      abandoned  reset  free
//	reset                                   abandoned  reset  free
//	abandoned                               abandoned  reset                         reset
//
// [Lease.Grant], [Lease.Expire], [Lease.Release], [Lease.Decline], [Lease.Clear] and [Lease.Confirm] are the moves with what they do
// to the record, most of all to ToldEnd (decision D-b): the latest end that the client was ever told, by either server. Only that
// client's own RELEASE or DECLINE lowers it, and nothing ends the binding before it.
//
// A lease that is expired, released or reset goes to another client only after Confirm; the same client may have it back before.
package lease
