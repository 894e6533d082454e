package merge

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"loadshare/haserver/digest"
	"loadshare/haserver/zone"
)

const baseText = "a A 192.0.2.1\na A 192.0.2.2\na TXT \"1\"\nb CNAME a\nc A 192.0.2.1\nc DHCID AAAA\nd DNAME a\n@ NS ns2\n"

var everything = []string{
	"a A 192.0.2.1", "a A 192.0.2.2", "a A 192.0.2.3", "a TXT \"1\"", "a CNAME b", "a CNAME c", "a MX 10 a", "a MX 10 A",
	"b A 192.0.2.1", "b CNAME a", "b CNAME c", "b TXT \"1\"", "b KEY 512 3 5 AQAB", "B A 192.0.2.2",
	"c A 192.0.2.1", "c A 192.0.2.2", "c DHCID AAAA", "c DHCID BBBB", "c TXT \"1\"", "c CNAME a",
	"d DNAME a", "d DNAME b", "d A 192.0.2.1", "@ NS ns2", "@ NS ns", "@ NS ns3", "@ TXT \"1\"",
}

// drawSide is a side with some messages; their times are first, first+2, … or a little more.
func drawSide(t *rapid.T, label string, base *zone.Zone, first int64) *history {
	h := &history{zone: base}
	time := first
	few := rapid.SampledFrom([][]string{everything, everything[:8], everything[8:14], everything[14:20], everything[20:]}).Draw(t, label+" records")
	for range rapid.IntRange(0, 8).Draw(t, label+" messages") {
		time += 2 * rapid.Int64Range(1, 3).Draw(t, "pause")
		var u zone.Update
		for range rapid.IntRange(1, 4).Draw(t, "records") {
			r := record(t, rapid.SampledFrom(few).Draw(t, "record"))
			r.TTL = rapid.SampledFrom([]uint32{300, 300, 300, 60, 90}).Draw(t, "ttl")
			switch rapid.IntRange(0, 5).Draw(t, "operation") {
			case 0, 1:
				r.Class, r.TTL = zone.ClassNONE, 0
			case 2:
				r.Class, r.TTL, r.Data = zone.ClassANY, 0, ""
				if rapid.Bool().Draw(t, "all types") {
					r.Type = zone.TypeANY
				}
			}
			u.Updates = append(u.Updates, r)
		}
		h.update(t, time, u)
	}
	return h
}

// has says whether a zone has a record, with any TTL.
func has(z *zone.Zone, r zone.Record) bool {
	set, _ := z.Get(r.Name, r.Type)
	canonical := zone.CanonicalRdata(r.Type, r.Data)
	return slices.ContainsFunc(set.Data, func(data string) bool { return zone.CanonicalRdata(r.Type, data) == canonical })
}

func listed(list []zone.Record, r zone.Record) bool {
	return slices.ContainsFunc(list, func(o zone.Record) bool { return keyOf(o) == keyOf(r) })
}

// sameContent says whether two zones hold the same beside the SOA.
func sameContent(a, b *zone.Zone) bool {
	d := zone.Diff(a, b)
	return len(d.Deleted) <= 1 && len(d.Added) <= 1
}

// accounted asserts that nothing that the side did is undone silently.
func accounted(t *rapid.T, side *history, base *zone.Zone, r Result) {
	net := Compose(side.entries)
	for _, c := range net.Added {
		if has(r.Zone, c.Record) {
			continue
		}
		if !slices.ContainsFunc(r.Conflicts, func(x Conflict) bool { return listed(x.Lost, c.Record) }) {
			t.Fatalf("added and lost without a conflict: %s\n%v", c.Record, summaries(r.Conflicts))
		}
	}
	for _, c := range net.Deleted {
		if !has(r.Zone, c.Record) || has(side.zone, c.Record) {
			continue
		}
		if !slices.ContainsFunc(r.Conflicts, func(x Conflict) bool { return listed(x.Removed, c.Record) }) {
			t.Fatalf("deleted, and there without a conflict: %s\n%v", c.Record, summaries(r.Conflicts))
		}
	}
}

