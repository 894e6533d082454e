package zone

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The source's own zone files, as printed there: no $TTL, no-break spaces, "(" without a space before it, and in the reverse zone NS lines
// whose leading white space was lost.
func TestLoadTheSourcesZoneFiles(t *testing.T) {
	src := func(name string) ([]byte, error) { return os.ReadFile(filepath.Join("testdata", name)) }
	z, problems := Load(src, must("mydomain.com"), "db.mydomain.com")
	if z == nil {
		t.Fatal(problems.Err())
	}
	checkTree(t, z)
	www := z.Lookup(Question{Name: must("www.mydomain.com"), Type: TypeA})
	want := "www.mydomain.com. 1 A 192.168.0.1\nwww.mydomain.com. 1 A 192.168.0.2\nwww.mydomain.com. 1 A 192.168.0.3"
	if got := section(www.Answer); got != want {
		t.Errorf("www: %s", got)
	}
	if z.Serial() != 2000030101 || z.SOA().TTL != 86400 || z.Len() != 20 {
		t.Errorf("serial %d, TTL %d, %d records", z.Serial(), z.SOA().TTL, z.Len())
	}
	if len(problems) != 2 || problems[0].Line != 1 || !strings.Contains(problems[0].What, "no $TTL") || !strings.Contains(problems[1].What, "no-break space") {
		t.Errorf("warnings: %v", problems)
	}

	z, problems = Load(src, must("0.168.192.in-addr.arpa"), "db.0.168.192")
	if z == nil {
		t.Fatal(problems.Err())
	}
	checkTree(t, z)
	ns, _ := z.Get(z.Origin(), TypeNS)
	if len(ns.Data) != 2 || z.Len() != 12 {
		t.Errorf("apex NS %s, %d records", section([]RRset{ns}), z.Len())
	}
	if len(problems) != 4 || !strings.Contains(problems[1].String(), `db.0.168.192:8: warning: IN stands in the first column`) {
		t.Errorf("warnings: %v", problems)
	}
}

