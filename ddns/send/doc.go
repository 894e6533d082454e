// Package send carries a [ddns.Change] to one DNS server as one RFC 2136 UPDATE.
//
// Every attempt at every server is a fresh message, with a fresh id, built and
// signed anew. TCP is the default: a lost UDP answer would make the repeat fail
// its own prerequisites (RFC 2136 section 7.8). With [Sender.UDP] small messages
// go by UDP first.
//
// The destination is the server that the caller names, never the SOA MNAME. The
// [Result] says what the caller may do: done, ask again because a prerequisite
// failed, try again because the server was silent (no answer, SERVFAIL, NOTIMP,
// port unreachable), or give up because the refusal is final (section 4.6).
package send
