package scope

import (
	"net/netip"

	"loadshare/dhcp/lease"
	"loadshare/dhcp/option"
	"loadshare/dhcp/packet"
)

// Query is a message and where it came in.
type Query struct {
	Packet    *packet.Packet
	Interface string   // where a broadcast was heard; "" of a unicast one
	Local     lease.IP // this server's address there
}

// Pool is what of a scope's ranges is for dynamic addresses, exclusions and reservations taken out.
type Pool struct {
	Scope  *Scope
	Ranges []Range
	Size   int
}

// Problem is what is wrong in a Config; Where is the path of keys, for example scope "cluster": ranges.
type Problem struct {
	Where, What string
	Warning     bool
}

// Table is a Config ready for use; it does not change.
type Table struct{}

// Build checks the configuration and prepares it. With problems that are no warnings there is no table.
func Build(c Config) (*Table, []Problem) { return nil, nil }

// Link is a network that clients share: the scopes of it in the order of preference. The zero value is none of ours.
type Link struct{ scopes []*Scope }

// IsZero says that it is no network of ours.
func (l Link) IsZero() bool { return len(l.scopes) == 0 }

// ScopeOf is the link's scope whose subnet contains the address; nil when none does.
func (l Link) ScopeOf(ip lease.IP) *Scope { return nil }

// Scopes are the subnets of the link.
func (l Link) Scopes() []*Scope { return l.scopes }

// Link is where the message's client is: relay sub-option 5, then option 118, then giaddr, then ciaddr of a renewing client, then the
// interface and this server's address there.
func (t *Table) Link(q Query) Link { return Link{} }

// Scope is the scope of that name; nil when there is none.
func (t *Table) Scope(name string) *Scope { return nil }

// ScopeOf is the scope whose subnet contains the address; nil when there is none.
func (t *Table) ScopeOf(ip lease.IP) *Scope { return nil }

// Scopes are all, in the order of the configuration.
func (t *Table) Scopes() []*Scope { return nil }

// InformScope is where a client that has its address by other means belongs (RFC 2131, 4.3.5): the scope of ciaddr; else the first of its
// link; nil when neither is ours.
func (t *Table) InformScope(q Query) *Scope { return nil }

// PoolOf is the pool of the scope; without addresses when it has none.
func (t *Table) PoolOf(s *Scope) Pool { return Pool{Scope: s} }

// Dynamic says that the address is in a pool.
func (t *Table) Dynamic(ip lease.IP) bool { return false }

// MayQuery says whether that address may ask for leases of the scope (nil: of any), by the scope's list if it has one, else the server's.
func (t *Table) MayQuery(from netip.Addr, s *Scope) bool { return false }

// Pools are the dynamic addresses, a pool a scope, in the order of the configuration.
func (t *Table) Pools() []Pool { return nil }

// Reserved is whose the address is by reservation; nil when nobody's.
func (t *Table) Reserved(ip lease.IP) *Reservation { return nil }

// Identity is who asks, worked out once a message.
type Identity struct {
	Classes []*Class // that match, in the order of the configuration
	Known   *Client  // nil: not configured
	Denied  bool
}

// Identify works it out.
func (t *Table) Identify(q Query) Identity { return Identity{} }

// ReservationFor is the reservation that the asking client has in that scope; nil when none.
func (t *Table) ReservationFor(q Query, s *Scope) *Reservation { return nil }

// Admits says whether the client may have a dynamic address of that scope.
func (t *Table) Admits(id Identity, s *Scope, bootp bool) bool { return false }

// Terms are what a client gets beside the address, all levels joined.
type Terms struct {
	Lease, Min, Max uint32 // seconds
	T1, T2          uint32 // 0: by the usual fractions
	Options         option.List
	NextServer      lease.IP
	ServerName      string
	BootFile        string
	RapidCommit     bool
	PingCheck       bool
	AbandonTime     uint32
	V6OnlyWait      *uint32
	DDNS            bool
	Domain          string
	Hostname        string // the reservation's or the known client's; "": what the client says
}

// Terms joins the levels for that client, scope and reservation (nil: none). Options holds what the client asked for (option 55, in its order), what
// must always be sent, the subnet mask of the scope, and none of those that depend on the lease (51, 54, 58, 59).
func (t *Table) Terms(q Query, id Identity, s *Scope, r *Reservation) Terms { return Terms{} }

// Desired is the lease time for a client that asks for that many seconds, or does not ask (RFC 2131, 4.3.1).
func (t Terms) Desired(asked uint32, has bool) uint32 { return 0 }
