// Package durable keeps what must survive a crash: small files replaced whole,
// and two stores behind one interface (decision S-a).
//
// # Which one
//
//	WriteFile   a file read whole at the next start
//	OpenBolt    what is small: the monitor's state, the agent's queue, events
//	OpenPebble  what grows and is written often: zone journal, leases
//
// # The promise
//
// When Commit returns nil the batch is on disk, whole, and every batch that
// returned before it is too. When it returns an error the batch may or may not
// be found at the next open; no part of a batch is ever found alone.
//
// One caller at a time writes: it takes all batches that wait, writes them as
// one with its own, and syncs once; then the next one does. Many callers at a
// time cost one fsync; a single caller waits for nothing but its own.
//
// # Failure
//
// After the first failed write or sync the store takes no further commits and
// answers each with ErrFailed and the first cause: after a failed fsync the
// kernel may have dropped the pages, so a retry that succeeds proves nothing.
// Reads go on. The way back is to repair the disk and open the store again, or
// to seed an empty one from the partner.
//
// # Damage
//
// A power cut may leave the newest log of a pebble store with a torn end; it is
// cut off at the next open, since nothing in it was acknowledged. Damage before
// records that were synced is something else: open refuses with ErrDamaged
// rather than silently forgetting what was acknowledged after it.
//
// What it does not do: transactions that read, snapshots, or several processes
// at one store (the second gets ErrInUse).
package durable
