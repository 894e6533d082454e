package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"loadshare/internal/config"
)

func sync(t *testing.T, op Operation, from, to string) (string, []string) {
	t.Helper()
	text, changes, err := Sync(op, "p", from, to)
	if err != nil {
		t.Fatalf("%s:\n%s\n%s\n%v", op, from, to, err)
	}
	if _, err := config.Parse("", []byte(text)); err != nil {
		t.Fatalf("the result is not TOML: %v\n%s", err, text)
	}
	var lines []string
	for _, c := range changes {
		sign := "+ "
		if c.Lost {
			sign = "- "
		}
		lines = append(lines, sign+c.Text)
	}
	return text, lines
}

const pairTable = "\n[[failover]]\nname = \"p\"\nrole = \"ROLE\"\n"

// side is the configuration of one side: the pair, then more.
func side(role, more string) string {
	return "listen = [\"" + role + "\"]\n" + strings.ReplaceAll(pairTable, "ROLE", role) + more
}

// Checklist D07, with the source's own example: "On the main server: Name1=A, Name2=C. On the backup server: Name2=B, Name3=D."
// no change: Name2=B, Name3=D. ensure: Name1=A, Name2=B, Name3=D. replace: Name1=A, Name2=C, Name3=D. exact: Name1=A, Name2=C.
func TestD07FourFunctions(t *testing.T) {
	const (
		noChange = "Name2=B Name3=D"
		ensure   = "Name1=A Name2=B Name3=D"
		replace  = "Name1=A Name2=C Name3=D"
		exact    = "Name1=A Name2=C"
	)
	// each kind of data with its three names; V is the value
	objects := func(kind, key string) [3]string {
		one := func(name string) string {
			return "\n[[" + kind + "]]\nname = \"" + name + "\"\n" + key + " = \"V\"\n"
		}
		return [3]string{one("Name1"), one("Name2"), one("Name3")}
	}
	scopeOf := [3]string{}
	for i, name := range []string{"Name1", "Name2", "Name3"} {
		scopeOf[i] = "\n[[scope]]\nname = \"" + name + "\"\nfailover = \"p\"\nboot_file = \"V\"\n"
	}
	clients := [3]string{}
	for i, mac := range []string{"01", "02", "03"} {
		clients[i] = "\n[[client]]\nmac = \"02:00:00:00:00:" + mac + "\"\nhostname = \"V\"\n"
	}
	// Checklist D08: table 27-1 by our objects, in the order update, complete, exact.
	for _, row := range []struct {
		what  string
		parts [3]string
		want  [3]string
	}{
		{"scopes related to the failover pair", scopeOf, [3]string{exact, exact, exact}},
		{"client-class", objects("class", "vendor_class"), [3]string{replace, replace, exact}},
		{"client", clients, [3]string{replace, replace, exact}},
		{"custom options list", objects("option_definition", "type"), [3]string{ensure, replace, exact}},
		{"shared network", objects("shared_network", "boot_file"), [3]string{replace, replace, exact}},
	} {
		value := func(i int, v string) string { return strings.ReplaceAll(row.parts[i], "V", v) }
		from := side("main", value(0, "A")+value(1, "C"))
		to := side("backup", value(1, "B")+value(2, "D"))
		for op := Update; op <= Exact; op++ {
			text, _ := sync(t, op, from, to)
			var got []string
			for i, v := range []string{"A", "B", "C", "D"} {
				for n := range 3 {
					if strings.Contains(text, strings.TrimSpace(value(n, v))) {
						got = append(got, "Name"+string(rune('1'+n))+"="+string(rune('A'+i)))
					}
				}
			}
			want := strings.Fields(row.want[op])
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s, %s: %s\n%s", row.what, op, diff, text)
			}
		}
	}
	// Keys of a table: policy's options, boot files and others; DNS updates; alerts; the server's own properties; the pair's tuning.
	for _, row := range []struct {
		what, head string
		keys       [3]string
		want       [3]string
	}{
		{"policy: option list", "\n[policy.options]\n", [3]string{"host-name", "domain-name", "tftp-server-name"}, [3]string{ensure, replace, exact}},
		{"policy: packet boot file", "\n[policy]\n", [3]string{"boot_file", "server_name", "next_server"}, [3]string{ensure, replace, exact}},
		{"policy: all other properties", "\n[policy]\n", [3]string{"lease_time", "domain", "abandon_time"}, [3]string{replace, replace, exact}},
		{"DNS update configuration", "\n[ddns]\n", [3]string{"forward_zone", "reverse_zone", "policy"}, [3]string{replace, replace, exact}},
		{"trap configuration", "\n[alerts]\n", [3]string{"smtp", "from", "summary"}, [3]string{ensure, replace, exact}},
		{"DHCP server: all other properties", "", [3]string{"history", "orphan_time", "offer_hold"}, [3]string{noChange, replace, replace}},
		{"failover tuning properties", "failover", [3]string{"mclt", "safe_period", "poll_interval"}, [3]string{exact, exact, exact}},
	} {
		text := func(role string, values [3]string) string {
			var keys strings.Builder
			for i, v := range values {
				if v != "" {
					keys.WriteString(row.keys[i] + " = \"" + v + "\"\n")
				}
			}
			switch row.head {
			case "":
				return keys.String() + side(role, "")
			case "failover":
				return side(role, keys.String())
			}
			return side(role, row.head+keys.String())
		}
		for op := Update; op <= Exact; op++ {
			result, _ := sync(t, op, text("main", [3]string{"A", "C", ""}), text("backup", [3]string{"", "B", "D"}))
			var got []string
			for i, key := range row.keys {
				for _, v := range []string{"A", "B", "C", "D"} {
					if strings.Contains(result, key+" = \""+v+"\"") {
						got = append(got, "Name"+string(rune('1'+i))+"="+v)
					}
				}
			}
			if diff := cmp.Diff(strings.Fields(row.want[op]), got); diff != "" {
				t.Errorf("%s, %s: %s\n%s", row.what, op, diff, result)
			}
		}
	}
}

