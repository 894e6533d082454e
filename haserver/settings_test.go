package haserver

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"loadshare/haserver/message"
	"loadshare/haserver/pairmsg"
	"loadshare/haserver/zone"
)

func named(text string) zone.Name {
	n, err := zone.ParseName(text)
	if err != nil {
		panic(err)
	}
	return n
}

func withUpdate(name string, update ...string) pairmsg.ZoneSettings {
	return pairmsg.ZoneSettings{Name: named(name), Update: update}
}

// H32, H41: update adds what is missing, complete makes common zones equal too, exact also takes away what only the destination has;
// what the destination loses is said.
func TestPlanSettings(t *testing.T) {
	source := []pairmsg.ZoneSettings{
		withUpdate("new.test", "key a"),
		{Name: named("both.test"), Update: []string{"key a", "key b"}, NotifyKey: "n1", Scavenge: "x", Catalog: true},
		withUpdate("same.test", "key a"),
	}
	destination := []pairmsg.ZoneSettings{
		{Name: named("BOTH.test"), Update: []string{"key b", "key c"}, Notify: []string{"192.0.2.1:53"}, NotifyKey: "n2"},
		withUpdate("same.test", "key a"), withUpdate("old.test", "key a"),
	}
	added := []string{`zone new.test is added`, `zone new.test: update + "key a"`}
	common := []string{`zone both.test: update + "key a"`}
	for op, want := range map[syncOperation]settingsPlan{
		syncUpdate: {changes: slices.Concat([]string{`zone BOTH.test: update + "key a"`, `zone BOTH.test: scavenging = "x"`, `zone BOTH.test: catalog = true`}, added)},
		syncComplete: {
			changes: slices.Concat(common, []string{
				`zone both.test: update - "key c"`, `zone both.test: notify - "192.0.2.1:53"`, `zone both.test: notify_key = "n1"`, `zone both.test: scavenging = "x"`, `zone both.test: catalog = true`,
			}, added),
			lost: []string{`zone both.test: update - "key c"`, `zone both.test: notify - "192.0.2.1:53"`},
		},
		syncExact: {
			exact: true,
			changes: slices.Concat(common, []string{
				`zone both.test: update - "key c"`, `zone both.test: notify - "192.0.2.1:53"`, `zone both.test: notify_key = "n1"`, `zone both.test: scavenging = "x"`, `zone both.test: catalog = true`,
			}, added, []string{`zone old.test is taken out of service (its content stays in the state directory)`}),
			lost: []string{`zone both.test: update - "key c"`, `zone both.test: notify - "192.0.2.1:53"`, `zone old.test is taken out of service (its content stays in the state directory)`},
		},
	} {
		got := planSettings(op, source, destination)
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(settingsPlan{}), cmpopts.IgnoreFields(settingsPlan{}, "zones")); diff != "" {
			t.Errorf("%s: %s", syncOperations[op], diff)
		}
	}
}

var settingsLists = rapid.Custom(func(t *rapid.T) []pairmsg.ZoneSettings {
	var list []pairmsg.ZoneSettings
	for i := range 4 {
		if rapid.Bool().Draw(t, "there") {
			grants := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"key a", "key b", "192.0.2.1"}), 0, 3, rapid.ID[string])
			list = append(list, pairmsg.ZoneSettings{
				Name: named(fmt.Sprintf("z%d.test", i)), Update: grants.Draw(t, "update"), Transfer: grants.Draw(t, "transfer"), Catalog: rapid.Bool().Draw(t, "catalog"),
			})
		}
	}
	return list
})

// carried is what a destination has after a plan.
func carried(p settingsPlan, destination []pairmsg.ZoneSettings) []pairmsg.ZoneSettings {
	if p.exact {
		return p.zones
	}
	out := slices.Clone(destination)
	for _, z := range p.zones {
		if i := slices.IndexFunc(out, func(o pairmsg.ZoneSettings) bool { return o.Name.Equal(z.Name) }); i >= 0 {
			out[i] = z
		} else {
			out = append(out, z)
		}
	}
	return out
}

// Whatever the two have: what was planned and done leaves nothing to plan; exact makes them equal; update loses nothing; and a plan
// says a change exactly when there is one.
func TestPlanSettingsProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		source, destination := settingsLists.Draw(t, "source"), settingsLists.Draw(t, "destination")
		for op := range syncExact + 1 {
			p := planSettings(op, source, destination)
			after := carried(p, destination)
			if again := planSettings(op, source, after); len(again.changes) > 0 {
				t.Fatalf("%s again: %v", syncOperations[op], again.changes)
			}
			if op == syncUpdate && len(p.lost) > 0 {
				t.Fatalf("update loses %v", p.lost)
			}
			if op == syncExact && settingsDigest(sortedGrants(after)...) != settingsDigest(sortedGrants(source)...) {
				t.Fatalf("exact: %v, want %v", after, source)
			}
			if same := settingsDigest(sortedGrants(after)...) == settingsDigest(sortedGrants(destination)...); same != (len(p.changes) == 0) {
				t.Fatalf("%s says %v", syncOperations[op], p.changes)
			}
		}
	})
}

