package link

import (
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"
)

// silentOne connects and sends nothing.
func silentOne(t *testing.T, ln *Listener) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// TestFloodOfSilence: "Unauthenticated connections are bounded in total … and
// make room oldest first; … never at the cost of an authenticated one" (M11).
func TestFloodOfSilence(t *testing.T) {
	a := keyAuth(t, "k")
	ln, refused := listen(t, a, Limits{Pending: 8, Prove: time.Hour})
	client, server := pair(t, ln, a, defaultPace)
	var flood []net.Conn
	for range 100 {
		flood = append(flood, silentOne(t, ln))
	}
	soon(t, "all but eight of the flood made room", func() bool {
		s := ln.Stats()
		return s.Pending == 8 && s.Evicted == 92
	})
	// The first of the flood is gone, the newest is still there.
	_ = flood[0].SetDeadline(time.Now().Add(wait))
	if n, err := flood[0].Read(make([]byte, 1)); err == nil {
		t.Errorf("the oldest still lives: %d bytes", n)
	}
	// The one that had proved itself goes on, and a new one gets in.
	if err := client.Send(ctxOf(t), []byte("during the flood")); err != nil {
		t.Fatal(err)
	}
	if got, err := server.Receive(ctxOf(t)); err != nil || string(got) != "during the flood" {
		t.Errorf("%q, %v", got, err)
	}
	pair(t, ln, a, defaultPace)
	for _, err := range refused.all() {
		if !errors.Is(err, errEvicted) {
			t.Errorf("refusal: %v", err)
		}
	}
}

// TestSilenceIsRefusedInTime: "get 5 s" (M11; a shorter time here).
func TestSilenceIsRefusedInTime(t *testing.T) {
	ln, refused := listen(t, keyAuth(t, "k"), Limits{Prove: 50 * time.Millisecond})
	tcp := silentOne(t, ln)
	half := rawTLS(t, ln.Addr()) // TLS, but no proof
	for _, c := range []net.Conn{tcp, half} {
		if err := readToEnd(c); err != nil {
			t.Error(err)
		}
	}
	soon(t, "both are refused", func() bool { return ln.Stats().Refused == 2 })
	for _, err := range refused.all() {
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "does not answer") {
			t.Errorf("refusal: %v", err)
		}
	}
	if defaults := (Limits{}).filled(); defaults.Prove != 5*time.Second {
		t.Errorf("without a setting: %v, want 5 s", defaults.Prove)
	}
}

// TestConnsAreBounded: those who proved themselves have a bound of their own;
// the newest is turned away, never one that is in.
func TestConnsAreBounded(t *testing.T) {
	a := keyAuth(t, "k")
	ln, refused := listen(t, a, Limits{Conns: 1})
	client, server := pair(t, ln, a, defaultPace)
	second, err := Dial(ctxOf(t), ln.Addr(), a)
	if err == nil { // it proved itself, and is then closed
		_, err = second.Receive(ctxOf(t))
		_ = second.Close()
	}
	if err == nil {
		t.Error("a second one is in")
	}
	soon(t, "the second is turned away", func() bool { return ln.Stats().Full == 1 })
	if err := refused.all()[0]; !errors.Is(err, errFull) {
		t.Errorf("refusal: %v", err)
	}
	if err := client.Send(ctxOf(t), []byte("x")); err != nil {
		t.Error(err)
	}
	_ = server.Close()
	_ = client.Close()
	soon(t, "there is room again", func() bool { return ln.Stats().Conns == 0 })
	pair(t, ln, a, defaultPace)
}

