package importer

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// hook reads one hook library. Of them high availability has a counterpart.
func (s *keaSource) hook(n *jsonNode) {
	lib := baseOf(n.str("library"))
	if !strings.Contains(lib, "dhcp_ha") {
		switch {
		case strings.Contains(lib, "lease_cmds"), strings.Contains(lib, "stat_cmds"):
		case strings.Contains(lib, "flex_option"), strings.Contains(lib, "ping_check"), lib != "":
			s.at(n, "hook %s: not taken over", lib)
		}
		return
	}
	for i, ha := range n.get("parameters").get("high-availability").items() {
		if i > 0 {
			s.at(ha, "high-availability: a second relationship is not taken over: write another [[failover]]")
			return
		}
		s.ha(ha)
	}
}

// ha is Kea's high availability: our failover does what it is for. Both servers must be ours.
func (s *keaSource) ha(n *jsonNode) {
	mode := n.str("mode")
	if mode == "passive-backup" {
		s.at(n, "high-availability: mode passive-backup has no counterpart: make a pair of both")
		return
	}
	p := dhcpPair{name: "kea-ha", role: "main"}
	me := n.str("this-server-name")
	for _, peer := range n.get("peers").items() {
		u, err := url.Parse(peer.str("url"))
		role := peer.str("role")
		if role == "backup" {
			s.at(peer, "high-availability: %s is a backup server of Kea's, a third: not taken over", peer.str("name"))
			continue
		}
		var a netip.Addr
		if err == nil {
			a, err = netip.ParseAddr(u.Hostname())
		}
		if err != nil {
			s.at(peer, "high-availability: url %q: the address of a server is needed: no [[failover]] is written", peer.str("url"))
			return
		}
		if peer.str("name") == me {
			p.address = netip.AddrPortFrom(a, 647)
			if role != "primary" {
				p.role = "backup"
			}
		} else {
			p.partner = netip.AddrPortFrom(a, 647)
		}
	}
	if !p.address.IsValid() || !p.partner.IsValid() || p.address == p.partner {
		s.at(n, "high-availability: it is not clear who this server and its partner are: no [[failover]] is written")
		return
	}
	set(&p.keys, "load_balancing", map[bool]string{true: "true", false: "false"}[mode == "load-balancing"])
	if v, ok := n.num("max-response-delay"); ok && v >= 1000 && v <= 3600_000 {
		set(&p.keys, "poll_timeout", duration((v+999)/1000))
		if v <= 20_000 {
			set(&p.keys, "poll_interval", quote(num(max(v/6, 100))+"ms"))
		}
	}
	s.pairs = append(s.pairs, p)
	s.at(n, "high-availability: Kea's is another protocol: both servers become ours, with the same key and roles main and backup; its partner-down is automatic, ours after `loadshare dhcp-pair partner-down`, and clients are served all the while")
}

// finishDNS makes [ddns] of what DHCPv4 and D2 say.
func (s *keaSource) finishDNS(d2 *jsonNode) {
	if !s.updates {
		return // dhcp-ddns, enable-updates: false
	}
	if d2 == nil {
		s.note("names in DNS: give kea-dhcp-ddns.conf as well, or write [ddns] with servers and forward_zone")
		return
	}
	d := &s.ddns
	for _, k := range d2.get("tsig-keys").items() {
		algorithm := strings.ToLower(k.str("algorithm"))
		if algorithm == "hmac-md5" {
			s.note("key %q is of hmac-md5, which is not accepted here: make another one with `loadshare key %s` and give it to the DNS server", k.str("name"), k.str("name"))
			continue
		}
		s.keys = append(s.keys, bindKey{strings.ToLower(strings.TrimSuffix(k.str("name"), ".")), algorithm, k.str("secret")})
	}
	for _, dir := range []string{"forward-ddns", "reverse-ddns"} {
		for _, zone := range d2.get(dir).get("ddns-domains").items() {
			name := strings.ToLower(strings.TrimSuffix(zone.str("name"), "."))
			if strings.HasSuffix(name, "ip6.arpa") {
				continue
			}
			if dir == "forward-ddns" {
				d.forward = appendNew(d.forward, name)
			} else {
				d.reverse = appendNew(d.reverse, name)
			}
			key := zone.str("key-name")
			for _, srv := range zone.get("dns-servers").items() {
				if a, err := netip.ParseAddr(srv.str("ip-address")); err == nil {
					port := uint16(53)
					if v, ok := srv.num("port"); ok && v > 0 && v < 65536 {
						port = uint16(v)
					}
					d.servers = appendNew(d.servers, netip.AddrPortFrom(a, port).String())
				}
				key = firstOf(key, srv.str("key-name"))
			}
			key = strings.ToLower(strings.TrimSuffix(key, "."))
			if d.key != "" && key != "" && key != d.key {
				s.note("zone %s: ours has one key for all zones: %q is taken, not %q", name, d.key, key)
			}
			d.key = firstOf(d.key, key)
		}
	}
	d.on = len(d.servers) > 0 && len(d.forward)+len(d.reverse) > 0
}

// readLeases reads a memfile: CSV with a head, a line each time that a lease changed.
func (s *keaSource) readLeases(f File) error {
	r := csv.NewReader(strings.NewReader(string(f.Data)))
	r.FieldsPerRecord, r.LazyQuotes, r.ReuseRecord = -1, true, true
	column := map[string]int{}
	var leases []dhcpLease
	over := map[netip.Addr]bool{}
	for {
		rec, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		line, _ := r.FieldPos(0)
		if err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
		if len(column) == 0 {
			for i, name := range rec {
				column[name] = i
			}
			continue
		}
		field := func(name string) string {
			if i, ok := column[name]; ok && i < len(rec) {
				return rec[i]
			}
			return ""
		}
		l, active, err := keaLease(field)
		if err != nil {
			s.note("%s:%d: %v: left out", base(f.Name), line, err)
			continue
		}
		over[l.Address] = !active
		leases = append(leases, l)
	}
	s.keepLeases(leases, over)
	return nil
}

// keaLease is one line; state 0 is a lease that holds.
func keaLease(field func(string) string) (l dhcpLease, active bool, err error) {
	if l.Address, err = netip.ParseAddr(field("address")); err != nil || !l.Address.Is4() {
		return l, false, fmt.Errorf("%q is no IPv4 address", field("address"))
	}
	var life, end int64
	if _, err := fmt.Sscan(field("valid_lifetime"), &life); err != nil || life < 0 {
		return l, false, fmt.Errorf("valid_lifetime %q", field("valid_lifetime"))
	}
	if _, err := fmt.Sscan(field("expire"), &end); err != nil || end < life {
		return l, false, fmt.Errorf("expire %q", field("expire"))
	}
	active = (field("state") == "0" || field("state") == "") && life > 0
	l.Starts = time.Unix(end-life, 0).UTC()
	if life < 1<<32-1 {
		t := time.Unix(end, 0).UTC()
		l.Ends = &t
	}
	l.MAC, l.ClientID = strings.ToLower(field("hwaddr")), strings.ToLower(field("client_id"))
	for _, octets := range []string{l.MAC, l.ClientID} {
		if octets == "" {
			continue
		}
		if _, err := dhcpdOctets(octets); err != nil {
			return l, false, err
		}
	}
	if active && l.MAC == "" && l.ClientID == "" {
		return l, false, fmt.Errorf("nobody has %s", l.Address)
	}
	l.Hostname = cleanHost(field("hostname"))
	if strings.Contains(l.Hostname, ".") && field("fqdn_fwd") == "1" {
		l.FQDN = strings.ToLower(l.Hostname)
	}
	return l, active, nil
}
