package dhcp

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"loadshare/dhcp/names"
	"loadshare/internal/dhcpclient"
)

// hostile makes packets that an attacker behind a relay could send.
type hostile struct{ *rand.Rand }

func seeded(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 7)) }

func (h hostile) fill(b []byte) {
	for i := range b {
		b[i] = byte(h.Uint32())
	}
}

func (h hostile) octets(n int) []byte {
	b := make([]byte, n)
	h.fill(b)
	return b
}

// packet is a message of a random kind, of a hardware address that was made up.
func (h hostile) packet() []byte {
	b := make([]byte, 240, 2048)
	b[0], b[1], b[2] = 1, 1, 6
	h.fill(b[4:8])
	copy(b[24:], []byte{127, 0, 0, 77})
	h.fill(b[28:34])
	binary.BigEndian.PutUint32(b[236:], 0x63825363)
	opt := func(code byte, data []byte) { b = append(append(b, code, byte(len(data))), data...) }
	address := func() []byte { return []byte{127, 1, byte(h.IntN(4)), byte(h.Uint32())} }
	kind := byte(1)
	switch h.IntN(14) {
	case 0: // any relay
		copy(b[24:], []byte{127, byte(h.Uint32()), byte(h.Uint32()), byte(h.Uint32())})
	case 1: // any port
		opt(82, append([]byte{1, 12}, h.octets(12)...))
	case 2: // long names
		opt(61, h.octets(255))
		opt(12, h.octets(255))
		opt(81, h.octets(200))
		opt(60, h.octets(255))
	case 3: // INIT-REBOOT
		kind = 3
		opt(50, address())
	case 4: // SELECTING what was not offered
		kind = 3
		opt(50, address())
		opt(54, []byte{127, 0, 0, 1})
	case 5: // RENEWING what another has
		kind = 3
		copy(b[12:], address())
	case 6:
		kind = 4
		opt(50, address())
		opt(54, []byte{127, 0, 0, 1})
	case 7:
		kind = 7
		copy(b[12:], address())
		opt(54, []byte{127, 0, 0, 1})
	case 8: // BOOTP
		return append(b, 255)
	case 9: // LEASEQUERY
		kind = 10
		copy(b[12:], address())
	case 10: // relays that cannot be
		copy(b[24:], [][]byte{{127, 0, 0, 1}, {255, 255, 255, 255}, {127, 255, 255, 255}, {0, 0, 0, 1}, {224, 0, 0, 1}}[h.IntN(5)])
	case 11: // no, short and too long hardware addresses
		b[2] = []byte{0, 1, 16, 17, 255}[h.IntN(5)]
	case 12: // nonsense
		h.fill(b[:236])
		b[0], b[2] = 1, byte(h.IntN(17))
		return append(b, h.octets(h.IntN(800))...)
	}
	opt(53, []byte{kind})
	return append(b, 255)
}

// flood sends such packets to the server until stop is called, which says how many they were.
func flood(t *testing.T, s *site, seed uint64) (sent *atomic.Int64, stop func()) {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 77)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	sent = &atomic.Int64{}
	var wg sync.WaitGroup
	wg.Go(func() {
		h := hostile{seeded(seed)}
		for ctx.Err() == nil {
			for range 20 {
				if _, err := conn.WriteToUDPAddrPort(h.packet(), s.addr); err == nil {
					sent.Add(1)
				}
			}
			time.Sleep(time.Millisecond) // others want to be served
		}
	})
	return sent, sync.OnceFunc(func() { cancel(); wg.Wait(); _ = conn.Close() })
}

// "any packet gets a correct answer or silence. Floods … never starve known clients' renewals": in the middle of packets of every kind those
// who have a lease renew it, the log stays short, a reload works, and the server stops and leaves nothing behind. How fast they
// are answered BenchmarkRenewalsDuringAFlood measures.
func TestKnownClientsRenewDuringAFlood(t *testing.T) {
	before := runtime.NumGoroutine()
	s := newSite(t, single)
	s.start(t)
	r := s.relay(t)
	var leases []dhcpclient.Lease
	for i := range 20 {
		leases = append(leases, acquire(t, r, i))
	}
	sent, stop := flood(t, s, 1)
	defer stop()
	renewAll := func(rounds int) {
		t.Helper()
		for k := range rounds * len(leases) {
			i := k % len(leases)
			if l := renew(t, r, i, leases[i]); l.IP != leases[i].IP {
				t.Fatalf("client %d of %s: %+v", i, leases[i].IP, l)
			}
		}
	}
	renewAll(10)
	until(t, "the flood is one", func() bool { return sent.Load() > 10_000 })
	renewAll(5)
	if err := s.server.Reload(s.config(t)); err != nil {
		t.Fatal(err)
	}
	renewAll(5)
	if l := strings.Count(s.logs.String(), "\n") - strings.Count(s.logs.String(), "level=DEBUG"); int64(l) > sent.Load()/20 {
		t.Errorf("%d lines in the log of %d packets", l, sent.Load())
	}
	if n := s.server.loop.unwritten.Load(); n > maxUnwritten {
		t.Errorf("%d leases wait for the disk", n)
	}
	s.stop(t)
	stop()
	r.Close()
	until(t, "all goroutines have ended", func() bool { return runtime.NumGoroutine() <= before+2 }) // of the test itself
}

// Jobs of DNS reach the queue in their order, however many come before it looks: an older one must not overtake a newer one.
func TestJobsKeepTheirOrder(t *testing.T) {
	d := newDNSWorker(&Server{})
	for i := range uint64(1000) {
		d.add([]names.Job{{ID: 2*i + 1}, {ID: 2*i + 2}})
	}
	list := d.take()
	for i, j := range list {
		if j.ID != uint64(i)+1 {
			t.Fatalf("job %d comes as number %d", j.ID, i+1)
		}
	}
	if len(list) != 2000 || len(d.take()) != 0 {
		t.Errorf("%d jobs", len(list))
	}
}
