package monitor

import (
	"net/netip"
	"os"
	"regexp"
	"strings"
	"time"

	"loadshare/internal/alert"
	"loadshare/internal/config"
	"loadshare/internal/control"
	"loadshare/internal/link"
	"loadshare/internal/metrics"
	"loadshare/monitor/decide"
)

// Limits of what a configuration may hold, so that everything stays bounded.
const (
	maxPools   = 10000
	maxMembers = 10000
	maxChecks  = 100000
)

// Config is a monitor's configuration, read and judged whole by [LoadConfig].
type Config struct {
	// Path is the file it was read from.
	Path string
	// ID is this monitor's name among the monitors of the site.
	ID string
	// StateDir holds verdicts, drains, history and mail that waits.
	StateDir string
	Control  control.Config
	Alerts   alert.Config
	Metrics  metrics.Config
	// Auth is what this monitor and its agents prove to each other.
	Auth      link.Auth
	AgentPort uint16
	DNS       DNS
	Guard     decide.Guard // Anchors empty: see Checks
	Pools     []Pool
	// Checks are the named checks that belong to no member, and the anchors.
	Checks []Check
	// Watch are the control addresses of other monitors (M6).
	Watch []control.Address
	// WatchTLS is what is shown to those of them with https addresses.
	WatchTLS control.TLS
}

// DNS says who publishes and who is asked.
type DNS struct {
	// Agents publish; each order goes to all of them.
	Agents []netip.AddrPort
	// Servers are asked what they answer after each change; may be empty.
	Servers []netip.AddrPort
	// ResetOnStart applies normal-dns once after a start (F18, M5).
	ResetOnStart bool
}

var (
	plainName = regexp.MustCompile(`^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$`)
	plainID   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)
)

// LoadConfig reads a monitor's configuration and reports every problem in it.
// The Config is usable only when the problems hold no error.
func LoadConfig(path string) (*Config, config.Problems) {
	return config.Read(path, readConfig)
}

// ParseConfig is LoadConfig for a text; path is where relative file names start.
func ParseConfig(path string, data []byte) (*Config, config.Problems) {
	return config.ReadText(path, data, readConfig)
}

// reader carries what the parts of one configuration must know of each other.
type reader struct {
	cfg *Config
	// named are the names of the [[check]] tables, and the index in cfg.Checks.
	named map[string]int
	// records are the pools seen, by name and type.
	records map[string]bool
	checks  int
}

func readConfig(doc *config.Doc) (*Config, config.Problems) {
	root := doc.Root()
	r := &reader{cfg: &Config{Path: doc.Path()}, named: map[string]int{}, records: map[string]bool{}}
	c := r.cfg
	c.ID = readID(root)
	c.StateDir = root.Path("state_dir", "/var/lib/loadshare/monitor")
	c.Control = control.ConfigFrom(root.Table("control"), "monitor")
	c.Alerts = alert.ConfigFrom(root.Table("alerts"), "monitor")
	c.Metrics = metrics.ConfigFrom(root.Table("metrics"))
	r.agents(root)
	defaults := standard.override(root.Table("defaults"))
	r.namedChecks(root, defaults)
	r.guard(root.Table("guard"), defaults)
	r.pools(root, defaults)
	r.dns(root)
	r.watch(root)
	r.dependencies(root)
	return c, doc.Problems()
}

func readID(root *config.Section) string {
	id := root.String("id", "")
	if id == "" && !root.Has("id") {
		name, _ := os.Hostname()
		id = strings.ToLower(name)
		if !plainID.MatchString(id) {
			id = "monitor"
		}
	}
	if !plainID.MatchString(id) {
		root.Fail("id", "a name of letters, digits, dots and hyphens, unique among the monitors of the site")
	}
	return id
}

func (r *reader) agents(root *config.Section) {
	s := root.Table("agents")
	r.cfg.AgentPort = uint16(s.Int("port", 2224, 1, 65535))
	if !s.Present() {
		root.Fail("agents", "a table [agents] with key = \"FILE\", or ca, cert and cert_key")
		return
	}
	r.cfg.Auth, _ = link.AuthFrom(s)
}

func (r *reader) dns(root *config.Section) {
	s := root.Table("dns")
	d := &r.cfg.DNS
	d.Agents = s.AddrPorts("agents", r.cfg.AgentPort)
	d.Servers = s.AddrPorts("servers", 53)
	d.ResetOnStart = s.Bool("reset_on_start", true)
	unique(s, "agents", d.Agents)
	unique(s, "servers", d.Servers)
	if len(r.cfg.Pools) == 0 {
		root.Warn("pool", "no [[pool]]: nothing is looked after")
		return
	}
	if len(d.Agents) == 0 && !s.Has("agents") {
		if s.Present() {
			s.Fail("agents", "the addresses of the agents that publish, at least one")
		} else {
			root.Fail("dns", "a table [dns] with agents = [\"ADDRESS\", …]: the agents that publish")
		}
	} else if len(d.Agents) == 0 && s.Raw("agents") != nil && len(s.Strings("agents")) == 0 {
		s.Fail("agents", "the addresses of the agents that publish, at least one")
	}
}

func unique(s *config.Section, key string, list []netip.AddrPort) {
	seen := map[netip.AddrPort]bool{}
	for i, a := range list {
		if seen[a] {
			s.FailItem(key, i, "each address once")
		}
		seen[a] = true
	}
}

