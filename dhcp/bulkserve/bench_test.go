package bulkserve

import (
	"context"
	"io"
	"net"
	"net/netip"
	"testing"

	"loadshare/dhcp/packet"
)

// BenchmarkAll is an answer of 100,000 leases over loopback.
func BenchmarkAll(b *testing.B) {
	const leases = 100_000
	s, err := Listen(Config{
		Listen: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0")}, From: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Page: book(leases),
	})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go s.Serve(ctx)
	conn, err := net.Dial("tcp", s.Addrs()[0].String())
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	q, _ := query(1).Append([]byte{0, 0}, 0)
	q[0], q[1] = byte((len(q)-2)>>8), byte(len(q)-2)
	buf := make([]byte, 1<<16)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := conn.Write(q); err != nil {
			b.Fatal(err)
		}
		for n := 0; ; n++ {
			if _, err := io.ReadFull(conn, buf[:2]); err != nil {
				b.Fatal(err)
			}
			m := buf[2 : 2+int(buf[0])<<8+int(buf[1])]
			if _, err := io.ReadFull(conn, m); err != nil {
				b.Fatal(err)
			}
			if m[242] == byte(packet.LeaseQueryDone) {
				if n != leases {
					b.Fatalf("%d leases", n)
				}
				break
			}
		}
	}
	b.ReportMetric(float64(b.N)*leases/b.Elapsed().Seconds(), "leases/s")
}
