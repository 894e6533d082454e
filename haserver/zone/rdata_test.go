package zone

import (
	"strings"
	"testing"
)

// rdataCases: text as read, and as written where that differs.
var rdataCases = []struct {
	kind, text, canonical string
}{
	{"A", "192.0.2.1", ""}, {"AAAA", "2001:DB8:0::1", "2001:db8::1"}, {"AAAA", "::ffff:192.0.2.1", ""},
	{"NS", "ns", "ns.example.test."}, {"NS", "@", "example.test."}, {"CNAME", "A.b.", ""}, {"PTR", ".", ""}, {"MX", "10 mx", "10 mx.example.test."},
	{"SOA", "ns root 2000030101 8h 2m 6w2d 1d", "ns.example.test. root.example.test. 2000030101 28800 120 3801600 86400"},
	{"TXT", `one "two three" four\;`, `"one" "two three" "four;"`}, {"TXT", `""`, ""}, {"TXT", `"a\"b\\c\000\255"`, ""}, {"SPF", `"v=spf1 -all"`, ""},
	{"SRV", "0 5 5060 sip", "0 5 5060 sip.example.test."}, {"HINFO", "PC \"Linux 2\"", `"PC" "Linux 2"`}, {"RP", "a.b. c.d.", ""}, {"AFSDB", "1 a.b.", ""}, {"KX", "1 a.b.", ""},
	{"NAPTR", `100 10 "u" "E2U+sip" "!^.*$!sip:x@example.test!" .`, ""}, {"DNAME", "x.y.", ""}, {"MINFO", "a. b.", ""}, {"PX", "1 a. b.", ""},
	{"DS", "60485 5 1 2BB183AF5F22588179A53B0A 98631FAD1A292118", "60485 5 1 2BB183AF5F22588179A53B0A98631FAD1A292118"}, {"SSHFP", "1 1 AABB", ""},
	{"DNSKEY", "257 3 8 AwEA AaQ=", "257 3 8 AwEAAaQ="}, {"TLSA", "3 1 1 AABBCC", ""}, {"DHCID", "AAIBY2/AuCccgoJbsaxcQc9TUapptP69lOjxfNuVAA2kjEA=", ""},
	{"CAA", `0 issue "ca.example.net; policy=ev"`, ""}, {"CAA", `0 issue ""`, ""}, {"URI", `10 1 "https://example.test/"`, ""}, {"OPENPGPKEY", "AQID", ""},
	{"LOC", "52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m", "52 22 23.000 N 04 53 32.000 E -2m 0.00m 10000m 10m"}, {"SVCB", "1 . alpn=\"h2,h3\"", ""}, {"HTTPS", "0 x.y.", ""},
	{"NSEC", "b.example.test. A MX RRSIG NSEC", ""}, {"NSEC3PARAM", "1 0 12 AABBCCDD", ""}, {"CERT", "1 2 3 AQID", "PKIX 2 DSA AQID"}, {"EUI48", "00-00-5e-00-53-2a", ""},
	{"RRSIG", "A 5 3 86400 20300101000000 20200101000000 2642 example.test. AQID", ""}, {"APL", "1:192.0.2.0/24 !1:192.0.2.64/28", ""},
	{"IPSECKEY", "10 1 2 192.0.2.38 AQNRU3mG7TVTO2BkR47usntb102uFJtugbo6BSGvgqt4AQ==", ""},
	{"TYPE65280", `\# 3 ab cd ef`, `\# 3 abcdef`}, {"TYPE65280", `\# 0`, ""}, {"A", `\# 4 c0000201`, "192.0.2.1"}, {"TYPE1", "192.0.2.1", ""}, {"NULL", `\# 2 0102`, ""},
}

// RdataText and ParseRdata are each other's reverse; \# is read for every type (RFC 3597 5).
func TestRdataTextRoundTrip(t *testing.T) {
	origin := must("example.test.")
	for _, c := range rdataCases {
		kind, ok := ParseType(c.kind)
		if !ok {
			t.Fatal(c.kind)
		}
		data, err := ParseRdata(kind, c.text, origin)
		if err != nil {
			t.Errorf("%s %s: %v", c.kind, c.text, err)
			continue
		}
		if err := ValidRdata(kind, []byte(data)); err != nil {
			t.Errorf("%s %s is not valid: %v", c.kind, c.text, err)
		}
		want := c.canonical
		if want == "" {
			want = c.text
		}
		text := RdataText(kind, data)
		if !strings.EqualFold(text, want) {
			t.Errorf("%s %s is written %s, want %s", c.kind, c.text, text, want)
		}
		if again, err := ParseRdata(kind, text, Root); err != nil || again != data {
			t.Errorf("%s %s does not read back: %x, %v; want %x", c.kind, text, again, err, data)
		}
		if again, err := ParseRdata(kind, genericText(data), Root); err != nil || again != data {
			t.Errorf("%s %s: %v", c.kind, genericText(data), err)
		}
	}
}

