package ddns

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The samples of the contract and of the source document are accepted as they stand (F18).
func TestNormalSamples(t *testing.T) {
	cases := []struct {
		file string
		want []Set
	}{
		{"testdata/contract-normal-dns", []Set{
			{"smtp.mydomain.com", "A", 1, []string{"192.168.0.1", "192.168.0.2"}},
			{"www.mydomain.com", "A", 1, []string{"192.168.0.1", "192.168.0.2", "192.168.0.3"}},
		}},
		{"testdata/source-normal-dns", []Set{
			{"pop.domainname.com", "A", 1, []string{"192.168.0.4", "192.168.0.5"}},
			{"smtp.domainname.com", "A", 1, []string{"192.168.0.1", "192.168.0.2"}},
			{"www.domainname.com", "A", 1, []string{"192.168.0.1", "192.168.0.2", "192.168.0.3"}},
		}},
	}
	for _, c := range cases {
		text, err := os.ReadFile(c.file)
		if err != nil {
			t.Fatal(err)
		}
		got, problems := ParseNormal(text)
		if len(problems) != 0 {
			t.Errorf("%s: problems %v", c.file, problems)
		}
		if d := cmp.Diff(c.want, got.Sets); d != "" {
			t.Errorf("%s (-want +got)\n%s", c.file, d)
		}
	}
}

func TestNormalSyntax(t *testing.T) {
	cases := []struct {
		name     string
		text     string
		sets     []Set
		problems []string
	}{
		{name: "may be empty", text: ""},
		{name: "comments, blank lines, send and show do nothing", text: "; reset\n\nsend\nshow\nanswer\n"},
		{name: "without the word update", text: "add a.example 5 IN A 10.0.0.1 ; one\n",
			sets: []Set{{"a.example", "A", 5, []string{"10.0.0.1"}}}},
		{name: "final dot and case do not matter", text: "update add WWW.Example. 5 a 10.0.0.1\nupdate add www.example 5 A 10.0.0.1",
			sets: []Set{{"www.example", "A", 5, []string{"10.0.0.1"}}}},
		{name: "ttl line is the default", text: "ttl 1h\nupdate add a.example A 10.0.0.1\nupdate add b.example 7 A 10.0.0.1",
			sets: []Set{{"a.example", "A", 3600, []string{"10.0.0.1"}}, {"b.example", "A", 7, []string{"10.0.0.1"}}}},
		{name: "no TTL at all is 30, said so", text: "update add a.example A 10.0.0.1",
			sets:     []Set{{"a.example", "A", 30, []string{"10.0.0.1"}}},
			problems: []string{`1: warning: "a.example": no TTL: taken as 30`}},
		{name: "two TTLs in one set: the later", text: "update add a.example 1 A 10.0.0.1\nupdate add a.example 2 A 10.0.0.2",
			sets:     []Set{{"a.example", "A", 2, []string{"10.0.0.1", "10.0.0.2"}}},
			problems: []string{`2: warning: "a.example": TTL 1 and 2 in one set: all get 2`}},
		{name: "MX, SRV and AAAA (M7)", text: "update add example 9 MX 010 Node1.example.\nupdate add _x._tcp.example 9 SRV 1 2 3 n.example\nupdate add example 9 AAAA 2001:DB8:0::5",
			sets: []Set{{"_x._tcp.example", "SRV", 9, []string{"1 2 3 n.example"}}, {"example", "AAAA", 9, []string{"2001:db8::5"}}, {"example", "MX", 9, []string{"10 node1.example"}}}},
		{name: "delete takes lines back, or empties the set", text: "update add a.example 1 A 10.0.0.1\nupdate add a.example 1 A 10.0.0.2\nupdate delete a.example A 10.0.0.1\nupdate del old.example A\n",
			sets: []Set{{"a.example", "A", 1, []string{"10.0.0.2"}}, {"old.example", "A", 0, []string{}}}},
		{name: "server, key and prereq are ignored aloud", text: "server 10.0.0.1\nkey k c2VjcmV0\nprereq nxdomain a.example\n",
			problems: []string{`1: warning: "server": ignored: agent.toml names the servers`, `2: warning: "key": ignored: agent.toml names the key; take secrets out of this file`, `3: warning: "prereq": ignored: the agent makes its own prerequisites`}},
		{name: "all problems at once", text: "updat add a A 1\nupdate add a.example 1 TXT hello\nupdate add a..b 1 A 10.0.0.1\nupdate add a.example 1 A 10.0.0\nzone example\nupdate add a.test 1 A 10.0.0.1\nclass CH\nttl soon\nupdate\nupdate replace x",
			problems: []string{
				`1: "updat": accepted: update add, update delete, zone, ttl, class, send, a ; comment or an empty line`,
				`2: "TXT": accepted: type A, AAAA, MX or SRV`,
				`3: "a..b": accepted: a name (name "a..b" has an empty label)`,
				`4: "10.0.0": accepted: A data ("10.0.0" is not an IPv4 address)`,
				`6: "a.test": accepted: a name in zone example`,
				`7: "class CH": accepted: class IN`,
				`8: "ttl soon": accepted: ttl SECONDS`,
				`9: "update": accepted: update add NAME TTL TYPE DATA, or update delete NAME TYPE [DATA]`,
				`10: "replace": accepted: add, delete or del`,
			}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, problems := ParseNormal([]byte(c.text))
			if d := cmp.Diff(c.sets, got.Sets); d != "" {
				t.Errorf("sets (-want +got)\n%s", d)
			}
			var texts []string
			for _, p := range problems {
				texts = append(texts, p.String())
			}
			if d := cmp.Diff(c.problems, texts); d != "" {
				t.Errorf("problems (-want +got)\n%s", d)
			}
		})
	}
}

