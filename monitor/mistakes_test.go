package monitor

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"loadshare/internal/config"
	"loadshare/monitor/decide"
)

const okHead = "id = \"m1\"\n[agents]\nkey = \"agent.key\"\n[dns]\nagents = [\"192.0.2.53\"]\n"

const okPool = "[[pool]]\nrecord = \"www.mydomain.com\"\n[pool.check]\nport = 80\n[[pool.member]]\naddress = \"192.0.2.1\"\n"

// The contract: an unknown key, a wrong type or an impossible value is an error
// that names file, line, key, value and what is accepted.
func TestEveryMistakeIsNamed(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want string // of the only error
	}{
		"no agents table":        {"[dns]\nagents = [\"192.0.2.53\"]\n" + okPool, `agents is missing: accepted: a table [agents] with key = "FILE", or ca, cert and cert_key`},
		"no publishing agent":    {"[agents]\nkey = \"agent.key\"\n" + okPool, `dns is missing: accepted: a table [dns] with agents = ["ADDRESS", …]: the agents that publish`},
		"empty publishing list":  {"[agents]\nkey = \"agent.key\"\n[dns]\nagents = []\n" + okPool, `4: dns.agents = []: accepted: the addresses of the agents that publish, at least one`},
		"agent twice":            {replace(okHead, `["192.0.2.53"]`, `["192.0.2.53", "192.0.2.53:2224"]`) + okPool, `5: dns.agents[2] = "192.0.2.53:2224": accepted: each address once`},
		"bad id":                 {replace(okHead, `"m1"`, `"m 1"`) + okPool, `1: id = "m 1": accepted: a name of letters, digits, dots and hyphens, unique among the monitors of the site`},
		"unknown key":            {okHead + okPool + "colour = \"red\"\n", `12: unknown key pool[1].member[1].colour = "red": accepted: address, agent, check, checks, depends_on, port, restart`},
		"no record":              {okHead + replace(okPool, "record = \"www.mydomain.com\"\n", ""), `6: pool[1].record is missing: accepted: a string that is not empty`},
		"bad record":             {okHead + replace(okPool, "www.mydomain.com", "www mydomain"), `7: pool[1].record = "www mydomain": accepted: a domain name, such as "www.mydomain.com"`},
		"record twice":           {okHead + okPool + okPool, `13: pool[2].record = "www.mydomain.com": accepted: each record once; www.mydomain.com/A is there already: put the members into one pool`},
		"record outside zone":    {okHead + replace(okPool, "[pool.check]", "zone = \"example.org\"\n[pool.check]"), `8: pool[1].zone = "example.org": accepted: a zone that www.mydomain.com is in`},
		"unknown type":           {okHead + replace(okPool, "[pool.check]", "type = \"SRV\"\n[pool.check]"), `8: pool[1].type = "SRV": accepted: "A", "AAAA" or "MX"`},
		"preference without MX":  {okHead + replace(okPool, "[pool.check]", "preference = 5\n[pool.check]"), `8: pool[1].preference = 5: accepted: only with type = "MX"`},
		"no member":              {okHead + strings.Split(okPool, "[[pool.member]]")[0], `6: pool[1].member is missing: accepted: at least one [[pool.member]]`},
		"member twice":           {okHead + okPool + "[[pool.member]]\naddress = \"192.0.2.1\"\n", `13: pool[1].member[2].address = "192.0.2.1": accepted: each member once in a pool`},
		"member not a host":      {okHead + replace(okPool, "192.0.2.1\"", "224.0.0.1\""), `11: pool[1].member[1].address = "224.0.0.1": accepted: the address of a host`},
		"v4 in an AAAA pool":     {okHead + replace(okPool, "[pool.check]", "type = \"AAAA\"\n[pool.check]"), `12: pool[1].member[1].address = "192.0.2.1": accepted: an IPv6 address: the pool's type is AAAA`},
		"MX without target":      {okHead + replace(replace(okPool, "[pool.check]", "type = \"MX\"\n[pool.check]"), "address = \"192.0.2.1\"\n", ""), `11: pool[1].member[1].target is missing: accepted: a string that is not empty`},
		"nothing to look at":     {okHead + replace(okPool, "[pool.check]\nport = 80\n", ""), `8: pool[1].member[1].check is missing: accepted: a [pool.check], or a [pool.member.check] of its own: nothing would be looked at`},
		"script with a path":     {okHead + okPool + "restart = \"../apache\"\n", `12: pool[1].member[1].restart = "../apache": accepted: the name of a service in that node's agent.toml`},
		"port of a tcp check":    {okHead + replace(okPool, "port = 80", "expect = \"x\""), `8: pool[1].check.port is missing`},
		"bad port":               {okHead + replace(okPool, "port = 80", "port = 70000"), `9: pool[1].check.port = 70000: accepted: a number from 1 to 65535`},
		"unknown check type":     {okHead + replace(okPool, "port = 80", "port = 80\ntype = \"gopher\""), `10: pool[1].check.type = "gopher": accepted: "tcp",`},
		"bad regexp":             {okHead + replace(okPool, "port = 80", "port = 80\nexpect_regexp = \"(\""), `10: pool[1].check.expect_regexp = "(": accepted: `},
		"timeout over interval":  {okHead + replace(okPool, "port = 80", "port = 80\ntimeout = \"9s\""), `10: pool[1].check.timeout = "9s": accepted: a timeout that is no longer than the interval (5s)`},
		"interval no duration":   {okHead + "[defaults]\ninterval = \"soon\"\n" + okPool, `7: defaults.interval = "soon": accepted: `},
		"min_members is a word":  {okHead + replace(okPool, "[pool.check]", "min_members = \"most\"\n[pool.check]"), `8: pool[1].min_members = "most": accepted: a number, or a share such as "50%"`},
		"min_members over 100%":  {okHead + replace(okPool, "[pool.check]", "min_members = \"150%\"\n[pool.check]"), `8: pool[1].min_members = "150%": accepted: a share from "0%" to "100%"`},
		"flap without window":    {okHead + replace(okPool, "[pool.check]", "flap = 5\n[pool.check]"), `8: pool[1].flap = 5: accepted: a count and a window, such as "3/10m"`},
		"on_all_down":            {okHead + replace(okPool, "[pool.check]", "on_all_down = \"panic\"\n[pool.check]"), `8: pool[1].on_all_down = "panic": accepted: "keep-last", "all" or "none"`},
		"need too many":          {okHead + replace(okPool, "[pool.check]", "need = 2\n[pool.check]"), `8: pool[1].need = 2: accepted: "all", "any" or a number from 1 to 1, the checks of the pool`},
		"named check nameless":   {okHead + okPool + "[[check]]\ntype = \"icmp\"\naddress = \"192.0.2.1\"\n", `12: check[1].name is missing: accepted: a name for depends_on, checks and anchors to use`},
		"named check twice":      {okHead + okPool + "[[check]]\nname = \"a\"\nport = 1\naddress = \"192.0.2.1\"\n[[check]]\nname = \"a\"\nport = 1\naddress = \"192.0.2.1\"\n", `17: check[2].name = "a": accepted: each name once`},
		"unknown dependency":     {okHead + okPool + "depends_on = [\"gateway\"]\n", `12: pool[1].member[1].depends_on[1] = "gateway": accepted: the name of a [[check]]`},
		"unknown member check":   {okHead + okPool + "checks = [\"gateway\"]\n", `12: pool[1].member[1].checks[1] = "gateway": accepted: the name of a [[check]]`},
		"circle in a pool":       {okHead + replace(okPool, "port = 80", "name = \"a\"\nport = 80\ndepends_on = [\"a\"]"), `accepted: dependencies without a circle: a depends on itself`},
		"bad anchor":             {okHead + "[guard]\nanchors = [\"the gateway\"]\n" + okPool, `7: guard.anchors[1] = "the gateway": accepted: an address, pinged; ADDRESS:PORT, connected to; or the name of a [[check]]`},
		"bad peer":               {okHead + "[monitors]\nwatch = [\"m2\"]\n" + okPool, `7: monitors.watch[1] = "m2": accepted: the control address of another monitor: unix:/PATH or https://HOST:PORT`},
		"header without a colon": {okHead + replace(okPool, "port = 80", "type = \"http\"\nheaders = [\"X-A\"]"), `10: pool[1].check.headers[1] = "X-A": accepted: "Name: value"`},
		"member port of several": {okHead + replace(okPool, "[pool.check]\nport = 80", "[[pool.check]]\nport = 80\n[[pool.check]]\nport = 81") + "port = 8080\n", `14: pool[1].member[1].port = 8080: accepted: only where the pool has one check`},
	} {
		t.Run(name, func(t *testing.T) {
			path := writeConfig(t, c.text)
			_, problems := LoadConfig(path)
			var got []string
			for _, p := range problems.Errors() {
				got = append(got, strings.TrimPrefix(strings.TrimPrefix(p.String(), path+":"), " "))
			}
			if len(got) != 1 || !strings.Contains(got[0], c.want) {
				t.Errorf("errors:\n  %s\nwant only:\n  %s", strings.Join(got, "\n  "), c.want)
			}
		})
	}
}

