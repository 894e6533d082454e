package beside

import (
	"fmt"
	"testing"
	"time"

	"loadshare/dhcp/lease"
	"loadshare/dhcp/scope"
)

// two is both sides of a partnership, and the frames between them.
type two struct {
	t      *testing.T
	now    time.Duration
	m      [2]*Machine
	up     bool
	frames int
	burst  int // frames in this second
}

const epoch = 1_700_000_000

func newTwo(t *testing.T) *two {
	w := &two{t: t, now: time.Hour}
	w.m[0], w.m[1] = New("main", "backup", w.at(0)), New("backup", "main", w.at(1))
	for i := range w.m {
		w.step(i, Configured{summary("10.0.0.1")})
	}
	return w
}

// at is the moment on one host: the second's clocks are others.
func (w *two) at(i int) Now {
	return Now{Mono: w.now + time.Duration(i)*77*time.Minute, Wall: epoch + int64(w.now/time.Second) + int64(i)*40}
}

// step gives one side an input, and carries the frames, and what they cause.
func (w *two) step(i int, in Input) {
	w.t.Helper()
	out := w.m[i].Step(w.at(i), in)
	if len(out.Send) > 0 && !w.up {
		w.t.Fatal("frames without a connection")
	}
	for _, f := range out.Send {
		if len(f) > MaxFrame || !Is(f) {
			w.t.Fatalf("a frame of %d octets: %x", len(f), f[:4])
		}
		w.frames++
		if w.burst++; w.burst > 1000 {
			w.t.Fatal("they talk without end")
		}
		w.step(1-i, Received{f})
	}
}

func (w *two) connect() {
	w.up = true
	first := w.m[0].Step(w.at(0), Connected{}).Send
	for _, f := range w.m[1].Step(w.at(1), Connected{}).Send {
		w.step(0, Received{f})
	}
	for _, f := range first {
		w.step(1, Received{f})
	}
}

func (w *two) cut() {
	w.up = false
	for i := range w.m {
		w.step(i, Lost{})
	}
}

// pass lets time go by, second by second.
func (w *two) pass(d time.Duration) {
	for end := w.now + d; w.now < end; {
		w.now += time.Second
		w.burst = 0
		for i := range w.m {
			w.step(i, Tick{})
		}
	}
}

func client(n int) lease.Client {
	return lease.Client{HType: 1, CHAddr: fmt.Sprintf("\x02\x00%04d", n)}
}

func summary(router string) scope.Summary {
	return scope.Summary{Parts: []scope.Part{{Kind: "scope", Name: "voice", Values: []scope.Value{{Key: "routers", Text: router}, {Key: "subnet", Text: "10.0.0.0/24"}}}}}
}
