package zone

import (
	"fmt"
	"strings"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"
)

// lookupCase is one question and the whole answer.
type lookupCase struct {
	why    string
	name   string
	qtype  string
	all    bool
	rcode  Rcode
	result Result
	noAA   bool

	answer, authority, additional string
	glue                          int
	next, wildcard                string
}

func runLookups(t *testing.T, z *Zone, cases []lookupCase) {
	t.Helper()
	var reused Answer // one for all: what an earlier question left must not show
	for _, c := range cases {
		t.Run(c.name+"/"+c.qtype, func(t *testing.T) {
			qtype, ok := ParseType(c.qtype)
			if !ok {
				t.Fatal("bad type in the test")
			}
			z.LookupInto(Question{Name: must(c.name), Type: qtype, AllOfANY: c.all}, &reused)
			nameText := func(n Name) string {
				if n == "" {
					return ""
				}
				return n.String()
			}
			got := lookupCase{
				why: c.why, name: c.name, qtype: c.qtype, all: c.all,
				rcode: reused.Rcode, result: reused.Result, noAA: !reused.AA,
				answer: section(reused.Answer), authority: section(reused.Authority), additional: section(reused.Additional),
				glue: reused.Glue, next: nameText(reused.Next), wildcard: nameText(reused.Wildcard),
			}
			if diff := cmp.Diff(c, got, cmp.AllowUnexported(lookupCase{})); diff != "" {
				t.Errorf("%s\n(-want +got):\n%s", c.why, diff)
			}
		})
	}
}

const negativeSOA = "example.test. 60 SOA ns.example.test. admin.example.test. 10 3600 600 86400 60"

// RFC 1034 4.3.2, RFC 2308 3, RFC 8020, RFC 4343.
func TestLookupRFC1034Basics(t *testing.T) {
	z := zoneOf(t, "example.test.", head+`
WWW 1 A 192.0.2.2
www 1 A 192.0.2.1
www AAAA 2001:db8::1
a.b.c A 192.0.2.9
mail MX 10 mx1
mail MX 20 mx.other.test.
mx1 A 192.0.2.25
`)
	runLookups(t, z, []lookupCase{
		{why: "name and type exist: whole RRset, one TTL (2181 5.2), stored case", name: "www.example.test.", qtype: "A", result: Found,
			answer: "WWW.example.test. 1 A 192.0.2.1\nWWW.example.test. 1 A 192.0.2.2"},
		{why: "letters compare without case (4343)", name: "wWw.EXAMPLE.test.", qtype: "AAAA", result: Found, answer: "WWW.example.test. 300 AAAA 2001:db8::1"},
		{why: "name exists, type not: NOERROR, SOA with TTL min(SOA TTL, MINIMUM) (2308 3)", name: "www.example.test.", qtype: "TXT", result: NoData, authority: negativeSOA},
		{why: "name does not exist: NXDOMAIN with SOA", name: "nope.example.test.", qtype: "A", rcode: NXDomain, result: NoName, authority: negativeSOA},
		{why: "below a name that does not exist: NXDOMAIN (8020)", name: "x.y.nope.example.test.", qtype: "A", rcode: NXDomain, result: NoName, authority: negativeSOA},
		{why: "empty non-terminal: NODATA, not NXDOMAIN (2308 3, 8020)", name: "b.c.example.test.", qtype: "A", result: NoData, authority: negativeSOA},
		{why: "the ENT above it", name: "c.example.test.", qtype: "ANY", result: NoData, authority: negativeSOA},
		{why: "a sibling below an ENT does not exist", name: "z.b.c.example.test.", qtype: "A", rcode: NXDomain, result: NoName, authority: negativeSOA},
		{why: "apex SOA with its own TTL", name: "example.test.", qtype: "SOA", result: Found, answer: strings.Replace(negativeSOA, " 60 SOA", " 300 SOA", 1)},
		{why: "apex NS is an answer, no referral; addresses of targets in additional", name: "example.test.", qtype: "NS", result: Found,
			answer: "example.test. 300 NS ns.example.test.", additional: "ns.example.test. 300 A 192.0.2.53"},
		{why: "MX targets in the zone get additional addresses", name: "mail.example.test.", qtype: "MX", result: Found,
			answer:     "mail.example.test. 300 MX 10 mx1.example.test.\nmail.example.test. 300 MX 20 mx.other.test.",
			additional: "mx1.example.test. 300 A 192.0.2.25"},
		{why: "labels, not text: xexample.test is not in example.test", name: "xexample.test.", qtype: "A", rcode: Refused, result: NotInZone, noAA: true},
		{why: "above the apex", name: "test.", qtype: "A", rcode: Refused, result: NotInZone, noAA: true},
	})
}

