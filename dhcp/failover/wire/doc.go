// Package wire is the octets of the DHCP failover protocol: draft-ietf-dhc-failover-12, 6, 7 and 12, as ISC dhcpd 4.4 speaks it.
//
// [Decode] takes one message, [Append] makes one, [Stream] cuts what comes from TCP into messages. Everything is bounded by
// [MaxLen]; what is malformed is an [*Error] with the [Fault], after which the connection must be closed: the sender and we no
// longer mean the same.
//
// # Where the draft and ISC dhcpd differ
//
//   - The payload offset is 12. The draft says 8; a received 8 is taken as 12.
//   - IP-flags are two octets.
//   - RECOVER-WAIT is state 254; the draft gives it no number.
//   - Options are sent in the order of ISC dhcpd, so that what was received from it encodes to the same octets again.
//   - ISC dhcpd takes one binding a BNDUPD, and closes the connection at option 9 (DDNS). Who sends to it must know that; this
//     package encodes what it is given.
//
// # Between two of ours
//
// Three things go beyond the draft. They are options that others skip, and are not sent to others: the sequence of the sender's
// durable changes in each message ([Message].Seq, option 61441), the end of what somebody else may believe of an address
// ([Binding].Hold, option 61442, four octets), and in CONNECT and CONNECTACK the vendor-specific options
// (option 29) with the identity of the stores ([Ours]). Names, vendor class and relay information of a client go in the draft's own
// options 8 and 9.
package wire
