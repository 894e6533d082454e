package importer

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"loadshare/dhcp/option"
)

// keaSource reads Kea's configuration into a site.
type keaSource struct {
	dhcpSite
	file    string
	updates bool // names go to DNS
}

// Kea turns kea-dhcp4.conf, kea-dhcp-ddns.conf and a memfile of leases into dhcp.toml. Files are told apart by what is in them. It fails
// when a file cannot be read, or when there is no subnet of IPv4 in them.
func Kea(files []File) (Result, error) {
	if len(files) == 0 {
		return Result{}, errors.New("no file to import: give kea-dhcp4.conf, perhaps kea-dhcp-ddns.conf, and the memfile of leases")
	}
	s := &keaSource{}
	var leases []File
	var d2 *jsonNode
	for _, f := range files {
		if len(f.Data) > MaxLeases {
			return Result{}, fmt.Errorf("%s: larger than %d bytes", f.Name, MaxLeases)
		}
		if strings.HasPrefix(string(f.Data[:min(len(f.Data), 100)]), "address,hwaddr,") {
			leases = append(leases, f)
			continue
		}
		n, err := parseJSON(f.Name, string(f.Data))
		if err != nil {
			return Result{}, err
		}
		if n.get("DhcpDdns") != nil {
			d2 = n.get("DhcpDdns")
		}
		if v4 := n.get("Dhcp4"); v4 != nil {
			s.file = base(f.Name)
			s.from = firstOf(s.from, "Kea: "+s.file)
			s.server(v4)
		}
		for _, key := range n.keys {
			if key == "Dhcp6" {
				s.note("%s: %s: not taken over", base(f.Name), key)
			}
		}
	}
	if len(s.scopes) == 0 {
		return Result{}, errors.New(strings.Join(append([]string{"there is no subnet4 in these files"}, s.notes...), "\n"))
	}
	s.finishDNS(d2)
	for _, f := range leases {
		if err := s.readLeases(f); err != nil {
			return Result{}, err
		}
	}
	s.finish()
	return s.result(), nil
}

func (s *keaSource) at(n *jsonNode, format string, args ...any) {
	line := 0
	if n != nil {
		line = n.line
	}
	s.note("%s:%d: %s", s.file, line, fmt.Sprintf(format, args...))
}

func (s *keaSource) server(n *jsonNode) {
	s.authoritative = n.truth("authoritative", false)
	for _, i := range n.get("interfaces-config").get("interfaces").items() {
		name, addr, has := strings.Cut(i.text, "/")
		if a, err := netip.ParseAddr(addr); has && err == nil {
			s.listen = append(s.listen, netip.AddrPortFrom(a, 67).String())
		}
		if name == "*" || name == "" {
			s.at(i, "interfaces: name them in `interfaces`: ours listens on all for relays and renewing clients, and hears broadcasts on those named")
		} else {
			s.interfaces = appendNew(s.interfaces, name)
		}
	}
	for _, d := range n.get("option-def").items() {
		s.define4(d)
	}
	s.policyOf(n, &s.policy)
	if v, ok := n.num("decline-probation-period"); ok && v > 0 {
		s.policy.seconds("abandon_time", v)
	}
	for _, h := range n.get("hooks-libraries").items() {
		s.hook(h)
	}
	for _, c := range n.get("client-classes").items() {
		s.class(c)
	}
	for _, sub := range n.get("subnet4").items() {
		s.subnet(sub, "")
	}
	for _, net := range n.get("shared-networks").items() {
		out := dhcpNetwork{name: net.str("name")}
		s.policyOf(net, &out.policy)
		s.networks = append(s.networks, out)
		for _, sub := range net.get("subnet4").items() {
			if sub.str("interface") == "" && net.str("interface") != "" {
				sub.keys, sub.list = append(sub.keys, "interface"), append(sub.list, net.get("interface"))
			}
			s.subnet(sub, out.name)
		}
	}
	for _, r := range n.get("reservations").items() {
		s.reservation(r)
	}
	s.updates = n.get("dhcp-ddns").truth("enable-updates", false)
	if n.truth("ddns-override-client-update", false) {
		set(&s.ddns.keys, "override_client", "true")
	}
	if n.truth("ddns-override-no-update", false) {
		set(&s.ddns.keys, "override_none", "true")
	}
	s.unmapped(n, "the server", serverKeys)
}

