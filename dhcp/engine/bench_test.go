package engine

import (
	"encoding/binary"
	"runtime"
	"testing"
	"time"

	"loadshare/dhcp/failover"
	"loadshare/dhcp/lease"
	"loadshare/dhcp/option"
	"loadshare/dhcp/packet"
	"loadshare/dhcp/scope"
)

// benchSite is 2^17 addresses behind one relay.
func benchSite(b testing.TB, change func(*Config, *scope.Config)) Config {
	s := scope.Config{
		Policy: scope.Policy{LeaseTime: ptr(uint32(3600)), PingCheck: ptr(false)},
		Scopes: []scope.Scope{{
			Name: "big", Subnet: prefix("10.64.0.0/14"), Ranges: []scope.Range{{First: 0x0a400100, Last: 0x0a4200ff}},
			Policy: scope.Policy{Options: option.List{
				{Code: option.Routers, Data: option.AddressesOf(lease.IP(0x0a400001))}, {Code: option.DomainName, Data: []byte("example.org")},
				{Code: option.DomainNameServers, Data: option.AddressesOf(lease.IP(0x0a40000a), lease.IP(0x0a40000b))},
			}},
		}},
	}
	var c Config
	if change != nil {
		change(&c, &s)
	}
	c.Scopes = testTable(b, s)
	return c
}

func benchMessage(n uint32, t packet.Type, ip lease.IP) *packet.Packet {
	mac := binary.BigEndian.AppendUint32([]byte{2, 0}, n)
	p := &packet.Packet{Type: t, HType: 1, XID: n, GIAddr: 0x0a400001, CHAddr: mac}
	p.Options = append(make(option.List, 0, 6), option.Option{Code: option.ClientIdentifier, Data: append([]byte{1}, mac...)},
		option.Option{Code: option.ParameterList, Data: []byte{1, 3, 6, 15, 28, 51, 58, 59}},
		option.Option{Code: option.HostName, Data: []byte("host-name-of-it")})
	if ip != 0 {
		p.Options = append(p.Options, u32(option.ServerIdentifier, serverIP), u32(option.RequestedAddress, ip))
	}
	return p
}

// benchDORA takes client n through both exchanges.
func benchDORA(b testing.TB, m *Machine, now failover.Now, n uint32) lease.IP {
	from := packet.Arrival{Local: serverIP}
	out := m.Step(now, Heard{Packet: benchMessage(n, packet.Discover, 0), From: from})
	if len(out.Replies) != 1 {
		b.Fatalf("client %d: no offer; %v", n, out.Notes)
	}
	ip := out.Replies[0].Packet.YIAddr
	out = m.Step(now, Heard{Packet: benchMessage(n, packet.Request, ip), From: from})
	if out.Write.Batch == 0 {
		b.Fatalf("client %d: no lease; %v", n, out.Notes)
	}
	batch := out.Write.Batch
	if out = m.Step(now, Durable{Batch: batch, Seq: batch}); len(out.Replies) != 1 {
		b.Fatal("no acknowledgement")
	}
	return ip
}

// Three steps: DISCOVER, REQUEST, and the disk's answer.
func BenchmarkDORA(b *testing.B) {
	b.ReportAllocs()
	var m *Machine
	now := failover.Now{Mono: time.Hour, Wall: testStart}
	for i := 0; b.Loop(); i++ {
		if i%100_000 == 0 {
			b.StopTimer()
			m, _ = New(now, benchSite(b, nil), Start{Store: 1})
			b.StartTimer()
		}
		if i%1000 == 0 {
			now.Mono += time.Millisecond
		}
		benchDORA(b, m, now, uint32(i%100_000))
	}
}

// Two steps: REQUEST and the disk's answer, with 100,000 leases in the table.
func BenchmarkRenewal(b *testing.B) {
	now := failover.Now{Mono: time.Hour, Wall: testStart}
	m, _ := New(now, benchSite(b, nil), Start{Store: 1})
	ips := make([]lease.IP, 100_000)
	for i := range ips {
		ips[i] = benchDORA(b, m, now, uint32(i))
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		n := i % len(ips)
		p := benchMessage(uint32(n), packet.Request, 0)
		p.CIAddr = ips[n]
		out := m.Step(now, Heard{Packet: p, From: packet.Arrival{Local: serverIP}})
		if out.Write.Batch == 0 {
			b.Fatalf("not renewed: %v", out.Notes)
		}
		m.Step(now, Durable{Batch: out.Write.Batch})
	}
}

