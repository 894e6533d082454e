package ddns

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func set(name string, ttl uint32, values ...string) Set {
	return Set{Name: name, Type: "A", TTL: ttl, Values: values}.Normalize()
}

// "A Dynamic DNS Update will explicitly delete a record": the lines are what an
// operator would type into nsupdate.
func TestDiff(t *testing.T) {
	cases := []struct {
		name       string
		have, want Set
		lines      []string
	}{
		{"equal", set("w.example", 1, "10.0.0.1"), set("w.example", 1, "10.0.0.1"), nil},
		{"both empty, whatever the TTL", set("w.example", 1), set("w.example", 9), nil},
		{"one leaves, one comes", set("w.example", 1, "10.0.0.1", "10.0.0.2"), set("w.example", 1, "10.0.0.2", "10.0.0.3"),
			[]string{"update delete w.example A 10.0.0.1", "update add w.example 1 A 10.0.0.3"}},
		{"another TTL: the set anew, because Knot ignores a TTL-only add", set("w.example", 1, "10.0.0.1"), set("w.example", 5, "10.0.0.1"),
			[]string{"update delete w.example A", "update add w.example 5 A 10.0.0.1"}},
		{"new", set("w.example", 0), set("w.example", 5, "10.0.0.1"), []string{"update add w.example 5 A 10.0.0.1"}},
		{"emptied", set("w.example", 5, "10.0.0.1"), set("w.example", 5), []string{"update delete w.example A"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if d := cmp.Diff(c.lines, Diff(c.have, c.want)); d != "" {
				t.Errorf("(-want +got)\n%s", d)
			}
		})
	}
}

func TestReplaceMakesTheWantedSet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		gen := rapid.Custom(func(t *rapid.T) Set {
			vals := rapid.SliceOfN(rapid.SampledFrom([]string{"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"}), 0, 4).Draw(t, "values")
			return set("w.example", rapid.Uint32Range(1, 3).Draw(t, "ttl"), vals...)
		})
		have, want := gen.Draw(t, "have"), gen.Draw(t, "want")
		c := Unfenced("example", have, want)
		if got := c.Apply(have); !got.Equal(want) {
			t.Fatalf("%v applied to %v gives %v, want %v", c.Lines(), have, got, want)
		}
	})
}

// M2: the message is refused by the server itself unless generation record and
// set are what was read, and it writes the new generation in the same message.
func TestFenced(t *testing.T) {
	old, now := Stamp{1, 7, "m1"}, Stamp{2, 8, "m2"}
	cases := []struct {
		name string
		have Have
		want Set
		out  []string
	}{
		{"first ever", Have{Set: set("w.example", 0)}, set("w.example", 1, "10.0.0.1"), []string{
			"prereq nxrrset _a._loadshare.w.example TXT",
			"prereq nxrrset w.example A",
			"update add w.example 1 A 10.0.0.1",
			"update delete _a._loadshare.w.example TXT",
			`update add _a._loadshare.w.example 60 TXT "loadshare epoch=2 generation=8 monitor=m2"`,
		}},
		{"a member leaves", Have{Set: set("w.example", 1, "10.0.0.1", "10.0.0.2"), Generation: []string{old.Text()}}, set("w.example", 1, "10.0.0.1"), []string{
			`prereq yxrrset _a._loadshare.w.example TXT "loadshare epoch=1 generation=7 monitor=m1"`,
			"prereq yxrrset w.example A 10.0.0.1",
			"prereq yxrrset w.example A 10.0.0.2",
			"update delete w.example A 10.0.0.2",
			"update delete _a._loadshare.w.example TXT",
			`update add _a._loadshare.w.example 60 TXT "loadshare epoch=2 generation=8 monitor=m2"`,
		}},
		{"already so, but of an older decision: only the generation is written", Have{Set: set("w.example", 1, "10.0.0.1"), Generation: []string{old.Text()}}, set("w.example", 1, "10.0.0.1"), []string{
			`prereq yxrrset _a._loadshare.w.example TXT "loadshare epoch=1 generation=7 monitor=m1"`,
			"prereq yxrrset w.example A 10.0.0.1",
			"update delete _a._loadshare.w.example TXT",
			`update add _a._loadshare.w.example 60 TXT "loadshare epoch=2 generation=8 monitor=m2"`,
		}},
		{"the same decision again: the generation stays", Have{Set: set("w.example", 1, "10.0.0.9"), Generation: []string{now.Text()}}, set("w.example", 1, "10.0.0.1"), []string{
			`prereq yxrrset _a._loadshare.w.example TXT "loadshare epoch=2 generation=8 monitor=m2"`,
			"prereq yxrrset w.example A 10.0.0.9",
			"update delete w.example A 10.0.0.9",
			"update add w.example 1 A 10.0.0.1",
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := Fenced("example", c.have, Want{Set: c.want, Stamp: now})
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.out, got.Lines()); d != "" {
				t.Errorf("(-want +got)\n%s", d)
			}
		})
	}
	long := set(strings.Repeat("a.", 120)+"example", 1, "10.0.0.1")
	if _, err := Fenced("example", Have{}, Want{Set: long}); err == nil {
		t.Error("a name with no room for its generation record is an error")
	}
}

