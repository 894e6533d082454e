package importer

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"loadshare/dhcp/option"
)

// secondsOf are statements whose value is a time in seconds, and ours.
var secondsOf = map[string]string{
	"default-lease-time": "lease_time", "max-lease-time": "max_lease", "min-lease-time": "min_lease", "abandon-lease-time": "abandon_time",
}

// silent are statements that say what ours does anyway, or that are of the running of dhcpd.
var silent = map[string]bool{
	"log-facility": true, "lease-file-name": true, "pid-file-name": true, "local-port": true, "omapi-port": true, "omapi-key": true, "db-time-format": true,
	"ping-timeout": true, "one-lease-per-client": true, "stash-agent-options": true, "always-reply-rfc1048": true, "dhcpv6-lease-file-name": true,
	"delayed-ack": true, "max-ack-delay": true, "remote-port": true, "adaptive-lease-time-threshold": true, "log-threshold-high": true, "log-threshold-low": true,
	"update-optimization": true, "ddns-local-address4": true, "server-identifier": true, "get-lease-hostnames": true, "boot-unknown-clients": true, "ddns-hostname": true,
	"bind-local-address6": true, "prefer-client-mac": true, "log": true, "send": true, "infinite-is-reserved": true, "check-secs-byte-order": true, "lease-id-format": true, "authoring-byte-order": true,
}

// statement is one without a block.
func (s *dhcpdSource) statement(st *dhcpdStatement, f *dhcpdFrame) {
	word := strings.ToLower(st.word(0))
	last := st.word(len(st.tokens) - 1)
	if key := secondsOf[word]; key != "" {
		n, err := strconv.ParseInt(last, 10, 64)
		if last == "infinite" {
			n, err = -1, nil
		}
		if err != nil || n == 0 {
			s.at(st, "%s: not taken over", st.text())
			return
		}
		f.policy.seconds(key, n)
		return
	}
	switch word {
	case "option":
		s.option(st, f)
	case "subclass":
		s.subclass(st)
	case "authoritative":
		s.authoritative = true
	case "not":
		if f.inScope {
			s.at(st, "%s: ours says this of the whole server", st.text())
		}
	case "range":
		if sc := s.rangeOf(st); sc != nil {
			sc.seen = true
		}
	case "include":
		if !slices.Contains(s.given, baseOf(last)) {
			s.at(st, "include %q was not given: give that file, too, or what is in it is missing here", last)
		}
	case "next-server":
		if a, err := netip.ParseAddr(last); err == nil && a.Is4() {
			f.policy.set("next_server", quote(a.String()))
		} else {
			s.at(st, "%s: give the address; names are not looked up", st.text())
		}
	case "filename":
		if len(last) > 127 {
			f.policy.option("boot-file-name", quote(last))
		} else {
			f.policy.set("boot_file", quote(last))
		}
	case "server-name":
		f.policy.set("server_name", quote(last[:min(len(last), 63)]))
	case "allow", "deny", "ignore":
		s.allow(st, f)
	case "interface":
		if f.scope != nil {
			f.scope.iface = last
		}
	case "ping-check":
		f.policy.set("ping_check", strconv.FormatBool(yes(last)))
	case "use-host-decl-names": // block has read it
	case "ddns-update-style":
		s.style = strings.ToLower(last)
	case "ddns-updates":
		f.policy.set("ddns", strconv.FormatBool(yes(last)))
	case "ddns-domainname":
		f.policy.set("domain", quote(strings.TrimSuffix(last, ".")))
	case "ddns-ttl":
		set(&s.ddns.keys, "ttl", last)
	case "update-static-leases", "do-forward-updates", "update-conflict-detection", "ddns-other-guard-is-dynamic", "ddns-dual-stack-mixed-mode", "ddns-guard-id-must-match", "ddns-rev-domainname":
		s.at(st, "%s: not taken over; ours keeps names by RFC 4703, of reservations too", st.text())
	case "dynamic-bootp-lease-length", "dynamic-bootp-lease-cutoff":
		s.at(st, "%s: a BOOTP client's address never ends here", st.text())
	case "local-address":
		if a, err := netip.ParseAddr(last); err == nil {
			s.listen = append(s.listen, netip.AddrPortFrom(a, 67).String())
		}
	case "always-broadcast":
		s.at(st, "%s: ours broadcasts to clients that ask for it, and sends frames to the hardware address of the others", st.text())
	case "failover":
		if f.scope != nil && st.is("failover", "peer") {
			f.scope.failover = st.word(2)
		}
	default:
		if !silent[word] && !strings.HasPrefix(word, "ldap-") {
			s.at(st, "%s: not taken over", st.text())
		}
	}
}

func yes(word string) bool {
	return word == "on" || word == "true" || word == "yes" || word == "authoritative"
}