const mainText = `# the main
interfaces = ["eth1"]
listen = ["192.168.0.10:67"]
state_dir = "/srv/main"
history = "30d"

[control]
listen = "unix:/run/main.sock"

[[failover]] # the pair
name = "p"
role = "main"
address = "192.168.0.10:647"
partner = "192.168.0.11:647"
key = "main.key"
mclt = "2h"

[[failover]]
name = "other"
role = "main"
address = "192.168.0.10:648"
partner = "192.168.0.12:647"
key = "other.key"

[policy]
lease_time = "8h"
[policy.options]
domain-name = "mydomain.com"

[[class]]
name = "voice"   # phones
vendor_class = "Cisco"

[[class]]
name = "rest"
only_known = true

# the hall
[[scope]]
name = "hall"
subnet = "10.0.1.0/24"
ranges = [
    "10.0.1.10-10.0.1.99", # desks
    "10.0.1.100-10.0.1.200",
]
failover = "p"
interface = "eth7"
[scope.options]
routers = ["10.0.1.1"]
[[scope.reservation]]
address = "10.0.1.5"
mac = "02:00:00:00:00:05"

[[scope]]
name = "yard"
subnet = "10.0.2.0/24"
ranges = ["10.0.2.10-10.0.2.99"]
failover = "p"

[[scope]]
name = "theirs"
subnet = "10.0.3.0/24"
failover = "other"

[ddns]
servers = ["192.168.0.10:53"]
key = "main-ddns.key"
forward_zone = "mydomain.com"
`

const backupText = `# the backup
interfaces = ["ens3"]
listen = ["192.168.0.11:67"]
state_dir = "/srv/backup"

# who we are
[[failover]]
name = "p"
role = "backup"
address = "192.168.0.11:647"
partner = "192.168.0.10:647"
ca = "ca.pem"
cert = "me.pem"
cert_key = "me.key"
mclt = "1h" # was once enough
poll_interval = "5s"

# lab: not the pair's
[[scope]]
name = "lab"
subnet = "10.9.0.0/24"
ranges = ["10.9.0.10-10.9.0.20"]
failover = ""

[[scope]]
name = "hall"
subnet = "10.0.1.0/24"
ranges = ["10.0.1.10-10.0.1.99"]
interface = "ens4"
failover = "p"
[[scope.reservation]]
address = "10.0.1.6"
mac = "02:00:00:00:00:06"

[[scope]]
name = "gone"
subnet = "10.0.4.0/24"
failover = "p"

[ddns]
servers = ["192.168.0.10:53"]
key = "backup-ddns.key"
forward_zone = "olddomain.com"
# the end
`

