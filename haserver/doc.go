// Package haserver is the role dns: an authoritative DNS server whose zones change by dynamic update and survive any crash.
//
//	cfg, problems := haserver.LoadConfig("dns.toml")
//	err := haserver.Run(ctx, cfg, env) // until ctx ends
//
// # How it is made
//
//	UDP loops, one a core ──┐                          ┌── zone (pure): Lookup
//	TCP connections ────────┴─ worker: parse, TSIG, ───┤
//	                           cookies, rate limit     └── updates ──┐
//	operator's door ─────────────────────────────────────────────────┤
//	partner ── link ── pairmsg ──────────────────────────────────────┴─ loop ── pair.Machine (pure): all decisions
//	                                                                      │
//	                    committer ── journal ── disk ─────────────────────┤
//	                    messages to the partner, zones that are seen, answers, jobs
//
// Plain queries are answered in the loop that read them, from the generation of the zone that is visible, which never
// changes while it is looked at. Updates and transfers are answered beside it.
//
// All changes of all zones, of a single server and of a pair, go through one goroutine (loop.go) around the machine of package
// pair. Each is carried out on the newest generation; many are made durable by one fsync (committer.go), while they are shipped to the
// partner; then they are visible, then answered. An answer NOERROR to an update means: this survives kill -9 and loss of power,
// and in a pair, as long as status says two copies, the loss of either disk. When the disk fails no more updates are taken
// here (SERVFAIL, so that clients try another server), the partner takes them, and queries are answered on.
//
// The link to the partner is pairlink.go (connections), session.go (queues and the stream of messages), gather.go (contents that come in
// parts), jobs.go (long reading and sending) and forward.go (clients' updates at the backup). What no write shows, such as a
// hung disk, watch.go finds. Alarms that stand are told by tell.go, in the log and by mail; words.go has the hints of the log.
//
// # State
//
// The state directory holds the truth (package journal). A zone's master file is read when the zone is new; when it is edited later the
// server says so at start and at reload, and serves what it has.
//
// # What it does not do
//
// Signing (DNSSEC): records are stored and served like any others.
package haserver
