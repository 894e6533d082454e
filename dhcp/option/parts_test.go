package option

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestList(t *testing.T) {
	var l List
	l.Set(12, []byte("a"))
	l.Set(15, []byte("b"))
	l.Set(12, []byte("c"))
	if diff := cmp.Diff(List{{12, []byte("c")}, {15, []byte("b")}}, l); diff != "" {
		t.Error(diff)
	}
	l.Delete(12)
	l.Delete(99)
	if l.Has(12) || !l.Has(15) || len(l) != 1 {
		t.Error(l)
	}
}

// A value of another length is as one that is not there.
func TestListValues(t *testing.T) {
	l := List{{51, Uint32Of(uint32(7))}, {57, binary.BigEndian.AppendUint16(nil, 1500)}, {46, []byte{8}}, {12, []byte("h\x00\x00")}, {55, []byte{1, 3}}, {3, AddressesOf(uint32(1), 2)}, {28, []byte{1, 2, 3, 4, 5}}}
	if v, ok := l.Uint32(51); !ok || v != 7 {
		t.Error(v, ok)
	}
	if v, ok := l.Uint16(57); !ok || v != 1500 {
		t.Error(v, ok)
	}
	if v, ok := l.Uint8(46); !ok || v != 8 {
		t.Error(v, ok)
	}
	if l.Text(12) != "h" || l.Text(99) != "" || !l.Asks(3) || l.Asks(6) {
		t.Error("text, list")
	}
	if diff := cmp.Diff([]uint32{1, 2}, l.Addresses(3)); diff != "" {
		t.Error(diff)
	}
	_, a := l.Uint32(3)
	_, b := l.Uint16(51)
	_, c := l.Uint8(51)
	if a || b || c || l.Addresses(28) != nil || l.Addresses(99) != nil {
		t.Error("a wrong length was taken")
	}
}

