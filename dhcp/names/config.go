package names

import (
	"strings"

	"loadshare/dhcp/lease"
)

// Config is [ddns] of the DHCP server; the zero value sends nothing.
type Config struct {
	On bool
	// ForwardZones and ReverseZones are the zones that may be written to, lower case, without final dot. A name is written to the longest
	// that it is below; a name that is in none is not written.
	ForwardZones, ReverseZones []string
	TTL                        uint32 // 0: a third of the lease, at least 600, at most a day (RFC 4702, 5)
	// Override says that the server makes the A record though the client wants to.
	Override bool
	// OverrideNone says that the server makes both records though the client wants none.
	OverrideNone bool
	// Strict leaves a name alone that has another's DHCID and an AAAA but no A; else it is taken to be the same host's.
	Strict bool
}

// zoneOf is the longest of the zones that contains the name; "" when none does.
func zoneOf(name string, zones []string) (zone string) {
	for _, z := range zones {
		if len(z) > len(zone) && (name == z || strings.HasSuffix(name, "."+z)) {
			zone = z
		}
	}
	return zone
}

// reverseName is the owner of an address' PTR record.
func reverseName(ip lease.IP) string {
	return (ip<<24 | ip>>24 | ip<<8&0xff0000 | ip>>8&0xff00).String() + ".in-addr.arpa"
}

func (c Config) forwardZone(fqdn string) string       { return zoneOf(fqdn, c.ForwardZones) }
func (c Config) reverseZone(ip lease.IP) string       { return zoneOf(reverseName(ip), c.ReverseZones) }
func (c Config) forward(fqdn string) bool             { return c.On && c.forwardZone(fqdn) != "" }
func (c Config) reverse(ip lease.IP) bool             { return c.On && c.reverseZone(ip) != "" }
func (c Config) writes(fqdn string, ip lease.IP) bool { return c.forward(fqdn) || c.reverse(ip) }