// "report first; identity (roles, addresses, keys' files) is never copied" (issue), and what does not change stays as it was written.
func TestSyncByExample(t *testing.T) {
	text, lines := sync(t, Exact, mainText, backupText)
	want := []string{
		`+ history = "30d"`,
		`+ failover "p": mclt = "2h" (was "1h")`,
		`- failover "p": poll_interval is taken out (was "5s")`,
		`+ [policy] lease_time = "8h"`,
		`+ [policy.options] domain-name = "mydomain.com"`,
		`+ class "voice": is new`,
		`+ class "rest": is new`,
		`+ scope "hall": options.routers = ["10.0.1.1"]`,
		`+ scope "hall": ranges = ["10.0.1.10-10.0.1.99","10.0.1.100-10.0.1.200"] (was ["10.0.1.10-10.0.1.99"])`,
		`+ scope "hall": reservation[10.0.1.5].address = "10.0.1.5"`,
		`+ scope "hall": reservation[10.0.1.5].mac = "02:00:00:00:00:05"`,
		`- scope "hall": reservation[10.0.1.6].address is taken out (was "10.0.1.6")`,
		`- scope "hall": reservation[10.0.1.6].mac is taken out (was "02:00:00:00:00:06")`,
		`+ scope "yard": is new`,
		`- scope "gone": is taken out`,
		`+ [ddns] forward_zone = "mydomain.com" (was "olddomain.com")`,
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Error(diff)
	}
	for _, stays := range []string{"# the backup\ninterfaces = [\"ens3\"]\n", "# who we are\n[[failover]]\n", "role = \"backup\"\naddress = \"192.168.0.11:647\"\n", "cert_key = \"me.key\"\n",
		"# lab: not the pair's\n[[scope]]\nname = \"lab\"\n", "interface = \"ens4\"\n", "key = \"backup-ddns.key\"\n", "# the end\n", "state_dir = \"/srv/backup\"\n"} {
		if !strings.Contains(text, stays) {
			t.Errorf("%q is gone:\n%s", stays, text)
		}
	}
	for _, never := range []string{"eth1", "eth7", "main.key", "main-ddns.key", "other", "theirs", "/srv/main", "main.sock", "192.168.0.10:67\"", "gone"} {
		if strings.Contains(text, never) {
			t.Errorf("%q was copied, or stays:\n%s", never, text)
		}
	}
	for _, copied := range []string{"name = \"voice\"   # phones\n", "    \"10.0.1.10-10.0.1.99\", # desks\n", "routers = [\"10.0.1.1\"]\n"} {
		if !strings.Contains(text, copied) {
			t.Errorf("%q is not there:\n%s", copied, text)
		}
	}
	if again, lines := sync(t, Exact, mainText, text); len(lines) > 0 || again != text {
		t.Errorf("a second time changes: %v", lines)
	}
}

// "exact is not appropriate for back office": another pair's scopes are never touched; a name that another pair has is refused.
func TestSyncLeavesOtherPairsAlone(t *testing.T) {
	from := side("main", "\n[[scope]]\nname = \"x\"\nfailover = \"p\"\n")
	_, _, err := Sync(Exact, "p", from, side("backup", "\n[[failover]]\nname = \"q\"\n[[scope]]\nname = \"x\"\nfailover = \"q\"\n"))
	if err == nil || !strings.Contains(err.Error(), `a [[scope]] of the name "x" that is not in this pair`) {
		t.Errorf("%v", err)
	}
	text, lines := sync(t, Exact, from, side("backup", "\n[[scope]]\nname = \"y\"\nfailover = \"q\"\n"))
	if diff := cmp.Diff([]string{`+ scope "x": is new`}, lines); diff != "" || !strings.Contains(text, `"y"`) {
		t.Errorf("%s\n%s", diff, text)
	}
	// the network match list puts scopes into the pair that do not name it (D02)
	match := "match = [\"10.1.0.0/16\"]\n"
	text, lines = sync(t, Update, side("main", match+"\n[[scope]]\nname = \"x\"\nsubnet = \"10.1.1.0/24\"\n\n[[scope]]\nname = \"mine\"\nsubnet = \"10.2.0.0/24\"\n"), side("backup", match))
	if diff := cmp.Diff([]string{`+ scope "x": is new`}, lines); diff != "" || strings.Contains(text, "mine") {
		t.Errorf("%s\n%s", diff, text)
	}
	if _, _, err := Sync(Exact, "q", from, from); err == nil || !strings.Contains(err.Error(), `no [[failover]] with name = "q"`) {
		t.Errorf("%v", err)
	}
	if text, lines := sync(t, Exact, side("main", "\n[[scope]]\nname = \"z\"\nfailover = \"q\"\n"), side("backup", "\n[[scope]]\nname = \"y\"\nfailover = \"p\"\n")); len(lines) > 0 || !strings.Contains(text, `"y"`) {
		t.Errorf("a source without scopes of the pair took out all: %v", lines)
	}
}

