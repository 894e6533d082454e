// Package packet turns octets into DHCPv4 messages and back (RFC 2131, 2; RFC 3396; RFC 951). Pure.
package packet