// The zone of RFC 4592 2.2.1 and its questions.
func TestLookupRFC4592Wildcards(t *testing.T) {
	z := zoneOf(t, "example.", `$TTL 3600
example. SOA ns.example.com. a.example. 1 2 3 4 5
example. NS ns.example.com.
example. NS ns.example.net.
*.example. TXT "this is a wildcard"
*.example. MX 10 host1.example.
sub.*.example. TXT "this is not a wildcard"
host1.example. A 192.0.2.1
_ssh._tcp.host1.example. SRV 0 0 22 host1.example.
_ssh._tcp.host2.example. SRV 0 0 22 host1.example.
subdel.example. NS ns.example.com.
subdel.example. NS ns.example.net.
a.alias.example. A 192.0.2.7
*.alias.example. CNAME host1.example.
*.ent.example. A 192.0.2.8
x.*.hollow.example. A 192.0.2.8
`)
	soa := "example. 5 SOA ns.example.com. a.example. 1 2 3 4 5"
	runLookups(t, z, []lookupCase{
		{why: "synthesised: owner in the answer = query name", name: "Host3.example.", qtype: "MX", result: Found, wildcard: "*.example.",
			answer: "Host3.example. 3600 MX 10 host1.example.", additional: "host1.example. 3600 A 192.0.2.1"},
		{why: "wildcard exists but not the type: NODATA", name: "host3.example.", qtype: "A", result: NoData, authority: soa, wildcard: "*.example."},
		{why: "the wildcard covers several labels", name: "foo.bar.example.", qtype: "TXT", result: Found, wildcard: "*.example.",
			answer: `foo.bar.example. 3600 TXT "this is a wildcard"`},
		{why: "an existing name blocks it", name: "host1.example.", qtype: "MX", result: NoData, authority: soa},
		{why: "sub.*.example. exists", name: "sub.*.example.", qtype: "MX", result: NoData, authority: soa},
		{why: "the closest encloser host1.example. exists and has no asterisk child", name: "_telnet._tcp.host1.example.", qtype: "SRV", rcode: NXDomain, result: NoName, authority: soa},
		{why: "subdel is a zone cut", name: "host.subdel.example.", qtype: "A", result: Referral, noAA: true,
			authority: "subdel.example. 3600 NS ns.example.com.\nsubdel.example. 3600 NS ns.example.net."},
		{why: "below *.example. the asterisk is a name like others", name: "ghost.*.example.", qtype: "MX", rcode: NXDomain, result: NoName, authority: soa},
		{why: "an empty non-terminal blocks the wildcard (2.2.2)", name: "host2.example.", qtype: "TXT", result: NoData, authority: soa},
		{why: "the literal asterisk is ordinary", name: "*.example.", qtype: "TXT", result: Found, answer: `*.example. 3600 TXT "this is a wildcard"`},
		{why: "a CNAME at a wildcard is synthesised and followed", name: "b.alias.example.", qtype: "A", result: Found, wildcard: "*.alias.example.",
			answer: "b.alias.example. 3600 CNAME host1.example.\nhost1.example. 3600 A 192.0.2.1"},
		{why: "the name that only has a wildcard below is an empty non-terminal", name: "ent.example.", qtype: "A", result: NoData, authority: soa},
		{why: "a wildcard that is itself an empty non-terminal gives NODATA", name: "y.hollow.example.", qtype: "A", result: NoData, authority: soa},
		{why: "ANY from a wildcard, all of it", name: "q.example.", qtype: "ANY", all: true, result: Found, wildcard: "*.example.",
			answer:     "q.example. 3600 MX 10 host1.example.\nq.example. 3600 TXT \"this is a wildcard\"",
			additional: "host1.example. 3600 A 192.0.2.1"},
	})
}

