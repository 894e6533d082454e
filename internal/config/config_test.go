package config

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func parse(t *testing.T, text string) *Doc {
	t.Helper()
	d, err := Parse("m.toml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// said are the problems as an operator reads them.
func said(d *Doc) []string {
	var out []string
	for _, p := range d.Problems() {
		out = append(out, p.String())
	}
	return out
}

// TestSamples: the contract's samples are TOML, every table and key of them has
// a place, and nothing in them is read before somebody asks.
func TestSamples(t *testing.T) {
	files, err := filepath.Glob("testdata/contract/*.toml")
	if err != nil || len(files) < 8 {
		t.Fatalf("samples: %v, %v", files, err)
	}
	for _, f := range files {
		doc, err := Open(f)
		if err != nil {
			t.Errorf("%s: %v", f, err)
			continue
		}
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		compareIndex(t, f, doc.root.table, doc.root.at, strings.Count(string(data), "\n")+1)
		if got, want := len(doc.Problems()), len(doc.root.table); got != want {
			t.Errorf("%s: %d unknown keys, want each of the %d at the first level", f, got, want)
		}
	}
}

// TestMonitorSample reads what is hard in monitor.toml as the monitor does.
func TestMonitorSample(t *testing.T) {
	doc, err := Open("testdata/contract/monitor.toml")
	if err != nil {
		t.Fatal(err)
	}
	root := doc.Root()
	pools := root.Tables("pool")
	if len(pools) != 4 {
		t.Fatalf("%d pools", len(pools))
	}
	defaults := root.Table("defaults")
	if d := defaults.Duration("interval", 0, 0, 0); d != 5*time.Second {
		t.Errorf("interval %v", d)
	}
	if r := defaults.Rate("flap", Rate{}); r != (Rate{5, 10 * time.Minute}) {
		t.Errorf("flap %v", r)
	}
	if p := root.Table("guard").Percent("share", 0); p != 50 {
		t.Errorf("share %v", p)
	}
	if ttl := pools[0].TTL("ttl", 30); ttl != 1 {
		t.Errorf("ttl %v", ttl)
	}
	members := pools[2].Tables("member")
	if a := members[1].Addr("address"); a != netip.MustParseAddr("2001:db8::5") {
		t.Errorf("address %v", a)
	}
	servers := root.Table("dns").AddrPorts("servers", 53)
	want := []netip.AddrPort{netip.MustParseAddrPort("192.168.0.10:53"), netip.MustParseAddrPort("192.168.0.11:53")}
	if !cmp.Equal(servers, want, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })) {
		t.Errorf("servers %v", servers)
	}
}

// TestEveryProblemAtOnce: "An unknown key, a wrong type or an impossible value
// is an error that names file, line, key, value and what is accepted; all
// problems are reported at once" (contract).
func TestEveryProblemAtOnce(t *testing.T) {
	doc := parse(t, `listen = 5
[[pool]]
record = "a"
[[pool]]
record = "b"
Record = "c"
ttl = 1
[pool.check]
port = "abc"
status = [200, 99, "x"]
[restart.service.apache]
method = "magic"
tiemout = "1s"
[alert]
to = []
`)
	root := doc.Root()
	root.Required("listen")
	for _, p := range root.Tables("pool") {
		p.Required("record")
		p.TTL("ttl", 30)
		c := p.Table("check")
		c.Int("port", 80, 1, 65535)
		c.Ints("status", 100, 599)
		p.Required("zone")
	}
	for _, n := range root.Table("restart").Named("service") {
		n.OneOf("method", "script", "script", "systemd", "exec")
		n.Duration("timeout", time.Second, time.Second, time.Minute)
	}
	root.Table("alerts")
	want := []string{
		`m.toml:1: listen = 5: accepted: a string in quotes`,
		`m.toml:2: pool[1].zone is missing: accepted: a string that is not empty`,
		`m.toml:4: pool[2].zone is missing: accepted: a string that is not empty`,
		`m.toml:6: unknown key pool[2].Record = "c": upper and lower case differ, did you mean record? accepted: check, record, ttl, zone`,
		`m.toml:7: warning: pool[2].ttl = 1: with a ttl below 5 s almost every lookup reaches your servers; many resolvers raise it anyway`,
		`m.toml:9: pool[2].check.port = "abc": accepted: a number from 1 to 65535`,
		`m.toml:10: pool[2].check.status[2] = 99: accepted: a number from 100 to 599`,
		`m.toml:10: pool[2].check.status[3] = "x": accepted: a number from 100 to 599`,
		`m.toml:12: restart.service.apache.method = "magic": accepted: "script", "systemd" or "exec"`,
		`m.toml:13: unknown key restart.service.apache.tiemout = "1s": did you mean timeout? accepted: method, timeout`,
		`m.toml:14: unknown key alert = a table: did you mean alerts? accepted: alerts, listen, pool, restart`,
	}
	if diff := cmp.Diff(want, said(doc)); diff != "" {
		t.Error(diff)
	}
	if n := len(doc.Problems().Warnings()); n != 1 {
		t.Errorf("%d warnings, want 1", n)
	}
	if n := len(doc.Problems().Errors()); n != 10 {
		t.Errorf("%d errors, want 10", n)
	}
	if err := doc.Problems().Err(); err == nil || strings.Count(err.Error(), "\n") != 9 {
		t.Errorf("Err: %v", err)
	}
	if err := doc.Problems().Warnings().Err(); err != nil {
		t.Errorf("warnings alone are no error: %v", err)
	}
}

