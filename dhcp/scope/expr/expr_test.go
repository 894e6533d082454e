package expr

import (
	"errors"
	"strings"
	"testing"

	"loadshare/dhcp/lease"
	"loadshare/dhcp/option"
	"loadshare/dhcp/packet"
)

func names(name string) (option.Code, bool) {
	switch name {
	case "host-name":
		return option.HostName, true
	case "vendor-class-identifier":
		return option.VendorClass, true
	}
	return 0, false
}

func env() *Env {
	return &Env{
		Packet: &packet.Packet{
			Type: packet.Discover, HType: 1, XID: 0x01020304,
			CHAddr: []byte{2, 0, 0xab, 0, 0, 9},
			CIAddr: lease.IP(0x0a000001), GIAddr: lease.IP(0xc0000201),
			Options: option.List{
				{Code: option.HostName, Data: []byte("foo.bar")},
				{Code: option.VendorClass, Data: []byte("PXEClient:Arch:00007")},
				{Code: option.RelayInformation, Data: []byte("\x01\x04port\x02\x02\x00\xff\x05\x09short")},
				{Code: option.RapidCommit},
			},
		},
		Interface: "eth1",
		Member:    func(c string) bool { return c == "phones" },
	}
}

// The examples of substring and split are those of Kea's manual.
func TestEval(t *testing.T) {
	for test, want := range map[string]bool{
		`option[60].text == 'PXEClient:Arch:00007'`:              true,
		`option[vendor-class-identifier].hex == 'PXEClient'`:     false,
		`option[61].exists`:                                      false,
		`option[80].exists`:                                      true, // RFC 4039: it has no octets
		`option[61].hex == ''`:                                   true,
		`not option[61].exists and option[60].exists`:            true,
		`option[61].exists or option[60].exists`:                 true,
		`option[61].exists and option[1].exists or pkt4.hlen==6`: true, // and binds before or
		`pkt4.hlen == 6 or pkt4.hlen == 7 and pkt4.hlen == 8`:    true,
		`(pkt4.hlen == 6 or pkt4.hlen == 7) and pkt4.hlen == 8`:  false,
		`not not option[60].exists`:                              true,
		`not pkt4.hlen == 7`:                                     true,
		`option[82].option[1].hex == 'port'`:                     true,
		`option[82].option[1].hex == 0x706f7274`:                 true,
		`relay4[2].hex == 0x00ff`:                                true,
		`relay4[2].text == 0xff`:                                 false,
		`relay4[2].exists`:                                       true,
		`relay4[5].exists`:                                       false, // its length is beyond the end
		`option[12].option[1].exists`:                            false,
		`pkt4.mac == 0x0200ab000009`:                             true,
		`pkt4.mac == 0x200ab000009`:                              true, // an odd digit: a leading zero
		`hexstring(pkt4.mac, ':') == '02:00:ab:00:00:09'`:        true,
		`hexstring(pkt4.mac, '') == '0200ab000009'`:              true,
		`pkt4.htype == 1 and pkt4.msgtype == 1`:                  true,
		`pkt4.ciaddr == 10.0.0.1 and pkt4.giaddr == 192.0.2.1`:   true,
		`pkt4.yiaddr == 0.0.0.0 and pkt4.siaddr == 0`:            true,
		`pkt4.transid == 0x01020304`:                             true,
		`pkt4.transid == 16909060`:                               true,
		`pkt.iface == 'eth1'`:                                    true,
		`member('phones') and not member('others')`:              true,
		`substring('foobar', 0, 6) == 'foobar'`:                  true,
		`substring('foobar', 3, 3) == 'bar'`:                     true,
		`substring('foobar', 3, all) == 'bar'`:                   true,
		`substring('foobar', 1, 4) == 'ooba'`:                    true,
		`substring('foobar', -5, 4) == 'ooba'`:                   true,
		`substring('foobar', -1, -3) == 'oba'`:                   true,
		`substring('foobar', 4, -2) == 'ob'`:                     true,
		`substring('foobar', 10, 2) == ''`:                       true,
		`substring('foobar', -7, 2) == ''`:                       true,
		`substring('foobar', 2, -9) == 'fo'`:                     true,
		`split('foo.bar', '.', 1) == 'foo'`:                      true,
		`split('foo.bar', '.', 2) == 'bar'`:                      true,
		`split('foo.bar', '.', 3) == ''`:                         true,
		`split('foo.bar', '.', 0) == ''`:                         true,
		`split('a-b.c', '.-', 2) == 'b'`:                         true,
		`split('a..c', '.', 2) == '' and split('a', '', 1)=='a'`: true,
		`concat('foo', 'bar') == 'foobar'`:                       true,
		`concat('a', 'b', 'c') == 'a' + 'b' + 'c'`:               true,
		`ifelse(option[60].exists, 'yes', 'no') == 'yes'`:        true,
		`ifelse(option[61].exists, 'yes', 'no') == 'no'`:         true,
		`lcase('Ab[Z') == 'ab[z' and ucase('aB{z') == 'AB{Z'`:    true,
		`addrtotext(192.10.0.1) == '192.10.0.1'`:                 true,
		`addrtotext('foo') == ''`:                                true,
		`uint8totext(0xff) == '255' and int8totext(0xff)=='-1'`:  true,
		`uint16totext(0xffff) == '65535'`:                        true,
		`int16totext(0x8000) == '-32768'`:                        true,
		`uint32totext(4294967295) == '4294967295'`:               true,
		`int32totext(4294967295) == '-1'`:                        true,
		`uint16totext(0x01) == ''`:                               true,
		"option[12].text\n==\t'foo.bar'":                         true,
		`('a') == ('b')`:                                         false,
	} {
		c, err := Parse(test, names)
		if err != nil {
			t.Errorf("%s: %v", test, err)
			continue
		}
		if got := c.Eval(env()); got != want {
			t.Errorf("%s: %v, want %v", test, got, want)
		}
	}
}