// 100,000 leases in 64 MiB a server: the table may take a third of that.
func TestMemoryOf100000Leases(t *testing.T) {
	heap := func() uint64 {
		runtime.GC()
		var s runtime.MemStats
		runtime.ReadMemStats(&s)
		return s.HeapAlloc
	}
	before := heap()
	now := failover.Now{Mono: time.Hour, Wall: testStart}
	m, err := New(now, benchSite(t, nil), Start{Store: 1})
	if err != nil {
		t.Fatal(err)
	}
	for i := range uint32(100_000) {
		benchDORA(t, m, now, i)
	}
	now.Mono += time.Minute
	now.Wall += 60
	m.Step(now, Tick{})
	used := heap() - before
	t.Logf("%d MiB, %d octets a lease", used>>20, used/100_000)
	if used > 22<<20 {
		t.Errorf("%d MiB", used>>20)
	}
	runtime.KeepAlive(m)
}

// Both servers of a pair in normal: the exchanges with the main, and the update that tells the backup.
func BenchmarkPairDORA(b *testing.B) {
	b.ReportAllocs()
	var p *benchPair
	for i := 0; b.Loop(); i++ {
		if i%50_000 == 0 {
			b.StopTimer()
			p = newBenchPair(b)
			b.StartTimer()
		}
		if i%100 == 0 {
			p.now.Mono += 10 * time.Millisecond
		}
		mac := benchMessage(uint32(i%50_000), packet.Discover, 0)
		offer := p.hear(mac)
		if len(offer) != 1 {
			b.Fatal("no offer")
		}
		if ack := p.hear(benchMessage(uint32(i%50_000), packet.Request, offer[0].Packet.YIAddr)); len(ack) != 1 {
			b.Fatal("no acknowledgement")
		}
	}
}

// benchPair delivers everything at once.
type benchPair struct {
	b     testing.TB
	m     [2]*Machine
	now   failover.Now
	todo  []func()
	reply []Reply
}

func newBenchPair(b testing.TB) *benchPair {
	p := &benchPair{b: b, now: failover.Now{Mono: time.Hour, Wall: testStart}}
	for i := range p.m {
		c := benchSite(b, func(c *Config, s *scope.Config) {
			s.Scopes[0].Failover = "pair"
			c.Pairs = []failover.Config{{
				Name: "pair", Role: failover.Role(i + 1), MCLT: 3600, PollInterval: 10 * time.Second, PollTimeout: time.Minute, MaxUnacked: 100,
			}}
		})
		p.m[i], _ = New(p.now, c, Start{Store: uint64(i + 1), Boot: 1})
	}
	p.step(0, Tick{})
	p.step(1, Tick{})
	p.step(1, Pair{"pair", failover.Connected{Session: 1}})
	p.step(0, Pair{"pair", failover.Connected{Session: 1, Dialled: true}})
	p.drain()
	for range 5 {
		p.now.Mono += time.Second
		p.now.Wall++
		p.step(0, Tick{})
		p.step(1, Tick{})
		p.drain()
	}
	for _, m := range p.m {
		if s := m.pairs[0].m.State(); s.String() != "normal" {
			b.Fatalf("in %s", s)
		}
	}
	return p
}

func (p *benchPair) hear(m *packet.Packet) []Reply {
	p.reply = p.reply[:0]
	p.step(0, Heard{Packet: m, From: packet.Arrival{Local: serverIP}})
	p.drain()
	return p.reply
}

func (p *benchPair) drain() {
	for len(p.todo) > 0 {
		f := p.todo[0]
		p.todo = p.todo[1:]
		f()
	}
}

func (p *benchPair) step(i int, in Input) {
	out := p.m[i].Step(p.now, in)
	p.reply = append(p.reply, out.Replies...)
	for _, o := range out.Pairs {
		for _, s := range o.Output.Send {
			p.todo = append(p.todo, func() { p.step(1-i, Pair{"pair", failover.Received(s)}) })
		}
	}
	if n := out.Write.Batch; n != 0 {
		p.todo = append(p.todo, func() { p.step(i, Durable{Batch: n, Seq: n}) })
	}
}
