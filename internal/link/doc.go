// Package link carries frames between two of our own processes: TLS 1.3, both
// ends proved before the first frame, kept alive, and cut off when silent
// (decision M11). What is in a frame is the caller's.
//
// # Proof
//
// With a shared key (KeyAuth) the TLS certificate is made for the occasion and
// proves nothing. The client first sends an HMAC-SHA256 of the session's TLS
// exporter (RFC 8446 section 7.5), keyed with the shared secret; only when it is
// right does the server answer with its own, under another label. Whoever stands
// between the two has two TLS sessions with two exporters, so a proof passed on
// is wrong, and so is one replayed later. There are no session tickets: every
// session is proved anew.
//
// With certificates (CertAuth) both ends present one of the same CA. Peer is the
// certificate's name; Expect limits which names are accepted.
//
// # Who gets in
//
// A Listener holds a bounded number of connections that have not proved
// themselves yet, for at most 5 s each. When one more arrives, the oldest of
// them makes room. Connections that have proved themselves are never dropped for
// others, and are bounded by a number of their own.
//
// # Frames
//
// A frame is 4 bytes of length, most significant first, then 1 byte to 1 MiB. A
// length of 0 is a keep-alive and never seen by the caller. Each end sends one
// when it has been silent for 5 s; an end that hears nothing for 16 s, or cannot
// get rid of a frame within 10 s, gives the connection up. So a caller that
// wants to know whether the peer lives must always be in Receive.
//
// What it does not do: reconnect, queue, acknowledge, or tell one request from
// another. A frame that was sent may be lost with the connection.
package link