// RFC 1035 5.1, RFC 2308 4, RFC 3597 5: every element of the format, and BIND's own.
func TestLoadMasterFileElements(t *testing.T) {
	const soa = "example.test. 300 IN SOA ns.example.test. admin.example.test. 10 3600 600 86400 60"
	for _, c := range []struct {
		why, text string
		want      []string // beside what head makes
	}{
		{"$ORIGIN, relative and absolute", "$ORIGIN sub\nwww A 192.0.2.1\n$ORIGIN example.test.\nx A 192.0.2.2", []string{"www.sub.example.test. 300 IN A 192.0.2.1", "x.example.test. 300 IN A 192.0.2.2"}},
		{"$TTL with units, from there on", "a A 192.0.2.1\n$TTL 1h30m\nb A 192.0.2.1\n$ttl 2W\nc A 192.0.2.1", []string{"a.example.test. 300 IN A 192.0.2.1", "b.example.test. 5400 IN A 192.0.2.1", "c.example.test. 1209600 IN A 192.0.2.1"}},
		{"class and TTL in either order, or none", "a IN 5 A 192.0.2.1\nb 6 IN A 192.0.2.1\nc IN A 192.0.2.1\nd 7 A 192.0.2.1\ne in a 192.0.2.1",
			[]string{"a.example.test. 5 IN A 192.0.2.1", "b.example.test. 6 IN A 192.0.2.1", "c.example.test. 300 IN A 192.0.2.1", "d.example.test. 7 IN A 192.0.2.1", "e.example.test. 300 IN A 192.0.2.1"}},
		{"blank owner is the last one, with spaces or a tab", "a A 192.0.2.1\n  A 192.0.2.2\n\tTXT x", []string{"a.example.test. 300 IN A 192.0.2.1", "a.example.test. 300 IN A 192.0.2.2", "a.example.test. 300 IN TXT \"x\""}},
		{"@ is the origin, as owner and in RDATA", "@ TXT a\nm MX 0 @", []string{"example.test. 300 IN TXT \"a\"", "m.example.test. 300 IN MX 0 example.test."}},
		{"an escaped @ is a name", `\@ A 192.0.2.1`, []string{`\@.example.test. 300 IN A 192.0.2.1`}},
		{"parentheses join lines, comments in them", "a TXT ( one ; (not this\n  two\n) three", []string{`a.example.test. 300 IN TXT "one" "two" "three"`}},
		{"parentheses without spaces", "a MX(10 b)\nc A(192.0.2.1)", []string{"a.example.test. 300 IN MX 10 b.example.test.", "c.example.test. 300 IN A 192.0.2.1"}},
		{"a line that begins inside parentheses has no owner", "a TXT (\nb\n)", []string{`a.example.test. 300 IN TXT "b"`}},
		{"quoted strings keep ; ( and spaces", `a TXT "x ; y ( z" "" "q\"q"`, []string{`a.example.test. 300 IN TXT "x ; y ( z" "" "q\"q"`}},
		{"escapes", `a\.b TXT c\ d\059e` + "\n" + `\097b A 192.0.2.1`, []string{`a\.b.example.test. 300 IN TXT "c d;e"`, "ab.example.test. 300 IN A 192.0.2.1"}},
		{"CRLF and no newline at the end", "a A 192.0.2.1\r\n  A 192.0.2.2\r\n\r\nb TXT \"x\"\r", []string{"a.example.test. 300 IN A 192.0.2.1", "a.example.test. 300 IN A 192.0.2.2", `b.example.test. 300 IN TXT "x"`}},
		{"unknown types and known ones by number (RFC 3597)", "a TYPE65280 \\# 4 0a00 0001\nb CLASS1 TYPE1 \\# 4 0a000001\nc TYPE15 10 m", []string{`a.example.test. 300 IN TYPE65280 \# 4 0a000001`, "b.example.test. 300 IN A 10.0.0.1", "c.example.test. 300 IN MX 10 m.example.test."}},
		{"a duplicate counts once", "a A 192.0.2.1\na A 192.0.2.1\nb MX 1 X\nb MX 1 x", []string{"a.example.test. 300 IN A 192.0.2.1", "b.example.test. 300 IN MX 1 X.example.test."}},
		{"an owner that looks like a type", "a A 192.0.2.1\nTXT A 192.0.2.2\nin A 192.0.2.3", []string{"a.example.test. 300 IN A 192.0.2.1", "in.example.test. 300 IN A 192.0.2.3", "TXT.example.test. 300 IN A 192.0.2.2"}},
		{"a host IN below an apex that has its NS", "IN NS ns.other.test.", []string{"IN.example.test. 300 IN NS ns.other.test."}},
	} {
		t.Run(c.why, func(t *testing.T) {
			z := zoneOf(t, "example.test.", head+c.text)
			got := lines(z)
			got = slices.DeleteFunc(got, func(s string) bool {
				return s == soa || s == "example.test. 300 IN NS ns.example.test." || s == "ns.example.test. 300 IN A 192.0.2.53"
			})
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			again := zoneOf(t, "example.test.", strings.Join(lines(z), "\n"))
			if d := Diff(z, again); !d.IsZero() {
				t.Errorf("the text does not load back equal: %v", d)
			}
		})
	}
}

// Without $TTL: the last stated TTL (RFC 1035 5.1), or as BIND the SOA's last number when none was stated.
func TestLoadDefaultTTL(t *testing.T) {
	z := zoneOf(t, "example.test.", "@ 77 SOA ns admin 1 2 3 4 5\n@ NS ns\nns 8 A 192.0.2.1\nx A 192.0.2.1\n")
	x, _ := z.Get(must("x.example.test."), TypeA)
	ns, _ := z.Get(must("example.test."), TypeNS)
	if x.TTL != 8 || ns.TTL != 77 {
		t.Errorf("TTLs %d and %d, want the last one stated: 8 and 77", x.TTL, ns.TTL)
	}
	z = zoneOf(t, "example.test.", "@ SOA ns admin 1 2 3 4 5\n@ NS ns\nns 8 A 192.0.2.1\nx A 192.0.2.1\n")
	if x, _ = z.Get(must("x.example.test."), TypeA); x.TTL != 5 || z.SOA().TTL != 5 {
		t.Errorf("TTL %d, want the SOA's MINIMUM", x.TTL)
	}
}

