package layering

// rule says what one package may import of this module.
type rule struct {
	pure bool // see pureNever
	may  []string
}

// helpers are the internal packages that every role may use.
var helpers = []string{
	"internal/alert", "internal/ask", "internal/config", "internal/control", "internal/durable",
	"internal/events", "internal/link", "internal/metrics", "internal/process",
}

// policy is what each package may import; what is not here is forbidden. A
// package that is not named may not exist.
var policy = map[string]rule{
	// Words and decisions.
	"ddns":           {pure: true},
	"monitor/order":  {pure: true},
	"monitor/decide": {pure: true, may: []string{"monitor/order"}},
	"agent/plan":     {pure: true, may: []string{"monitor/order", "ddns"}},
	"haserver/zone":  {pure: true},

	// The pair: what both sides hold, what they say, how two contents become one, and who may do what.
	"haserver/siphash": {pure: true},
	"haserver/digest":  {pure: true, may: []string{"haserver/zone", "haserver/siphash"}},
	"haserver/pairmsg": {pure: true, may: []string{"haserver/zone", "haserver/digest"}},
	"haserver/merge":   {pure: true, may: []string{"haserver/zone", "haserver/digest", "haserver/pairmsg"}},
	"haserver/pair":    {pure: true, may: []string{"haserver/zone", "haserver/digest", "haserver/pairmsg", "haserver/merge"}},

	// Secondaries and old records.
	"haserver/notify":   {pure: true, may: []string{"haserver/zone"}},
	"haserver/catalog":  {pure: true, may: []string{"haserver/zone", "haserver/digest"}},
	"haserver/scavenge": {pure: true, may: []string{"haserver/zone"}},

	// DHCP: addresses, and the failover protocol.
	"dhcp/lease":         {pure: true},
	"dhcp/failover/wire": {pure: true, may: []string{"dhcp/lease"}},
	"dhcp/failover":      {pure: true, may: []string{"dhcp/lease", "dhcp/failover/wire"}},
	"dhcp/option":        {pure: true},
	"dhcp/packet":        {pure: true, may: []string{"dhcp/lease", "dhcp/option"}},
	"dhcp/scope/expr":    {pure: true, may: []string{"dhcp/lease", "dhcp/option", "dhcp/packet"}},
	"dhcp/scope":         {pure: true, may: []string{"dhcp/lease", "dhcp/option", "dhcp/packet", "dhcp/scope/expr"}},
	"dhcp/bulkquery":     {pure: true, may: []string{"dhcp/lease", "dhcp/option", "dhcp/packet"}},
	"dhcp/beside":        {pure: true, may: []string{"dhcp/lease", "dhcp/option", "dhcp/scope"}},
	"dhcp/names":         {pure: true, may: []string{"dhcp/lease", "dhcp/option", "dhcp/packet", "ddns"}},
	"dhcp/engine": {pure: true, may: []string{"dhcp/lease", "dhcp/option", "dhcp/packet", "dhcp/scope", "dhcp/names",
		"dhcp/failover", "dhcp/failover/wire"}},

	// Looking and sending.
	"probes":           {},
	"monitor/schedule": {may: []string{"probes"}},
	"ddns/send":        {may: []string{"ddns", "internal/ask"}},
	"haserver/message": {may: []string{"haserver/zone"}},
	"haserver/xfer":    {may: []string{"haserver/zone", "haserver/message"}},
	"haserver/journal": {may: []string{"haserver/zone", "haserver/digest", "haserver/pairmsg", "haserver/merge", "internal/durable"}},

	"dhcp/socket":    {may: []string{"dhcp/lease", "dhcp/packet", "internal/unpolled"}},
	"dhcp/bulkserve": {may: []string{"dhcp/bulkquery", "dhcp/lease", "dhcp/option", "dhcp/packet"}},
	"dhcp/store":     {may: []string{"dhcp/lease", "dhcp/failover", "dhcp/names", "dhcp/engine", "internal/durable"}},
	"dhcp/config":    {may: with(helpers, "dhcp/lease", "dhcp/option", "dhcp/packet", "dhcp/scope", "dhcp/names", "dhcp/failover", "dhcp/engine", "ddns")},

	// The loops.
	"monitor": {may: with(helpers, "probes", "monitor/decide", "monitor/order", "monitor/schedule", "ddns")},
	// An agent obeys orders and does not judge its own work. The one exception
	// to "agent never imports probes" is decision M4: when the monitor may be
	// blind, a publishing agent looks once with its own eyes and reports what
	// it saw; the monitor decides.
	"agent": {may: with(helpers, "agent/plan", "monitor/order", "ddns", "ddns/send", "probes")},
	// The only door of the DNS server is the DNS protocol.
	"haserver": {may: with(helpers, "haserver/zone", "haserver/message", "haserver/xfer", "haserver/journal",
		"haserver/siphash", "haserver/digest", "haserver/pairmsg", "haserver/merge", "haserver/pair",
		"haserver/notify", "haserver/catalog", "haserver/scavenge", "internal/unpolled")},

	"dhcp": {may: with(helpers, "dhcp/lease", "dhcp/option", "dhcp/packet", "dhcp/scope", "dhcp/names", "dhcp/engine", "dhcp/failover",
		"dhcp/failover/wire", "dhcp/socket", "dhcp/store", "dhcp/config", "dhcp/bulkquery", "dhcp/bulkserve", "dhcp/beside", "ddns", "ddns/send")},

	// Helpers.
	"internal/config":      {},
	"internal/durable":     {},
	"internal/process":     {},
	"internal/ask":         {},
	"internal/link":        {may: []string{"internal/config"}},
	"internal/control":     {may: []string{"internal/config", "internal/room"}},
	"internal/control/ca":  {may: []string{"internal/durable"}},
	"internal/metrics":     {may: []string{"internal/config", "internal/room"}},
	"internal/room":        {},
	"internal/unpolled":    {},
	"internal/events":      {may: []string{"internal/durable"}},
	"internal/alert":       {may: []string{"internal/config", "internal/durable", "internal/metrics"}},
	"internal/importer":    {may: []string{"internal/config", "ddns", "dhcp/option", "dhcp/scope/expr"}},
	"internal/dhcpclient":  {},
	"internal/childserver": {}, // for tests only
	"internal/conformance": {}, // for tests only
	"internal/textlog":     {}, // for tests only
	"internal/freeport":    {}, // for tests only
	"internal/layering":    {},
	"internal/sim":         {}, // the world of tests; nothing may import it

	// Wiring: may import everything but each other's insides.
	"internal/demo": {may: with(helpers, "internal/control/ca", "internal/dhcpclient", "monitor", "agent", "haserver", "dhcp", "dhcp/config", "ddns")},
	"cmd/loadshare": {may: with(helpers, "internal/control/ca", "internal/demo", "internal/importer",
		"monitor", "agent", "haserver", "haserver/zone", "dhcp", "dhcp/config", "ddns")},

	// Samples, loaded by a test. Packages below test/ are the tests of the
	// whole: they need no rule, and nothing may import them.
	"etc": {},
}