// RFC 2136 3.4.1 by way of the type's own RFC: malformed RDATA is FORMERR (as BIND does).
func TestValidRdataRefusesMalformed(t *testing.T) {
	name := string(must("a.b."))
	for _, c := range []struct {
		why  string
		kind Type
		data string
	}{
		{"A not 4 octets", TypeA, "\x01\x02\x03"}, {"A not 4 octets", TypeA, "\x01\x02\x03\x04\x05"}, {"A empty", TypeA, ""},
		{"AAAA not 16", TypeAAAA, strings.Repeat("x", 15)}, {"AAAA not 16", TypeAAAA, strings.Repeat("x", 17)},
		{"TXT without a string", TypeTXT, ""}, {"TXT with an overrun", TypeTXT, "\x05abc"},
		{"name with trailing octets", TypeNS, name + "x"}, {"name cut", TypeCNAME, "\x03ab"}, {"compression pointer", TypePTR, "\xc0\x0c"}, {"reserved label type", TypePTR, "\x80a\x00"},
		{"MX short", TypeMX, "\x00"}, {"MX without a name", TypeMX, "\x00\x0a"}, {"SRV short", TypeSRV, "\x00\x00\x00\x00\x00" + name},
		{"SOA short", TypeSOA, name + name + strings.Repeat("x", 19)}, {"SOA long", TypeSOA, name + name + strings.Repeat("x", 21)}, {"SOA one name", TypeSOA, name + strings.Repeat("\x00", 19)},
		{"HINFO one string", TypeHINFO, "\x01a"}, {"DS without digest", TypeDS, "\x00\x01\x05\x01"}, {"CAA with a bad tag", TypeCAA, "\x00\x01-x"}, {"CAA empty tag", TypeCAA, "\x00\x00x"},
		{"LOC of a wrong length", 29, "\x00\x00"}, {"NSEC bitmap out of order", TypeNSEC, name + "\x01\x01\x40\x00\x01\x40"}, {"SVCB keys out of order", 64, "\x00\x01\x00\x00\x03\x00\x02\x00\x50\x00\x01\x00\x03\x02h2"},
		{"EUI48 short", 108, "\x00"}, {"pointer in a type of the library", TypeNSEC, "\xc0\x00"},
	} {
		if err := ValidRdata(c.kind, []byte(c.data)); err == nil {
			t.Errorf("%s: %s %x is taken as valid", c.why, c.kind, c.data)
		}
		if got := RdataText(c.kind, c.data); !strings.HasPrefix(got, `\# `) {
			t.Errorf("%s: invalid data is written %s", c.why, got)
		}
	}
	if err := ValidRdata(65280, []byte("anything")); err != nil {
		t.Errorf("unknown types are not looked into (RFC 3597 3): %v", err)
	}
}

// RFC 3597 4, RFC 2782: "compress only RDATA names of the 1035 types; never in SRV, DNAME, SVCB, unknown types".
func TestCompressibleNamesRFC3597Section4(t *testing.T) {
	for _, c := range []struct {
		kind, text string
		want       []int
	}{
		{"NS", "a.b.", []int{0}}, {"CNAME", "a.b.", []int{0}}, {"PTR", "a.b.", []int{0}}, {"MX", "1 a.b.", []int{2}}, {"SOA", "a.b. c.d. 1 2 3 4 5", []int{0, 5}}, {"MINFO", "a.b. c.", []int{0, 5}},
		{"SRV", "1 2 3 a.b.", nil}, {"DNAME", "a.b.", nil}, {"RP", "a. b.", nil}, {"KX", "1 a.", nil}, {"NAPTR", `1 1 "" "" "" a.b.`, nil}, {"SVCB", "1 a.b.", nil}, {"A", "192.0.2.1", nil}, {"TXT", "x", nil},
	} {
		kind, _ := ParseType(c.kind)
		data, err := ParseRdata(kind, c.text, Root)
		if err != nil {
			t.Fatal(err)
		}
		offsets, n := CompressibleNames(kind, data)
		if n != len(c.want) {
			t.Errorf("%s: %d names", c.kind, n)
			continue
		}
		for i, at := range c.want {
			if offsets[i] != at {
				t.Errorf("%s: name %d at %d, want %d", c.kind, i, offsets[i], at)
			}
		}
	}
}

// RFC 4034 6.2 as corrected by RFC 6840 5.1: NSEC keeps its case, SRV does not.
func TestCanonicalRdata(t *testing.T) {
	for _, c := range []struct {
		kind, a, b string
		same       bool
	}{
		{"MX", "1 A.B.", "1 a.b.", true}, {"SOA", "A. B. 1 2 3 4 5", "a. b. 1 2 3 4 5", true}, {"SRV", "1 1 1 A.", "1 1 1 a.", true}, {"NAPTR", `1 1 "U" "" "" A.`, `1 1 "U" "" "" a.`, true},
		{"NAPTR", `1 1 "U" "" "" a.`, `1 1 "u" "" "" a.`, false}, {"NSEC", "A. TXT", "a. TXT", false}, {"TXT", "A", "a", false}, {"SVCB", "1 A.", "1 a.", false}, {"NS", "a.", "b.", false},
	} {
		kind, _ := ParseType(c.kind)
		a, _ := ParseRdata(kind, c.a, Root)
		b, _ := ParseRdata(kind, c.b, Root)
		if got := sameRdata(kind, a, b); got != c.same {
			t.Errorf("%s %s and %s: %v", c.kind, c.a, c.b, got)
		}
	}
}

func TestTypeText(t *testing.T) {
	for _, c := range []struct {
		text string
		want Type
		back string
	}{{"A", 1, "A"}, {"aaaa", 28, "AAAA"}, {"TYPE65280", 65280, "TYPE65280"}, {"type1", 1, "A"}, {"TYPE0", 0, "TYPE0"}} {
		if got, ok := ParseType(c.text); !ok || got != c.want || got.String() != c.back {
			t.Errorf("%s: %v %v", c.text, got, ok)
		}
	}
	for _, bad := range []string{"", "B", "TYPE", "TYPE65536", "TYPE-1", "None"} {
		if got, ok := ParseType(bad); ok {
			t.Errorf("%q is read as %s", bad, got)
		}
	}
	if ClassIN.String() != "IN" || Class(4242).String() != "CLASS4242" || NXRRSet.String() != "NXRRSET" || Rcode(99).String() != "RCODE99" {
		t.Error("class or rcode text")
	}
}
