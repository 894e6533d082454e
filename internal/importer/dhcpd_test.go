package importer

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"loadshare/internal/config"
)

var update = flag.Bool("update", false, "write the golden files anew")

func read(t testing.TB, names ...string) (out []File) {
	t.Helper()
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, File{Name: filepath.Base(name), Data: data})
	}
	return out
}

// golden compares a result with what it was when somebody last looked at it.
func golden(t *testing.T, name string, r Result) {
	t.Helper()
	var b bytes.Buffer
	for _, f := range r.Files {
		if strings.HasSuffix(f.Name, ".key") && strings.HasPrefix(f.Name, "pair-") {
			f.Text = "(a new key)\n"
		}
		b.WriteString("---- " + f.Name + " ----\n" + f.Text + "\n")
	}
	b.WriteString("---- notes ----\n" + strings.Join(r.Notes, "\n") + "\n")
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), b.String()); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

// A configuration that dhcpd -t of ISC 4.4.3 accepts, with its leases.
func TestDHCPD(t *testing.T) {
	r, err := DHCPD(read(t, "dhcpd/dhcpd.conf", "dhcpd/keys.conf", "dhcpd/dhcpd.leases"))
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "dhcpd/golden", r)
}

// What cannot be mapped is said, with file and line; nothing is guessed.
func TestDHCPDNotes(t *testing.T) {
	const head, tail = "subnet 192.0.2.0 netmask 255.255.255.0 { range 192.0.2.10 192.0.2.20; ", " }\n"
	tests := []struct{ name, conf, want string }{
		{"an include that was not given", `include "more.conf"; ` + head + tail, `c.conf:1: include "more.conf" was not given`},
		{"regular expressions", `class "x" { match if option host-name ~= "a.*"; } ` + head + tail, `only = and != compare here`},
		{"names instead of addresses", head + tail + `host a { hardware ethernet 1:2:3:4:5:6; fixed-address a.example; }`, "names are not looked up"},
		{"a host nowhere", head + tail + `host a { hardware ethernet 1:2:3:4:5:6; fixed-address 10.0.0.1; }`, "10.0.0.1 is in no subnet"},
		{"a vendor's space", `option space V; option V.a code 1 = text; ` + head + `option V.a "x";` + tail, "there are no spaces here"},
		{"pools for different clients", "class \"a\" { match if option host-name = \"a\"; } " + head + `pool { range 192.0.2.30; allow members of "a"; }` + tail, "ours says that of the whole scope"},
		{"a pair that is not there", head + `pool { range 192.0.2.30; failover peer "p"; }` + tail, `failover peer "p" is not in these files`},
		{"a key too weak", `key k { algorithm hmac-md5; secret "aaaa"; } ` + head + tail, "hmac-md5, which is not accepted"},
		{"DHCPv6", head + tail + "subnet6 2001:db8::/32 { }", "DHCPv6 is not taken over"},
		{"a value that does not fit", head + `option routers nobody;` + tail, "option routers"},
	}
	for _, test := range tests {
		r, err := DHCPD([]File{{"c.conf", []byte(test.conf)}})
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if all := strings.Join(r.Notes, "\n"); !strings.Contains(all, test.want) {
			t.Errorf("%s: %q is not in\n%s", test.name, test.want, all)
		}
	}
	for conf, want := range map[string]string{
		"":                        "no subnet",
		"subnet 192.0.2.0 {":      "c.conf:1: it ends in the middle",
		"\n}":                     "c.conf:2: a closing brace too much",
		"\n\noption a \"x\n\";":   "c.conf:3: a text in quotes does not end",
		strings.Repeat("a {", 40): "deep in each other",
	} {
		if _, err := DHCPD([]File{{"c.conf", []byte(conf)}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", conf, err, want)
		}
	}
}

// Any input: an error that names the file, or a configuration that is TOML.
func FuzzDHCPD(f *testing.F) {
	for _, file := range read(f, "dhcpd/dhcpd.conf", "dhcpd/dhcpd.leases") {
		f.Add(string(file.Data))
	}
	f.Add(`subnet 10.0.0.0 netmask 255.0.0.0 { range 10.0.0.1; } class "a" { match hardware; } subclass "a" 1:2; if not known { option routers 1.2.3.4; }`)
	f.Fuzz(func(t *testing.T, conf string) {
		r, err := DHCPD([]File{{"c.conf", []byte(conf + "\nsubnet 10.0.0.0 netmask 255.0.0.0 { }")}})
		if err != nil {
			return
		}
		if _, err := config.Parse("dhcp.toml", []byte(r.Files[0].Text)); err != nil {
			t.Fatalf("%v\n%s", err, r.Files[0].Text)
		}
	})
}