// RFC 1034 4.3.2 step 3a, RFC 6604 3.
func TestLookupCNAMEChains(t *testing.T) {
	z := zoneOf(t, "example.test.", head+`
a CNAME b
b CNAME C
c A 192.0.2.3
dead CNAME gone
nodata CNAME ns
out CNAME www.other.test.
longout CNAME out
loop1 CNAME loop2
loop2 CNAME loop1
self CNAME self
into CNAME www.sub
sub NS ns.sub
ns.sub A 192.0.2.77
`)
	runLookups(t, z, []lookupCase{
		{why: "chain in the order it was followed", name: "a.example.test.", qtype: "A", result: Found,
			answer: "a.example.test. 300 CNAME b.example.test.\nb.example.test. 300 CNAME C.example.test.\nc.example.test. 300 A 192.0.2.3"},
		{why: "RCODE describes the last name (6604 3)", name: "dead.example.test.", qtype: "A", rcode: NXDomain, result: NoName,
			answer: "dead.example.test. 300 CNAME gone.example.test.", authority: negativeSOA},
		{why: "last name without the type: NODATA with SOA", name: "nodata.example.test.", qtype: "TXT", result: NoData,
			answer: "nodata.example.test. 300 CNAME ns.example.test.", authority: negativeSOA},
		{why: "outside our zone: CNAME only, and where to go on", name: "longout.example.test.", qtype: "A", result: LeftZone, next: "www.other.test.",
			answer: "longout.example.test. 300 CNAME out.example.test.\nout.example.test. 300 CNAME www.other.test."},
		{why: "a loop ends with NOERROR and what was collected, no record twice", name: "loop1.example.test.", qtype: "A", result: Loop,
			answer: "loop1.example.test. 300 CNAME loop2.example.test.\nloop2.example.test. 300 CNAME loop1.example.test."},
		{why: "an alias of itself", name: "self.example.test.", qtype: "A", result: Loop, answer: "self.example.test. 300 CNAME self.example.test."},
		{why: "QTYPE CNAME is not followed", name: "a.example.test.", qtype: "CNAME", result: Found, answer: "a.example.test. 300 CNAME b.example.test."},
		{why: "QTYPE ANY is not followed", name: "a.example.test.", qtype: "ANY", result: Found, answer: "a.example.test. 300 CNAME b.example.test."},
		{why: "a chain that runs into a delegation: AA for the first owner, referral for the rest", name: "into.example.test.", qtype: "A", result: Referral,
			answer: "into.example.test. 300 CNAME www.sub.example.test.", authority: "sub.example.test. 300 NS ns.sub.example.test.",
			additional: "ns.sub.example.test. 300 A 192.0.2.77", glue: 1, next: "www.sub.example.test."},
	})
}

func TestLookupChainLimit(t *testing.T) {
	var b strings.Builder
	b.WriteString(head)
	for i := range 40 {
		fmt.Fprintf(&b, "l%d CNAME l%d\n", i, i+1)
	}
	z := zoneOf(t, "example.test.", b.String())
	a := z.Lookup(Question{Name: must("l0.example.test."), Type: TypeA})
	if a.Rcode != NoError || a.Result != Loop || len(a.Answer) != maxChain+1 {
		t.Errorf("limit 16: %v %v with %d aliases", a.Rcode, a.Result, len(a.Answer))
	}
	a = z.Lookup(Question{Name: must("l24.example.test."), Type: TypeA}) // 16 aliases, l40 does not exist
	if a.Rcode != NXDomain || len(a.Answer) != maxChain {
		t.Errorf("16 aliases are followed: %v with %d", a.Rcode, len(a.Answer))
	}
}

