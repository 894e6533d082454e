package zone

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// applyCase is an update and its effect: the records deleted and added beside the SOA, and the serial after.
type applyCase struct {
	why    string
	update string
	minus  string
	plus   string
	serial uint32
}

// RFC 2136 3.4.2, each row of the table; the serial (3.6) with it.
func TestApplyRFC2136Section342(t *testing.T) {
	z := zoneOf(t, "example.test.", updateZone)
	cases := []applyCase{
		{"add: a new record, the serial moves by one", "n.example.test. 5 IN A 192.0.2.9", "", "n.example.test. 5 IN A 192.0.2.9", 11},
		{"several records, the serial moves once per message", "n.example.test. 5 IN A 192.0.2.9\no.example.test. 5 IN A 192.0.2.9", "", "n.example.test. 5 IN A 192.0.2.9\no.example.test. 5 IN A 192.0.2.9", 11},
		{"add CNAME beside other data: silently ignored", "www.example.test. 5 IN CNAME ns.example.test.", "", "", 10},
		{"add other data beside a CNAME: silently ignored", "alias.example.test. 5 IN A 192.0.2.9", "", "", 10},
		{"DNSSEC types may stand beside a CNAME", "alias.example.test. 5 IN NSEC b.example.test. CNAME NSEC", "", "alias.example.test. 5 IN NSEC b.example.test. CNAME NSEC", 11},
		{"add CNAME over a CNAME: replaced", "alias.example.test. 5 IN CNAME ns.example.test.", "alias.example.test. 300 IN CNAME www.example.test.", "alias.example.test. 5 IN CNAME ns.example.test.", 11},
		{"the same CNAME in other letters is no change", "alias.example.test. 300 IN CNAME WWW.example.test.", "", "", 10},
		{"DNAME is replaced", "dname.example.test. 300 IN DNAME new.test.", "dname.example.test. 300 IN DNAME other.test.", "dname.example.test. 300 IN DNAME new.test.", 11},
		{"duplicate with the same TTL: no change, serial stays", "www.example.test. 300 IN A 192.0.2.1", "", "", 10},
		{"duplicate that differs in the case of RDATA: no change", "mx.example.test. 300 IN MX 10 mAil.example.test.", "", "", 10},
		{"same RDATA, other TTL: the whole set takes it (2181 5.2)", "www.example.test. 7 IN A 192.0.2.1",
			"www.example.test. 300 IN A 192.0.2.1\nwww.example.test. 300 IN A 192.0.2.2", "www.example.test. 7 IN A 192.0.2.1\nwww.example.test. 7 IN A 192.0.2.2", 11},
		{"new RDATA with another TTL: the set takes it", "www.example.test. 7 IN A 192.0.2.3",
			"www.example.test. 300 IN A 192.0.2.1\nwww.example.test. 300 IN A 192.0.2.2",
			"www.example.test. 7 IN A 192.0.2.1\nwww.example.test. 7 IN A 192.0.2.2\nwww.example.test. 7 IN A 192.0.2.3", 11},
		{"delete set", "www.example.test. 0 ANY A", "www.example.test. 300 IN A 192.0.2.1\nwww.example.test. 300 IN A 192.0.2.2", "", 11},
		{"delete name; names below stay", "sub.example.test. 0 ANY ANY", "sub.example.test. 300 IN NS ns.sub.example.test.", "", 11},
		{"delete name at the apex: all but SOA and NS", "example.test. 9 IN TXT \"apex\"\nexample.test. 0 ANY ANY", "", "", 10},
		{"delete set SOA or NS at the apex: ignored", "example.test. 0 ANY SOA\nexample.test. 0 ANY NS", "", "", 10},
		{"delete RR SOA: ignored", "example.test. 0 NONE SOA ns.example.test. admin.example.test. 10 3600 600 86400 60", "", "", 10},
		{"delete the last NS of the apex: ignored", "example.test. 0 NONE NS ns.example.test.", "", "", 10},
		{"delete the last NS of a delegation: it goes (the pseudo-code forgets the apex)", "sub.example.test. 0 NONE NS ns.sub.example.test.", "sub.example.test. 300 IN NS ns.sub.example.test.", "", 11},
		{"an NS that is not the last may leave the apex", "example.test. 300 IN NS ns2.example.test.\nexample.test. 0 NONE NS ns.example.test.",
			"example.test. 300 IN NS ns.example.test.", "example.test. 300 IN NS ns2.example.test.", 11},
		{"delete RR is matched by RDATA, the TTL in the zone is irrelevant", "www.example.test. 0 NONE A 192.0.2.2", "www.example.test. 300 IN A 192.0.2.2", "", 11},
		{"delete RR matches names without case", "mx.example.test. 0 NONE MX 10 mail.EXAMPLE.test.", "mx.example.test. 300 IN MX 10 Mail.example.test.", "", 11},
		{"delete of what is missing: ignored", "www.example.test. 0 NONE A 192.0.2.99\nnope.example.test. 0 ANY ANY", "", "", 10},
		{"an add and a delete of one record cancel", "n.example.test. 5 IN A 192.0.2.9\nn.example.test. 0 NONE A 192.0.2.9", "", "", 10},
		{"in message order: a delete and then an add is a change of TTL", "www.example.test. 0 ANY A\nwww.example.test. 5 IN A 192.0.2.1",
			"www.example.test. 300 IN A 192.0.2.1\nwww.example.test. 300 IN A 192.0.2.2", "www.example.test. 5 IN A 192.0.2.1", 11},
		{"delete the CNAME, then other data may be added", "alias.example.test. 0 ANY CNAME\nalias.example.test. 5 IN A 192.0.2.9",
			"alias.example.test. 300 IN CNAME www.example.test.", "alias.example.test. 5 IN A 192.0.2.9", 11},
		{"SOA at the apex, newer: replaces, and the serial is not moved again", "example.test. 300 IN SOA ns.example.test. admin.example.test. 20 3600 600 86400 60", "", "", 20},
		{"SOA not newer: ignored", "example.test. 300 IN SOA ns.example.test. admin.example.test. 10 1 1 1 1", "", "", 10},
		{"SOA older by RFC 1982: ignored", "example.test. 300 IN SOA ns.example.test. admin.example.test. 4294967295 1 1 1 1", "", "", 10},
		{"SOA and a change: the serial is the one set", "example.test. 300 IN SOA ns.example.test. admin.example.test. 20 3600 600 86400 60\nn.example.test. 5 IN A 192.0.2.9", "", "n.example.test. 5 IN A 192.0.2.9", 20},
		{"SOA elsewhere: ignored (knotd dies of it)", "www.example.test. 300 IN SOA ns.example.test. admin.example.test. 20 3600 600 86400 60\nnew.example.test. 300 IN SOA ns.example.test. admin.example.test. 20 3600 600 86400 60", "", "", 10},
		{"a TTL with the top bit set is 0 (2181 8)", "n.example.test. 2147483648 IN A 192.0.2.9", "", "n.example.test. 0 IN A 192.0.2.9", 11},
		{"the owner of an existing name keeps its case", "WWW.EXAMPLE.test. 300 IN TXT \"y\"", "", "www.example.test. 300 IN TXT \"y\"", 11},
		{"no address for an apex NS is needed (7.14)", "ns.example.test. 0 ANY ANY", "ns.example.test. 300 IN A 192.0.2.53", "", 11},
	}
	before := strings.Join(lines(z), "\n")
	for _, c := range cases {
		t.Run(c.why, func(t *testing.T) {
			next, d, rcode, why := z.Apply(Update{Updates: split(c.update)})
			if rcode != NoError {
				t.Fatalf("%v %s", rcode, why)
			}
			checkTree(t, next)
			if next.Serial() != c.serial {
				t.Errorf("serial %d, want %d", next.Serial(), c.serial)
			}
			if c.serial == 10 {
				if next != z || !d.IsZero() {
					t.Fatalf("no change must leave the zone as it is; difference %v", d)
				}
				return
			}
			if d.From != 10 || d.To != c.serial || d.Deleted[0].Type != TypeSOA || d.Added[0].Type != TypeSOA ||
				soaSerial(d.Deleted[0].Data) != 10 || soaSerial(d.Added[0].Data) != c.serial {
				t.Errorf("difference %v", d)
			}
			if diff := cmp.Diff(c.minus, strings.Join(texts(d.Deleted[1:]), "\n")); diff != "" {
				t.Errorf("deleted (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.plus, strings.Join(texts(d.Added[1:]), "\n")); diff != "" {
				t.Errorf("added (-want +got):\n%s", diff)
			}
			replayed, err := z.WithDelta(d)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(lines(next), lines(replayed)); diff != "" {
				t.Errorf("replay differs:\n%s", diff)
			}
			if diff := cmp.Diff(d, Diff(z, next)); diff != "" {
				t.Errorf("Diff and Apply differ:\n%s", diff)
			}
		})
	}
	if strings.Join(lines(z), "\n") != before {
		t.Error("a generation has changed")
	}
}

// RFC 1982, RFC 2136 7.11: "serial 0 is skipped".
func TestSerialRFC1982(t *testing.T) {
	for _, c := range []struct {
		a, b  uint32
		newer bool
	}{{1, 0, true}, {0, 1, false}, {5, 5, false}, {0, 4294967295, true}, {44, 0, true}, {2147483647, 0, true}, {2147483648, 0, false}, {0, 2147483648, false}, {2147483649, 0, false}, {0, 2147483649, true}} {
		if got := SerialNewer(c.a, c.b); got != c.newer {
			t.Errorf("SerialNewer(%d, %d) = %v", c.a, c.b, got)
		}
	}
	if NextSerial(4294967295) != 1 || NextSerial(0) != 1 || NextSerial(7) != 8 {
		t.Error("NextSerial: at 4294967295 the next is 1, not 0")
	}
	z := zoneOf(t, "example.test.", head).With(4294967295)
	next, d, _, _ := z.Apply(Update{Updates: recs("n.example.test. 5 IN A 192.0.2.9")})
	if next.Serial() != 1 || d.From != 4294967295 || d.To != 1 {
		t.Errorf("at the wrap: %d, %d to %d", next.Serial(), d.From, d.To)
	}
	next, d, _, _ = z.Apply(Update{Updates: recs("n.example.test. 5 IN A 192.0.2.9"), Serial: 65537})
	if next.Serial() != 65537 || d.To != 65537 {
		t.Errorf("Update.Serial: %d", next.Serial())
	}
	if same, _, _, _ := z.Apply(Update{Serial: 65537}); same != z {
		t.Error("Update.Serial alone changed the zone")
	}
}

// Limits: 1000 records a set, 256 types a name, REFUSED beyond and nothing applied.
func TestApplyLimits(t *testing.T) {
	z := zoneOf(t, "example.test.", head)
	address := func(i int) Record {
		return Record{must("n.example.test."), TypeA, ClassIN, 5, string([]byte{10, 0, byte(i >> 8), byte(i)})}
	}
	var u Update
	for i := range maxSet {
		u.Updates = append(u.Updates, address(i))
	}
	full, _, rcode, why := z.Apply(u)
	if rcode != NoError || full.Len() != z.Len()+maxSet {
		t.Fatalf("a set of %d: %v %s", maxSet, rcode, why)
	}
	checkTree(t, full)
	if next, _, rcode, why := full.Apply(Update{Updates: []Record{address(maxSet)}}); rcode != Refused || next != full || !strings.Contains(why, "1000") {
		t.Errorf("one more: %v %q", rcode, why)
	}
	if _, _, rcode, why := full.Apply(Update{Updates: []Record{address(3)}}); rcode != NoError {
		t.Errorf("one that is there: %v %q", rcode, why)
	}
	u = Update{}
	for i := range maxTypes + 1 {
		u.Updates = append(u.Updates, Record{must("n.example.test."), Type(60000 + i), ClassIN, 5, "x"})
	}
	if next, _, rcode, why := z.Apply(u); rcode != Refused || next != z || !strings.Contains(why, "256") {
		t.Errorf("%d types: %v %q", maxTypes+1, rcode, why)
	}
	u.Updates = u.Updates[1:]
	if _, _, rcode, why := z.Apply(u); rcode != NoError {
		t.Errorf("%d types: %v %q", maxTypes, rcode, why)
	}
}

// Names come and go by thousands; the tree stays in shape and every generation stays as it was.
func TestTreeGrowsAndShrinks(t *testing.T) {
	z := zoneOf(t, "example.test.", head)
	const n = 20000
	generations := map[int]*Zone{0: z}
	name := func(i int) Name { return must(fmt.Sprintf("h%d.d%d.example.test.", i*7919%n, i%7)) }
	var err error
	for i := range n {
		var u Update
		u.Updates = []Record{{name(i), TypeA, ClassIN, 5, "\x0a\x00\x00\x01"}}
		if i%3 == 0 {
			u.Updates = append(u.Updates, Record{name(i), TypeA, ClassIN, 5, "\x0a\x00\x00\x02"})
		}
		z, _, _, _ = z.Apply(u)
		if i%4000 == 3999 {
			checkTree(t, z)
			generations[i] = z
		}
	}
	checkTree(t, z)
	top := z
	for i := range n {
		if z, err = z.WithDelta(Delta{From: z.Serial(), To: z.Serial() + 1,
			Deleted: append(texted(z.SOA()), removed(z, name(i*31%n))...), Added: texted(z.With(z.Serial() + 1).SOA())}); err != nil {
			t.Fatal(err)
		}
		if i%4000 == 0 {
			checkTree(t, z)
		}
	}
	checkTree(t, z)
	if got := lines(z.With(10)); !cmp.Equal(got, lines(generations[0])) {
		t.Errorf("all that was added was taken away; left: %v", got)
	}
	checkTree(t, top)
	for i, g := range generations {
		if want := generations[0].Len() + i + 1 + i/3 + 1; i > 0 && g.Len() != want {
			t.Errorf("generation %d has %d records, it was made with %d", i, g.Len(), want)
		}
	}
}

func texted(s RRset) []Record { return appendSet(nil, s.Name, s) }

func removed(z *Zone, n Name) []Record {
	s, _ := z.Get(n, TypeA)
	return appendSet(nil, n, s)
}
