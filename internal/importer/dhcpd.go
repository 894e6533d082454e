package importer

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// dhcpdSource reads ISC dhcpd's configuration into a site.
type dhcpdSource struct {
	dhcpSite
	given       []string // names of the inputs
	byName      map[string]*dhcpdClass
	hosts       []dhcpdHost
	zones       []dhcpdStatement
	style       string
	order       []string    // of classes
	subs        []dhcpClass // subclasses with settings
	ifs         []dhcpClass
	denyUnknown bool
	lost        []string // pairs that could not be taken over
}

// dhcpdClass is a class with `match`, whose subclasses say what matches.
type dhcpdClass struct {
	match    string // the value in our language; "hardware" is the hardware address
	clients  bool
	any      []string
	policy   dhcpPolicy
	withTest string
	line     dhcpdStatement
}

type dhcpdHost struct {
	client dhcpClient
	fixed  []dhcpdToken
	at     dhcpdStatement
}

// dhcpdFrame is what a block inherits from the blocks around it.
type dhcpdFrame struct {
	policy  *dhcpPolicy // where options go
	scope   *dhcpScope
	network string
	group   dhcpPolicy // of groups around a host
	useDecl bool
	title   string
	inScope bool // options here hold for a network or a scope
}

// DHCPD turns dhcpd.conf, the files that it includes, and dhcpd.leases into dhcp.toml. It fails when a file cannot be read as one of
// dhcpd's, or when there is no subnet in them.
func DHCPD(files []File) (Result, error) {
	s := &dhcpdSource{byName: map[string]*dhcpdClass{}}
	if len(files) == 0 {
		return Result{}, errors.New("no file to import: give dhcpd.conf, the files that it includes, and perhaps dhcpd.leases")
	}
	for _, f := range files {
		s.given = append(s.given, filepath.Base(f.Name))
	}
	s.from = "ISC dhcpd: " + base(files[0].Name)
	var lists [][]dhcpdStatement
	for _, f := range files {
		if len(f.Data) > MaxLeases {
			return Result{}, fmt.Errorf("%s: larger than %d bytes", f.Name, MaxLeases)
		}
		list, err := parseDHCPD(f.Name, string(f.Data))
		if err != nil {
			return Result{}, err
		}
		lists = append(lists, list)
	}
	top := dhcpdFrame{policy: &s.policy}
	for _, list := range lists {
		s.definitionsOf(list)
	}
	for _, list := range lists {
		s.block(list, &top)
	}
	if len(s.scopes) == 0 {
		return Result{}, errors.New(strings.Join(append([]string{"there is no subnet in these files"}, s.notes...), "\n"))
	}
	s.finishClasses()
	s.finishHosts(top)
	s.finishZones()
	for _, list := range lists {
		s.readLeases(list)
	}
	s.finish()
	return s.result(), nil
}

// DHCPDIncludes are the files that one of dhcpd's includes; none when it cannot be read.
func DHCPDIncludes(data []byte) (names []string) {
	if len(data) > MaxInput {
		return nil
	}
	list, err := parseDHCPD("", string(data))
	if err != nil {
		return nil
	}
	var walk func([]dhcpdStatement)
	walk = func(list []dhcpdStatement) {
		for _, st := range list {
			if st.is("include") {
				names = append(names, st.word(1))
			}
			walk(st.block)
		}
	}
	walk(list)
	return names
}

func (s *dhcpdSource) at(st *dhcpdStatement, format string, args ...any) {
	s.note("%s:%d: %s", base(st.file), st.line, fmt.Sprintf(format, args...))
}

// block reads the statements of one level.
func (s *dhcpdSource) block(list []dhcpdStatement, f *dhcpdFrame) {
	for i := range list {
		if st := &list[i]; st.is("use-host-decl-names") { // wherever it stands in the block
			f.useDecl = yes(st.word(1))
		}
	}
	n := 0
	for i := range list {
		st := &list[i]
		switch {
		case len(st.tokens) == 0:
			s.block(st.block, f)
		case st.is("if"):
			n = i
			s.conditional(list[i:], f)
		case st.is("elsif"), st.is("else"):
			if n == 0 && i == 0 {
				s.at(st, "%s: nothing is before it", st.text())
			}
		case st.has:
			s.declaration(st, f)
		default:
			s.statement(st, f)
		}
	}
}

