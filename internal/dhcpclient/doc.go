// Package dhcpclient is DHCPv4 clients behind a relay agent of its own, for tests, benchmarks and the demo. It needs neither
// root nor port 67: it sends to the servers as a relay does (giaddr is its own address), from any port.
//
// [Relay] is one client's whole life, a message at a time: Acquire, Reboot, Renew, Release, Decline, Inform.
//
//	r, err := dhcpclient.Listen(dhcpclient.Config{Local: local, Servers: servers, Link: gateway})
//	lease, err := r.Acquire(ctx, dhcpclient.Client{MAC: mac})
//
// [Generator] is many clients at once, at a fixed rate or with a fixed number under way, and counts leases kept, losses, and latencies. Its
// messages are made once and patched in place, sent and read in batches on one thread, and it sleeps when there is
// nothing to do: on one core it must outrun any server.
//
// # Where answers go
//
// A server answers a relay on port 67 of giaddr. Where this relay has another port, the server must be told: ours by
// relay_reply_port = "source", every server that knows RFC 8357 by Config.SourcePort. The addresses come from the network
// of giaddr unless Config.Link names another (RFC 3527).
package dhcpclient
