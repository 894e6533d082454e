// Package ddns is a DNS change as plain data, and the rules by which loadshare makes one.
//
// It knows no DNS library and no socket: a [Change] says what must hold
// (prerequisites) and what to do (operations in order), package ddns/send turns
// it into one RFC 2136 message, package internal/ask reads what a server
// answers into a [Set]. Everything is text in presentation form, canonical:
// names in lower case without final dot, addresses as netip prints them.
//
//	ask: what is there?      decide              send: one atomic message
//	  Have{Set, Generation} --------> Fenced ----> Change{Zone, Prereqs, Ops}
//
// # The fence (M2)
//
// Two agents may each hold a queue, and one of them may be cut off for an hour.
// So that a late write can never undo a newer one, every publish is one message
// that the server itself refuses (NXRRSET or YXRRSET) unless the set and its
// generation record are still what the decision was made from. The generation
// record of the A records of www.mydomain.com is the TXT record at
// _a._loadshare.www.mydomain.com; see [GenerationName] and [Stamp.Text]. It is
// ordinary data: it is transferred, signed and backed up like the rest.
//
// # normal-dns (M5)
//
// [ParseNormal] reads a file in nsupdate's syntax, the one of the source
// document, into sets. [Reset] says what the reset to it would write: never a
// member that is down, never a name that nobody named. [Diff] shows what differs.
//
// What it does not do: send, ask, find zones, decide who may publish.
package ddns
