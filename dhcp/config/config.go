package config

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"loadshare/dhcp/engine"
	"loadshare/dhcp/option"
	"loadshare/dhcp/scope"
	"loadshare/internal/alert"
	"loadshare/internal/config"
	"loadshare/internal/control"
	"loadshare/internal/metrics"
)

// Config is what a configuration of the role dhcp says. Make it with [Load]; it does not change.
type Config struct {
	Path             string
	Interfaces       []string         // broadcasts are heard here; empty: relayed and unicast packets only
	Listen           []netip.AddrPort // for relayed and unicast packets; port 0: the system chooses
	RelayReplySource bool             // a relay is answered at the port it used, not at 67
	StateDir         string           // of this process alone
	FirstLeases      string           // file with another server's leases, for a store that is empty; "": none
	History          time.Duration    // how long lease history is kept
	Control          control.Config
	Metrics          metrics.Config
	Alerts           alert.Config
	Engine           engine.Config
	Pairs            []Pair       // in the order of Engine.Pairs
	DDNS             *DDNS        // nil: no names in DNS
	LeaseQuery       LeaseQuery   // over TCP
	Scopes           scope.Config // what Engine.Scopes was made from
}

// The defaults of the first level.
const (
	defaultStateDir = "/var/lib/loadshare/dhcp"
	defaultHistory  = 90 * 24 * time.Hour
	defaultOrphan   = 30 * 24 * time.Hour // decision D-h
	defaultHold     = time.Minute
	defaultPing     = 500 * time.Millisecond
	maxLimit        = 1_000_000 // of new clients
)

// Load reads a configuration file and all that it names. The Config is usable only when there are no errors among the problems.
func Load(path string) (*Config, config.Problems) {
	return config.Read(path, read)
}

// Parse is Load for a text; path is where relative file names start.
func Parse(path string, data []byte) (*Config, config.Problems) {
	return config.ReadText(path, data, read)
}

// reader is one reading of a file.
type reader struct {
	doc   *config.Doc
	root  *config.Section
	c     *Config
	known *option.Set // with those of [[option_definition]]
	// The sections by the name of what they say, as package scope names it, for problems that are found later.
	pairs, at map[string]*config.Section
}

func read(doc *config.Doc) (*Config, config.Problems) {
	r := &reader{doc: doc, root: doc.Root(), c: &Config{Path: doc.Path()}, pairs: map[string]*config.Section{}, at: map[string]*config.Section{}}
	r.first()
	r.definitions()
	r.at["server"] = r.root.Table("policy")
	r.c.Scopes.Policy = r.policy(r.root.Table("policy"), ofServer)
	r.networks()
	r.people()
	r.failover()
	r.scope()
	r.c.DDNS, r.c.Engine.Names = readDDNS(r.root.Table("ddns"))
	r.leaseQuery()
	r.judge()
	built := r.build(doc.Problems())
	r.judgeShares()
	problems := append(doc.Problems(), built...)
	slices.SortStableFunc(problems, func(a, b config.Problem) int { return cmp.Compare(a.Line, b.Line) })
	return r.c, problems
}

// first reads the first level and the tables of every role.
func (r *reader) first() {
	c, root := r.c, r.root
	c.Interfaces = root.Strings("interfaces")
	for i, name := range c.Interfaces {
		if name == "" || len(name) > 15 || slices.Contains(c.Interfaces[:i], name) {
			root.FailItem("interfaces", i, "the name of a network interface, each once")
		}
	}
	c.Listen = root.AddrPorts("listen", 67)
	for i, a := range c.Listen {
		if !a.Addr().Is4() {
			root.FailItem("listen", i, "an IPv4 address: this is a DHCPv4 server")
		} else if a.Port() != 0 && slices.Contains(c.Listen[:i], a) {
			root.FailItem("listen", i, "every address once")
		}
	}
	if len(c.Listen) == 0 && len(c.Interfaces) == 0 {
		root.Fail("listen", "at least one address, such as [\"192.168.0.10:67\"], or names in `interfaces`: else nobody is heard")
	}
	c.RelayReplySource = root.OneOf("relay_reply_port", "67", "67", "source") == "source"
	c.StateDir = root.Path("state_dir", defaultStateDir)
	c.FirstLeases = root.File("first_leases")
	c.History = root.Duration("history", defaultHistory, 0, 0)
	c.Scopes.IgnoreSubnetSelection = root.Bool("ignore_subnet_selection", false)
	c.Engine.Authoritative = root.Bool("authoritative", true)
	c.Engine.OfferHold = root.Duration("offer_hold", defaultHold, time.Second, time.Hour)
	c.Engine.PingTimeout = root.Duration("ping_timeout", defaultPing, 10*time.Millisecond, 10*time.Second)
	c.Engine.OrphanTime = root.Duration("orphan_time", defaultOrphan, 0, 0)
	c.Engine.PortBurst = root.Int("port_burst", engine.DefaultPortBurst, 1, maxLimit)
	c.Engine.PortRate = root.Int("port_rate", engine.DefaultPortRate, 1, maxLimit)
	c.Engine.RelayBurst = root.Int("relay_burst", engine.DefaultRelayBurst, 1, maxLimit)
	c.Engine.RelayRate = root.Int("relay_rate", engine.DefaultRelayRate, 1, maxLimit)
	c.Control = control.ConfigFrom(root.Table("control"), "dhcp")
	c.Metrics = metrics.ConfigFrom(root.Table("metrics"))
	c.Alerts = alert.ConfigFrom(root.Table("alerts"), "dhcp")
}
