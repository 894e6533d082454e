// Package zone holds an authoritative DNS zone: it reads it, answers from it, updates it and says
// what an update changed. It has no clock, no lock, no goroutine and opens nothing.
//
// # Generations
//
// A *Zone is one generation and never changes. Apply returns the next one, which shares with the
// last all that is equal, so that an update costs the same in a zone of a million records as in one
// of a hundred, and whoever still reads the old generation (a transfer to a slow client) keeps a
// consistent view of it for as long as he likes:
//
//	master file --Load--> *Zone --Apply(Update)--> *Zone + Delta
//	                        |                                |
//	                      Lookup                     journal, IXFR, partner
//	                        |                                |
//	                      Answer           *Zone --WithDelta(Delta)--> *Zone
//
// The caller keeps two pointers where he needs them: the tip, against which prerequisites are judged,
// and the generation that queries see; he moves the second one when the Delta is durable.
//
// # Data
//
// Names are wire form (Name), records are wire form (RRset, Record); text exists at the edges only:
// ParseName, ParseRdata, RdataText, Text. Case is kept as given and has no meaning in comparisons
// (RFC 4343). A set has one TTL (RFC 2181, 5.2) and its records in canonical order, so equal zones yield equal
// sequences from All. Rotation is the caller's: RRset.Turn is a counter that all generations of a set share.
//
// # Loading
//
// Load takes master files (RFC 1035 5, RFC 2308 4, RFC 3597 5) with $ORIGIN, $TTL, $INCLUDE and BIND's
// $GENERATE, reports every problem it finds with file and line, and makes a zone only when none is an
// error. Two things that printed zone files suffer are read with a warning: no-break spaces, and a line
// "IN NS ..." in the first column right below the SOA.
//
// # Answering
//
// Lookup is RFC 1034 4.3.2 with 2308, 4592, 6604, 6672, 8020 and 8482 for this zone alone. Where an alias
// leaves the zone, Answer.Next is the name to ask another zone for. LookupInto with an Answer used before
// makes no garbage. Choosing the zone (for QTYPE DS at an apex: the parent's), EDNS, truncation,
// compression (CompressibleNames) and rotation are the caller's.
//
// # Updating
//
// Apply is RFC 2136 3.2 to 3.6. CheckPrereq and Prescan are its first parts, for a caller who puts
// permissions between them. Who may change what is not decided here. A Delta has the effective changes
// only; it is one step of IXFR and one journal entry (MarshalBinary, ParseDelta). No change gives the same
// *Zone and a zero Delta.
//
// # How it is stored
//
// Names are ordered canonically (key.go) in a persistent B-tree (tree.go) whose leaves are packed strings
// of about 2 kB (block.go). A record of a large zone costs some tens of octets beside its own, and the
// garbage collector sees one object a leaf.
package zone
