package option

// Type is the form of a value.
type Type uint8

// The forms. [Type.String] is the name of each in a configuration, which is Kea's where Kea has it.
const (
	Binary        Type = iota // octets
	Address                   // IPv4 address
	Addresses                 // pair of IPv4 addresses (static-routes, policy-filter)
	Boolean                   // one octet, 0 or 1
	Uint8                     //
	Uint16                    //
	Uint32                    //
	Int32                     // two's complement
	String                    // text without an end mark
	Name                      // domain name in DNS wire form, without compression
	Route                     // RFC 3442: "10.0.0.0/8 192.0.2.1"
	Flag                      // no value at all
	Encapsulation             // options within: "1 = …", of options 43 and 82
	Int8                      //
	Int16                     //
	Address6                  // IPv6 address
	Search                    // domain names with compression among them (RFC 3397)
	Tuple                     // octets with their length in two octets before them (RFC 8572, 8.3)
	Record                    // fields of the types of Definition.Fields
)

var typeNames = [...]string{
	Binary: "binary", Address: "ipv4-address", Addresses: "address-pair", Boolean: "boolean", Uint8: "uint8", Uint16: "uint16",
	Uint32: "uint32", Int32: "int32", String: "string", Name: "fqdn", Route: "route", Flag: "empty", Encapsulation: "encapsulation",
	Int8: "int8", Int16: "int16", Address6: "ipv6-address", Search: "domain-list", Tuple: "tuple", Record: "record",
}

// String is the type's name in a configuration.
func (t Type) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return "unknown type"
}

// TypeByName is the type of that name.
func TypeByName(name string) (Type, bool) {
	for t, n := range typeNames {
		if n == name {
			return Type(t), true
		}
	}
	return 0, false
}

// whole says that a value takes all octets that there are, so that nothing can follow it.
func (t Type) whole() bool {
	switch t {
	case Binary, String, Flag, Encapsulation, Search, Record:
		return true
	}
	return false
}

// size is the octets of every value of the type; 0 when they differ.
func (t Type) size() int {
	switch t {
	case Boolean, Uint8, Int8:
		return 1
	case Uint16, Int16:
		return 2
	case Address, Uint32, Int32:
		return 4
	case Addresses:
		return 8
	case Address6:
		return 16
	}
	return 0
}