// The contract: "all problems are reported at once".
func TestAllProblemsAreReportedAtOnce(t *testing.T) {
	_, problems := LoadConfig(writeConfig(t, "[agents]\nkey = \"missing.key\"\n[dns]\nagents = [\"nowhere\"]\n[[pool]]\nttl = \"x\"\n[pool.check]\nport = 0\n[[pool.member]]\naddress = 5\nfoo = 1\n"))
	var keys []string
	for _, p := range problems.Errors() {
		keys = append(keys, p.Key)
	}
	want := []string{"agents.key", "dns.agents[1]", "pool[1].record", "pool[1].ttl", "pool[1].check.port", "pool[1].member[1].address", "pool[1].member[1].foo"}
	if diff := cmp.Diff(want, keys); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
}

// The contract: a ttl "below 5 a warning"; warnings do not forbid the configuration.
func TestWarningsDoNotForbid(t *testing.T) {
	for name, c := range map[string]struct{ text, key string }{
		"low ttl":              {okHead + replace(okPool, "[pool.check]", "ttl = 1\n[pool.check]"), "pool[1].ttl"},
		"fast probes":          {okHead + replace(okPool, "port = 80", "port = 80\ninterval = \"200ms\""), "pool[1].check.interval"},
		"floor over members":   {okHead + replace(okPool, "[pool.check]", "min_members = 3\n[pool.check]"), "pool[1].min_members"},
		"nothing looked after": {okHead, "pool"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, problems := LoadConfig(writeConfig(t, c.text))
			if err := problems.Err(); err != nil || cfg == nil {
				t.Fatalf("refused: %v", err)
			}
			if !slices.ContainsFunc(problems.Warnings(), func(p config.Problem) bool { return p.Key == c.key }) {
				t.Errorf("warnings %v, want one for %s", problems.Warnings(), c.key)
			}
		})
	}
}

