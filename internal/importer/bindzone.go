package importer

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
)

// finish maps the statements of a zone, when all acls and lists of servers are known.
func (s *bindSource) finish(z *bindZone) {
	s.file = z.statementIn
	update, transfer, notify := s.update, s.transfer, s.notify
	for _, e := range z.statement.block {
		switch strings.ToLower(e.word(0)) {
		case "type", "file", "check-names", "zone-statistics", "allow-query":
		case "allow-update":
			update = e.block
		case "allow-transfer":
			transfer = e.block
		case "also-notify":
			notify = e.block
		case "update-policy":
			update = nil
			s.policy(z, e)
		case "notify":
			if strings.EqualFold(e.word(1), "no") {
				s.note(e.line, "zone %q: notify no: here the servers of its NS records are told of changes", z.name)
			}
		case "masterfile-format":
			if !strings.EqualFold(e.word(1), "text") {
				s.note(e.line, "zone %q: its file is not text: convert it, named-compilezone -f raw -F text", z.name)
			}
		case "dnssec-policy", "auto-dnssec", "inline-signing":
			s.note(e.line, "zone %q: %s: loadshare does not sign; a signed zone is served with the signatures that its file has", z.name, e.text())
		default:
			s.note(e.line, "zone %q: %s: not taken over", z.name, e.text())
		}
	}
	z.update = append(z.update, s.clients(z, "allow-update", update, 0)...)
	z.transfer = s.clients(z, "allow-transfer", transfer, 0)
	s.targets(z, notify, 0)
	switch {
	case z.file == "":
		s.note(z.statement.line, "zone %q has no file: write its name into `file`", z.name)
	case !filepath.IsAbs(z.file) && s.directory != "":
		z.file = filepath.Join(s.directory, z.file)
	}
}

// clients maps an address match list.
func (s *bindSource) clients(z *bindZone, what string, list []bindStatement, depth int) (grants []string) {
	if depth > maxNesting {
		s.note(0, "zone %q: acls stand in each other without end", z.name)
		return nil
	}
	for _, e := range list {
		first := e.word(0)
		address, err := netip.ParseAddr(first)
		prefix, perr := netip.ParsePrefix(first)
		switch {
		case e.has && first == "":
			grants = append(grants, s.clients(z, what, e.block, depth+1)...)
		case strings.HasPrefix(first, "!"):
			s.note(e.line, "zone %q: %s %s: there are no exceptions here; what it left out is left in", z.name, what, e.text())
		case first == "key":
			if k := s.knownKey(e, z, e.word(1)); k != "" {
				grants = append(grants, "key "+k)
			}
		case first == "none":
		case first == "any":
			if what == "allow-update" {
				s.note(e.line, "zone %q: allow-update any: everybody could change it; not taken over", z.name)
				continue
			}
			grants = append(grants, "0.0.0.0/0", "::/0")
		case first == "localhost":
			grants = append(grants, "127.0.0.1", "::1")
		case err == nil:
			grants = append(grants, address.String())
		case perr == nil:
			grants = append(grants, prefix.Masked().String())
		case s.acls[first] != nil:
			grants = append(grants, s.clients(z, what, s.acls[first], depth+1)...)
		default:
			s.note(e.line, "zone %q: %s %s: not taken over; write the addresses by hand", z.name, what, e.text())
		}
	}
	return slices.Compact(grants)
}

// knownKey is the name of a key that was taken over; "": it was not, which is noted.
func (s *bindSource) knownKey(e bindStatement, z *bindZone, name string) string {
	name = strings.TrimSuffix(strings.ToLower(name), ".")
	if !slices.ContainsFunc(s.keys, func(k bindKey) bool { return k.name == name }) {
		s.note(e.line, "zone %q: there is no key %q in these files: its right is left out", z.name, name)
		return ""
	}
	return name
}

// targets maps also-notify.
func (s *bindSource) targets(z *bindZone, list []bindStatement, depth int) {
	for _, e := range list {
		address, err := netip.ParseAddr(e.word(0))
		if named := s.servers[e.word(0)]; err != nil && named != nil && depth < maxNesting {
			s.targets(z, named, depth+1)
			continue
		}
		if err != nil {
			s.note(e.line, "zone %q: also-notify %s: write its addresses by hand", z.name, e.text())
			continue
		}
		port := "53"
		for i, w := range e.words {
			switch {
			case strings.EqualFold(w, "port"):
				port = e.word(i + 1)
			case strings.EqualFold(w, "key"):
				k := s.knownKey(e, z, e.word(i+1))
				if z.notifyKey != "" && k != z.notifyKey {
					s.note(e.line, "zone %q: its secondaries are told with several keys; here one, %q, signs for all", z.name, z.notifyKey)
				} else {
					z.notifyKey = k
				}
			}
		}
		if to := joinPort(address, port); !slices.Contains(z.notify, to) {
			z.notify = append(z.notify, to)
		}
	}
}