func with(list []string, more ...string) []string {
	return append(append([]string(nil), list...), more...)
}

// never are imports that no rule may allow, and why.
var never = []struct{ from, to, why string }{
	{"agent", "monitor", "it obeys orders; one judge of health, not two"},
	{"agent", "monitor/decide", "it obeys orders; one judge of health, not two"},
	{"haserver", "ddns", "its only door is the DNS protocol"},
	{"haserver", "agent", "its only door is the DNS protocol"},
	{"haserver", "monitor", "its only door is the DNS protocol"},
	{"haserver", "dhcp", "its only door is the DNS protocol"},
	{"agent", "haserver", "the only door of the DNS server is the DNS protocol"},
	{"monitor", "haserver", "the only door of the DNS server is the DNS protocol"},
	{"dhcp", "haserver", "the only door of the DNS server is the DNS protocol"},
	{"probes", "monitor", "a probe has no memory"},
}

// libraries are those from outside, and who may import them; by prefix.
var libraries = map[string][]string{
	// Frozen upstream: a later change of library stays local.
	"github.com/miekg/dns": {
		"probes", "ddns/send", "internal/ask", "haserver", "haserver/zone", "haserver/xfer", "haserver/journal", "internal/dnstest", "internal/demo",
	},
	"github.com/insomniacslk/dhcp":     {"dhcp/packet", "dhcp/option", "internal/dhcpclient"},
	"github.com/BurntSushi/toml":       {"internal/config"},
	"github.com/cockroachdb/pebble/v2": {"internal/durable"},
	"go.etcd.io/bbolt":                 {"internal/durable"},
	"github.com/coreos/go-systemd/v22": {"internal/process", "agent"},
	"github.com/godbus/dbus/v5":        {"agent"},
	"github.com/go-mail/mail":          {"internal/alert"},
	"github.com/robfig/cron/v3":        {"internal/alert"},
	"github.com/prometheus":            {"internal/metrics"},
	"github.com/spf13/cobra":           {"cmd/loadshare"},
	"golang.org/x/net/bpf":             {"probes", "dhcp/socket"},
	"golang.org/x/net/icmp":            {"probes", "dhcp/socket"},
	"golang.org/x/net/ipv4":            {"probes", "haserver", "dhcp/socket"},
	"golang.org/x/net/ipv6":            {"probes", "haserver"},
	"golang.org/x/net/http2":           {"probes"},
	"golang.org/x/sync":                {"monitor", "monitor/schedule", "agent", "haserver", "probes", "internal/alert", "internal/demo", "ddns/send"},
	"golang.org/x/sys/unix":            {"probes", "haserver", "dhcp/socket", "internal/dhcpclient", "agent", "internal/control", "internal/process", "internal/unpolled"},
	"golang.org/x/term":                {"cmd/loadshare"},
	"golang.org/x/time/rate":           {"monitor", "monitor/schedule", "agent", "haserver", "internal/alert"},
}

// pureNever are the imports that end purity: their packages wait, look at the
// clock, the machine or the network, or carry someone else's state. net/netip
// is data and allowed.
var pureNever = []string{
	"context", "log", "log/slog", "net", "net/http", "os", "os/exec", "os/signal", "sync", "sync/atomic", "syscall",
	"io/fs", "runtime", "crypto/rand", "math/rand",
}

// clock are the functions of package time that a pure package may not call.
var clock = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "NewTimer", "NewTicker", "Tick"}

// handedIn are the functions of math/rand/v2 that a pure package may call:
// numbers come from a *rand.Rand that was handed in.
var handedIn = []string{"New", "NewPCG", "NewChaCha8", "NewZipf", "Rand", "Source", "PCG", "ChaCha8", "Zipf"}

const maxLines = 600 // of a file that is no test
