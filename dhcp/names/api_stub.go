package names

import (
	"loadshare/dhcp/lease"
	"loadshare/dhcp/packet"
)

// Asked is what the client says of its name: options 12 and 81, and what is configured.
type Asked struct {
	Packet   *packet.Packet
	IP       lease.IP
	Hostname string // configured; wins over the client's
	Domain   string
	On       bool
}

// Wish decides the name that a client gets with its lease. Put it into the lease.
func (c Config) Wish(a Asked) Name { return Name{} }

// Change compares an address before and after and says what DNS must learn, in order; IDs are the caller's to give. after's DNS field is
// completed. Call it for every change of a lease, after Name.Put where there was a message.
//
// Ours says that this server made the change, or that the partner speaks the plain draft and so knows nothing of our names; of other
// changes nothing follows.
func (c Config) Change(before, after *lease.Lease, ours bool) []Job { return nil }

// Settle writes into the lease what became of a job; false: nothing changes.
func (c Config) Settle(l *lease.Lease, j Job, done bool) bool { return false }
