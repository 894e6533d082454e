package packet

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/insomniacslk/dhcp/dhcpv4"
	"pgregory.net/rapid"

	"loadshare/dhcp/lease"
	"loadshare/dhcp/option"
)

// codes are the options of a field in the order in which they stand, pieces of long ones each.
func codes(field []byte) []option.Code {
	var list []option.Code
	for i := 0; i < len(field) && field[i] != 255; {
		if field[i] == 0 {
			i++
			continue
		}
		list = append(list, option.Code(field[i]))
		i += 2 + int(field[i+1])
	}
	return list
}

// 53 first, then 54 and 51, the others in the order of the list, 82 last (RFC 3046, 2.1).
func TestAppendOrder(t *testing.T) {
	b, left := ack().Append(nil, 0)
	if left != 0 {
		t.Fatal(left)
	}
	if diff := cmp.Diff([]option.Code{53, 54, 51, 1, 3, 6, 15, 28, 58, 59, 61, 82}, codes(b[atOptions:])); diff != "" {
		t.Error(diff)
	}
	if b[0] != 2 || b[1] != 1 || b[2] != 6 || !bytes.Equal(b[236:240], []byte{0x63, 0x82, 0x53, 0x63}) {
		t.Errorf("%x", b[:240])
	}
}

// Append adds: what stood before stays, and places are counted from where the message begins.
func TestAppendAdds(t *testing.T) {
	p := crowded(500)
	p.SName = ""
	alone, _ := p.Append(nil, 0)
	after, _ := p.Append([]byte("before"), 0)
	if diff := cmp.Diff(append([]byte("before"), alone...), after); diff != "" {
		t.Error(diff)
	}
}

// A BOOTP message has 300 octets (RFC 951, 3; RFC 1542, 2.1): shorter ones are filled with zeros.
func TestAppendFills(t *testing.T) {
	for _, p := range []*Packet{{}, {Type: Discover}, {Reply: true, Type: Nak, CHAddr: mac}} {
		b, left := p.Append(nil, 0)
		if len(b) != 300 || left != 0 {
			t.Errorf("%d octets, %d left", len(b), left)
		}
		want := 241
		if p.Type != BOOTP {
			want = 244
		}
		if b[want-1] != 255 || !bytes.Equal(b[want:], make([]byte, 300-want)) {
			t.Errorf("%x", b[240:])
		}
	}
	b, _ := (&Packet{Type: Discover}).Append(nil, 1)
	if len(b) != 300 {
		t.Error("never less than 300, whatever the room")
	}
}

// crowded is an ACK with so many octets of options of 20, beside those of ack.
func crowded(n int) *Packet {
	p := ack()
	for c := option.Code(130); n > 0; c++ {
		size := min(n, 20)
		p.Options.Set(c, bytes.Repeat([]byte{byte(c)}, size))
		n -= size
	}
	return p
}

// File and sname carry options only when the room is short; option 82 never goes there (RFC 3046, 2.1), and none is in two pieces
// that fits whole.
func TestAppendOverload(t *testing.T) {
	p := crowded(300)
	wide, left := p.Append(nil, 1472)
	if left != 0 || bytes.Contains(wide[atOptions:], []byte{52, 1}) {
		t.Error("with room for all there is no overload")
	}
	b, left := p.Append(nil, 0)
	if left != 0 || len(b) > 548 {
		t.Errorf("%d octets, %d left", len(b), left)
	}
	main, file, sname := codes(b[atOptions:]), codes(b[atFile:atCookie]), codes(b[atSName:atFile])
	if main[0] != 53 || main[1] != 54 || main[2] != 51 || main[3] != 52 || main[len(main)-1] != 82 || len(file) == 0 {
		t.Error(main, file, sname)
	}
	seen := map[option.Code]int{}
	for _, list := range [][]option.Code{main, file, sname} {
		for _, c := range list {
			seen[c]++
		}
	}
	if len(seen) != len(p.Options)+2 {
		t.Errorf("%d options, want %d", len(seen), len(p.Options)+2)
	}
	for c, n := range seen {
		if n != 1 {
			t.Errorf("option %d in %d pieces", c, n)
		}
	}
	same(t, p, b)
}

