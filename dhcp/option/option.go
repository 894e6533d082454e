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

// Delete takes the option of that code out; it changes the list that l shares memory with.
func (l *List) Delete(c Code) {
	for i := range *l {
		if (*l)[i].Code == c {
			*l = append((*l)[:i], (*l)[i+1:]...)
			return
		}
	}
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
	StaticRoutes        Code = 33
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
	Authentication      Code = 90 // RFC 3118
	LastTransaction     Code = 91 // RFC 4388
	AssociatedAddresses Code = 92 // RFC 4388
	IPv6OnlyPreferred   Code = 108
	SubnetSelection     Code = 118 // RFC 3011
	DomainSearch        Code = 119
	ClasslessRoutes     Code = 121
	StatusCode          Code = 151 // RFC 6926, as those that follow
	BaseTime            Code = 152
	StartTimeOfState    Code = 153
	QueryStartTime      Code = 154
	QueryEndTime        Code = 155
	DHCPState           Code = 156
	DataSource          Code = 157
	End                 Code = 255
)

// Managed says that the server makes the option itself, from the message and the lease, or that only clients and relays send it: an
// operator cannot configure it.
func Managed(c Code) bool {
	switch c {
	case Pad, RequestedAddress, LeaseTime, Overload, MessageType, ServerIdentifier, ParameterList, MaxMessageSize, RenewalTime,
		RebindingTime, ClientIdentifier, RapidCommit, ClientFQDN, RelayInformation, Authentication, LastTransaction,
		AssociatedAddresses, SubnetSelection, StatusCode, BaseTime, StartTimeOfState, QueryStartTime, QueryEndTime, DHCPState,
		DataSource, End:
		return true
	}
	return false
}