// declaration is a statement with a block.
func (s *dhcpdSource) declaration(st *dhcpdStatement, f *dhcpdFrame) {
	switch {
	case st.is("subnet"):
		s.subnet(st, f)
	case st.is("shared-network"):
		s.networks = append(s.networks, dhcpNetwork{name: st.word(1)})
		i := len(s.networks) - 1
		inner := *f
		inner.network, inner.title = st.word(1), "shared-network "+st.word(1)
		inner.policy, inner.inScope = &dhcpPolicy{}, true
		s.block(st.block, &inner)
		s.networks[i].policy = *inner.policy
	case st.is("pool"):
		s.pool(st, f)
	case st.is("group"):
		s.group(st, f)
	case st.is("host"):
		s.host(st, f)
	case st.is("class"):
		s.class(st, f)
	case st.is("subclass"):
		s.subclass(st)
	case st.is("failover", "peer"):
		s.failover(st)
	case st.is("key"):
		s.keyOf(st)
	case st.is("zone"):
		s.zones = append(s.zones, *st)
	case st.is("lease"), st.is("lease6"), st.is("server-duid"), st.is("ia-na"), st.is("ia-pd"), st.is("ia-ta"):
		// of dhcpd.leases
	case st.is("failover"):
	case st.is("subnet6"):
		s.at(st, "%s: DHCPv6 is not taken over", st.text())
	default:
		s.at(st, "%s: not taken over", st.text())
	}
}

func (s *dhcpdSource) subnet(st *dhcpdStatement, f *dhcpdFrame) {
	addr, err := netip.ParseAddr(st.word(1))
	mask, err2 := netip.ParseAddr(st.word(3))
	bits, ok := maskBits(mask)
	if err != nil || err2 != nil || !addr.Is4() || !ok {
		s.at(st, "%s: not an IPv4 subnet and netmask: left out", st.text())
		return
	}
	p := netip.PrefixFrom(addr, bits).Masked()
	if bits < 8 || bits > 31 {
		s.at(st, "%s: ours are from /8 to /31: left out", st.text())
		return
	}
	sc := &dhcpScope{name: p.String(), subnet: p, network: f.network}
	inner := *f
	inner.scope, inner.policy, inner.title, inner.inScope = sc, &sc.policy, "subnet "+p.String(), true
	s.scopes = append(s.scopes, sc)
	s.block(st.block, &inner)
}

func maskBits(m netip.Addr) (int, bool) {
	if !m.Is4() {
		return 0, false
	}
	b := m.As4()
	v := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	n := 0
	for v&(1<<31) != 0 {
		v <<= 1
		n++
	}
	return n, v == 0
}

// group is for hosts, mostly: what it says goes to each of them.
func (s *dhcpdSource) group(st *dhcpdStatement, f *dhcpdFrame) {
	inner := *f
	var own dhcpPolicy
	inner.policy = &own
	var rest []dhcpdStatement
	for _, in := range st.block {
		if in.is("use-host-decl-names") {
			inner.useDecl = yes(in.word(1))
		}
		if in.has {
			rest = append(rest, in)
		} else {
			s.statement(&in, &inner)
		}
	}
	inner.group = f.group.over(own)
	for _, in := range rest {
		if !in.is("host") && !in.is("group") && !own.empty() {
			s.at(&in, "%s: what the group around it says is not taken over for it", in.text())
		}
	}
	inner.policy = &dhcpPolicy{}
	s.block(rest, &inner)
}

