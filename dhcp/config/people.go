package config

import (
	"fmt"

	"loadshare/dhcp/lease"
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
		if r.at[netAt(n.Name)] != nil {
			s.Fail("name", "every shared network once")
			continue
		}
		r.at[netAt(n.Name)] = s
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
		if c.Name == scope.Known || c.Name == scope.Unknown {
			s.Fail("name", "another name: this class is made by the server")
			continue
		}
		if r.at[classAt(c.Name)] != nil {
			s.Fail("name", "every class once")
			continue
		}
		r.at[classAt(c.Name)] = s
		r.c.Scopes.Classes = append(r.c.Scopes.Classes, c)
	}
	for _, s := range r.root.Tables("client") {
		c := scope.Client{
			HType: hardwareType(s), CHAddr: hardware(s, "mac"), ClientID: identifier(s, "client_id"), Hostname: s.String("hostname", ""),
			Classes: r.classNames(s, "classes"), Deny: s.Bool("deny", false), Policy: r.policy(s, ofOthers),
		}
		if s.Has("mac") == s.Has("client_id") {
			s.Fail("mac", "exactly one of mac and client_id")
			continue
		}
		if c.CHAddr == nil && c.ClientID == nil {
			continue
		}
		at := "client " + lease.Client{ID: string(c.ClientID), HType: c.HType, CHAddr: string(c.CHAddr)}.String()
		if r.at[at] != nil {
			s.Fail("mac", "every client once")
			continue
		}
		r.at[at] = s
		r.c.Scopes.Clients = append(r.c.Scopes.Clients, c)
	}
}

// classNames reads a list of classes, which must be configured.
func (r *reader) classNames(s *config.Section, key string) []string {
	var out []string
	for i, name := range s.Strings(key) {
		if r.at[classAt(name)] == nil && (key == "classes" || name != scope.Known && name != scope.Unknown) {
			s.FailItem(key, i, "the name of a [[class]]")
			continue
		}
		out = append(out, name)
	}
	return out
}

// hardwareType reads the type of the hardware address; 1, Ethernet, when absent.
func hardwareType(s *config.Section) uint8 { return uint8(s.Int("hardware_type", 1, 1, 255)) } //nolint:gosec // in range

// The names of places as package scope has them.
func netAt(name string) string   { return fmt.Sprintf("shared network %q", name) }
func classAt(name string) string { return fmt.Sprintf("class %q", name) }
func scopeAt(name string) string { return fmt.Sprintf("scope %q", name) }
