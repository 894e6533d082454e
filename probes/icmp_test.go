package probes

import (
	"context"
	"net/netip"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// TestF16Ping: "ping both interfaces of a node": an icmp check each. Without the right to send, the look is Untested.
func TestF16Ping(t *testing.T) {
	p := mustCompile(t, Spec{Kind: ICMP, Timeout: 2 * time.Second})
	for _, addr := range []string{"127.0.0.1", "127.0.0.2", "::1"} {
		res := p.Look(context.Background(), netip.MustParseAddr(addr))
		switch res.Reason {
		case ReasonNoPermission, ReasonNoRoute, ReasonLocal:
			if res.Outcome != Untested {
				t.Errorf("%s: %v, want untested", addr, res)
			}
			t.Logf("%s: %v", addr, res)
		default:
			want{ReasonNone, 0}.check(t, res)
		}
	}
}

// TestPingsShareASocket: many looks at once, each with its own answer, and the socket is closed after the last.
func TestPingsShareASocket(t *testing.T) {
	p := mustCompile(t, Spec{Kind: ICMP, Timeout: 5 * time.Second})
	if r := p.Look(context.Background(), netip.MustParseAddr("127.0.0.1")); r.Reason == ReasonNoPermission {
		t.Skip("this process may not ping: ", r)
	}
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			res := p.Look(context.Background(), netip.AddrFrom4([4]byte{127, 0, 1, byte(i)}))
			if res.Outcome != OK {
				t.Errorf("127.0.1.%d: %v", i, res)
			}
		})
	}
	wg.Wait()
	pinger4.mu.Lock()
	defer pinger4.mu.Unlock()
	if pinger4.conn != nil || pinger4.users != 0 {
		t.Errorf("the socket is still open for %d users", pinger4.users)
	}
}

// TestParseReply: which messages answer a request, and which only look like it.
func TestParseReply(t *testing.T) {
	e := &echo{to: netip.MustParseAddr("192.0.2.1"), seq: 7, token: [8]byte{1, 2, 3}}
	raw := &echoConn{raw: true, id: 99}
	marshal := func(m icmp.Message) []byte {
		b, err := m.Marshal(nil)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	answer := func(id int, data []byte) []byte {
		return marshal(icmp.Message{Type: ipv4.ICMPTypeEchoReply, Body: &icmp.Echo{ID: id, Seq: 7, Data: data}})
	}
	request, err := raw.wire(e)
	if err != nil {
		t.Fatal(err)
	}
	quoted := append([]byte{0x45, 0, 0, 36, 0, 0, 0, 0, 64, 1, 0, 0, 127, 0, 0, 1, 192, 0, 2, 1}, request...)
	unreachable := marshal(icmp.Message{Type: ipv4.ICMPTypeDestinationUnreachable, Code: 1, Body: &icmp.DstUnreach{Data: quoted}})
	other := append([]byte(nil), quoted...)
	other[19] = 9
	tests := []struct {
		name    string
		msg     []byte
		from    string
		answers bool
		reason  Reason
	}{
		{"reply", answer(99, e.token[:]), "192.0.2.1", true, ReasonNone},
		{"from another address", answer(99, e.token[:]), "192.0.2.9", false, ReasonNone},
		{"of another process", answer(98, e.token[:]), "192.0.2.1", false, ReasonNone},
		{"guessed", answer(99, make([]byte, 8)), "192.0.2.1", false, ReasonNone},
		{"unreachable, says a router", unreachable, "198.51.100.1", true, ReasonUnreachable},
		{"another one unreachable", marshal(icmp.Message{Type: ipv4.ICMPTypeDestinationUnreachable, Body: &icmp.DstUnreach{Data: other}}), "198.51.100.1", false, ReasonUnreachable},
	}
	for _, tt := range tests {
		r, ok := parseReply(tt.msg, false)
		if !ok || r.seq != 7 || r.reason != tt.reason || r.answers(e, netip.MustParseAddr(tt.from), raw) != tt.answers {
			t.Errorf("%s: %+v, %v; want reason %v, answers %v", tt.name, r, ok, tt.reason, tt.answers)
		}
	}
	if _, ok := parseReply(request, false); ok {
		t.Error("a request passes for an answer")
	}
}

func FuzzParseReply(f *testing.F) {
	for _, v6 := range []bool{false, true} {
		c := &echoConn{v6: v6}
		if b, err := c.wire(&echo{}); err == nil {
			f.Add(b, v6)
		}
	}
	for _, m := range []icmp.Message{
		{Type: ipv4.ICMPTypeDestinationUnreachable, Body: &icmp.DstUnreach{Data: make([]byte, 28)}},
		{Type: ipv6.ICMPTypeDestinationUnreachable, Body: &icmp.DstUnreach{Data: make([]byte, 48)}},
	} {
		if b, err := m.Marshal(nil); err == nil {
			f.Add(b, m.Type == ipv6.ICMPTypeDestinationUnreachable)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, v6 bool) {
		if r, ok := parseReply(b, v6); ok && r.reason != ReasonNone && r.reason != ReasonUnreachable {
			t.Errorf("reason %v", r.reason)
		}
	})
}
