// Package socket is where DHCPv4 messages come in and go out, and how it is found out whether an address is in use (Linux).
//
//	s, err := socket.Open(socket.Options{Interfaces: []string{"eth1"}, Listen: addrs, Log: log})
//	go s.Run(ctx, nil, func(batch []socket.Received) { … })   // nil: all; else what drops most of a flood before it is parsed
//	s.Send([]socket.Outgoing{{Octets: b, To: to}})
//
// # Hearing
//
// One socket for each address of Listen takes what relays and renewing clients send to it. One socket for each of
// Interfaces, bound to the device and to port 67, takes what is broadcast there, also to the broadcast address of
// a network, and what is sent to an address of the interface that is not listened on. [packet.Arrival].Local is the address that the
// kernel would answer from: the one that was written to or, of a broadcast, the interface's; so a new address of the interface counts
// from the next message on. An address of Listen in the same network goes before the interface's first one. An interface that is
// removed and comes back under its name is served again within [watchEvery].
//
// These are ordinary sockets: a firewall must let port 67 in, and strict reverse path filtering drops rebinding clients of a
// network that the interface has no address in.
//
// The same octets heard on two sockets within a second are one message (a bridge and its port, two interfaces in one network, a
// relay that knows two addresses of this server); heard twice on one socket they are two: the client tries again.
//
// # Speaking
//
// Send chooses by the [packet.Destination] (RFC 2131, 4.1):
//
//	CHAddr            a frame to that Ethernet address, made by hand, for a client that cannot answer ARP yet;
//	                  other kinds of hardware get a broadcast
//	255.255.255.255   a broadcast out of Interface
//	else              through the socket of Local, so that a relay sees the address and the port that it wrote to
//
// Nothing is sent twice and nothing waits for long: what the kernel does not take within [fullWait] is counted and gone; clients repeat.
//
// # Who owns the port
//
// No port is shared. SO_REUSEADDR is needed to have the sockets of the interfaces beside those of the addresses; it
// is set only while they are opened, after a look that nobody has the port, and taken away afterwards: a second server gets an error.
//
// # Probes
//
// [Prober] asks by ARP (RFC 5227, 2.1: with no sender address) or ICMP echo. What cannot be asked, for lack of permission or because
// too many probes are under way, is answered at once with ok false.
package socket
