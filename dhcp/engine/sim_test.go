package engine

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"loadshare/dhcp/failover"
	"loadshare/dhcp/failover/wire"
	"loadshare/dhcp/lease"
	"loadshare/dhcp/option"
	"loadshare/dhcp/packet"
	"loadshare/dhcp/scope"
	"loadshare/internal/sim"
)

// The world of these tests: one server or two, each with a disk that is late and loses what it had not written; a link between them as TCP
// is; a network that loses messages; clients that lease, renew, rebind, come back, release, decline and vanish. Messages go as octets. What
// a client was told is what the invariant looks at (decision D-a).

const (
	simMCLT   = 60
	simLease  = 600
	simFirst  = lease.IP(0x0a000064)
	simPool   = 40
	simFixed  = lease.IP(0x0a000032)
	simServer = lease.IP(0x0a00000a)
)

type simWorld struct {
	t       *testing.T
	w       *sim.World
	nodes   []*simNode
	clients []*simClient
	conns   []*simConn
	session uint64
	cut     bool
	trouble error
	history []string
	served  int // acknowledgements that clients took
	refused int
	pool    lease.IP // addresses
	answers bool     // somebody answers probes now and then
}

type simNode struct {
	x      *simWorld
	i      int
	name   string
	cfg    Config
	m      *Machine
	disk   *testDisk
	alive  bool
	deaf   bool // to clients
	life   int
	skew   int64
	began  time.Time
	tick   int
	free   time.Time
	states []wire.EndpointState
	events []failover.Reason
	said   map[Reason]int
}

type simConn struct {
	id     uint64
	held   []func()
	closed [2]bool
}

// simClient is one device.
type simClient struct {
	x      *simWorld
	n      byte
	mac    []byte
	id     []byte
	ip     lease.IP // 0: none
	until  time.Time
	server lease.IP // that it renews with
	xid    uint32   // of the exchange under way; 0: none
	sent   time.Time
	began  time.Time // of its search
	asking lease.IP  // of the REQUEST under way
	off    bool
}

func newSim(t *testing.T, seed uint64, servers int, change func(*Config, *scope.Config)) *simWorld {
	x := &simWorld{t: t, w: sim.New(seed, time.Unix(testStart, 0)), pool: simPool}
	for i := range servers {
		c := Config{}
		s := scope.Config{
			Policy: scope.Policy{LeaseTime: ptr(uint32(simLease)), PingCheck: ptr(false), AbandonTime: ptr(uint32(900))},
			Scopes: []scope.Scope{{
				Name: "lan", Subnet: prefix("10.0.0.0/24"), Ranges: []scope.Range{{First: simFirst, Last: simFirst + simPool - 1}}, BackupPct: ptr(25),
				Reservations: []scope.Reservation{{Address: simFixed, CHAddr: []byte{2, 0, 0, 0, 0, 0}}},
			}},
		}
		if servers == 2 {
			s.Scopes[0].Failover = "pair"
			c.Pairs = []failover.Config{{
				Name: "pair", Role: failover.Role(i + 1), MCLT: simMCLT, PollInterval: 3 * time.Second, PollTimeout: 10 * time.Second,
				Fast: time.Second, MaxUnacked: 10,
			}}
		}
		if change != nil {
			change(&c, &s)
		}
		x.pool = s.Scopes[0].Ranges[0].Last - simFirst + 1
		c.Scopes = testTable(t, s)
		x.nodes = append(x.nodes, &simNode{x: x, i: i, name: []string{"main", "backup"}[i], cfg: c, disk: newDisk(uint64(i + 1)), said: map[Reason]int{}})
	}
	for n := range byte(24) {
		c := &simClient{x: x, n: n, mac: []byte{2, 0, 0, 0, 0, n}}
		if n%3 != 0 {
			c.id = []byte{1, 2, 0, 0, 0, 0, n}
		}
		x.clients = append(x.clients, c)
	}
	return x
}

// The servers.

func (n *simNode) now() failover.Now {
	return failover.Now{Mono: n.x.w.Now().Sub(n.began) + time.Hour, Wall: n.x.w.Now().Unix() + n.skew}
}

func (n *simNode) local() lease.IP { return simServer + lease.IP(n.i) }

