package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// load reads a text as a configuration in a directory with keys.
func load(t *testing.T, text string) (*Config, []string) {
	t.Helper()
	file := filepath.Join(inDir(t), "dhcp.toml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, problems := Load(file)
	var lines []string
	for _, p := range problems {
		p.File = "f"
		lines = append(lines, p.String())
	}
	return c, lines
}

const head = `listen = ["127.0.0.1:6700"]
`

const pairHead = head + `[[failover]]
name = "p"
role = "main"
address = "192.168.0.10:647"
partner = "192.168.0.11:647"
`

// "An unknown key, a wrong type or an impossible value is an error that names file, line, key, value and what is accepted" (contract).
func TestMistakesAreNamed(t *testing.T) {
	scope := "[[scope]]\nname = \"s\"\nsubnet = \"192.168.0.0/24\"\nranges = [\"192.168.0.100-192.168.0.200\"]\n"
	for _, test := range []struct{ text, want string }{
		{"", `f:1: listen is missing: accepted: at least one address`},
		{head + "leese_time = \"3d\"\n", `f:2: unknown key leese_time = "3d"`},
		{"listen = [\"[::1]:67\"]\n", `f:1: listen[1] = "[::1]:67": accepted: an IPv4 address`},
		{head + "relay_reply_port = \"any\"\n", `f:2: relay_reply_port = "any": accepted: "67" or "source"`},
		{head + "interfaces = [\"eth0\", \"eth0\"]\n", `f:2: interfaces[2] = "eth0": accepted: the name of a network interface, each once`},
		{head + scope + "lease_time = 3600\n", `f:6: scope[1].lease_time = 3600: accepted: a duration of 1s or more in whole seconds`},
		{head + scope + "lease_time = \"1500ms\"\n", `f:6: scope[1].lease_time = "1500ms": accepted: a duration`},
		{head + scope + "[scope.options]\nrouter = [\"192.168.0.1\"]\n", `f:7: scope[1].options.router = ["192.168.0.1"]: accepted: an option by its name in RFC 2132 or Kea, by number, or of an [[option_definition]]; did you mean routers?`},
		{head + scope + "[scope.options]\nrouters = [\"192.168.0\"]\n", `f:7: scope[1].options.routers = ["192.168.0"]: accepted: `},
		{head + scope + "[scope.options]\n51 = 3600\n", `f:7: scope[1].options.51 = 3600: accepted: lease_time beside the table of options`},
		{head + scope + "[scope.options]\ndhcp-server-identifier = \"192.168.0.10\"\n", `f:7: scope[1].options.dhcp-server-identifier = "192.168.0.10": accepted: nothing: `},
		{head + "[[scope]]\nname = \"s\"\nsubnet = \"192.168.0.1/24\"\n", `f:4: scope[1].subnet = "192.168.0.1/24": accepted: a network without bits after the prefix: 192.168.0.0/24`},
		{head + "[[scope]]\nname = \"s\"\nsubnet = \"2001:db8::/64\"\n", `f:4: scope[1].subnet = "2001:db8::/64": accepted: an IPv4 network`},
		{head + "[[scope]]\nname = \"s\"\nsubnet = \"192.168.0.0/24\"\nranges = [\"192.168.0.9-192.168.0.5\"]\n", `f:5: scope[1].ranges[1] = "192.168.0.9-192.168.0.5": accepted: "192.168.0.100-192.168.0.200", a network such as "192.168.0.64/26", or one address: the last address is before the first`},
		{head + "[[scope]]\nname = \"s\"\nsubnet = \"192.168.0.0/24\"\nranges = [\"192.168.1.5-192.168.1.9\"]\n", `f:5: scope "s": ranges: 192.168.1.5-192.168.1.9 is not in the subnet`},
		{head + scope + "failover = \"q\"\n", `f:6: scope[1].failover = "q": accepted: the name of a [[failover]]`},
		{head + scope + "allow = [\"voice\"]\n", `f:6: scope[1].allow[1] = "voice": accepted: the name of a [[class]]`},
		{head + scope + "backup_allocation_boundary = \"192.168.0.150\"\n", `f:6: scope[1].backup_allocation_boundary = "192.168.0.150": accepted: with allocate_first_available = true`},
		{head + scope + "[[scope.reservation]]\naddress = \"192.168.0.50\"\n", `f:6: scope[1].reservation[1].mac is missing: accepted: exactly one of`},
		{head + scope + "[[scope.reservation]]\naddress = \"192.168.0.50\"\nmac = \"02:0:0:0:0:50\"\n", `f:8: scope[1].reservation[1].mac = "02:0:0:0:0:50": accepted: octets of a hardware address`},
		{head + scope + "[[scope.reservation]]\naddress = \"192.168.9.50\"\nmac = \"02:00:00:00:00:50\"\n", `f:6: scope "s": reservation 192.168.9.50: is not in the subnet`},
		{head + scope + "[[scope.reservation]]\naddress = \"192.168.0.50\"\nmac = \"02:00:00:00:00:50\"\nhostname = \"my printer\"\n", `f:9: scope "s": reservation 192.168.0.50: hostname: "my printer" is not a host name`},
		{head + "[[class]]\nname = \"c\"\ntest = \"option[60].hex ==\"\n", `f:4: class "c": test: column `},
		{head + "[[class]]\nname = \"KNOWN\"\n", `f:3: class[1].name = "KNOWN": accepted: another name`},
		{head + "[[client]]\nmac = \"02:00:00:00:00:50\"\nclient_id = \"x\"\n", `f:3: client[1].mac = "02:00:00:00:00:50": accepted: exactly one of mac and client_id`},
		{head + "[[client]]\nmac = \"02:00:00:00:50\"\n", `f:2: client hw 1/02:00:00:00:50: the hardware address has 5 octets`},
		{head + "[[option_definition]]\nname = \"routers\"\ncode = 230\n", `f:3: option_definition[1].name = "routers": accepted: `},
		{head + "[[option_definition]]\nname = \"wlc\"\ncode = 230\ntype = \"ip\"\n", `f:5: option_definition[1].type = "ip": accepted: "binary", "ipv4-address"`},
		{head + "[policy]\nt1 = \"2h\"\nt2 = \"1h\"\n", `f:3: server: t1: 7200 s is after t2`},
		{head + "[policy]\nserver_name = \"" + strings.Repeat("x", 64) + "\"\n", `f:3: server: server_name: has 64 octets`},
		{head + "[ddns]\nservers = [\"192.0.2.1\"]\nkey = \"ddns.key\"\n", `f:2: ddns.forward_zone is missing: accepted: the zone of the clients' names`},
		{head + "[ddns]\nservers = [\"192.0.2.1\", \"192.0.2.2\", \"192.0.2.3\"]\nkey = \"ddns.key\"\nforward_zone = \"a.org\"\n", `accepted: one server, or main and backup of a pair`},
		{head + "[ddns]\nservers = [\"192.0.2.1\"]\nkey = \"none.key\"\nforward_zone = \"a.org\"\n", `f:4: ddns.key = "none.key": accepted: the name of a readable file`},
		// D-m: "Exactly one of key, certificates, link = "draft": none is a configuration error."
		{pairHead, `f:2: failover[1].key is missing: accepted: exactly one of`},
		{pairHead + "key = \"dhcp-pair.key\"\nlink = \"draft\"\n", `f:7: failover[1].key = "dhcp-pair.key": accepted: nothing: with link = "draft" the partner proves nothing`},
		{pairHead + "link = \"plain\"\n", `f:7: failover[1].link = "plain": accepted: "draft"`},
		{pairHead + "key = \"dhcp-pair.key\"\nca = \"x\"\n", `f:8: failover[1].ca = "x": accepted: the name of a readable file`},
		{pairHead + "key = \"dhcp-pair.key\"\nmclt = \"500ms\"\n", `f:8: failover[1].mclt = "500ms": accepted: a duration from 1s to 30d`},
		{pairHead + "key = \"dhcp-pair.key\"\nmclt = \"1500ms\"\n", `f:8: failover[1].mclt = "1500ms": accepted: a duration of whole seconds`},
		{pairHead + "key = \"dhcp-pair.key\"\npoll_timeout = \"10s\"\n", `f:8: failover[1].poll_timeout = "10s": accepted: longer than poll_interval`},
		{pairHead + "key = \"dhcp-pair.key\"\nbackup_pct = 101\n", `f:8: failover[1].backup_pct = 101: accepted: a number from 0 to 100`},
		{pairHead + "key = \"dhcp-pair.key\"\nmatch = [\"192.168.0.1/24\"]\n", `f:8: failover[1].match[1] = "192.168.0.1/24": accepted: a network`},
		{strings.Replace(pairHead, "\"main\"", "\"primary\"", 1) + "key = \"dhcp-pair.key\"\n", `f:4: failover[1].role = "primary": accepted: "main" or "backup"`},
		{strings.Replace(pairHead, "192.168.0.11", "192.168.0.10", 1) + "key = \"dhcp-pair.key\"\n", `f:6: failover[1].partner = "192.168.0.10:647": accepted: the address of the other server: this is our own`},
		{strings.Replace(pairHead, "192.168.0.10:647", "0.0.0.0:647", 1) + "key = \"dhcp-pair.key\"\n", `f:5: failover[1].address = "0.0.0.0:647": accepted: the address that the partner knows this server by`}, // D46
		{strings.Replace(pairHead, "192.168.0.10:647", "192.168.0.10:0", 1) + "key = \"dhcp-pair.key\"\n", `f:5: failover[1].address = "192.168.0.10:0": accepted: ADDRESS or ADDRESS:PORT`},
	} {
		_, lines := load(t, test.text)
		all := strings.Join(lines, "\n")
		if !strings.Contains(all, test.want) {
			t.Errorf("%s\ngives\n%s\nwant\n%s", test.text, all, test.want)
		}
		for _, l := range lines {
			if strings.HasPrefix(l, "f: ") {
				t.Errorf("no line is named: %s\nof\n%s", l, test.text)
			}
		}
	}
}

// "All problems are reported at once."
func TestAllAtOnce(t *testing.T) {
	_, lines := load(t, "listen = 5\n[[failover]]\nrole = \"x\"\n[[scope]]\nsubnet = 1\nlease_time = \"x\"\n[scope.options]\nroutres = []\n[ddns]\nzone = \"x\"\n")
	if len(lines) < 10 {
		t.Errorf("only %d problems: %s", len(lines), strings.Join(lines, "\n"))
	}
}

// What is allowed and unwise is a warning (decision D-m; checklist D22, D28, D30, D34).
func TestWarnings(t *testing.T) {
	pair := pairHead + "key = \"dhcp-pair.key\"\n"
	draft := pairHead + "link = \"draft\"\n"
	scope := "[[scope]]\nname = \"s\"\nsubnet = \"192.168.0.0/24\"\nranges = [\"192.168.0.100-192.168.0.200\"]\n"
	in := scope + "failover = \"p\"\n"
	for _, test := range []struct{ text, want string }{
		{pair + "load_balancing = true\nbackup_pct = 10\n" + in, `f:9: warning: failover[1].backup_pct = 10: with load_balancing the addresses are shared half and half`},
		{draft + "backup_pct = 10\n" + in, `f:8: warning: failover[1].backup_pct = 10: with an ISC partner the addresses are shared half and half`},
		{draft + in, `warning: failover[1].link = "draft": the plain protocol is neither encrypted`},
		{draft + "fast_detect = \"1s\"\n" + in, `warning: failover[1].fast_detect`},
		{pair + "use_safe_period = true\n" + in, `f:8: warning: failover[1].use_safe_period = true: when the safe period is over`},
		{pair + "use_safe_period = true\nsafe_period = \"11h\"\n" + in, `f:9: warning: failover[1].safe_period = "11h": 12h or more is recommended`},
		{pair + "backup_pct = 0\n" + in, `warning: failover[1].backup_pct = 0: the backup has no addresses`},
		{pair + in + "lease_time = \"30m\"\n", `warning: scope[1].lease_time = "30m": less than the pair's mclt of 1h`},
		{pair + "[policy]\nlease_time = \"10m\"\n" + in, `f:9: warning: policy.lease_time = "10m": less than the pair's mclt of 1h`},
		{pair + scope, `warning: scope[1].name = "s": this server has the scope alone`},
		{pair + scope, `warning: failover[1].name = "p": no scope is in this pair`},
		{pair + "second_try_with_isc = true\n" + in, `warning: failover[1].second_try_with_isc`},
		{head, `warning: scope: there is no [[scope]]`},
		{pair + strings.Replace(in, "0.200", "0.102", 1), `warning: scope[1].ranges = ["192.168.0.100-192.168.0.102"]: 10 % of 3 are no address: when the main is away nobody new is served here; backup_pct = 17 is one`},
		{head + "[ddns]\nservers = [\"192.0.2.1\"]\nforward_zone = \"a.org\"\n", `warning: ddns.key: updates go unsigned`},
	} {
		_, lines := load(t, test.text)
		all := strings.Join(lines, "\n")
		if !strings.Contains(all, test.want) {
			t.Errorf("%s\ngives\n%s\nwant\n%s", test.text, all, test.want)
		}
		for _, l := range lines {
			if !strings.Contains(l, ": warning: ") {
				t.Errorf("an error: %s\nof\n%s", l, test.text)
			}
		}
	}
	for _, enough := range []string{"backup_pct = 17\n", "backup_pct = 0\n"} {
		if _, lines := load(t, pair+strings.Replace(in, "0.200", "0.102", 1)+enough); len(lines) > 0 {
			t.Errorf("%s: %v", enough, lines)
		}
	}
	if _, lines := load(t, pair+in); len(lines) > 0 {
		t.Errorf("a plain pair has warnings: %v", lines)
	}
	other := strings.NewReplacer("192.168.0", "192.168.1", "\"s\"", "\"t\"").Replace(scope)
	if _, lines := load(t, pair+in+other+"failover = \"\"\n"); len(lines) > 0 {
		t.Errorf("a scope that is meant to be alone: %v", lines)
	}
}

// "secret file permissions"
func TestSecretsThatEverybodyReads(t *testing.T) {
	dir := inDir(t)
	for _, key := range []string{"dhcp-pair.key", "ddns.key"} {
		if err := os.Chmod(filepath.Join(dir, key), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	_, problems := Load(filepath.Join(dir, "dhcp-main.toml"))
	if len(problems.Warnings()) != 2 || problems.Err() != nil || !strings.Contains(problems[0].String(), "chmod o-r") || !strings.Contains(problems[1].String(), "chmod o-r") {
		t.Errorf("%v", problems)
	}
}
