// Package journal keeps zones on disk: for each a snapshot of all records and, after it, one entry for every change,
// in a durable.Store that it has for itself. What it holds is the truth; the master file is read once, when the
// zone is new (decision H-j).
//
//	j, err := journal.Open(store)
//	log, z, err := j.Load(name)                // log == nil: the zone is new
//	log, err := j.Create(name, z, fileDigest)  // then; or Begin, and Replace by what the partner sent
//
//	var b durable.Batch                        // a change
//	seq, err := log.Append(&b, entry)          // in the order of the entries, from one goroutine
//	err = store.Commit(&b)                     // only now may anybody hear of it
//
//	err = log.Snapshot(z, seq, keep)           // now and then, from any one goroutine at a time
//
//	ok, err := log.Entries(after, through, fn) // the steps between two serials, from any goroutine
//
// Keys of the store, numbers big-endian:
//
//	"V"                      format
//	"W"                      what the server saves of itself
//	"N" name                 head of the zone: number; epoch, parts and point of its snapshot; last entry in it
//	"F" number               digest of the zone's master file, when it has one
//	"A" number               what the server saves of the zone
//	"S" number epoch part    a piece of the snapshot
//	"D" number sequence      an entry: time, digest of the content after it, count of its records, Delta
//	"P" name kind id         small things kept beside a zone
//
// Every value has a CRC-32C of its own at its end. Entries after the snapshot have no gaps in their sequence, and each must
// apply strictly to what the ones before it left and leave the content that its digest says. Whatever does not fit is
// Damage, and nothing is guessed: a zone is recovered whole or refused. (A torn last write, never acknowledged, is cut off
// by the store.)
//
// Entries that a snapshot covers are kept to a bounded depth: they are the steps of IXFR (RFC 1995) and of a partner that was
// away. Behind that depth a Keep says which states the steps must still lead from; those between them become one entry with the same effect,
// and the sequence has a gap. They are not needed for the zone itself, so damage there makes the history shorter and is no reason to refuse.
// For each entry kept its sequence and the serial and digest after it are in memory, 32 octets.
package journal
