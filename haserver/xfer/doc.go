// Package xfer sends zones to ordinary secondaries: AXFR (RFC 5936), and IXFR (RFC 1995) as far as it needs no history.
//
// A transfer is made of one generation of a zone, which never changes; updates go on meanwhile and are not in it. Messages
// are filled up to what TCP takes and signed one by one. Sending is a function of the caller, which may block as long as the
// secondary is slow: nothing else waits for it.
//
// What it does not do: NOTIFY, and IXFR from the journal. An IXFR request of an older client is answered with the whole
// zone, which RFC 1995 4 always allows.
package xfer