// The order of classes and scopes is a setting: the first that fits wins.
func TestSyncOrder(t *testing.T) {
	class := func(names ...string) (out string) {
		for _, n := range names {
			out += "\n[[class]]\nname = \"" + n + "\"\nonly_known = true\n"
		}
		return out
	}
	text, lines := sync(t, Complete, side("main", class("a", "b", "c")), side("backup", class("c", "x", "a", "b")))
	if diff := cmp.Diff([]string{"+ [class] the order is that of the source: the first that fits wins"}, lines); diff != "" {
		t.Error(diff)
	}
	if got := strings.Join(strings.Split(text, "name = ")[2:], ""); !strings.HasPrefix(got, "\"a\"\nonly_known = true\n\n[[class]]\n\"b\"") {
		t.Errorf("%s", text)
	}
	if _, again := sync(t, Complete, side("main", class("a", "b", "c")), text); len(again) > 0 {
		t.Errorf("%v", again)
	}
}

// What TOML allows and this cannot move is refused, with its line, before anything is changed.
func TestSyncRefusesWhatItCannotMove(t *testing.T) {
	for more, want := range map[string]string{
		"policy = { lease_time = \"1h\" }\n":                     "line 1: policy stands there as a value",
		"ddns.servers = [\"192.0.2.1\"]\n":                       "line 1: ddns stands there as a value",
		"scope = [{ name = \"s\", subnet = \"10.0.0.0/24\" }]\n": "line 1: scope stands there as a value",
	} {
		for _, pair := range [][2]string{{more + side("main", ""), side("backup", "")}, {side("main", ""), more + side("backup", "")}} {
			if _, _, err := Sync(Exact, "p", pair[0], pair[1]); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%q: %v", more, err)
			}
		}
	}
	if _, _, err := Sync(Exact, "p", side("main", "\n[policy]\noptions.routers = [\"10.0.0.1\"]\n"), side("backup", "")); err == nil || !strings.Contains(err.Error(), "is dotted") {
		t.Errorf("%v", err)
	}
	if _, _, err := Sync(Exact, "p", "[[", side("backup", "")); err == nil || !strings.Contains(err.Error(), "source") {
		t.Errorf("%v", err)
	}
}

// Whatever the two have: after exact the pair's scopes and all classes are the source's, a second time changes nothing, the identity is
// as before, and every line of comment of the first level stays.
func TestSyncHoldsForAny(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		make := func(role string) string {
			var b strings.Builder
			b.WriteString(side(role, ""))
			for _, key := range []string{"mclt", "safe_period"} {
				if v := rapid.SampledFrom([]string{"", "1h", "2h"}).Draw(t, key); v != "" {
					b.WriteString(key + " = \"" + v + "\"\n")
				}
			}
			for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c", "d"}), 1, 4, rapid.ID[string]).Draw(t, "scopes") {
				b.WriteString("# " + role + "\n[[scope]]\nname = \"" + name + "\"\nfailover = \"p\"\nboot_file = \"" + rapid.SampledFrom([]string{"x", "y"}).Draw(t, "file") + "\"\n")
				if rapid.Bool().Draw(t, "options") {
					b.WriteString("[scope.options]\nrouters = [\n  \"10.0.0.1\", # ]\n]\n")
				}
			}
			for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"k", "l", "m"}), 0, 3, rapid.ID[string]).Draw(t, "classes") {
				b.WriteString("[[class]]\nname = '" + name + "'\ntest = \"\"\"\n[[scope]]\n\"\"\"\n")
			}
			return b.String()
		}
		from, to := make("main"), make("backup")
		op := rapid.SampledFrom([]Operation{Update, Complete, Exact}).Draw(t, "op")
		text, changes, err := Sync(op, "p", from, to)
		if err != nil {
			t.Fatal(err)
		}
		if len(changes) == 0 && text != to {
			t.Fatalf("nothing is said and something is changed:\n%s\n%s", to, text)
		}
		if !strings.HasPrefix(text, "listen = [\"backup\"]\n\n[[failover]]\nname = \"p\"\nrole = \"backup\"\n") {
			t.Fatalf("the identity is not what it was:\n%s", text)
		}
		if _, again, err := Sync(op, "p", from, text); err != nil || len(again) > 0 {
			t.Fatalf("a second time: %v %v", again, err)
		}
		if op == Exact {
			if _, back, err := Sync(Exact, "p", text, from); err != nil || len(back) > 0 {
				t.Fatalf("they are not equal: %v %v\n%s\n%s", back, err, from, text)
			}
		}
	})
}