// Sub-options of RFC 3046, 3527, 5107, 6925 and 8357.
func TestParseRelay(t *testing.T) {
	full := Relay{Circuit: []byte("eth1"), Remote: []byte{2, 0, 0, 0, 0, 1}, RelayID: []byte("r"), Link: 0xc0a80001, ServerID: 0x0a000001, SourcePort: true}
	for _, c := range []struct {
		name, octets string
		want         Relay
	}{
		{"all", hex.EncodeToString(full.Append(nil)), full},
		{"none", "", Relay{}},
		{"an unknown one is passed over", "97020102" + "0101aa", Relay{Circuit: []byte{0xaa}}},
		{"0 and 255 are no pad and no end here", "00010a" + "ff00" + "0101aa", Relay{Circuit: []byte{0xaa}}},
		{"the first counts", "0101aa0101bb" + "0504c0a80001" + "05040a000001", Relay{Circuit: []byte{0xaa}, Link: 0xc0a80001}},
		{"link selection of 3 octets is none", "0503c0a800", Relay{}},
		{"what is cut off is left out", "0101aa" + "0205bb", Relay{Circuit: []byte{0xaa}}},
		{"a code without a length", "0101aa02", Relay{Circuit: []byte{0xaa}}},
		{"an empty circuit is one", "0100", Relay{Circuit: []byte{}}},
		{"relay port, whatever its length", "13021234", Relay{SourcePort: true}},
	} {
		data, _ := hex.DecodeString(c.octets)
		if diff := cmp.Diff(c.want, ParseRelay(data)); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
	if b := (Relay{Circuit: make([]byte, 256), Remote: []byte("x")}).Append(nil); !bytes.Equal(b, []byte{2, 1, 'x'}) {
		t.Errorf("%x", b)
	}
}

// RFC 4702, 2.
func TestFQDN(t *testing.T) {
	for _, c := range []struct {
		name, octets string
		want         FQDN
		back         string // when it is not octets
	}{
		{"wire form, complete", "05ffff04686f7374076578616d706c6500", FQDN{Server: true, Encoded: true, Name: "host.example", Full: true}, ""},
		{"wire form, without a domain", "04ffff04686f7374", FQDN{Encoded: true, Name: "host"}, ""},
		{"wire form, two labels, not complete", "04ffff04686f7374036c616e", FQDN{Encoded: true, Name: "host.lan"}, ""},
		{"no name: the server's to give (2.3)", "05ffff", FQDN{Server: true, Encoded: true}, ""},
		{"RCODEs of clients do not matter", "050000" + "0161", FQDN{Server: true, Encoded: true, Name: "a"}, "05ffff0161"},
		{"flags that must be zero do not matter", "f1ffff", FQDN{Server: true}, "01ffff"},
		{"ASCII, complete", "01ffff" + hex.EncodeToString([]byte("host.example")), FQDN{Server: true, Name: "host.example", Full: true}, ""},
		{"ASCII, one label", "00ffff" + hex.EncodeToString([]byte("host")), FQDN{Name: "host"}, ""},
		{"ASCII, a dot at the end", "00ffff" + hex.EncodeToString([]byte("host.")), FQDN{Name: "host", Full: true}, ""},
		{"ASCII, a NUL at the end", "00ffff" + hex.EncodeToString([]byte("host\x00")), FQDN{Name: "host"}, "00ffff686f7374"},
		{"N", "08ffff61", FQDN{NoUpdate: true, Name: "a"}, ""},
		{"S and N: N wins when sent (2.1)", "09ffff61", FQDN{NoUpdate: true, Server: true, Name: "a"}, "08ffff61"},
		{"O", "03ffff61", FQDN{Server: true, Override: true, Name: "a"}, ""},
	} {
		data, _ := hex.DecodeString(c.octets)
		got, err := ParseFQDN(data)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
		want := c.octets
		if c.back != "" {
			want = c.back
		}
		if b, err := got.Append(nil); err != nil || hex.EncodeToString(b) != want {
			t.Errorf("%s: built %x, %v", c.name, b, err)
		}
	}
	for name, octets := range map[string]string{
		"short":                   "05ff",
		"a label cut off":         "04ffff0461",
		"octets after the name":   "04ffff01610061",
		"a pointer":               "04ffff0161c003",
		"the root is no name":     "04ffff00",
		"a label of 64":           "04ffff40" + strings.Repeat("61", 64),
		"a name of 256":           "04ffff" + strings.Repeat("0161", 128),
		"ASCII with a blank":      "00ffff6120",
		"ASCII with a NUL inside": "00ffff610062",
		"ASCII, two dots":         "00ffff612e2e62",
		"ASCII, a dot first":      "00ffff2e61",
	} {
		data, _ := hex.DecodeString(octets)
		if f, err := ParseFQDN(data); err == nil {
			t.Errorf("%s: %v", name, f)
		}
	}
	for _, f := range []FQDN{{Name: "a b"}, {Name: "a..b", Encoded: true}, {Name: strings.Repeat("a", 64), Encoded: true}} {
		if b, err := f.Append(nil); err == nil || len(b) != 0 {
			t.Errorf("%v: %x", f, b)
		}
	}
}

// RFC 3397, 2, with pointers of all kinds; those that do not point back would never end.
func TestSearchNames(t *testing.T) {
	for _, c := range []struct {
		name, octets string
		want         []string
	}{
		{"pointer to a name's end", "03656e67056170706c6503636f6d00096d61726b6574696e67c004", []string{"eng.apple.com", "marketing.apple.com"}},
		{"pointer to a pointer", "016103636f6d000162c0020163c007", []string{"a.com", "b.com", "c.b.com"}},
		{"without compression", "0161000162" + "00", []string{"a", "b"}},
		{"the root", "00", []string{"."}},
		{"nothing", "", nil},
		{"to itself", "c000", nil},
		{"to itself behind a label", "0161c000", nil},
		{"forwards", "c0020161" + "00", nil},
		{"to and fro", "0161c0040162c000", nil},
		{"cut off", "0361", nil},
		{"without an end", "0161", nil},
		{"half a pointer", "0161c0", nil},
		{"a label of a kind that there is not", "4161", nil},
	} {
		data, _ := hex.DecodeString(c.octets)
		got, err := SearchNames(data)
		if diff := cmp.Diff(c.want, got); diff != "" || (err == nil) != (c.want != nil || len(data) == 0) {
			t.Errorf("%s: %v %s", c.name, err, diff)
		}
	}
	// Mean: 300 pointers to one long name, and 64 KiB of pointers that each point to the one before.
	long := append(bytes.Repeat([]byte{1, 'a'}, 120), 0)
	for range 300 {
		long = append(long, 0xc0, 0)
	}
	if _, err := SearchNames(long); err == nil {
		t.Error("more than 256 names")
	}
	chain := []byte{0}
	for len(chain) < 16000 {
		at := max(0, len(chain)-2)
		chain = append(chain, 0xc0|byte(at>>8), byte(at))
	}
	if names, err := SearchNames(chain); err == nil {
		t.Error(len(names))
	}
}
