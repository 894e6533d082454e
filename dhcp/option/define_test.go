package option

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The table is a table: by number, no number and no name twice, aliases beside names, definitions that could be an operator's.
func TestStandard(t *testing.T) {
	last := Code(0)
	for _, d := range Standard() {
		if d.Code <= last || d.Code == End {
			t.Errorf("%s: code %d after %d", d.Name, d.Code, last)
		}
		last = d.Code
		if err := d.checkType(); err != nil {
			t.Error(err)
		}
		if !validName(d.Name) {
			t.Errorf("%q is no name", d.Name)
		}
		if got, ok := ByName(d.Name); !ok || !cmp.Equal(got, d) {
			t.Errorf("%s: by name %v", d.Name, got)
		}
		if got, ok := ByCode(d.Code); !ok || !cmp.Equal(got, d) {
			t.Errorf("%d: by code %v", d.Code, got)
		}
		if _, ok := aliases[d.Name]; ok {
			t.Errorf("%s is a name and an alias", d.Name)
		}
	}
	for alias, c := range aliases {
		if d, ok := ByName(alias); !ok || d.Code != c {
			t.Errorf("%s: %v", alias, d)
		}
	}
	// RFC 2132 has 1 to 76 without a gap.
	for c := Code(1); c <= 76; c++ {
		if _, ok := ByCode(c); !ok {
			t.Errorf("%d has no name", c)
		}
	}
}

// Names and types as in Kea's table of standard options, where a wrong one would be sent without anybody noticing.
func TestStandardIsKeas(t *testing.T) {
	for name, want := range map[string]Definition{
		"routers":                   {Code: 3, Type: Address, List: true},
		"time-offset":               {Code: 2, Type: Int32},
		"domain-name":               {Code: 15, Type: String},
		"interface-mtu":             {Code: 26, Type: Uint16},
		"ntp-servers":               {Code: 42, Type: Address, List: true},
		"netbios-dd-server":         {Code: 45, Type: Address, List: true},
		"vendor-class-identifier":   {Code: 60, Type: String},
		"tftp-server-name":          {Code: 66, Type: String},
		"boot-file-name":            {Code: 67, Type: String},
		"streettalk-server":         {Code: 75, Type: Address, List: true},
		"user-class":                {Code: 77, Type: Binary},
		"nds-servers":               {Code: 85, Type: Address, List: true},
		"client-system":             {Code: 93, Type: Uint16, List: true},
		"uap-servers":               {Code: 98, Type: String},
		"pcode":                     {Code: 100, Type: String},
		"v6-only-preferred":         {Code: 108, Type: Uint32},
		"v4-captive-portal":         {Code: 114, Type: String},
		"auto-config":               {Code: 116, Type: Uint8},
		"name-service-search":       {Code: 117, Type: Uint16, List: true},
		"capwap-ac-v4":              {Code: 138, Type: Address, List: true},
		"sip-ua-cs-domains":         {Code: 141, Type: Name, List: true},
		"start-time-of-state":       {Code: 153, Type: Uint32},
		"data-source":               {Code: 157, Type: Uint8},
		"v4-access-domain":          {Code: 213, Type: Name},
		"bcms-controller-address":   {Code: 89, Type: Address, List: true},
		"dhcp-requested-address":    {Code: 50, Type: Address},
		"classless-static-route":    {Code: 121, Type: Route, List: true},
		"dhcp-max-message-size":     {Code: 57, Type: Uint16},
		"dhcp-server-identifier":    {Code: 54, Type: Address},
		"vivso-suboptions":          {Code: 125, Type: Binary},
		"ieee802-3-encapsulation":   {Code: 36, Type: Boolean},
		"netinfo-server-address":    {Code: 112, Type: Address, List: true},
		"mobile-ip-home-agent":      {Code: 68, Type: Address, List: true},
		"resource-location-servers": {Code: 11, Type: Address, List: true},
	} {
		want.Name = name
		if got, _ := ByName(name); !cmp.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
	}
}

func TestRawNames(t *testing.T) {
	for _, c := range []Code{1, 3, 224, 254} {
		d, ok := ByName(Raw(c).Name)
		if !ok || d.Code != c || d.Type != Binary {
			t.Errorf("%d: %v", c, d)
		}
	}
	for _, name := range []string{"code-0", "code-255", "code-256", "code-", "code-01", "code-+1", "code-1 ", "Routers", ""} {
		if d, ok := ByName(name); ok {
			t.Errorf("%q is %v", name, d)
		}
	}
}

