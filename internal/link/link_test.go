package link

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"loadshare/internal/config"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var loopback = netip.MustParseAddrPort("127.0.0.1:0")

// wait bounds what must happen soon; it is no measure.
const wait = 20 * time.Second

func ctxOf(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), wait)
	t.Cleanup(cancel)
	return ctx
}

func keyAuth(t *testing.T, name string) Auth {
	t.Helper()
	a, err := KeyAuth(config.NewKey(name))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// refusals collects why connections did not get in.
type refusals struct {
	mu   sync.Mutex
	errs []error
}

func (r *refusals) add(_ netip.AddrPort, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.errs = append(r.errs, err)
}

func (r *refusals) all() []error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]error(nil), r.errs...)
}

// soon waits until what is true.
func soon(t *testing.T, what string, is func() bool) {
	t.Helper()
	deadline := time.Now().Add(wait)
	for !is() {
		if time.Now().After(deadline) {
			t.Fatalf("did not happen: %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func listen(t *testing.T, a Auth, l Limits) (*Listener, *refusals) {
	t.Helper()
	r := &refusals{}
	l.Refused = r.add
	ln, err := Listen(loopback, a, l)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := ln.Close(); err != nil {
			t.Error(err)
		}
	})
	return ln, r
}

// pair is a connection with both its ends.
func pair(t *testing.T, ln *Listener, a Auth, p pace) (client, server *Conn) {
	t.Helper()
	client, err := dial(ctxOf(t), netip.Addr{}, ln.Addr(), a, p)
	if err != nil {
		t.Fatal(err)
	}
	server, err = ln.Accept(ctxOf(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close(); _ = server.Close() })
	return client, server
}

func TestFramesBothWays(t *testing.T) {
	a := keyAuth(t, "agent")
	ln, _ := listen(t, a, Limits{})
	client, server := pair(t, ln, a, defaultPace)
	if client.Peer() != "agent" || server.Peer() != "agent" {
		t.Errorf("peers %q and %q, want the key's name", client.Peer(), server.Peer())
	}
	if client.RemoteAddr() != ln.Addr() || !server.RemoteAddr().Addr().IsLoopback() {
		t.Errorf("addresses %v and %v", client.RemoteAddr(), server.RemoteAddr())
	}
	for _, size := range []int{1, 2, firstAlloc, 100_000, MaxFrame} {
		frame := bytes.Repeat([]byte{byte(size)}, size)
		for _, ends := range [][2]*Conn{{client, server}, {server, client}} {
			var sent sync.WaitGroup
			sent.Go(func() {
				if err := ends[0].Send(ctxOf(t), frame); err != nil {
					t.Error(err)
				}
			})
			got, err := ends[1].Receive(ctxOf(t))
			if err != nil || !bytes.Equal(got, frame) {
				t.Fatalf("%d bytes: got %d, %v", size, len(got), err)
			}
			sent.Wait()
		}
	}
	for _, frame := range [][]byte{nil, make([]byte, MaxFrame+1)} {
		if err := client.Send(ctxOf(t), frame); !errors.Is(err, errFrameSize) {
			t.Errorf("%d bytes: %v", len(frame), err)
		}
	}
	if s := ln.Stats(); s.Conns != 1 || s.Proved != 1 || s.Pending != 0 {
		t.Errorf("stats %+v", s)
	}
	_ = client.Close()
	if _, err := server.Receive(ctxOf(t)); !errors.Is(err, ErrGone) {
		t.Errorf("after the other end closed: %v", err)
	}
	soon(t, "the connection leaves the count", func() bool { return ln.Stats().Conns == 0 })
}

// TestSecretStrength: "A shared secret has at least 128 bits, else it is refused" (M11).
func TestSecretStrength(t *testing.T) {
	k := config.NewKey("weak")
	k.Secret = k.Secret[:15]
	if _, err := KeyAuth(k); !errors.Is(err, ErrWeakKey) {
		t.Errorf("120 bits: %v", err)
	}
	k.Secret = k.Secret[:16]
	if _, err := KeyAuth(k); err != nil {
		t.Errorf("128 bits: %v", err)
	}
	if _, err := Listen(loopback, Auth{}, Limits{}); !errors.Is(err, errNoAuth) {
		t.Errorf("no proof at all: %v", err)
	}
	if _, err := Dial(ctxOf(t), loopback, Auth{}); !errors.Is(err, errNoAuth) {
		t.Errorf("no proof at all: %v", err)
	}
}

// TestWrongKey: the server says no, and says no more: its own proof comes "only
// after the client's was right" (M11).
func TestWrongKey(t *testing.T) {
	ln, refused := listen(t, keyAuth(t, "right"), Limits{})
	wrong := keyAuth(t, "wrong")
	if _, err := Dial(ctxOf(t), ln.Addr(), wrong); !errors.Is(err, ErrRefused) {
		t.Errorf("dial: %v", err)
	}
	soon(t, "the server notes the refusal", func() bool { return len(refused.all()) == 1 })
	if err := refused.all()[0]; !errors.Is(err, ErrNotProved) || !strings.Contains(err.Error(), `it calls its key "wrong", ours is "right"`) {
		t.Errorf("refusal: %v", err)
	}
	raw := rawTLS(t, ln.Addr())
	if _, err := raw.Write(appendFrame(nil, append([]byte{helloVersion, 0}, make([]byte, 32)...))); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(raw)
	if !bytes.Equal(rest, appendFrame(nil, []byte{verdictRefused})) {
		t.Errorf("the server answered a wrong proof with % x (%v), want the refusal alone", rest, err)
	}
}

// rawTLS is a client that speaks TLS as ours does but proves nothing.
func rawTLS(t *testing.T, addr netip.AddrPort) *tls.Conn {
	t.Helper()
	c, err := dialRaw(addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func dialRaw(addr netip.AddrPort) (*tls.Conn, error) {
	c, err := net.Dial("tcp", addr.String())
	if err != nil {
		return nil, err
	}
	_ = c.SetDeadline(time.Now().Add(wait))
	tc := tls.Client(c, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13, NextProtos: []string{protoKey}})
	return tc, tc.Handshake()
}

// TestReplayedProof: a proof recorded in one session is wrong in every other,
// because the exporter differs.
func TestReplayedProof(t *testing.T) {
	a := keyAuth(t, "k")
	ln, refused := listen(t, a, Limits{})
	first := rawTLS(t, ln.Addr())
	cs := first.ConnectionState()
	hello, err := a.hello(&cs)
	if err != nil {
		t.Fatal(err)
	}
	for i, session := range []*tls.Conn{first, rawTLS(t, ln.Addr())} {
		if _, err := session.Write(appendFrame(nil, hello)); err != nil {
			t.Fatal(err)
		}
		fr := frameReader{limit: maxHello}
		answer, err := fr.next(session)
		if err != nil {
			t.Fatal(err)
		}
		if want := []byte{verdictOK, verdictRefused}[i]; answer[0] != want {
			t.Errorf("session %d: verdict %d, want %d", i, answer[0], want)
		}
	}
	soon(t, "the replay is refused", func() bool { return len(refused.all()) == 1 })
	if err := refused.all()[0]; !errors.Is(err, ErrNotProved) {
		t.Error(err)
	}
}

// TestReflectedProof: "a different label per direction", so a server cannot send
// the client's own proof back.
func TestReflectedProof(t *testing.T) {
	a := keyAuth(t, "k")
	stranger := keyAuth(t, "stranger") // has no key of ours, only a certificate for TLS
	addr := serveTLS(t, stranger.server(), func(c *tls.Conn) {
		fr := frameReader{limit: maxHello}
		hello, err := fr.next(c)
		if err != nil {
			t.Error(err)
			return
		}
		proof := hello[2+int(hello[1]):]
		_, _ = c.Write(appendFrame(nil, append([]byte{verdictOK}, proof...)))
	})
	if _, err := Dial(ctxOf(t), addr, a); !errors.Is(err, ErrNotProved) {
		t.Errorf("dial: %v", err)
	}
}

// serveTLS is a server for one connection.
func serveTLS(t *testing.T, c *tls.Config, serve func(*tls.Conn)) netip.AddrPort {
	t.Helper()
	ln, err := tls.Listen("tcp", "127.0.0.1:0", c)
	if err != nil {
		t.Fatal(err)
	}
	var work sync.WaitGroup
	work.Go(func() {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(wait))
		if tc := conn.(*tls.Conn); tc.Handshake() == nil {
			serve(tc)
		}
	})
	t.Cleanup(func() { _ = ln.Close(); work.Wait() })
	return addrPort(ln.Addr())
}

// TestManInTheMiddle: one who has two TLS sessions and passes everything on has
// two exporters; "exporter differs => refused".
func TestManInTheMiddle(t *testing.T) {
	a := keyAuth(t, "k")
	ln, refused := listen(t, a, Limits{})
	middle := keyAuth(t, "middle")
	addr := serveTLS(t, middle.server(), func(client *tls.Conn) {
		server, err := dialRaw(ln.Addr())
		if err != nil {
			t.Error(err)
			return
		}
		defer server.Close()
		go func() { _, _ = io.Copy(server, client) }()
		_, _ = io.Copy(client, server)
	})
	if _, err := Dial(ctxOf(t), addr, a); !errors.Is(err, ErrRefused) {
		t.Errorf("dial through the middle: %v", err)
	}
	soon(t, "the server refuses", func() bool { return len(refused.all()) == 1 })
	if err := refused.all()[0]; !errors.Is(err, ErrNotProved) || !strings.Contains(err.Error(), "another secret") {
		t.Errorf("refusal: %v", err)
	}
}

// TestStrangers: whatever does not speak our TLS is refused, with a reason.
func TestStrangers(t *testing.T) {
	a := keyAuth(t, "k")
	ln, refused := listen(t, a, Limits{})
	raw := func() net.Conn {
		c, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	for name, try := range map[string]func() error{
		"plain text": func() error {
			c := raw()
			_, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
			if err != nil {
				return err
			}
			return readToEnd(c)
		},
		"tls 1.2": func() error {
			c := raw()
			err := tls.Client(c, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12, NextProtos: []string{protoKey}}).Handshake()
			if err == nil {
				t.Error("a TLS 1.2 session was made")
			}
			return nil
		},
		"no protocol name": func() error {
			c := tls.Client(raw(), &tls.Config{InsecureSkipVerify: true})
			if err := c.Handshake(); err != nil {
				return nil
			}
			// A client without any is let through by TLS, and fails at the proof.
			_, err := c.Write(appendFrame(nil, []byte{helloVersion, 0}))
			if err != nil {
				return err
			}
			return readToEnd(c)
		},
		"oversize proof": func() error {
			c := rawTLS(t, ln.Addr())
			if _, err := c.Write([]byte{0xff, 0xff, 0xff, 0xff, 1}); err != nil {
				return err
			}
			return readToEnd(c)
		},
		"another version": func() error {
			c := rawTLS(t, ln.Addr())
			if _, err := c.Write(appendFrame(nil, []byte{99, 0})); err != nil {
				return err
			}
			return readToEnd(c)
		},
	} {
		before := ln.Stats().Refused
		if err := try(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		soon(t, name+" is refused", func() bool { return ln.Stats().Refused == before+1 })
	}
	for _, err := range refused.all() {
		if !errors.Is(err, ErrNotProved) && !errors.Is(err, ErrRefused) {
			t.Errorf("refusal of no kind: %v", err)
		}
	}
	pair(t, ln, a, defaultPace) // and ours still gets in
}

func readToEnd(c net.Conn) error {
	_ = c.SetDeadline(time.Now().Add(wait))
	_, err := io.Copy(io.Discard, c)
	var late net.Error
	if errors.As(err, &late) && late.Timeout() {
		return fmt.Errorf("the server did not close: %w", err)
	}
	return nil
}

// TestNotOurServer: what a client says about servers of another kind.
func TestNotOurServer(t *testing.T) {
	a := keyAuth(t, "k")
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var work sync.WaitGroup
	work.Go(func() {
		c, err := plain.Accept()
		if err == nil {
			_, _ = io.WriteString(c, "220 mail.example ESMTP\r\n")
			_ = c.Close()
		}
	})
	if _, err := Dial(ctxOf(t), addrPort(plain.Addr()), a); !errors.Is(err, ErrNotProved) || !strings.Contains(err.Error(), "does not speak TLS") {
		t.Errorf("a mail server: %v", err)
	}
	_ = plain.Close()
	work.Wait()
	if _, err := Dial(ctxOf(t), addrPort(plain.Addr()), a); err == nil || errors.Is(err, ErrNotProved) || errors.Is(err, ErrRefused) {
		t.Errorf("nobody listens: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Dial(ctx, addrPort(plain.Addr()), a); !errors.Is(err, context.Canceled) {
		t.Errorf("context over: %v", err)
	}
}

// TestNewAuth: SetAuth counts for new connections only.
func TestNewAuth(t *testing.T) {
	old, next := keyAuth(t, "old"), keyAuth(t, "next")
	ln, _ := listen(t, old, Limits{})
	client, server := pair(t, ln, old, defaultPace)
	if err := ln.SetAuth(next); err != nil {
		t.Fatal(err)
	}
	if err := ln.SetAuth(Auth{}); !errors.Is(err, errNoAuth) {
		t.Errorf("no proof at all: %v", err)
	}
	if _, err := Dial(ctxOf(t), ln.Addr(), old); !errors.Is(err, ErrRefused) {
		t.Errorf("the old key: %v", err)
	}
	pair(t, ln, next, defaultPace)
	if err := client.Send(ctxOf(t), []byte("x")); err != nil {
		t.Error(err)
	}
	if _, err := server.Receive(ctxOf(t)); err != nil {
		t.Error(err)
	}
}

// TestAFrozenEndIsCalledThat: a process that is stopped (SIGSTOP), or hangs, takes connections by its kernel: that is no wrong key.
func TestAFrozenEndIsCalledThat(t *testing.T) {
	frozen, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer frozen.Close()
	ctx, cancel := context.WithTimeout(ctxOf(t), 100*time.Millisecond)
	defer cancel()
	_, err = Dial(ctx, addrPort(frozen.Addr()), keyAuth(t, "k"))
	if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrNotProved) || !strings.Contains(err.Error(), "does not answer") {
		t.Errorf("a frozen one: %v", err)
	}
}