// RFC 1034 4.3.2 step 3b, RFC 4035 3.1.4.1, RFC 9471.
func TestLookupDelegation(t *testing.T) {
	z := zoneOf(t, "example.test.", head+`
sub NS ns1.sub
sub NS ns.other
sub NS ns.outside.test.
sub DS 1 8 2 0000000000000000000000000000000000000000000000000000000000000000
ns1.sub A 192.0.2.61
ns1.sub AAAA 2001:db8::61
below.sub A 192.0.2.62
deep.below.sub NS ns.deep.below.sub
other NS ns.other
ns.other A 192.0.2.71
nods NS ns.other
`)
	ns := "sub.example.test. 300 NS ns.other.example.test.\nsub.example.test. 300 NS ns.outside.test.\nsub.example.test. 300 NS ns1.sub.example.test."
	glue := "ns1.sub.example.test. 300 A 192.0.2.61\nns1.sub.example.test. 300 AAAA 2001:db8::61\nns.other.example.test. 300 A 192.0.2.71"
	referral := func(why, name, qtype string) lookupCase {
		return lookupCase{why: why, name: name, qtype: qtype, result: Referral, noAA: true, authority: ns, additional: glue, glue: 2}
	}
	runLookups(t, z, []lookupCase{
		referral("below the cut: AA 0, NS in authority, glue below the cut first and counted", "www.sub.example.test.", "A"),
		referral("at the cut", "sub.example.test.", "A"),
		referral("QTYPE NS at the cut is a referral too", "sub.example.test.", "NS"),
		referral("glue names are not ours to answer", "ns1.sub.example.test.", "A"),
		referral("data below a cut is occluded", "below.sub.example.test.", "A"),
		referral("the topmost cut wins", "x.deep.below.sub.example.test.", "A"),
		referral("ANY at the cut", "sub.example.test.", "ANY"),
		referral("DS below the cut belongs to the child", "www.sub.example.test.", "DS"),
		{why: "DS at the cut is answered by the parent with AA", name: "sub.example.test.", qtype: "DS", result: Found,
			answer: "sub.example.test. 300 DS 1 8 2 " + strings.Repeat("0", 64)},
		{why: "no DS at the cut: NODATA with our SOA (4035 3.1.4.1)", name: "nods.example.test.", qtype: "DS", result: NoData, authority: negativeSOA},
	})
}

// RFC 6672 2.2, 2.3, 3.1, 3.2.
func TestLookupDNAME(t *testing.T) {
	long := strings.Repeat("a", 60)
	z := zoneOf(t, "example.test.", head+`
old 77 DNAME new
old A 192.0.2.80
hidden.old A 192.0.2.81
www.new A 192.0.2.82
away DNAME elsewhere.test.
far DNAME `+long+"."+long+"."+long+`.new
rec DNAME rec.rec
`)
	runLookups(t, z, []lookupCase{
		{why: "DNAME, synthesised CNAME with the TTL of the DNAME, then on", name: "www.old.example.test.", qtype: "A", result: Found,
			answer: "old.example.test. 77 DNAME new.example.test.\nwww.old.example.test. 77 CNAME www.new.example.test.\nwww.new.example.test. 300 A 192.0.2.82"},
		{why: "names below a DNAME are occluded", name: "hidden.old.example.test.", qtype: "A", rcode: NXDomain, result: NoName,
			answer:    "old.example.test. 77 DNAME new.example.test.\nhidden.old.example.test. 77 CNAME hidden.new.example.test.",
			authority: negativeSOA},
		{why: "the owner itself is not redirected (2.3)", name: "old.example.test.", qtype: "A", result: Found, answer: "old.example.test. 300 A 192.0.2.80"},
		{why: "the DNAME asked for", name: "old.example.test.", qtype: "DNAME", result: Found, answer: "old.example.test. 77 DNAME new.example.test."},
		{why: "out of the zone", name: "x.away.example.test.", qtype: "A", result: LeftZone, next: "x.elsewhere.test.",
			answer: "away.example.test. 300 DNAME elsewhere.test.\nx.away.example.test. 300 CNAME x.elsewhere.test."},
		{why: "too long a result: YXDOMAIN with the DNAME", name: long + ".far.example.test.", qtype: "A", rcode: YXDomain, result: TooLong,
			answer: "far.example.test. 300 DNAME " + long + "." + long + "." + long + ".new.example.test."},
	})
	// A DNAME into its own subtree ends in bounded work.
	a := z.Lookup(Question{Name: must("x.rec.example.test."), Type: TypeA})
	if a.Result != Loop && a.Result != TooLong {
		t.Errorf("DNAME into itself: %v", a.Result)
	}
}