// sortedGrants makes the order of grants not matter.
func sortedGrants(list []pairmsg.ZoneSettings) []pairmsg.ZoneSettings {
	list = slices.Clone(list)
	for i := range list {
		list[i].Update, list[i].Transfer = slices.Sorted(slices.Values(list[i].Update)), slices.Sorted(slices.Values(list[i].Transfer))
	}
	return list
}

// "Learned settings override the file's [[zone]] settings of the same zone"; on a server that is not the backup a changed file wins; a
// grant that names a key that this server does not have is not in force, and said.
func TestInForce(t *testing.T) {
	keys := message.Keys{named("a").Key(): {}}
	grant := func(text, origin string) Grant {
		g, err := parseGrant(text, named(origin), keys, true)
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	file := func(name string) ZoneConfig {
		return ZoneConfig{Name: named(name), Text: name, File: "db." + name, UpdateText: []string{"192.0.2.9"}, Update: Grants{grant("192.0.2.9", name)}}
	}
	one, two, three := file("one.test"), file("two.test"), file("three.test")
	learned := map[string]learnedZone{
		named("one.test").Key():   {settings: withUpdate("one.test", "key a", "key b"), file: settingsDigest(one.shared())},
		named("two.test").Key():   {settings: withUpdate("two.test", "key a"), file: 7}, // the file was another one then
		named("three.test").Key(): {settings: withUpdate("three.test"), gone: true, file: settingsDigest(three.shared())},
		named("far.test").Key():   {settings: pairmsg.ZoneSettings{Name: named("far.test"), Transfer: []string{"key a"}, Notify: []string{"192.0.2.1:53", "junk"}, NotifyKey: "A"}},
		named("off.test").Key():   {settings: withUpdate("off.test"), gone: true},
	}
	for _, c := range []struct {
		backup bool
		two    string // whose settings two.test has
	}{{true, "key a"}, {false, "192.0.2.9"}} {
		zones, from, trouble := inForce([]ZoneConfig{one, two, three}, learned, keys, c.backup)
		var got []string
		for _, z := range zones {
			got = append(got, fmt.Sprint(z.Text, " ", z.File, " ", z.UpdateText, len(z.Update), len(z.Transfer), z.Notify))
		}
		if len(zones) != 3 || zones[0].Text != "one.test" || zones[1].Text != "two.test" || zones[2].Text != "far.test" {
			t.Fatalf("backup %v: %v", c.backup, got)
		}
		if z := zones[0]; z.File != "db.one.test" || len(z.Update) != 1 || z.Update[0].key == "" || len(z.UpdateText) != 2 {
			t.Errorf("backup %v: %v", c.backup, got)
		}
		if z := zones[1]; len(z.UpdateText) != 1 || z.UpdateText[0] != c.two {
			t.Errorf("backup %v: %v", c.backup, got)
		}
		if z := zones[2]; z.File != "" || len(z.Transfer) != 1 || !slices.Equal(z.Notify, []netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:53")}) || z.NotifyKey != zone.Name(named("a").Key()) {
			t.Errorf("backup %v: %v", c.backup, got)
		}
		if from[named("two.test").Key()] != c.backup || !from[named("far.test").Key()] || !from[named("one.test").Key()] {
			t.Errorf("backup %v: from %v", c.backup, from)
		}
		if len(trouble) != 2 || !strings.Contains(trouble[0], "zone far.test: notify") || !strings.Contains(trouble[1], `zone one.test: update = "key b"`) {
			t.Errorf("backup %v: %q", c.backup, trouble)
		}
	}
	if one.UpdateText[0] != "192.0.2.9" || len(one.Update) != 1 {
		t.Error("the configuration itself was changed")
	}
}

// What was learned outlives a restart, as it was.
func TestLearnedCodec(t *testing.T) {
	l := learnedZone{
		settings: pairmsg.ZoneSettings{Name: named(`a\255.test`), Update: []string{"key a"}, Transfer: []string{"x"}, Notify: []string{"y"}, NotifyKey: "k", Scavenge: "s", Catalog: true},
		gone:     true, file: 1<<63 + 5, at: time.Unix(5, 0).UTC(),
	}
	got, err := parseLearned(l.value())
	if diff := cmp.Diff(l, got, cmp.AllowUnexported(learnedZone{})); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	if _, err := parseLearned([]byte(`{"name":"a..b"}`)); err == nil {
		t.Error("a name that is none was taken")
	}
}

// A single server has nobody to synchronise with, and says so.
func TestPairSyncRefusals(t *testing.T) {
	s := newSite(t).start(t).server
	for in, want := range map[PairSyncRequest]string{
		{}:                    "no section [ha]",
		{Operation: "half"}:   "accepted: update, complete or exact",
		{Direction: "upward"}: "accepted: main-to-backup or backup-to-main",
	} {
		if _, err := s.pairSync(context.Background(), body(in)); !strings.Contains(doorSays(err), want) {
			t.Errorf("%+v: %v", in, err)
		}
	}
}
