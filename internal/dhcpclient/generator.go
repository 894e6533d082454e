package dhcpclient

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"golang.org/x/sys/unix"
)

// Kind is what the clients of a Load do.
type Kind uint8

// The kinds.
const (
	New     Kind = iota // DISCOVER, OFFER, REQUEST, ACK
	Renew               // of the lease that the client has: REQUEST, ACK
	Release             // of the lease that the client has: no answer
)

// Load is so many clients at once.
type Load struct {
	Kind    Kind
	First   int     // number of the first client; a client's number decides its hardware address
	Clients int     // how many, one after the other
	Rate    float64 // started a second; 0: as Window allows
	Window  int     // under way at most; 0: 100, or with a Rate any number
}

// step is where a client is.
type step uint8

const (
	idle step = iota
	discovering
	requesting
	renewing
)

// client is one client of a Generator.
type client struct {
	step   step
	tries  uint8
	ip     uint32 // of the lease, 0: none
	server [4]byte
	begun  time.Duration
	sent   time.Duration
}

const (
	maxClients = 1 << 22
	receiveBuf = 16 << 20
)

// Generator is a relay with many clients. It remembers the leases that they got. It is for one goroutine at a time.
type Generator struct {
	Config
	conn    *net.UDPConn
	io      *batches
	salt    uint32 // of the transactions
	clients []client
	holder  map[uint32]int32 // whose an address is

	discover, request, renew, release template

	// Of the Load under way.
	start    time.Time
	load     Load
	result   Result
	underway int
	waiting  []timeout // in the order of their time
	head     int
	last     time.Duration // of an answer
}

type timeout struct {
	at time.Duration
	id int32
	of time.Duration // client.sent then: the client has moved on when it is another
}

// NewGenerator opens the relay's socket. Config.Wait and Tries say when a message is sent again, and when its client gives up.
func NewGenerator(c Config) (*Generator, error) {
	c = c.withDefaults()
	if len(c.Servers) == 0 || len(c.Servers) > batchSize {
		return nil, errors.New("a load needs 1 to 64 servers")
	}
	conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(c.Local))
	if err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	g := &Generator{Config: c, conn: conn, holder: map[uint32]int32{}}
	if err := g.prepare(); err != nil {
		conn.Close()
		return nil, err
	}
	return g, nil
}

func (g *Generator) prepare() error {
	raw, err := g.conn.SyscallConn()
	if err != nil {
		return err
	}
	var fd int
	if err := raw.Control(func(f uintptr) { fd = int(f) }); err != nil {
		return err
	}
	if syscall.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuf) != nil {
		_ = g.conn.SetReadBuffer(receiveBuf) // as much as the system allows
	}
	if err := unix.SetNonblock(fd, false); err != nil { // sending waits; receiving says when it does not
		return err
	}
	g.io = newBatches(fd, g.Servers)
	ip, server := dhcpv4.WithGeneric(dhcpv4.OptionRequestedIPAddress, make([]byte, 4)), dhcpv4.WithGeneric(dhcpv4.OptionServerIdentifier, make([]byte, 4))
	none := dhcpv4.WithoutOption(dhcpv4.OptionParameterRequestList)
	for _, t := range []struct {
		to   *template
		typ  dhcpv4.MessageType
		more []dhcpv4.Modifier
	}{
		{&g.discover, dhcpv4.MessageTypeDiscover, nil},
		{&g.request, dhcpv4.MessageTypeRequest, []dhcpv4.Modifier{ip, server}},
		{&g.renew, dhcpv4.MessageTypeRequest, nil},
		{&g.release, dhcpv4.MessageTypeRelease, []dhcpv4.Modifier{server, none}},
	} {
		if *t.to, err = newTemplate(&g.Config, t.typ, t.more...); err != nil {
			return err
		}
	}
	return nil
}

// Close frees the port.
func (g *Generator) Close() { _ = g.conn.Close() }

// Lease is the address that a client has; the zero Addr for none.
func (g *Generator) Lease(id int) netip.Addr {
	if id >= len(g.clients) || g.clients[id].ip == 0 {
		return netip.Addr{}
	}
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], g.clients[id].ip)
	return netip.AddrFrom4(b)
}

// MAC is the hardware address of a client.
func MAC(id int) net.HardwareAddr {
	m := mac(int32(id))
	return m[:]
}

func mac(id int32) (m [6]byte) {
	m[0], m[1] = 0x02, 0xDC
	binary.BigEndian.PutUint32(m[2:], uint32(id))
	return m
}

// Run does one Load to its end: all clients are done or have given up.
func (g *Generator) Run(ctx context.Context, l Load) (Result, error) {
	end := l.First + l.Clients
	if l.First < 0 || l.Clients < 0 || end > maxClients {
		return Result{}, fmt.Errorf("clients %d to %d: only %d are possible", l.First, end, maxClients)
	}
	if l.Window == 0 {
		l.Window = l.Clients
		if l.Rate == 0 {
			l.Window = 100
		}
	}
	if missing := end - len(g.clients); missing > 0 {
		g.clients = append(g.clients, make([]client, missing)...)
	}
	g.load, g.result, g.underway, g.waiting, g.head, g.last = l, Result{}, 0, g.waiting[:0], 0, 0
	g.salt += 0x01000193 // an answer to an earlier Load is no answer to this one
	g.io.unsent = 0
	g.start = time.Now()
	for g.result.Started < l.Clients || g.underway > 0 {
		if err := ctx.Err(); err != nil {
			return g.finish(), err
		}
		now := time.Since(g.start)
		g.begin(now)
		g.again(now)
		g.io.flush()
		n := g.io.receive(g.sleep(now))
		now = time.Since(g.start)
		for i := range n {
			g.answered(g.io.data[i][:g.io.in[i].n], now)
		}
		g.io.flush()
	}
	return g.finish(), nil
}