func TestErrorsSayWhereAndWhat(t *testing.T) {
	for test, want := range map[string]struct {
		column int
		what   string
	}{
		``:                                  {1, "ends where"},
		`option[60].text`:                   {1, "condition is wanted"},
		`option[60].text == `:               {20, "ends where"},
		`option[60].text == 'x`:             {20, "never closed"},
		`option[60].text = 'x'`:             {17, "=="},
		`option[60].text != 'x'`:            {17, "not (a == b)"},
		`option[60].text == "x"`:            {20, "' and '"},
		`option[0].exists`:                  {8, "1 to 254"},
		`option[255].exists`:                {8, "1 to 254"},
		`option[nothing].exists`:            {8, "called nothing"},
		`option['x'].exists`:                {8, "number or the name"},
		`option[60.exists`:                  {10, "]"},
		`option[60].value == 'x'`:           {12, "text, hex or exists"},
		`relay4[256].exists`:                {8, "0 to 255"},
		`relay4[x].exists`:                  {8, "sub-option"},
		`pkt4.chaddr == 'x'`:                {6, "pkt4 has no chaddr"},
		`pkt6.msgtype == 1`:                 {1, "pkt6 is not known"},
		`vendor[4491].exists`:               {1, "vendor is not known"},
		`member(phones)`:                    {8, "between ' and '"},
		`member(0x01)`:                      {8, "between ' and '"},
		`member('a') == member('b')`:        {1, "a value is wanted"},
		`not 'a'`:                           {5, "condition is wanted"},
		`'a' and member('x')`:               {1, "condition is wanted"},
		`member('x') or 'a'`:                {16, "condition is wanted"},
		`member('x') member('y')`:           {13, "nothing is expected after"},
		`(member('x')`:                      {13, ") is expected"},
		`member('x'))`:                      {12, "nothing is expected after"},
		`substring('a', all, 1) == 'a'`:     {16, "number up to 65535"},
		`substring('a', 0, 65536) == 'a'`:   {19, "number up to 65535"},
		`concat('a') == 'a'`:                {11, ", is expected"},
		`ifelse('a', 'b', 'c') == 'a'`:      {8, "condition is wanted"},
		`'é' == 'é' ü`:                      {12, "means nothing"},
		`pkt4.hlen == 4294967296`:           {14, "not a number"},
		`pkt4.ciaddr == 1.2.3.256`:          {16, "not an address"},
		`pkt4.mac == 0x`:                    {13, "not hexadecimal"},
		`pkt4.mac == 0xgg`:                  {13, "not hexadecimal"},
		`== 'a'`:                            {1, "not =="},
		strings.Repeat("(", 100):            {51, "more than 50 deep"},
		strings.Repeat("not ", 100):         {205, "more than 50 deep"},
		strings.Repeat("lcase(", 60):        {301, "more than 50 deep"},
		strings.Repeat(" ", MaxSize) + "'a": {1, "4098 octets"},
	} {
		_, err := Parse(test, names)
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%s: %v", test, err)
		} else if e.Column != want.column || !strings.Contains(e.What, want.what) {
			t.Errorf("%s: %v, want column %d: …%s…", test, err, want.column, want.what)
		}
	}
}

func TestMembersAreKnown(t *testing.T) {
	c, err := Parse(`member('a') or not (member('b c'))`, names)
	if err != nil {
		t.Fatal(err)
	}
	if m := c.Members(); len(m) != 2 || m[0] != (Member{"a", 8}) || m[1] != (Member{"b c", 28}) {
		t.Errorf("%v", m)
	}
}

// A value that an expression makes is bounded, however often it is put together with itself.
func TestMadeValuesAreBounded(t *testing.T) {
	long := "option[43].hex"
	for range 20 {
		long = "concat(" + long + ",hexstring(" + long + ",'.........'))"
		if len(long) > MaxSize/3 {
			break
		}
	}
	c, err := Parse("substring("+long+", "+"2047, 1) == '' or substring("+long+", 2048, all) == ''", names)
	if err != nil {
		t.Fatal(err)
	}
	e := env()
	e.Packet.Options.Set(option.VendorEncapsulated, make([]byte, 60000))
	if !c.Eval(e) {
		t.Error("there is something beyond MaxMade")
	}
	if n := len(concat([]value{constant(make([]byte, MaxMade)), constant([]byte{1})})(e)); n != MaxMade {
		t.Errorf("%d octets", n)
	}
}

// FuzzParse: no text makes Parse or Eval panic, errors point into the text, and a message has no influence on what is a condition.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`option[60].text == 'x' and not (relay4[1].exists or member('a'))`,
		`substring(split(option[host-name].hex, '.', 2) + 0x01, -3, all) == ifelse(pkt4.hlen == 6, 10.0.0.1, 7)`,
		`hexstring(pkt4.mac, ':') == lcase(concat('A', option[82].option[1].hex, uint8totext(0xff)))`, `((((`, `not not`, `'`, "é",
	} {
		f.Add(s, []byte("\x01\x02ab"))
	}
	f.Fuzz(func(t *testing.T, text string, data []byte) {
		c, err := Parse(text, names)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Column < 1 || e.Column > len(text)+1 || e.What == "" {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		one := env()
		one.Packet.Options.Set(option.RelayInformation, data)
		one.Packet.CHAddr = data
		before := c.Eval(one)
		if again := c.Eval(one); again != before {
			t.Fatalf("%q: %v, then %v", text, before, again)
		}
		c.Eval(&Env{Packet: &packet.Packet{}})
	})
}