// serverKeys, subnetKeys are those that are read, or that need no counterpart.
var (
	commonKeys = words(`option-data valid-lifetime min-valid-lifetime max-valid-lifetime renew-timer rebind-timer calculate-tee-times t1-percent t2-percent
		next-server server-hostname boot-file-name match-client-id authoritative user-context comment store-extended-info reservation-mode
		reservations-global reservations-in-subnet reservations-out-of-pool ddns-send-updates ddns-override-no-update ddns-override-client-update
		ddns-replace-client-name ddns-generated-prefix ddns-qualifying-suffix ddns-update-on-renew ddns-use-conflict-resolution
		ddns-conflict-resolution-mode ddns-ttl ddns-ttl-percent hostname-char-set hostname-char-replacement cache-threshold cache-max-age offer-lifetime`)
	serverKeys = append(words(`interfaces-config option-def hooks-libraries client-classes subnet4 shared-networks reservations lease-database loggers control-socket
		control-sockets decline-probation-period expired-leases-processing host-reservation-identifiers dhcp-ddns sanity-checks statistic-default-sample-count
		statistic-default-sample-age multi-threading dhcp-queue-control echo-client-id server-tag early-global-reservations-lookup ip-reservations-unique
		parked-packet-limit reservations-lookup-first compatibility`), commonKeys...)
	subnetKeys = append(words(`id subnet pools reservations interface relay client-class client-classes require-client-classes evaluate-additional-classes 4o6-interface 4o6-interface-id
		4o6-subnet allocator`), commonKeys...)
)

func words(text string) []string { return strings.Fields(text) }

func (s *keaSource) unmapped(n *jsonNode, of string, have []string) {
	for i, key := range n.keys {
		if !slices.Contains(have, key) {
			s.at(n.list[i], "%s: %s: not taken over", of, key)
		}
	}
}

// policyOf reads times, boot settings and options of one level.
func (s *keaSource) policyOf(n *jsonNode, p *dhcpPolicy) {
	for key, ours := range map[string]string{"valid-lifetime": "lease_time", "min-valid-lifetime": "min_lease", "max-valid-lifetime": "max_lease", "renew-timer": "t1", "rebind-timer": "t2"} {
		if v, ok := n.num(key); ok && v > 0 {
			p.seconds(ours, v)
		}
	}
	slices.SortFunc(p.keys, func(a, b setting) int { return strings.Compare(a.key, b.key) })
	if a, err := netip.ParseAddr(n.str("next-server")); err == nil && !a.IsUnspecified() {
		p.set("next_server", quote(a.String()))
	}
	if v := n.str("server-hostname"); v != "" {
		p.set("server_name", quote(v))
	}
	if v := n.str("boot-file-name"); v != "" {
		p.set("boot_file", quote(v))
	}
	if m := n.get("ddns-send-updates"); m != nil && m.kind == 't' {
		p.set("ddns", m.text)
	}
	if v := strings.TrimSuffix(n.str("ddns-qualifying-suffix"), "."); v != "" {
		p.set("domain", quote(v))
	}
	for _, o := range n.get("option-data").items() {
		s.option(o, p)
	}
}

// option reads one of option-data.
func (s *keaSource) option(o *jsonNode, p *dhcpPolicy) {
	name := o.str("name")
	if space := o.str("space"); space != "" && space != "dhcp4" {
		s.at(o, "option %s of the space %s: write vendor-encapsulated-options, or code-N", name, space)
		return
	}
	d, ok := s.definition(name)
	if code, has := o.num("code"); has && !ok && code > 0 && code < 255 {
		if d, ok = option.ByCode(option.Code(code)); !ok {
			d, ok = option.Raw(option.Code(code)), true
		}
		for _, own := range s.definitions {
			if int64(own.code) == code {
				d = own.typ
			}
		}
	}
	if !ok {
		s.at(o, "option %s is not known", name)
		return
	}
	data := o.str("data")
	values := keaValues(d, data)
	if own := s.raws[name]; own != nil {
		if v, err := byOwn(d, own, keaValues(*own, data)); err == nil {
			values = v
		}
	}
	if !o.truth("csv-format", d.Type != option.Binary) {
		b, err := hex.DecodeString(strings.NewReplacer(":", "", " ", "", "0x", "").Replace(data))
		if text, isText := strings.CutPrefix(data, "'"); isText {
			b, err = []byte(strings.TrimSuffix(text, "'")), nil
		}
		if err != nil {
			s.at(o, "option %s: %q is not hexadecimal: left out", d.Name, data)
			return
		}
		values = []string{"hex:" + colons(b)}
		if len(b) == 0 {
			values = nil
		}
	}
	if err := s.addOption(p, d, values); err != nil {
		s.at(o, "%v: left out", err)
		return
	}
	if o.truth("always-send", false) {
		p.always(d.Name)
	}
}

