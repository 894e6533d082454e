package option

import "errors"

// Type is the form of a value.
type Type uint8

// The forms.
const (
	Binary    Type = iota // hexadecimal, with or without colons
	Address               // IPv4 address
	Addresses             // pair of IPv4 addresses (static-routes)
	Boolean
	Uint8
	Uint16
	Uint32
	Int32
	String
	Name          // domain name in DNS wire form, without compression
	Route         // RFC 3442: "10.0.0.0/8 192.0.2.1"
	Flag          // no value at all
	Encapsulation // options within: "1 = …", of option 43
)

// ByName is the standard option of that name.
func ByName(name string) (Definition, bool) { return Definition{}, false }

// ByCode is the standard option of that number.
func ByCode(c Code) (Definition, bool) { return Definition{}, false }

// Parse turns what an operator wrote, one string a value, into the option's octets.
func (d Definition) Parse(values []string) ([]byte, error) { return nil, errors.New("not here") }

// Format is the way back, for people; octets that do not fit the form come as hexadecimal.
func (d Definition) Format(data []byte) []string { return nil }

// Relay is what of option 82 the server reads; the option itself is kept and echoed as it came.
type Relay struct {
	Circuit, Remote, RelayID []byte // sub-options 1, 2, 12
	Link                     uint32 // 5, RFC 3527: an address of the wanted subnet; 0: none
	ServerID                 uint32 // 11, RFC 5107; 0: none
	SourcePort               bool   // 19, RFC 8357
}

// ParseRelay reads option 82; what does not parse is left out.
func ParseRelay(data []byte) Relay { return Relay{} }
