// Package xfer sends zones to ordinary secondaries: AXFR (RFC 5936) and IXFR (RFC 1995).
//
// A transfer leads to one generation of a zone, which never changes; updates go on meanwhile and are not in it. Messages
// are filled up to what TCP takes and signed one by one. Sending is a function of the caller, which may block as long as the
// secondary is slow: nothing else waits for it.
//
// The three answers to an IXFR question are Serial (the client has this or newer), Steps (the way from its serial, step by step
// as it happened, none of them left out or joined) and Zone (all of it, which RFC 1995 4 always allows). Which one it is
// decides the caller, who has the journal.
package xfer
