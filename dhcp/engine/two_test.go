package engine

import (
	"fmt"
	"testing"
	"time"

	"loadshare/dhcp/failover"
	"loadshare/dhcp/failover/wire"
	"loadshare/dhcp/lease"
	"loadshare/dhcp/packet"
	"loadshare/dhcp/scope"
	"loadshare/internal/sim"
)

// Two servers without clients of their own, for tests that say themselves what a client says: each with a disk that is late, and a link
// between them as TCP is. Storms of clients and misfortunes are in test/sim/dhcp.

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
	conns   []*simConn
	session uint64
	cut     bool
	trouble error
}

type simNode struct {
	x     *simWorld
	i     int
	name  string
	cfg   Config
	m     *Machine
	disk  *testDisk
	alive bool
	life  int
	skew  int64
	began time.Time
	tick  int
	free  time.Time

	replies []*packet.Packet // that nobody asked for just now
	probes  []Probe
}

type simConn struct {
	id     uint64
	held   []func()
	closed [2]bool
}

func newSim(t *testing.T, seed uint64, servers int, change func(*Config, *scope.Config)) *simWorld {
	x := &simWorld{t: t, w: sim.New(seed, time.Unix(testStart, 0))}
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
		c.Scopes = testTable(t, s)
		x.nodes = append(x.nodes, &simNode{x: x, i: i, name: []string{"main", "backup"}[i], cfg: c, disk: newDisk(uint64(i + 1))})
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
	for _, r := range out.Replies {
		n.replies = append(n.replies, r.Packet)
	}
	n.probes = append(n.probes, out.Probes...)
	if out.Write.Batch != 0 {
		n.write(testWrite(out.Write))
	}
	for _, p := range out.Pairs {
		n.pair(&p.Output)
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
		n.x.fail("%s found two clients of %s, %v and %v", n.name, c.IP, c.Kept, c.Lost)
	}
	for _, note := range o.Notes {
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
			n.step(Pair{"pair", failover.DialFailed{}})
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

func (x *simWorld) fail(format string, a ...any) {
	if x.trouble == nil {
		x.trouble = fmt.Errorf(format, a...)
	}
}

func (x *simWorld) run(d time.Duration) {
	x.t.Helper()
	if err := x.w.Run(x.w.Now().Add(d), func() error { return x.trouble }); err != nil {
		x.t.Fatal(err)
	}
	for _, n := range x.nodes {
		if n.alive {
			checkMachine(x.t, n.m)
		}
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