// contradicted says whether the other side touched what a change of a record meets.
func contradicted(c Change, other *history, base *zone.Zone, whole bool) bool {
	net := Compose(other.entries)
	owner := c.Record.Name
	for _, list := range [][]Change{net.Deleted, net.Added, net.Restored} {
		for _, o := range list {
			if !o.Record.Name.Equal(owner) {
				continue
			}
			alias := (o.Record.Type == zone.TypeCNAME) != (c.Record.Type == zone.TypeCNAME)
			switch {
			case keyOf(o.Record) == keyOf(c.Record), whole, alias,
				o.Record.Type == c.Record.Type && o.Record.Type.IsSingle():
				return true
			}
		}
	}
	return false
}

// Never CNAME beside other data, one SOA, an NS set at the apex (check); nothing acknowledged is undone silently, and nothing that the
// other side did not contradict is undone at all.
func TestNothingIsLost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base := load(t, baseText)
		main, backup := drawSide(t, "main", base, 0), drawSide(t, "backup", base, rapid.Int64Range(0, 1).Draw(t, "shift"))
		in := input(main, backup)
		in.PreferMain = rapid.Bool().Draw(t, "prefer main")
		r := merged(t, in)
		accounted(t, main, base, r)
		accounted(t, backup, base, r)
		for _, pair := range [][2]*history{{main, backup}, {backup, main}} {
			own, other := pair[0], pair[1]
			net := Compose(own.entries)
			for _, c := range append(slices.Clone(net.Added), net.Deleted...) {
				dhcid := false
				for _, z := range []*zone.Zone{base, main.zone, backup.zone} {
					_, found := z.Get(c.Record.Name, zone.TypeDHCID)
					dhcid = dhcid || found
				}
				if has(r.Zone, c.Record) == has(own.zone, c.Record) || contradicted(c, other, base, dhcid) {
					continue
				}
				set, _ := r.Zone.Get(c.Record.Name, c.Record.Type)
				theirs, _ := other.zone.Get(c.Record.Name, c.Record.Type)
				emptied := len(set.Data) > 0 && has(r.Zone, c.Record) && slices.Equal(set.Data, theirs.Data) // each had taken the other's last
				if !emptied {
					t.Fatalf("not as its side had it, though the other said nothing of it: %s\nmain %v\nbackup %v\nresult %v",
						c.Record, lines(main.zone), lines(backup.zone), lines(r.Zone))
				}
			}
		}
	})
}

// "Merge must be idempotent": a main that has the result already gets it again, with the same conflicts; so do two that have it.
func TestMergeIsIdempotent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base := load(t, baseText)
		main, backup := drawSide(t, "main", base, 0), drawSide(t, "backup", base, 1)
		in := input(main, backup)
		in.PreferMain = rapid.Bool().Draw(t, "prefer main")
		first := merged(t, in)
		healed := &history{main.zone, slices.Clone(main.entries)}
		healed.take(first.Zone, zone.Diff(main.zone, first.Zone), 100)
		again := input(healed, backup)
		again.PreferMain, again.Serial = in.PreferMain, 2000
		second := merged(t, again)
		if !sameContent(first.Zone, second.Zone) {
			t.Fatalf("not the same:\n%s", cmp.Diff(lines(first.Zone), lines(second.Zone)))
		}
		for _, id := range ids(second.Conflicts) {
			if !slices.Contains(ids(first.Conflicts), id) {
				t.Fatalf("new conflict:\n%v\nbefore:\n%v", summaries(second.Conflicts), summaries(first.Conflicts))
			}
		}
		both := merged(t, Input{Main: first.Zone, Backup: first.Zone, NoBase: true, Serial: first.Zone.Serial()})
		if both.Zone != first.Zone || len(both.Conflicts) != 0 {
			t.Fatalf("equal zones have conflicts %v", summaries(both.Conflicts))
		}
	})
}

// Where times decide, it does not matter which of the two is the main.
func TestMergeIsSymmetric(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base := load(t, baseText)
		one, two := drawSide(t, "one", base, 0), drawSide(t, "two", base, 1) // no two times are equal
		a, b := merged(t, input(one, two)), merged(t, input(two, one))
		if !sameContent(a.Zone, b.Zone) {
			t.Fatalf("not the same:\n%s", cmp.Diff(lines(a.Zone), lines(b.Zone)))
		}
		if diff := cmp.Diff(ids(a.Conflicts), ids(b.Conflicts)); diff != "" {
			t.Fatalf("other conflicts:\n%s\n%v\n%v", diff, summaries(a.Conflicts), summaries(b.Conflicts))
		}
	})
}

