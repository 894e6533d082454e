package importer

import (
	"strings"
	"testing"

	"loadshare/internal/config"
)

// A configuration that kea-dhcp4 -t of Kea 2.2.0 accepts, with that of its DDNS server and its leases.
func TestKea(t *testing.T) {
	r, err := Kea(read(t, "kea/kea-dhcp4.conf", "kea/kea-dhcp-ddns.conf", "kea/kea-leases4.csv"))
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "kea/golden", r)
}

// What cannot be mapped is said, with file and line; nothing is guessed.
func TestKeaNotes(t *testing.T) {
	const net = `"subnet4": [ { "subnet": "192.0.2.0/24", "pools": [ { "pool": "192.0.2.1-192.0.2.9" } ] } ]`
	tests := []struct{ name, conf, want string }{
		{"an expression of another kind", `"client-classes": [ { "name": "x", "test": "vendor[4491].exists" } ], ` + net, `class "x"`},
		{"an option nobody knows", `"option-data": [ { "name": "nobody", "data": "1" } ], ` + net, "option nobody is not known"},
		{"a value that does not fit", `"option-data": [ { "name": "routers", "data": "me" } ], ` + net, "option routers"},
		{"passive backup", `"hooks-libraries": [ { "library": "libdhcp_ha.so", "parameters": { "high-availability": [ { "mode": "passive-backup" } ] } } ], ` + net, "passive-backup has no counterpart"},
		{"names without D2", `"dhcp-ddns": { "enable-updates": true }, ` + net, "give kea-dhcp-ddns.conf as well"},
		{"a key that is new", `"quux": 1, ` + net, "c.conf:1: the server: quux: not taken over"},
	}
	for _, test := range tests {
		r, err := Kea([]File{{"c.conf", []byte(`{ "Dhcp4": { ` + test.conf + ` } }`)}})
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if all := strings.Join(r.Notes, "\n"); !strings.Contains(all, test.want) {
			t.Errorf("%s: %q is not in\n%s", test.name, test.want, all)
		}
	}
	for conf, want := range map[string]string{
		"{}":                                "no subnet4",
		"{\n\"Dhcp4\": {":                   "c.conf:2: it ends in the middle",
		"{\n\"Dhcp4\" 1 }":                  `c.conf:2: ":" is expected`,
		`{ "Dhcp4": <?include "x.json"?> }`: "put what that file says here",
		strings.Repeat("[", 100):            "deep in each other",
		"{ \"a\": tru }":                    `"tru" is no value`,
	} {
		if _, err := Kea([]File{{"c.conf", []byte(conf)}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", conf, err, want)
		}
	}
}

// Any input: an error that names the file, or a configuration that is TOML.
func FuzzKea(f *testing.F) {
	for _, file := range read(f, "kea/kea-dhcp4.conf", "kea/kea-leases4.csv") {
		f.Add(string(file.Data))
	}
	f.Add(`{ "Dhcp4": { "subnet4": [ { "subnet": "10.0.0.0/8", "pools": [ { "pool": "10.0.0.0/9" } ] } ] } }`)
	f.Fuzz(func(t *testing.T, conf string) {
		r, err := Kea([]File{{"c.conf", []byte(conf)}})
		if err != nil {
			return
		}
		if _, err := config.Parse("dhcp.toml", []byte(r.Files[0].Text)); err != nil {
			t.Fatalf("%v\n%s", err, r.Files[0].Text)
		}
	})
}
