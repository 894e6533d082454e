// Package message reads and writes DNS messages in wire form (RFC 1035, 4), as an authoritative server needs it.
//
// Reading: Message.Parse walks a whole message once, checks every length, count and pointer, and
// remembers where things are. It copies nothing: a parsed Message is valid as long as the octets
// it was made from are left alone. Records of an UPDATE are then decoded by Update into plain zone records, names in
// RDATA uncompressed.
//
// Writing: Builder appends the question, whole record sets and the OPT record to a buffer of the caller,
// compresses owner names and the RDATA names of the RFC 1035 types (RFC 3597, 4), and keeps to a
// limit by leaving out whole sets.
//
// Signing: Key, Verify and Signer are TSIG (RFC 8945).
//
// The package is pure: no clock, no socket, no lock but the pool of hash states inside a Key.
package message
