package option

// Code is the number of a DHCPv4 option, 1 to 254.
type Code uint8

// Option is one option with its whole value: parts of a long one are joined (RFC 3396). Data is shared and never changed.
type Option struct {
	Code Code
	Data []byte
}

// List holds at most one option of a code, in the order of arrival or of sending. The zero value is empty.
type List []Option

// Get is the value of an option.
func (l List) Get(c Code) ([]byte, bool) {
	for i := range l {
		if l[i].Code == c {
			return l[i].Data, true
		}
	}
	return nil, false
}

// Has says that the option is there.
func (l List) Has(c Code) bool {
	_, ok := l.Get(c)
	return ok
}

// Set replaces the option of that code, or adds it at the end.
func (l *List) Set(c Code, data []byte) {
	for i := range *l {
		if (*l)[i].Code == c {
			(*l)[i].Data = data
			return
		}
	}
	*l = append(*l, Option{c, data})
}

// The options that the server itself understands or makes (RFC 2132 and as named).
const (
	Pad                 Code = 0
	SubnetMask          Code = 1
	Routers             Code = 3
	DomainNameServers   Code = 6
	HostName            Code = 12
	DomainName          Code = 15
	InterfaceMTU        Code = 26
	BroadcastAddress    Code = 28
	VendorEncapsulated  Code = 43
	RequestedAddress    Code = 50
	LeaseTime           Code = 51
	Overload            Code = 52
	MessageType         Code = 53
	ServerIdentifier    Code = 54
	ParameterList       Code = 55
	Message             Code = 56
	MaxMessageSize      Code = 57
	RenewalTime         Code = 58
	RebindingTime       Code = 59
	VendorClass         Code = 60
	ClientIdentifier    Code = 61
	TFTPServerName      Code = 66
	BootFile            Code = 67
	UserClass           Code = 77 // RFC 3004
	RapidCommit         Code = 80 // RFC 4039
	ClientFQDN          Code = 81 // RFC 4702
	RelayInformation    Code = 82 // RFC 3046
	LastTransaction     Code = 91 // RFC 4388
	AssociatedAddresses Code = 92 // RFC 4388
	IPv6OnlyPreferred   Code = 108
	SubnetSelection     Code = 118 // RFC 3011
	DomainSearch        Code = 119
	ClasslessRoutes     Code = 121
	End                 Code = 255
)

// Definition is one option's name and form.
type Definition struct {
	Code Code
	Name string // as in Kea and RFC 2132: domain-name-servers
	Type Type
	List bool // several values, one after the other
}