func TestHaveStamp(t *testing.T) {
	h := Have{Generation: []string{`"v=spf1 -all"`, Stamp{1, 2, "a"}.Text(), Stamp{1, 3, "a"}.Text()}}
	if s, ok := h.Stamp(); !ok || s != (Stamp{1, 3, "a"}) {
		t.Errorf("Stamp() = %v, %v; want the newest", s, ok)
	}
	if s, ok := (Have{Generation: []string{`"somebody else"`}}).Stamp(); ok {
		t.Errorf("somebody else's text is taken for %v", s)
	}
}

func FuzzParseStamp(f *testing.F) {
	f.Add(Stamp{3, 12, "m1"}.Text())
	f.Add(Stamp{1<<64 - 1, 0, `a "b" %`}.Text())
	f.Add(`"loadshare epoch=03 generation=1 monitor=x"`)
	f.Fuzz(func(t *testing.T, text string) {
		s, ok := ParseStamp(text)
		if ok && s.Text() != text {
			t.Fatalf("%q read as %+v, which is %q", text, s, s.Text())
		}
		mine := Stamp{uint64(len(text)), 1, text}
		if len(text) < 100 {
			if back, ok := ParseStamp(mine.Text()); !ok || back != mine {
				t.Fatalf("%+v came back as %+v, %v", mine, back, ok)
			}
		}
	})
}

// M12: "`*.mydomain.com` in `records` is any name below at any depth; the name
// itself must be listed."
func TestPatterns(t *testing.T) {
	var ps Patterns
	for _, text := range []string{"*.mydomain.com A AAAA", "MyDomain.com. mx"} {
		p, err := ParsePattern(text)
		if err != nil {
			t.Fatal(err)
		}
		ps = append(ps, p)
	}
	cases := []struct {
		k    Key
		want bool
	}{
		{Key{"www.mydomain.com", "A"}, true},
		{Key{"a.b.mydomain.com", "AAAA"}, true},
		{Key{"*.mydomain.com", "A"}, true},
		{Key{"mydomain.com", "A"}, false},
		{Key{"mydomain.com", "MX"}, true},
		{Key{"www.mydomain.com", "MX"}, false},
		{Key{"notmydomain.com", "A"}, false},
		{Key{"www.other.com", "A"}, false},
	}
	for _, c := range cases {
		if got := ps.Allow(c.k); got != c.want {
			t.Errorf("Allow(%v) = %v", c.k, got)
		}
	}
	for _, text := range []string{"", "x.com", "x.com TXT", "a..b A"} {
		if p, err := ParsePattern(text); err == nil {
			t.Errorf("ParsePattern(%q) = %v, want an error", text, p)
		}
	}
	if (Patterns{}).Allow(Key{"x", "A"}) {
		t.Error("the empty list allows nothing")
	}
}

func FuzzParsePattern(f *testing.F) {
	f.Add("*.mydomain.com A AAAA")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParsePattern(text)
		if err != nil {
			return
		}
		again, err := ParsePattern(p.String())
		if err != nil || !cmp.Equal(p, again) {
			t.Fatalf("%q -> %v -> %v, %v", text, p, again, err)
		}
	})
}