func (g *Generator) finish() Result {
	g.result.Elapsed, g.result.Unsent = g.last, g.io.unsent
	if g.load.Kind == Release {
		g.result.Elapsed = time.Since(g.start)
	}
	slices.Sort(g.result.latencies)
	return g.result
}

// due is when the next client starts.
func (g *Generator) due() time.Duration {
	if g.load.Rate == 0 {
		return 0
	}
	return time.Duration(float64(g.result.Started) / g.load.Rate * float64(time.Second))
}

// begin starts the clients that are due.
func (g *Generator) begin(now time.Duration) {
	for n := 0; n < batchSize && g.result.Started < g.load.Clients && g.underway < g.load.Window && g.due() <= now; n++ {
		id := int32(g.load.First + g.result.Started)
		c := &g.clients[id]
		c.tries, c.begun = 0, now
		if g.load.Rate > 0 {
			c.begun = g.due() // it is not the client's fault that it is late
		}
		g.result.Started++
		switch {
		case g.load.Kind == New:
			c.step = discovering
		case c.ip == 0: // nothing to renew or release
			g.result.Lost++
			continue
		case g.load.Kind == Renew:
			c.step = renewing
		default:
			g.send(id, now)
			delete(g.holder, c.ip)
			c.ip = 0
			g.result.Kept++
			continue
		}
		g.underway++
		g.send(id, now)
	}
}

// send sends what a client is at.
func (g *Generator) send(id int32, now time.Duration) {
	c := &g.clients[id]
	t := &g.release
	switch c.step {
	case discovering:
		t = &g.discover
	case requesting:
		t = &g.request
	case renewing:
		t = &g.renew
	}
	b := t.patch(g.io.room(), g.xid(id), mac(id), uint16((now-c.begun)/time.Second))
	if t.ip != 0 {
		binary.BigEndian.PutUint32(b[t.ip:], c.ip)
	} else if c.step != discovering {
		binary.BigEndian.PutUint32(b[atCIAddr:], c.ip)
	}
	if t.server != 0 {
		copy(b[t.server:], c.server[:])
	}
	g.io.queue(b)
	if c.step != idle {
		c.sent = now
		g.waiting = append(g.waiting, timeout{now + g.Wait, id, now})
	}
}

func (g *Generator) xid(id int32) uint32 { return g.salt ^ uint32(id) }

// again sends again what was not answered: from the beginning, as the server may be gone that made the offer.
func (g *Generator) again(now time.Duration) {
	for ; g.head < len(g.waiting) && g.waiting[g.head].at <= now; g.head++ {
		w := g.waiting[g.head]
		c := &g.clients[w.id]
		if c.step == idle || c.sent != w.of {
			continue
		}
		if c.tries++; int(c.tries) >= g.Tries {
			g.result.Lost++
			g.done(c)
			continue
		}
		g.result.Again++
		if c.step == requesting {
			c.step, c.ip = discovering, 0
		}
		g.send(w.id, now)
	}
	if g.head > 1<<16 && g.head > len(g.waiting)/2 {
		g.waiting = slices.Delete(g.waiting, 0, g.head)
		g.head = 0
	}
}

// sleep is how long nothing is to be done.
func (g *Generator) sleep(now time.Duration) time.Duration {
	wait := 100 * time.Millisecond
	if g.head < len(g.waiting) {
		wait = min(wait, g.waiting[g.head].at-now)
	}
	if g.result.Started < g.load.Clients && g.underway < g.load.Window {
		wait = min(wait, g.due()-now)
	}
	return max(wait, 0)
}

func (g *Generator) done(c *client) {
	if c.step == requesting {
		c.ip = 0
	}
	c.step = idle
	g.underway--
}

// answered takes a server's message.
func (g *Generator) answered(b []byte, now time.Duration) {
	a, err := parseAnswer(b)
	id := int64(a.xid ^ g.salt)
	if err != nil || id < int64(g.load.First) || id >= int64(g.load.First+g.load.Clients) {
		return
	}
	c := &g.clients[id]
	switch {
	case a.typ == byte(dhcpv4.MessageTypeOffer) && c.step == discovering:
		c.step, c.ip, c.server = requesting, a.ip, a.server
		g.result.Offered++
		g.send(int32(id), now)
	case a.typ == byte(dhcpv4.MessageTypeNak) && (c.step == requesting || c.step == renewing):
		g.last = now
		g.result.Naks++
		g.forget(c, int32(id))
		g.done(c)
	case a.typ == byte(dhcpv4.MessageTypeAck) && (c.step == requesting || c.step == renewing):
		g.last = now
		g.result.Kept++
		g.result.latencies = append(g.result.latencies, now-c.begun)
		if other, ok := g.holder[a.ip]; ok && other != int32(id) {
			g.result.Duplicates++
		}
		g.holder[a.ip] = int32(id)
		c.ip, c.server = a.ip, a.server
		c.step = renewing // it is its own now: done must not forget it
		g.done(c)
	}
}

// forget ends what a client has.
func (g *Generator) forget(c *client, id int32) {
	if g.holder[c.ip] == id {
		delete(g.holder, c.ip)
	}
	c.ip = 0
}
