package failover

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"loadshare/dhcp/failover/wire"
	"loadshare/dhcp/lease"
	"loadshare/internal/sim"
)

// The world of these tests: two endpoints, each with a table of leases and a disk; a connection that, like TCP, delivers in order, and
// late after a cut; clients that lease, renew, rebind, release and die. What a client was told is what the invariant looks at.

const (
	simMCLT   = 60
	simLease  = 600
	simFirst  = lease.IP(0x0a000001)
	simPool   = 40
	wallStart = int64(1_800_000_000)
)

type simWorld struct {
	t       *testing.T
	w       *sim.World
	nodes   [2]*simNode
	clients []*simClient
	conns   []*simConn
	session uint64
	cut     bool
	excused bool // a claim was false: duplicates may happen until it is over
	trouble error
	dups    int
	history []string // of all leases and states, for a failure
}

type simNode struct {
	x        *simWorld
	i        int
	name     string
	cfg      Config
	m        *Machine
	tab      *simTable
	disk     simDisk
	alive    bool
	life     int
	boot     uint64
	skew     int64
	began    time.Time
	tick     int
	writing  int // writes that are not durable
	free     time.Time
	conflict []TwoHolders
	reasons  []Reason
	states   []wire.EndpointState
}

type simDisk struct {
	leases map[lease.IP]lease.Lease
	saved  Saved
	store  uint64
	seq    uint64
	last   int64
}

func (d simDisk) clone() simDisk { d.leases = maps.Clone(d.leases); return d }

// simTable is the engine's table.
type simTable struct {
	leases map[lease.IP]lease.Lease
	dirty  map[lease.IP]int
}

func (t *simTable) Get(ip lease.IP) (lease.Lease, bool) {
	if ip < simFirst || ip >= simFirst+simPool {
		return lease.Lease{}, false
	}
	if l, ok := t.leases[ip]; ok {
		return l, true
	}
	return lease.Lease{IP: ip, State: lease.Free}, true
}
func (t *simTable) Settled(ip lease.IP) bool { return t.dirty[ip] == 0 }
func (t *simTable) Next(ip lease.IP) (lease.Lease, bool) {
	for ip = max(ip+1, simFirst); ip < simFirst+simPool; ip++ {
		if l, ok := t.leases[ip]; ok {
			return l, true
		}
	}
	return lease.Lease{}, false
}

type simConn struct {
	id     uint64
	held   []func()
	closed [2]bool
}

type simClient struct {
	id     lease.Client
	ip     lease.IP
	until  time.Time // what it believes; zero: has none
	server int
	secs   time.Time
	silent bool
}

func newSim(t *testing.T, seed uint64, change func(*Config)) *simWorld {
	x := &simWorld{t: t, w: sim.New(seed, time.Unix(wallStart, 0))}
	for i := range x.nodes {
		cfg := Config{
			Name: "pair", Role: Role(i + 1), MCLT: simMCLT, PollInterval: 3 * time.Second, PollTimeout: 10 * time.Second, Fast: time.Second, MaxUnacked: 10,
			Pools: []Pool{{Name: "p", Ranges: []Range{{simFirst, simFirst + simPool - 1}}, BackupPct: 25}},
		}
		if change != nil {
			change(&cfg)
		}
		x.nodes[i] = &simNode{x: x, i: i, name: cfg.Role.String(), cfg: cfg, disk: simDisk{leases: map[lease.IP]lease.Lease{}, store: uint64(i + 1)}}
	}
	for i := range 24 {
		x.clients = append(x.clients, &simClient{id: lease.ClientOf([]byte{1, byte(i)}, 1, []byte{2, 0, 0, 0, 0, byte(i)})})
	}
	return x
}

func (n *simNode) now() Now {
	return Now{Mono: n.x.w.Now().Sub(n.began) + time.Hour, Wall: n.x.w.Now().Unix() + n.skew}
}

