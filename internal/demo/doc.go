// Package demo is `loadshare demo`: the whole system on loopback, without root
// and without configuration.
//
// It makes a directory of its own, writes real configuration files there, and
// starts every role as a process of its own from the same binary: two DNS
// servers, an agent beside each that publishes, an agent on each of three
// pretended nodes that restarts, a monitor, and two DHCP servers. The nodes run real little HTTP
// and SMTP services which die by kill -9.
//
//	world.go     addresses, directory, configuration files
//	procs.go     starting, killing and stopping the processes
//	service.go   the little services, a hidden subcommand of the binary
//	dhcp.go      the DHCP pair: configuration, clients, its part of the story
//	mailbox.go   a mail server that shows what loadshare mails
//	wire.go      DNS and HTTP questions, asked as a client would
//	timeline.go  what a person sees while it runs
//	story.go     the script: each step proved on the wire and timed
//
// The two DNS servers are an HA pair (policy "pair"), the two DHCP servers a failover pair; their clients are behind a relay.
package demo
