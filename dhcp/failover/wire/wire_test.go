package wire

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"loadshare/dhcp/lease"
)

// message builds octets: the header with the right length, then options given as code, data.
func message(t Type, offset byte, options ...any) []byte {
	b := []byte{0, 0, byte(t), offset, 0x6b, 2, 0x52, 0x42, 0, 0, 0, 7}
	for i := 0; i < len(options); i += 2 {
		data := []byte(options[i+1].(string))
		b = binary.BigEndian.AppendUint16(b, uint16(options[i].(int)))
		b = binary.BigEndian.AppendUint16(b, uint16(len(data)))
		b = append(b, data...)
	}
	binary.BigEndian.PutUint16(b, uint16(len(b)))
	return b
}

const ip = "\x0a\x4d\x10\x0a"

func TestFaults(t *testing.T) {
	ok := message(TypeContact, 12)
	long := message(TypeContact, 12, 16, strings.Repeat("x", MaxLen))
	for _, c := range []struct {
		name  string
		b     []byte
		fault Fault
		opt   Option
	}{
		{"nothing", nil, BadLength, 0},
		{"header cut", ok[:11], BadLength, 0},
		{"length 11", append([]byte{0, 11}, ok[2:]...), BadLength, 0},
		{"length and octets differ", append(bytes.Clone(ok), 0), BadLength, 0},
		{"over 2048", long, BadLength, 0},
		{"payload offset 11", message(TypeContact, 11), BadOffset, 0},
		{"payload offset behind the end", message(TypeContact, 13), BadOffset, 0},
		{"unknown type 0", message(0, 12), UnknownType, 0},
		// "0-127 close the connection" (draft 6.1)
		{"unknown type 13", message(13, 12), UnknownType, 0},
		{"unknown type 127", message(127, 12), UnknownType, 0},
		{"option header cut", append([]byte{0, 15}, message(TypeContact, 12, 16, "")[2:15]...), Truncated, 0},
		{"option cut", append([]byte{0, 17}, message(TypeContact, 12, 16, "xx")[2:17]...), Truncated, OptMessage},
		// "A repeated option is an error, not concatenated" (draft 6.2), even one that has no business here
		{"option twice", message(TypeState, 12, 24, "\x02", 24, "\x02"), Duplicate, OptServerState},
		{"option twice in the wrong message", message(TypeContact, 12, 16, "x", 16, "x"), Duplicate, OptMessage},
		{"address twice in POOLRESP", message(TypePoolResp, 12, 2, ip, 2, ip), Duplicate, OptAddress},
		{"status twice in one binding", message(TypeBndUpd, 12, 2, ip, 3, "\x01", 3, "\x01"), Duplicate, OptStatus},
		// "binding-status 0 or > 7 terminates the ISC process"
		{"hold twice in one binding", message(TypeBndUpd, 12, 2, ip, 3, "\x01", 0xf002, "\x00\x00\x00\x05", 0xf002, "\x00\x00\x00\x05"), BadOption, optHold},
		{"hold of three octets", message(TypeBndUpd, 12, 2, ip, 3, "\x01", 0xf002, "\x00\x00\x05"), BadOption, optHold},
		{"status 0", message(TypeBndUpd, 12, 2, ip, 3, "\x00"), BadOption, OptStatus},
		{"status 8", message(TypeBndUpd, 12, 2, ip, 3, "\x08"), BadOption, OptStatus},
		{"IP-flags of one octet", message(TypeBndUpd, 12, 2, ip, 3, "\x01", 12, "\x01"), BadOption, OptFlags},
		{"status of two octets", message(TypeBndUpd, 12, 2, ip, 3, "\x00\x01"), BadOption, OptStatus},
		{"hardware type 0", message(TypeBndUpd, 12, 2, ip, 5, "\x00abcdef"), BadOption, OptHardware},
		{"hardware address without end", message(TypeBndUpd, 12, 2, ip, 5, "\x01"+strings.Repeat("a", 21)), BadOption, OptHardware},
		{"no address", message(TypeBndUpd, 12), Missing, OptAddress},
		{"status before the address", message(TypeBndUpd, 12, 3, "\x01", 2, ip), BadOption, OptStatus},
		{"reject before the address", message(TypeBndAck, 12, 21, "\x01", 2, ip), BadOption, OptReject},
		{"empty BNDACK", message(TypeBndAck, 12), Missing, OptAddress},
		{"reject reason 0", message(TypeBndAck, 12, 2, ip, 21, "\x00"), BadOption, OptReject},
		{"STATE without state", message(TypeState, 12, 23, "\x00"), Missing, OptServerState},
		{"HBA of 31", message(TypeConnect, 12, 11, strings.Repeat("a", 31)), BadOption, OptBuckets},
		{"NUL in a name", message(TypeConnect, 12, 22, "a\x00b"), BadOption, OptName},
		{"empty name", message(TypeConnect, 12, 22, ""), BadOption, OptName},
		{"delay 0", message(TypeConnect, 12, 10, "\x00"), BadOption, OptDelay},
		{"request options without magic", message(TypeBndUpd, 12, 2, ip, 8, "abcd\x0c\x01x"), BadOption, OptRequest},
		{"request option cut", message(TypeBndUpd, 12, 2, ip, 8, dhcpMagic+"\x0c\x05x"), BadOption, OptRequest},
		{"name not complete", message(TypeBndUpd, 12, 2, ip, 9, "\x00\x01\x03foo"), BadOption, OptDDNS},
		{"name with a pointer", message(TypeBndUpd, 12, 2, ip, 9, "\x00\x01\xc0\x0c"), BadOption, OptDDNS},
		{"sequence of four", message(TypeContact, 12, 0xf001, "aaaa"), BadOption, optSequence},
		{"sequence twice", message(TypeContact, 12, 0xf001, "aaaaaaaa", 0xf001, "aaaaaaaa"), BadOption, optSequence},
	} {
		m, err := Decode(c.b)
		var e *Error
		if !errors.As(err, &e) || e.Fault != c.fault || e.Option != c.opt {
			t.Errorf("%s: %+v, %v; want fault %q at option %d", c.name, m, err, c.fault, c.opt)
		}
	}
}

