// Package pairsim is the simulation of the HA DNS pair: two of the real machines (haserver/pair) with real zones, real
// merges and the real bytes between them (haserver/pairmsg), in the deterministic world of internal/sim. Disks, the
// link, the shell's jobs, clients, operators and secondaries are models of a few lines each.
//
// For some virtual minutes processes crash, hosts vanish, links are cut or reset, disks are slow, full, lost or put
// back to an old snapshot, clocks jump, operators declare their partner down, swap, stop and start. Then everything
// heals. What must hold all the time, and when it is quiet again, is in invariants_test.go and oracle_test.go;
// sabotage_test.go shows that each of it can fail. promises_test.go plays each row of the promises' table with a fixed
// schedule, behaviour_test.go what has no row.
//
//	go test ./test/sim/pair                          the default seeds and those that always run
//	go test ./test/sim/pair -args -seeds 5000        more of them
//	go test ./test/sim/pair -args -from 300 -seeds 9 others
//	go test -v ./test/sim/pair -args -seed 42        one again, with its whole trace
//
// A seed that fails is printed with its last events. Add it to alwaysSeeds. With -all the others run on, and each failure
// is one line.
//
// # What the model leaves out
//
// Forwarding of updates and the settings of zones, catalog zones, scavenging: the shell does them (package haserver's tests). Two disks are never
// lost at once: after one was, nothing else breaks until the partner has made up for it.
package pairsim
