package names

import (
	"encoding/base64"
	"testing"

	"loadshare/dhcp/lease"
)

// The examples of RFC 4701, 3.6: DHCPv6 client with DUID, DHCPv4 client with an identifier, and one without.
func TestDHCIDIsThatOfRFC4701(t *testing.T) {
	duid := "\x00\x01\x00\x06\x41\x2d\xf1\x66\x01\x02\x03\x04\x05\x06"
	tests := []struct {
		name, fqdn string
		client     lease.Client
		want       string
	}{
		{"3.6.1 DUID", "chi6.example.com", lease.Client{ID: "\xff\x00\x00\x00\x07" + duid}, "AAIBY2/AuCccgoJbsaxcQc9TUapptP69lOjxfNuVAA2kjEA="},
		{"3.6.2 identifier", "chi.example.com", lease.Client{ID: "\x01\x07\x08\x09\x0a\x0b\x0c"}, "AAEBOSD+XR3Os/0LozeXVqcNc7FwCfQdWL3b/NaiUDlW2No="},
		{"3.6.3 hardware address", "client.example.com", lease.Client{HType: 1, CHAddr: "\x01\x02\x03\x04\x05\x06"}, "AAABxLmlskllE0MVjd57zHcWmEH3pCQ6VytcKD//7es/deY="},
		{"names are compared in lower case", "CLIENT.Example.com", lease.Client{HType: 1, CHAddr: "\x01\x02\x03\x04\x05\x06"}, "AAABxLmlskllE0MVjd57zHcWmEH3pCQ6VytcKD//7es/deY="},
		{"nobody", "x.example", lease.Client{}, ""},
	}
	for _, test := range tests {
		if got := base64.StdEncoding.EncodeToString(DHCID(test.client, test.fqdn)); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}

// RFC 4361, 6.1 and RFC 4701, 3.3: the DUID alone counts, so that all interfaces, and DHCPv4 and DHCPv6, have one identity.
func TestDHCIDOfADUIDDoesNotDependOnTheInterface(t *testing.T) {
	a := DHCID(lease.Client{ID: "\xff\x00\x00\x00\x01duid", HType: 1, CHAddr: "a"}, "h.example")
	b := DHCID(lease.Client{ID: "\xff\x00\x00\x00\x02duid", HType: 6, CHAddr: "b"}, "h.example")
	if string(a) != string(b) {
		t.Errorf("%x and %x", a, b)
	}
}
