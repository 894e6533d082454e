package config

import (
	"bytes"

	"loadshare/dhcp/scope"
	"loadshare/internal/config"
)

// networks reads [[shared_network]].
func (r *reader) networks() {
	for _, s := range r.root.Tables("shared_network") {
		n := scope.Network{Name: s.Required("name"), Policy: r.policy(s, ofOthers)}
		if n.Name == "" {
			continue
		}
		if r.nets[n.Name] != nil {
			s.Fail("name", "every shared network once")
			continue
		}
		r.nets[n.Name] = s
		r.c.Scopes.Networks = append(r.c.Scopes.Networks, n)
	}
}

// people reads [[class]] and [[client]].
func (r *reader) people() {
	for _, s := range r.root.Tables("class") {
		c := scope.Class{
			Name: s.Required("name"), VendorClass: s.String("vendor_class", ""), UserClass: s.String("user_class", ""),
			MACPrefix: hardware(s, "mac_prefix"), Circuit: string(identifier(s, "circuit_id")), Remote: string(identifier(s, "remote_id")),
			Test: s.String("test", ""), OnlyKnown: s.Bool("only_known", false), Policy: r.policy(s, ofOthers),
		}
		if c.Name == "" {
			continue
		}
		if c.Name == known || c.Name == unknown {
			s.Fail("name", "another name: this class is made by the server")
			continue
		}
		if r.classes[c.Name] != nil {
			s.Fail("name", "every class once")
			continue
		}
		if !c.OnlyKnown && c.VendorClass == "" && c.UserClass == "" && c.MACPrefix == nil && c.Circuit == "" && c.Remote == "" && c.Test == "" {
			s.Fail("name", "with one of vendor_class, user_class, mac_prefix, circuit_id, remote_id, test or only_known: this class is everybody's, which [policy] is for")
		}
		r.classes[c.Name] = s
		r.c.Scopes.Classes = append(r.c.Scopes.Classes, c)
	}
	for _, s := range r.root.Tables("client") {
		c := scope.Client{
			HType: hardwareType(s), CHAddr: hardware(s, "mac"), ClientID: identifier(s, "client_id"), Hostname: hostname(s),
			Classes: r.classNames(s, "classes"), Deny: s.Bool("deny", false), Policy: r.policy(s, ofOthers),
		}
		if s.Has("mac") == s.Has("client_id") {
			s.Fail("mac", "exactly one of mac and client_id")
			continue
		}
		if r.knows(c) {
			s.Fail("mac", "every client once")
			continue
		}
		r.c.Scopes.Clients = append(r.c.Scopes.Clients, c)
	}
}

func (r *reader) knows(c scope.Client) bool {
	for _, o := range r.c.Scopes.Clients {
		if o.HType == c.HType && bytes.Equal(o.CHAddr, c.CHAddr) && bytes.Equal(o.ClientID, c.ClientID) {
			return true
		}
	}
	return false
}

// Classes that the server makes itself: who is configured, and who is not.
const known, unknown = "KNOWN", "UNKNOWN"

// classNames reads a list of classes, which must be configured.
func (r *reader) classNames(s *config.Section, key string) []string {
	var out []string
	for i, name := range s.Strings(key) {
		if r.classes[name] == nil && (key == "classes" || name != known && name != unknown) {
			s.FailItem(key, i, "the name of a [[class]]")
			continue
		}
		out = append(out, name)
	}
	return out
}

// hardwareType reads the type of the hardware address; 1, Ethernet, when absent.
func hardwareType(s *config.Section) uint8 { return uint8(s.Int("hardware_type", 1, 1, 255)) } //nolint:gosec // in range

// hostname reads a host's name, whole or within the domain.
func hostname(s *config.Section) string {
	name := s.String("hostname", "")
	if name != "" && !isHostname(name) {
		s.Fail("hostname", "labels of letters, digits and hyphens, joined by dots")
		return ""
	}
	return name
}

func isHostname(name string) bool {
	if len(name) > 253 {
		return false
	}
	label := 0
	for i, c := range []byte(name) {
		switch {
		case c == '.':
			if label == 0 || name[i-1] == '-' {
				return false
			}
			label = 0
			continue
		case c == '-' && label > 0, c == '_', c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
		default:
			return false
		}
		if label++; label > 63 {
			return false
		}
	}
	return label > 0 && name[len(name)-1] != '-'
}