func baseOf(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// allow is what may be asked for, outside of pools.
func (s *dhcpdSource) allow(st *dhcpdStatement, f *dhcpdFrame) {
	ok := st.is("allow")
	switch st.word(1) {
	case "unknown-clients":
		if ok {
			return
		}
		if f.scope != nil {
			f.scope.deny = appendNew(f.scope.deny, "UNKNOWN")
			return
		}
		s.denyUnknown = true
	case "bootp":
		if ok && f.scope != nil {
			set(&f.scope.keys, "bootp", "true")
		} else if ok {
			s.at(st, "%s: say bootp = true in the scopes where BOOTP clients are", st.text())
		}
	case "client-updates":
		if !ok {
			set(&s.ddns.keys, "override_client", "true")
		}
	case "booting", "duplicates", "declines", "leasequery", "unknown", "known":
		if st.word(1) == "leasequery" && ok {
			s.at(st, "%s: say leasequery = [\"NETWORK\", …] of those who may ask", st.text())
		}
		if st.word(1) == "duplicates" && !ok || st.word(1) == "declines" && !ok || st.word(1) == "booting" && !ok {
			s.at(st, "%s: not taken over", st.text())
		}
	default:
		s.at(st, "%s: not taken over", st.text())
	}
}

// option sets one, for the level that it stands in.
func (s *dhcpdSource) option(st *dhcpdStatement, f *dhcpdFrame) {
	name := strings.ToLower(st.word(1))
	switch {
	case st.is("option", "space"), len(st.tokens) > 3 && st.tokens[2].is("code"), len(st.tokens) > 3 && st.tokens[2].is("="):
		if st.tokens[2].is("=") {
			s.at(st, "%s: values that are worked out are not taken over", st.text())
		}
		return // definitionsOf has read it
	case name == "subnet-mask":
		return
	case strings.Contains(strings.TrimPrefix(name, "dhcp."), "."):
		s.at(st, "%s: options of a vendor's space are not taken over: write option vendor-encapsulated-options, or code-N", st.text())
		return
	}
	d, ok := s.definition(dhcpdOption(name))
	raw := s.raws[name]
	if raw != nil {
		d, ok = option.ByCode(raw.Code)
	}
	if !ok {
		s.at(st, "%s: option %s is not known: define it", st.text(), name)
		return
	}
	values, err := s.optionValues(d, raw, st)
	if err == nil {
		err = s.addOption(f.policy, d, values)
	}
	if err != nil {
		s.at(st, "%s: %v: left out", st.text(), err)
	}
}

// optionValues turns what stands after the name into strings for our configuration. Raw is how the site has defined an option that is
// one of the standard's here: the octets are made by that, and taken as they are.
func (s *dhcpdSource) optionValues(d option.Definition, raw *option.Definition, st *dhcpdStatement) ([]string, error) {
	var values []string
	for _, l := range st.lists(2) {
		var words []string
		for _, t := range l {
			switch {
			case t.quoted && d.Type == option.Binary:
				words = append(words, "hex:"+colons([]byte(t.text)))
			case !t.quoted && d.Type == option.Binary:
				b, err := dhcpdOctets(t.text)
				if err != nil {
					return nil, err
				}
				words = append(words, "hex:"+colons(b))
			case !t.quoted && d.Type == option.Boolean:
				words = append(words, strconv.FormatBool(yes(t.text)))
			default:
				words = append(words, t.text)
			}
		}
		switch {
		case d.Type == option.Record, d.Type == option.Addresses && len(words) == 1:
			values = append(values, words...)
		default:
			values = append(values, strings.Join(words, " "))
		}
	}
	if raw != nil {
		return byOwn(d, raw, values)
	}
	if d.Type == option.Encapsulation {
		if b, err := dhcpdOctets(strings.Join(values, "")); err == nil {
			return []string{"hex:" + colons(b)}, nil
		}
		return []string{"hex:" + hex.EncodeToString([]byte(strings.Join(values, "")))}, nil
	}
	return values, nil
}

// definitionsOf reads "option NAME code N = TYPE", wherever it stands.
func (s *dhcpdSource) definitionsOf(list []dhcpdStatement) {
	for i := range list {
		st := &list[i]
		s.definitionsOf(st.block)
		if st.is("option", "space") {
			s.at(st, "%s: there are no spaces here; of a vendor's options write vendor-encapsulated-options", st.text())
		}
		if !st.is("option") || len(st.tokens) < 6 || !st.tokens[2].is("code") || !st.tokens[4].is("=") {
			continue
		}
		code, err := strconv.ParseUint(st.word(3), 10, 8)
		name := strings.ToLower(st.word(1))
		d := option.Definition{Name: name, Code: option.Code(code)}
		if err == nil && !strings.Contains(name, ".") {
			err = dhcpdType(&d, st.tokens[5:])
		} else if err == nil {
			continue // of a space: said already
		}
		if err == nil {
			if _, ok := option.ByCode(d.Code); ok {
				if s.raws == nil {
					s.raws = map[string]*option.Definition{}
				}
				s.raws[name] = &d
				continue
			}
			err = s.define(d)
		}
		if err != nil {
			s.at(st, "%s: %v: left out", st.text(), err)
		}
	}
}

// dhcpdType reads a type: "array of unsigned integer 8", "{ … }" is not taken over.
func dhcpdType(d *option.Definition, t []dhcpdToken) error {
	var words []string
	for _, w := range t {
		words = append(words, strings.ToLower(w.text))
	}
	text := strings.Join(words, " ")
	if rest, ok := strings.CutPrefix(text, "array of "); ok {
		d.List, text = true, rest
	}
	types := map[string]option.Type{
		"boolean": option.Boolean, "ip-address": option.Address, "text": option.String, "string": option.Binary, "domain-list": option.Search, "domain-name": option.Name,
		"domain-list compressed": option.Search, "unsigned integer 8": option.Uint8, "unsigned integer 16": option.Uint16, "unsigned integer 32": option.Uint32, "integer 8": option.Uint8, "integer 16": option.Uint16,
		"integer 32": option.Uint32, "signed integer 8": option.Int8, "signed integer 16": option.Int16, "signed integer 32": option.Int32, "ip6-address": option.Address6,
	}
	typ, ok := types[text]
	if !ok {
		return fmt.Errorf("the type %q has no counterpart", text)
	}
	d.Type = typ
	return nil
}
