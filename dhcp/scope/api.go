package scope

import (
	"net/netip"

	"loadshare/dhcp/lease"
	"loadshare/dhcp/option"
	"loadshare/dhcp/packet"
)

// Config is everything that an operator has said of networks and clients. It is data; Build checks it.
type Config struct {
	Policy  Policy // of the whole server
	Scopes  []Scope
	Classes []Class  // client-classes, in the order of the configuration
	Clients []Client // known clients that are not tied to one scope
	Custom  []option.Definition
}

// Range is addresses from First to Last, both included.
type Range struct{ First, Last lease.IP }

// Scope is one subnet with what is served there.
type Scope struct {
	Name     string
	Subnet   netip.Prefix
	Ranges   []Range
	Exclude  []Range
	Failover string // name of the pair; "" is served by this server alone

	// SharedNetwork is the name of the link, when it carries several subnets; "" is a link of its own. Secondary scopes are the others
	// of the same shared network, used when the first ones have nothing left, in the order of the configuration.
	SharedNetwork string
	// Interface is where broadcasts of this link are heard when the subnet does not tell (the server has no address in it); "" usually.
	Interface string

	Policy       Policy
	Reservations []Reservation

	AllocateFirst bool     // allocate-first-available: the lowest address first (checklist D29)
	Boundary      lease.IP // failover-backup-allocation-boundary; 0: halfway
	BackupPct     *int     // nil: the pair's
	BOOTP         bool     // static BOOTP is answered
	DynamicBOOTP  bool     // BOOTP clients may have an address of the ranges
	NoDHCP        bool     // only BOOTP (checklist D28)
	Deactivated   bool     // nobody is served; leases are kept

	Allow, Deny []string // classes that may, or may not, use the ranges; both empty: everybody
}

// Reservation is an address that one client only gets. Exactly one of CHAddr, ClientID, Circuit/Remote says whose.
type Reservation struct {
	Address  lease.IP
	HType    uint8 // 0 is 1, Ethernet
	CHAddr   []byte
	ClientID []byte
	Circuit  []byte // option 82, sub-option 1
	Remote   []byte // option 82, sub-option 2
	Hostname string
	Policy   Policy
}

// Client is what is known of a client wherever it appears: its classes and policy.
type Client struct {
	HType    uint8
	CHAddr   []byte
	ClientID []byte
	Hostname string
	Classes  []string
	Deny     bool // is never served
	Policy   Policy
}

// Class is a client-class: clients that match get its policy. What is set of the conditions must all hold.
type Class struct {
	Name        string
	VendorClass string // option 60 begins with it
	UserClass   string // option 77 contains it
	MACPrefix   []byte
	Circuit     string // option 82, sub-option 1 is it
	Remote      string
	Test        string // an expression in Kea's syntax: see package documentation
	OnlyKnown   bool   // only when named by a Client
	Policy      Policy
}

// Policy is options and times at one level; nil and zero say nothing, and the next wider level decides. The most specific wins:
// reservation, client, class (the first that matches), scope, shared network's first scope, server.
type Policy struct {
	LeaseTime, MinLease, MaxLease *uint32 // seconds; 0xffffffff is without end
	T1, T2                        *uint32 // seconds; nil: half and seven eighths
	Options                       option.List
	Always                        []option.Code // sent though the client does not ask (those that must be are always)
	NextServer                    lease.IP      // siaddr
	ServerName                    string        // sname
	BootFile                      string        // file
	RapidCommit                   *bool
	PingCheck                     *bool
	AbandonTime                   *uint32 // seconds that a declined address is left alone; nil: 86400
	V6OnlyWait                    *uint32 // RFC 8925: option 108 for clients that ask
	DDNS                          *bool
	Domain                        string // name of the domain for DNS; "": domain-name
	LeaseQuery                    []netip.Prefix
}

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

// Scopes are the subnets of the link.
func (l Link) Scopes() []*Scope { return l.scopes }

// Link is where the message's client is: relay sub-option 5, then option 118, then giaddr, then ciaddr of a renewing client, then the
// interface and this server's address there.
func (t *Table) Link(q Query) Link { return Link{} }

// Scope is the scope of that name; nil when there is none.
func (t *Table) Scope(name string) *Scope { return nil }

// ScopeOf is the scope whose subnet contains the address; nil when there is none.
func (t *Table) ScopeOf(ip lease.IP) *Scope { return nil }

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
