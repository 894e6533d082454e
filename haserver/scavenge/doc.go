// Package scavenge finds record sets that clients added long ago and have not refreshed since. It is pure; the caller has the clock, the
// disk, and the say whether it is this server's turn.
//
//	update carried out --Touched--> []Touch --Book.Touch--> marks, written down when Touch says so
//	now and then       --Book.Stale--> sets to delete by one update (Removal)
//
// # What is ever scavenged
//
// A set is dynamic when an update made it: none of its records was there before that update. Such a set has a mark: when it was made,
// or a record of it was added again since, be it that nothing changed by that. A set that a file brought, or to which an update only added,
// has no mark and stays for ever; so do the SOA, the NS set of the apex, and everything of which a mark was lost. Loading a zone
// from a file voids its marks (Book.Void): the file is the truth then.
//
// # Times
//
//	mark |--- no refresh ---|---------- refresh interval ----------| stale
//	     |------------------------- After ----------------------------|
//
// A refresh moves the mark only when that is older than NoRefresh, so that clients in a hurry cost no writes. A client must refresh at least
// once in each refresh interval (Policy.Refresh), and a server must have listened for as long before it deletes anything: after a start, after it
// became the one to scavenge, after a jump of its clock (Policy.Refresh again).
package scavenge
