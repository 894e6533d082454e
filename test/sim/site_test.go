package sim

import (
	"fmt"
	"slices"
	"time"

	"loadshare/agent/plan"
	"loadshare/ddns"
	"loadshare/internal/sim"
	"loadshare/monitor/decide"
	"loadshare/monitor/order"
)

var begin = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

const (
	www  order.PoolID = "www.mydomain.com/A"
	smtp order.PoolID = "smtp.mydomain.com/A"

	anchor decide.CheckID = "gw"

	budget       = 3
	budgetWindow = 10 * time.Minute
)

// floors are what the invariants demand, whatever the monitors were told.
var floors = map[order.PoolID]int{www: 2, smtp: 1}

// broken are faults put in on purpose: each must make an invariant fire.
type broken struct {
	noFence       bool // agents write without prerequisites
	noFloor       bool // monitors were told a lower floor
	mayEmpty      bool // monitors were told on_all_down = "none"
	noBudget      bool // agents were told a larger budget
	carelessly    bool // monitors act before they save, and lose it
	deafServer    bool // a DNS server says NOERROR and does nothing
	deafToReports bool // monitors never hear how an order ended
	deafToRefusal bool // monitors never hear that another one is obeyed
	claimsNothing bool // monitors never claim a pool
	seesAllUp     bool // monitors see every service up
	seesOneDown   bool // monitors see one service down for ever
}

// site is two monitors, two DNS servers with an agent each, and four nodes.
type site struct {
	w          *sim.World
	net        *sim.Network
	monitors   []*monitorNode
	agents     []*agentNode
	servers    []*dnsServer
	services   []*service
	gateway    *service // what monitors have as an anchor, in every second seed
	policy     plan.Policy
	broken     broken
	probeNoise float64
	skew       time.Duration
	// given has the content of every stamp that was ordered.
	given map[order.PoolID]map[order.Stamp]string
	runs  map[*service][]time.Time
	stats stats
}

type stats struct{ orders, writes, restarts, crashes, cuts int }

// service is one service on one node: a member of one pool.
type service struct {
	node, name string
	pool       order.PoolID
	value      string
	up, dead   bool
}

func (v *service) checkID() decide.CheckID { return decide.CheckID(string(v.pool) + " " + v.value) }

// newSite builds the site. Odd seeds have two monitors, even ones one; every
// third has an HA pair of DNS servers, the others two independent primaries.
func newSite(seed uint64, b broken) *site {
	s := &site{w: sim.New(seed, begin), broken: b, probeNoise: 0.01, skew: 30 * time.Second,
		given: map[order.PoolID]map[order.Stamp]string{www: {}, smtp: {}}, runs: map[*service][]time.Time{}}
	s.gateway = &service{node: "gw", up: true}
	s.net = s.w.Network(sim.Quality{Delay: time.Millisecond, Jitter: 20 * time.Millisecond})
	for i := range 4 {
		node := fmt.Sprintf("n%d", i+1)
		addr := fmt.Sprintf("192.168.0.%d", i+1)
		s.services = append(s.services, &service{node: node, name: "web", pool: www, value: addr, up: true})
		if i < 2 {
			s.services = append(s.services, &service{node: node, name: "mail", pool: smtp, value: addr, up: true})
		}
	}
	for i := range 2 {
		d := &dnsServer{s: s, name: fmt.Sprintf("ns%d", i+1), up: true, sets: map[ddns.Key]ddns.Set{}, applied: map[order.PoolID]order.Stamp{}}
		for _, v := range s.services {
			k := ddns.Key{Name: v.pool.Name(), Type: "A"}
			set := d.sets[k]
			set.Name, set.Type, set.TTL, set.Values = k.Name, k.Type, 30, append(set.Values, v.value)
			d.sets[k] = set
		}
		s.servers = append(s.servers, d)
	}
	s.servers[1].deaf = b.deafServer
	if seed%3 == 0 {
		s.policy = plan.Pair
		s.servers[0].partner, s.servers[1].partner, s.servers[0].main = s.servers[1], s.servers[0], true
	}
	for i := range 2 {
		s.addAgent(fmt.Sprintf("dns%d", i+1), []string{"ns1", "ns2"}, nil)
	}
	for i := range 4 {
		svcs := map[string]plan.Service{}
		for _, v := range s.services {
			if v.node == fmt.Sprintf("n%d", i+1) {
				n := budget
				if b.noBudget {
					n = 100
				}
				svcs[v.name] = plan.Service{Budget: n, Window: budgetWindow}
			}
		}
		s.addAgent(fmt.Sprintf("n%d", i+1), nil, svcs)
	}
	for i := range 1 + int(seed%2) {
		n := &monitorNode{s: s, id: fmt.Sprintf("m%d", i+1), disk: s.w.Disk(), carelessly: b.carelessly}
		n.cfg = s.monitorConfig(n.id)
		if seed/2%2 == 0 {
			n.cfg.Checks = append(n.cfg.Checks, decide.Check{ID: anchor, Interval: interval, Fall: 3, Rise: 2})
			n.cfg.Guard.Anchors = []decide.CheckID{anchor}
		}
		s.monitors = append(s.monitors, n)
	}
	for _, a := range s.agents {
		a.start()
	}
	for _, n := range s.monitors {
		n.start()
	}
	return s
}

