package main

import (
	"os"
	"path/filepath"
	"testing"
)

// "the kind is told by the content".
func TestKindOf(t *testing.T) {
	for file, want := range map[string]kind{"monitor.toml": kindMonitor, "agent.toml": kindAgent, "dns-main.toml": kindDNS, "dns-backup.toml": kindDNS, "dhcp-main.toml": kindDHCP, "dhcp-backup.toml": kindDHCP, "normal-dns": kindNormal} {
		data, err := os.ReadFile(filepath.Join("testdata/samples", file))
		if err != nil {
			t.Fatal(err)
		}
		if got := kindOf(data); got != want {
			t.Errorf("%s: %q, want %q", file, got, want)
		}
	}
	for text, want := range map[string]kind{
		"":                      kindNormal, // F18: may be empty
		"\n# nothing\n; here\n": kindNormal,
		"listen = [\"127.0.0.1:53\"]\nstate_dir = \"x\"":                  kindDNS,
		"listen = \"0.0.0.0:2224\"\nkey = \"agent.key\"":                  kindAgent,
		"publish.servers = [\"127.0.0.1:53\"]":                            kindAgent,
		"interfaces = [\"eth1\"]\nlisten = [\"192.0.2.1:67\"]\n[control]": kindDHCP,
		"[[vip]]\nname = \"resolver\"":                                    kindVIP,
		"listen = \"127.0.0.1:8953\"\n[[server]]\nname = \"ns1\"":         kindConsole,
		"[alerts]\nsmtp = \"x\"\n[[pool]]":                                kindMonitor,
		"$TTL 60\n@ IN SOA a b 1 2 3 4 5":                                 kindZone,
		"; zone\nmydomain.com. IN SOA a b 1 2 3 4 5":                      kindZone,
		"zone.org. 60 IN SOA a b 1 2 3 4 5":                               kindZone,
		"server 127.0.0.1\nupdate add a.org 1 A 192.0.2.1\nsend":          kindNormal,
		"add a.org 1 A 192.0.2.1":                                         kindNormal,
		"key \"ddns\" {\n\talgorithm hmac-sha256;\n};":                    kindKey,
		"key ddns c2VjcmV0\nupdate add a.org 1 A 192.0.2.1":               kindNormal, // nsupdate's word
		"Dear all,": kindUnknown,
	} {
		if got := kindOf([]byte(text)); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestZoneOf(t *testing.T) {
	for _, test := range []struct{ file, text, want string }{
		{"x", "$ORIGIN mydomain.com.\n@ IN SOA a b 1 2 3 4 5", "mydomain.com"},
		{"x", "mydomain.com. 60 IN SOA a b 1 2 3 4 5\n$ORIGIN sub.mydomain.com.", "mydomain.com"},
		{"/etc/bind/db.mydomain.com", "@ IN SOA a b 1 2 3 4 5", "mydomain.com"},
		{"mydomain.com.zone", "@ IN SOA a b 1 2 3 4 5", "mydomain.com"},
		{"db.0.168.192", "@ IN SOA a b 1 2 3 4 5", "0.168.192.in-addr.arpa"},
		{"zonefile", "@ IN SOA a b 1 2 3 4 5", ""},
	} {
		if got := zoneOf(test.file, []byte(test.text)); got != test.want {
			t.Errorf("%s: %q, want %q", test.file, got, test.want)
		}
	}
}

func FuzzKindOf(f *testing.F) {
	for _, s := range []string{"[[pool]]", "$TTL 60", "update add a 1 A 1.2.3.4", "key \"x\" {", "a = 1", "[", "listen = ["} {
		f.Add([]byte(s))
	}
	// Whatever a file holds, telling its kind does not panic, and what is told is a known kind.
	f.Fuzz(func(t *testing.T, data []byte) {
		switch k := kindOf(data); k {
		case kindUnknown, kindMonitor, kindAgent, kindDNS, kindDHCP, kindConsole, kindVIP, kindZone, kindNormal, kindKey:
		default:
			t.Fatalf("%q is a %q", data, k)
		}
		zoneOf("f", data)
	})
}
