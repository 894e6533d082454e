package scope

import (
	"net/netip"

	"loadshare/dhcp/lease"
	"loadshare/dhcp/option"
)

// Config is everything that an operator has said of networks and clients. It is data; Build checks it.
type Config struct {
	Policy   Policy // of the whole server
	Networks []Network
	Scopes   []Scope
	Classes  []Class  // client-classes, in the order of the configuration
	Clients  []Client // known clients that are not tied to one scope
	Custom   []option.Definition

	// IgnoreSubnetSelection: option 118 of a client says nothing and is not echoed (RFC 3011, 2).
	IgnoreSubnetSelection bool
}

// Network is a link that carries several subnets: what its scopes have in common. A scope may name a shared network that has no entry.
type Network struct {
	Name   string
	Policy Policy
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
	BootpPct      *int     // dynamic-bootp-backup-pct, of a scope with DynamicBOOTP (checklist D27); nil: as BackupPct
	BOOTP         bool     // static BOOTP is answered
	DynamicBOOTP  bool     // BOOTP clients may have an address of the ranges
	NoDHCP        bool     // only BOOTP (checklist D28)
	Deactivated   bool     // nobody is served; leases are kept

	// Allow and Deny are the classes that may, or may not, use the ranges; both empty: everybody. KNOWN is every client that is
	// configured, by a Client or by any Reservation; UNKNOWN every other.
	Allow, Deny []string
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

// Client is what is known of a client wherever it appears: its classes and policy. Exactly one of CHAddr and ClientID says whose.
type Client struct {
	HType    uint8
	CHAddr   []byte
	ClientID []byte
	Hostname string
	Classes  []string
	Deny     bool // is never served
	Policy   Policy
}

// Class is a client-class: clients that match get its policy. What is set of the conditions must all hold; a client that a Client puts
// into the class is in it without them.
type Class struct {
	Name        string
	VendorClass string // option 60 begins with it
	UserClass   string // option 77 contains it
	MACPrefix   []byte
	Circuit     string // option 82, sub-option 1 is it
	Remote      string
	Test        string // an expression in Kea's syntax: see package documentation
	OnlyKnown   bool   // only clients that a Client puts into it, and of these only those for which the conditions hold
	Policy      Policy
}

// Policy is options and times at one level; nil and zero say nothing, and the next wider level decides, for each field and each option by
// itself. The most specific wins: reservation, client, class (the first that matches and says it), scope, shared network, server.
type Policy struct {
	// Seconds; 0xffffffff is without end. Nowhere said: a day, no longer than LeaseTime, no shorter than 300 or LeaseTime.
	LeaseTime, MinLease, MaxLease *uint32
	T1, T2                        *uint32 // seconds; nil: half and seven eighths
	Options                       option.List
	Always                        []option.Code  // sent though the client does not ask (those that must be are always)
	NextServer                    lease.IP       // siaddr
	ServerName                    string         // sname
	BootFile                      string         // file
	RapidCommit                   *bool          // nil: no
	PingCheck                     *bool          // nil: yes
	AbandonTime                   *uint32        // seconds that a declined address is left alone; nil: 86400
	V6OnlyWait                    *uint32        // RFC 8925: option 108 for clients that ask
	DDNS                          *bool          // nil: yes
	Domain                        string         // name of the domain for DNS; "": domain-name
	LeaseQuery                    []netip.Prefix // who may ask for leases (RFC 4388, 7); of the server and of scopes only
}