// RFC 1035 5.1: $INCLUDE, here relative to the including file; origin and owner return afterwards.
func TestLoadInclude(t *testing.T) {
	m := map[string]string{
		"/etc/zones/main":    head + "a A 192.0.2.1\n$INCLUDE sub/one in.example.test.\n  A 192.0.2.9\nb A 192.0.2.2\n$INCLUDE /abs\n",
		"/etc/zones/sub/one": "$TTL 9\n  TXT first-line-has-the-owner-before\nx A 192.0.2.3\n$INCLUDE two\n$ORIGIN elsewhere.test.\n",
		"/etc/zones/sub/two": "y A 192.0.2.4",
		"/abs":               "z A 192.0.2.5",
	}
	z, problems := Load(files(m), must("example.test."), "/etc/zones/main")
	if z == nil {
		t.Fatal(problems.Err())
	}
	want := []string{"a.example.test. 300 IN A 192.0.2.1", "a.example.test. 300 IN A 192.0.2.9", `a.example.test. 9 IN TXT "first-line-has-the-owner-before"`, "b.example.test. 9 IN A 192.0.2.2",
		"x.in.example.test. 9 IN A 192.0.2.3", "y.in.example.test. 9 IN A 192.0.2.4", "ns.example.test. 300 IN A 192.0.2.53", "z.example.test. 9 IN A 192.0.2.5"}
	if diff := cmp.Diff(want, lines(z)[2:]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	m["/etc/zones/sub/two"] = "$INCLUDE two\n"
	m["/abs"] = "z A 300.0.2.5\n$INCLUDE nothere\n"
	_, problems = Load(files(m), must("example.test."), "/etc/zones/main")
	text := problems.Err().Error()
	for _, want := range []string{"/etc/zones/sub/two:1: error: $INCLUDE deeper than 8", `/abs:1: error: z.example.test.: A data: "300.0.2.5" is not an IPv4 address`, "/abs:2: error: $INCLUDE: open /nothere"} {
		if !strings.Contains(text, want) {
			t.Errorf("%s\nlacks %s", text, want)
		}
	}
}

// A file that includes itself many times ends in bounded work.
func TestLoadIncludeIsBounded(t *testing.T) {
	m := map[string]string{"zone": head + strings.Repeat("$INCLUDE zone\n", 50)}
	z, problems := Load(files(m), must("example.test."), "zone")
	if z != nil || !strings.Contains(problems.Err().Error(), "$INCLUDE deeper than 8 files") || len(problems) > maxProblems {
		t.Errorf("%v", problems)
	}
}

// $GENERATE as in BIND's manual.
func TestLoadGenerate(t *testing.T) {
	for _, c := range []struct {
		text string
		want []string
	}{
		{"$GENERATE 1-3 host$ A 192.0.2.$", []string{"host1.example.test. 300 IN A 192.0.2.1", "host2.example.test. 300 IN A 192.0.2.2", "host3.example.test. 300 IN A 192.0.2.3"}},
		{"$GENERATE 0-6/3 h${0,3} 5 IN CNAME t${-0}", []string{"h000.example.test. 5 IN CNAME t0.example.test.", "h003.example.test. 5 IN CNAME t3.example.test.", "h006.example.test. 5 IN CNAME t6.example.test."}},
		{"$GENERATE 10-11 x${-9,2,d} A 192.0.2.${20}", []string{"x01.example.test. 300 IN A 192.0.2.30", "x02.example.test. 300 IN A 192.0.2.31"}},
		{"$GENERATE 255-255 h${0,4,x}-${0,0,X}-${0,4,o} A 192.0.2.1", []string{"h00ff-FF-0377.example.test. 300 IN A 192.0.2.1"}},
		{"$GENERATE 43-43 ${0,7,n} PTR p${0,3,N}", []string{"b.2.0.0.example.test. 300 IN PTR pB.2.example.test."}},
		{`$GENERATE 1-1 a\$b TXT $$-\$-$`, []string{`a\$b.example.test. 300 IN TXT "$-$-1"`}},
		{`$GENERATE 1-2 m$ MX "10 x$"`, []string{"m1.example.test. 300 IN MX 10 x1.example.test.", "m2.example.test. 300 IN MX 10 x2.example.test."}},
		{"$ORIGIN in.example.test.\n$GENERATE 1-1 $ PTR @", []string{"1.in.example.test. 300 IN PTR in.example.test."}},
	} {
		z := zoneOf(t, "example.test.", head+c.text)
		got := slices.DeleteFunc(lines(z), func(s string) bool { return strings.Contains(s, "ns.example.test.") })
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.text, diff)
		}
	}
	for _, bad := range []string{"$GENERATE 1 a$ A 192.0.2.1", "$GENERATE 3-1 a$ A 192.0.2.1", "$GENERATE 1-3/0 a$ A 192.0.2.1", "$GENERATE 1-2147483648 a$ A 192.0.2.1", "$GENERATE 0-2000000 a$ A 192.0.2.1",
		"$GENERATE 1-2 a${0 A 192.0.2.1", "$GENERATE 1-2 a${0,2,q} A 192.0.2.1", "$GENERATE 1-2 a${-5} A 192.0.2.1", "$GENERATE 1-2 a$ A", "$GENERATE 1-2 a${0,999} A 192.0.2.1", "$GENERATE -1-2 a$ A 192.0.2.1"} {
		if got := problemsOf(t, head+bad); len(got) != 1 || !strings.HasPrefix(got[0], "zone:5: error: ") {
			t.Errorf("%s: %q", bad, got)
		}
	}
}

