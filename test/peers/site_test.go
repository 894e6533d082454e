package peers

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const agentPort = 5324

// site is one loadshare installation of a test: files, keys, roles.
type site struct {
	dir    string
	ddns   string // TSIG key file
	agent  string // key file of the link
	mon    host
	roles  map[string]*proc
	launch map[string]func() *proc
}

func newSite(t *testing.T, mon host) *site {
	t.Helper()
	s := &site{dir: openDir(t), mon: mon, roles: map[string]*proc{}, launch: map[string]func() *proc{}}
	for _, k := range []string{"ddns", "agent"} {
		write(t, s.dir, k+".key", output(t, exec.Command(loadshare(t), "key", k)))
	}
	s.ddns, s.agent = filepath.Join(s.dir, "ddns.key"), filepath.Join(s.dir, "agent.key")
	return s
}

// control is where a role listens for its operator.
func (s *site) control(role string) string { return "unix:" + filepath.Join(s.dir, role+".sock") }

// run checks a role's configuration as an operator would, and starts it.
func (s *site) run(t *testing.T, kind, name string, h host, config string) {
	t.Helper()
	file := write(t, s.dir, name+".toml", config)
	output(t, exec.Command(loadshare(t), "check", file))
	s.launch[name] = func() *proc { return start(t, name, h.command(loadshare(t), kind, "-c", file)) }
	s.restart(t, name)
}

// restart starts a role (again) and waits until it answers its operator.
func (s *site) restart(t *testing.T, name string) {
	t.Helper()
	s.roles[name] = s.launch[name]()
	eventually(t, name+" answers its operator", func() error {
		out, err := exec.Command(loadshare(t), "status", "--json", "-s", s.control(name)).CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	})
}

func (s *site) agentHead(name string, h host) string {
	return fmt.Sprintf("listen = \"%s:%d\"\nstate_dir = \"state-%s\"\nkey = \"agent.key\"\n[control]\nlisten = \"%s\"\n", h.addr, agentPort, name, s.control(name))
}

// publisher starts an agent that sends updates to the given servers.
func (s *site) publisher(t *testing.T, name string, h host, servers []*dnsServer, extra string) {
	t.Helper()
	write(t, s.dir, "normal-dns", "\n\n")
	s.run(t, "agent", name, h, s.agentHead(name, h)+fmt.Sprintf(`[publish]
servers = %s
policy = "every"
key = "ddns.key"
records = ["*.mydomain.com A AAAA", "mydomain.com MX"]
normal_dns = "normal-dns"
%s`, list(servers, (*dnsServer).endpoint), extra))
}

// nodeAgent starts an agent that restarts services of one node.
func (s *site) nodeAgent(t *testing.T, name string, h host, restart string) {
	t.Helper()
	s.run(t, "agent", name, h, s.agentHead(name, h)+"[restart]\n"+restart)
}

// monitor starts the monitor of the site, quick enough for a test.
func (s *site) monitor(t *testing.T, publishers []host, servers []*dnsServer, mail *exim, rest string) {
	t.Helper()
	alerts := ""
	if mail != nil {
		alerts = fmt.Sprintf("[alerts]\nsmtp = \"smtp://%s:%d\"\nfrom = \"loadshare@mydomain.com\"\nto = [\"root@mydomain.com\"]\n", mail.addr, mail.port)
	}
	s.run(t, "monitor", "monitor", s.mon, fmt.Sprintf(`state_dir = "state-monitor"
id = "monitor1"
[control]
listen = "%s"
%s[agents]
port = %d
key = "agent.key"
[dns]
agents = %s
servers = %s
[defaults]
interval = "500ms"
timeout = "400ms"
grace = "3s"
%s`, s.control("monitor"), alerts, agentPort, list(publishers, func(h host) string { return h.addr }), list(servers, (*dnsServer).endpoint), rest))
}

func list[T any](items []T, text func(T) string) string {
	out := make([]string, 0, len(items))
	for _, i := range items {
		out = append(out, fmt.Sprintf("%q", text(i)))
	}
	return "[" + strings.Join(out, ", ") + "]"
}

// member is the part of the monitor's status that the tests compare.
type member struct {
	Address string `json:"address"`
	State   string `json:"state"`
	Reason  string `json:"reason"`
	InDNS   bool   `json:"in_dns"`
}

// memberState asks the monitor for one member.
func (s *site) memberState(record, address string) (member, error) {
	out, err := exec.Command(s.cli(), "status", "--json", "-s", s.control("monitor")).Output()
	if err != nil {
		return member{}, fmt.Errorf("status: %w", err)
	}
	var status struct {
		Pools []struct {
			Record  string   `json:"record"`
			Members []member `json:"members"`
		} `json:"pools"`
	}
	if err := json.Unmarshal(out, &status); err != nil {
		return member{}, err
	}
	for _, p := range status.Pools {
		for _, m := range p.Members {
			if strings.TrimSuffix(p.Record, ".") == record && m.Address == address {
				return m, nil
			}
		}
	}
	return member{}, fmt.Errorf("no member %s of %s in the monitor's status", address, record)
}

func (s *site) cli() string { path, _ := binary(); return path }

// isUp is a check that members are up and in DNS.
func (s *site) isUp(record string, addresses ...string) func() error {
	return s.isIn(record, "up", addresses...)
}

func (s *site) isIn(record, state string, addresses ...string) func() error {
	return func() error {
		for _, a := range addresses {
			m, err := s.memberState(record, a)
			if err != nil {
				return err
			}
			if m.State != state {
				return fmt.Errorf("%s of %s is %s (%s), expected %s", a, record, m.State, m.Reason, state)
			}
		}
		return nil
	}
}

// loadshareOut runs an operator's command and returns its output.
func (s *site) loadshareOut(t *testing.T, args ...string) string {
	t.Helper()
	return output(t, exec.Command(loadshare(t), args...))
}
