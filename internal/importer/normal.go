package importer

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// normalLine is one record of normal-dns (F18).
type normalLine struct {
	pos
	name  string
	ttl   uint32
	typ   string
	value string
}

// readNormal reads nsupdate's syntax as far as the old package used it.
func (s *source) readNormal(name, text string) {
	n := 0
	for line := range strings.Lines(text) {
		n++
		line, _, _ = strings.Cut(line, ";")
		f := strings.Fields(line)
		if len(f) == 0 || strings.EqualFold(f[0], "send") || f[0][0] == '#' {
			continue
		}
		p := pos{name, n}
		if !strings.EqualFold(f[0], "update") || len(f) < 2 || !strings.EqualFold(f[1], "add") {
			s.note(p, "only `update add` lines map, this one is left out: %s", quote(strings.Join(f, " ")))
			continue
		}
		l, why := parseRecord(f[2:])
		if why != "" {
			s.note(p, "left out: %s: %s", why, quote(strings.Join(f, " ")))
			continue
		}
		l.pos = p
		s.normal = append(s.normal, l)
	}
}

// parseRecord reads NAME TTL [IN] TYPE RDATA; why is not empty when it cannot.
func parseRecord(f []string) (l normalLine, why string) {
	if len(f) < 4 {
		return l, "a record needs NAME TTL TYPE VALUE"
	}
	l.name = strings.ToLower(strings.TrimSuffix(f[0], "."))
	if len(l.name) > 253 || !plainName.MatchString(l.name) {
		return l, "not a host name"
	}
	ttl, err := strconv.ParseUint(f[1], 10, 31)
	if err != nil {
		return l, "the TTL is not a number of seconds"
	}
	l.ttl = uint32(ttl)
	f = f[2:]
	if strings.EqualFold(f[0], "IN") {
		f = f[1:]
	}
	if len(f) < 2 {
		return l, "a record needs NAME TTL TYPE VALUE"
	}
	l.typ = strings.ToUpper(f[0])
	l.value, why = rdata(l.typ, f[1:])
	return l, why
}

func rdata(typ string, f []string) (value, why string) {
	switch typ {
	case "A", "AAAA":
		a, err := netip.ParseAddr(f[0])
		if err != nil || len(f) != 1 || a.Zone() != "" || a.Is4() != (typ == "A") {
			return "", "not an address for type " + typ
		}
		return a.String(), ""
	case "MX", "SRV":
		want := map[string]int{"MX": 2, "SRV": 4}[typ]
		if len(f) != want {
			return "", fmt.Sprintf("%s needs %d fields", typ, want)
		}
		for _, n := range f[:want-1] {
			if _, err := strconv.ParseUint(n, 10, 16); err != nil {
				return "", "not a number from 0 to 65535"
			}
		}
		host := strings.ToLower(strings.TrimSuffix(f[want-1], "."))
		if len(host) > 253 || !plainName.MatchString(host) {
			return "", "not a host name"
		}
		return strings.Join(append(slices.Clone(f[:want-1]), host+"."), " "), ""
	}
	return "", "only A, AAAA, MX and SRV are shared"
}

// normalLines gives the lines for our normal-dns. A name that no check has,
// but whose first label and values are those of a checked name, is written
// under the checked name (the old document says mydomain.com in one file and
// domainname.com in the other).
func (s *source) normalLines(pools []pool) []normalLine {
	byName := map[string]int{}
	for i, p := range pools {
		byName[p.record] = i
	}
	renamed := map[string]string{}
	for _, l := range s.normal {
		if _, ok := byName[l.name]; ok {
			continue
		}
		if _, done := renamed[l.name]; done {
			continue
		}
		renamed[l.name] = ""
		for _, p := range pools {
			if firstLabel(p.record) == firstLabel(l.name) && s.sameValues(l.name, p) {
				renamed[l.name] = p.record
				s.note(l.pos, "normal-dns says %s, the checks say %s, with the same addresses: %s is written; if both names exist, add the other lines again", l.name, p.record, p.record)
				break
			}
		}
		if renamed[l.name] == "" && len(pools) > 0 {
			s.note(l.pos, "%s is in normal-dns but no check is for it: it is set by `normal-dns apply` and never removed by a failure", l.name)
		}
	}
	var out []normalLine
	seen := map[string]bool{}
	for _, l := range s.normal {
		if to := renamed[l.name]; to != "" {
			l.name = to
		}
		id := l.name + " " + l.typ + " " + l.value
		if seen[id] {
			s.note(l.pos, "this record is there twice: written once")
			continue
		}
		seen[id] = true
		out = append(out, l)
	}
	return out
}

// sameValues reports whether each value of the name is an address of the pool.
func (s *source) sameValues(name string, p pool) bool {
	for _, l := range s.normal {
		if l.name != name {
			continue
		}
		if !slices.ContainsFunc(p.members, func(m member) bool { return m.address.String() == l.value }) {
			return false
		}
	}
	return true
}

func firstLabel(name string) string { l, _, _ := strings.Cut(name, "."); return l }

func renderNormal(lines []normalLine) string {
	var b strings.Builder
	b.WriteString("; the records as they are when nothing has failed: `loadshare normal-dns apply`\n")
	for _, l := range lines {
		fmt.Fprintf(&b, "update add %s %d %s %s\n", l.name, l.ttl, l.typ, l.value)
	}
	return b.String()
}