// Every room and every length of an option, around all sizes where a place is just full: nothing over the room, nothing malformed,
// nothing lost uncounted; overloaded fields end with 255 (RFC 3396, 5).
func TestAppendAtTheEdges(t *testing.T) {
	check := func(p *Packet, room int) {
		b, left := p.Append(nil, room)
		got, err := Parse(b)
		if err != nil || len(b) > room || len(got.Options)+left != len(p.Options) {
			t.Fatalf("room %d: %v, %d octets, %d options and %d left out", room, err, len(b), len(got.Options), left)
		}
		for _, o := range got.Options {
			if want, _ := p.Options.Get(o.Code); !bytes.Equal(o.Data, want) {
				t.Fatalf("room %d: option %d changed", room, o.Code)
			}
		}
		for _, field := range [][]byte{b[atFile:atCookie], b[atSName:atFile]} {
			if field[0] != 0 && !ends(field) {
				t.Fatalf("room %d: a field without an end: %x", room, field)
			}
		}
	}
	for _, n := range []int{253, 254, 255, 256, 257, 300, 509, 510, 511, 700} {
		p := ack()
		p.Options.Set(121, make([]byte, n))
		for room := 300; room < 900; room++ {
			check(p, room)
		}
		full, _ := p.Append(nil, 1472)
		if b, left := p.Append(nil, len(full)); left != 0 || !bytes.Equal(b, full) {
			t.Errorf("%d octets, and room for just so many: %d left out", len(full), left)
		}
	}
	for n := range 320 {
		p := ack()
		p.Options.Set(option.RelayInformation, make([]byte, n))
		p.Options.Set(121, make([]byte, 20))
		for _, room := range []int{300, 301, 302, 303, 548} {
			check(p, room)
		}
	}
}

// Fields that hold text keep it.
func TestAppendKeepsText(t *testing.T) {
	for _, c := range []struct {
		sname, file string
		over        byte
	}{{"boot.example", "", 1}, {"", "/kernel", 2}, {"", "", 3}} {
		p := crowded(420)
		p.SName, p.File = c.sname, c.file
		b, _ := p.Append(nil, 0)
		got, err := Parse(b)
		if err != nil {
			t.Fatal(err)
		}
		if got.SName != c.sname || got.File != c.file {
			t.Errorf("%q %q", got.SName, got.File)
		}
		if i := bytes.Index(b[atOptions:], []byte{52, 1}); i < 0 || b[atOptions+i+2] != c.over {
			t.Errorf("overload is not %d", c.over)
		}
	}
	p := crowded(600)
	p.SName, p.File = "boot.example", "/kernel"
	if b, left := p.Append(nil, 0); left == 0 || bytes.Contains(b[atOptions:], []byte{52, 1}) {
		t.Error("no free field: no overload, and what does not fit is counted")
	}
}

// An option longer than any place is in pieces over the three, in the order in which they are joined again (RFC 3396, 5).
func TestAppendSplitsOverFields(t *testing.T) {
	p := ack()
	long := make([]byte, 300)
	for i := range long {
		long[i] = byte(i)
	}
	p.Options.Set(121, long)
	b, left := p.Append(nil, 0)
	if left != 0 {
		t.Fatal(left)
	}
	file := codes(b[atFile:atCookie])
	if len(file) == 0 || file[0] != 121 {
		t.Error(file)
	}
	same(t, p, b)
}

// An option of more than 255 octets is sent in pieces of at most 255 (RFC 3396, 5).
func TestAppendLongOption(t *testing.T) {
	for _, n := range []int{0, 1, 254, 255, 256, 510, 511, 900} {
		p := &Packet{Type: Offer, Options: option.List{{Code: 121, Data: bytes.Repeat([]byte{7}, n)}}}
		b, left := p.Append(nil, 1472)
		if left != 0 {
			t.Errorf("%d: %d left", n, left)
		}
		if got, want := len(codes(b[atOptions:])), 1+max(1, (n+254)/255); got != want {
			t.Errorf("%d octets in %d pieces, want %d", n, got, want)
		}
		same(t, p, b)
	}
}

// What does not fit is left out and counted; the first of the list stay, and 82 before them (it brings the reply to the client).
func TestAppendLeavesOut(t *testing.T) {
	p := crowded(900)
	b, left := p.Append(nil, 0)
	got, err := Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	if len(b) > 548 || left == 0 || len(got.Options)+left != len(p.Options) {
		t.Errorf("%d octets, %d left, %d there of %d", len(b), left, len(got.Options), len(p.Options))
	}
	for _, c := range []option.Code{option.SubnetMask, option.Routers, option.LeaseTime, option.ServerIdentifier, option.RelayInformation} {
		if !got.Options.Has(c) {
			t.Errorf("option %d is not there", c)
		}
	}
}

