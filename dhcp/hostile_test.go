package dhcp

import (
	"context"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"loadshare/internal/config"
	"loadshare/internal/link"
)

// Octets from the partner's address that are no messages close the connection, and nothing else: clients are served, and the real
// partner connects.
func TestNonsenseOnTheDraftPort(t *testing.T) {
	main, backup := twins(t, `link = "draft"`)
	main.start(t)
	addr := main.server.conf.Load().Pairs[0].Address.String()
	rng := rand.New(rand.NewPCG(1, 2))
	from := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 3)}, Timeout: patience}
	for round := range 20 {
		c, err := from.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 64+rng.IntN(4000))
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		switch round % 3 {
		case 0: // a length that can be, and nonsense within
			binary.BigEndian.PutUint16(b, uint16(12+rng.IntN(2000)))
		case 1: // a header without an end
			copy(b, []byte{8, 0})
			b = b[:40]
		}
		_, _ = c.Write(b)
		_ = c.(*net.TCPConn).CloseWrite()
		_ = c.SetReadDeadline(time.Now().Add(patience))
		if _, err := io.Copy(io.Discard, c); err != nil && strings.Contains(err.Error(), "timeout") {
			t.Errorf("round %d: the connection is kept", round)
		}
		_ = c.Close()
	}
	backup.start(t)
	untilNormal(t, main, backup)
}

// Who is not the partner does not get in: a foreign address, no TLS, another key, another pair's name.
func TestStrangersDoNotGetIn(t *testing.T) {
	plain, _ := twins(t, `link = "draft"`)
	plain.start(t)
	c, err := net.Dial("tcp", plain.server.conf.Load().Pairs[0].Address.String())
	if err != nil {
		t.Fatal(err)
	}
	_ = c.SetReadDeadline(time.Now().Add(patience))
	if n, err := c.Read(make([]byte, 100)); err != io.EOF && !strings.Contains(err.Error(), "reset") {
		t.Errorf("a stranger was told %d octets, %v", n, err)
	}
	_ = c.Close()

	main, backup := twins(t, "")
	main.start(t)
	pair := main.server.conf.Load().Pairs[0]
	wrong, err := link.KeyAuth(config.NewKey("dhcp-pair"))
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	if _, err := link.DialFrom(ctx, netip.MustParseAddr("127.0.0.3"), pair.Address, wrong); err == nil {
		t.Error("another key got in")
	}
	for name, from := range map[string]string{"pair2": "127.0.0.3", "pair1": "127.0.0.9"} {
		conn, err := link.DialFrom(ctx, netip.MustParseAddr(from), pair.Address, pair.Auth)
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.Send(ctx, hello(name)); err != nil {
			t.Fatal(err)
		}
		if frame, err := conn.Receive(ctx); err == nil {
			t.Errorf("%s from %s was told %x", name, from, frame)
		}
		_ = conn.Close()
	}
	backup.start(t)
	untilNormal(t, main, backup)
}

// What comes besides failover messages is bounded and read with care.
func FuzzAside(f *testing.F) {
	f.Add(hello("pair1"))
	f.Add((&aside{Ask: &syncAsk{ID: 1, Source: true}, Answer: &syncAnswer{ID: 1, Text: "x"}}).frame())
	f.Add([]byte{0xff, 0xff})
	f.Fuzz(func(t *testing.T, frame []byte) {
		a, err := parseAside(frame)
		if err != nil {
			return
		}
		if _, err := parseAside(a.frame()); err != nil {
			t.Errorf("%q was read, and cannot be said again: %v", frame, err)
		}
	})
}
