// Package wire is the octets of the DHCP failover protocol (draft-ietf-dhc-failover-12, 6 and 12).
package wire