func (s *site) addAgent(name string, servers []string, svcs map[string]plan.Service) {
	s.agents = append(s.agents, &agentNode{s: s, name: name, disk: s.w.Disk(), cfg: plan.Config{
		Agent: name, Servers: servers, Policy: s.policy, Fence: !s.broken.noFence, Strays: plan.StraysReport, Services: svcs,
		Records: ddns.Patterns{{Name: "*.mydomain.com", Types: []string{"A"}}},
	}})
}

func (s *site) monitorConfig(id string) decide.Config {
	c := decide.Config{Monitor: id, Lease: 3 * interval, Guard: decide.Guard{Members: 5, Share: 0.5}}
	for _, pool := range []order.PoolID{www, smtp} {
		p := decide.Pool{ID: pool, TTL: 30, Grace: 30 * time.Second, RestartTimeout: time.Minute,
			Flap:       decide.Flap{Downs: 5, Window: 10 * time.Minute, Hold: time.Minute},
			MinMembers: decide.Floor{Number: floors[pool]}}
		if pool == smtp {
			p.OnFailure = decide.RestartFirst
		}
		if s.broken.noFloor {
			p.MinMembers = decide.Floor{Number: 1}
		}
		if s.broken.mayEmpty {
			p.OnAllDown = decide.None
		}
		for _, v := range s.services {
			if v.pool != pool {
				continue
			}
			c.Checks = append(c.Checks, decide.Check{ID: v.checkID(), Interval: interval, Fall: 3, Rise: 2})
			p.Members = append(p.Members, decide.Member{Value: v.value, Address: v.value, Service: v.name, Agent: v.node,
				Paths: []decide.Path{{Checks: []decide.CheckID{v.checkID()}}}})
		}
		c.Pools = append(c.Pools, p)
	}
	return c
}

// clock is a host's clock, a bit wrong.
func (s *site) clock() *sim.Clock {
	return s.w.Clock(s.w.Between(-s.skew, s.skew), (s.w.Rand().Float64()-0.5)/5000)
}

func (s *site) monitor(id string) *monitorNode {
	return s.monitors[slices.IndexFunc(s.monitors, func(n *monitorNode) bool { return n.id == id })]
}

func (s *site) agent(name string) *agentNode {
	return s.agents[slices.IndexFunc(s.agents, func(a *agentNode) bool { return a.name == name })]
}

func (s *site) server(name string) *dnsServer {
	return s.servers[slices.IndexFunc(s.servers, func(d *dnsServer) bool { return d.name == name })]
}

func (s *site) service(node, name string) *service {
	return s.services[slices.IndexFunc(s.services, func(v *service) bool { return v.node == node && v.name == name })]
}

func (s *site) check(id decide.CheckID) *service {
	if id == anchor {
		return s.gateway
	}
	return s.services[slices.IndexFunc(s.services, func(v *service) bool { return v.checkID() == id })]
}

func (a *agentNode) publishes() bool { return len(a.cfg.Servers) > 0 }

// hear hands a monitor's message to the agent.
func (a *agentNode) hear(from string, id uint64, msg order.Message) {
	if !a.life.Alive() {
		return
	}
	a.step(plan.Heard{From: from, ID: id, Msg: msg})
}
