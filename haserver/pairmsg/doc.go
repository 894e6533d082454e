// Package pairmsg is what the two servers of an HA pair say to each other: the words (message.go, sync.go) and their
// bytes (Encode, Decode). One message is one frame of package internal/link, which proves both ends, encrypts, and keeps
// the order. Who says what and when is decided in package pair; docs/ha-dns.md has the protocol for readers.
//
// Messages of one connection are received in the order in which they were sent, or the connection ends. A frame has at
// most 1 MiB; whoever sends long lists splits them at MaxBatch octets.
package pairmsg