func (s *dhcpdSource) host(st *dhcpdStatement, f *dhcpdFrame) {
	h := dhcpdHost{at: *st, client: dhcpClient{policy: dhcpPolicy{}}}
	inner := *f
	var own dhcpPolicy
	inner.policy = &own
	name := st.word(1)
	for i := range st.block {
		in := &st.block[i]
		switch {
		case in.is("hardware"):
			s.hardware(in, &h.client)
		case in.is("fixed-address"):
			for _, l := range in.lists(1) {
				h.fixed = append(h.fixed, l...)
			}
		case in.is("option", "dhcp-client-identifier"), in.is("uid"):
			if id := s.identifier(in); id != "" && len(h.client.who) == 0 {
				h.client.who = []setting{{"client_id", quote(id)}}
			}
		case in.is("option", "host-name"), in.is("ddns-hostname"):
			h.client.hostname = cleanHost(in.word(len(in.tokens) - 1))
		case in.is("host-identifier", "option", "agent.circuit-id"), in.is("host-identifier", "option", "agent.remote-id"):
			key := map[bool]string{true: "circuit_id", false: "remote_id"}[strings.HasSuffix(in.word(2), "circuit-id")]
			h.client.who = []setting{{key, quote(idText(in.tokens[len(in.tokens)-1]))}}
		case in.is("deny", "booting"), in.is("ignore", "booting"):
			h.client.deny = true
		case in.has:
			s.declaration(in, &inner)
		default:
			s.statement(in, &inner)
		}
	}
	if h.client.hostname == "" && inner.useDecl {
		h.client.hostname = cleanHost(name)
	}
	h.client.policy = f.group.over(own)
	if len(h.client.who) == 0 {
		s.at(st, "host %s: neither a hardware address nor a client identifier: left out", name)
		return
	}
	s.hosts = append(s.hosts, h)
}

func (s *dhcpdSource) hardware(in *dhcpdStatement, c *dhcpClient) {
	kinds := map[string]int{"ethernet": 1, "token-ring": 6, "fddi": 8, "infiniband": 32}
	kind, ok := kinds[strings.ToLower(in.word(1))]
	mac, err := dhcpdOctets(in.word(2))
	if !ok || err != nil || len(mac) > 16 {
		s.at(in, "%s: not taken over", in.text())
		return
	}
	c.who = []setting{{"mac", quote(colons(mac))}} // dhcpd finds a host by either; ours by one: the hardware address
	if kind != 1 {
		c.who = append(c.who, setting{"hardware_type", strconv.Itoa(kind)})
	}
}

func colons(b []byte) string { return net.HardwareAddr(b).String() }

// identifier is a client identifier as our configuration has it.
func (s *dhcpdSource) identifier(in *dhcpdStatement) string {
	return idText(in.tokens[len(in.tokens)-1])
}

// idText is octets with colons, or a text.
func idText(t dhcpdToken) string {
	if t.quoted {
		return colons([]byte(t.text))
	}
	b, err := dhcpdOctets(t.text)
	if err != nil {
		return ""
	}
	return colons(b)
}

// finishHosts makes reservations of hosts with an address, and clients of the others.
func (s *dhcpdSource) finishHosts(dhcpdFrame) {
	for _, h := range s.hosts {
		placed := false
		for _, t := range h.fixed {
			a, err := netip.ParseAddr(t.text)
			if err != nil || !a.Is4() {
				s.at(&h.at, "host %s: fixed-address %s: give the address itself; names are not looked up", h.at.word(1), t.text)
				continue
			}
			c := h.client
			c.address = a
			if h.client.deny {
				continue
			}
			if placed = s.place(c) || placed; !placed {
				s.at(&h.at, "host %s: %s is in no subnet: left out", h.at.word(1), a)
			}
		}
		if len(h.fixed) == 0 || h.client.deny {
			s.addClient(h.client)
		}
	}
}

// addClient adds a known client, or joins it with what is known of it.
func (s *dhcpSite) addClient(c dhcpClient) {
	for i := range s.clients {
		if o := &s.clients[i]; slices.Equal(o.who, c.who) {
			for _, k := range c.classes {
				o.classes = appendNew(o.classes, k)
			}
			o.hostname = firstOf(o.hostname, c.hostname)
			o.policy, o.deny = o.policy.over(c.policy), o.deny || c.deny
			return
		}
	}
	s.clients = append(s.clients, c)
}