func (r *reader) guard(s *config.Section, d settings) {
	g := &r.cfg.Guard
	g.Members = s.Int("members", 5, 0, maxMembers)
	g.Share = float64(s.Percent("share", 50)) / 100
	for i, a := range s.Strings("anchors") {
		k, ok := r.anchor(a, d)
		if !ok {
			s.FailItem("anchors", i, "an address, pinged; ADDRESS:PORT, connected to; or the name of a [[check]]")
			continue
		}
		g.Anchors = append(g.Anchors, k)
	}
}

func (r *reader) watch(root *config.Section) {
	s := root.Table("monitors")
	for i, text := range s.Strings("watch") {
		a, err := control.ParseAddress(text)
		if err != nil {
			s.FailItem("watch", i, "the control address of another monitor: unix:/PATH or https://HOST:PORT")
			continue
		}
		r.cfg.Watch = append(r.cfg.Watch, a)
	}
	r.cfg.WatchTLS = control.TLS{CA: s.File("ca"), Cert: s.File("cert"), Key: s.File("cert_key")}
}

// settings are the keys of [defaults], which each pool may override, and of
// which each check may override the first four.
type settings struct {
	interval, timeout time.Duration
	fall, rise        int
	timeoutSet        bool // else it follows a short interval

	ttl            uint32
	onFailure      decide.OnFailure
	minMembers     decide.Floor
	onAllDown      decide.OnAllDown
	flap           decide.Flap
	grace          time.Duration
	restartTimeout time.Duration
}

// standard are the values of the contract's sample.
var standard = settings{
	interval: 5 * time.Second, timeout: 3 * time.Second, fall: 3, rise: 2,
	ttl: 30, onFailure: decide.RemoveFirst, minMembers: decide.Floor{Number: 1}, onAllDown: decide.KeepLast,
	flap:  decide.Flap{Downs: 5, Window: 10 * time.Minute, Hold: 2 * time.Minute},
	grace: 30 * time.Second, restartTimeout: 3 * time.Minute,
}

// override returns d with what the table says instead.
func (d settings) override(s *config.Section) settings {
	d = d.overrideCheck(s)
	d.ttl = s.TTL("ttl", d.ttl)
	switch s.OneOf("on_failure", "", "remove-first", "restart-first") {
	case "remove-first":
		d.onFailure = decide.RemoveFirst
	case "restart-first":
		d.onFailure = decide.RestartFirst
	}
	switch s.OneOf("on_all_down", "", "keep-last", "all", "none") {
	case "keep-last":
		d.onAllDown = decide.KeepLast
	case "all":
		d.onAllDown = decide.All
	case "none":
		d.onAllDown = decide.None
	}
	d.minMembers = readFloor(s, d.minMembers)
	if off, ok := s.Raw("flap").(string); ok && off == "off" {
		d.flap.Downs = 0
	} else {
		rate := s.Rate("flap", config.Rate{Count: max(d.flap.Downs, 1), Per: d.flap.Window})
		if s.Has("flap") {
			d.flap.Downs, d.flap.Window = rate.Count, rate.Per
		}
	}
	d.flap.Hold = s.Duration("flap_hold", d.flap.Hold, time.Millisecond, 24*time.Hour)
	d.grace = s.Duration("grace", d.grace, 0, time.Hour)
	d.restartTimeout = s.Duration("restart_timeout", d.restartTimeout, time.Second, time.Hour)
	return d
}

// overrideCheck is override for the keys that a check may have, too.
func (d settings) overrideCheck(s *config.Section) settings {
	d.interval = s.Duration("interval", d.interval, 10*time.Millisecond, time.Hour)
	if s.Has("interval") && d.interval < time.Second {
		s.Warn("interval", "below 1s a service notices the probes")
	}
	if s.Has("timeout") {
		d.timeout = s.Duration("timeout", d.timeout, time.Millisecond, time.Hour)
		d.timeoutSet = true
	} else {
		s.Duration("timeout", d.timeout, time.Millisecond, time.Hour)
	}
	if d.timeout > d.interval {
		if s.Has("timeout") || d.timeoutSet && s.Has("interval") {
			key := "timeout"
			if !s.Has("timeout") {
				key = "interval"
			}
			s.Fail(key, "a timeout that is no longer than the interval ("+config.FormatDuration(d.interval)+")")
		}
	}
	d.fall = s.Int("fall", d.fall, 1, 1000)
	d.rise = s.Int("rise", d.rise, 1, 1000)
	return d
}

// probeTimeout is the timeout, shortened to three fifths of the interval when
// only the interval was set to something shorter.
func (d settings) probeTimeout() time.Duration {
	if !d.timeoutSet {
		return min(d.timeout, d.interval*3/5)
	}
	return min(d.timeout, d.interval)
}

func readFloor(s *config.Section, def decide.Floor) decide.Floor {
	if !s.Has("min_members") {
		s.Int("min_members", 1, 1, maxMembers)
		return def
	}
	if text, ok := s.Raw("min_members").(string); ok && strings.HasSuffix(text, "%") {
		return decide.Floor{Percent: float64(s.Percent("min_members", 50))}
	}
	if _, ok := s.Raw("min_members").(int64); !ok {
		s.Fail("min_members", "a number, or a share such as \"50%\"")
		return def
	}
	return decide.Floor{Number: s.Int("min_members", 1, 1, maxMembers)}
}
