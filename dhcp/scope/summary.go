package scope

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"loadshare/dhcp/lease"
	"loadshare/dhcp/option"
)

// Summary is a configuration in words: what must be the same on both partners (checklist D04), without what is each server's own
// (interfaces; dynamic_bootp_backup_pct, which only the main reads, checklist D27). It is plain data, for JSON.
type Summary struct {
	Parts []Part `json:"parts"` // by kind and name, ascending
}

// Part is one object of the configuration.
type Part struct {
	Kind   string  `json:"kind"` // server, shared network, scope, class, client, option
	Name   string  `json:"name,omitempty"`
	Values []Value `json:"values"` // by key, ascending; what is not set is not there
}

// Value is one setting, as an operator would write it.
type Value struct {
	Key  string `json:"key"`
	Text string `json:"text"`
}

// Summarize puts the configuration into words; ill-formed parts of it too. pair names the failover pair whose scopes count, with the shared
// networks they are on; "" is all scopes.
func Summarize(c Config, pair string) Summary {
	set, err := option.NewSet(c.Custom)
	if err != nil {
		set = nil
	}
	w := &words{options: set}
	w.server(&c)
	networks := map[string][]string{}
	for i := range c.Scopes {
		s := &c.Scopes[i]
		if pair != "" && s.Failover != pair {
			continue
		}
		w.scope(s)
		if s.SharedNetwork != "" {
			networks[s.SharedNetwork] = append(networks[s.SharedNetwork], s.Name)
		}
	}
	for name, scopes := range networks {
		w.text("scopes", strings.Join(scopes, ", "))
		for i := range c.Networks {
			if c.Networks[i].Name == name {
				w.policy(&c.Networks[i].Policy)
			}
		}
		w.part("shared network", name)
	}
	for i := range c.Classes {
		w.class(&c.Classes[i])
	}
	for i := range c.Clients {
		w.client(&c.Clients[i])
	}
	for _, d := range c.Custom {
		w.definition(d)
	}
	slices.SortStableFunc(w.parts, byName)
	return Summary{Parts: w.parts}
}

func byName(a, b Part) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name)) }

// words collects the values of one part after the other.
type words struct {
	options *option.Set
	values  []Value
	parts   []Part
}

// part ends the part whose values were collected.
func (w *words) part(kind, name string) {
	slices.SortStableFunc(w.values, func(a, b Value) int { return cmp.Compare(a.Key, b.Key) })
	w.parts = append(w.parts, Part{Kind: kind, Name: plain(name), Values: w.values})
	w.values = nil
}

func (w *words) text(key, text string) {
	if text != "" {
		w.values = append(w.values, Value{key, plain(text)})
	}
}

func (w *words) flag(key string, is bool) {
	if is {
		w.text(key, "true")
	}
}

func (w *words) address(key string, ip lease.IP) {
	if ip != 0 {
		w.text(key, ip.String())
	}
}

func (w *words) seconds(key string, v *uint32) {
	if v != nil {
		w.text(key, seconds(*v))
	}
}

func (w *words) choice(key string, v *bool) {
	if v != nil {
		w.text(key, strconv.FormatBool(*v))
	}
}

// plain is text that survives JSON: what is not UTF-8 is quoted.
func plain(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strconv.QuoteToASCII(s)
}

func (w *words) server(c *Config) {
	w.policy(&c.Policy)
	w.flag("ignore_subnet_selection", c.IgnoreSubnetSelection)
	names := make([]string, len(c.Classes))
	for i := range c.Classes {
		names[i] = c.Classes[i].Name
	}
	w.text("order of classes", strings.Join(names, ", "))
	w.part("server", "")
}

