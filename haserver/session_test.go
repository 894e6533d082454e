package haserver

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"loadshare/haserver/pairmsg"
	"loadshare/internal/config"
	"loadshare/internal/link"
)

func framed(m pairmsg.Message) []byte {
	b := pairmsg.Encode(m)
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...)
}

// Messages may begin and end anywhere in the frames.
func TestSplitterTakesAnyCut(t *testing.T) {
	want := []pairmsg.Message{
		pairmsg.Unfit{Why: "disk"}, pairmsg.SwapAsk{Epoch: 7, Reason: strings.Repeat("long ", 100)}, pairmsg.Unfit{}, pairmsg.UpdateReply{Through: 1, Seq: 2},
	}
	var stream []byte
	for _, m := range want {
		stream = append(stream, framed(m)...)
	}
	for _, size := range []int{1, 2, 3, 5, 100, len(stream)} {
		var in splitter
		var got []pairmsg.Message
		for rest := stream; len(rest) > 0; {
			n := min(size, len(rest))
			in.add(bytes.Clone(rest[:n]))
			rest = rest[n:]
			for {
				m, _, err := in.next(maxMessage)
				if err != nil {
					t.Fatal(err)
				}
				if m == nil {
					break
				}
				got = append(got, m)
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("cut into %d octets:\n%s", size, d)
		}
		if len(in.rest) != 0 {
			t.Errorf("cut into %d octets: %d are left", size, len(in.rest))
		}
	}
}

// An announced length is believed only as far as it has arrived, and not over the limit.
func TestSplitterBoundsMessages(t *testing.T) {
	var in splitter
	in.add(binary.BigEndian.AppendUint32(nil, maxMessage))
	if m, _, err := in.next(maxMessage); m != nil || err != nil || cap(in.rest) > 64 {
		t.Errorf("%v %v %d", m, err, cap(in.rest))
	}
	in = splitter{}
	in.add(binary.BigEndian.AppendUint32(nil, maxMessage+1))
	if _, _, err := in.next(maxMessage); err == nil {
		t.Error("accepted")
	}
}

// FuzzSplitter: no octets make it panic, or take in more than there are.
func FuzzSplitter(f *testing.F) {
	f.Add(append(framed(pairmsg.Unfit{Why: "x"}), framed(pairmsg.SettingsAsk{ID: 1})...), 3)
	f.Add([]byte{0, 0, 0, 0}, 1)
	f.Add([]byte{255, 255, 255, 255}, 2)
	f.Fuzz(func(t *testing.T, stream []byte, cut int) {
		cut = min(max(cut, 0), len(stream))
		var in splitter
		taken := 0
		for _, frame := range [][]byte{bytes.Clone(stream[:cut]), bytes.Clone(stream[cut:])} {
			in.add(frame)
			for {
				m, n, err := in.next(maxMessage)
				if err != nil {
					return
				}
				if m == nil {
					break
				}
				taken += 4 + n
			}
		}
		if taken+len(in.rest) != len(stream) {
			t.Fatalf("%d octets were taken and %d are left of %d", taken, len(in.rest), len(stream))
		}
	})
}

// linked are two ends of one connection.
func linked(t *testing.T) (a, b *link.Conn) {
	t.Helper()
	auth, err := link.KeyAuth(config.NewKey("pair"))
	if err != nil {
		t.Fatal(err)
	}
	ln, err := link.Listen(netip.MustParseAddrPort("127.0.0.1:0"), auth, link.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	a, err = link.Dial(t.Context(), ln.Addr(), auth)
	if err != nil {
		t.Fatal(err)
	}
	b, err = ln.Accept(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b
}

// Small messages share frames, large ones are cut into several; all arrive in order.
func TestSessionKeepsOrder(t *testing.T) {
	a, b := linked(t)
	s := newSession(1, true, a)
	for i := range 2000 {
		if !s.put(pairmsg.Encode(pairmsg.UpdateReply{Through: uint64(i)})) {
			t.Fatal("the session ended")
		}
	}
	large := pairmsg.Forward{Wire: bytes.Repeat([]byte("x"), 3<<20)}
	s.put(pairmsg.Encode(large))
	s.put(pairmsg.Encode(pairmsg.UpdateReply{Through: 2000}))
	go s.sendAll()
	var in splitter
	frames := 0
	for next := uint64(0); next <= 2000; {
		m, _, err := in.next(maxMessage)
		if err != nil {
			t.Fatal(err)
		}
		switch m := m.(type) {
		case nil:
			frame, err := b.Receive(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			frames++
			in.add(frame)
		case pairmsg.UpdateReply:
			if m.Through != next {
				t.Fatalf("%d came instead of %d", m.Through, next)
			}
			next++
		case pairmsg.Forward:
			if next != 2000 || !bytes.Equal(m.Wire, large.Wire) {
				t.Fatalf("the large message came after %d, with %d octets", next, len(m.Wire))
			}
		}
	}
	if frames > 50 {
		t.Errorf("%d frames", frames)
	}
	if !s.await(0) {
		t.Error("the session ended")
	}
	s.close()
	if s.put([]byte{1}) || s.await(0) {
		t.Error("a session that has ended takes messages")
	}
}

// Who does not take what it is sent is cut off; whoever waits for room hears of it.
func TestSessionIsBounded(t *testing.T) {
	a, _ := linked(t)
	s := newSession(1, true, a) // nothing is sent
	half := make([]byte, maxQueued/2)
	if first, second := s.put(half), s.put(half); !first || !second {
		t.Fatal("the session ended too early")
	}
	waited := make(chan bool)
	go func() { waited <- s.await(streamAhead) }()
	if s.put([]byte{1}) {
		t.Error("more than the bound is queued")
	}
	if <-waited {
		t.Error("a stream goes on over a session that has ended")
	}
	if _, err := a.Receive(t.Context()); err == nil {
		t.Error("the connection is open")
	}
}