// always adds the option to those that are sent unasked.
func (p *dhcpPolicy) always(name string) {
	for i := range p.keys {
		if p.keys[i].key == "always" {
			p.keys[i].value = strings.TrimSuffix(p.keys[i].value, "]") + ", " + quote(name) + "]"
			return
		}
	}
	p.set("always", "["+quote(name)+"]")
}

// keaValues cuts data at commas where the option has several values; a comma behind a backslash is one.
func keaValues(d option.Definition, data string) []string {
	if d.Type == option.String && !d.List || d.Type == option.Flag && data == "" {
		if data == "" {
			return nil
		}
		return []string{strings.ReplaceAll(data, `\,`, ",")}
	}
	var out []string
	for _, v := range strings.Split(strings.ReplaceAll(data, `\,`, "\x00"), ",") {
		out = append(out, strings.TrimSpace(strings.ReplaceAll(v, "\x00", ",")))
	}
	if d.Type == option.Route { // Kea: 10.0.0.0/8 - 192.0.2.1
		for i := range out {
			out[i] = strings.Join(strings.Fields(strings.ReplaceAll(out[i], " - ", " ")), " ")
		}
	}
	if d.Type == option.Addresses {
		var pairs []string
		for i := 0; i+1 < len(out); i += 2 {
			pairs = append(pairs, out[i]+" "+out[i+1])
		}
		return pairs
	}
	return out
}

// define4 reads one of option-def.
func (s *keaSource) define4(n *jsonNode) {
	code, _ := n.num("code")
	d := option.Definition{Name: n.str("name"), Code: option.Code(max(0, min(code, 255))), List: n.truth("array", false)} //nolint:gosec // in range
	if space := n.str("space"); space != "" && space != "dhcp4" {
		s.at(n, "option-def %s: of the space %s: not taken over", d.Name, space)
		return
	}
	typ, ok := option.TypeByName(n.str("type"))
	if n.str("type") == "record" {
		for _, f := range strings.Split(n.str("record-types"), ",") {
			t, known := option.TypeByName(strings.TrimSpace(f))
			ok = ok && known
			d.Fields = append(d.Fields, t)
		}
	}
	d.Type = typ
	if !ok || n.str("encapsulate") != "" {
		s.at(n, "option-def %s: the type %q has no counterpart", d.Name, n.str("type"))
		return
	}
	if err := s.define(d); err != nil {
		if std, isStd := option.ByCode(d.Code); isStd && std.Name != d.Name {
			if s.raws == nil {
				s.raws = map[string]*option.Definition{}
			}
			s.raws[d.Name] = &d
			return
		}
		s.at(n, "option-def: %v", err)
	}
}

func (s *keaSource) class(n *jsonNode) {
	c := dhcpClass{name: n.str("name"), test: n.str("test")}
	if c.name == "KNOWN" || c.name == "UNKNOWN" || c.name == "ALL" {
		return
	}
	if c.test != "" {
		if err := s.checkTest(c.test); err != nil {
			s.at(n, "class %q: %v: it never matches until its test is written by hand", c.name, err)
			c.test = ""
		}
	}
	if c.test == "" {
		c.onlyKnown = true // by a reservation, as in Kea
	}
	if n.truth("only-if-required", false) || n.truth("only-in-additional-list", false) {
		s.at(n, "class %q is for those subnets only that require it; ours is for all clients that match", c.name)
	}
	for _, d := range n.get("option-def").items() {
		s.at(d, "class %q: option-def in a class is not taken over", c.name)
	}
	s.policyOf(n, &c.policy)
	s.classes = append(s.classes, c)
}

func (s *keaSource) known(name string) bool {
	return name == "KNOWN" || name == "UNKNOWN" || slices.ContainsFunc(s.classes, func(c dhcpClass) bool { return c.name == name })
}

func (s *keaSource) subnet(n *jsonNode, network string) {
	p, err := netip.ParsePrefix(n.str("subnet"))
	if err != nil || !p.Addr().Is4() || p.Bits() < 8 || p.Bits() > 31 {
		s.at(n, "subnet %q: ours are of IPv4, from /8 to /31: left out", n.str("subnet"))
		return
	}
	p = p.Masked()
	sc := &dhcpScope{name: p.String(), subnet: p, network: network, iface: n.str("interface")}
	if len(s.pairs) > 0 {
		sc.failover = s.pairs[0].name
	}
	s.policyOf(n, &sc.policy)
	s.allow(n, n, sc)
	for i, pool := range n.get("pools").items() {
		s.pool(pool, sc, i > 0)
	}
	s.scopes = append(s.scopes, sc)
	for _, r := range n.get("reservations").items() {
		s.reservation(r)
	}
	if len(n.get("relay").get("ip-addresses").items()) > 0 {
		s.at(n.get("relay"), "subnet %s: relay: ours finds the network by the relay's address in it, or by link selection (RFC 3527)", p)
	}
	s.unmapped(n, "subnet "+p.String(), subnetKeys)
}