func (n *simNode) start() {
	n.life++
	n.alive, n.boot = true, n.boot+1
	n.began, n.writing, n.free = n.x.w.Now(), 0, n.x.w.Now()
	n.tab = &simTable{leases: maps.Clone(n.disk.leases), dirty: map[lease.IP]int{}}
	m, out := New(n.cfg, Start{
		Saved: n.disk.saved, Store: n.disk.store, Boot: n.boot, Seq: n.disk.seq, LastCommit: n.disk.last, HasLeases: len(n.disk.leases) > 0,
	}, n.tab, n.now())
	n.m = m
	n.do(out)
	n.sweep(n.life)
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

// write puts leases into the table, and durably to disk a little later; then does what follows.
func (n *simNode) write(leases []lease.Lease, saved *Saved, then func(seq uint64)) {
	leases = slices.Clone(leases)
	for _, l := range leases {
		n.x.tell("%s %s %s %v end %d told %d sent %d acked %d received %d hold %d began %d owed %v", n.name, l.IP, l.State, l.Client,
			l.End, l.ToldEnd, l.Sent, l.Acked, l.Received, l.Hold, l.Began, l.Owed)
		n.tab.leases[l.IP] = l
		n.tab.dirty[l.IP]++
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
		for _, l := range leases {
			n.disk.leases[l.IP] = l
			if n.tab.dirty[l.IP]--; n.tab.dirty[l.IP] == 0 {
				delete(n.tab.dirty, l.IP)
			}
		}
		if saved != nil {
			n.disk.saved = *saved
		}
		n.disk.seq++
		n.disk.last = n.now().Wall
		then(n.disk.seq)
	})
}

func (n *simNode) do(out Output) {
	if out.Batch != 0 {
		batch := out.Batch
		n.write(out.Leases, out.Saved, func(seq uint64) { n.step(Durable{Batch: batch, Seq: seq}) })
	}
	for _, s := range out.Send {
		b, err := wire.Append(nil, s.Message)
		if err != nil {
			n.x.fail("%s cannot send %+v: %v", n.name, s.Message, err)
			return
		}
		n.x.deliver(s.Session, n.i, b)
	}
	for _, id := range out.Close {
		for _, c := range n.x.conns {
			if c.id == id {
				n.x.closeEnd(c, n.i)
			}
		}
	}
	if out.Dial {
		n.x.dial(n)
	}
	for _, c := range out.Conflicts {
		n.conflict = append(n.conflict, c)
		n.x.w.Note("%s: two clients of %s", n.name, c.IP)
		if !n.x.excused {
			n.x.fail("%s found two clients of %s, %v and %v, and nobody had said anything false%s", n.name, c.IP, c.Kept, c.Lost, n.x.past(c.IP))
		}
	}
	for _, note := range out.Notes {
		n.reasons = append(n.reasons, note.Reason)
		if note.From != note.To {
			n.states = append(n.states, note.To)
			n.x.tell("%s: %s -> %s (%s)", n.name, note.From, note.To, note.Reason)
		}
		if note.Reason == Protocol {
			n.x.fail("%s: protocol: %s", n.name, note.Text)
		}
	}
	n.tick++
	if out.Next > 0 {
		tick, life := n.tick, n.life
		n.x.w.After(max(time.Millisecond, out.Next-n.now().Mono), n.name+" tick", func() {
			if n.tick == tick && n.life == life {
				n.step(Tick{})
			}
		})
	}
}

func (n *simNode) sweep(life int) {
	n.x.w.After(5*time.Second, n.name+" sweep", func() {
		if n.life != life {
			return
		}
		var all []lease.Lease
		var ips []lease.IP
		for ip := simFirst; ip < simFirst+simPool; ip++ {
			l, _ := n.tab.Get(ip)
			was := l
			for range 3 {
				var changed bool
				if l, _, changed = n.m.Sweep(l); !changed {
					break
				}
			}
			if l != was {
				all, ips = append(all, l), append(ips, ip)
			}
		}
		if len(all) > 0 {
			n.write(all, nil, func(seq uint64) { n.step(Committed{IPs: ips, Seq: seq}) })
		}
		n.step(Tick{})
		n.sweep(life)
	})
}

