package importer

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"loadshare/dhcp/option"
	"loadshare/internal/config"
)

// dhcpSite is what was read of a DHCP server's configuration, in our words. Both importers of DHCP fill it, render writes it.
type dhcpSite struct {
	from          string // program and file, for the head
	interfaces    []string
	listen        []string
	authoritative bool
	definitions   []dhcpDefinition
	raws          map[string]*option.Definition // options of the site that have another name or form here
	policy        dhcpPolicy
	pairs         []dhcpPair
	networks      []dhcpNetwork
	classes       []dhcpClass
	clients       []dhcpClient
	scopes        []*dhcpScope
	ddns          dhcpDNS
	keys          []bindKey
	leases        []dhcpLease
	notes         []string
}

type dhcpDefinition struct {
	name string
	code int
	typ  option.Definition
}

// dhcpPolicy is options and settings of one level; keys are ours, values TOML.
type dhcpPolicy struct {
	keys    []setting
	options []setting
}

// setting is one line of a table: a key of ours, and its value in TOML.
type setting struct{ key, value string }

type dhcpPair struct {
	name, role       string
	address, partner netip.AddrPort
	keys             []setting
	draft            bool
}

type dhcpNetwork struct {
	name   string
	policy dhcpPolicy
}

type dhcpClass struct {
	name, test string
	onlyKnown  bool
	policy     dhcpPolicy
}

// dhcpClient is a known client; with an address, a reservation.
type dhcpClient struct {
	who      []setting // mac, client_id, …
	address  netip.Addr
	hostname string
	classes  []string
	deny     bool
	policy   dhcpPolicy
}

type dhcpScope struct {
	name, network, iface string
	subnet               netip.Prefix
	ranges               []string
	failover             string
	alone                bool // though there are pairs
	allow, deny          []string
	keys                 []setting
	policy               dhcpPolicy
	reservations         []dhcpClient
	seen                 bool // a pool of it was read
}

type dhcpDNS struct {
	on               bool
	servers          []string
	forward, reverse []string
	key              string
	keys             []setting
}

// set adds a setting, or replaces it.
func set(list *[]setting, key, value string) {
	for i := range *list {
		if (*list)[i].key == key {
			(*list)[i].value = value
			return
		}
	}
	*list = append(*list, setting{key, value})
}

func (p *dhcpPolicy) set(key, value string)       { set(&p.keys, key, value) }
func (p *dhcpPolicy) option(name, value string)   { set(&p.options, name, value) }
func (p *dhcpPolicy) seconds(key string, s int64) { p.set(key, duration(s)) }

// over is the policy with what o says beside it; o wins.
func (p dhcpPolicy) over(o dhcpPolicy) dhcpPolicy {
	out := dhcpPolicy{keys: slices.Clone(p.keys), options: slices.Clone(p.options)}
	for _, k := range o.keys {
		out.set(k.key, k.value)
	}
	for _, k := range o.options {
		out.option(k.key, k.value)
	}
	return out
}

// duration is a time in seconds as our configuration has it; what does not end is "infinite".
func duration(s int64) string {
	if s < 0 || s >= 1<<32-1 {
		return `"infinite"`
	}
	return quote(config.FormatDuration(time.Duration(s) * time.Second))
}

// value writes the values of an option: a list when there may be several.
func optionValue(d option.Definition, values []string) string {
	if d.List || len(values) > 1 {
		return quoteAll(values, same)
	}
	if len(values) == 1 {
		if _, err := strconv.ParseInt(values[0], 10, 64); err == nil && d.Type != option.String && d.Type != option.Binary {
			return values[0]
		}
		return quote(values[0])
	}
	return "true"
}

// notOptions are the options that our server makes itself or that clients send; what a configuration says of them is ours in another way, or nothing.
var notOptions = map[option.Code]string{
	1: "", 50: "", 51: "lease_time", 52: "", 53: "", 54: "", 55: "", 56: "", 57: "", 58: "t1", 59: "t2", 61: "", 80: "", 81: "", 82: "", 91: "", 92: "", 108: "v6_only_wait", 118: "",
}

