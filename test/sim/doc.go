// Package sim is the simulation of the whole chain: monitors that decide
// (monitor/decide), agents that obey (agent/plan), and DNS servers with the
// prerequisites of RFC 2136, in the deterministic world of internal/sim. Both
// machines are the real ones; loops, links and servers are models of a few
// lines each.
//
// For some virtual minutes services die, processes crash and lose what they had
// not saved, links are cut in one direction or both, messages are lost, late,
// doubled and overtaken, disks are replaced. Then everything heals, and some
// services stay dead. What must hold all the time, and what must hold when it is
// quiet again, is in invariants_test.go.
//
//	go test ./test/sim                    the default seeds and those that always run
//	go test ./test/sim -seeds 5000        more of them
//	go test ./test/sim -seed 42 -v        one again, with its report
//
// A seed that fails is printed with its last events. Add it to alwaysSeeds.
//
// The simulation does not contain: the reset to normal-dns, MX pools, disks
// that report errors. An HA pair is modelled as two servers that have the same
// content whenever both are up; its own simulation is with haserver.
package sim
