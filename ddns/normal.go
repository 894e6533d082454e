package ddns

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// DefaultTTL is the TTL of an "update add" line without one, when no "ttl" line
// came before.
const DefaultTTL = 30

// Bounds of a normal-dns file.
const (
	MaxNormalBytes   = 8 << 20
	MaxNormalRecords = 100_000
	maxProblems      = 100
)

// Problem is one thing that a normal-dns file gets wrong.
type Problem struct {
	// Line is counted from 1.
	Line int
	// Word is what was found there.
	Word string
	// Accepted says what would be right, or for a warning what is made of it.
	Accepted string
	// Warning: the file can be used all the same.
	Warning bool
}

// String is "12: "upd": accepted: …" or "12: warning: …"; the caller puts the file's name in front.
func (p Problem) String() string {
	if p.Warning {
		return fmt.Sprintf("%d: warning: %q: %s", p.Line, p.Word, p.Accepted)
	}
	return fmt.Sprintf("%d: %q: accepted: %s", p.Line, p.Word, p.Accepted)
}

// Normal is the content of a normal-dns file. The zero value is an empty file.
type Normal struct {
	// Sets are in the order of name and type. A set without values is one that
	// the file deletes: its name shall not have the type.
	Sets []Set
	// Zones are from "zone" lines, by name of set.
	Zones map[string]string
}

// Get is the set of one key; false when the file does not name it.
func (n Normal) Get(k Key) (Set, bool) {
	i, ok := slices.BinarySearchFunc(n.Sets, k, func(s Set, k Key) int { return compareKeys(s.Key(), k) })
	if !ok {
		return Set{}, false
	}
	return n.Sets[i], true
}

func compareKeys(a, b Key) int {
	if c := strings.Compare(a.Name, b.Name); c != 0 {
		return c
	}
	return strings.Compare(a.Type, b.Type)
}

// ParseNormal reads a normal-dns file: nsupdate's syntax, old and new.
//
//	update add NAME [TTL] [IN] TYPE DATA      also without "update"
//	update delete NAME [IN] [TYPE [DATA]]     also "del"; takes back lines above, or empties the set
//	zone NAME, ttl SECONDS, class IN          for the lines that follow
//	; comment, empty line, send, show, answer nothing to do
//	server, local, key, prereq, …             ignored with a warning: agent.toml says it, or nothing does
//
// Types are A, AAAA, MX and SRV. An empty file is right. All problems are
// returned at once (at most 100), in line order; the Normal is usable when none
// but warnings are among them.
func ParseNormal(text []byte) (Normal, []Problem) {
	p := normalParser{sets: map[Key]*Set{}, zones: map[string]string{}}
	if len(text) > MaxNormalBytes {
		p.fail(1, "", fmt.Sprintf("a file of at most %d bytes", MaxNormalBytes))
		return Normal{}, p.problems
	}
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		p.line = n
		p.parse(line)
		if len(p.problems) >= maxProblems {
			break
		}
	}
	var out Normal
	for _, k := range slices.SortedFunc(maps.Keys(p.sets), compareKeys) {
		out.Sets = append(out.Sets, p.sets[k].Normalize())
	}
	if len(p.zones) > 0 {
		out.Zones = p.zones
	}
	return out, p.problems
}

type normalParser struct {
	line     int
	ttl      uint32
	ttlGiven bool
	zone     string
	records  int
	sets     map[Key]*Set
	zones    map[string]string
	problems []Problem
}

func (p *normalParser) fail(line int, word, accepted string) {
	p.problems = append(p.problems, Problem{Line: line, Word: word, Accepted: accepted})
}

func (p *normalParser) warn(word, text string) {
	p.problems = append(p.problems, Problem{Line: p.line, Word: word, Accepted: text, Warning: true})
}

func (p *normalParser) parse(line string) {
	line, _, _ = strings.Cut(line, ";")
	f := strings.Fields(line)
	if len(f) == 0 {
		return
	}
	word, rest := strings.ToLower(f[0]), f[1:]
	switch word {
	case "update":
		if len(rest) == 0 {
			p.fail(p.line, f[0], "update add NAME TTL TYPE DATA, or update delete NAME TYPE [DATA]")
			return
		}
		p.update(strings.ToLower(rest[0]), rest[0], rest[1:])
	case "add", "delete", "del":
		p.update(word, f[0], rest)
	case "zone":
		p.setZone(f)
	case "ttl":
		p.setTTL(f)
	case "class":
		if len(rest) != 1 || !strings.EqualFold(rest[0], "IN") {
			p.fail(p.line, strings.Join(f, " "), "class IN")
		}
	case "send", "show", "answer", "debug", "help", "quit":
	case "server", "local", "realm", "gsstsig", "oldgsstsig", "check-names", "lease":
		p.warn(f[0], "ignored: agent.toml names the servers")
	case "key":
		p.warn(f[0], "ignored: agent.toml names the key; take secrets out of this file")
	case "prereq", "nxdomain", "yxdomain", "nxrrset", "yxrrset":
		p.warn(f[0], "ignored: the agent makes its own prerequisites")
	default:
		p.fail(p.line, f[0], "update add, update delete, zone, ttl, class, send, a ; comment or an empty line")
	}
}