// The connection.

func (x *simWorld) dial(n *simNode) {
	other := x.nodes[1-n.i]
	life := n.life
	if x.cut {
		x.w.After(3*time.Second, "dial times out", func() {
			if n.life == life {
				n.step(DialFailed{})
			}
		})
		return
	}
	x.w.After(x.w.Between(time.Millisecond, 5*time.Millisecond), "dial", func() {
		if n.life != life {
			return
		}
		if !other.alive || x.cut {
			n.step(DialFailed{})
			return
		}
		x.session++
		c := &simConn{id: x.session}
		x.conns = append(x.conns, c)
		other.step(Connected{Session: c.id})
		if n.life == life {
			n.step(Connected{Session: c.id, Dialled: true})
		}
	})
}

// through runs what a connection delivers: in order, and after a cut when it is mended.
func (x *simWorld) through(c *simConn, f func()) {
	c.held = append(c.held, f)
	if len(c.held) == 1 {
		x.pump(c)
	}
}

func (x *simWorld) pump(c *simConn) {
	x.w.After(x.w.Between(time.Millisecond, 4*time.Millisecond), "net", func() {
		if x.cut || len(c.held) == 0 {
			return // mend goes on
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
			x.nodes[1-from].step(Received{Session: session, Message: m})
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
			x.nodes[1-end].step(Lost{Session: c.id})
		}
	})
}

// The clients.

func (x *simWorld) live(c *simClient) {
	x.w.After(x.w.Between(2*time.Second, 40*time.Second), "client", func() {
		now := x.w.Now()
		switch {
		case c.silent:
		case c.until.After(now) && x.w.Chance(0.03):
			ip := c.ip
			c.until = time.Time{}
			x.nodes[c.server].release(c, ip)
		case c.until.After(now):
			if x.w.Chance(0.3) { // rebinding: both hear it
				x.request(c, 0, 1)
			} else {
				x.request(c, c.server)
			}
		default:
			x.request(c, 0, 1)
		}
		if x.w.Chance(0.02) {
			c.silent = !c.silent
		}
		x.live(c)
	})
}

// request asks the servers named for the address it has, or for any.
func (x *simWorld) request(c *simClient, servers ...int) {
	has := c.until.After(x.w.Now())
	secs := uint16(0)
	if !has && c.secs.IsZero() {
		c.secs = x.w.Now()
	} else if !has {
		secs = uint16(x.w.Now().Sub(c.secs) / time.Second)
	}
	if x.w.Chance(0.5) {
		slices.Reverse(servers) // whose offer comes first
	}
	for _, i := range servers {
		n := x.nodes[i]
		if !n.alive || x.w.Chance(0.05) {
			continue
		}
		kind := Discover
		if has {
			kind = Extend
		}
		if ok, _ := n.m.Serve(Query{Kind: kind, Client: c.id, Secs: secs}); !ok {
			continue
		}
		if n.grant(c, has) && !has {
			return // it took the first offer
		}
	}
}