func (w *words) scope(s *Scope) {
	w.text("subnet", s.Subnet.String())
	w.text("ranges", list(ascending(s.Ranges)))
	w.text("exclude", list(ascending(s.Exclude)))
	w.text("failover", s.Failover)
	w.text("shared_network", s.SharedNetwork)
	w.flag("allocate_first_available", s.AllocateFirst)
	w.address("backup_allocation_boundary", s.Boundary)
	if s.BackupPct != nil {
		w.text("backup_pct", strconv.Itoa(*s.BackupPct))
	}
	w.flag("bootp", s.BOOTP)
	w.flag("dynamic_bootp", s.DynamicBOOTP)
	if s.NoDHCP {
		w.text("dhcp", "false")
	}
	w.flag("deactivated", s.Deactivated)
	w.text("allow", strings.Join(slices.Sorted(slices.Values(s.Allow)), ", "))
	w.text("deny", strings.Join(slices.Sorted(slices.Values(s.Deny)), ", "))
	w.policy(&s.Policy)
	for i := range s.Reservations {
		r := &s.Reservations[i]
		w.text("reservation "+r.Address.String(), r.text(w.options))
	}
	w.part("scope", s.Name)
}

// text is all of a reservation in one line.
func (r *Reservation) text(set *option.Set) string {
	in := words{options: set}
	in.text("hostname", r.Hostname)
	in.policy(&r.Policy)
	out := r.owner()
	for _, v := range in.values {
		out += ", " + v.Key + " " + v.Text
	}
	return out
}

func list(ranges []Range) string {
	texts := make([]string, len(ranges))
	for i, r := range ranges {
		texts[i] = r.String()
	}
	return strings.Join(texts, ", ")
}

func (w *words) class(c *Class) {
	w.text("vendor_class", c.VendorClass)
	w.text("user_class", c.UserClass)
	w.text("mac_prefix", octets(c.MACPrefix))
	w.text("circuit_id", c.Circuit)
	w.text("remote_id", c.Remote)
	w.text("test", c.Test)
	w.flag("only_known", c.OnlyKnown)
	w.policy(&c.Policy)
	w.part("class", c.Name)
}

func (w *words) client(c *Client) {
	w.text("hostname", c.Hostname)
	w.text("classes", strings.Join(slices.Sorted(slices.Values(c.Classes)), ", "))
	w.flag("deny", c.Deny)
	w.policy(&c.Policy)
	w.part("client", c.name())
}

func (w *words) definition(d option.Definition) {
	w.text("code", strconv.Itoa(int(d.Code)))
	w.text("type", d.Type.String())
	w.flag("list", d.List)
	fields := make([]string, len(d.Fields))
	for i, f := range d.Fields {
		fields[i] = f.String()
	}
	w.text("fields", strings.Join(fields, ", "))
	w.part("option", d.Name)
}

func (w *words) policy(p *Policy) {
	w.seconds("lease_time", p.LeaseTime)
	w.seconds("min_lease", p.MinLease)
	w.seconds("max_lease", p.MaxLease)
	w.seconds("t1", p.T1)
	w.seconds("t2", p.T2)
	w.address("next_server", p.NextServer)
	w.text("server_name", p.ServerName)
	w.text("boot_file", p.BootFile)
	w.choice("rapid_commit", p.RapidCommit)
	w.choice("ping_check", p.PingCheck)
	w.seconds("abandon_time", p.AbandonTime)
	w.seconds("v6_only_wait", p.V6OnlyWait)
	w.choice("ddns", p.DDNS)
	w.text("domain", p.Domain)
	if p.LeaseQuery != nil {
		w.text("leasequery", sorted(p.LeaseQuery, netip.Prefix.String))
	}
	w.text("always", sorted(p.Always, func(c option.Code) string { return w.options.ByCode(c).Name }))
	for _, o := range p.Options {
		d := w.options.ByCode(o.Code)
		text := strings.Join(d.Format(o.Data), ", ")
		w.text(d.Name, cmp.Or(text, "set"))
	}
}

// sorted is the texts of a list whose order means nothing.
func sorted[T any](all []T, text func(T) string) string {
	out := make([]string, len(all))
	for i, v := range all {
		out[i] = text(v)
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

func octets(b []byte) string {
	texts := make([]string, len(b))
	for i, o := range b {
		texts[i] = fmt.Sprintf("%02x", o)
	}
	return strings.Join(texts, ":")
}
