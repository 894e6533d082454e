package option

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func named(t *testing.T, name string) Definition {
	t.Helper()
	d, ok := ByName(name)
	if !ok {
		t.Fatalf("no option %s", name)
	}
	return d
}

// What an operator writes, the octets that are meant, and how they are shown. An empty shown is as written.
func TestParseAndFormat(t *testing.T) {
	for _, c := range []struct {
		name   string
		values []string
		octets string
		shown  []string
	}{
		{"subnet-mask", []string{"255.255.240.0"}, "fffff000", nil},
		{"subnet-mask", []string{"0.0.0.0"}, "00000000", nil},
		{"subnet-mask", []string{"255.255.255.255"}, "ffffffff", nil},
		{"time-offset", []string{"-3600"}, "fffff1f0", nil},
		{"routers", []string{"192.168.0.1"}, "c0a80001", nil},
		{"domain-name-servers", []string{"192.168.0.10", "192.168.0.11"}, "c0a8000ac0a8000b", nil},
		{"host-name", []string{"printer"}, "7072696e746572", nil},
		{"root-path", []string{"10.0.0.1:/exports/a, b"}, "31302e302e302e313a2f6578706f7274732f612c2062", nil},
		{"root-path", []string{"Bücher"}, "42c3bc63686572", nil},
		{"ip-forwarding", []string{"true"}, "01", nil},
		{"ip-forwarding", []string{"off"}, "00", []string{"false"}},
		{"interface-mtu", []string{"1500"}, "05dc", nil},
		{"interface-mtu", []string{"0x5dc"}, "05dc", []string{"1500"}},
		{"interface-mtu", []string{"0100"}, "0064", []string{"100"}},
		{"path-mtu-plateau-table", []string{"68", "576"}, "00440240", nil},
		{"static-routes", []string{"10.0.0.0 192.168.0.1", "10.1.0.0 192.168.0.2"}, "0a000000c0a800010a010000c0a80002", nil},
		{"static-routes", []string{"10.0.0.0", "192.168.0.1"}, "0a000000c0a80001", []string{"10.0.0.0 192.168.0.1"}},
		{"policy-filter", []string{"10.0.0.0, 255.0.0.0"}, "0a000000ff000000", []string{"10.0.0.0 255.0.0.0"}},
		{"dhcp-client-identifier", []string{"01:02:00:00:00:00:50"}, "01020000000050", nil},
		{"dhcp-client-identifier", []string{"0x0102"}, "0102", []string{"01:02"}},
		{"dhcp-client-identifier", []string{"0102FF"}, "0102ff", []string{"01:02:ff"}},
		{"dhcp-client-identifier", []string{"1:2:a"}, "01020a", []string{"01:02:0a"}},
		{"dhcp-client-identifier", []string{"'abc'"}, "616263", []string{"61:62:63"}},
		{"rapid-commit", nil, "", []string{"true"}},
		{"rapid-commit", []string{"true"}, "", nil},
		{"slp-directory-agent", []string{"true", "10.0.0.1", "10.0.0.2"}, "010a0000010a000002", nil},
		{"slp-service-scope", []string{"false", "a,b"}, "00612c62", nil},
		{"client-ndi", []string{"1", "2", "1"}, "010201", nil},
		{"uuid-guid", []string{"0", "aa:bb"}, "00aabb", nil},
		{"client-system", []string{"7", "9"}, "00070009", nil},
		{"v4-captive-portal", []string{"https://portal.example/api"}, hex.EncodeToString([]byte("https://portal.example/api")), nil},
		{"v6-only-preferred", []string{"1800"}, "00000708", nil},
		{"fqdn", []string{"4", "255", "255", "host.example"}, "04ffff04686f7374076578616d706c6500", nil},
		{"v4-lost", []string{"a.example."}, "0161076578616d706c6500", []string{"a.example"}},
		{"v4-lost", []string{"."}, "00", nil},
		{"v4-lost", []string{`a\.b\200.example`}, "04612e62c8076578616d706c6500", nil},
		{"bcms-controller-names", []string{"a.example", "b.example"}, "0161076578616d706c65000162076578616d706c6500", nil},
		// RFC 3397, 2: names end as one that stood before, by a pointer into the option.
		{"domain-search", []string{"eng.apple.com", "marketing.apple.com"}, "03656e67056170706c6503636f6d00096d61726b6574696e67c004", nil},
		{"domain-search", []string{"a.example", "a.example"}, "0161076578616d706c6500c000", nil},
		// RFC 3442: the width, the octets that it leaves, the router.
		{"classless-static-route", []string{"0.0.0.0/0 10.17.0.1"}, "000a110001", nil},
		{"classless-static-route", []string{"10.0.0.0/8 10.0.0.1", "10.17.0.0/16 10.0.0.2", "10.27.129.0/24 10.0.0.3", "10.229.0.128/25 10.0.0.4", "10.198.122.47/32 10.0.0.5"},
			"080a0a000001100a110a000002180a1b810a000003190ae500800a000004200ac67a2f0a000005", nil},
		{"classless-static-route", []string{"10.0.0.0/8 - 10.0.0.1"}, "080a0a000001", []string{"10.0.0.0/8 10.0.0.1"}},
		{"option-6rd", []string{"8", "32", "2001:db8::", "192.0.2.1"}, "082020010db8000000000000000000000000c0000201", nil},
		{"rdnss-selection", []string{"1", "10.0.0.1", "10.0.0.2", "a.example", "."}, "010a0000010a0000020161076578616d706c650000", nil},
		{"v4-sztp-redirect", []string{"https://a", "https://b"}, "000968747470733a2f2f61000968747470733a2f2f62", nil},
		{"v4-portparams", []string{"4", "6", "4096"}, "04061000", nil},
		{"status-code", []string{"3", "no"}, "036e6f", nil},
		{"status-code", []string{"0", ""}, "00", nil},
		{"vendor-encapsulated-options", []string{"1 = 01:02", "6 uint8 = 8", "9 string = a text", "10 ipv4-address = 10.0.0.1, 10.0.0.2", "11 empty ="},
			"010201020601080906" + hex.EncodeToString([]byte("a text")) + "0a080a0000010a0000020b00",
			[]string{"1 = 01:02", "6 = 08", "9 = 61:20:74:65:78:74", "10 = 0a:00:00:01:0a:00:00:02", "11 = "}},
		{"vendor-encapsulated-options", []string{"01:01:07"}, "010107", []string{"1 = 07"}},
		{"code-224", []string{"01:02"}, "0102", nil},
		{"routers", []string{"hex:01:02"}, "0102", nil},
		{"host-name", []string{"hex:"}, "", nil},
	} {
		t.Run(c.name+" "+strings.Join(c.values, ","), func(t *testing.T) {
			d := named(t, c.name)
			got, err := d.Parse(c.values)
			if err != nil {
				t.Fatal(err)
			}
			if hex.EncodeToString(got) != c.octets {
				t.Fatalf("%x, want %s", got, c.octets)
			}
			want := c.shown
			if want == nil {
				want = c.values
			}
			if diff := cmp.Diff(want, d.Format(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What is wrong is said with the option, the value and what is right.
func TestParseErrors(t *testing.T) {
	for _, c := range []struct {
		name   string
		values []string
		want   string
	}{
		{"routers", []string{"192.168.0.300"}, "routers: 192.168.0.300 is not an IPv4 address"},
		{"routers", []string{"192.168.0.1, 192.168.0.2"}, `routers: "192.168.0.1, 192.168.0.2" is not an IPv4 address`},
		{"routers", []string{"2001:db8::1"}, "routers: 2001:db8::1 is not an IPv4 address"},
		{"routers", nil, "routers: needs a value"},
		{"subnet-mask", []string{"255.0.255.0"}, "subnet-mask: 255.0.255.0 is not a subnet mask"},
		{"subnet-mask", []string{"255.0.0.0", "255.0.0.0"}, "subnet-mask: takes one value; 2 are given"},
		{"interface-mtu", []string{"67"}, "interface-mtu: 67 is too small: at least 68"},
		{"interface-mtu", []string{"65536"}, "interface-mtu: 65536 is not a number from 0 to 65535"},
		{"interface-mtu", []string{"many"}, "interface-mtu: many is not a number from 0 to 65535"},
		{"default-ip-ttl", []string{"0"}, "default-ip-ttl: 0 is too small: at least 1"},
		{"time-offset", []string{"2147483648"}, "time-offset: 2147483648 is not a number from -2147483648 to 2147483647"},
		{"ip-forwarding", []string{"maybe"}, "ip-forwarding: maybe is not true or false"},
		{"host-name", []string{""}, `host-name: "" is empty; at least one character is needed`},
		{"static-routes", []string{"10.0.0.0"}, `static-routes: 1 addresses are given; they come in pairs, as "10.0.0.0 192.0.2.1"`},
		{"static-routes", []string{"10.0.0.0 x"}, "static-routes: x is not an IPv4 address"},
		{"rapid-commit", []string{"false"}, "rapid-commit: takes no value: write true, or leave the option out"},
		{"client-ndi", []string{"1", "2"}, "client-ndi: takes 3 values (uint8, uint8, uint8); 2 are given"},
		{"slp-directory-agent", []string{"true"}, "slp-directory-agent: takes 2 values (boolean, ipv4-address …); 1 are given"},
		{"slp-directory-agent", []string{"true", "x"}, "slp-directory-agent: value 2: x is not an IPv4 address"},
		{"domain-search", []string{"a..b"}, "domain-search: a..b is not a domain name: a label of a name has 1 to 63 octets"},
		{"domain-search", []string{""}, `domain-search: "" is empty; at least one character is needed`},
		{"v4-lost", []string{"bücher.example"}, `v4-lost: bücher.example is not a domain name: a name is written in ASCII (other scripts as xn--…), special octets as \DDD`},
		{"v4-lost", []string{strings.Repeat("a", 64)}, "v4-lost: " + strings.Repeat("a", 64) + " is not a domain name: a label of a name has 1 to 63 octets"},
		{"v4-lost", []string{strings.Repeat("a.", 128)}, "v4-lost: " + strings.Repeat("a.", 40) + "… is not a domain name: a name has at most 253 characters"},
		{"classless-static-route", []string{"10.0.0.1/8 10.0.0.1"}, `classless-static-route: "10.0.0.1/8 10.0.0.1" has bits beyond its mask: 10.0.0.0/8 is meant`},
		{"classless-static-route", []string{"10.0.0.0/33 10.0.0.1"}, `classless-static-route: "10.0.0.0/33 10.0.0.1" is not a route, as "10.0.0.0/8 192.0.2.1"`},
		{"dhcp-client-identifier", []string{"01:0g"}, "dhcp-client-identifier: 01:0g is not hexadecimal, as 01:02:0a or 01020a, and no text in quotes"},
		{"dhcp-client-identifier", []string{"012"}, "dhcp-client-identifier: 012 is not hexadecimal, as 01:02:0a or 01020a, and no text in quotes"},
		{"vendor-encapsulated-options", []string{"255 = 01"}, `vendor-encapsulated-options: "255 = 01": 255 is not a code from 1 to 254`},
		{"vendor-encapsulated-options", []string{"1 nothing = 01"}, `vendor-encapsulated-options: "1 nothing = 01": nothing is not a type that can be within`},
		{"vendor-encapsulated-options", []string{"1 uint8 = 256"}, `vendor-encapsulated-options: "1 uint8 = 256": 256 is not a number from 0 to 255`},
		{"vendor-encapsulated-options", []string{"1 = " + strings.Repeat("00", 256)}, `vendor-encapsulated-options: "1 = ` + strings.Repeat("0", 76) + `…": 256 octets; at most 255 are possible within`},
		{"vendor-encapsulated-options", []string{"1 = 01", "x"}, `vendor-encapsulated-options: x: is not an option within, as "1 = 01:02" or "1 uint16 = 1500"`},
		{"host-name", []string{strings.Repeat("a", 4097)}, "host-name: 4097 octets; at most 4096 are possible"},
	} {
		d := named(t, c.name)
		got, err := d.Parse(c.values)
		if err == nil {
			t.Errorf("%s %v: no error, %x", c.name, c.values, got)
		} else if err.Error() != c.want {
			t.Errorf("%s\nwant\n%s", err, c.want)
		}
	}
}

// Octets that do not fit the form are shown as they are, and taken back.
func TestFormatWhatDoesNotFit(t *testing.T) {
	for _, c := range []struct{ name, octets, want string }{
		{"routers", "0102", "hex:01:02"},
		{"routers", "", "hex:"},
		{"ip-forwarding", "02", "hex:02"},
		{"interface-mtu", "05dc00", "hex:05:dc:00"},
		{"host-name", "610062", "hex:61:00:62"},
		{"host-name", "ff", "hex:ff"},
		{"host-name", hex.EncodeToString([]byte("hex:61")), "hex:68:65:78:3a:36:31"},
		{"v4-lost", "01610162", "hex:01:61:01:62"},
		{"v4-lost", "c000", "hex:c0:00"},
		{"domain-search", "0161c002", "hex:01:61:c0:02"},
		{"classless-static-route", "210a0a000001", "hex:21:0a:0a:00:00:01"},
		{"classless-static-route", "040f0a000001", "hex:04:0f:0a:00:00:01"},
		{"vendor-encapsulated-options", "000101", "hex:00:01:01"},
		{"vendor-encapsulated-options", "010101ff00", "hex:01:01:01:ff:00"},
		{"rapid-commit", "01", "hex:01"},
		{"interface-mtu", "0001", "hex:00:01"},
	} {
		data, err := hex.DecodeString(c.octets)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{c.want}, named(t, c.name).Format(data)); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}

func TestParseHex(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "0x": "", "01 02": "0102", "01-02": "0102", " 0A:0b ": "0a0b", "0X0a": "0a", `"a b"`: "612062", "''": "", "0x01:02": "0102",
	} {
		if got, err := ParseHex(text); err != nil || hex.EncodeToString(got) != want {
			t.Errorf("%q: %x, %v", text, got, err)
		}
	}
	for _, text := range []string{"1", "01:", ":01", "01::02", "01:02-03", "001:02", "zz", "'a", "0x0x01"} {
		if got, err := ParseHex(text); err == nil {
			t.Errorf("%q: %x", text, got)
		}
	}
}