func (n *simNode) start() {
	n.life++
	n.alive, n.began, n.free = true, n.x.w.Now(), n.x.w.Now()
	m, err := New(n.now(), n.cfg, n.disk.start())
	if err != nil {
		n.x.fail("%s: %v", n.name, err)
		return
	}
	n.m = m
	n.step(Tick{})
}

func (n *simNode) crash() {
	n.alive = false
	n.life++
	for _, c := range n.x.conns {
		n.x.closeEnd(c, n.i)
	}
}

func (n *simNode) step(in Input) {
	if n.alive {
		n.do(n.m.Step(n.now(), in))
	}
}

func (n *simNode) state() wire.EndpointState { return n.m.pairs[0].m.State() }

func (n *simNode) do(out *Output) {
	life := n.life
	if out.Write.Batch != 0 {
		n.write(testWrite(out.Write))
	}
	for _, r := range out.Replies {
		n.reply(r)
	}
	for _, p := range out.Pairs {
		n.pair(&p.Output)
	}
	for _, p := range out.Probes {
		if n.x.w.Chance(0.5) {
			n.x.w.After(n.x.w.Between(time.Millisecond, time.Second), "probe", func() {
				if n.life == life {
					n.step(Probed{IP: p.IP, InUse: n.x.answers && n.x.w.Chance(0.02)})
				}
			})
		}
	}
	for _, note := range out.Notes {
		n.said[note.Reason]++
		if note.Reason == Overtaken || note.Reason == Refused {
			n.x.tell("%s: %s %s %v %s", n.name, note.Reason, note.IP, note.Client, note.Text)
		}
	}
	n.tick++
	tick := n.tick
	n.x.w.After(max(time.Millisecond, out.Next-n.now().Mono), n.name+" tick", func() {
		if n.tick == tick && n.life == life {
			n.step(Tick{})
		}
	})
}

func (n *simNode) write(w Write) {
	for _, l := range w.Leases {
		n.x.tell("%s %s %s %v end %d told %d sent %d acked %d received %d hold %d began %d owed %v", n.name, l.IP, l.State, l.Client,
			l.End, l.ToldEnd, l.Sent, l.Acked, l.Received, l.Hold, l.Began, l.Owed)
	}
	life := n.life
	at := n.x.w.Now().Add(n.x.w.Between(time.Millisecond, 15*time.Millisecond))
	if at.Before(n.free) {
		at = n.free
	}
	n.free = at
	n.x.w.At(at, n.name+" disk", func() {
		if n.life != life {
			return
		}
		n.disk.write(w, n.now().Wall)
		n.step(Durable{Batch: w.Batch, Seq: n.disk.seq})
	})
}

func (n *simNode) reply(r Reply) {
	p := r.Packet
	if p.Type == packet.Ack && p.Options.Has(option.LeaseTime) {
		secs, _ := p.Options.Uint32(option.LeaseTime)
		l := n.disk.leases[p.YIAddr]
		if l.State != lease.Active || l.Client.CHAddr != string(p.CHAddr) || l.Due() < n.x.w.Now().Unix()+int64(secs)-8 {
			n.x.fail("%s acknowledges %s for %d s, and on its disk is %+v", n.name, p.YIAddr, secs, l)
		}
	}
	b, left := p.Append(nil, r.Room)
	if left != 0 {
		n.x.fail("options were left out of a small reply")
	}
	n.x.w.After(n.x.w.Between(time.Millisecond, 100*time.Millisecond), "reply", func() {
		if n.x.w.Chance(0.05) {
			return
		}
		q, err := packet.Parse(b)
		if err != nil {
			n.x.fail("%s sent what does not parse: %v", n.name, err)
			return
		}
		for _, c := range n.x.clients {
			if string(c.mac) == string(q.CHAddr) && !c.off {
				c.hear(q)
			}
		}
	})
}

func (n *simNode) pair(o *failover.Output) {
	for _, s := range o.Send {
		b, err := wire.Append(nil, s.Message)
		if err != nil {
			n.x.fail("%s cannot send %+v: %v", n.name, s.Message, err)
			return
		}
		n.x.deliver(s.Session, n.i, b)
	}
	for _, id := range o.Close {
		for _, c := range n.x.conns {
			if c.id == id {
				n.x.closeEnd(c, n.i)
			}
		}
	}
	if o.Dial {
		n.x.dial(n)
	}
	for _, c := range o.Conflicts {
		n.x.fail("%s found two clients of %s, %v and %v%s", n.name, c.IP, c.Kept, c.Lost, n.x.past(c.IP))
	}
	for _, note := range o.Notes {
		n.events = append(n.events, note.Reason)
		if note.From != note.To {
			n.states = append(n.states, note.To)
			n.x.tell("%s: %s -> %s (%s)", n.name, note.From, note.To, note.Reason)
		}
		if note.Reason == failover.Protocol {
			n.x.fail("%s: protocol: %s", n.name, note.Text)
		}
	}
}

