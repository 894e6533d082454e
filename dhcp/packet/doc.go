// Package packet turns octets into DHCPv4 messages and back (RFC 2131, 2; RFC 3396; RFC 951), and says where a reply goes (RFC 2131,
// 4.1). It is pure: no clock, no I/O.
//
// # In
//
// [Parse] refuses what cannot be answered, with an [Error] that says why; see [Fault] for the list. What is odd but clear it takes:
// a message without the cookie (BOOTP, no options), options without an end, an option in several pieces (joined, RFC 3396), pads
// anywhere, octets after the end. Options 52 and 53 are gone from the list: sname and file that held options are empty and their
// options are in the list, and 53 is [Packet].Type. Requested address and server identifier decide what a message means, so a message
// where one of them is not four octets is refused rather than taken as one without. Others of a wrong length are for the readers of
// [option.List] to ignore.
//
// [Parse] takes one piece of memory a message; a [Buffer] is that memory, to be used again by who is done with the message before.
//
// # Out
//
// [Packet.Append] writes 53, 54 and 51 first, then the options in the order of the list, and 82 last, just before the end (RFC 3046,
// 2.1). More than 255 octets become several pieces. When room is short, and only then, file and sname carry options too, if they
// hold no text (option 52); 82 never goes there (RFC 3046, 2.1). An option is kept in one piece where that is possible. What
// then does not fit is left out and counted: those late in the list have the least claim; 82 has more than all but the first three.
// Shorter messages are filled to 300 octets (RFC 951; relays and clients drop less).
//
// Room counts the octets of the UDP payload: what [Room] gives, option 57 less 28 for the IP and UDP headers, so 548 when the client
// said nothing (576, RFC 2131, 2).
//
// # Our own codec
//
// The octet path is our own: github.com/insomniacslk/dhcp/dhcpv4 knows neither option overload nor a room, sorts options by number,
// and takes some ten pieces of memory a message. The tests compare both over what both can say, and state the differences.
package packet
