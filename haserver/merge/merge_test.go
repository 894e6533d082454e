package merge

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// example is a merge: what was there, what each side was told and when, and what comes of it.
type example struct {
	title        string
	base         string
	main, backup []string
	prefer       bool
	want         []string
	conflicts    []string
}

func (e example) run(t *testing.T) {
	t.Helper()
	base := load(t, e.base)
	in := input(sideOf(t, base, e.main...), sideOf(t, base, e.backup...))
	in.PreferMain = e.prefer
	r := merged(t, in)
	if diff := cmp.Diff(e.want, lines(r.Zone)); diff != "" {
		t.Errorf("zone (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(e.conflicts, summaries(r.Conflicts)); diff != "" {
		t.Errorf("conflicts (-want +got):\n%s", diff)
	}
	if r.Zone.Serial() != 1000 {
		t.Errorf("serial %d", r.Zone.Serial())
	}
}

func runAll(t *testing.T, examples []example) {
	t.Helper()
	for _, e := range examples {
		t.Run(e.title, e.run)
	}
}

// "Record by record: both sides' removals hold, both sides' additions hold."
func TestBothSidesHold(t *testing.T) {
	runAll(t, []example{
		{
			title: "other names", base: "a A 192.0.2.1\nb A 192.0.2.2\n",
			main: []string{"5 -a A"}, backup: []string{"1 +c A 192.0.2.3"},
			want: []string{"b 300 A 192.0.2.2", "c 300 A 192.0.2.3"},
		}, {
			title: "members of a pool", base: "www A 192.0.2.1\nwww A 192.0.2.2\nwww A 192.0.2.3\n",
			main: []string{"1 -www A 192.0.2.1", "2 +www A 192.0.2.4"}, backup: []string{"9 -www A 192.0.2.2", "9 +www A 192.0.2.5"},
			want: []string{"www 300 A 192.0.2.3", "www 300 A 192.0.2.4", "www 300 A 192.0.2.5"},
		}, {
			title: "one set replaced on both sides", base: "www A 192.0.2.1\n",
			main: []string{"1 -www A; +www A 192.0.2.2"}, backup: []string{"2 -www A; +www A 192.0.2.3"},
			want: []string{"www 300 A 192.0.2.2", "www 300 A 192.0.2.3"},
		}, {
			title: "emptied by one side, added to by the other", base: "www A 192.0.2.1\n",
			main: []string{"9 -www A"}, backup: []string{"1 +www A 192.0.2.2"},
			want: []string{"www 300 A 192.0.2.2"},
		}, {
			title: "a name emptied by both", base: "www A 192.0.2.1\nwww TXT \"x\"\n",
			main: []string{"1 -www ANY"}, backup: []string{"2 -www A", "3 -www TXT"},
			want: nil,
		}, {
			title: "other types of one name", base: "www A 192.0.2.1\n",
			main: []string{"1 +www TXT \"m\""}, backup: []string{"2 +www MX 10 mail", "3 -www A"},
			want: []string{"www 300 MX 10 mail.example.test.", "www 300 TXT \"m\""},
		}, {
			title: "added and deleted again is nothing", base: "www A 192.0.2.1\n",
			main: []string{"1 +www A 192.0.2.2", "2 -www A 192.0.2.2"}, backup: []string{"1 -www A 192.0.2.1"},
			want: nil,
		},
	})
}

// "Equal changes on both sides are no conflict", whatever their times and the case of their names.
func TestEqualChanges(t *testing.T) {
	runAll(t, []example{
		{
			title: "added", main: []string{"1 +www A 192.0.2.1"}, backup: []string{"2 +WWW A 192.0.2.1"},
			want: []string{"www 300 A 192.0.2.1"},
		}, {
			title: "deleted", base: "www A 192.0.2.1\n", main: []string{"1 -www A"}, backup: []string{"2 -www ANY"},
		}, {
			title: "alias", base: "www CNAME a\n", main: []string{"1 +www CNAME b"}, backup: []string{"2 +www CNAME B"},
			want: []string{"www 300 CNAME b.example.test."},
		}, {
			title: "TTL", base: "www A 192.0.2.1\n", main: []string{"1 +www 60 A 192.0.2.1"}, backup: []string{"2 +www 60 A 192.0.2.1"},
			want: []string{"www 60 A 192.0.2.1"},
		}, {
			title: "name with a DHCID", main: []string{"1 +pc A 192.0.2.1; +pc DHCID AAAA"}, backup: []string{"2 +pc A 192.0.2.1; +pc DHCID AAAA"},
			want: []string{"pc 300 A 192.0.2.1", "pc 300 DHCID AAAA"},
		},
	})
}

// "Time decides only true conflicts (single-valued types …); main wins ties and whenever PreferMain."
func TestSingleValues(t *testing.T) {
	const base = "www CNAME a\nsub DNAME old\n"
	runAll(t, []example{
		{
			title: "later change wins", base: base, main: []string{"1 +www CNAME b"}, backup: []string{"2 +www CNAME c"},
			want:      []string{"sub 300 DNAME old.example.test.", "www 300 CNAME c.example.test."},
			conflicts: []string{"both changed a type of one value: backup wins; lost [www 300 CNAME b.example.test.] removed [www 300 CNAME c.example.test.]"},
		}, {
			title: "main wins ties", base: base, main: []string{"2 +www CNAME b"}, backup: []string{"2 +www CNAME c"},
			want:      []string{"sub 300 DNAME old.example.test.", "www 300 CNAME b.example.test."},
			conflicts: []string{"both changed a type of one value: main wins; lost [www 300 CNAME c.example.test.] removed [www 300 CNAME b.example.test.]"},
		}, {
			title: "main wins when clocks are not to be trusted", base: base, prefer: true, main: []string{"1 +www CNAME b"}, backup: []string{"2 +www CNAME c"},
			want:      []string{"sub 300 DNAME old.example.test.", "www 300 CNAME b.example.test."},
			conflicts: []string{"both changed a type of one value: main wins; lost [www 300 CNAME c.example.test.] removed [www 300 CNAME b.example.test.]"},
		}, {
			title: "deleted later than changed", base: base, main: []string{"1 +sub DNAME new"}, backup: []string{"2 -sub DNAME"},
			want:      []string{"www 300 CNAME a.example.test."},
			conflicts: []string{"both changed a type of one value: backup wins; lost [sub 300 DNAME new.example.test.] removed []"},
		}, {
			title: "changed later than deleted", base: base, main: []string{"3 +sub DNAME new"}, backup: []string{"2 -sub DNAME"},
			want:      []string{"sub 300 DNAME new.example.test.", "www 300 CNAME a.example.test."},
			conflicts: []string{"both changed a type of one value: main wins; lost [] removed [sub 300 DNAME new.example.test.]"},
		}, {
			title: "changed by one side only", base: base, main: []string{"9 +www2 A 192.0.2.1", "9 +sub TXT \"x\""}, backup: []string{"1 +sub DNAME new"},
			want: []string{"sub 300 TXT \"x\"", "sub 300 DNAME new.example.test.", "www 300 CNAME a.example.test.", "www2 300 A 192.0.2.1"},
		},
	})
}

// "… CNAME against other data …": one of them by time, never both (RFC 1034, 3.6.2).
func TestAliasAgainstOtherData(t *testing.T) {
	runAll(t, []example{
		{
			title: "CNAME is later", main: []string{"2 +www CNAME a"}, backup: []string{"1 +www A 192.0.2.1", "1 +www TXT \"x\""},
			want:      []string{"www 300 CNAME a.example.test."},
			conflicts: []string{"CNAME against other data: main wins; lost [www 300 A 192.0.2.1; www 300 TXT \"x\"] removed [www 300 CNAME a.example.test.]"},
		}, {
			title: "other data are later", main: []string{"2 +www CNAME a"}, backup: []string{"3 +www A 192.0.2.1"},
			want:      []string{"www 300 A 192.0.2.1"},
			conflicts: []string{"CNAME against other data: backup wins; lost [www 300 CNAME a.example.test.] removed [www 300 A 192.0.2.1]"},
		}, {
			title: "main wins ties", main: []string{"2 +www A 192.0.2.1"}, backup: []string{"2 +www CNAME a"},
			want:      []string{"www 300 A 192.0.2.1"},
			conflicts: []string{"CNAME against other data: main wins; lost [www 300 CNAME a.example.test.] removed [www 300 A 192.0.2.1]"},
		}, {
			title: "addresses became an alias, another type was deleted: no conflict", base: "www A 192.0.2.1\nwww TXT \"x\"\n",
			main: []string{"2 -www ANY; +www CNAME a"}, backup: []string{"3 -www TXT"},
			want: []string{"www 300 CNAME a.example.test."},
		}, {
			title: "an alias became addresses, a type that may stand beside it was added: no conflict", base: "www CNAME a\n",
			main: []string{"2 -www CNAME; +www A 192.0.2.1"}, backup: []string{"3 +www KEY 512 3 5 AQAB"},
			want: []string{"www 300 A 192.0.2.1", "www 300 KEY 512 3 5 AQAB"},
		}, {
			title: "addresses became an alias, later an address was added: the removal holds all the same", base: "www A 192.0.2.1\n",
			main: []string{"2 -www A; +www CNAME a"}, backup: []string{"3 +www A 192.0.2.2"},
			want:      []string{"www 300 A 192.0.2.2"},
			conflicts: []string{"CNAME against other data: backup wins; lost [www 300 CNAME a.example.test.] removed [www 300 A 192.0.2.2]"},
		}, {
			title: "an alias was changed, later it became addresses: one conflict", base: "www CNAME a\n",
			main: []string{"2 +www 60 CNAME b"}, backup: []string{"3 -www CNAME; +www A 192.0.2.2"},
			want:      []string{"www 300 A 192.0.2.2"},
			conflicts: []string{"CNAME against other data: backup wins; lost [www 60 CNAME b.example.test.] removed [www 300 A 192.0.2.2]"},
		}, {
			title: "an alias became addresses, later it was changed: one conflict", base: "www CNAME a\n",
			main: []string{"4 +www 60 CNAME b"}, backup: []string{"3 -www CNAME; +www A 192.0.2.2"},
			want:      []string{"www 60 CNAME b.example.test."},
			conflicts: []string{"CNAME against other data: main wins; lost [www 300 A 192.0.2.2] removed [www 60 CNAME b.example.test.]"},
		},
	})
}

// "… one record changed both ways": one side deleted a record that the other changed (TTL change included) or added again.
func TestOneRecordBothWays(t *testing.T) {
	const base = "www A 192.0.2.1\nwww A 192.0.2.2\n"
	runAll(t, []example{
		{
			title: "TTL changed later than deleted", base: base, main: []string{"1 -www A 192.0.2.1"}, backup: []string{"2 +www 60 A 192.0.2.1"},
			want:      []string{"www 60 A 192.0.2.1", "www 60 A 192.0.2.2"},
			conflicts: []string{"one deleted what the other changed: backup wins; lost [] removed [www 60 A 192.0.2.1]"},
		}, {
			title: "deleted later than TTL changed", base: base, main: []string{"3 -www A 192.0.2.1"}, backup: []string{"2 +www 60 A 192.0.2.1"},
			want:      []string{"www 60 A 192.0.2.2"},
			conflicts: []string{"one deleted what the other changed: main wins; lost [www 60 A 192.0.2.1] removed []"},
		}, {
			title: "added again later than deleted", base: base, main: []string{"2 -www A 192.0.2.1"},
			backup:    []string{"1 -www A 192.0.2.1", "3 +www A 192.0.2.1"},
			want:      []string{"www 300 A 192.0.2.1", "www 300 A 192.0.2.2"},
			conflicts: []string{"one deleted what the other changed: backup wins; lost [] removed [www 300 A 192.0.2.1]"},
		}, {
			title: "deleted later than added again", base: base, main: []string{"4 -www A 192.0.2.1"},
			backup:    []string{"1 -www A 192.0.2.1", "3 +www A 192.0.2.1"},
			want:      []string{"www 300 A 192.0.2.2"},
			conflicts: []string{"one deleted what the other changed: main wins; lost [www 300 A 192.0.2.1] removed []"},
		}, {
			title: "both ways in one set, each deletion later than the change", base: base, main: []string{"1 +www 60 A 192.0.2.1", "5 -www A 192.0.2.2"},
			backup:    []string{"3 +www 90 A 192.0.2.1", "4 -www A 192.0.2.1"},
			want:      []string{"www 60 A 192.0.2.1"},
			conflicts: []string{"both together would have emptied the set: main wins; lost [www 90 A 192.0.2.2] removed [www 60 A 192.0.2.1]"},
		},
	})
}

// "TTLs of a set are one (RFC 2181)": the one that was changed, if both were, the later one, and that is a conflict.
func TestTTL(t *testing.T) {
	const base = "www A 192.0.2.1\n"
	runAll(t, []example{
		{
			title: "changed by one side, added to by the other", base: base, main: []string{"1 +www 60 A 192.0.2.1"}, backup: []string{"2 +www A 192.0.2.2"},
			want: []string{"www 60 A 192.0.2.1", "www 60 A 192.0.2.2"},
		}, {
			title: "changed by the backup alone, added to by the main", base: base, main: []string{"2 +www A 192.0.2.2"}, backup: []string{"1 +www 60 A 192.0.2.1"},
			want: []string{"www 60 A 192.0.2.1", "www 60 A 192.0.2.2"},
		}, {
			title: "changed by both", base: base, main: []string{"1 +www 60 A 192.0.2.1"}, backup: []string{"2 +www 90 A 192.0.2.1"},
			want:      []string{"www 90 A 192.0.2.1"},
			conflicts: []string{"both changed the TTL: backup wins; lost [www 60 A 192.0.2.1] removed []"},
		}, {
			title: "one new record with two TTLs", main: []string{"1 +new 60 A 192.0.2.1"}, backup: []string{"1 +new 90 A 192.0.2.1"},
			want:      []string{"new 60 A 192.0.2.1"},
			conflicts: []string{"both changed the TTL: main wins; lost [new 90 A 192.0.2.1] removed []"},
		}, {
			title: "a new set with two TTLs and no record in common", main: []string{"1 +new 60 A 192.0.2.1"}, backup: []string{"2 +new 90 A 192.0.2.2"},
			want:      []string{"new 90 A 192.0.2.1", "new 90 A 192.0.2.2"},
			conflicts: []string{"both changed the TTL: backup wins; lost [new 60 A 192.0.2.1] removed []"},
		},
	})
}

// "A set is never emptied by the merge unless one side emptied it itself. The apex NS set is never empty."
func TestNeverEmptied(t *testing.T) {
	runAll(t, []example{
		{
			title: "each takes the other's last", base: "www A 192.0.2.1\nwww A 192.0.2.2\n", main: []string{"1 -www A 192.0.2.1"}, backup: []string{"2 -www A 192.0.2.2"},
			want:      []string{"www 300 A 192.0.2.1"},
			conflicts: []string{"both together would have emptied the set: backup wins; lost [www 300 A 192.0.2.2] removed [www 300 A 192.0.2.1]"},
		}, {
			title: "one side emptied it itself", base: "www A 192.0.2.1\nwww A 192.0.2.2\n", main: []string{"1 -www A"}, backup: []string{"2 -www A 192.0.2.2"},
			want: nil,
		}, {
			title: "apex", base: "@ NS ns2\n", main: []string{"1 -@ NS ns"}, backup: []string{"1 -@ NS ns2"},
			want:      []string{"@ 300 NS ns2.example.test."},
			conflicts: []string{"both together would have emptied the set: main wins; lost [@ 300 NS ns.example.test.] removed [@ 300 NS ns2.example.test.]"},
		}, {
			title: "apex replaced", base: "@ NS ns2\n", main: []string{"1 +@ NS ns3", "1 -@ NS ns; -@ NS ns2"}, backup: []string{"1 -@ NS ns2"},
			want: []string{"@ 300 NS ns3.example.test."},
		},
	})
}

// "Names with a DHCID are decided as one group by the newest change of them": a lease never gets the address of one client
// and the DHCID of the other.
func TestDHCIDGroup(t *testing.T) {
	runAll(t, []example{
		{
			title: "two clients take one name", main: []string{"2 +pc A 192.0.2.1; +pc DHCID AAAA"}, backup: []string{"3 +pc A 192.0.2.2; +pc DHCID BBBB"},
			want:      []string{"pc 300 A 192.0.2.2", "pc 300 DHCID BBBB"},
			conflicts: []string{"both changed a name with a DHCID: backup wins; lost [pc 300 A 192.0.2.1; pc 300 DHCID AAAA] removed [pc 300 A 192.0.2.2; pc 300 DHCID BBBB]"},
		}, {
			title: "released on one side, renewed with another address later", base: "pc A 192.0.2.1\npc DHCID AAAA\n",
			main: []string{"2 -pc A; -pc DHCID"}, backup: []string{"3 -pc A; +pc A 192.0.2.9"},
			want:      []string{"pc 300 A 192.0.2.9", "pc 300 DHCID AAAA"},
			conflicts: []string{"both changed a name with a DHCID: backup wins; lost [] removed [pc 300 A 192.0.2.9; pc 300 DHCID AAAA]"},
		}, {
			title: "renewed, later released", base: "pc A 192.0.2.1\npc DHCID AAAA\n",
			main: []string{"4 -pc A; -pc DHCID"}, backup: []string{"3 -pc A; +pc A 192.0.2.9"},
			want:      nil,
			conflicts: []string{"both changed a name with a DHCID: main wins; lost [pc 300 A 192.0.2.9; pc 300 DHCID AAAA] removed []"},
		}, {
			title: "released on one side alone", base: "pc A 192.0.2.1\npc DHCID AAAA\n", main: []string{"4 -pc A; -pc DHCID"}, want: nil,
		}, {
			title: "the DHCID was only in the base: a name by hand against a lease", base: "pc A 192.0.2.1\npc DHCID AAAA\n",
			main: []string{"4 -pc ANY"}, backup: []string{"5 -pc ANY; +pc CNAME a"},
			want: []string{"pc 300 CNAME a.example.test."}, // nothing that the main did is not so
		},
	})
}

// "SOA fields are main's", and what the backup changed in them is kept as a conflict.
func TestSOAIsTheMains(t *testing.T) {
	base := load(t, "")
	soa := func(h *history, time int64, data string) {
		h.apply(t, time, "+@ SOA ns "+data+" 3600 600 86400 60")
	}
	main, backup := &history{zone: base}, &history{zone: base}
	soa(main, 1, "main 500")
	soa(backup, 2, "backup 600")
	r := merged(t, input(main, backup))
	if got := r.Zone.SOA().Data[0]; got != main.zone.With(1000).SOA().Data[0] {
		t.Errorf("SOA is %q", got)
	}
	want := []string{"the SOA's fields are the main's: main wins; lost [@ 300 SOA ns backup.example.test. 600 3600 600 86400 60] removed []"}
	if diff := cmp.Diff(want, summaries(r.Conflicts)); diff != "" {
		t.Error(diff)
	}
	// The main changed it alone: no conflict.
	other := sideOf(t, base, "1 +a A 192.0.2.1")
	if r := merged(t, input(main, other)); len(r.Conflicts) != 0 {
		t.Errorf("conflicts %v", summaries(r.Conflicts))
	}
}

// "NoBase: union, main wins conflicts on single-valued; log-able as conflicts."
func TestNoBase(t *testing.T) {
	main := load(t, "a A 192.0.2.1\nboth A 192.0.2.1\nwww CNAME a\nx CNAME a\nttl A 192.0.2.1\npc A 192.0.2.1\npc DHCID AAAA\n")
	backup := load(t, "b A 192.0.2.2\nboth A 192.0.2.2\nwww CNAME b\nx TXT \"x\"\nttl 60 A 192.0.2.1\npc A 192.0.2.2\npc DHCID BBBB\n")
	r := merged(t, Input{Main: main, Backup: backup, NoBase: true, Serial: 1000})
	want := []string{
		"a 300 A 192.0.2.1", "b 300 A 192.0.2.2", "both 300 A 192.0.2.1", "both 300 A 192.0.2.2", "pc 300 A 192.0.2.1", "pc 300 DHCID AAAA",
		"ttl 300 A 192.0.2.1", "www 300 CNAME a.example.test.", "x 300 CNAME a.example.test.",
	}
	if diff := cmp.Diff(want, lines(r.Zone)); diff != "" {
		t.Error(diff)
	}
	conflicts := []string{
		"both changed a name with a DHCID: main wins; lost [pc 300 A 192.0.2.2; pc 300 DHCID BBBB] removed [pc 300 A 192.0.2.1; pc 300 DHCID AAAA]",
		"both changed the TTL: main wins; lost [ttl 60 A 192.0.2.1] removed []",
		"both changed a type of one value: main wins; lost [www 300 CNAME b.example.test.] removed [www 300 CNAME a.example.test.]",
		"CNAME against other data: main wins; lost [x 300 TXT \"x\"] removed [x 300 CNAME a.example.test.]",
	}
	if diff := cmp.Diff(conflicts, summaries(r.Conflicts)); diff != "" {
		t.Error(diff)
	}
}
