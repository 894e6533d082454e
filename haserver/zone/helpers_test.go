package zone

import (
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// files is a Source over a map.
func files(m map[string]string) Source {
	return func(name string) ([]byte, error) {
		text, ok := m[name]
		if !ok {
			return nil, fmt.Errorf("open %s: %w", name, fs.ErrNotExist)
		}
		return []byte(text), nil
	}
}

// zoneOf loads a zone of the origin from text, which must have no error.
func zoneOf(t testing.TB, origin, text string) *Zone {
	t.Helper()
	z, problems := Load(files(map[string]string{"zone": text}), must(origin), "zone")
	if z == nil {
		t.Fatalf("zone does not load:\n%v", problems.Err())
	}
	checkTree(t, z)
	return z
}

// problemsOf loads text that is zone example.test and returns what is said about it.
func problemsOf(t testing.TB, text string) []string {
	t.Helper()
	_, problems := Load(files(map[string]string{"zone": text}), must("example.test."), "zone")
	var lines []string
	for _, p := range problems {
		lines = append(lines, p.String())
	}
	return lines
}

const head = "$TTL 300\n@ SOA ns.example.test. admin 10 3600 600 86400 60\n@ NS ns.example.test.\nns A 192.0.2.53\n"

// lines is the whole zone as text.
func lines(z *Zone) []string { return slices.Collect(z.Text()) }

// rec reads "name ttl class type [rdata]".
func rec(text string) Record {
	f := strings.SplitN(text, " ", 5)
	ttl, err := strconv.ParseUint(f[1], 10, 32)
	if err != nil {
		panic(err)
	}
	r := Record{Name: must(f[0]), TTL: uint32(ttl), Class: map[string]Class{"IN": ClassIN, "ANY": ClassANY, "NONE": ClassNONE, "CH": ClassCH}[f[2]]}
	var ok bool
	if r.Type, ok = ParseType(f[3]); !ok {
		panic("type in " + text)
	}
	if len(f) == 5 {
		if r.Data, err = ParseRdata(r.Type, f[4], Root); err != nil {
			panic(err)
		}
	}
	return r
}

func recs(texts ...string) []Record {
	var out []Record
	for _, t := range texts {
		out = append(out, rec(t))
	}
	return out
}

func texts(records []Record) []string {
	var out []string
	for _, r := range records {
		out = append(out, r.String())
	}
	return out
}

// section is sets as text, one line a record.
func section(sets []RRset) string {
	var b strings.Builder
	for _, s := range sets {
		for _, d := range s.Data {
			fmt.Fprintf(&b, "%s %d %s %s\n", s.Name, s.TTL, s.Type, RdataText(s.Type, d))
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// checkTree asserts the invariants of the tree and the counts of the zone.
func checkTree(t testing.TB, z *Zone) {
	t.Helper()
	last, first := "", true
	records, cutCount := 0, 0
	depth := -1
	var walk func(n *node, level int)
	walk = func(n *node, level int) {
		if !n.isLeaf() {
			if len(n.kids) > fanout || n.low != n.kids[0].node.low {
				t.Fatalf("inner node with %d kids, low %q", len(n.kids), n.low)
			}
			for _, k := range n.kids {
				if !strings.HasPrefix(k.node.low, n.prefix) || k.head != headOf(k.node.low[len(n.prefix):]) {
					t.Fatalf("prefix %q or head of kid %q is stale", n.prefix, k.node.low)
				}
				walk(k.node, level+1)
			}
			return
		}
		if depth < 0 {
			depth = level
		}
		if level != depth {
			t.Fatalf("leaves at depth %d and %d", depth, level)
		}
		if n.low != n.block.key(0) {
			t.Fatalf("low of leaf is %q, first key %q", n.low, n.block.key(0))
		}
		if len(n.block) > 2*blockSize && n.block.count() > 2 {
			t.Fatalf("leaf of %d octets with %d entries", len(n.block), n.block.count())
		}
		for i := range n.block.count() {
			key := n.block.key(i)
			if !first && key <= last {
				t.Fatalf("key %q after %q", key, last)
			}
			first, last = false, key
			name, sets := z.node([]byte(key))
			var buf [maxKey]byte
			if k, ok := z.key(buf[:0], name); !ok || string(k) != key {
				t.Fatalf("entry %q bears the name %s", key, name)
			}
			if len(sets) == 0 {
				t.Fatalf("%s has no set", name)
			}
			for k, s := range sets {
				records += len(s.Data)
				if len(s.Data) == 0 || k > 0 && sets[k-1].Type >= s.Type {
					t.Fatalf("%s: sets out of order or empty", name)
				}
				if (len(s.Data) > 1) != (s.Turn != nil) {
					t.Fatalf("%s %s: %d records, rotation cell %v", name, s.Type, len(s.Data), s.Turn)
				}
			}
			cutCount += cuts(key, sets)
		}
	}
	walk(z.root, 0)
	if records != z.records || cutCount != z.cuts {
		t.Fatalf("zone counts %d records and %d cuts; it holds %d and %d", z.records, z.cuts, records, cutCount)
	}
}
