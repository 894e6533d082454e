package digest

import (
	"encoding/hex"
	"fmt"
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

func load(t testing.TB, text string) *zone.Zone {
	t.Helper()
	z, problems := zone.Load(func(string) ([]byte, error) { return []byte(text), nil }, name(t, "example.test."), "zone")
	if z == nil {
		t.Fatal(problems.Err())
	}
	return z
}

const head = "$TTL 300\n@ SOA ns.example.test. admin 10 3600 600 86400 60\n@ NS ns.example.test.\n"

// "It is on the wire and on disk": another value here is another format of both.
func TestDigestsNeverChange(t *testing.T) {
	z := load(t, head+"www A 192.0.2.1\nwww A 192.0.2.2\nwww TXT \"one\" \"two\"\n@ MX 10 Mail\n_sip._tcp SRV 0 5 5060 WWW\nx TYPE65280 \\# 3 414243\n")
	want := "b835a984a1745d41a7274130ef2d0d8d"
	if got := Of(z).String(); got != want {
		t.Errorf("digest is %s, want %s", got, want)
	}
	if got := Bucket(name(t, "www.example.test.")); got != 458 {
		t.Errorf("bucket of www is %d, want 458", got)
	}
}

// The serial does not enter; case, and the order of records in the file, have no meaning (RFC 4343).
func TestWhatMakesNoDifference(t *testing.T) {
	a := load(t, head+"www A 192.0.2.1\nwww A 192.0.2.2\nmail MX 10 www\n")
	b := load(t, strings.Replace(head, "admin 10 ", "ADMIN 4000000000 ", 1)+"Mail MX 10 WWW\nWWW A 192.0.2.2\nwww A 192.0.2.1\n")
	if Of(a) != Of(b) {
		t.Errorf("digests differ: %s, %s", Of(a), Of(b))
	}
	if Bucket(name(t, "www.example.test.")) != Bucket(name(t, "WWW.Example.TEST.")) {
		t.Error("the bucket depends on the case of the name")
	}
}

// Any single difference of a record, its TTL and the SOA's other fields included, is another digest.
func TestWhatMakesADifference(t *testing.T) {
	base := head + "www A 192.0.2.1\nwww TXT \"a\"\n"
	seen := map[Digest]string{Of(load(t, base)): base}
	for _, other := range []string{
		head + "www A 192.0.2.2\nwww TXT \"a\"\n",
		head + "www 301 A 192.0.2.1\nwww TXT \"a\"\n",
		head + "www A 192.0.2.1\nwww TXT \"A\"\n", // text is not a name
		head + "www A 192.0.2.1\nwww TXT \"a\" \"\"\n",
		head + "www A 192.0.2.1\nwww2 TXT \"a\"\n",
		head + "www A 192.0.2.1\n",
		head + "www A 192.0.2.1\nwww A 192.0.2.2\nwww TXT \"a\"\n",
		head + "www A 192.0.2.1\nwww TYPE99 \\# 2 0161\n",
		strings.Replace(base, "admin 10 ", "root 10 ", 1),
		strings.Replace(base, "86400 60", "86400 61", 1),
	} {
		d := Of(load(t, other))
		if before, found := seen[d]; found {
			t.Errorf("the same digest of\n%s\nand\n%s", before, other)
		}
		seen[d] = other
	}
}

func TestAppendReadsBack(t *testing.T) {
	d := Digest{0x0102030405060708, 0x090a0b0c0d0e0f10}
	b := append(d.Append([]byte{0xff}), "rest"...)
	if got := hex.EncodeToString(b[1:17]); got != d.String() || got != "0102030405060708090a0b0c0d0e0f10" {
		t.Errorf("encoded %s, text %s", got, d)
	}
	got, rest, ok := Read(b[1:])
	if got != d || string(rest) != "rest" || !ok {
		t.Errorf("read %s, rest %q, ok %v", got, rest, ok)
	}
	if _, _, ok := Read(b[:15]); ok {
		t.Error("15 octets were read as a digest")
	}
}

// update draws an update of a zone with few names and few data, so that much meets.
func update(t *rapid.T) (u zone.Update) {
	for range rapid.IntRange(1, 6).Draw(t, "records") {
		label := rapid.SampledFrom([]string{"", "a.", "A.", "b.", "c.b.", "*."}).Draw(t, "label")
		n, err := zone.ParseName(label + "example.test.")
		if err != nil {
			t.Fatal(err)
		}
		kind := rapid.SampledFrom([]zone.Type{zone.TypeA, zone.TypeCNAME, zone.TypeMX, zone.TypeTXT, zone.TypeSOA}).Draw(t, "type")
		r := zone.Record{Name: n, Type: kind, Class: zone.ClassIN, TTL: rapid.SampledFrom([]uint32{60, 300}).Draw(t, "ttl")}
		number := byte(rapid.IntRange(1, 3).Draw(t, "number"))
		switch kind {
		case zone.TypeA:
			r.Data = string([]byte{192, 0, 2, number})
		case zone.TypeCNAME:
			r.Data = string([]byte{1, 'W' + number, 0})
		case zone.TypeMX:
			r.Data = string([]byte{0, 10, 1, 'W' + number, 0})
		case zone.TypeTXT:
			r.Data = string([]byte{1, 'a' + number})
		case zone.TypeSOA:
			r.Data = string([]byte{1, 'n', 0, 1, 'a' + number, 0, 0, 0, 1, number}) + strings.Repeat("\x00\x00\x0e\x10", 4)
		}
		switch rapid.IntRange(0, 4).Draw(t, "operation") {
		case 0:
			r.Class, r.TTL, r.Data = zone.ClassANY, 0, ""
		case 1:
			r.Class, r.TTL = zone.ClassNONE, 0
		}
		u.Updates = append(u.Updates, r)
	}
	return u
}

// Of the next generation is Step of the last one's, and the way back leads back; the parts always add up to the whole.
func TestStepIsOf(t *testing.T) {
	start := load(t, head+"a A 192.0.2.1\nb MX 10 x\n")
	rapid.Check(t, func(t *rapid.T) {
		z, d := start, Of(start)
		for range rapid.IntRange(1, 8).Draw(t, "updates") {
			next, delta, rcode, why := z.Apply(update(t))
			if rcode != zone.NoError {
				t.Fatal(rcode, why)
			}
			before := d
			if d = d.Step(delta); d != Of(next) {
				t.Fatalf("stepped to %s, digest is %s after %v", d, Of(next), delta)
			}
			back := zone.Delta{From: delta.To, To: delta.From, Deleted: delta.Added, Added: delta.Deleted}
			if d.Step(back) != before {
				t.Fatalf("the way back of %v does not lead back", delta)
			}
			content := zone.Diff(z, next.With(z.Serial()))
			if content.IsZero() != (d == before) {
				t.Fatalf("difference %v, digests %s and %s", content, before, d)
			}
			z = next
		}
		var sum Digest
		for _, p := range Parts(z) {
			sum = sum.Add(p)
		}
		if sum != d {
			t.Fatalf("parts add up to %s, the zone has %s", sum, d)
		}
	})
}

// The digest of a set of records is the same whatever order they come in.
func TestOrderHasNoMeaning(t *testing.T) {
	var lines []string
	for i := range 40 {
		lines = append(lines, fmt.Sprintf("h%d A 192.0.2.%d\n", i%7, i))
	}
	want := Of(load(t, head+strings.Join(lines, "")))
	rapid.Check(t, func(t *rapid.T) {
		mixed := rapid.Permutation(slices.Clone(lines)).Draw(t, "order")
		z, problems := zone.Load(func(string) ([]byte, error) { return []byte(head + strings.Join(mixed, "")), nil }, zone.Name("\x07example\x04test\x00"), "zone")
		if z == nil {
			t.Fatal(problems.Err())
		}
		if got := Of(z); got != want {
			t.Fatalf("digest %s, want %s", got, want)
		}
	})
}

// Only the bucket of the changed name changes, and that of the apex not even for the serial.
func TestPartsNameTheDifference(t *testing.T) {
	z := load(t, head+"a A 192.0.2.1\nb A 192.0.2.1\n")
	n := name(t, "b.example.test.")
	next, _, _, _ := z.Apply(zone.Update{Updates: []zone.Record{{Name: n, Type: zone.TypeA, Class: zone.ClassIN, TTL: 300, Data: "\xc0\x00\x02\x09"}}})
	before, after := Parts(z), Parts(next)
	var differ []uint16
	for i := range before {
		if before[i] != after[i] {
			differ = append(differ, uint16(i))
		}
	}
	if diff := cmp.Diff([]uint16{Bucket(n)}, differ); diff != "" {
		t.Error(diff)
	}
}

// Buckets fill evenly: 100,000 names leave none empty, and none with over twice its share.
func TestBucketsFillEvenly(t *testing.T) {
	var count [Buckets]int
	const names = 100_000
	for i := range names {
		count[Bucket(name(t, fmt.Sprintf("host%d.example.test.", i)))]++
	}
	if least, most := slices.Min(count[:]), slices.Max(count[:]); least == 0 || most > 2*names/Buckets {
		t.Errorf("buckets hold %d to %d names", least, most)
	}
}
