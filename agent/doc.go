// Package agent runs beside what it acts on: on a cluster node it restarts
// services, beside the DNS servers it publishes record sets. It obeys monitors and
// judges nothing; what to do is decided in the pure package agent/plan, and this
// package is the loop around it and its edges.
//
//	monitors == link ==> sessions --> loop: plan.Step --> store (bbolt), then
//	                                                  --> answers and reports
//	                                                  --> publish.go   read, write, verify (ask, ddns/send)
//	                                                  --> restart.go   scripts, systemd, exec, hooks
//	                                                  --> normal.go    compare with normal-dns, reset to it
//	                                                  --> alerts.go    mail of its own: no monitor speaks, strays
//
// [LoadConfig] reads agent.toml and everything it names. [Run] is the role: it
// returns when its context ends, with everything stopped but a restart that is under
// way: the service must not stay stopped because the agent does. The agent's systemd
// unit needs KillMode=process for the same reason.
//
// # What comes over the wire
//
// Names, record values and stamps; never a command, never a path. A monitor proves
// itself with the key or certificate of agent.toml (decision M11); without
// either the agent does not start. One monitor a pool is obeyed (M1). At
// most 64 monitors talk at once, each with a bounded queue of what it has not taken
// yet; one that does not take it is cut off.
//
// # What is on disk
//
// state_dir/agent.db: for each pool the newest stamp, the last holder and the
// order that a server still misses; for each service its restart attempts; mail
// that waits. An order is acknowledged when it is there.
package agent