func TestSet(t *testing.T) {
	phone := Definition{Code: 224, Name: "phone-server", Type: Address, List: true}
	pair := Definition{Code: 225, Name: "acme.pair", Type: Record, Fields: []Type{Uint8, String}}
	s, err := NewSet([]Definition{phone, pair})
	if err != nil {
		t.Fatal(err)
	}
	if d, ok := s.ByName("phone-server"); !ok || !cmp.Equal(d, phone) || !cmp.Equal(s.ByCode(225), pair) {
		t.Error("the operator's own are not there")
	}
	if d, ok := s.ByName("routers"); !ok || d.Code != Routers || s.ByCode(Routers).Name != "routers" || s.ByCode(226).Name != "code-226" {
		t.Error("the standard ones are not there")
	}
	var none *Set
	if d, ok := none.ByName("routers"); !ok || d.Code != 3 || none.ByCode(224).Name != "code-224" {
		t.Error("a nil set is the standard ones")
	}
}

func TestSetRefuses(t *testing.T) {
	for _, c := range []struct {
		d    Definition
		want string
	}{
		{Definition{Code: 3, Name: "my-routers", Type: Address}, "my-routers: code 3 is the standard option routers: use that name"},
		{Definition{Code: 224, Name: "routers", Type: Address}, "routers: is the name of a standard option, code 3: use another name"},
		{Definition{Code: 224, Name: "default-url", Type: String}, "default-url: is the name of a standard option, code 114: use another name"},
		{Definition{Code: 224, Name: "code-225"}, "code-225: is the name of a standard option, code 225: use another name"},
		{Definition{Code: 0, Name: "a"}, "a: code 0 has no value; 1 to 254 are allowed"},
		{Definition{Code: 255, Name: "a"}, "a: code 255 has no value; 1 to 254 are allowed"},
		{Definition{Code: 224}, `option name "": 1 to 64 letters, digits, hyphens, underscores and dots are allowed, a letter first`},
		{Definition{Code: 224, Name: "a b"}, `option name "a b": 1 to 64 letters, digits, hyphens, underscores and dots are allowed, a letter first`},
		{Definition{Code: 224, Name: "a", Type: 99}, "a: has no known type"},
		{Definition{Code: 224, Name: "a", Type: String, List: true}, "a: a list of string is not possible: where one ends cannot be told"},
		{Definition{Code: 224, Name: "a", Type: Record}, "a: a record needs fields"},
		{Definition{Code: 224, Name: "a", Type: Uint8, Fields: []Type{Uint8}}, "a: only a record has fields, not uint8"},
		{Definition{Code: 224, Name: "a", Type: Record, Fields: []Type{String, Uint8}}, "a: field 1 is string, whose end cannot be told: it must be the last, and there once"},
		{Definition{Code: 224, Name: "a", Type: Record, Fields: []Type{Uint8, String}, List: true}, "a: field 2 is string, whose end cannot be told: it must be the last, and there once"},
		{Definition{Code: 224, Name: "a", Type: Record, Fields: []Type{Record}}, "a: field 1 cannot be record"},
	} {
		if _, err := NewSet([]Definition{c.d}); err == nil || err.Error() != c.want {
			t.Errorf("%v\nwant\n%s", err, c.want)
		}
	}
	// All problems at once.
	_, err := NewSet([]Definition{{Code: 224, Name: "a"}, {Code: 225, Name: "a"}, {Code: 224, Name: "b"}})
	if err == nil || strings.Join(strings.Split(err.Error(), "\n"), "; ") != "a: defined twice, with the codes 224 and 225; b: code 224 is a already" {
		t.Error(err)
	}
}

func TestTypeNames(t *testing.T) {
	for n := range typeNames {
		typ := Type(n)
		if got, ok := TypeByName(typ.String()); !ok || got != typ {
			t.Errorf("%s: %v", typ, got)
		}
	}
	if _, ok := TypeByName("nothing"); ok {
		t.Error("there is no such type")
	}
}

// What the server makes itself an operator cannot set; what clients need of an operator he can.
func TestManaged(t *testing.T) {
	for _, c := range []Code{51, 52, 53, 54, 61, 82, 0, 255} {
		if !Managed(c) {
			t.Errorf("%d", c)
		}
	}
	for _, c := range []Code{1, 3, 6, 12, 15, 43, 60, 66, 67, 108, 119, 121, 224} {
		if Managed(c) {
			t.Errorf("%d", c)
		}
	}
}
