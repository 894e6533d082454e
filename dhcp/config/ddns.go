package config

import (
	"net/netip"
	"slices"
	"strings"

	"loadshare/ddns"
	"loadshare/dhcp/names"
	"loadshare/internal/config"
)

// DDNS is [ddns]: where the names of leases go.
type DDNS struct {
	Servers []netip.AddrPort // main first
	Policy  string           // "pair": the main twice, then the backup, then each every 4 s (checklist H26, H27)
	Key     config.TSIGKey   // zero: unsigned
}

// readDDNS reads [ddns]; nil: there is none.
func readDDNS(s *config.Section) (*DDNS, names.Config) {
	if !s.Present() {
		return nil, names.Config{}
	}
	d := &DDNS{Servers: s.AddrPorts("servers", 53), Policy: s.OneOf("policy", "pair", "pair")}
	if len(d.Servers) == 0 {
		s.Fail("servers", "the addresses of the DNS servers, main first: [\"192.168.0.10:53\"]")
	}
	if len(d.Servers) > 2 {
		s.Fail("servers", "one server, or main and backup of a pair")
	}
	for i, a := range d.Servers {
		if slices.Contains(d.Servers[:i], a) {
			s.FailItem("servers", i, "each server once")
		}
	}
	key, file := s.SigningKey()
	if d.Key = key; file != "" {
		warnReadable(s, "key", file)
	}
	n := names.Config{
		On: s.Bool("enabled", true), ForwardZones: zones(s, "forward_zone"), ReverseZones: zones(s, "reverse_zone"),
		Override: s.Bool("override_client", false), OverrideNone: s.Bool("override_none", false), Strict: s.Bool("strict", false),
	}
	if s.Has("ttl") {
		n.TTL = s.TTL("ttl", 0)
	}
	if len(n.ForwardZones) == 0 && len(n.ReverseZones) == 0 && !s.Has("forward_zone") && !s.Has("reverse_zone") {
		s.Fail("forward_zone", "the zone of the clients' names, such as \"mydomain.com\"; or reverse_zone, or both")
	}
	return d, n
}

// zones reads one zone or a list of them.
func zones(s *config.Section, key string) []string {
	texts := []string{}
	if _, list := s.Raw(key).([]any); list {
		texts = s.Strings(key)
	} else if s.Has(key) {
		texts = append(texts, s.String(key, ""))
	}
	var out []string
	for _, text := range texts {
		err := ddns.CheckName(strings.TrimSuffix(text, "."))
		name := ddns.CanonicalName(text)
		switch {
		case err != nil:
			s.Fail(key, "the name of a zone: "+err.Error())
		case slices.Contains(out, name):
			s.Fail(key, "every zone once")
		default:
			out = append(out, name)
		}
	}
	return out
}
