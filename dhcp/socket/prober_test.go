package socket

import (
	"log/slog"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"loadshare/dhcp/lease"
)

type verdict struct{ inUse, ok bool }

func ask(p *Prober, ip, iface string, timeout time.Duration) verdict {
	got := make(chan verdict, 1)
	p.Probe(lease.IPOf(netip.MustParseAddr(ip)), iface, timeout, func(inUse, ok bool) { got <- verdict{inUse, ok} })
	return <-got
}

// canEcho skips where nothing lets a process send echo requests.
func canEcho(t *testing.T) *Prober {
	t.Helper()
	p := NewProber(0, quiet)
	t.Cleanup(p.Close)
	p.mu.Lock()
	_, err := p.echoSocket()
	p.mu.Unlock()
	if err != nil {
		if os.Getenv("PEERS") == "required" {
			t.Fatal(err)
		}
		t.Skip(err) // this process may not ping
	}
	return p
}

// TestEcho: an address that answers is in use.
func TestEcho(t *testing.T) {
	if got := ask(canEcho(t), "127.0.0.1", "", 10*time.Second); got != (verdict{true, true}) {
		t.Errorf("%+v", got)
	}
}

// TestEchoJoins: two who ask for one address at a time get one answer each.
func TestEchoJoins(t *testing.T) {
	p := canEcho(t)
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			if got := ask(p, "127.0.0.77", "", 10*time.Second); got != (verdict{true, true}) {
				t.Errorf("%+v", got)
			}
		})
	}
	both.Wait()
}

// TestForgedReply: a reply without the request's token counts for nothing; at the end of the time the address is free.
func TestForgedReply(t *testing.T) {
	p := canEcho(t)
	ip := lease.IPOf(netip.MustParseAddr("127.0.0.1"))
	q := &probe{ip: ip, token: [8]byte{1}, again: true, timer: time.NewTimer(time.Hour), send: func() error { return nil }}
	got := make(chan verdict, 1)
	q.done = append(q.done, func(inUse, ok bool) { got <- verdict{inUse, ok} })
	p.mu.Lock()
	p.asked[ip] = q
	p.mu.Unlock()
	p.answered(ip, []byte("nonsense"), false)
	select {
	case v := <-got:
		t.Fatalf("believed: %+v", v)
	default:
	}
	p.late(q)
	if v := <-got; v != (verdict{false, true}) {
		t.Errorf("%+v", v)
	}
}

// TestProbesAreBounded: beyond the limit, and after Close, nothing is asked, and that is said.
func TestProbesAreBounded(t *testing.T) {
	p := NewProber(1, quiet)
	ip := lease.IPOf(netip.MustParseAddr("127.0.0.1"))
	held := make(chan verdict, 1)
	p.asked[ip] = &probe{ip: ip, timer: time.NewTimer(time.Hour), done: []func(bool, bool){func(inUse, ok bool) { held <- verdict{inUse, ok} }}}
	if got := ask(p, "127.0.0.2", "", time.Second); got != (verdict{}) {
		t.Errorf("beyond the limit: %+v", got)
	}
	p.Close()
	if got := <-held; got != (verdict{}) {
		t.Errorf("under way at Close: %+v", got)
	}
	if got := ask(p, "127.0.0.2", "", time.Second); got != (verdict{}) {
		t.Errorf("after Close: %+v", got)
	}
}

// TestCannotAskIsToldOnce: what cannot be asked is logged the first time only.
func TestCannotAskIsToldOnce(t *testing.T) {
	var text strings.Builder
	p := NewProber(0, slog.New(slog.NewTextHandler(&text, nil)))
	defer p.Close()
	for range 3 {
		if got := ask(p, "127.0.0.2", "no-such-if", time.Second); got != (verdict{}) {
			t.Errorf("%+v", got)
		}
	}
	if n := strings.Count(text.String(), "cannot probe"); n != 1 {
		t.Errorf("%d times: %s", n, text.String())
	}
}

// FuzzARP: nothing is taken for an answer but an ARP reply for IPv4 on Ethernet (RFC 826).
func FuzzARP(f *testing.F) {
	f.Add([]byte{0, 1, 8, 0, 6, 4, 0, 2, 2, 0, 0, 0, 0, 9, 10, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte{0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 9, 10, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		ip, ok := parseARP(b)
		want := len(b) >= 28 && string(b[:8]) == "\x00\x01\x08\x00\x06\x04\x00\x02"
		if ok != want || ok && ip.Addr() != netip.AddrFrom4([4]byte(b[14:18])) {
			t.Errorf("%x: %v %v", b, ip, ok)
		}
	})
}