// The link.

func (x *simWorld) dial(n *simNode) {
	other := x.nodes[1-n.i]
	life := n.life
	if x.cut {
		x.w.After(3*time.Second, "dial times out", func() {
			if n.life == life {
				n.step(Pair{"pair", failover.DialFailed{}})
			}
		})
		return
	}
	x.w.After(x.w.Between(time.Millisecond, 5*time.Millisecond), "dial", func() {
		if n.life != life {
			return
		}
		if !other.alive || x.cut {
			n.step(Pair{"pair", failover.DialFailed{Refused: !x.cut}})
			return
		}
		x.session++
		c := &simConn{id: x.session}
		x.conns = append(x.conns, c)
		other.step(Pair{"pair", failover.Connected{Session: c.id}})
		if n.life == life {
			n.step(Pair{"pair", failover.Connected{Session: c.id, Dialled: true}})
		}
	})
}

func (x *simWorld) through(c *simConn, f func()) {
	c.held = append(c.held, f)
	if len(c.held) == 1 {
		x.pump(c)
	}
}

func (x *simWorld) pump(c *simConn) {
	x.w.After(x.w.Between(time.Millisecond, 4*time.Millisecond), "net", func() {
		if x.cut || len(c.held) == 0 {
			return
		}
		f := c.held[0]
		c.held = c.held[1:]
		f()
		if len(c.held) > 0 {
			x.pump(c)
		}
	})
}

func (x *simWorld) mend() {
	x.cut = false
	for _, c := range x.conns {
		if len(c.held) > 0 {
			x.pump(c)
		}
	}
}

func (x *simWorld) deliver(session uint64, from int, b []byte) {
	for _, c := range x.conns {
		if c.id != session || c.closed[from] {
			continue
		}
		x.through(c, func() {
			if c.closed[1-from] {
				return
			}
			m, err := wire.Decode(b)
			if err != nil {
				x.fail("does not decode: %v", err)
				return
			}
			x.nodes[1-from].step(Pair{"pair", failover.Received{Session: session, Message: m}})
		})
	}
}

func (x *simWorld) closeEnd(c *simConn, end int) {
	if c.closed[end] {
		return
	}
	c.closed[end] = true
	life := x.nodes[1-end].life
	x.through(c, func() {
		if !c.closed[1-end] && x.nodes[1-end].life == life {
			c.closed[1-end] = true
			x.nodes[1-end].step(Pair{"pair", failover.Lost{Session: c.id}})
		}
	})
}

func (x *simWorld) tell(format string, a ...any) {
	x.history = append(x.history, fmt.Sprintf("%d ", x.w.Now().Unix())+fmt.Sprintf(format, a...))
}

// past is what is known of one address: the last of its records, and all states.
func (x *simWorld) past(ip lease.IP) string {
	var of []string
	for _, h := range x.history {
		if strings.Contains(h, " "+ip.String()+" ") || strings.Contains(h, "->") {
			of = append(of, h)
		}
	}
	return "\n" + strings.Join(of[max(0, len(of)-40):], "\n")
}

func (x *simWorld) fail(format string, a ...any) {
	if x.trouble == nil {
		x.trouble = fmt.Errorf(format, a...)
	}
}

// check is the invariant: no address is validly held by two clients, ever.
func (x *simWorld) check() error {
	now := x.w.Now()
	var holder [256]*simClient // all addresses are of one /24
	for _, c := range x.clients {
		if c.ip == 0 || !c.until.After(now) {
			continue
		}
		if o := holder[c.ip&0xff]; o != nil {
			return fmt.Errorf("%s is held by client %d until %v and by %d until %v%s", c.ip, o.n, o.until.Unix(), c.n, c.until.Unix(), x.past(c.ip))
		}
		holder[c.ip&0xff] = c
	}
	return x.trouble
}

