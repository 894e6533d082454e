package merge

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"loadshare/haserver/digest"
	"loadshare/haserver/pairmsg"
	"loadshare/haserver/zone"
)

// Nets that do not fit are an error, never a guess: the zones are compared whole then.
func TestMergeRefusesWhatDoesNotFit(t *testing.T) {
	base := load(t, "a A 192.0.2.1\nb A 192.0.2.1\n")
	other := load(t, "a A 192.0.2.9\nb A 192.0.2.9\n")
	main := sideOf(t, base, "1 +a A 192.0.2.2")
	for want, in := range map[string]Input{
		"do not begin at the same content": input(main, sideOf(t, other, "1 +a A 192.0.2.3")),
		"deleted record is not in zone":    input(main, sideOf(t, other, "1 -b A")),
	} {
		if _, err := Merge(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	foreign, err := zone.Build(name(t, "other.test."), slices.Values([]zone.RRset{{Name: name(t, "other.test."), Type: zone.TypeSOA, Data: base.SOA().Data}}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Merge(Input{Main: base, Backup: foreign, NoBase: true}); err == nil || !strings.Contains(err.Error(), "not the same zone") {
		t.Errorf("error %v", err)
	}
	if _, err := Undo(other, Compose(main.entries)); err == nil {
		t.Error("undid what was never done")
	}
}

// "The result must build as a valid zone (… limits)": what both together would make too large is taken from the later side.
func TestLimits(t *testing.T) {
	add := func(h *history, time int64, from, to int, record func(i int) string) {
		for i := from; i < to; i++ {
			h.apply(t, time, "+"+record(i))
		}
	}
	base := load(t, "")
	address := func(i int) string { return fmt.Sprintf("big A 10.0.%d.%d", i/256, i%256) }
	main, backup := &history{zone: base}, &history{zone: base}
	add(main, 1, 0, 600, address)
	add(backup, 2, 600, 1200, address)
	r := merged(t, input(main, backup))
	if set, _ := r.Zone.Get(name(t, "big.example.test."), zone.TypeA); len(set.Data) != 600 || len(r.Conflicts) != 1 ||
		r.Conflicts[0].Reason != ReasonLimit || r.Conflicts[0].Winner != pairmsg.Backup || len(r.Conflicts[0].Lost) != 600 {
		t.Errorf("set of %d, conflicts %d", len(set.Data), len(r.Conflicts))
	}

	kind := func(i int) string { return fmt.Sprintf(`big TYPE%d \# 1 00`, 1000+i) }
	main, backup = &history{zone: base}, &history{zone: base}
	add(main, 3, 0, 200, kind)
	add(backup, 2, 150, 300, kind)
	r = merged(t, input(main, backup))
	if sets := r.Zone.Node(name(t, "big.example.test.")); len(sets) != 200 || len(r.Conflicts) != 1 ||
		r.Conflicts[0].Reason != ReasonLimit || r.Conflicts[0].Winner != pairmsg.Main || len(r.Conflicts[0].Lost) != 100 {
		t.Errorf("%d types, conflicts %d", len(sets), len(r.Conflicts))
	}
}

// "With a stable ID": the same loss has the same ID whenever it is decided; another loss has another one.
func TestConflictIDs(t *testing.T) {
	base := load(t, "www CNAME a\n")
	one := input(sideOf(t, base, "1 +www CNAME b"), sideOf(t, base, "2 +www CNAME c"))
	later := one
	later.Now, later.Serial = 99, 3000
	a, b := merged(t, one).Conflicts[0], merged(t, later).Conflicts[0]
	other := merged(t, input(sideOf(t, base, "3 +www CNAME b"), sideOf(t, base, "2 +www CNAME c"))).Conflicts[0]
	if a.ID != b.ID || a.ID == other.ID || len(a.ID) != idDigits || a.At != 77 || b.At != 99 {
		t.Errorf("IDs %q at %d, %q at %d, %q", a.ID, a.At, b.ID, b.At, other.ID)
	}
}

// What the partner sends is looked at before it is taken.
func TestAssembleRefuses(t *testing.T) {
	own := load(t, "a A 192.0.2.1\n")
	soa, a := own.SOA(), name(t, "a.example.test.")
	bucket := digest.Bucket(a)
	address := zone.RRset{Name: a, Type: zone.TypeA, TTL: 1, Data: []string{"\x01\x02\x03\x04"}}
	alias := zone.RRset{Name: a, Type: zone.TypeCNAME, TTL: 1, Data: []string{"\x00"}}
	for want, sets := range map[string][]zone.RRset{
		"SOA is missing":       {address},
		"more SOA records":     {soa, soa},
		"comes twice":          {soa, address, address},
		"a CNAME and also A":   {soa, alias, address},
		"in no bucket":         {soa, {Name: name(t, "b.example.test."), Type: zone.TypeA, Data: address.Data}},
		"A data":               {soa, {Name: a, Type: zone.TypeA, Data: []string{"\x01"}}},
		"more than one CNAME":  {soa, {Name: a, Type: zone.TypeCNAME, Data: []string{"\x00", "\x01a\x00"}}},
		"cannot be in zone":    {soa, {Name: a, Type: zone.TypeANY, Data: []string{""}}},
		"SOA data":             {{Name: origin, Type: zone.TypeSOA, Data: []string{"\x00"}}},
		"more SOA records tha": {{Name: a, Type: zone.TypeSOA, Data: soa.Data}},
	} {
		if _, err := Assemble(own, []uint16{bucket}, sets); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	if _, err := Assemble(own, []uint16{digest.Buckets}, []zone.RRset{soa}); err == nil {
		t.Error("took a bucket that is none")
	}
}