// A pool's settings override [defaults], and a check's override the pool's.
func TestSettingsOverrideEachOther(t *testing.T) {
	c := mustLoad(t, okHead+"[defaults]\ninterval = \"10s\"\nfall = 4\nflap = \"off\"\n"+replace(okPool, "[pool.check]\nport = 80", "interval = \"4s\"\n[[pool.check]]\nport = 80\n[[pool.check]]\nname = \"fast\"\nport = 81\ninterval = \"2s\"\nfall = 1"))
	got := []any{}
	for _, k := range c.Pools[0].Checks {
		got = append(got, k.Name, k.Interval.String(), k.Spec.Timeout.String(), k.Fall)
	}
	if diff := cmp.Diff([]any{"tcp-80", "4s", "2.4s", 4, "fast", "2s", "1.2s", 1}, got); diff != "" {
		t.Errorf("checks (-want +got):\n%s", diff)
	}
	if c.Pools[0].Flap.Downs != 0 {
		t.Errorf("flap = \"off\" is %d downs", c.Pools[0].Flap.Downs)
	}
}

// M8: a check of a node silences the member's own, and takes the member down.
func TestNodeCheckCountsAsTheMembersOwn(t *testing.T) {
	c := mustLoad(t, okHead+okPool+"checks = [\"node\"]\ndepends_on = [\"gateway\"]\n[[check]]\nname = \"node\"\ntype = \"icmp\"\naddress = \"192.0.2.1\"\n[[check]]\nname = \"gateway\"\nport = 22\naddress = \"192.0.2.254\"\n")
	p := build(c, nil)
	if err := p.decide.Validate(); err != nil {
		t.Fatal(err)
	}
	const own = decide.CheckID("www.mydomain.com/A 192.0.2.1 tcp-80")
	if diff := cmp.Diff([]decide.CheckID{"check node", own}, p.decide.Pools[0].Members[0].Paths[0].Checks); diff != "" {
		t.Errorf("the member's checks (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]decide.CheckID{"check gateway", "check node"}, p.jobs[p.byID[own]].check.DependsOn); diff != "" {
		t.Errorf("what silences its own check (-want +got):\n%s", diff)
	}
}

func FuzzLoadConfig(f *testing.F) {
	sample, err := os.ReadFile("testdata/contract.toml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sample)
	f.Add([]byte(okHead + okPool))
	f.Add([]byte(siteConfig))
	f.Add([]byte("[[pool]]\nmember = 3\ncheck = []\n[[check]]\ncheck = {}"))
	path := writeConfig(f, "")
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<16 {
			return
		}
		cfg, problems := ParseConfig(filepath.Join(filepath.Dir(path), "monitor.toml"), data)
		if problems.Err() != nil {
			return
		}
		// What is accepted, the machine accepts, too.
		if err := build(cfg, nil).decide.Validate(); err != nil {
			t.Errorf("accepted, but: %v\n%s", err, data)
		}
	})
}
