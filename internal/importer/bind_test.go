package importer

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const namedConf = `
// a site's server
acl lan { 192.168.0.0/24; ::1; nested; };
acl nested { 10.0.0.1; };
include "/etc/bind/ddns.key";
include "/etc/bind/other.conf";
primaries out { 192.168.0.30; 192.168.0.31 port 5353 key xfer; };
options {
	directory "/var/cache/bind";
	listen-on port 5300 { 192.168.0.10; localnets; };
	listen-on-v6 { any; };
	server-id "ns1";
	recursion yes;
	allow-transfer { none; };
	querylog yes;
	response-policy { zone "rpz"; };
};
zone "." { type hint; file "root.hints"; };
zone "MyDomain.com" IN {
	type master;                            # the old word
	file "db.mydomain.com";
	allow-update { key "ddns"; key lost; !10.0.0.9; lan; any; };
	allow-transfer { key xfer; lan; any; };
	also-notify { 192.168.0.20; out; };
	inline-signing yes;
};
zone "0.168.192.in-addr.arpa" {
	type primary; file "/etc/bind/db.0";
	update-policy {
		grant ddns zonesub PTR TXT;
		grant ddns name host.0.168.192.in-addr.arpa. PTR(3);
		grant ddns subdomain 0.168.192.in-addr.arpa ANY;
		grant ddns subdomain sub.0.168.192.in-addr.arpa PTR;
		grant ddns wildcard *.dyn.0.168.192.in-addr.arpa PTR;
		grant ddns selfsub . PTR;
		grant h.0.168.192.in-addr.arpa selfsub . PTR;
		grant ddns name x.0.168.192.in-addr.arpa;
		grant * self * A;
		deny ddns name y.0.168.192.in-addr.arpa PTR;
		grant EXAMPLE.COM krb5-self . A;
	};
};
zone "slave.test" { type secondary; primaries { 192.0.2.1; }; file "s"; };
/* inside
   a view */
view "inside" {
	match-clients { any; };
	zone "in.test" { type primary; file "in"; };
	zone "mydomain.com" { type primary; file "other"; };
};
`

const namedKeys = `key "ddns" { algorithm hmac-sha256; secret "c2VjcmV0LXNlY3JldC1zZWNyZXQ="; };
key xfer. { algorithm HMAC-SHA512; secret "dHJhbnNmZXItdHJhbnNmZXI="; };
key "H.0.168.192.in-addr.arpa" { secret "c2VjcmV0LXNlY3JldC1zZWNyZXQ="; };
key "old" { algorithm hmac-md5; secret "YQ=="; };
`

// The contract: "loadshare import bind FILE... prints our configuration and what does not map".
func TestBind(t *testing.T) {
	r, err := Bind([]File{{"/etc/bind/named.conf", []byte(namedConf)}, {"/etc/bind/ddns.key", []byte(namedKeys)}})
	if err != nil {
		t.Fatal(err)
	}
	want := `# loadshare dns, imported from named.conf, ddns.key
listen = ["192.168.0.10:5300", "[::]:53"]
state_dir = "/var/lib/loadshare/dns"
keys = ["bind.keys"]
nsid = "ns1"

[control]
listen = "unix:/run/loadshare/dns.sock"

[[zone]]
name = "MyDomain.com"
file = "/var/cache/bind/db.mydomain.com"
update = ["key ddns", "192.168.0.0/24", "::1", "10.0.0.1"]
transfer = ["key xfer", "192.168.0.0/24", "::1", "10.0.0.1", "0.0.0.0/0", "::/0"]
notify = ["192.168.0.20:53", "192.168.0.30:53", "192.168.0.31:5353"]
notify_key = "xfer"

[[zone]]
name = "0.168.192.in-addr.arpa"
file = "/etc/bind/db.0"
update = ["key ddns PTR TXT", "key ddns host.0.168.192.in-addr.arpa PTR", "key ddns", "key ddns sub.0.168.192.in-addr.arpa *.sub.0.168.192.in-addr.arpa PTR", "key ddns *.dyn.0.168.192.in-addr.arpa PTR", "key h.0.168.192.in-addr.arpa h.0.168.192.in-addr.arpa *.h.0.168.192.in-addr.arpa PTR", "key ddns x.0.168.192.in-addr.arpa"]

[[zone]]
name = "in.test"
file = "/var/cache/bind/in"
`
	if diff := cmp.Diff(want, r.file("dns.toml")); diff != "" {
		t.Error(diff)
	}
	keys := r.file("bind.keys")
	if !strings.Contains(keys, `key "xfer" {`) || strings.Contains(keys, `"old"`) || !strings.Contains(keys, "hmac-sha512") {
		t.Error(keys)
	}
	notes := strings.Join(r.Notes, "\n")
	for _, n := range []string{
		`include "/etc/bind/other.conf" was not given`, "listen-on localnets", "recursion yes", "response-policy { … }: not taken over", `zone "." (hint)`,
		`there is no key "lost"`, "!10.0.0.9", "allow-update any", "inline-signing yes: loadshare does not sign", "for all types", "rights belong to single keys",
		"deny ddns name", "type krb5-self", "gives no right to anything", `zone "slave.test" is of type secondary`, `view "inside"`, `zone "mydomain.com" stands twice`, `"old" is of hmac-md5`, "rndc sync", "loadshare check dns.toml",
	} {
		if !strings.Contains(notes, n) {
			t.Errorf("no note about %q in\n%s", n, notes)
		}
	}
	if strings.Contains(notes, "c2VjcmV0") || strings.Contains(notes, "querylog") {
		t.Error("a note says too much:", notes)
	}
	if !strings.Contains(notes, "/etc/bind/named.conf:22: ") {
		t.Error("notes do not say where:", notes)
	}
}

// What is no configuration of BIND's is refused with the line.
func TestBindErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                               "no zone of type primary",
		"zone \"a\" { type primary;":     "line 1: it ends in the middle",
		"\n}":                            "line 2: a closing brace too much",
		"options { directory \"x\" };":   "a semicolon is missing before",
		"options { } { };":               "a semicolon is missing after",
		"/* no end":                      "it ends in the middle",
		"a \"b":                          "it ends in the middle",
		strings.Repeat("a {", 30):        "more than 16 deep",
		"zone x { type secondary; };":    "no zone of type primary",
		"zone \"a\" { type primary; } x": "it ends in the middle",
	} {
		if _, err := Bind([]File{{"named.conf", []byte(text)}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	if _, err := Bind(nil); err == nil {
		t.Error("no files are no configuration")
	}
}

// Acls that name each other end.
func TestBindAclCycle(t *testing.T) {
	r, err := Bind([]File{{"named.conf", []byte(`acl a { b; }; acl b { a; }; zone "x.test" { type primary; file "x"; allow-transfer { a; }; };`)}})
	if err != nil || !strings.Contains(strings.Join(r.Notes, "\n"), "without end") {
		t.Errorf("%v %q", err, r.Notes)
	}
}

// Whatever the file: no panic, and what comes out has bounds.
func FuzzBind(f *testing.F) {
	f.Add(namedConf)
	f.Add(namedKeys)
	f.Add(`zone "x" { type primary; file "y"; update-policy { grant a self . A; }; also-notify { 1.2.3.4 port; }; };`)
	if data, err := os.ReadFile(filepath.Join("testdata", "failover.config")); err == nil {
		f.Add(string(data))
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := Bind([]File{{"named.conf", []byte(text)}})
		if err == nil && !strings.Contains(r.file("dns.toml"), "[[zone]]") {
			t.Errorf("no zone came out of %q", text)
		}
	})
}