// allow is the class that may use a subnet or a pool. Several: Kea wants one of them.
func (s *keaSource) allow(n, at *jsonNode, sc *dhcpScope) {
	names := []string{n.str("client-class")}
	for _, c := range n.get("client-classes").items() {
		names = append(names, c.text)
	}
	for _, c := range names {
		switch {
		case c == "":
		case !s.known(c):
			s.at(at, "subnet %s: class %q is not in these files: left out of allow", sc.subnet, c)
		default:
			sc.allow = appendNew(sc.allow, c)
		}
	}
}

func (s *keaSource) pool(n *jsonNode, sc *dhcpScope, more bool) {
	text := n.str("pool")
	first, last, isRange := strings.Cut(text, "-")
	a, err := netip.ParseAddr(strings.TrimSpace(first))
	b, err2 := netip.ParseAddr(strings.TrimSpace(last))
	if !isRange {
		p, bad := netip.ParsePrefix(strings.ReplaceAll(text, " ", ""))
		a, b, err, err2 = p.Masked().Addr(), lastOf(p), bad, nil
	}
	if err != nil || err2 != nil || !a.Is4() || !b.Is4() || b.Less(a) || !sc.subnet.Contains(a) || !sc.subnet.Contains(b) {
		s.at(n, "pool %q: not addresses of %s: left out", text, sc.subnet)
		return
	}
	sc.ranges = append(sc.ranges, joined(a, b))
	before := len(sc.allow)
	s.allow(n, n, sc)
	if len(sc.allow) != before && more {
		s.at(n, "pool %q is for other clients than the pools before it; ours says that of the whole scope, which is now for all who may use one of them", text)
	}
	var own dhcpPolicy
	s.policyOf(n, &own)
	switch {
	case own.empty():
	case more:
		s.at(n, "pool %q: its options are not taken over: ours are those of the whole scope", text)
	default:
		sc.policy = sc.policy.over(own)
	}
}

// lastOf is the last address of an IPv4 network.
func lastOf(p netip.Prefix) netip.Addr {
	if !p.IsValid() || !p.Addr().Is4() {
		return netip.Addr{}
	}
	b := p.Masked().Addr().As4()
	for i := p.Bits(); i < 32; i++ {
		b[i/8] |= 1 << (7 - i%8)
	}
	return netip.AddrFrom4(b)
}

// reservation is a host: with an address of a scope a reservation, else a client.
func (s *keaSource) reservation(n *jsonNode) {
	c := dhcpClient{hostname: cleanHost(n.str("hostname"))}
	for key, ours := range map[string]string{"hw-address": "mac", "client-id": "client_id", "circuit-id": "circuit_id"} {
		v := n.str(key)
		if v == "" {
			continue
		}
		text, isText := strings.CutPrefix(v, "'")
		b, err := hex.DecodeString(strings.NewReplacer(":", "", "-", "", " ", "", "0x", "").Replace(v))
		if isText {
			b, err = []byte(strings.TrimSuffix(text, "'")), nil
		}
		if err != nil || len(b) == 0 {
			s.at(n, "reservation: %s %q: not octets", key, v)
			return
		}
		c.who = append(c.who, setting{ours, quote(colons(b))})
	}
	if len(c.who) != 1 {
		s.at(n, "reservation of %q: by exactly one of hw-address, client-id and circuit-id here: left out", firstOf(n.str("ip-address"), n.str("hostname")))
		return
	}
	s.policyOf(n, &c.policy)
	for _, k := range n.get("client-classes").items() {
		switch {
		case k.text == "DROP":
			c.deny = true
		case s.known(k.text):
			c.classes = append(c.classes, k.text)
		default:
			s.at(k, "reservation: class %q is not in these files", k.text)
		}
	}
	a, err := netip.ParseAddr(n.str("ip-address"))
	if err == nil && a.Is4() && !c.deny {
		r := c
		r.classes, r.address = nil, a
		if !s.place(r) {
			s.at(n, "reservation of %s: in no subnet: left out", a)
		}
		c.policy, c.hostname = dhcpPolicy{}, ""
	}
	if err != nil && n.str("ip-address") != "" {
		s.at(n, "reservation: %q is no address", n.str("ip-address"))
	}
	if key := c.who[0].key; err != nil || len(c.classes) > 0 || c.deny {
		if key == "circuit_id" {
			s.at(n, "reservation: a client is known by its hardware address or identifier here, not by its circuit")
			return
		}
		s.addClient(c)
	}
}

func num(v int64) string { return strconv.FormatInt(v, 10) }
