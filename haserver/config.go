package haserver

import (
	"net/netip"
	"path/filepath"
	"slices"
	"time"

	"loadshare/haserver/message"
	"loadshare/haserver/notify"
	"loadshare/haserver/pairmsg"
	"loadshare/haserver/zone"
	"loadshare/internal/alert"
	"loadshare/internal/config"
	"loadshare/internal/control"
	"loadshare/internal/link"
	"loadshare/internal/metrics"
)

// Config is what a configuration of the role dns says. Make it with LoadConfig.
type Config struct {
	Listen   []netip.AddrPort // UDP and TCP on each; port 0: the system chooses
	StateDir string           // of this process alone
	Keys     message.Keys
	NSID     string // RFC 5001; empty: none
	Rate     RateLimit
	TCP      TCPLimits
	Control  control.Config
	Metrics  metrics.Config
	Notify   notify.Config // how secondaries are told of changes
	TLS      *TLS          // nil: none
	HA       *HA           // nil: single
	Alerts   alert.Config  // whom alarms are told to
	Zones    []ZoneConfig
}

// ZoneConfig is one [[zone]].
type ZoneConfig struct {
	Name      zone.Name
	Text      string // the name as it was written
	File      string // master file, read when the zone is new; "" at the backup of a pair: it comes from the main
	Update    Grants
	Transfer  Grants
	Notify    []netip.AddrPort // secondaries besides those in the zone's NS records
	NotifyKey zone.Name        // the key that NOTIFY is signed with, lower case; empty: unsigned
	Upkeep

	UpdateText, TransferText []string // the grants as they were written
}

// RateLimit is [rate_limit]: how many equal answers a network of clients gets over UDP.
type RateLimit struct {
	Enabled   bool
	PerSecond int            // answers of one kind about one name to one /24 or /56; more are dropped
	Slip      int            // every so many of those dropped is answered with TC instead; 0: none
	Exempt    []netip.Prefix // besides loopback
}

// TCPLimits bounds TCP.
type TCPLimits struct {
	Connections int           // in all; when they are used up the one that was idle longest is closed
	PerClient   int           // of one address (IPv6: of one /64)
	Idle        time.Duration // how long a connection without a request is kept
}

// HA is [ha]: this server's place in a pair.
type HA struct {
	Role                  pairmsg.Role // main or backup
	Listen, Partner       netip.AddrPort
	Auth                  link.Auth // how both prove themselves
	Heartbeat             time.Duration
	CommTimeout           time.Duration
	ZonesyncFailedTimeout time.Duration
	AckTimeout            time.Duration
	Strict                bool // no NOERROR with one copy (decision H-a)
	Forward               bool // the backup passes clients' updates on in normal (decision H-f)
	Details               bool // log every change of state of a zone, and why (checklist H36)
	Messages              bool // log every message between the partners
}

// LoadConfig reads a configuration file and all that it names but the zones. The Config is usable only
// when there are no errors among the problems.
func LoadConfig(path string) (*Config, config.Problems) {
	return config.Read(path, readConfig)
}

func readConfig(doc *config.Doc) (*Config, config.Problems) {
	root := doc.Root()
	c := &Config{
		Listen:   root.AddrPorts("listen", 53),
		StateDir: root.Path("state_dir", "/var/lib/loadshare/dns"),
		Keys:     readKeys(root, doc.Dir()),
		NSID:     root.String("nsid", ""),
		Rate:     readRate(root.Table("rate_limit")),
		TCP:      readTCP(root.Table("tcp")),
		Control:  control.ConfigFrom(root.Table("control"), "dns"),
		Metrics:  metrics.ConfigFrom(root.Table("metrics")),
		Notify:   readNotify(root.Table("notify")),
		TLS:      readTLS(root.Table("tls")),
		HA:       readHA(root.Table("ha")),
		Alerts:   alert.ConfigFrom(root.Table("alerts"), "dns"),
	}
	if len(c.Listen) == 0 {
		root.Fail("listen", "at least one address, such as [\"192.168.0.10:53\"]")
	}
	for i, a := range c.Listen {
		if a.Port() != 0 && slices.Contains(c.Listen[:i], a) {
			root.FailItem("listen", i, "every address once")
		}
	}
	if len(c.NSID) > 128 {
		root.Fail("nsid", "at most 128 octets")
	}
	for _, s := range root.Tables("zone") {
		if z, ok := readZone(s, c); ok {
			c.Zones = append(c.Zones, z)
		}
	}
	return c, doc.Problems()
}

func readKeys(root *config.Section, dir string) message.Keys {
	keys := message.Keys{}
	from := map[string]string{}
	for i, name := range root.Strings("keys") {
		file := name
		if !filepath.IsAbs(file) {
			file = filepath.Join(dir, file)
		}
		list, err := config.ReadKeys(file)
		if err != nil {
			root.FailItem("keys", i, "a file of keys in BIND's syntax (loadshare key NAME makes one): "+err.Error())
			continue
		}
		for _, k := range list {
			key, err := message.NewKey(k.Name, k.Algorithm, k.Secret)
			if err != nil {
				root.FailItem("keys", i, "keys for TSIG: "+err.Error())
				continue
			}
			if other, twice := from[string(key.Name)]; twice {
				root.FailItem("keys", i, "every key once: "+k.Name+" is in "+other+" too")
				continue
			}
			from[string(key.Name)] = file
			keys[string(key.Name)] = key
		}
	}
	return keys
}

