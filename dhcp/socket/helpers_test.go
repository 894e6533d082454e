package socket

import (
	"context"
	"encoding/binary"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"loadshare/dhcp/lease"
)

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// discover is a message as a client or relay sends it (RFC 2131, 2).
func discover(xid uint32, mac [6]byte, giaddr lease.IP) []byte {
	b := make([]byte, 300)
	b[0], b[1], b[2] = 1, 1, 6
	binary.BigEndian.PutUint32(b[4:], xid)
	binary.BigEndian.PutUint32(b[24:], uint32(giaddr))
	copy(b[28:], mac[:])
	copy(b[236:], []byte{0x63, 0x82, 0x53, 0x63, 53, 1, 1, 255})
	return b
}

// inbox collects what Run hands on.
type inbox struct {
	mu   sync.Mutex // the readers write, the test reads
	list []Received
}

func (b *inbox) take(batch []Received) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.list = append(b.list, batch...)
}

func (b *inbox) all() []Received {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]Received(nil), b.list...)
}

// wait polls until n messages are there.
func (b *inbox) wait(t *testing.T, n int) []Received {
	t.Helper()
	eventually(t, "messages arrive", func() bool { return len(b.all()) >= n })
	return b.all()
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within a minute", what)
		}
	}
}

// serve runs a server until the test ends.
func serve(t *testing.T, o Options) (*Server, *inbox) {
	t.Helper()
	o.Log = quiet
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	b := &inbox{}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx, nil, b.take) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error("Run:", err)
		}
		s.Close()
	})
	return s, b
}

func loopback(port uint16) []netip.AddrPort {
	return []netip.AddrPort{netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port)}
}

// peer is a socket of the test's own.
func peer(t *testing.T, addr string) (*net.UDPConn, netip.AddrPort) {
	t.Helper()
	c, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(addr)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c, c.LocalAddr().(*net.UDPAddr).AddrPort()
}

func read(t *testing.T, c *net.UDPConn) ([]byte, netip.AddrPort) {
	t.Helper()
	b := make([]byte, 4096)
	_ = c.SetReadDeadline(time.Now().Add(time.Minute))
	n, from, err := c.ReadFromUDPAddrPort(b)
	if err != nil {
		t.Fatal(err)
	}
	return b[:n], from
}
