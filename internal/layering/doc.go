// Package layering is the import policy of this module, as data (policy.go) and
// as a test: which package may import which, which may use which library, and
// which are pure.
//
// The shape it keeps: every daemon is one loop package, and below it are pure
// packages that decide. A pure package has no clock, no lock, no log, no file
// and no socket, so that every decision can be replayed. The daemons know
// each other only through words (monitor/order) and through the DNS protocol.
//
// A new package must be named in policy.go before the test passes, with what it
// may import and nothing more. Test files are free.
package layering
