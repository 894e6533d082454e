// Package haserver is the role dns: an authoritative DNS server whose zones change by dynamic update and survive any crash.
//
//	cfg, problems := haserver.LoadConfig("dns.toml")
//	err := haserver.Run(ctx, cfg, env) // until ctx ends
//
// # How it is made
//
//	UDP loops, one a core ──┐                          ┌── zone (pure): Lookup
//	TCP connections ────────┴─ worker: parse, TSIG, ───┤
//	                           cookies, rate limit     └── updates: pipeline ── journal ── disk
//
// Plain queries are answered in the loop that read them, from the last durable generation of the zone, which never
// changes while it is looked at. Updates and transfers are answered beside it.
//
// All changes of all zones go through one pipeline: applied in order to the newest generation, made durable many
// at a time, then visible, then answered. An answer NOERROR to an update means: this survives kill -9 and loss of power.
// When the disk fails no more updates are taken (SERVFAIL, so that clients try another server); queries are answered on.
//
// # State
//
// The state directory holds the truth (package journal). A zone's master file is read when the zone is new; when it is edited later the
// server says so at start and at reload, and serves what it has.
//
// # What it does not do yet
//
// The pair: [ha] is read and checked, and Run refuses to start with it. Signing (DNSSEC): records are stored and served like any
// others.
package haserver
