// Package journal keeps zones on disk: for each a snapshot of all records and, after it, one entry for every change,
// in a durable.Store that it has for itself. What it holds is the truth; the master file is read once, when the
// zone is new (decision H-j).
//
//	j, err := journal.Open(store)
//	log, z, err := j.Load(name)            // log == nil: the zone is new
//	log, err := j.Create(name, z, digest)  // then
//
//	var b durable.Batch                    // a change
//	seq := log.Append(&b, delta)           // in the order of the deltas, from one goroutine
//	err = store.Commit(&b)                 // only now may anybody hear of it
//
//	err = log.Snapshot(z, seq)             // now and then, from any one goroutine at a time
//
// Keys of the store, numbers big-endian:
//
//	"V"                      format
//	"N" name                 head of the zone: number, epoch and parts of its snapshot, last entry in it, digest of its file
//	"S" number epoch part    a piece of the snapshot
//	"D" number sequence      an entry
//
// Every value has a CRC-32C of its own at its end. Entries have no gaps in their sequence, and each must
// apply strictly to what the ones before it left. Whatever does not fit is Damage, and nothing is guessed: a zone is
// recovered whole or refused. (A torn last write, never acknowledged, is cut off by the store.)
//
// Entries that a snapshot covers are kept to a bounded depth: they are the steps of IXFR (RFC 1995).
package journal
