package names

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"loadshare/ddns"
	"loadshare/dhcp/lease"
	"loadshare/dhcp/option"
	"loadshare/dhcp/packet"
)

var site = Config{On: true, ForwardZones: []string{"example.org"}, ReverseZones: []string{"2.0.192.in-addr.arpa"}}

const ip1 = lease.IP(0xc0000201) // 192.0.2.1

func option81(t *testing.T, flags byte, name string) []byte {
	t.Helper()
	data := []byte{flags, 0, 0}
	if flags&4 == 0 {
		return append(data, name...)
	}
	for l := range strings.SplitSeq(strings.TrimSuffix(name, "."), ".") {
		data = append(append(data, byte(len(l))), l...)
	}
	if strings.HasSuffix(name, ".") {
		data = append(data, 0)
	}
	return data
}

func asked(host string, fqdn []byte) Asked {
	p := &packet.Packet{}
	if host != "" {
		p.Options.Set(option.HostName, []byte(host))
	}
	if fqdn != nil {
		p.Options.Set(option.ClientFQDN, fqdn)
	}
	return Asked{Packet: p, IP: ip1, Domain: "lab.example.org", On: true}
}

// RFC 4702, 4: flags of the reply, who writes what; 3.3: the name; 2.1: N and S.
func TestOption81(t *testing.T) {
	const n, e, o, s = 8, 4, 2, 1
	type reply struct {
		Flags   byte
		Name    string
		FQDN    string
		Forward bool
	}
	whole := "h.lab.example.org."
	tests := []struct {
		rule   string
		flags  byte
		name   string
		change func(*Config, *Asked)
		want   reply
	}{
		{"S=1: the server writes A and PTR", e | s, "h", nil, reply{e | s, whole, "h.lab.example.org", true}},
		{"S=0: the client writes its A, the server the PTR", e, "h", nil, reply{e, whole, "h.lab.example.org", false}},
		{"S=0, the server overrides: S and O", e, "h", func(c *Config, _ *Asked) { c.Override = true }, reply{e | s | o, whole, "h.lab.example.org", true}},
		{"N=1: no updates", e | n, "h", nil, reply{e | n, whole, "", false}},
		{"N=1 and S=1 is N", e | n | s, "h", nil, reply{e | n, whole, "", false}},
		{"N=1, the server overrides: S and O", e | n, "h", func(c *Config, _ *Asked) { c.OverrideNone = true }, reply{e | s | o, whole, "h.lab.example.org", true}},
		{"S=1, but there are no updates in this scope: N and O", e | s, "h", func(_ *Config, a *Asked) { a.On = false }, reply{e | n | o, whole, "", false}},
		{"S=1, but no zone of ours: N and O", e | s, "h", func(c *Config, _ *Asked) { c.ForwardZones, c.ReverseZones = nil, nil }, reply{e | n | o, whole, "", false}},
		{"S=1, no forward zone: the server writes the PTR only, O", e | s, "h", func(c *Config, _ *Asked) { c.ForwardZones = nil }, reply{e | o, whole, "h.lab.example.org", false}},
		{"E=0 is answered in ASCII", s, "h", nil, reply{s, "h.lab.example.org", "h.lab.example.org", true}},
		{"a whole name below the domain is taken as it is", e | s, "a.b.lab.example.org.", nil, reply{e | s, "a.b.lab.example.org.", "a.b.lab.example.org", true}},
		{"of a name elsewhere the first label is taken", e | s, "h.corp.test.", nil, reply{e | s, whole, "h.lab.example.org", true}},
		{"a name configured wins", e | s, "h", func(_ *Config, a *Asked) { a.Hostname = "printer" }, reply{e | s, "printer.lab.example.org.", "printer.lab.example.org", true}},
		{"the client knows no name: what is configured", e | s, "", func(_ *Config, a *Asked) { a.Hostname = "printer.example.org" }, reply{e | s, "printer.example.org.", "printer.example.org", true}},
		{"what cannot be a host name is made one", e | s, "My Host!", nil, reply{e | s, "my-host.lab.example.org.", "my-host.lab.example.org", true}},
	}
	for _, test := range tests {
		c, a := site, asked("other", option81(t, test.flags, test.name))
		if test.name == "" {
			a = asked("", []byte{test.flags, 0, 0})
		}
		if test.change != nil {
			test.change(&c, &a)
		}
		name := c.Wish(a)
		got := reply{FQDN: name.FQDN, Forward: name.Forward}
		if len(name.Option81) < 3 {
			t.Fatalf("%s: no option 81: %+v", test.rule, name)
		}
		got.Flags = name.Option81[0]
		f, err := option.ParseFQDN(name.Option81)
		if err != nil {
			t.Fatal(err)
		}
		got.Name = f.Name
		if f.Encoded && f.Full {
			got.Name += "."
		}
		if d := cmp.Diff(test.want, got); d != "" {
			t.Errorf("%s: (-want +got)\n%s", test.rule, d)
		}
		if name.Option81[1] != 255 || name.Option81[2] != 255 {
			t.Errorf("%s: RCODE1, RCODE2 are %v (2.2: servers send 255)", test.rule, name.Option81[1:3])
		}
	}
}