// Relay information that does not fit is not sent at all, never in part (RFC 3046, 2.1).
func TestAppendRelayInformationTooLong(t *testing.T) {
	p := ack()
	p.Options.Set(option.RelayInformation, make([]byte, 600))
	b, left := p.Append(nil, 0)
	got, err := Parse(b)
	if err != nil || left != 1 || got.Options.Has(option.RelayInformation) || !got.Options.Has(option.Routers) {
		t.Error(err, left)
	}
}

// A BOOTP reply has no 53, is 300 octets, and never uses option 52, which is DHCP's.
func TestAppendBOOTP(t *testing.T) {
	p := &Packet{Reply: true, HType: 1, CHAddr: mac, YIAddr: offered}
	for c := option.Code(130); c < 140; c++ {
		p.Options.Set(c, make([]byte, 10))
	}
	b, left := p.Append(nil, 0)
	if len(b) != 300 || left != 6 || len(codes(b[atOptions:])) != 4 || codes(b[atOptions:])[0] != 130 {
		t.Errorf("%d octets, %d left, %v", len(b), left, codes(b[atOptions:]))
	}
}

func TestAppendTextTooLong(t *testing.T) {
	p := ack()
	p.File, p.SName = string(bytes.Repeat([]byte{'x'}, 129)), string(bytes.Repeat([]byte{'y'}, 64))
	b, left := p.Append(nil, 0)
	got, err := Parse(b)
	if err != nil || left != 1 || got.File != "" || got.SName != p.SName {
		t.Error(err, left, got)
	}
}

// 52, 53, pad and end are the codec's own.
func TestAppendPassesOver(t *testing.T) {
	p := &Packet{Type: Discover, Options: option.List{{Code: 53, Data: []byte{9}}, {Code: 52, Data: []byte{3}}, {Code: 0}, {Code: 255}, {Code: 12, Data: []byte("h")}}}
	b, left := p.Append(nil, 0)
	if diff := cmp.Diff([]option.Code{53, 12}, codes(b[atOptions:])); diff != "" || left != 0 {
		t.Error(left, diff)
	}
}

// same fails when the octets are not the packet again, apart from the order of its options.
func same(t interface {
	Helper()
	Errorf(string, ...any)
}, p *Packet, b []byte) {
	t.Helper()
	got, err := Parse(b)
	if err != nil {
		t.Errorf("%v", err)
		return
	}
	if diff := cmp.Diff(sorted(p), sorted(got)); diff != "" {
		t.Errorf("%s", diff)
	}
}

// sorted is the packet with its options by number, none of them nil.
func sorted(p *Packet) *Packet {
	s := *p
	s.Options = option.List{}
	for c := 1; c < 255; c++ {
		if v, ok := p.Options.Get(option.Code(c)); ok {
			s.Options = append(s.Options, option.Option{Code: option.Code(c), Data: append([]byte{}, v...)})
		}
	}
	if s.CHAddr == nil {
		s.CHAddr = []byte{}
	}
	return &s
}

func packets(t *rapid.T) *Packet {
	ip := func(what string) lease.IP { return lease.IP(rapid.Uint32().Draw(t, what)) }
	p := &Packet{
		Reply: rapid.Bool().Draw(t, "reply"), Type: Type(rapid.IntRange(0, 20).Draw(t, "type")), HType: rapid.Byte().Draw(t, "htype"),
		Hops: rapid.Byte().Draw(t, "hops"), XID: rapid.Uint32().Draw(t, "xid"), Secs: rapid.Uint16().Draw(t, "secs"),
		Flags: rapid.Uint16().Draw(t, "flags"), CIAddr: ip("ciaddr"), YIAddr: ip("yiaddr"), SIAddr: ip("siaddr"), GIAddr: ip("giaddr"),
		CHAddr: rapid.SliceOfN(rapid.Byte(), 0, 16).Draw(t, "chaddr"),
		SName:  rapid.StringMatching(`[a-z./]{0,64}`).Draw(t, "sname"), File: rapid.StringMatching(`[a-z./]{0,128}`).Draw(t, "file"),
	}
	if rapid.Bool().Draw(t, "empty") {
		p.SName, p.File = "", ""
	}
	for range rapid.IntRange(0, 30).Draw(t, "options") {
		c := option.Code(rapid.IntRange(1, 254).Draw(t, "code"))
		if c == option.MessageType || c == option.Overload {
			continue
		}
		n := rapid.IntRange(0, 40).Draw(t, "size")
		if rapid.IntRange(0, 9).Draw(t, "long") == 0 {
			n = rapid.IntRange(0, 700).Draw(t, "size")
		}
		if c == option.RequestedAddress || c == option.ServerIdentifier {
			n = 4
		}
		p.Options.Set(c, bytes.Repeat([]byte{rapid.Byte().Draw(t, "octet")}, n))
	}
	return p
}