// TestListenerClose: Close ends everything nobody has accepted, and Accept.
func TestListenerClose(t *testing.T) {
	a := keyAuth(t, "k")
	ln, err := Listen(loopback, a, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	accepted := make(chan error, 1)
	silent := silentOne(t, ln)
	waiting, err := Dial(ctxOf(t), ln.Addr(), a) // proved, never accepted
	if err != nil {
		t.Fatal(err)
	}
	defer waiting.Close()
	soon(t, "one is pending, one proved", func() bool { s := ln.Stats(); return s.Pending == 1 && s.Conns == 1 })
	if err := ln.Close(); err != nil {
		t.Error(err)
	}
	go func() {
		_, err := ln.Accept(ctxOf(t))
		accepted <- err
	}()
	if err := <-accepted; !errors.Is(err, net.ErrClosed) {
		t.Errorf("accept: %v", err)
	}
	if err := readToEnd(silent); err != nil {
		t.Error(err)
	}
	if _, err := waiting.Receive(ctxOf(t)); !errors.Is(err, ErrGone) {
		t.Errorf("proved but never accepted: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := ln.Accept(ctx); err == nil {
		t.Error("accept after close")
	}
}

// quick is a pace for tests of silence.
var quick = pace{ping: 10 * time.Millisecond, silence: 200 * time.Millisecond, write: 200 * time.Millisecond}

// TestKeepAlive: two ends with nothing to say stay connected as long as each
// hears the other's keep-alives, here for many times the allowed silence.
func TestKeepAlive(t *testing.T) {
	a := keyAuth(t, "k")
	ln, _ := listen(t, a, Limits{pace: quick})
	client, server := pair(t, ln, a, quick)
	ctx, cancel := context.WithTimeout(t.Context(), 5*quick.silence)
	defer cancel()
	for _, c := range []*Conn{client, server} {
		if _, err := c.Receive(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("receive: %v, want the context's end", err)
		}
		if _, err := c.Receive(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("receive again: %v", err)
		}
	}
}

// TestHalfOpenPeer: an end whose peer has vanished without a word gives up.
func TestHalfOpenPeer(t *testing.T) {
	a := keyAuth(t, "k")
	ln, _ := listen(t, a, Limits{pace: quick})
	mute := defaultPace // its keep-alives come too late
	client, server := pair(t, ln, a, mute)
	_ = client
	if _, err := server.Receive(ctxOf(t)); !errors.Is(err, ErrSilent) {
		t.Errorf("receive: %v", err)
	}
	if err := server.Send(ctxOf(t), []byte("x")); err == nil {
		t.Error("the connection is of no use any more")
	}
}

// TestSlowPeer: a peer that takes no data does not hold the sender for ever.
func TestSlowPeer(t *testing.T) {
	a := keyAuth(t, "k")
	ln, _ := listen(t, a, Limits{pace: quick})
	_, server := pair(t, ln, a, defaultPace) // the client never reads
	frame := make([]byte, MaxFrame)
	var err error
	for i := 0; i < 1000 && err == nil; i++ { // more than any socket buffer holds
		err = server.Send(ctxOf(t), frame)
	}
	if !errors.Is(err, errTimedOut) {
		t.Errorf("send: %v", err)
	}
}

// TestContextsCancel: "contexts cancel blocking I/O". A cancelled Receive can be
// taken up again without losing what had arrived; a cancelled Send ends the
// connection.
func TestContextsCancel(t *testing.T) {
	a := keyAuth(t, "k")
	ln, _ := listen(t, a, Limits{})
	client, server := pair(t, ln, a, defaultPace)

	// Half a frame arrives, the context ends, the rest arrives.
	framed := appendFrame(nil, []byte("in two parts"))
	if _, err := client.tls.Write(framed[:7]); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := server.Receive(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("receive: %v", err)
	}
	if _, err := client.tls.Write(framed[7:]); err != nil {
		t.Fatal(err)
	}
	if got, err := server.Receive(ctxOf(t)); err != nil || string(got) != "in two parts" {
		t.Fatalf("receive again: %q, %v", got, err)
	}

	ctx, cancel = context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	var err error
	for i := 0; i < 1000 && err == nil; i++ {
		err = server.Send(ctx, make([]byte, MaxFrame))
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("send: %v", err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	cancel()
	if _, err := client.Receive(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("receive with a context that is over: %v", err)
	}
}

// TestCloseEndsReceive: Close from another goroutine.
func TestCloseEndsReceive(t *testing.T) {
	a := keyAuth(t, "k")
	ln, _ := listen(t, a, Limits{})
	client, _ := pair(t, ln, a, defaultPace)
	got := make(chan error, 1)
	go func() {
		_, err := client.Receive(context.Background())
		got <- err
	}()
	if err := client.Close(); err != nil {
		t.Error(err)
	}
	if err := <-got; !errors.Is(err, net.ErrClosed) && !errors.Is(err, io.EOF) {
		t.Errorf("receive: %v", err)
	}
	if err := client.Close(); err != nil {
		t.Errorf("closing again: %v", err)
	}
}

// TestReceiveAfterAnotherContext: "When ctx ends, Receive ... may be called again": a hello that is waited for under a deadline of its own is
// cancelled once it is there, and that must not end what is received after it under another context.
func TestReceiveAfterAnotherContext(t *testing.T) {
	a := keyAuth(t, "agent")
	ln, _ := listen(t, a, Limits{})
	client, server := pair(t, ln, a, defaultPace)
	for round := range 200 {
		hello, cancel := context.WithTimeout(t.Context(), time.Minute)
		if err := client.Send(t.Context(), []byte("hello")); err != nil {
			t.Fatal(err)
		}
		if _, err := server.Receive(hello); err != nil {
			t.Fatal(err)
		}
		cancel()
		got := make(chan error, 1)
		go func() {
			_, err := server.Receive(t.Context())
			got <- err
		}()
		runtime.Gosched() // the end of hello's context is carried out by a goroutine of its own
		if err := client.Send(t.Context(), []byte("order")); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if err := <-got; err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
	}
}
