package beside

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"loadshare/dhcp/lease"
)

// samples are frames of every type.
func samples() [][]byte {
	var out [][]byte
	out = append(out, encodeTold([]told{digestOf(&Told{Client: client(1), XID: 5, Scope: "voice", Seconds: 60, Options: voice(nil).Options})})...)
	out = append(out, encodeRelays(100, []relayAgo{{1, 2}, {3, 4}})...)
	out = append(out, encodeWaiting([]Waiter{waits(1, 20)})...)
	out = append(out, encodeServed([]servedOne{{1, 2}})...)
	out = append(out, encodeOutage(100, []Affected{{client(1), 7, Waited, 20, 3600}})...)
	out = append(out, encodeDigest(kindDigest, [32]byte{1}), encodeDigest(kindWant, [32]byte{2}))
	return append(out, encodeSummary([32]byte{3}, []byte("words"))...)
}

// encode is decode backwards.
func encode(m any) []byte {
	var out [][]byte
	switch f := m.(type) {
	case toldFrame:
		out = encodeTold(f.list)
	case relayFrame:
		out = encodeRelays(f.listening, f.list)
	case waitingFrame:
		out = encodeWaiting(f.list)
	case servedFrame:
		out = encodeServed(f.list)
	case outageFrame:
		out = encodeOutage(f.lasted, f.list)
	case digestFrame:
		return encodeDigest(kindDigest, f.digest)
	case wantFrame:
		return encodeDigest(kindWant, f.digest)
	}
	return bytes.Join(out, nil)
}

var unexported = cmp.AllowUnexported(toldFrame{}, told{}, optionDigest{}, relayFrame{}, relayAgo{}, waitingFrame{}, servedFrame{}, servedOne{}, outageFrame{},
	digestFrame{}, wantFrame{}, summaryFrame{})

func TestFramesAreReadBack(t *testing.T) {
	for _, f := range samples() {
		m, err := decode(f)
		if err != nil {
			t.Fatalf("%x: %v", f, err)
		}
		if _, words := m.(summaryFrame); !words && !bytes.Equal(encode(m), f) {
			t.Errorf("%x: %+v", f, m)
		}
		for n := range f { // a frame that is cut short is none; so is one with more
			if _, err := decode(f[:n]); err == nil {
				t.Errorf("%x, cut after %d, is taken", f, n)
			}
		}
		if _, err := decode(append(bytes.Clone(f), 0)); err == nil {
			t.Errorf("%x with an octet more is taken", f)
		}
	}
}

// A frame of a later version, or of a type that this one does not know, is passed over and does no harm.
func TestOtherVersions(t *testing.T) {
	m := New("main", "backup", Now{})
	m.Step(Now{}, Connected{})
	for n, frame := range [][]byte{{0xff, 0xff, 2, 1, 0, 0}, {0xff, 0xff, 1, 99}, {0xff, 0xff, 1, 1}, {0xff, 0xff, '{', '}'}, {0, 12, 11, 12}} {
		if out := m.Step(Now{}, Received{frame}); len(out.Send) > 0 && n > 0 || m.Passed() != uint64(n+1) {
			t.Errorf("%x: %+v, passed over %d", frame, out, m.Passed())
		}
	}
	if Is([]byte{0xff, 0xff, '{', '"'}) || Is([]byte{0, 12, 11, 12}) {
		t.Error("what is not of this package is taken for a frame of it")
	}
}

// Lists of any length go in frames of a bounded length and come back whole.
func TestLongLists(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOfN(rapid.Rune(), 0, 60, 255)
		list := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Waiter {
			return Waiter{
				Client: lease.Client{ID: text.Draw(t, "id"), HType: rapid.Byte().Draw(t, "type"), CHAddr: text.Draw(t, "hw")}, Relay: lease.IP(rapid.Uint32().Draw(t, "relay")),
				Waited: rapid.Uint32().Draw(t, "waited"), Quiet: rapid.Uint32().Draw(t, "quiet"), Tries: rapid.Uint32().Draw(t, "tries"), Why: text.Draw(t, "why"),
			}
		}), 0, 300).Draw(t, "list")
		var got []Waiter
		for i, f := range encodeWaiting(list) {
			m, err := decode(f)
			w, ok := m.(waitingFrame)
			if err != nil || !ok || w.first != (i == 0) || len(f) > MaxFrame {
				t.Fatalf("%d octets: %+v %v", len(f), m, err)
			}
			got = append(got, w.list...)
		}
		if len(got) != len(list) || len(list) > 0 && !cmp.Equal(got, list) {
			t.Fatal(cmp.Diff(list, got))
		}
	})
}

func FuzzDecode(f *testing.F) {
	for _, s := range samples() {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := decode(b)
		if err != nil {
			return
		}
		if again := encode(m); again != nil {
			back, err := decode(again)
			if err != nil {
				return // it became several frames
			}
			first := cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".first" || p.Last().String() == ".served" }, cmp.Ignore())
			if diff := cmp.Diff(m, back, unexported, first); diff != "" && len(again) < MaxFrame-2048 {
				t.Fatal(diff)
			}
		}
		// No frame brings the machine down, or makes it answer without end.
		w := New("main", "backup", Now{})
		w.Step(Now{}, Connected{})
		w.Step(Now{}, Configured{summary("10.0.0.1")})
		if out := w.Step(Now{Mono: 1}, Received{b}); len(out.Send) > 16 {
			t.Fatalf("%d frames for one", len(out.Send))
		}
		w.Unserved()
		w.Relays()
		w.Outage()
	})
}