// With room for all, what is built is parsed to the same. With less, nothing is malformed, nothing is over the room, the rest is as it
// was, and what is not there was counted.
func TestAppendProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := packets(t)
		b, left := p.Append(nil, 65000)
		if left != 0 {
			t.Fatalf("%d left", left)
		}
		same(t, p, b)

		room := rapid.IntRange(300, 1472).Draw(t, "room")
		b, left = p.Append(nil, room)
		got, err := Parse(b)
		if err != nil || len(b) > room || len(b) < 300 {
			t.Fatalf("%v, %d octets of %d", err, len(b), room)
		}
		if len(got.Options)+left != len(p.Options) {
			t.Fatalf("%d options, %d left out, of %d", len(got.Options), left, len(p.Options))
		}
		for _, o := range got.Options {
			if want, ok := p.Options.Get(o.Code); !ok || !bytes.Equal(o.Data, want) {
				t.Fatalf("option %d changed", o.Code)
			}
		}
		if got.SName != p.SName || got.File != p.File {
			t.Fatalf("names changed")
		}
		main := codes(b[atOptions:])
		if i := slicesIndex(main, 82); i >= 0 && i < len(main)-1 && main[len(main)-1] != 82 {
			t.Fatalf("82 is not the last: %v", main)
		}
		if got.Options.Has(82) && slicesIndex(main, 82) < 0 {
			t.Fatal("82 is in a field")
		}
	})
}

func slicesIndex(list []option.Code, c option.Code) int {
	for i, have := range list {
		if have == c {
			return i
		}
	}
	return -1
}

// The library reads what we write, and we what it writes: all fields, all options.
func TestDifferentialBuild(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := packets(t)
		if p.Type == BOOTP {
			p.Type = Discover
		}
		b, _ := p.Append(nil, 65000)
		theirs, err := dhcpv4.FromBytes(b)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(sorted(p), sorted(fromLibrary(theirs))); diff != "" {
			t.Fatalf("the library reads: %s", diff)
		}
		// The library cuts names to 63 and 127 octets when it writes.
		p.SName, p.File = p.SName[:min(len(p.SName), 63)], p.File[:min(len(p.File), 127)]
		same(t, p, theirs.ToBytes())
	})
}

func fromLibrary(d *dhcpv4.DHCPv4) *Packet {
	ip := func(b []byte) lease.IP {
		return lease.IP(b[0])<<24 | lease.IP(b[1])<<16 | lease.IP(b[2])<<8 | lease.IP(b[3])
	}
	x := d.TransactionID
	p := &Packet{
		Reply: d.OpCode == dhcpv4.OpcodeBootReply, HType: uint8(d.HWType), Hops: d.HopCount,
		XID:  uint32(x[0])<<24 | uint32(x[1])<<16 | uint32(x[2])<<8 | uint32(x[3]),
		Secs: d.NumSeconds, Flags: d.Flags, CIAddr: ip(d.ClientIPAddr), YIAddr: ip(d.YourIPAddr), SIAddr: ip(d.ServerIPAddr),
		GIAddr: ip(d.GatewayIPAddr), CHAddr: d.ClientHWAddr, SName: d.ServerHostName, File: d.BootFileName,
	}
	for c := 1; c < 255; c++ {
		v, ok := d.Options[uint8(c)]
		switch {
		case !ok:
		case option.Code(c) == option.MessageType:
			p.Type = Type(v[0])
		default:
			p.Options = append(p.Options, option.Option{Code: option.Code(c), Data: v})
		}
	}
	return p
}