// TestSyntaxErrorsNameTheLine: also for what the library calls semantic, such as
// a key given twice.
func TestSyntaxErrorsNameTheLine(t *testing.T) {
	for text, want := range map[string]string{
		"a = 1\n[b\nc = 1\n":             "m.toml:2: not TOML: ",
		"a = 1\nb = \n":                  "m.toml:2: not TOML: ",
		"a = 1\n\na = 2\n":               "m.toml:3: not TOML: ",
		"a = \"x\ny\"":                   "m.toml:1: not TOML: ",
		"[a]\n[[a]]\n":                   "m.toml:2: not TOML: ",
		"a = 1\n# c\nx = \"\xff\"":       "m.toml:3: not TOML: ",
		strings.Repeat("a=[", 1):         "m.toml:1: not TOML: ",
		"a = " + strings.Repeat("[", 90): "m.toml:1: values are nested more than 64 deep",
	} {
		_, err := Parse("m.toml", []byte(text))
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, want %q…", text, err, want)
		}
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none.toml")); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("missing file: %v", err)
	}
	if _, err := Open(t.TempDir()); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("directory: %v", err)
	}
}

// TestAbsentSections: "a nil *Section answers every read with the default".
func TestAbsentSections(t *testing.T) {
	doc := parse(t, "")
	s := doc.Root().Table("none")
	if s.Present() || s.Has("x") || s.Line("x") != 0 || s.Raw("x") != nil || s.Keys() != nil || s.Name() != "" {
		t.Error("an absent section has something")
	}
	if s.String("x", "d") != "d" || s.Int("x", 7, 0, 9) != 7 || !s.Bool("x", true) || s.TTL("x", 30) != 30 || s.Path("x", "p") != "p" {
		t.Error("an absent section does not answer with the default")
	}
	if s.Required("x") != "" || s.File("x") != "" || s.Table("x") != nil || s.Tables("x") != nil || s.Named("x") != nil {
		t.Error("an absent section has something")
	}
	s.Fail("x", "y")
	s.FailItem("x", 0, "y")
	s.Warn("x", "y")
	if p := doc.Problems(); len(p) != 0 {
		t.Errorf("problems of an absent section: %v", p)
	}
}

// TestFileOrder: named tables come as the operator wrote them.
func TestFileOrder(t *testing.T) {
	doc := parse(t, "[s.zebra]\na=1\n[s.apple]\na=1\n[s.\"m.id\"]\na=1\n")
	var names []string
	for _, n := range doc.Root().Named("s") {
		n.Int("a", 0, 0, 2)
		names = append(names, n.Name+"="+n.Section.Name())
	}
	want := []string{"zebra=s.zebra", "apple=s.apple", `m.id=s."m.id"`}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Error(diff)
	}
	if p := doc.Problems(); len(p) != 0 {
		t.Error(p)
	}
}