// A side that changed nothing has no say, and the other's content is the result.
func TestNothingChangedOnOneSide(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base := load(t, baseText)
		still, busy := &history{zone: base}, drawSide(t, "busy", base, 0)
		for _, in := range []Input{input(still, busy), input(busy, still)} {
			r := merged(t, in)
			if !sameContent(r.Zone, busy.zone) || len(r.Conflicts) != 0 {
				t.Fatalf("result %v, want %v; conflicts %v", lines(r.Zone), lines(busy.zone), summaries(r.Conflicts))
			}
		}
	})
}

// A conflict's Restore gives the loser what it lost.
func TestRestoreGivesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base := load(t, baseText)
		r := merged(t, input(drawSide(t, "main", base, 0), drawSide(t, "backup", base, 1)))
		for _, c := range r.Conflicts {
			next, _, rcode, why := r.Zone.Apply(zone.Update{Updates: c.Restore()})
			if rcode != zone.NoError {
				t.Fatal(rcode, why)
			}
			check(t, next)
			for _, lost := range c.Lost {
				if set, _ := next.Get(lost.Name, lost.Type); !has(next, lost) || set.TTL != lost.TTL {
					t.Fatalf("%s does not give back %s: %v", c.summary(), lost, lines(next))
				}
			}
			for _, gone := range c.Removed {
				last := gone.Type == zone.TypeNS && gone.Name.Equal(origin) // it stays, whatever an update says (RFC 2136, 3.4.2.4)
				if has(next, gone) && !listed(c.Lost, gone) && !last {
					t.Fatalf("%s leaves %s", c.summary(), gone)
				}
			}
		}
	})
}

// Undo leads from a side's content and its net effect back to the base, and Between finds the same effect.
func TestUndoIsTheBase(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base := load(t, baseText)
		side := drawSide(t, "side", base, 0)
		net := Compose(side.entries)
		back, err := Undo(side.zone, net)
		if err != nil {
			t.Fatal(err)
		}
		if digest.Of(back) != digest.Of(base) || back.Serial() != base.Serial() {
			t.Fatalf("undone to serial %d:\n%s", back.Serial(), cmp.Diff(lines(base), lines(back)))
		}
		direct := Between(base, side.zone, 7)
		for _, lists := range [][2][]Change{{net.Deleted, direct.Deleted}, {net.Added, direct.Added}} {
			if diff := cmp.Diff(keys(lists[0]), keys(lists[1])); diff != "" {
				t.Fatal(diff)
			}
		}
		if none := len(net.Deleted) == 0 && len(net.Added) == 0 && len(net.SOA) == 0; none != (side.zone == base) && !sameContent(side.zone, base) {
			t.Fatalf("of two contents that differ: %+v", net)
		}
	})
}

type plain struct {
	Name string
	Type zone.Type
	TTL  uint32
	Data string
}

func keys(list []Change) (out []plain) {
	for _, c := range list {
		k := keyOf(c.Record)
		out = append(out, plain{k.name, k.kind, c.Record.TTL, k.data})
	}
	return out
}

// Own content and the sets of the buckets that differ make the partner's content.
func TestAssembleIsThePartners(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base := load(t, baseText)
		own, partner := drawSide(t, "own", base, 0).zone, drawSide(t, "partner", base, 0).zone.With(4711)
		differ, sets := compare(own, partner)
		got, err := Assemble(own, differ, sets)
		if err != nil {
			t.Fatal(err)
		}
		check(t, got)
		if digest.Of(got) != digest.Of(partner) || got.Serial() != 4711 {
			t.Fatal(cmp.Diff(lines(partner), lines(got)))
		}
	})
}

// compare is what the partner answers to digests: the buckets that differ, and its sets in them.
func compare(own, partner *zone.Zone) (differ []uint16, sets []zone.RRset) {
	mine, theirs := digest.Parts(own), digest.Parts(partner)
	for i := range mine {
		if mine[i] != theirs[i] {
			differ = append(differ, uint16(i))
		}
	}
	for s := range partner.All() {
		if s.Type == zone.TypeSOA || slices.Contains(differ, digest.Bucket(s.Name)) {
			sets = append(sets, s)
		}
	}
	return differ, sets
}
