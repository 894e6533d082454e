package packet

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"loadshare/dhcp/option"
)

func TestParseFields(t *testing.T) {
	b := head(1)
	b[3] = 4
	binary.BigEndian.PutUint16(b[8:], 9)
	binary.BigEndian.PutUint16(b[10:], 0x8000)
	for i := range 16 {
		b[12+i] = byte(i + 1)
	}
	copy(b[atSName:], "boot.example")
	copy(b[atFile:], "/kernel")
	b = append(b, 53, 1, 3, 12, 1, 'h', 255)
	got, err := Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	want := &Packet{
		Type: Request, HType: 1, Hops: 4, XID: 0x11223344, Secs: 9, Flags: Broadcast, CIAddr: 0x01020304, YIAddr: 0x05060708,
		SIAddr: 0x090a0b0c, GIAddr: 0x0d0e0f10, CHAddr: mac, SName: "boot.example", File: "/kernel",
		Options: option.List{{Code: option.HostName, Data: []byte("h")}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// "nothing points into the octets that it was parsed from"
func TestParseOwnsItsMemory(t *testing.T) {
	over := overloaded(3, []byte{12, 2, 'a', 'b', 255}, []byte{15, 1, 'c', 255}, nil)
	for _, b := range [][]byte{discover(), relayed(), over, head(1), head(1)[:236]} {
		got, err := Parse(b)
		if err != nil {
			t.Fatal(err)
		}
		again, _ := Parse(bytes.Clone(b))
		clear(b)
		if diff := cmp.Diff(again, got); diff != "" {
			t.Error(diff)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	change := func(at int, v byte) []byte {
		b := discover()
		b[at] = v
		return b
	}
	for _, c := range []struct {
		name string
		b    []byte
		want Fault
	}{
		{"nothing", nil, Short},
		{"235 octets", discover()[:235], Short},
		{"op 0", change(0, 0), BadOp},
		{"op 3", change(0, 3), BadOp},
		{"hlen 17", change(2, 17), BadHLen},
		{"hlen 255", change(2, 255), BadHLen},
		{"a code without a length", append(head(1), 53, 1, 1, 12), CutOption},
		{"a length without its octets", append(head(1), 53, 1, 1, 12, 5, 'a', 'b'), CutOption},
		{"a length of 255 without its octets", append(head(1), 53, 1, 1, 12, 255), CutOption},
		{"53 empty", append(head(1), 53, 0, 255), BadType},
		{"53 of two octets", append(head(1), 53, 2, 1, 1, 255), BadType},
		{"53 twice", append(head(1), 53, 1, 1, 53, 1, 3, 255), BadType},
		{"53 is 0", append(head(1), 53, 1, 0, 255), BadType},
		{"52 empty", append(head(1), 53, 1, 1, 52, 0, 255), BadOverload},
		{"52 is 0", append(head(1), 53, 1, 1, 52, 1, 0, 255), BadOverload},
		{"52 is 4", append(head(1), 53, 1, 1, 52, 1, 4, 255), BadOverload},
		{"52 twice", append(head(1), 53, 1, 1, 52, 1, 1, 52, 1, 1, 255), BadOverload},
		{"54 twice: another server's answer must not look like none's", append(head(1), 53, 1, 3, 54, 4, 1, 2, 3, 4, 54, 4, 1, 2, 3, 4, 255), BadServerID},
		{"54 of 3 octets", append(head(1), 53, 1, 3, 54, 3, 1, 2, 3, 255), BadServerID},
		{"50 of 5 octets", append(head(1), 53, 1, 3, 50, 5, 1, 2, 3, 4, 5, 255), BadRequested},
		{"an option that file cuts off", overloaded(1, []byte{12, 127}, nil, nil), CutOption},
		{"an option that sname cuts off", overloaded(2, nil, append(make([]byte, 62), 12, 1), nil), CutOption},
		{"53 in two fields", overloaded(1, []byte{53, 1, 1, 255}, nil, nil), BadType},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := Parse(c.b)
			var fault *Error
			if !errors.As(err, &fault) || fault.Fault != c.want || p != nil {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
}

// overloaded is a DISCOVER whose option 52 says so, with those octets in the fields and more after option 52.
func overloaded(over byte, file, sname, more []byte) []byte {
	b := append(head(1), 53, 1, 1, 52, 1, over)
	copy(b[atFile:atCookie], file)
	copy(b[atSName:atFile], sname)
	return append(append(b, more...), 255)
}

func TestParseTakesWhatIsOddButClear(t *testing.T) {
	const h = option.HostName
	for _, c := range []struct {
		name string
		b    []byte
		kind Type
		want option.List
	}{
		{"236 octets: BOOTP without vendor information", head(1)[:236], BOOTP, nil},
		{"239 octets", head(1)[:239], BOOTP, nil},
		{"no cookie: BOOTP, what follows is no option (RFC 951)", append(append(head(1)[:236], 0, 0, 0, 0), 53, 1, 1, 255), BOOTP, nil},
		{"cookie and nothing else", head(1), BOOTP, option.List{}},
		{"cookie and options but no 53: BOOTP (RFC 1534, 2)", append(head(1), 12, 1, 'a', 255), BOOTP, option.List{{Code: h, Data: []byte("a")}}},
		{"no end", append(head(1), 53, 1, 1, 12, 1, 'a'), Discover, option.List{{Code: h, Data: []byte("a")}}},
		{"pads before, between and no end", append(head(1), 0, 0, 53, 1, 1, 0, 12, 1, 'a', 0, 0), Discover, option.List{{Code: h, Data: []byte("a")}}},
		{"octets after the end mean nothing", append(head(1), 53, 1, 1, 255, 12, 200), Discover, option.List{}},
		{"an empty option", append(head(1), 53, 1, 1, 12, 0, 80, 0, 255), Discover, option.List{{Code: h, Data: []byte{}}, {Code: 80, Data: []byte{}}}},
		{"an unknown type", append(head(1), 53, 1, 99, 255), 99, option.List{}},
		{"pieces are joined in order (RFC 3396, 7)", append(head(1), 12, 1, 'a', 53, 1, 1, 12, 0, 12, 2, 'b', 'c', 255), Discover, option.List{{Code: h, Data: []byte("abc")}}},
		{"82 as it came, among others", append(head(1), 53, 1, 1, 82, 3, 0, 255, 9, 12, 1, 'a', 255), Discover,
			option.List{{Code: 82, Data: []byte{0, 255, 9}}, {Code: h, Data: []byte("a")}}},
		{"options field, file, sname (RFC 3396, 5)", overloaded(3, []byte{12, 1, 'b', 255, 7}, []byte{12, 1, 'c', 15, 1, 'd', 255}, []byte{12, 1, 'a'}), Discover,
			option.List{{Code: h, Data: []byte("abc")}, {Code: 15, Data: []byte("d")}}},
		{"file only, full to its last octet without an end", overloaded(1, append([]byte{12, 126}, bytes.Repeat([]byte{'x'}, 126)...), []byte("name"), nil), Discover,
			option.List{{Code: h, Data: bytes.Repeat([]byte{'x'}, 126)}}},
		{"52 within a field means nothing", overloaded(1, []byte{52, 1, 2, 12, 1, 'a', 255}, []byte("name"), nil), Discover, option.List{{Code: h, Data: []byte("a")}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := Parse(c.b)
			if err != nil {
				t.Fatal(err)
			}
			if p.Type != c.kind {
				t.Errorf("type %d, want %d", p.Type, c.kind)
			}
			if diff := cmp.Diff(c.want, p.Options); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What held options is no text, and the other field still is.
func TestParseTextBesideOverload(t *testing.T) {
	file, _ := Parse(overloaded(1, []byte{12, 1, 'a', 255}, []byte("name"), nil))
	sname, _ := Parse(overloaded(2, []byte("/boot"), []byte{12, 1, 'a', 255}, nil))
	if file.SName != "name" || file.File != "" || sname.SName != "" || sname.File != "/boot" {
		t.Error(file, sname)
	}
}

// Mean senders: the cost of a datagram is bounded by its size, whatever it holds.
func TestParseBounds(t *testing.T) {
	pads := append(head(1), make([]byte, 65000)...)
	empty := head(1)
	for len(empty) < 65000 {
		empty = append(empty, byte(1+len(empty)/2%254), 0)
	}
	long := append(head(1), 53, 1, 1)
	for len(long) < 65000 {
		long = append(append(long, 61, 255), make([]byte, 255)...)
	}
	for name, b := range map[string][]byte{"pads": pads, "empty options": with(empty[:240], []byte{53, 1, 1}, empty), "one option in 250 pieces": long} {
		n := testing.AllocsPerRun(3, func() { _, _ = Parse(b) })
		if n > 30 {
			t.Errorf("%s: %v pieces of memory", name, n)
		}
	}
	p, err := Parse(long)
	if err != nil {
		t.Fatal(err)
	}
	if id, _ := p.Options.Get(61); len(id) != (len(long)-243)/257*255 {
		t.Error(len(id))
	}
	if c := p.Client(); c.ID != "" {
		t.Error("an identifier that no option can hold is none")
	}
}

// A buffer forgets the message before.
func TestBufferIsClean(t *testing.T) {
	var m Buffer
	for _, b := range [][]byte{overloaded(3, []byte{12, 1, 'a', 255}, []byte{15, 1, 'b', 255}, []byte{61, 2, 1, 1}), discover(), head(2), relayed(), head(1)[:236]} {
		got, err := m.Parse(b)
		if err != nil {
			t.Fatal(err)
		}
		want, _ := Parse(b)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	if _, err := m.Parse(nil); err == nil {
		t.Error("no error")
	}
}

// A message takes one piece of memory, and none in a buffer; a reply takes none.
func TestAllocations(t *testing.T) {
	b, dst, p := relayed(), make([]byte, 0, 1500), ack()
	var m Buffer
	for _, c := range []struct {
		name string
		want float64
		do   func()
	}{
		{"Parse", 1, func() { _, _ = Parse(b) }},
		{"Buffer.Parse", 0, func() { _, _ = m.Parse(b) }},
		{"Append", 0, func() { p.Append(dst, 0) }},
	} {
		if n := testing.AllocsPerRun(50, c.do); n > c.want {
			t.Errorf("%s: %v", c.name, n)
		}
	}
}

func TestFaultsAreSaid(t *testing.T) {
	for f := Short; f <= BadServerID; f++ {
		if f.String() == Fault(0).String() {
			t.Errorf("fault %d has no words", f)
		}
	}
}