func TestNormalZoneLineIsKept(t *testing.T) {
	got, problems := ParseNormal([]byte("zone sub.example\nupdate add a.sub.example 1 A 10.0.0.1\n"))
	if len(problems) != 0 || got.Zones["a.sub.example"] != "sub.example" {
		t.Errorf("zones = %v, problems %v", got.Zones, problems)
	}
}

func TestParseTTL(t *testing.T) {
	cases := map[string]uint32{"0": 0, "1": 1, "90": 90, "1h30m": 5400, "1W": 604800, "2147483647": 2147483647}
	for text, want := range cases {
		if got, ok := ParseTTL(text); !ok || got != want {
			t.Errorf("ParseTTL(%q) = %d, %v; want %d", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "A", "h", "1x", "1h3", "2147483648", "4000w", "-1"} {
		if got, ok := ParseTTL(text); ok {
			t.Errorf("ParseTTL(%q) = %d, want refused", text, got)
		}
	}
}

func FuzzParseNormal(f *testing.F) {
	f.Add("update add www.mydomain.com 1 A 192.168.0.1\n\n")
	f.Add("zone example\nttl 1h\nclass IN\nadd example MX 10 n.example\ndel example MX\n")
	f.Add("update delete x.example\nserver 1.2.3.4\n;c\nprereq yxrrset a A 1.2.3.4")
	f.Fuzz(func(t *testing.T, text string) {
		n, problems := ParseNormal([]byte(text))
		lines := strings.Count(text, "\n") + 1
		for _, p := range problems {
			if p.Line < 1 || p.Line > lines || p.Accepted == "" {
				t.Fatalf("problem without a place or an advice: %+v", p)
			}
		}
		// What was read prints as lines that read as the same.
		var again strings.Builder
		for _, s := range n.Sets {
			if len(s.Values) == 0 {
				again.WriteString("update delete " + s.Name + " " + s.Type + "\n")
			}
			for _, l := range Diff(Set{Name: s.Name, Type: s.Type}, s) {
				again.WriteString(l + "\n")
			}
			if got, ok := n.Get(s.Key()); !ok || !got.Equal(s) {
				t.Fatalf("Get(%v) = %v, %v", s.Key(), got, ok)
			}
		}
		m, problems := ParseNormal([]byte(again.String()))
		for _, p := range problems {
			if !p.Warning {
				t.Fatalf("own output does not parse: %v\n%s", p, again.String())
			}
		}
		for _, s := range n.Sets {
			if got, ok := m.Get(s.Key()); !ok || !got.Equal(s) {
				t.Fatalf("round trip of %+v gave %+v", s, got)
			}
		}
	})
}