func (p *normalParser) setZone(f []string) {
	if len(f) != 2 {
		p.fail(p.line, strings.Join(f, " "), "zone NAME")
		return
	}
	z := CanonicalName(f[1])
	if err := CheckName(z); err != nil {
		p.fail(p.line, f[1], "the name of a zone ("+err.Error()+")")
		return
	}
	p.zone = z
}

func (p *normalParser) setTTL(f []string) {
	if len(f) == 2 && strings.EqualFold(f[1], "none") {
		p.ttlGiven = false
		return
	}
	if len(f) == 2 {
		if n, ok := ParseTTL(f[1]); ok {
			p.ttl, p.ttlGiven = n, true
			return
		}
	}
	p.fail(p.line, strings.Join(f, " "), "ttl SECONDS")
}

func (p *normalParser) update(verb, word string, f []string) {
	if verb != "add" && verb != "delete" && verb != "del" {
		p.fail(p.line, word, "add, delete or del")
		return
	}
	if len(f) == 0 {
		p.fail(p.line, verb, "a name after "+verb)
		return
	}
	name := CanonicalName(f[0])
	if err := CheckName(name); err != nil {
		p.fail(p.line, f[0], "a name ("+err.Error()+")")
		return
	}
	if p.zone != "" && !Below(name, p.zone) {
		p.fail(p.line, f[0], "a name in zone "+p.zone)
		return
	}
	f = f[1:]
	ttl, hasTTL := uint32(DefaultTTL), false
	if p.ttlGiven {
		ttl, hasTTL = p.ttl, true
	}
	for len(f) > 0 {
		if n, ok := ParseTTL(f[0]); ok {
			ttl, hasTTL = n, true
		} else if !strings.EqualFold(f[0], "IN") {
			break
		}
		f = f[1:]
	}
	typ := ""
	if len(f) > 0 {
		if typ = strings.ToUpper(f[0]); !slices.Contains(PoolTypes, typ) {
			p.fail(p.line, f[0], "type A, AAAA, MX or SRV")
			return
		}
		f = f[1:]
	}
	k, data := Key{name, typ}, strings.Join(f, " ")
	if data != "" {
		if err := CheckData(typ, data); err != nil {
			p.fail(p.line, data, typ+" data ("+err.Error()+")")
			return
		}
		data = Canonical(typ, data)
	}
	if verb == "add" {
		p.add(k, ttl, hasTTL, data)
	} else {
		p.delete(k, data)
	}
}

func (p *normalParser) add(k Key, ttl uint32, hasTTL bool, data string) {
	if k.Type == "" || data == "" {
		p.fail(p.line, "add "+k.Name, "update add NAME TTL TYPE DATA")
		return
	}
	if p.records++; p.records > MaxNormalRecords {
		if p.records == MaxNormalRecords+1 {
			p.fail(p.line, k.Name, fmt.Sprintf("at most %d records in one file", MaxNormalRecords))
		}
		return
	}
	if !hasTTL {
		p.warn(k.Name, fmt.Sprintf("no TTL: taken as %d", DefaultTTL))
	}
	s := p.sets[k]
	if s == nil {
		s = &Set{Name: k.Name, Type: k.Type, TTL: ttl}
		p.sets[k] = s
	}
	if p.zone != "" {
		p.zones[k.Name] = p.zone
	}
	if s.TTL != ttl && len(s.Values) > 0 {
		p.warn(k.Name, fmt.Sprintf("TTL %d and %d in one set: all get %d", s.TTL, ttl, ttl))
	}
	s.TTL = ttl
	s.Values = append(s.Values, data)
}

func (p *normalParser) delete(k Key, data string) {
	if k.Type == "" {
		p.warn("delete "+k.Name, "takes back the lines above; other types of the name are left alone")
		for have, s := range p.sets {
			if have.Name == k.Name {
				s.Values = nil
			}
		}
		return
	}
	s := p.sets[k]
	switch {
	case data == "" && s == nil:
		p.sets[k] = &Set{Name: k.Name, Type: k.Type}
	case data == "":
		s.Values = nil
	case s == nil || !s.Normalize().Has(data):
		p.warn("delete "+k.Name, "this record is not added above: nothing to take back")
	default:
		s.Values = slices.DeleteFunc(s.Values, func(v string) bool { return v == data })
	}
}

// ParseTTL reads a TTL as BIND does: seconds, or parts with w, d, h, m and s
// ("1h30m"). At most 2147483647 (RFC 2181 section 8).
func ParseTTL(text string) (uint32, bool) {
	if text == "" || text[0] < '0' || text[0] > '9' || len(text) > 20 {
		return 0, false
	}
	if n, err := strconv.ParseUint(text, 10, 31); err == nil {
		return uint32(n), true
	}
	units := map[byte]uint64{'w': 604800, 'd': 86400, 'h': 3600, 'm': 60, 's': 1}
	var total uint64
	for i := 0; i < len(text); {
		start := i
		for i < len(text) && text[i] >= '0' && text[i] <= '9' {
			i++
		}
		n, err := strconv.ParseUint(text[start:i], 10, 31)
		if err != nil || i == len(text) {
			return 0, false
		}
		unit, ok := units[text[i]|0x20]
		if !ok {
			return 0, false
		}
		total += n * unit
		i++
	}
	return uint32(min(total, 1<<31)), total < 1<<31
}
