// Package expr is the language of a class's test: a condition over one message, in the syntax that Kea uses, so that people and imported
// configurations need not learn another. Pure.
//
//	test, err := expr.Parse(`substring(option[60].hex, 0, 9) == 'PXEClient' and not member('printers')`, names)
//	if test.Eval(&expr.Env{Packet: p, Member: isIn}) { … }
//
// # Conditions
//
//	a == b                        the octets of two values are the same
//	option[60].exists             the message has that option; so relay4[1].exists, option[82].option[1].exists
//	member('phones')              the client is in that class
//	not c, c and d, c or d, ( c ) not binds most, or least
//
// # Values are octets
//
//	'text'                        octets between the quotes; nothing is escaped
//	0x0102, 42, 192.0.2.1         octets; an integer of four; an address of four
//	option[60].text, .hex         the value of an option, by number or by name; empty when it is not there. text and hex are the same
//	option[82].option[1].hex      an option within an option
//	relay4[1].hex                 the same: sub-option 1 of option 82
//	pkt4.mac                      chaddr, hlen octets
//	pkt4.ciaddr .yiaddr .siaddr .giaddr .hlen .htype .msgtype .transid    four octets each, so that they compare with 42 or 192.0.2.1
//	pkt.iface                     the interface where a broadcast was heard; empty of a unicast message
//	a + b, concat(a, b, …)        one after the other
//	substring(v, start, length)   start < 0 counts from the end; length < 0 is what is before start; all is the rest
//	split(v, delimiters, n)       field n, from 1, of v cut at each of the delimiter characters; empty when there is none
//	ifelse(c, a, b)               a when the condition holds, else b
//	lcase(v), ucase(v)            ASCII letters
//	hexstring(v, separator)       0x0aff as 0a:ff
//	addrtotext(v)                 four octets as 192.0.2.1
//	uint8totext(v) uint16totext uint32totext int8totext int16totext int32totext    octets of just that width as a decimal number
//
// # Bounds
//
// A text has at most [MaxSize] octets, and nests at most [MaxDepth] deep. Evaluation cannot fail: what is not there, or has not the width that
// a function needs, is empty. A value that an expression makes is cut at [MaxMade] octets.
//
// Kea's template classes, vendor[…], regular expressions and everything of DHCPv6 are not here; Parse says so.
package expr
