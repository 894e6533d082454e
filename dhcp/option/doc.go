// Package option knows DHCPv4 options: their names and types, text to octets and back, and the parts that the server itself reads.
// It is pure: no clock, no I/O.
//
// # Names
//
// The standard options have the names and types of Kea (see [ByName]); some have a second name, as ISC dhcpd or an older RFC calls
// them. "code-224" is any option as raw octets. An operator's own options are [Definition] values of a [Set], which refuses those
// that collide with a standard one.
//
// # Text
//
// [Definition.Parse] takes one string a value, [Definition.Format] gives one string a value. What [Definition.Format] gives,
// [Definition.Parse] takes, and the octets are the same (of domain-search the names are: compression may differ).
//
//	type              text of a value
//	ipv4-address      192.0.2.1
//	address-pair      10.0.0.0 192.0.2.1
//	ipv6-address      2001:db8::1
//	boolean           true, false (also on, off, yes, no, 1, 0)
//	uint8 … int32     decimal, or hexadecimal with 0x
//	string            as it is
//	fqdn, domain-list host.example.org, with or without a dot at the end; octets that are no letters as \DDD
//	route             10.0.0.0/8 192.0.2.1 (RFC 3442)
//	binary            01:02:0a, 01020a, 0x01020a, or text in quotes
//	tuple             text, sent with its length in two octets before it (RFC 8572)
//	empty             no value, or true
//	encapsulation     1 = 01:02, 2 uint16 = 1500, 3 string = a text (options within, as of option 43)
//	record            the fields as values, one after the other
//
// Of every type, one value "hex:01:02:0a" is the octets of the option as they are, unchecked: for what does not fit its type. Format
// gives that for octets that do not fit.
//
// # What is not here
//
// Which options are sent, and to whom: dhcp/scope. How options are laid out in a message, and long ones split: dhcp/packet.
//
// github.com/insomniacslk/dhcp is not used here: its option types are one Go type an option and parse no text; dhcp/packet compares
// itself with it in tests.
package option
