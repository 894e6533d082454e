package control_test

import (
	"strings"
	"testing"

	"loadshare/internal/config"
	"loadshare/internal/control"
)

func TestParseAddress(t *testing.T) {
	good := map[string]string{
		"unix:/run/loadshare/dns.sock": "unix:/run/loadshare/dns.sock",
		"/run/loadshare/dns.sock":      "unix:/run/loadshare/dns.sock",
		"./dns.sock":                   "unix:dns.sock",
		"https://192.168.0.11:8954":    "https://192.168.0.11:8954",
		"https://[2001:db8::1]:8954/":  "https://[2001:db8::1]:8954",
		"https://ns2.mydomain.com:1":   "https://ns2.mydomain.com:1",
	}
	for in, want := range good {
		a, err := control.ParseAddress(in)
		if err != nil || a.String() != want {
			t.Errorf("ParseAddress(%q) = %q, %v, want %q", in, a, err, want)
		}
	}
	bad := map[string]string{
		"":                                  "no control address",
		"monitor":                           "no control address",
		"unix:":                             "no path",
		"http://192.168.0.11:8954":          "in the clear",
		"https://192.168.0.11":              "lacks a host or a port",
		"https://:8954":                     "lacks a host or a port",
		"https://u:p@192.168.0.11:8954":     "more than a host and a port",
		"https://192.168.0.11:8954/x":       "more than a host and a port",
		"unix:/" + strings.Repeat("x", 107): "at most 107",
	}
	for in, want := range bad {
		if a, err := control.ParseAddress(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseAddress(%q) = %q, %v, want an error with %q", in, a, err, want)
		}
	}
}

func FuzzParseAddress(f *testing.F) {
	for _, s := range []string{"unix:/a", "/a", "https://h:1", "https://[::1]:1", "http://h", "unix:", "https://%zz:1"} {
		f.Add(s)
	}
	// What is accepted has one spelling, which is accepted again.
	f.Fuzz(func(t *testing.T, text string) {
		a, err := control.ParseAddress(text)
		if err != nil {
			return
		}
		if a.IsZero() || (a.Socket == "") == (a.Host == "") {
			t.Fatalf("%q gave %+v: neither one nor the other", text, a)
		}
		again, err := control.ParseAddress(a.String())
		if err != nil || again != a {
			t.Fatalf("%q gave %q, which gives %q, %v", text, a, again, err)
		}
	})
}

func configFrom(t *testing.T, text string) (control.Config, config.Problems) {
	t.Helper()
	doc, err := config.Parse("/etc/loadshare/monitor.toml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	c := control.ConfigFrom(doc.Root().Table("control"), "monitor")
	return c, doc.Problems()
}

func TestConfigDefaults(t *testing.T) {
	for text, want := range map[string]string{
		"": "unix:/run/loadshare/monitor.sock",
		"[control]\nlisten = \"unix:/tmp/m.sock\"":   "unix:/tmp/m.sock",
		"[control]\nlisten = \"unix:run/m.sock\"":    "unix:/etc/loadshare/run/m.sock", // relative to the file that names it
		"[control]\nlisten = \"unix:../run/m.sock\"": "unix:/etc/run/m.sock",
	} {
		c, ps := configFrom(t, text)
		if len(ps) > 0 || c.Listen.String() != want {
			t.Errorf("%q: %s, problems %v, want %s", text, c.Listen, ps, want)
		}
	}
}

// https without ca, cert and cert_key is refused at configuration time.
func TestHTTPSNeedsCertificates(t *testing.T) {
	_, ps := configFrom(t, "[control]\nlisten = \"https://127.0.0.1:8954\"")
	text := ""
	for _, p := range ps.Errors() {
		text += p.Key + " "
	}
	for _, key := range []string{"control.ca ", "control.cert ", "control.cert_key "} {
		if !strings.Contains(text, key) {
			t.Errorf("problems name %q, want also %q", text, key)
		}
	}
	if _, ps := configFrom(t, "[control]\nlisten = \"http://127.0.0.1:8954\""); ps.Err() == nil {
		t.Error("http was accepted")
	}
}