// Errors name file, line, what is wrong and what is accepted; several at once, reading goes on at the next line.
func TestLoadErrorsNameTheLine(t *testing.T) {
	got := problemsOf(t, head+`a A 192.0.2.256
b FOO bar
c 1x A 192.0.2.1
d A 192.0.2.1 192.0.2.2
e MX 10
f..g A 192.0.2.1
$FOO bar
h CH TXT x
i TXT "open
j A ) 192.0.2.1
k SRV 1 2 99999 x
l TYPE65280 \# 3 abcd
good A 192.0.2.1
m TXT (
unclosed
`)
	want := []string{
		`zone:5: error: a.example.test.: A data: "192.0.2.256" is not an IPv4 address`,
		`zone:6: error: "FOO" is not a TTL, a class or a record type (types without a name are written TYPE123)`,
		`zone:7: error: TTL "1x" is not accepted: seconds up to 2147483647, or like 1h30m`,
		`zone:8: error: d.example.test.: A has an IPv4 address and nothing more, but "192.0.2.2" follows`,
		`zone:9: error: e.example.test.: MX needs a number to 65535, a name; only 1 given`,
		`zone:10: error: name "f..g": empty label (two dots in a row, or a dot at the start)`,
		`zone:11: error: "$FOO" is unknown; $ORIGIN, $TTL, $INCLUDE and $GENERATE are accepted`,
		`zone:12: error: class CH is not accepted; IN is`,
		`zone:13: error: quoted string is not closed on its line`,
		`zone:14: error: ")" without "(" before it`,
		`zone:15: error: k.example.test.: SRV data: "99999" is not a number to 65535`,
		`zone:16: error: l.example.test.: \# says 3 octets, 2 follow`,
		`zone:20: error: "(" of line 18 is not closed by ")" before the end of the file`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What check says about the sense of a zone.
func TestLoadSemanticChecks(t *testing.T) {
	for _, c := range []struct {
		why, text string
		want      []string
	}{
		{"a good zone", head, nil},
		{"no SOA", "$TTL 5\n@ NS ns\nns A 192.0.2.1\n", []string{"error: zone example.test. has no SOA record at its apex; exactly one is needed"}},
		{"nothing at all", "", []string{"error: zone example.test. has no SOA record at its apex; exactly one is needed", "error: zone example.test. has no NS record at its apex; at least one is needed"}},
		{"two SOA", head + "@ SOA ns admin 11 1 1 1 1\n", []string{"zone:2: error: example.test. has 2 SOA records; one is accepted"}},
		{"SOA elsewhere", head + "x SOA ns admin 11 1 1 1 1\n", []string{"zone:5: error: SOA at x.example.test.; it may stand only at the apex example.test."}},
		{"no NS at the apex", "$TTL 5\n@ SOA ns admin 1 1 1 1 1\nns A 192.0.2.1\n", []string{"error: zone example.test. has no NS record at its apex; at least one is needed"}},
		{"CNAME and other data", head + "x A 192.0.2.1\nx CNAME y\n", []string{"zone:5: error: x.example.test. has a CNAME and also A; an alias can have no other data"}},
		{"two CNAMEs", head + "x CNAME a\nx CNAME b\n", []string{"zone:5: error: x.example.test. has 2 CNAME records; one is accepted"}},
		{"out of zone", head + "x.other.test. A 192.0.2.1\nxexample.test. A 192.0.2.1\n",
			[]string{"zone:5: error: x.other.test. is not in the zone example.test.", "zone:6: error: xexample.test. is not in the zone example.test."}},
		{"differing TTLs", head + "x 5 A 192.0.2.1\nx 6 A 192.0.2.2\n",
			[]string{"zone:6: warning: x.example.test. A has TTL 6, the record before it in the set has 5; a set has one TTL (RFC 2181, 5.2), the first is taken"}},
		{"NS and MX at an alias", head + "@ NS al\n@ MX 1 al\nal CNAME ns\n",
			[]string{"zone:3: warning: example.test. NS points to al.example.test., which is an alias (RFC 2181, 10.3)", "zone:6: warning: example.test. MX points to al.example.test., which is an alias (RFC 2181, 10.3)"}},
		{"no address", head + "sub NS ns.sub\n@ MX 1 nowhere\n_s._tcp SRV 0 0 1 nowhere\n",
			[]string{"zone:6: warning: example.test. MX points to nowhere.example.test., which has no address in the zone", "zone:7: warning: _s._tcp.example.test. SRV points to nowhere.example.test., which has no address in the zone",
				"zone:5: warning: sub.example.test. NS points to ns.sub.example.test., which has no address in the zone"}},
		{"glue, null MX, names of others, wildcards", head + "sub NS ns.sub\nns.sub AAAA 2001:db8::1\n@ MX 0 .\nx MX 1 mx.other.test.\n*.w A 192.0.2.1\ny MX 1 q.w\n", nil},
		{"a meta type", head + "x ANY \\# 0\n", []string{"zone:5: error: ANY is a query or meta type; no record of it can be in a zone"}},
		{"no TTL at all", "x A 192.0.2.1\n@ 5 SOA ns.other.test. admin 1 1 1 1 1\n@ NS ns.other.test.\n", []string{"zone:1: error: x.example.test. A: no TTL: write one here, or $TTL before the first record"}},
		{"no owner", "  A 192.0.2.1\n" + head, []string{"zone:1: error: the line has no owner name and no record stands before it; a name in the first column or @ is needed"}},
	} {
		if diff := cmp.Diff(c.want, problemsOf(t, c.text)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.why, diff)
		}
	}
	if z, problems := Load(files(nil), must("example.test."), "gone"); z != nil || !strings.HasPrefix(problems.Err().Error(), "gone: error: open gone") {
		t.Errorf("a missing file: %v", problems)
	}
}

// An error is not lost behind a hundred warnings.
func TestProblemsKeepAnError(t *testing.T) {
	var ps Problems
	for range 200 {
		ps.add(Problem{Warning: true, What: "w"})
	}
	ps.add(Problem{What: "the error"})
	if len(ps) != maxProblems || ps.Err() == nil || len(ps.Warnings()) != maxProblems-1 {
		t.Errorf("%d problems, error %v", len(ps), ps.Err())
	}
}

// Records in any order make the same zone, names that share many octets among them, and parents that sort right before
// their children.
func TestLoadOrderDoesNotMatter(t *testing.T) {
	var text []string
	for i := range 400 {
		long := fmt.Sprintf("fifteen-octets%d", i%7)
		text = append(text, fmt.Sprintf("%s A 192.0.2.1", long), fmt.Sprintf("x%d.%s A 192.0.2.2", i, long), fmt.Sprintf("y.x%d.%s TXT z", i, long),
			fmt.Sprintf("a-name-that-begins-like-all-others-%d A 192.0.2.%d", i, i%256))
	}
	want := zoneOf(t, "example.test.", head+strings.Join(text, "\n"))
	for seed := range uint64(5) {
		rand.New(rand.NewPCG(seed, 2)).Shuffle(len(text), func(i, j int) { text[i], text[j] = text[j], text[i] })
		got := zoneOf(t, "example.test.", head+strings.Join(text, "\n"))
		if d := Diff(want, got); !d.IsZero() || got.Len() != want.Len() {
			t.Fatalf("seed %d: %d records, want %d; difference %v", seed, got.Len(), want.Len(), d)
		}
	}
}

// Build takes what All yields, in any order, to an equal zone.
func TestBuild(t *testing.T) {
	z := zoneOf(t, "example.test.", updateZone)
	again, err := Build(z.Origin(), z.All())
	if err != nil || !Diff(z, again).IsZero() || again.Len() != z.Len() {
		t.Fatalf("%v, difference %v", err, Diff(z, again))
	}
	sets := slices.Collect(z.All())
	slices.Reverse(sets)
	again, err = Build(z.Origin(), slices.Values(sets))
	if err != nil || !Diff(z, again).IsZero() {
		t.Fatalf("backwards: %v", err)
	}
	checkTree(t, again)
	for why, bad := range map[string]RRset{
		"not in the zone": {Name: must("other.test."), Type: TypeA, Data: []string{"\x01\x02\x03\x04"}},
		"bad RDATA":       {Name: must("x.example.test."), Type: TypeA, Data: []string{"\x01"}},
		"no name":         {Name: "\x05a", Type: TypeA, Data: []string{"\x01\x02\x03\x04"}},
		"beside a CNAME":  {Name: must("alias.example.test."), Type: TypeA, Data: []string{"\x01\x02\x03\x04"}},
		"second SOA":      {Name: must("example.test."), Type: TypeSOA, Data: []string{withSerial(z.SOA().Data[0], 9)}},
	} {
		if _, err := Build(z.Origin(), slices.Values(append(sets, bad))); err == nil {
			t.Errorf("%s: no error", why)
		}
	}
}

// All: the SOA first, every record once, canonical order; what was yielded may be kept.
func TestAllIsCanonical(t *testing.T) {
	z := zoneOf(t, "example.test.", updateZone)
	sets := slices.Collect(z.All())
	if sets[0].Type != TypeSOA {
		t.Error("SOA is not first")
	}
	count := 0
	for i, s := range sets {
		count += len(s.Data)
		if i > 1 {
			if order := sets[i-1].Name.Compare(s.Name); order > 0 || order == 0 && sets[i-1].Type >= s.Type {
				t.Errorf("%s %s after %s %s", s.Name, s.Type, sets[i-1].Name, sets[i-1].Type)
			}
		}
		got, ok := z.Get(s.Name, s.Type)
		if diff := cmp.Diff(s, got); !ok || diff != "" {
			t.Errorf("Get differs from All:\n%s", diff)
		}
	}
	if count != z.Len() {
		t.Errorf("%d records of %d", count, z.Len())
	}
}
