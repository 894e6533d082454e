package zone

import (
	"strings"
	"testing"
)

const updateZone = head + `
www A 192.0.2.1
www A 192.0.2.2
alias CNAME www
*.wild A 192.0.2.3
a.ent A 192.0.2.4
mx MX 10 Mail.example.test.
sub NS ns.sub
ns.sub A 192.0.2.5
dname DNAME other.test.
txt TXT "x"
`

type updateCase struct {
	why     string
	records string // one a line; ";" before the why of the next
	rcode   Rcode
	named   string // what the reason must name
}

func split(text string) []Record {
	var out []Record
	for _, line := range strings.Split(text, "\n") {
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, rec(line))
		}
	}
	return out
}

// RFC 2136 2.4 and 3.2.
func TestPrerequisitesRFC2136Section32(t *testing.T) {
	z := zoneOf(t, "example.test.", updateZone)
	cases := []updateCase{
		{"name is in use", "www.example.test. 0 ANY ANY", NoError, ""},
		{"name is not in use", "nope.example.test. 0 ANY ANY", NXDomain, "nope.example.test."},
		{"an empty non-terminal is not in use (2.4.4)", "ent.example.test. 0 ANY ANY", NXDomain, "ent"},
		{"an empty non-terminal counts as not in use here too", "ent.example.test. 0 NONE ANY", NoError, ""},
		{"a wildcard does not make names exist", "x.wild.example.test. 0 ANY ANY", NXDomain, "x.wild"},
		{"the literal wildcard does", "*.wild.example.test. 0 ANY A", NoError, ""},
		{"CNAMEs are not followed", "alias.example.test. 0 ANY A", NXRRSet, "alias"},
		{"the CNAME itself is a set", "alias.example.test. 0 ANY CNAME", NoError, ""},
		{"zone cuts are ignored (7.18)", "ns.sub.example.test. 0 ANY A", NoError, ""},
		{"RRset exists", "WWW.example.test. 0 ANY A", NoError, ""},
		{"RRset does not exist", "www.example.test. 0 ANY AAAA", NXRRSet, "AAAA"},
		{"NONE ANY: name is in use", "www.example.test. 0 NONE ANY", YXDomain, "www"},
		{"NONE t: RRset exists", "www.example.test. 0 NONE A", YXRRSet, "www"},
		{"NONE t: it does not", "www.example.test. 0 NONE AAAA", NoError, ""},
		{"value dependent: the whole set, any order", "www.example.test. 0 IN A 192.0.2.2\nwww.example.test. 0 IN A 192.0.2.1", NoError, ""},
		{"a subset is not the set", "www.example.test. 0 IN A 192.0.2.1", NXRRSet, "www"},
		{"a superset is not the set", "www.example.test. 0 IN A 192.0.2.2\nwww.example.test. 0 IN A 192.0.2.1\nwww.example.test. 0 IN A 192.0.2.7", NXRRSet, "www"},
		{"the same record twice counts once (as BIND)", "txt.example.test. 0 IN TXT \"x\"\ntxt.example.test. 0 IN TXT \"x\"", NoError, ""},
		{"names in RDATA compare without case", "mx.example.test. 0 IN MX 10 mAIL.EXAMPLE.test.", NoError, ""},
		{"TXT compares octet by octet", "txt.example.test. 0 IN TXT \"X\"", NXRRSet, "txt"},
		{"value dependent at a missing name: NXRRSET, not NXDOMAIN", "nope.example.test. 0 IN A 192.0.2.1", NXRRSet, "nope"},
		{"the non-grouped one is reported though it stands last", "www.example.test. 0 IN A 192.0.2.1\nnope.example.test. 0 ANY ANY", NXDomain, "prerequisite 2"},
		{"of several false ones the first", "nope.example.test. 0 ANY ANY\nwww.example.test. 0 NONE A", NXDomain, "prerequisite 1"},
		{"TTL must be 0, class ANY", "www.example.test. 1 ANY ANY", FormErr, "TTL"},
		{"TTL must be 0, class NONE", "www.example.test. 1 NONE A", FormErr, "TTL"},
		{"TTL must be 0, class IN", "www.example.test. 1 IN A 192.0.2.1", FormErr, "TTL"},
		{"ANY with RDATA", "www.example.test. 0 ANY A 192.0.2.1", FormErr, "RDATA"},
		{"NONE with RDATA", "www.example.test. 0 NONE A 192.0.2.1", FormErr, "RDATA"},
		{"any other class", "www.example.test. 0 CH A 192.0.2.1", FormErr, "class"},
		{"owner not in the zone", "www.other.test. 0 ANY ANY", NotZone, "www.other.test."},
		{"by labels, not by text", "xexample.test. 0 ANY ANY", NotZone, "xexample"},
		{"above the apex", "test. 0 ANY ANY", NotZone, "test."},
		{"value dependent with no data of type A", "www.example.test. 0 IN A", FormErr, "A data"},
	}
	for _, c := range cases {
		u := Update{Prereq: split(c.records)}
		rcode, why := z.CheckPrereq(u)
		if rcode != c.rcode || !strings.Contains(why, c.named) || (rcode == NoError) != (why == "") {
			t.Errorf("%s:\n%s\ngot %v %q, want %v naming %q", c.why, c.records, rcode, why, c.rcode, c.named)
		}
		next, d, rcode, _ := z.Apply(u)
		if rcode != c.rcode || next != z || !d.IsZero() {
			t.Errorf("%s: a prerequisite-only message is legal and leaves the serial: %v %v", c.why, rcode, d)
		}
	}
}

