package probes

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve runs one loopback TCP service; each connection is given to f and then closed.
func serve(t *testing.T, f func(net.Conn)) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return serveOn(t, l, f)
}

func serveOn(t *testing.T, l net.Listener, f func(net.Conn)) netip.AddrPort {
	t.Helper()
	quit := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			done := make(chan struct{})
			go func() {
				select {
				case <-quit:
				case <-done:
				}
				_ = c.Close()
			}()
			f(c)
			close(done)
		}
	}()
	t.Cleanup(func() {
		close(quit)
		_ = l.Close()
		<-ended
	})
	return netip.MustParseAddrPort(l.Addr().String())
}

// hang reads until the other side is gone and never answers.
func hang(c net.Conn) { _, _ = io.Copy(io.Discard, c) }

// say writes and then waits for the other side to go.
func say(s string) func(net.Conn) {
	return func(c net.Conn) {
		_, _ = io.WriteString(c, s)
		hang(c)
	}
}

// sayAndClose writes and closes in order, once the other side is silent.
func sayAndClose(s string) func(net.Conn) {
	return func(c net.Conn) {
		_, _ = io.WriteString(c, s)
		_ = c.(interface{ CloseWrite() error }).CloseWrite()
		hang(c)
	}
}

// reset sends RST instead of closing in order.
func reset(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) }

// answerHTTP reads one request head and writes the answer as it stands.
func answerHTTP(s string) func(net.Conn) {
	return func(c net.Conn) {
		if readHead(c) {
			sayAndClose(s)(c)
		}
	}
}

func readHead(c net.Conn) bool {
	r := bufio.NewReader(c)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return false
		}
		if line == "\r\n" {
			return true
		}
	}
}

// drip writes s byte by byte for ever.
func drip(s string) func(net.Conn) {
	return func(c net.Conn) {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for i := 0; ; i++ {
			if _, err := c.Write([]byte{s[i%len(s)]}); err != nil {
				return
			}
			<-tick.C
		}
	}
}

// refused is a port on which nobody listens.
func refused(t *testing.T) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return netip.MustParseAddrPort(l.Addr().String())
}

func mustCompile(t testing.TB, s Spec) *Probe {
	t.Helper()
	p, errs := s.Compile()
	if len(errs) > 0 {
		t.Fatalf("Compile: %v", errs)
	}
	return p
}

// lookAt compiles the Spec for the service's port and looks once.
func lookAt(t testing.TB, s Spec, at netip.AddrPort) Result {
	t.Helper()
	s.Port = at.Port()
	return mustCompile(t, s).Look(context.Background(), at.Addr())
}

// want is what a look must come to; tests compare the reason, not only the outcome.
type want struct {
	reason Reason
	step   int
}

func (w want) check(t *testing.T, got Result) {
	t.Helper()
	if got.Reason != w.reason || got.Step != w.step || got.Outcome != w.reason.Outcome() {
		t.Errorf("got %v (step %d, got %q), want %v: %v at step %d", got, got.Step, got.Got, w.reason.Outcome(), w.reason, w.step)
	}
}

const short = 600 * time.Millisecond

// timeoutOf is short for a look that is to end by it. No other may: a machine at work stands still for a while.
func timeoutOf(r Reason) time.Duration {
	if r == ReasonTimeout {
		return short
	}
	return time.Minute
}

// serveB is a server for benchmarks: many connections, one page.
func serveB(b *testing.B, page string) netip.AddrPort {
	b.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if readHead(c) {
				_, _ = io.WriteString(c, page)
			}
			_ = c.Close()
		}
	}()
	b.Cleanup(func() { _ = l.Close(); <-ended })
	return netip.MustParseAddrPort(l.Addr().String())
}
