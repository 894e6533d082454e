package config

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
)

// tricky holds every form whose line is hard to find: the word after "want" is
// the key that stands on this line.
const tricky = `# pool = "a comment that looks like a key"
state_dir = "x"
text = "interval = 1"
long = """
fake = 1
[fake]
\""" still inside
"""
raw = '''
also_fake = 2
'''
dotted.one.two = 3
"quoted key" = 4
'lit.eral'.inner = 5
"esc\u0061ped" = 6
inline = { a = 1, b = { c = 2 }, list = [ { d = 3 } ] }
array = [
  "first",   # a ] in a comment
  "second ] , = ",

  "third",
]
dates = [1979-05-27 07:32:00, 1979-05-27T07:32:00Z]

[[pool]]
record = "one"
[pool.check]
port = 1
[[pool.member]]
address = "10.0.0.1"

[[pool]]
record = "two"
[[pool.member]]
address = "10.0.0.2"
[[pool.member]]
address = "10.0.0.3"
[pool.check]
port = 2

[restart.service.apache]
method = "script"
[restart]
budget = "3/10m"
[restart.service."a.b"]
method = "exec"
`

// TestPlaces pins the line of every kind of key and table occurrence.
func TestPlaces(t *testing.T) {
	root, _ := indexLines([]byte(tricky))
	lineOf := func(marker string) int {
		t.Helper()
		for i, l := range strings.Split(tricky, "\n") {
			if strings.Contains(l, marker) {
				return i + 1
			}
		}
		t.Fatalf("no line contains %q", marker)
		return 0
	}
	for _, c := range []struct {
		path   string // parts by /, numbers are array indices from 0
		marker string
	}{
		{"state_dir", `state_dir = `},
		{"text", `text = `},
		{"long", `long = `},
		{"raw", `raw = `},
		{"dotted/one/two", `dotted.one.two`},
		{"quoted key", `"quoted key"`},
		{"lit.eral/inner", `'lit.eral'`},
		{"escaped", `"esc\u0061ped"`},
		{"inline/b/c", `inline = `},
		{"inline/list/0/d", `inline = `},
		{"array/0", `"first"`},
		{"array/1", `"second`},
		{"array/2", `"third"`},
		{"dates/1", `dates = `},
		{"pool/0/record", `record = "one"`},
		{"pool/0/check/port", `port = 1`},
		{"pool/0/member/0/address", `10.0.0.1`},
		{"pool/1/record", `record = "two"`},
		{"pool/1/member/0/address", `10.0.0.2`},
		{"pool/1/member/1/address", `10.0.0.3`},
		{"pool/1/check", `[pool.check]`},
		{"pool/1/check/port", `port = 2`},
		{"restart", `[restart]`},
		{"restart/service/apache/method", `method = "script"`},
		{"restart/service/a.b/method", `method = "exec"`},
	} {
		n := root
		for _, part := range strings.Split(c.path, "/") {
			var i int
			if _, err := fmt.Sscanf(part, "%d", &i); err == nil {
				n = n.item(i)
			} else {
				n = n.child(part)
			}
		}
		if n == nil {
			t.Errorf("%s: not found", c.path)
			continue
		}
		want := lineOf(c.marker)
		if c.path == "pool/1/check" {
			want = lineOf("port = 2") - 1 // the second head of this name
		}
		if n.line != want {
			t.Errorf("%s: line %d, want %d", c.path, n.line, want)
		}
	}
	for _, fake := range []string{"pool2", "fake", "also_fake", "interval"} {
		if root.child(fake) != nil {
			t.Errorf("%s stands only in a string or comment, but was found", fake)
		}
	}
}

// FuzzLines: for every text the TOML library accepts, the index has exactly the
// library's keys and array elements, at lines that exist.
func FuzzLines(f *testing.F) {
	f.Add(tricky)
	f.Add("a=1\r\n[b]\r\nc=[1,\r\n2]\r\n")
	f.Add("a = [[1], [2, [3]]]\nb = [{x=1},{x=2},]\n")
	f.Add("\ufeffa=1")
	f.Add(`"" = 1` + "\n" + `'' . "" = 2`)
	f.Add("a = \"\"\"x\\\n  y\"\"\"\"\"\nb = ''''x''''")
	f.Add("x={\n a=1, # c\n}\ny=[]\n[[z]]\n[[z]]\n[z.q]")
	f.Fuzz(func(t *testing.T, text string) {
		root, depth := indexLines([]byte(text))
		if depth > maxDepth {
			return
		}
		table := map[string]any{}
		if _, err := toml.Decode(text, &table); err != nil {
			return
		}
		compareIndex(t, "", table, root, 1+strings.Count(text, "\n"))
	})
}

func compareIndex(t *testing.T, path string, v any, n *node, lines int) {
	if n == nil {
		t.Fatalf("%s: in the file, not in the index", path)
	}
	if n.line < 1 || n.line > lines {
		t.Fatalf("%s: line %d of %d", path, n.line, lines)
	}
	switch v := v.(type) {
	case map[string]any:
		if len(v) != len(n.children) {
			t.Fatalf("%s: %d keys, the index has %d", path, len(v), len(n.children))
		}
		for k, e := range v {
			compareIndex(t, path+"/"+k, e, n.child(k), lines)
		}
	case []map[string]any:
		if len(v) != len(n.items) {
			t.Fatalf("%s: %d tables, the index has %d", path, len(v), len(n.items))
		}
		for i, e := range v {
			compareIndex(t, fmt.Sprint(path, "/", i), e, n.item(i), lines)
		}
	case []any:
		if len(v) != len(n.items) {
			t.Fatalf("%s: %d elements, the index has %d", path, len(v), len(n.items))
		}
		for i, e := range v {
			compareIndex(t, fmt.Sprint(path, "/", i), e, n.item(i), lines)
		}
	}
}

// FuzzParse: whatever the text, Parse ends and reading it through every kind of
// reader ends, with problems at lines of the file.
func FuzzParse(f *testing.F) {
	f.Add(tricky)
	f.Add("a = ")
	f.Add("[[a]]\n[a.b]\nc='1'\n[a]")
	f.Add(strings.Repeat("a=[", 70))
	f.Fuzz(func(t *testing.T, text string) {
		doc, err := Parse("fuzz.toml", []byte(text))
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || len(e.Problems) == 0 || e.Problems[0].Line < 1 {
				t.Fatalf("a syntax error without its line: %v", err)
			}
			return
		}
		root := doc.Root()
		for _, k := range root.Keys() {
			readEveryWay(root, k)
		}
		lines := 1 + strings.Count(text, "\n")
		for _, p := range doc.Problems() {
			if p.Line < 1 || p.Line > lines || p.Key == "" || p.String() == "" {
				t.Fatalf("problem without place: %+v", p)
			}
		}
	})
}

func readEveryWay(s *Section, k string) {
	s.String(k, "")
	s.Required(k)
	s.OneOf(k, "a", "a", "b")
	s.Bool(k, true)
	s.Int(k, 1, 1, 5)
	s.Duration(k, 1, 0, 0)
	s.TTL(k, 30)
	s.Rate(k, Rate{})
	s.Percent(k, 50)
	s.Strings(k)
	s.Ints(k, 0, 0)
	s.Addr(k)
	s.AddrPorts(k, 53)
	s.Prefixes(k)
	s.File(k)
	s.Path(k, "x")
	for _, n := range s.Named(k) {
		n.String("x", "")
	}
	s.Tables(k)
	s.FailItem(k, 0, "x")
}
