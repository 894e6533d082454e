// Package merge decides what a zone holds after its two primaries were apart (decision H-d). It is pure: content in, content out.
//
//	entries of the main   --Compose--> MainNet    \
//	                                               Merge --> Result{Zone, Conflicts}
//	entries of the backup --Compose--> BackupNet  /
//
// Where only one side's entries are still there, Undo leads from its content back to the base, and Between from there to the other's
// content. Where nothing in common is known, NoBase.
//
// # The rules
//
// A merge has three sides: the main's content, the backup's, and the base, the last content that both had. It goes record by
// record, and a record is its name, type and RDATA without regard to case; the TTL belongs to the set (RFC 2181, 5.2).
//
//   - What one side alone changed is as that side has it. Both sides' removals hold, both sides' additions hold.
//   - A record that one side deleted and the other changed (another TTL) or deleted and added again: the later change wins.
//   - Types of one value (CNAME, DNAME) that both changed: the later change wins. The SOA's fields are the main's.
//   - A CNAME of one side and new other data of the other: the later of them stays.
//   - Names that have a DHCID, on either side or in the base, are one thing: the side that changed the name later has it, so that a
//     lease never gets the address of one client and the DHCID of another.
//   - TTLs: the one that was changed; if both were, the later one.
//   - A set that neither side emptied is not emptied: if the removals of both together would, those of the later side hold.
//     The apex has an NS set, always.
//   - Sets and names over the limits of updates (zone.MaxSet, zone.MaxTypes) are taken from the side that changed them later.
//   - Equal changes are no conflict.
//
// At equal times the main wins, and always where times are not to be trusted (Input.PreferMain) or unknown (Input.NoBase).
//
// # Conflicts
//
// Whatever one side was told is done, and is not so in the result, is in a Conflict: Conflict.Restore makes it so after all. A merge
// that is done again (a connection broke after it) finds the same content and the same conflicts, with the same IDs.
package merge
