package agent

import (
	"net/netip"
	"os"
	"regexp"
	"strings"
	"time"

	"loadshare/agent/plan"
	"loadshare/ddns"
	"loadshare/internal/alert"
	"loadshare/internal/ask"
	"loadshare/internal/config"
	"loadshare/internal/control"
	"loadshare/internal/link"
	"loadshare/internal/metrics"
)

// Config is an agent's configuration, read and judged whole by [LoadConfig]. It
// is immutable.
type Config struct {
	// Path is the file it was read from.
	Path string
	// Name is what the agent calls itself to monitors: `name`, or the host's.
	Name string
	// Listen is where monitors connect.
	Listen   netip.AddrPort
	StateDir string
	Control  control.Config
	Alerts   alert.Config
	Metrics  metrics.Config
	// Auth is what this agent and its monitors prove to each other.
	Auth link.Auth
	// Bus is the D-Bus address of systemd; "" is the system's.
	Bus string
	// Services is the allow-list of what may be restarted, by name.
	Services map[string]Service
	// Publish is nil without [publish].
	Publish *Publish
}

// Publish is what the agent may write, and where.
type Publish struct {
	Servers []netip.AddrPort // main first
	Policy  plan.Policy
	Key     ask.Key // zero: unsigned
	// UDP sends small changes without prerequisites by UDP (`transport = "udp"`).
	UDP     bool
	Timeout time.Duration // for one exchange with one server
	Records ddns.Patterns
	Strays  plan.Strays
	Fence   bool
	Normal  ddns.Normal
	// NoNormal: there is no file of it, which is something else than an empty one (F18).
	NoNormal bool
}

var plainName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

// LoadConfig reads an agent's configuration, its keys and its normal-dns, and
// reports every problem in them. The Config is usable only when none is an error.
func LoadConfig(path string) (*Config, config.Problems) {
	return config.Read(path, readConfig)
}

// ParseConfig is LoadConfig for a text; path is where relative file names start.
func ParseConfig(path string, data []byte) (*Config, config.Problems) {
	return config.ReadText(path, data, readConfig)
}

func readConfig(doc *config.Doc) (*Config, config.Problems) {
	root := doc.Root()
	c := &Config{Path: doc.Path(), Services: map[string]Service{}}
	c.Name = readName(root)
	c.Listen = root.AddrPort("listen", 2224)
	if !root.Has("listen") {
		c.Listen = netip.MustParseAddrPort("0.0.0.0:2224")
	}
	c.StateDir = root.Path("state_dir", "/var/lib/loadshare/agent")
	c.Control = control.ConfigFrom(root.Table("control"), "agent")
	c.Alerts = alert.ConfigFrom(root.Table("alerts"), "agent")
	c.Metrics = metrics.ConfigFrom(root.Table("metrics"))
	c.Auth, _ = link.AuthFrom(root)
	readRestart(c, root.Table("restart"))
	var more config.Problems
	if s := root.Table("publish"); s.Present() {
		c.Publish, more = readPublish(s)
	}
	if c.Publish == nil && len(c.Services) == 0 && !root.Has("publish") {
		root.Warn("restart", "no service to restart and no [publish]: this agent has nothing to do")
	}
	return c, append(doc.Problems(), more...)
}

func readName(root *config.Section) string {
	if !root.Has("name") {
		if name, err := os.Hostname(); err == nil && plainName.MatchString(name) {
			return strings.ToLower(name)
		}
		return "agent"
	}
	name := root.String("name", "agent")
	if !plainName.MatchString(name) {
		root.Fail("name", "a name of letters, digits, dots, hyphens and underscores")
	}
	return name
}

func readPublish(s *config.Section) (*Publish, config.Problems) {
	p := &Publish{
		Servers: s.AddrPorts("servers", 53),
		Timeout: s.Duration("timeout", ask.DefaultTimeout, 100*time.Millisecond, time.Minute),
		Fence:   s.Bool("fence", true),
	}
	if len(p.Servers) == 0 {
		s.Fail("servers", "the addresses of the DNS servers to write to, main first: [\"192.168.0.10:53\"]")
	}
	seen := map[netip.AddrPort]bool{}
	for i, a := range p.Servers {
		if seen[a] {
			s.FailItem("servers", i, "each server once")
		}
		seen[a] = true
	}
	switch s.OneOf("policy", "every", "every", "pair") {
	case "pair":
		p.Policy = plan.Pair
		if len(p.Servers) > 2 {
			s.Fail("servers", "two servers with policy = \"pair\": main and backup")
		} else if len(p.Servers) == 1 {
			s.Warn("servers", "policy = \"pair\" with one server: there is no backup to turn to")
		}
	default:
		p.Policy = plan.Every
	}
	p.UDP = s.OneOf("transport", "tcp", "tcp", "udp") == "udp"
	if p.UDP {
		s.Warn("transport", "a lost answer makes the repeat fail its own prerequisites and be read again; tcp has no such trouble")
	}
	switch s.OneOf("strays", "default", "default", "remove", "report") {
	case "remove":
		p.Strays = plan.StraysRemove
	case "report":
		p.Strays = plan.StraysReport
	default:
		p.Strays = plan.StraysDefault
	}
	key, _ := s.SigningKey()
	p.Key = ask.Key(key)
	readRecords(s, p)
	return p, readNormal(s, p)
}

func readRecords(s *config.Section, p *Publish) {
	texts := s.Strings("records")
	if len(texts) == 0 && !s.Has("records") {
		s.Fail("records", "all it may ever touch: [\"*.mydomain.com A AAAA\", \"mydomain.com MX\"]")
	}
	for i, text := range texts {
		pattern, err := ddns.ParsePattern(text)
		if err != nil {
			s.FailItem("records", i, "a name or *.name, then types of A, AAAA, MX and SRV ("+err.Error()+")")
			continue
		}
		p.Records = append(p.Records, pattern)
	}
}

// readNormal reads normal-dns; its problems stand in that file.
func readNormal(s *config.Section, p *Publish) config.Problems {
	file := s.File("normal_dns")
	if file == "" {
		p.NoNormal = true
		return nil
	}
	text, err := readBounded(file, ddns.MaxNormalBytes)
	if err != nil {
		s.Fail("normal_dns", "a file in nsupdate's syntax ("+err.Error()+")")
		return nil
	}
	normal, problems := ddns.ParseNormal(text)
	p.Normal = normal
	var out config.Problems
	for _, np := range problems {
		out = append(out, config.Problem{File: file, Line: np.Line, What: "\"" + np.Word + "\"", Accepted: np.Accepted, Warning: np.Warning})
	}
	for _, set := range normal.Sets {
		if !p.Records.Allow(set.Key()) {
			out = append(out, config.Problem{File: file, What: set.Name + " " + set.Type, Accepted: "not in publish.records: it will not be touched", Warning: true})
		}
	}
	return out
}

// plan is the part that deciding needs.
func (c *Config) plan() plan.Config {
	out := plan.Config{Agent: c.Name, Services: map[string]plan.Service{}}
	for name, s := range c.Services {
		out.Services[name] = plan.Service{Budget: s.Budget.Count, Window: s.Budget.Per, OnDown: len(s.OnDown) > 0, OnUp: len(s.OnUp) > 0}
	}
	if p := c.Publish; p != nil {
		for _, a := range p.Servers {
			out.Servers = append(out.Servers, a.String())
		}
		out.Policy, out.Records, out.Strays, out.Fence, out.Normal = p.Policy, p.Records, p.Strays, p.Fence, p.Normal
	}
	return out
}
