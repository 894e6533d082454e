// Package dhcpsim is the simulation of the DHCP servers: the real machines (dhcp/engine with dhcp/failover) with the real octets between
// them and their clients (dhcp/packet, dhcp/failover/wire), in the deterministic world of internal/sim. Disks, links, relays, clients and
// operators are models of a few lines each.
//
// A world is a pair, two pairs with the roles exchanged (symmetrical), or a back office: two mains with one backup. For some virtual hours
// processes crash, links are cut or die at any octet, messages of clients are lost, late or doubled, disks hang, are full, are lost or are
// put back to an old snapshot, clocks differ, drift and jump, operators declare a partner down, rightly and wrongly, exchange roles and give
// a pool more addresses on one server first. Then everything heals. What must hold after every event, and when it is quiet again, is in
// invariants_test.go; sabotage_test.go shows that each of it can fail; promises_test.go plays each row of the promises' table with a fixed
// schedule, gone_test.go and operator_test.go what operators do.
//
//	go test ./test/sim/dhcp                          the default seeds and those that always run
//	go test ./test/sim/dhcp -args -seeds 5000        more of them
//	go test ./test/sim/dhcp -args -from 300 -seeds 9 others
//	go test -v ./test/sim/dhcp -args -seed 42        one again, with its whole trace
//
// A seed that fails is played again with a trace, and printed with what is known of the address. Add it to alwaysSeeds. With -all the others
// run on, and each failure is one line.
//
// # What the model leaves out
//
// Names in DNS, classes, leasequery and BOOTP (dhcp/engine tests those). Two disks are never lost at once: after one was, nothing else
// breaks until its partners have made up for it. A RELEASE or DECLINE is never so late that the client has the address again: the protocol
// has no defence against that. A clock that jumps by less than a minute is believed (decision D-g), so there are no such jumps.
package dhcpsim