// RFC 4702, 4: "Servers MUST NOT include a Client FQDN option in their replies unless the client did"; without it the server updates both.
func TestOption12(t *testing.T) {
	tests := []struct{ host, hostname, fqdn string }{
		{"h", "h", "h.lab.example.org"},
		{"H.LAB.example.org", "h.lab.example.org", "h.lab.example.org"},
		{"laptop.home", "laptop.home", "laptop.lab.example.org"},
		{"Müller's iPad\x00", "m-ller-s-ipad", "m-ller-s-ipad.lab.example.org"},
		{"--", "", ""},
		{"wpad", "", ""},
		{"localhost.localdomain", "", ""},
		{strings.Repeat("x", 70), strings.Repeat("x", 63), strings.Repeat("x", 63) + ".lab.example.org"},
		{"", "", ""},
	}
	for _, test := range tests {
		n := site.Wish(asked(test.host, nil))
		want := Name{Hostname: test.hostname, FQDN: test.fqdn, Forward: test.fqdn != ""}
		if d := cmp.Diff(want, n); d != "" {
			t.Errorf("%q: (-want +got)\n%s", test.host, d)
		}
	}
}

// A client is not called as a zone is, and a malformed option 81 is no option 81.
func TestNamesThatAreNotTaken(t *testing.T) {
	a := asked("example", nil)
	a.Domain = "org"
	if n := site.Wish(a); n.FQDN != "" {
		t.Errorf("the zone's own name was given away: %+v", n)
	}
	a = asked("h", []byte{4, 0, 0, 63, 'x'})
	if n := site.Wish(a); n.Option81 != nil || n.FQDN != "h.lab.example.org" {
		t.Errorf("malformed: %+v", n)
	}
	a = asked("h", nil)
	a.Domain = ""
	if n := site.Wish(a); n.FQDN != "h.example.org" {
		t.Errorf("without a domain the zone is it: %+v", n)
	}
	two := site
	two.ForwardZones = []string{"example.org", "example.net"}
	if n := two.Wish(a); n.FQDN != "" || n.Hostname != "h" {
		t.Errorf("without a domain, with two zones: %+v", n)
	}
}

// Whatever a client says, its name is a host name below a zone of ours.
func FuzzWish(f *testing.F) {
	f.Add("h", []byte{1, 0, 0, 'h'})
	f.Add("", []byte{5, 0, 0, 1, 'h', 0})
	f.Add(`a\032b`, []byte{4, 0, 0, 3, 'a', '.', 'b', 0})
	f.Fuzz(func(t *testing.T, host string, fqdn []byte) {
		n := site.Wish(asked(host, fqdn))
		if n.FQDN == "" {
			return
		}
		if err := ddns.CheckName(n.FQDN); err != nil || strings.Contains(n.FQDN, "_") || !strings.HasSuffix(n.FQDN, ".lab.example.org") || n.FQDN != strings.ToLower(n.FQDN) {
			t.Fatalf("%q %x: %q %v", host, fqdn, n.FQDN, err)
		}
	})
}