func (x *simWorld) run(d time.Duration) {
	x.t.Helper()
	if err := x.w.Run(x.w.Now().Add(d), x.check); err != nil {
		x.t.Fatal(err)
	}
	for _, n := range x.nodes {
		if n.alive {
			checkMachine(x.t, n.m)
		}
	}
}

func (x *simWorld) begin() {
	for _, n := range x.nodes {
		n.start()
	}
	for _, c := range x.clients {
		c.live()
	}
}

func (x *simWorld) normal(within time.Duration) {
	x.t.Helper()
	for end := x.w.Now().Add(within); x.w.Now().Before(end); {
		x.run(time.Second)
		if x.nodes[0].state() == wire.Normal && x.nodes[1].state() == wire.Normal {
			return
		}
	}
	x.t.Fatalf("not normal after %v: %s and %s", within, x.nodes[0].state(), x.nodes[1].state())
}

// agree checks, with quiet clients, that both tables say the same, that nobody was forgotten, and that the backup has its part.
func (x *simWorld) agree() {
	x.t.Helper()
	for _, c := range x.clients {
		c.off = true
	}
	for end := x.w.Now().Add(3 * time.Minute); x.w.Now().Before(end); {
		x.run(time.Second)
		for _, c := range x.clients {
			c.off = true
		}
	}
	for _, ip := range append(x.addresses(), simFixed) {
		a, b := x.nodes[0].m.get(ip), x.nodes[1].m.get(ip)
		if a.State != b.State || a.State == lease.Active && a.Client != b.Client || a.Owed || b.Owed {
			x.t.Errorf("%s: main has %s %v (owed %v), backup %s %v (owed %v)%s", ip, a.State, a.Client, a.Owed, b.State, b.Client, b.Owed, x.past(ip))
		}
	}
	x.kept()
	x.nodes[0].step(Pair{"pair", failover.Operate{ID: 9, Command: failover.Rebalance}})
	x.run(5 * time.Second)
	free, backup := x.nodes[0].m.pools[0].available()
	want := ((free+backup)*x.pct() + 50) / 100
	held := 1 // these may not change sides yet; and one may have come just now
	if x.nodes[0].cfg.Pairs[0].ISC {
		held = (free+backup+5)/10 + 1 // it moves no more often than is worth while
	}
	for _, ip := range x.addresses() {
		if l := x.nodes[0].m.get(ip); l.State.Available() && l.Hold > x.nodes[0].now().Wall {
			held++
		}
	}
	if f, b := x.nodes[1].m.pools[0].available(); f != free || b != backup || max(backup-want, want-backup) > held {
		x.t.Errorf("free %d and %d, backup %d and %d, want %d: the backup has its part", free, f, backup, b, want)
	}
}

func (x *simWorld) pct() int {
	if p := &x.nodes[0].cfg.Pairs[0]; p.Balancing || p.ISC {
		return 50
	}
	return 25
}

func (x *simWorld) addresses() (all []lease.IP) {
	for ip := simFirst; ip < simFirst+x.pool; ip++ {
		all = append(all, ip)
	}
	return all
}

// kept checks that no lease that a client holds is forgotten.
func (x *simWorld) kept() {
	x.t.Helper()
	for _, c := range x.clients {
		if !c.has() {
			continue
		}
		for _, n := range x.nodes {
			if l := n.disk.leases[c.ip]; n.alive && (l.State != lease.Active || l.Client.CHAddr != string(c.mac) || l.Due() < c.until.Unix()-5) {
				x.t.Errorf("client %d has %s until %d; %s knows %+v%s", c.n, c.ip, c.until.Unix(), n.name, l, x.past(c.ip))
			}
		}
	}
}

// served checks that within a while every client that is on has an address.
func (x *simWorld) all(within time.Duration) {
	x.t.Helper()
	for _, c := range x.clients {
		c.off = false
	}
	if x.pool < 32 {
		return // not enough for all while some are held
	}
	for end := x.w.Now().Add(within); x.w.Now().Before(end); {
		x.run(time.Second)
		if !slices.ContainsFunc(x.clients, func(c *simClient) bool {
			return !c.off && !c.has() && c.began.Before(x.w.Now().Add(-time.Minute)) && !c.began.IsZero()
		}) {
			return
		}
	}
	for _, c := range x.clients {
		if !c.has() && !c.off {
			x.t.Errorf("client %d has asked since %v", c.n, x.w.Now().Sub(c.began))
		}
	}
}