func FuzzSync(f *testing.F) {
	f.Add(mainText, backupText)
	f.Add(backupText, mainText)
	f.Add(side("main", "a.b = 1\n'c d' = '''\n[x]\n'''\n[e.\"f.g\"]\nh = {i = [1,\n]}\n"), side("backup", ""))
	f.Add("\ufefflisten = [] # [\n[[failover]]\nname=\"p\"", "[[failover]]\r\nname = 'p'\r\n")
	f.Fuzz(func(t *testing.T, from, to string) {
		if _, err := config.Parse("", []byte(to)); err == nil {
			if parts, err := split(to); err == nil && strings.TrimSuffix(parts.String(), "\n") != strings.TrimSuffix(to, "\n") {
				t.Fatalf("cut and put together it is another text:\n%q\n%q", to, parts.String())
			}
		}
		text, _, err := Sync(Exact, "p", from, to)
		if err != nil {
			return
		}
		if _, err := config.Parse("", []byte(text)); err != nil {
			t.Fatalf("%v\n%q\n%q\n%q", err, from, to, text)
		}
	})
}

// The file is written whole, the old one is kept; what would be no configuration of the destination changes nothing.
func TestSyncFile(t *testing.T) {
	dir := inDir(t)
	at := time.Date(2001, 9, 9, 1, 46, 40, 0, time.UTC)
	from, err := SyncSource(filepath.Join(dir, "dhcp-main.toml"))
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(dir, "dhcp-backup.toml")
	r, err := SyncFile(Exact, "pair1", from, to, dir, true, at)
	if err != nil || len(r.Changes) != 0 || r.File != "" {
		t.Fatalf("the contract's samples differ: %+v %v", r, err)
	}
	changed := []byte(strings.Replace(string(from), `lease_time = "3d"`, `lease_time = "4d"`, 1))
	before, _ := os.ReadFile(to)
	if r, err = SyncFile(Update, "pair1", changed, to, dir, false, at); err != nil || len(r.Changes) != 1 || r.Changes[0].Text != `scope "cluster": lease_time = "4d" (was "3d")` || r.File != "" {
		t.Fatalf("%+v %v", r, err)
	}
	if now, _ := os.ReadFile(to); string(now) != string(before) {
		t.Fatal("a report has changed the file")
	}
	if r, err = SyncFile(Update, "pair1", changed, to, dir, true, at); err != nil || r.File != to || r.Kept != to+".20010909T014640" {
		t.Fatalf("%+v %v", r, err)
	}
	kept, _ := os.ReadFile(r.Kept)
	c, problems := Load(to)
	if string(kept) != string(before) || problems.Err() != nil || *c.Scopes.Scopes[0].Policy.LeaseTime != 4*86400 {
		t.Errorf("%v", problems)
	}
	bad := strings.Replace(string(from), `ranges = ["192.168.0.100-192.168.0.200"]`, `ranges = ["10.0.0.1"]`, 1)
	if _, err := SyncFile(Update, "pair1", []byte(bad), to, dir, true, at); err == nil || !strings.Contains(err.Error(), "could not use the result, so nothing is changed") {
		t.Errorf("%v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "bad.toml"), []byte(bad), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := SyncSource(filepath.Join(dir, "bad.toml")); err == nil || !strings.Contains(err.Error(), "the source has errors") {
		t.Errorf("%v", err)
	}
	// a directory in the way: what should be there is left in the state directory
	if err := os.MkdirAll(to+".20010909T014641", 0o700); err != nil {
		t.Fatal(err)
	}
	_, err = SyncFile(Update, "pair1", from, to, dir, true, at.Add(time.Second))
	left, _ := os.ReadFile(filepath.Join(dir, "synchronised.toml"))
	if err == nil || !strings.Contains(err.Error(), "synchronised.toml") || !strings.Contains(string(left), `lease_time = "3d"`) {
		t.Errorf("%v", err)
	}
}
