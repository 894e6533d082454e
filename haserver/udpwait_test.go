package haserver

import (
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// udpLoopForTest is a loop on a free port, and a socket that sends to it.
func udpLoopForTest(t *testing.T) (*udpLoop, func(text string)) {
	t.Helper()
	sock, err := openUDP(netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sock.close)
	at, err := unix.Getsockname(sock.fd)
	if err != nil {
		t.Fatal(err)
	}
	from, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(from) })
	s := &Server{busy: make(chan struct{}, 1)}
	return newUDPLoop(s, sock, newWorkerForLoop(s)), func(text string) {
		if err := unix.Sendto(from, []byte(text), 0, at); err != nil {
			t.Error(err)
		}
	}
}

func newWorkerForLoop(s *Server) *worker { return &worker{s: s, count: &counters{}} }

// TestLoopWaitsByThePollerOnlyWhenSqueezed: "something is answered beside the loop and the runtime has no slot for it". A message is
// read either way, whether it was there before the loop looked or comes later, and none is lost where the way changes.
func TestLoopWaitsByThePollerOnlyWhenSqueezed(t *testing.T) {
	l, send := udpLoopForTest(t)
	for i, c := range []struct{ under, slot, armed, late bool }{
		{},
		{under: true, armed: true},
		{under: true, armed: true, late: true},
		{under: true, armed: true},
		{},
		{late: true},
		{under: true, slot: true},
		{under: true, armed: true, late: true},
		{under: true, slot: true, late: true},
	} {
		if c.under {
			l.s.busy <- struct{}{}
		}
		l.s.slot.Store(c.slot)
		sent := make(chan struct{})
		if c.late {
			go func() { send("late"); close(sent) }()
		} else {
			send("early")
			close(sent)
		}
		if err := l.receive(); err != nil || l.errno != 0 || l.received != 1 {
			t.Fatalf("step %d: read %d messages, errno %v, error %v", i, l.received, l.errno, err)
		}
		<-sent
		if l.poll.armed != c.armed {
			t.Errorf("step %d: the poller watches: %v, want %v", i, l.poll.armed, c.armed)
		}
		if c.under {
			<-l.s.busy
		}
	}
}

// TestStopEndsEitherWait: a loop ends when its socket is stopped, wherever it waits: in the system call or, squeezed, by the poller.
func TestStopEndsEitherWait(t *testing.T) {
	for state, squeezed := range map[string]bool{"syscall": false, "IO wait": true} {
		l, _ := udpLoopForTest(t)
		if squeezed {
			l.s.busy <- struct{}{}
		}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			l.run()
		}()
		found := ""
		eventually(t, "the loop waits: "+state, func() bool {
			found = goroutineOf("TestStopEndsEitherWait.func1")
			return strings.Contains(found, "["+state) && strings.Contains(found, "udpLoop).run(")
		}, func() string { return found })
		l.stop()
		select {
		case <-ended:
		case <-time.After(patience):
			t.Fatalf("the loop goes on: %s", goroutineOf("TestStopEndsEitherWait.func1"))
		}
	}
}

// goroutineOf is the state and the stack of the goroutine that runs a function; "" when there is none.
func goroutineOf(function string) string {
	buf := make([]byte, 1<<20)
	for g := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		if strings.Contains(g, function+"(") {
			return g
		}
	}
	return ""
}