func readRate(s *config.Section) RateLimit {
	return RateLimit{
		Enabled:   s.Bool("enabled", true),
		PerSecond: s.Int("responses_per_second", 20, 1, 100000),
		Slip:      s.Int("slip", 2, 0, 10),
		Exempt:    s.Prefixes("exempt"),
	}
}

func readTCP(s *config.Section) TCPLimits {
	return TCPLimits{
		Connections: s.Int("connections", 1000, 10, 100000),
		PerClient:   s.Int("per_client", 200, 1, 100000),
		Idle:        s.Duration("idle", 20*time.Second, 100*time.Millisecond, 5*time.Minute),
	}
}

func readHA(s *config.Section) *HA {
	if !s.Present() {
		return nil
	}
	h := &HA{
		Role:                  pairmsg.Main,
		Listen:                s.AddrPort("listen", 2225),
		Partner:               s.AddrPort("partner", 2225),
		Heartbeat:             s.Duration("heartbeat", 12*time.Second, 100*time.Millisecond, time.Hour),
		CommTimeout:           s.Duration("comm_timeout", 30*time.Second, 100*time.Millisecond, time.Hour),
		ZonesyncFailedTimeout: s.Duration("zonesync_failed_timeout", 5*time.Minute, 100*time.Millisecond, 24*time.Hour),
		AckTimeout:            s.Duration("ack_timeout", time.Second, 100*time.Millisecond, time.Minute),
		Strict:                s.OneOf("ack", "available", "available", "strict") == "strict",
		Forward:               s.OneOf("updates_at_backup", "drop", "drop", "forward") == "forward",
		Details:               s.Bool("ha_details", false),
		Messages:              s.Bool("ha_messages", false),
	}
	if s.OneOf("role", "", "main", "backup") == "backup" {
		h.Role = pairmsg.Backup
	}
	h.Auth, _ = link.AuthFrom(s)
	for _, key := range []string{"role", "listen", "partner"} {
		if !s.Has(key) {
			s.Fail(key, "a value: a pair cannot do without it")
		}
	}
	if h.CommTimeout <= h.Heartbeat {
		s.Fail("comm_timeout", "longer than heartbeat, or every late one parts the pair")
	}
	checkTwoServers(s, h)
	return h
}

// checkTwoServers refuses a pair that is one server twice (checklist H35). Loopback is allowed: both may run on one host.
func checkTwoServers(s *config.Section, h *HA) {
	if !h.Listen.IsValid() || !h.Partner.IsValid() {
		return
	}
	own, partner := h.Listen.Addr(), h.Partner.Addr()
	switch {
	case h.Listen == h.Partner, own.IsUnspecified() && partner.IsLoopback() && h.Listen.Port() == h.Partner.Port():
		s.Fail("partner", "the address of the other server: this is our own")
	case partner.IsUnspecified():
		s.Fail("partner", "the address of the other server: this is none that one can connect to")
	case own.IsLoopback() && !partner.IsLoopback():
		s.Warn("listen", "the partner on another host cannot connect to a loopback address")
	}
}

func readZone(s *config.Section, c *Config) (ZoneConfig, bool) {
	z := ZoneConfig{Text: s.Required("name"), File: s.File("file"), Notify: s.AddrPorts("notify", 53), Upkeep: readUpkeep(s)}
	if !s.Has("file") && !z.Catalog && (c.HA == nil || c.HA.Role != pairmsg.Backup) {
		s.Fail("file", "the zone's master file (only the backup of a pair can do without one: it gets the zone from the main)")
	}
	z.UpdateText, z.TransferText = s.Strings("update"), s.Strings("transfer")
	z.NotifyKey = readNotifyKey(s, c.Keys)
	if z.Text == "" {
		return z, false
	}
	name, err := zone.ParseName(z.Text)
	if err != nil {
		s.Fail("name", "a domain name: "+err.Error())
		return z, false
	}
	z.Name = name
	if slices.ContainsFunc(c.Zones, func(o ZoneConfig) bool { return o.Name.Equal(name) }) {
		s.Fail("name", "every zone once")
		return z, false
	}
	for i, text := range z.UpdateText {
		g, err := parseGrant(text, name, c.Keys, true)
		if err != nil {
			s.FailItem("update", i, err.Error())
			continue
		}
		if g.key == "" && !g.net.Addr().IsLoopback() {
			s.Warn("update", "an address alone may change the zone; sender addresses of UDP can be forged, a key cannot")
		}
		z.Update = append(z.Update, g)
	}
	for i, text := range z.TransferText {
		g, err := parseGrant(text, name, c.Keys, false)
		if err != nil {
			s.FailItem("transfer", i, err.Error())
			continue
		}
		if g.cert != "" && (c.TLS == nil || !c.TLS.asks()) {
			s.FailItem("transfer", i, "`ca` in [tls]: without it nobody is asked for a certificate")
		}
		z.Transfer = append(z.Transfer, g)
	}
	return z, true
}
