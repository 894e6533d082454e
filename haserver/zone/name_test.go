package zone

import (
	"slices"
	"strings"
	"testing"
)

func TestParseName(t *testing.T) {
	label := strings.Repeat("a", 63)
	longest := label + "." + label + "." + label + "." + strings.Repeat("b", 61) + "."
	for _, c := range []struct{ text, want string }{
		{".", "."}, {"example.test", "example.test."}, {"Example.Test.", "Example.Test."},
		{`a\.b.test.`, `a\.b.test.`}, {`\097b.`, "ab."}, {`\000\255.`, `\000\255.`}, {`sp\032ace.`, `sp\032ace.`}, {`\@.`, `\@.`}, {"*.x.", "*.x."},
		{longest, longest},
	} {
		n, err := ParseName(c.text)
		if err != nil || n.String() != c.want || !n.Valid() {
			t.Errorf("ParseName(%q) = %s, %v; want %s", c.text, n, err, c.want)
		}
		if again, err := ParseName(n.String()); err != nil || again != n {
			t.Errorf("%s does not read back: %v", n, err)
		}
	}
	for _, bad := range []string{"", "..", ".a", "a..b", "a" + label + ".", "c" + longest, `\`, `\25`, `\256.`, `a\`} {
		if n, err := ParseName(bad); err == nil {
			t.Errorf("ParseName(%q) = %s, want an error", bad, n)
		}
	}
}

// RFC 4343 3; names are compared by labels and not by text.
func TestNameRelations(t *testing.T) {
	apex := must("Example.test.")
	for _, c := range []struct {
		name string
		in   bool
	}{{"example.TEST.", true}, {"a.example.test.", true}, {"a.b.example.test.", true}, {"xexample.test.", false}, {`a\.example.test.`, false}, {"test.", false}, {".", false}, {"example.test.x.", false}} {
		if got := must(c.name).IsSubdomainOf(apex); got != c.in {
			t.Errorf("%s in %s: %v", c.name, apex, got)
		}
	}
	if !must("a.b.").IsSubdomainOf(Root) || !Root.IsSubdomainOf(Root) {
		t.Error("every name is below the root")
	}
	n := must("www.Example.test.")
	if n.Parent() != apex || Root.Parent() != Root || n.Labels() != 3 || Root.Labels() != 0 || n.Key() != string(must("www.example.test.")) {
		t.Error("Parent, Labels or Key")
	}
	if !must("*.b.").IsWildcard() || must("**.b.").IsWildcard() || must("a.*.").IsWildcard() || must("*.").Parent() != Root {
		t.Error("IsWildcard")
	}
	if must("a.b.").Equal(must("a.c.")) || !must("A.b.").Equal(must("a.B.")) {
		t.Error("Equal")
	}
	if name, rest, err := WireName("\x01a\x00xyz"); err != nil || name != must("a.") || rest != "xyz" {
		t.Errorf("WireName: %s %q %v", name, rest, err)
	}
	for _, bad := range []string{"", "\x01", "\x01a", "\xc0\x00", "\x40a", strings.Repeat("\x01a", 128) + "\x00"} {
		if _, _, err := WireName(bad); err == nil {
			t.Errorf("WireName(%q) has no error", bad)
		}
	}
}

// The example of RFC 4034 6.1.
func TestCompareIsCanonicalOrderRFC4034Section61(t *testing.T) {
	want := []string{"example.", "a.example.", "yljkjljk.a.example.", "Z.a.example.", "zABC.a.EXAMPLE.", "z.example.", `\001.z.example.`, "*.z.example.", `\200.z.example.`}
	var got []Name
	for _, s := range []int{4, 8, 0, 2, 6, 1, 7, 3, 5} {
		got = append(got, must(want[s]))
	}
	slices.SortFunc(got, Name.Compare)
	for i, n := range got {
		if n != must(want[i]) {
			t.Errorf("%d: %s, want %s", i, n, want[i])
		}
	}
	if must(`\000.example.`).Compare(must(`\000a.example.`)) >= 0 || must("a.example.").Compare(must(`a\000.example.`)) >= 0 {
		t.Error("the end of a label sorts before a zero octet")
	}
}