// policy maps update-policy: rules of keys about names and types.
func (s *bindSource) policy(z *bindZone, st bindStatement) {
	if !st.has {
		s.note(st.line, "zone %q: update-policy %s: make a key with `loadshare key NAME` and grant that", z.name, st.word(1))
		return
	}
	for _, e := range st.block {
		if grant, why := s.rule(z, e); why != "" {
			s.note(e.line, "zone %q: %s: %s", z.name, e.text(), why)
		} else if grant != "" {
			z.update = append(z.update, grant)
		}
	}
}

// rule maps one rule, `grant KEY TYPE NAME TYPES`; why it cannot be done otherwise.
func (s *bindSource) rule(z *bindZone, e bindStatement) (grant, why string) {
	if !e.is("grant") {
		return "", "only grants are possible here: see that no other line gives what this one took away"
	}
	if len(e.words) < 3 {
		return "", "it is not complete"
	}
	key, kind, rest := e.word(1), strings.ToLower(e.word(2)), e.words[3:]
	name := ""
	if kind != "zonesub" {
		if len(rest) == 0 {
			return "", "it is not complete"
		}
		name, rest = strings.TrimSuffix(rest[0], "."), rest[1:]
	}
	switch kind {
	case "zonesub":
	case "name":
	case "subdomain":
		if strings.EqualFold(name, z.name) {
			name = "" // the whole zone
		} else {
			name = name + " *." + name
		}
	case "wildcard":
		if !strings.HasPrefix(name, "*.") {
			return "", "the name of a wildcard begins with *."
		}
	case "self":
		name = strings.TrimSuffix(key, ".")
	case "selfsub":
		name = strings.TrimSuffix(key, ".") + " *." + strings.TrimSuffix(key, ".")
	case "selfwild":
		name = "*." + strings.TrimSuffix(key, ".")
	default:
		return "", fmt.Sprintf("rules of the type %s are not possible here", kind)
	}
	if below := "." + strings.ToLower(strings.TrimSuffix(key, ".")); strings.HasPrefix(kind, "self") && !strings.HasSuffix(below, "."+strings.ToLower(z.name)) && !strings.Contains(key, "*") {
		return "", "the name of the key is not in the zone, so it gives no right to anything"
	}
	if strings.Contains(key, "*") {
		return "", "rights belong to single keys here: write a line for each"
	}
	if key = s.knownKey(e, z, key); key == "" {
		return "", ""
	}
	words := []string{"key", key}
	for _, n := range strings.Fields(name) {
		if !strings.Contains(n, ".") {
			n += "." // it could be the name of a type
		}
		words = append(words, n)
	}
	types, any := []string{}, false
	for _, t := range rest {
		t, _, _ = strings.Cut(t, "(")
		any = any || strings.EqualFold(t, "ANY")
		types = append(types, strings.ToUpper(t))
	}
	if len(rest) == 0 {
		s.note(e.line, "zone %q: %s: named leaves SOA, NS and the types of DNSSEC out of it; here it is for all types: name those that are needed", z.name, e.text())
	}
	if !any {
		words = append(words, types...)
	}
	return strings.Join(words, " "), ""
}

// render is dns.toml.
func (s *bindSource) render() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# loadshare dns, imported from %s\n", strings.Join(s.files, ", "))
	listen := s.listen
	if len(listen) == 0 {
		listen = []string{"0.0.0.0:53", "[::]:53"}
	}
	fmt.Fprintf(&b, "listen = %s\nstate_dir = \"/var/lib/loadshare/dns\"\n", quoteAll(listen, same))
	if len(s.keys) > 0 {
		b.WriteString("keys = [\"bind.keys\"]\n")
	}
	if s.nsid != "" {
		fmt.Fprintf(&b, "nsid = %s\n", quote(s.nsid))
	}
	b.WriteString("\n[control]\nlisten = \"unix:/run/loadshare/dns.sock\"\n")
	for _, z := range s.zones {
		fmt.Fprintf(&b, "\n[[zone]]\nname = %s\n", quote(z.name))
		if z.file != "" {
			fmt.Fprintf(&b, "file = %s\n", quote(z.file))
		}
		for _, list := range []struct {
			key   string
			texts []string
		}{{"update", z.update}, {"transfer", z.transfer}, {"notify", z.notify}} {
			if len(list.texts) > 0 {
				fmt.Fprintf(&b, "%s = %s\n", list.key, quoteAll(list.texts, same))
			}
		}
		if z.notifyKey != "" {
			fmt.Fprintf(&b, "notify_key = %s\n", quote(z.notifyKey))
		}
	}
	return b.String()
}

func (s *bindSource) renderKeys() string {
	var b strings.Builder
	for _, k := range s.keys {
		fmt.Fprintf(&b, "key \"%s\" {\n\talgorithm %s;\n\tsecret \"%s\";\n};\n", k.name, k.algorithm, k.secret)
	}
	return b.String()
}