// TestWrongShapes: a value where a table should be, and the other way round.
func TestWrongShapes(t *testing.T) {
	doc := parse(t, "a = 1\nb = [1]\n[c]\nx = 1\n[[d]]\n")
	r := doc.Root()
	r.Table("a")
	r.Tables("b")
	r.Tables("c")
	r.Strings("c")
	r.Table("d")
	r.Strings("a")
	r.Addr("c")
	want := []string{
		"m.toml:1: a = 1: accepted: a table [a]",
		`m.toml:1: a = 1: accepted: a list of strings, such as ["a", "b"]`,
		"m.toml:2: b = [1]: accepted: tables [[b]]",
		"m.toml:3: c = a table: accepted: tables [[c]]",
		`m.toml:3: c = a table: accepted: a list of strings, such as ["a", "b"]`,
		"m.toml:3: c = a table: accepted: " + acceptedAddr,
		"m.toml:5: d = tables: accepted: a table [d]",
	}
	if diff := cmp.Diff(want, said(doc)); diff != "" {
		t.Error(diff)
	}
}

// TestPasswordsAreNotPrinted: a problem prints values, but no secret in a URL.
func TestPasswordsAreNotPrinted(t *testing.T) {
	doc := parse(t, `smtp = "smtps://alice:s3cret@mail.example"`+"\n"+`list = ["http://b:s3cret@x/", "ok"]`)
	doc.Root().Fail("smtp", "another")
	for _, p := range said(doc) {
		if strings.Contains(p, "s3cret") {
			t.Errorf("printed: %s", p)
		}
	}
}

func TestAddresses(t *testing.T) {
	doc := parse(t, `
a = "::ffff:10.0.0.1"
b = "fe80::1%eth0"
c = "host.example"
d = "192.168.0.1"
listen = "127.0.0.1:0"
partner = "127.0.0.1:0"
bare = "2001:db8::1"
braced = "[2001:db8::1]:99"
alone = "10.0.0.1"
nets = ["10.0.0.0/8", "10.0.0.1/8", "10.0.0.1", "2001:db8::/32", "x"]
`)
	r := doc.Root()
	for _, k := range []string{"a", "b", "c"} {
		if r.Addr(k).IsValid() {
			t.Errorf("%s is accepted", k)
		}
	}
	for k, want := range map[string]string{"listen": "127.0.0.1:0", "bare": "[2001:db8::1]:53", "braced": "[2001:db8::1]:99"} {
		if got := r.AddrPort(k, 53); got.String() != want {
			t.Errorf("%s: %s, want %s", k, got, want)
		}
	}
	if got := r.Addr("d"); got.String() != "192.168.0.1" {
		t.Errorf("d: %s", got)
	}
	r.AddrPort("partner", 53) // port 0 cannot be dialled
	r.AddrPort("alone", 0)    // a port is needed
	if got := r.Prefixes("nets"); len(got) != 3 || got[1].String() != "10.0.0.1/32" {
		t.Errorf("nets: %v", got)
	}
	var keys []string
	for _, p := range doc.Problems() {
		keys = append(keys, p.Key)
	}
	if diff := cmp.Diff([]string{"a", "b", "c", "partner", "alone", "nets[2]", "nets[5]"}, keys); diff != "" {
		t.Error(diff)
	}
}

// TestFiles: "Paths in a configuration are relative to the file that names them;
// files it names must exist" (contract).
func TestFiles(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"c.toml":   "key = \"k\"\nnone = \"missing\"\ndir = \"sub\"\nempty = \"\"\nstate = \"var/x\"\nabs = \"/var/x\"\n",
		"k":        "x",
		"sub/file": "x",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	doc, err := Open(filepath.Join(dir, "c.toml"))
	if err != nil {
		t.Fatal(err)
	}
	r := doc.Root()
	if got := r.File("key"); got != filepath.Join(dir, "k") {
		t.Errorf("key: %q", got)
	}
	if got := r.Path("state", ""); got != filepath.Join(dir, "var/x") {
		t.Errorf("state: %q", got)
	}
	if got := r.Path("abs", ""); got != "/var/x" {
		t.Errorf("abs: %q", got)
	}
	if got := r.Path("absent", "default"); got != filepath.Join(dir, "default") {
		t.Errorf("absent: %q", got)
	}
	for _, k := range []string{"none", "dir", "empty", "absent_file"} {
		if got := r.File(k); got != "" {
			t.Errorf("%s: %q", k, got)
		}
	}
	var got []string
	for _, p := range doc.Problems() {
		got = append(got, p.Key)
	}
	if diff := cmp.Diff([]string{"none", "dir", "empty"}, got); diff != "" {
		t.Error(diff)
	}
}