// grant is the engine: find an address, write the lease, answer when it is durable, tell the partner.
func (n *simNode) grant(c *simClient, has bool) bool {
	n.m.Step(n.now(), Tick{}) // time is what it is now
	now := n.now().Wall
	asked := n.x.w.Now()
	try := func(ip lease.IP) bool {
		l, _ := n.tab.Get(ip)
		if ok, _ := n.m.May(l, c.id, false); !ok {
			return false
		}
		term := TermOf(l, c.id, now, simLease, n.m.MCLT(), n.m.Limited())
		l, ok := l.Grant(c.id, now, term.End)
		if !ok {
			return false
		}
		l.Sent, l.Owed = term.Potential, true
		n.write([]lease.Lease{l}, nil, func(seq uint64) {
			if !n.x.w.Chance(0.05) { // the ACK is lost
				until := asked.Add(time.Duration(term.End-now) * time.Second)
				n.x.w.After(n.x.w.Between(time.Millisecond, 300*time.Millisecond), "ack", func() {
					if c.until.After(n.x.w.Now()) && c.ip != ip {
						return // it has another one already
					}
					c.ip, c.until, c.server, c.secs = ip, until, n.i, time.Time{}
				})
			}
			n.step(Committed{IPs: []lease.IP{ip}, Seq: seq})
		})
		return true
	}
	if has {
		return try(c.ip)
	}
	for ip := simFirst; ip < simFirst+simPool; ip++ {
		if l, _ := n.tab.Get(ip); l.Same(c.id) && try(ip) {
			return true
		}
	}
	from := n.x.w.Rand().IntN(simPool)
	for i := range simPool {
		if try(simFirst + lease.IP((from+i)%simPool)) {
			return true
		}
	}
	return false
}

func (n *simNode) release(c *simClient, ip lease.IP) {
	if !n.alive {
		return
	}
	l, _ := n.tab.Get(ip)
	if l, ok := l.Release(c.id, n.now().Wall); ok {
		l.Owed = true
		n.write([]lease.Lease{l}, nil, func(seq uint64) { n.step(Committed{IPs: []lease.IP{ip}, Seq: seq}) })
	}
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

// check is the invariant (decision D-a): no address is validly held by two clients, ever, while every claim was true.
func (x *simWorld) check() error {
	now := x.w.Now()
	holder := map[lease.IP]*simClient{}
	for _, c := range x.clients {
		if !c.until.After(now) {
			continue
		}
		if o := holder[c.ip]; o != nil {
			x.dups++
			if !x.excused {
				return fmt.Errorf("%s is held by %v until %v and by %v until %v%s", c.ip, o.id, o.until.Unix(), c.id, c.until.Unix(), x.past(c.ip))
			}
		}
		holder[c.ip] = c
	}
	return x.trouble
}

func (x *simWorld) run(d time.Duration) {
	x.t.Helper()
	if err := x.w.Run(x.w.Now().Add(d), x.check); err != nil {
		x.t.Fatal(err)
	}
}

func (x *simWorld) begin() {
	x.nodes[0].start()
	x.nodes[1].start()
	for _, c := range x.clients {
		x.live(c)
	}
}

// normal runs until both are in normal, and have nothing to tell each other.
func (x *simWorld) normal(within time.Duration) {
	x.t.Helper()
	for end := x.w.Now().Add(within); x.w.Now().Before(end); {
		x.run(time.Second)
		if x.nodes[0].m.State() == wire.Normal && x.nodes[1].m.State() == wire.Normal {
			return
		}
	}
	x.t.Fatalf("not normal after %v: %s and %s", within, x.nodes[0].m.State(), x.nodes[1].m.State())
}

// agree checks, with quiet clients, that both tables say the same.
func (x *simWorld) agree() {
	x.t.Helper()
	for _, c := range x.clients {
		c.silent = true
	}
	quiet := x.w.Now().Add(3 * time.Minute)
	for x.w.Now().Before(quiet) {
		for _, c := range x.clients {
			c.silent = true
		}
		x.run(time.Second)
	}
	for ip := simFirst; ip < simFirst+simPool; ip++ {
		a, _ := x.nodes[0].tab.Get(ip)
		b, _ := x.nodes[1].tab.Get(ip)
		if a.State != b.State || a.State == lease.Active && a.Client != b.Client || a.Owed || b.Owed {
			x.t.Errorf("%s: main has %s %v (owed %v), backup %s %v (owed %v)", ip, a.State, a.Client, a.Owed, b.State, b.Client, b.Owed)
		}
	}
}
