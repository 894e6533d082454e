// Package store keeps what a DHCP server must know after a crash: leases, the states of the failover endpoints, the changes that DNS
// has not learnt yet, the history of leases, and who the store is.
//
//	s, start, err := store.Open(dir, store.Options{})
//	seq, err := s.Commit(write, now)   // on disk when it returns nil
//
// # The promise
//
// When Commit returns nil all of the write is on disk, and all writes before it; no part of a write is ever found alone. After an
// error nothing more is written until the store is opened again: what the disk holds is not known. One caller at a time; gather
// what waits into one write, for each costs one fsync.
//
// # Damage
//
// Every record has a checksum of its own, beside those of the files. What cannot be read, or was written by a newer version, is
// refused at Open with an error that tells the way back: an empty store, which the partner fills.
//
// # Keys
//
//	I               identity of the store, and how often it was opened
//	Q               number and time of the last write
//	L address       a lease
//	S name          the saved state of an endpoint
//	P name          which networks a failover pair has
//	J number        a change that DNS is to learn
//	H time address boot count   a line of history
package store
