// Package bulkserve answers bulk leasequeries over TCP (RFC 6926): [Listen], then [Server.Serve] until its context ends.
//
// A message has its size before it, in two octets (6.1). Requests of one connection are answered one after the other, in order; those that
// wait stay in the kernel's buffers. Leases are asked for in pages, so that the server of clients waits for a page at most, and a
// connection holds one page and one buffer whatever the size of the answer.
//
// Who may ask is a list of networks; a connection from anywhere else, or one more than there may be, is closed at once and counted. A
// connection on which nothing moves for the data timeout is closed. When the server stops, an answer under way ends with
// QueryTerminated.
package bulkserve