// RFC 2136 3.4.1.
func TestPrescanRFC2136Section341(t *testing.T) {
	z := zoneOf(t, "example.test.", updateZone)
	long := Record{Name: must("www.example.test."), Class: ClassIN, Type: TypeA, Data: "\x01\x02\x03\x04\x05"}
	cases := []updateCase{
		{"owner not in the zone", "new.example.test. 1 IN A 192.0.2.1\nxexample.test. 1 IN A 192.0.2.1", NotZone, "xexample.test."},
		{"add ANY", "n.example.test. 1 IN ANY", FormErr, "meta"},
		{"add AXFR", "n.example.test. 1 IN AXFR", FormErr, "meta"},
		{"add IXFR", "n.example.test. 1 IN IXFR", FormErr, "meta"},
		{"add MAILA", "n.example.test. 1 IN MAILA", FormErr, "meta"},
		{"add MAILB", "n.example.test. 1 IN MAILB", FormErr, "meta"},
		{"add OPT", "n.example.test. 1 IN OPT", FormErr, "meta"},
		{"add TSIG", "n.example.test. 1 IN TSIG", FormErr, "meta"},
		{"add TKEY", "n.example.test. 1 IN TKEY", FormErr, "meta"},
		{"delete set: TTL", "www.example.test. 1 ANY A", FormErr, "TTL"},
		{"delete name: TTL", "www.example.test. 1 ANY ANY", FormErr, "TTL"},
		{"delete set: RDLENGTH", "www.example.test. 0 ANY A 192.0.2.1", FormErr, "RDATA"},
		{"delete set: meta type other than ANY", "www.example.test. 0 ANY AXFR", FormErr, "meta"},
		{"delete RR: TTL", "www.example.test. 1 NONE A 192.0.2.1", FormErr, "TTL"},
		{"delete RR: ANY included in the meta types", "www.example.test. 0 NONE ANY", FormErr, "meta"},
		{"other class", "www.example.test. 0 CH A 192.0.2.1", FormErr, "class"},
		{"delete RR without data of a type that needs some", "www.example.test. 0 NONE A", FormErr, "A data"},
		{"unknown types are plain data (RFC 3597)", "n.example.test. 1 IN TYPE65280 \\# 2 abcd", NoError, ""},
		{"unknown type without data", "n.example.test. 1 IN TYPE65280 \\# 0", NoError, ""},
		{"deleting what is not there is no error", "n.example.test. 0 ANY ANY\nn.example.test. 0 NONE A 192.0.2.1\nn.example.test. 0 ANY AAAA", NoError, ""},
	}
	for _, c := range cases {
		if rcode, why := z.Prescan(Update{Updates: split(c.records)}); rcode != c.rcode || !strings.Contains(why, c.named) {
			t.Errorf("%s: got %v %q, want %v naming %q", c.why, rcode, why, c.rcode, c.named)
		}
	}
	if rcode, why := z.Prescan(Update{Updates: []Record{long}}); rcode != FormErr {
		t.Errorf("an A record of five octets: %v %q", rcode, why)
	}
	// "Everything is scanned before anything is applied."
	next, d, rcode, why := z.Apply(Update{Updates: recs("good.example.test. 1 IN A 192.0.2.1", "bad.other.test. 1 IN A 192.0.2.1")})
	if rcode != NotZone || next != z || !d.IsZero() || !strings.Contains(why, "update record 2") {
		t.Errorf("a bad last record: %v %q, zone changed: %v", rcode, why, next != z)
	}
	// Prerequisites come before the prescan (3.2, then 3.4.1).
	if rcode, _ := z.CheckUpdate(Update{Prereq: recs("nope.example.test. 0 ANY ANY"), Updates: recs("x.other.test. 1 IN A 192.0.2.1")}); rcode != NXDomain {
		t.Errorf("a false prerequisite and a bad record: %v", rcode)
	}
}