// "on receipt treat 8 as 12; a value >12 means: skip the extra header octets"
func TestPayloadOffset(t *testing.T) {
	want, err := Decode(message(TypeState, 12, 24, "\x02"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Decode(message(TypeState, 8, 24, "\x02")); err != nil || !cmp.Equal(got, want) {
		t.Errorf("offset 8: %+v, %v", got, err)
	}
	b := message(TypeState, 14, 24, "\x02")
	b = append(b[:12], append([]byte{0xff, 0xff}, b[12:]...)...)
	binary.BigEndian.PutUint16(b, uint16(len(b)))
	if got, err := Decode(b); err != nil || !cmp.Equal(got, want) {
		t.Errorf("offset 14: %+v, %v", got, err)
	}
}

// "Unknown codes are skipped"; "128-255 ignore"; "silently drops a known option that has no business in a message type"
func TestWhatIsSkipped(t *testing.T) {
	for _, c := range []struct {
		b    []byte
		want Body
	}{
		{message(TypeState, 12, 0, "", 30, "microsoft", 30, "again", 24, "\xfe", 25, "\x00\x00\x00\x05"), State{State: RecoverWait, Since: 5}},
		{message(TypeContact, 12, 24, "\x02"), Contact{}},
		{message(TypeContact, 12, 0xf002, "x"), Contact{}},
		{message(128, 12, 1, "x"), Other{128}},
		{message(255, 12), Other{255}},
		{message(TypeBndUpd, 12, 2, ip, 3, "\x02", 16, "hello", 1, "\x00\x00\x00\x01"), BndUpd{[]Binding{{IP: 0x0a4d100a, Has: SetOf(OptStatus), Status: lease.Active}}}},
		{message(TypeBndUpd, 12, 2, ip, 3, "\x02", 12, "\x80\x03"), BndUpd{[]Binding{{IP: 0x0a4d100a, Has: SetOf(OptStatus, OptFlags), Status: lease.Active, Flags: lease.Reserved | lease.BOOTP}}}},
		{message(TypeConnect, 12, 29, "\x00\x63\x00\x01x\x00\x01\x00\x01x"), Connect{Has: SetOf(OptVendorData)}},
	} {
		m, err := Decode(c.b)
		if err != nil || !cmp.Equal(m.Body, c.want) {
			t.Errorf("%x: %+v, %v; want %+v", c.b, m.Body, err, c.want)
		}
	}
}

// full are messages with every option that we have.
func full() []Message {
	bind := Binding{
		IP: 0xc0000201, Has: SetOf(OptStatus, OptClientID, OptHardware, OptEnd, OptPotential, OptStart, OptCLTT, OptFlags, OptReply, OptRequest, OptDDNS),
		Status: lease.Active, Client: lease.Client{ID: "\xff\x00\x01", HType: 1, CHAddr: "\x02\x00\x00\x00\x00\x01"}, End: 1, Potential: 2, Start: 3, CLTT: 4,
		Flags: lease.BOOTP, Reply: "\x3a\x04\x00\x00\x07\x08", Hostname: "printer", Vendor: strings.Repeat("v", 300), Relay: "\x01\x02ge",
		FQDN: `printer\.2.my\032domain.com`, DNS: 0x0005, Hold: 6,
	}
	plain := Binding{IP: 0xc0000202, Has: SetOf(OptStatus), Status: lease.Backup}
	ours := Ours{Store: 1 << 63, Boot: 7, PeerStore: 9, PeerSeq: 1 << 40, Fast: 1000}
	return []Message{
		{Time: 1, XID: 2, Body: PoolReq{}}, {Body: PoolResp{Transferred: 9}}, {Seq: 77, Body: BndUpd{[]Binding{bind, plain, bind}}},
		{Body: BndAck{[]Answer{{IP: 1}, {IP: 2, Reject: InUse, Text: "in use"}, {IP: 3, Reject: Outdated}, {IP: 1}}}},
		{Seq: 1, Body: Connect{
			Has:  SetOf(OptName, OptMaxUnacked, OptReceiveTimer, OptVendor, OptVersion, OptTLSRequest, OptMCLT, OptBuckets, OptDelay, OptVendorData),
			Name: "pair", MaxUnacked: 10, ReceiveTimer: 60, Vendor: "loadshare", Version: 1, MCLT: 3600, Buckets: [32]byte{0xff, 31: 1}, Delay: 4, Ours: ours,
		}},
		{Body: ConnectAck{
			Has:  SetOf(OptName, OptMaxUnacked, OptReceiveTimer, OptVendor, OptVersion, OptTLSReply, OptReject, OptMessage, OptVendorData),
			Name: "pair", MaxUnacked: 10, ReceiveTimer: 60, Vendor: "loadshare", Version: 1, TLS: 1, Reject: TLSRequired, Text: "no", Ours: ours,
		}},
		{Body: UpdReqAll{}}, {Body: UpdDone{}}, {Body: UpdReq{}}, {Body: State{State: PartnerDown, Startup: true, Since: 5}}, {Body: Contact{}},
		{Body: Disconnect{Reject: NoTraffic, Text: "bye"}}, {Body: Other{200}},
	}
}

func TestEverythingComesBack(t *testing.T) {
	for _, m := range full() {
		b, err := Append(nil, m)
		if err != nil {
			t.Fatalf("%+v: %v", m, err)
		}
		got, err := Decode(b)
		if err != nil || !cmp.Equal(got, m) {
			t.Errorf("%s: %v\n%s", m.Body.Type(), err, cmp.Diff(m, got))
		}
		if m.Body.Type() == TypeBndUpd {
			n := MinLen + 12
			for _, bind := range m.Body.(BndUpd).Bindings {
				n += bind.Size()
			}
			if n != len(b) {
				t.Errorf("Size says %d octets, it has %d", n, len(b))
			}
		}
	}
}

func TestAppendRefuses(t *testing.T) {
	one := func(b Binding) Body { return BndUpd{[]Binding{b}} }
	var many []Binding
	for range 200 {
		many = append(many, Binding{IP: 1, Has: SetOf(OptStatus), Status: lease.Free})
	}
	for _, c := range []struct {
		name  string
		body  Body
		fault Fault
	}{
		{"a batch that does not fit", BndUpd{many}, TooLong},
		{"no binding", BndUpd{}, Missing},
		{"no answer", BndAck{}, Missing},
		{"status 0", one(Binding{Has: SetOf(OptStatus)}), Unencodable},
		{"status 8", one(Binding{Has: SetOf(OptStatus), Status: 8}), Unencodable},
		{"hardware type 0", one(Binding{Has: SetOf(OptHardware)}), Unencodable},
		{"empty client identifier", one(Binding{Has: SetOf(OptClientID)}), Unencodable},
		{"NUL in the name", Connect{Has: SetOf(OptName), Name: "a\x00"}, Unencodable},
		{"empty label", one(Binding{Has: SetOf(OptDDNS), FQDN: "a..b"}), Unencodable},
		{"label of 64", one(Binding{Has: SetOf(OptDDNS), FQDN: strings.Repeat("a", 64)}), Unencodable},
		{"name of 256", one(Binding{Has: SetOf(OptDDNS), FQDN: strings.Repeat("a.", 127) + "aa"}), Unencodable},
		{"relay information without end", one(Binding{Has: SetOf(OptRequest), Relay: strings.Repeat("r", MaxLen)}), TooLong},
	} {
		before := []byte("before")
		got, err := Append(before, Message{Body: c.body})
		var e *Error
		if !errors.As(err, &e) || e.Fault != c.fault || string(got) != "before" {
			t.Errorf("%s: %q, %v; want %q and what was before", c.name, got, err, c.fault)
		}
	}
}

// The octets that ISC dhcpd 4.4.3-P1 sent when asked with split 128, as the reference has them.
func TestConnectOctets(t *testing.T) {
	want := "0069050c6b0252420000000000160003666f6f000e00040000000a001300040000001e001c000c6973632d342e342e332d5031" +
		"0014000101001b000100000f00040000003c000b0020ffffffffffffffffffffffffffffffff00000000000000000000000000000000"
	c := Connect{
		Has:  SetOf(OptName, OptMaxUnacked, OptReceiveTimer, OptVendor, OptVersion, OptTLSRequest, OptMCLT, OptBuckets),
		Name: "foo", MaxUnacked: 10, ReceiveTimer: 30, Vendor: "isc-4.4.3-P1", Version: 1, MCLT: 60,
	}
	for i := range 16 {
		c.Buckets[i] = 0xff
	}
	got, err := Append(nil, Message{Time: 0x6b025242, Body: c})
	if err != nil || hex.EncodeToString(got) != want {
		t.Errorf("got  %x, %v\nwant %s", got, err, want)
	}
}

func TestStreamRefusesAndStops(t *testing.T) {
	var s Stream
	take := func([]byte) error { return nil }
	for _, b := range []string{"\x00\x0b", "\x08\x01", "\x00\x00"} {
		s = Stream{}
		var e *Error
		if err := s.Feed([]byte(b), take); !errors.As(err, &e) || e.Fault != BadLength {
			t.Errorf("%x: %v", b, err)
		}
		s = Stream{}
		if err := s.Feed([]byte(b[:1]), take); err != nil {
			t.Fatal(err)
		}
		if err := s.Feed([]byte(b[1:]), take); !errors.As(err, &e) {
			t.Errorf("%x in two pieces: %v", b, err)
		}
	}
	stop := errors.New("stop")
	two := append(message(TypeContact, 12), message(TypeContact, 12)...)
	n := 0
	if err := (&Stream{}).Feed(two, func([]byte) error { n++; return stop }); err != stop || n != 1 {
		t.Errorf("%v after %d messages, want the error of the first", err, n)
	}
}

func FuzzDecode(f *testing.F) {
	for _, m := range full() {
		b, _ := Append(nil, m)
		f.Add(b)
	}
	for _, messages := range recorded(f) {
		for i := 0; i < len(messages); i += 40 {
			f.Add(messages[i])
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Decode(b)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("not an *Error: %v", err)
			}
			return
		}
		out, err := Append(nil, m)
		if err != nil {
			return // a root name, an empty text, or a batch that grew: not all that can be read can be said
		}
		again, err := Decode(out)
		if err != nil || !cmp.Equal(again, m) {
			t.Fatalf("%v: %s", err, cmp.Diff(m, again))
		}
	})
}

func FuzzStream(f *testing.F) {
	f.Add(append(message(TypeContact, 12), message(TypeState, 12, 24, "\x02")...), uint8(3))
	f.Fuzz(func(t *testing.T, b []byte, piece uint8) {
		var whole, parts []byte
		err := (&Stream{}).Feed(b, func(m []byte) error { whole = append(whole, m...); return nil })
		var s Stream
		var err2 error
		for rest := b; len(rest) > 0 && err2 == nil; {
			n := min(int(piece)+1, len(rest))
			err2 = s.Feed(rest[:n], func(m []byte) error { parts = append(parts, m...); return nil })
			rest = rest[n:]
		}
		if !bytes.Equal(whole, parts) || (err == nil) != (err2 == nil) || s.Pending() >= MaxLen {
			t.Fatalf("whole %x %v, parts %x %v", whole, err, parts, err2)
		}
	})
}
