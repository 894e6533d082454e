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