// RFC 8482 4.1.
func TestLookupANY(t *testing.T) {
	z := zoneOf(t, "example.test.", head+"m A 192.0.2.1\nm A 192.0.2.2\nm TXT x\n")
	runLookups(t, z, []lookupCase{
		{why: "one RRset is enough over UDP", name: "m.example.test.", qtype: "ANY", result: Found, answer: "m.example.test. 300 A 192.0.2.1\nm.example.test. 300 A 192.0.2.2"},
		{why: "all over TCP", name: "m.example.test.", qtype: "ANY", all: true, result: Found,
			answer: "m.example.test. 300 A 192.0.2.1\nm.example.test. 300 A 192.0.2.2\nm.example.test. 300 TXT \"x\""},
		{why: "NXDOMAIN stays NXDOMAIN", name: "no.example.test.", qtype: "ANY", rcode: NXDomain, result: NoName, authority: negativeSOA},
	})
}

// RFC 3597 4: "well-known" names alone may be compressed; 2181 11: every octet may be in a label.
func TestLookupAnyOctetInALabel(t *testing.T) {
	z := zoneOf(t, "example.test.", head+`a\.b A 192.0.2.1
a.b A 192.0.2.2
\000 A 192.0.2.3
\001 A 192.0.2.4
\255x A 192.0.2.5
`)
	for name, want := range map[string]string{`a\.b`: "192.0.2.1", "a.b": "192.0.2.2", `\000`: "192.0.2.3", `\001`: "192.0.2.4", `\255x`: "192.0.2.5"} {
		a := z.Lookup(Question{Name: must(name + ".example.test."), Type: TypeA})
		if len(a.Answer) != 1 || RdataText(TypeA, a.Answer[0].Data[0]) != want {
			t.Errorf("%s: %s", name, section(a.Answer))
		}
	}
	if a := z.Lookup(Question{Name: must(`\000.a.example.test.`), Type: TypeA}); a.Rcode != NXDomain {
		t.Errorf("a zero octet is no end of a label: %v", a.Rcode)
	}
}

// The rotation cell is one per set of two and more, and lives on through updates of that set and of others.
func TestTurnIsSharedByGenerations(t *testing.T) {
	z := zoneOf(t, "example.test.", head+"www A 192.0.2.1\nwww A 192.0.2.2\none A 192.0.2.3\nx AAAA 2001:db8::1\nx AAAA 2001:db8::2\n")
	www, _ := z.Get(must("www.example.test."), TypeA)
	x, _ := z.Get(must("x.example.test."), TypeAAAA)
	one, _ := z.Get(must("one.example.test."), TypeA)
	if www.Turn == nil || x.Turn == nil || www.Turn == x.Turn || one.Turn != nil {
		t.Fatalf("cells: www %v, x %v, one %v", www.Turn, x.Turn, one.Turn)
	}
	next, _, _, _ := z.Apply(Update{Updates: recs("www.example.test. 300 IN A 192.0.2.9", "new.example.test. 1 IN A 192.0.2.9", "one.example.test. 300 IN A 192.0.2.4")})
	checkTree(t, next)
	www2, _ := next.Get(must("www.example.test."), TypeA)
	x2, _ := next.Get(must("x.example.test."), TypeAAAA)
	one2, _ := next.Get(must("one.example.test."), TypeA)
	if www2.Turn != www.Turn || x2.Turn != x.Turn {
		t.Error("an update restarts the rotation")
	}
	if one2.Turn == nil {
		t.Error("a set that grew to two has no cell")
	}
}

// Found answers cost no memory: the strings are those of the zone.
func TestLookupSharesTheZonesMemory(t *testing.T) {
	z := zoneOf(t, "example.test.", head+"www A 192.0.2.1\nwww A 192.0.2.2\n*.w A 192.0.2.3\n")
	var a Answer
	for _, name := range []string{"www.example.test.", "nope.example.test.", "x.w.example.test."} {
		q := Question{Name: must(name), Type: TypeA}
		z.LookupInto(q, &a)
		if n := testing.AllocsPerRun(100, func() { z.LookupInto(q, &a) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	first, second := z.Lookup(Question{Name: must("www.example.test."), Type: TypeA}), z.Lookup(Question{Name: must("www.example.test."), Type: TypeA})
	if unsafe.StringData(first.Answer[0].Data[0]) != unsafe.StringData(second.Answer[0].Data[0]) {
		t.Error("RDATA was copied")
	}
}