// addOption puts an option into a policy, if our server takes it as it stands; else a reason.
func (s *dhcpSite) addOption(p *dhcpPolicy, d option.Definition, values []string) error {
	if key, made := notOptions[d.Code]; made {
		if d.Code == 1 {
			return nil // it is that of the subnet
		}
		if key == "" || len(values) != 1 {
			return fmt.Errorf("option %s is made by the server, or sent by clients", d.Name)
		}
		n, err := strconv.ParseUint(values[0], 10, 32)
		if err != nil {
			return fmt.Errorf("option %s: %q is no number of seconds", d.Name, values[0])
		}
		p.seconds(key, int64(n)) //nolint:gosec // 32 bits
		return nil
	}
	if _, err := d.Parse(values); err != nil {
		return fmt.Errorf("option %s: %w", d.Name, err)
	}
	p.option(d.Name, optionValue(d, values))
	return nil
}

// definition finds an option by name: the site's own first.
func (s *dhcpSite) definition(name string) (option.Definition, bool) {
	for _, d := range s.definitions {
		if d.name == name {
			return d.typ, true
		}
	}
	if raw := s.raws[name]; raw != nil {
		return option.ByCode(raw.Code)
	}
	return option.ByName(name)
}

// define takes a custom option. One whose number has a name already is that option.
func (s *dhcpSite) define(d option.Definition) error {
	if std, ok := option.ByCode(d.Code); ok {
		return fmt.Errorf("option %d is %s here; values are taken over under that name where they fit", d.Code, std.Name)
	}
	if _, made := notOptions[d.Code]; made || d.Code == 0 || d.Code == 255 {
		return fmt.Errorf("option %d cannot be defined", d.Code)
	}
	if _, taken := s.definition(d.Name); taken {
		return fmt.Errorf("option %s is there already", d.Name)
	}
	for _, o := range s.definitions {
		if o.typ.Code == d.Code {
			return fmt.Errorf("option %d is %s already", d.Code, o.name)
		}
	}
	if err := d.Check(); err != nil {
		return fmt.Errorf("option %s: %w", d.Name, err)
	}
	s.definitions = append(s.definitions, dhcpDefinition{d.Name, int(d.Code), d})
	return nil
}

// names tells the language of tests an option's number.
func (s *dhcpSite) names(name string) (option.Code, bool) {
	d, ok := s.definition(name)
	return d.Code, ok
}

// place puts a reservation into the scope of its address; false: there is none.
func (s *dhcpSite) place(c dhcpClient) bool {
	for _, sc := range s.scopes {
		if sc.subnet.Contains(c.address) {
			sc.reservations = append(sc.reservations, c)
			return true
		}
	}
	return false
}

func (s *dhcpSite) note(format string, args ...any) {
	s.notes = append(s.notes, fmt.Sprintf(format, args...))
}

// cleanHost is a host's name as our configuration takes it; "" is none.
func cleanHost(name string) string {
	name = strings.TrimSuffix(name, ".")
	for _, l := range strings.Split(name, ".") {
		if l == "" || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' || strings.Trim(strings.ToLower(l), "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return ""
		}
	}
	return name
}

// byOwn are the values of a standard option that the site has defined by itself, in our form: as they stand if they fit, else what their
// octets say.
func byOwn(d option.Definition, own *option.Definition, values []string) ([]string, error) {
	if _, err := d.Parse(values); err == nil {
		return values, nil
	}
	data, err := own.Parse(values)
	if err != nil {
		return nil, err
	}
	text := d.Format(data)
	if again, err := d.Parse(text); err == nil && string(again) == string(data) {
		return text, nil
	}
	return []string{"hex:" + colons(data)}, nil
}
