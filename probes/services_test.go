package probes

import "testing"

func TestServices(t *testing.T) {
	const file = "# comment\nhttp\t\t80/tcp\twww  # web\nsnmp 161/udp\nbad 99999/tcp\nzero 0/tcp\nalone\nmine 8081/udp\nmine 8082/tcp\n"
	tests := []struct {
		name string
		port uint16
		ok   bool
	}{
		{"http", 80, true},
		{"www", 80, true}, // an alias
		{"mine", 8082, true},
		{"snmp", 0, false}, // UDP only
		{"bad", 0, false}, {"zero", 0, false}, {"alone", 0, false}, {"comment", 0, false}, {"80/tcp", 0, false}, {"", 0, false},
	}
	for _, tt := range tests {
		if port, ok := parseServices(file, tt.name); port != tt.port || ok != tt.ok {
			t.Errorf("parseServices(%q) = %d, %v; want %d, %v", tt.name, port, ok, tt.port, tt.ok)
		}
	}
}

// TestF12: "we determine portnumber by checking the services file", also on images that lack the file.
func TestF12(t *testing.T) {
	for name, want := range map[string]uint16{"http": 80, "smtp": 25, "pop3": 110, "imap": 143, "https": 443} {
		if got, ok := usualPort(name); !ok || got != want {
			t.Errorf("usualPort(%q) = %d, %v; want %d", name, got, ok, want)
		}
		if got, ok := ServicePort(name); !ok || got == 0 {
			t.Errorf("ServicePort(%q) = %d, %v; want a port", name, got, ok)
		}
		if p := mustCompile(t, Spec{Service: name}); p.Port() == 0 {
			t.Errorf("a Spec with service %q has no port", name)
		}
	}
	if _, ok := ServicePort("no-such-service"); ok {
		t.Error("a service that does not exist has a port")
	}
}

func FuzzParseServices(f *testing.F) {
	f.Add("http 80/tcp www # web\n", "www")
	f.Add("x 1/tcp\r\ny\t2/udp z", "z")
	f.Fuzz(func(t *testing.T, text, name string) {
		if port, ok := parseServices(text, name); ok != (port != 0) {
			t.Errorf("parseServices(%q, %q) = %d, %v", text, name, port, ok)
		}
	})
}
