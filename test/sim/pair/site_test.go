package pairsim

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"loadshare/haserver/pair"
	"loadshare/haserver/pairmsg"
	"loadshare/haserver/zone"
	"loadshare/internal/sim"
)

var begin = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// timers are the settings that a seed picks one of.
type timers struct{ heartbeat, comm, retry, ack time.Duration }

var (
	usual     = timers{12 * time.Second, 30 * time.Second, 300 * time.Second, time.Second}
	fast      = timers{time.Second, 3 * time.Second, 6 * time.Second, time.Second}
	immediate = timers{100 * time.Millisecond, 400 * time.Millisecond, time.Second, 200 * time.Millisecond}
)

// options is what a world is made with.
type options struct {
	timers  timers
	zones   int
	backup  string // what it has at first: "same" master files, "other" ones, or "none"
	strict  bool
	expire  int // seconds, of the SOA
	fsync   time.Duration
	delay   time.Duration
	clients int
	skew    time.Duration // of the wall clocks, at most
	late    bool          // the last zone is made while the servers run
	broken  broken
	verbose bool
}

// site is the two servers and all who have to do with them.
type site struct {
	w        *world
	seed     uint64
	o        options
	broken   broken
	verbose  bool
	nodes    [2]*node
	link     *link
	zones    []string
	clients  []*client
	seconds  []*secondary
	far      [2]bool // no client reaches this node
	jobsFail float64
	commands uint64
	edits    int
	calmed   bool
	drifted  map[string]bool // zones whose contents a test has made differ
	guarded  bool            // a disk was lost: nothing else breaks until it is made up for
	reasons  [2][]pair.Note
	oracle
	stats stats
}

type stats struct{ steps, moves, acked, single, crashes, cuts, disks, merges, conflicts, notAccepted, transfers, ixfr, alone int }

func zoneKey(i int) string {
	n, err := zone.ParseName(fmt.Sprintf("z%d.test.", i))
	if err != nil {
		panic(err)
	}
	return n.Key()
}

// file is a master file; kind tells two of the same zone apart.
func file(k string, serial int, expire int, extra string) *zone.Zone {
	text := fmt.Sprintf("$TTL 60\n@ SOA ns.test. admin.test. %d 3600 600 %d 60\n@ NS ns.test.\nwww A 192.0.2.1\nwww A 192.0.2.2\np0 A 10.0.0.1\np1 A 10.0.0.1\n%s", serial, expire, extra)
	z, problems := zone.Load(func(string) ([]byte, error) { return []byte(text), nil }, zone.Name(k), "zone")
	if z == nil {
		panic(problems.Err())
	}
	return z
}

// newSite makes the two servers; nothing runs yet.
func newSite(seed uint64, o options) *site {
	s := &site{w: &world{sim.New(seed, begin), o.verbose}, seed: seed, o: o, broken: o.broken, verbose: o.verbose}
	s.oracle = newOracle()
	s.link = &link{s: s, delay: [2]time.Duration{o.delay / 4, o.delay}}
	for i := range o.zones {
		s.zones = append(s.zones, zoneKey(i))
	}
	for i, role := range []pairmsg.Role{pairmsg.Main, pairmsg.Backup} {
		n := &node{s: s, i: i, name: role.String(), power: true, files: map[string]*zone.Zone{}, later: map[string]*zone.Zone{}}
		n.cfg = pair.Config{Role: role, Heartbeat: o.timers.heartbeat, CommTimeout: o.timers.comm, SyncRetry: o.timers.retry, AckTimeout: o.timers.ack, Strict: o.strict, Settings: 1}
		n.wall = s.w.Clock(s.w.Between(-o.skew, o.skew), (s.w.Rand().Float64()-0.5)/5000)
		n.disk = &disk{n: n, fsync: [2]time.Duration{o.fsync / 10, o.fsync}}
		for j, k := range s.zones {
			extra := "main TXT here\nold A 192.0.2.9\n"
			serial := 1000 + j
			if role == pairmsg.Backup {
				switch o.backup {
				case "none":
					if !o.late || j < o.zones-1 { // a new one is added to both
						continue
					}
				case "other":
					extra, serial = "backup TXT here\nold A 192.0.2.10\n", 500+j*1000
				}
			}
			n.later[k] = file(k, serial, o.expire, extra)
			if !o.late || j < o.zones-1 {
				n.files[k] = n.later[k]
			}
		}
		s.nodes[i] = n
	}
	for _, k := range s.zones {
		for _, n := range s.nodes {
			if z := n.later[k]; z != nil {
				s.initial(k, z)
			}
		}
	}
	return s
}

// tip is what a node's queries see of a zone; nil: nothing.
func (n *node) tip(k string) *zone.Zone {
	if v := n.view[k]; v != nil && n.life.Alive() {
		return v.tip
	}
	return nil
}

// state is the state of a living node.
func (n *node) state() pairmsg.State {
	if !n.life.Alive() {
		return pairmsg.Startup
	}
	return n.m.Status().State
}

// both says whether both servers are in normal and all their zones are complete.
func (s *site) both() bool {
	return s.nodes[0].ready && s.nodes[1].ready
}

// seen is a note of a machine.
func (s *site) seen(n *node, x pair.Note) {
	s.reasons[n.i] = append(s.reasons[n.i], x)
	if s.broken.bossy && x.From != x.To && x.To == pairmsg.Normal {
		s.w.After(0, "", n.life.Bind(func() {
			n.operate(pair.Operate{Command: pair.SyncNow, Source: pairmsg.FromMain}, func(string) {})
		}))
	}
}

func (s *site) describe() string {
	var b strings.Builder
	for _, n := range s.nodes {
		if !n.life.Alive() {
			fmt.Fprintf(&b, "%s is not running\n", n.name)
			continue
		}
		st := n.m.Status()
		fmt.Fprintf(&b, "%s: %+v\n", n.name, st)
	}
	return b.String()
}

// appears: an operator adds a zone to a server's configuration, and reloads it.
func (s *site) appears(n *node, k string) {
	z := n.later[k]
	if z == nil || n.files[k] != nil {
		return
	}
	if n.disk.full || n.disk.failed {
		s.w.After(time.Second, "", func() { s.appears(n, k) })
		return
	}
	n.files[k] = z
	if !n.life.Alive() || n.disk.durable.zones[k] != nil || n.journal[k] != nil {
		return
	}
	s.w.Note("%s gets the new zone %s", n.name, zone.Name(k))
	st := n.disk.create(k, z)
	n.journal[k] = &zoneStore{steps: slices.Clone(st.steps), saved: st.saved}
	s.durable(n)
	n.step(pair.AddZone{Zone: k, ZoneStart: pair.ZoneStart{Tip: z, Point: st.last().point, Saved: st.saved}})
}
