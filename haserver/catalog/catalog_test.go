package catalog

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"loadshare/haserver/zone"
)

func name(t testing.TB, text string) zone.Name {
	t.Helper()
	n, err := zone.ParseName(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func empty(t testing.TB) *zone.Zone {
	t.Helper()
	z, err := New(name(t, "catalog.example."))
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// with is the next generation, and the labels of its members by zone.
func with(t testing.TB, z *zone.Zone, zones ...string) (*zone.Zone, map[string]string) {
	t.Helper()
	var members []Member
	for _, text := range zones {
		zoneText, group, _ := strings.Cut(text, " ")
		members = append(members, Member{Zone: name(t, zoneText), Group: group})
	}
	next, _ := Next(z, members, zone.NextSerial(z.Serial()))
	return next, labels(t, next)
}

func labels(t testing.TB, z *zone.Zone) map[string]string {
	t.Helper()
	list, err := Read(z)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, m := range list {
		out[strings.TrimSpace(m.Zone.String()+" "+m.Group)] = m.Label
	}
	return out
}

// RFC 9432, 4: a SOA and an NS record, which should name "invalid."; 4.1: a PTR record for each member; 4.2.1: version "2"; 4.3.2: groups.
func TestContent(t *testing.T) {
	z, got := with(t, empty(t), "example.com.", "example.net. signed")
	c, n := got["example.com."], got["example.net. signed"]
	want := []string{
		"catalog.example. 0 IN SOA invalid. invalid. 2 3600 600 2147483646 0",
		"catalog.example. 0 IN NS invalid.",
		`version.catalog.example. 0 IN TXT "2"`,
		c + ".zones.catalog.example. 0 IN PTR example.com.",
		n + ".zones.catalog.example. 0 IN PTR example.net.",
		"group." + n + `.zones.catalog.example. 0 IN TXT "signed"`,
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, slices.Sorted(z.Text())); diff != "" {
		t.Error(diff)
	}
}

// "Stable unique labels per member that survive re-generation"; a group alone is no reset (RFC 9432, 5.4: a changed label is one).
func TestLabelsStay(t *testing.T) {
	first, before := with(t, empty(t), "a.test.", "b.test.")
	second, after := with(t, first, "c.test.", "B.test.", "a.test. fast")
	if before["a.test."] != after["a.test. fast"] || before["b.test."] != after["b.test."] || len(after) != 3 {
		t.Errorf("labels before %v, after %v", before, after)
	}
	if third, _ := with(t, second, "a.test. fast", "c.test.", "b.test."); third != second {
		t.Error("the same members made another generation")
	}
}

// "A member that was removed and added again must get a new uid (reset)."
func TestReturnIsAReset(t *testing.T) {
	first, before := with(t, empty(t), "a.test.", "b.test.")
	gone, _ := with(t, first, "b.test.")
	_, after := with(t, gone, "a.test.", "b.test.")
	if before["a.test."] == after["a.test."] || before["b.test."] != after["b.test."] {
		t.Errorf("labels before %v, after %v", before, after)
	}
}

// What does not belong there goes: a merge of two catalogs can leave a zone twice, which is broken (RFC 9432, 4.1).
func TestRepair(t *testing.T) {
	z, before := with(t, empty(t), "a.test.", "b.test.")
	origin := z.Origin()
	z, _, _, why := z.Apply(zone.Update{Updates: []zone.Record{
		record(below(origin, "zz", "zones"), zone.TypePTR, string(name(t, "a.test."))),
		record(below(origin, "version"), zone.TypeTXT, text("1")),
		record(below(origin, "stray"), zone.TypeA, "\x01\x02\x03\x04"),
		record(below(origin, "group", before["b.test."], "zones"), zone.TypeTXT, text("x")),
	}})
	if why != "" {
		t.Fatal(why)
	}
	if _, err := Read(z); err == nil || !strings.Contains(err.Error(), "version") {
		t.Errorf("two versions: %v", err)
	}
	healed, after := with(t, z, "a.test.", "b.test.")
	if diff := cmp.Diff(before, after); diff != "" {
		t.Error(diff)
	}
	if healed.Len() != 5 {
		t.Errorf("%d records", healed.Len())
	}
}

func TestReadRefusesBroken(t *testing.T) {
	z, _ := with(t, empty(t), "a.test.")
	twice, _, _, _ := z.Apply(zone.Update{Updates: []zone.Record{record(below(z.Origin(), "zz", "zones"), zone.TypePTR, string(name(t, "A.test.")))}})
	if _, err := Read(twice); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("a zone twice: %v", err)
	}
	// 5.1: an owner with two PTR records is no member.
	both, _, _, _ := z.Apply(zone.Update{Updates: []zone.Record{
		record(below(z.Origin(), "zz", "zones"), zone.TypePTR, string(name(t, "b.test."))),
		record(below(z.Origin(), "zz", "zones"), zone.TypePTR, string(name(t, "c.test."))),
	}})
	if got := labels(t, both); len(got) != 1 {
		t.Errorf("members %v", got)
	}
	if _, err := New(name(t, strings.Repeat("long-label-of-30-octets-xxxxxx.", 8))); err == nil {
		t.Error("took a name that leaves no room for members")
	}
}

// However members come and go: the catalog holds exactly them, every label once, and those that stay keep theirs.
func TestMembersComeAndGo(t *testing.T) {
	names := []string{"a.test.", "b.test.", "c.test.", "d.test.", "catalog.example."}
	start := empty(t)
	rapid.Check(t, func(rt *rapid.T) {
		z, before := start, map[string]string{}
		for range rapid.IntRange(1, 12).Draw(rt, "generations") {
			list := rapid.SliceOf(rapid.SampledFrom(names)).Draw(rt, "members")
			var after map[string]string
			z, after = with(t, z, list...)
			want := map[string]bool{}
			for _, n := range list {
				if n != "catalog.example." {
					want[n] = true
				}
			}
			if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(after))); diff != "" {
				rt.Fatal(diff)
			}
			used := map[string]bool{}
			for n, label := range after {
				if used[label] || before[n] != "" && before[n] != label {
					rt.Fatalf("label %s of %s; before %v", label, n, before)
				}
				used[label] = true
			}
			before = after
		}
	})
}
