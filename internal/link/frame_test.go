package link

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"testing"
	"testing/iotest"
)

func TestOversizeFrame(t *testing.T) {
	a := keyAuth(t, "k")
	ln, _ := listen(t, a, Limits{})
	client, server := pair(t, ln, a, defaultPace)
	if _, err := client.tls.Write(binary.BigEndian.AppendUint32(nil, MaxFrame+1)); err != nil {
		t.Fatal(err)
	}
	if _, err := server.Receive(ctxOf(t)); !errors.Is(err, errFrameAhead) {
		t.Errorf("receive: %v", err)
	}
}

// TestMemoryFollowsBytes: "reads allocate as bytes arrive (never by the
// announced length)".
func TestMemoryFollowsBytes(t *testing.T) {
	announced := binary.BigEndian.AppendUint32(nil, MaxFrame)
	for _, arrived := range []int{0, 1, 5000, 100_000} {
		fr := frameReader{limit: MaxFrame}
		_, err := fr.next(bytes.NewReader(append(announced[:4:4], make([]byte, arrived)...)))
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%d bytes: %v", arrived, err)
		}
		if limit := max(firstAlloc, 2*arrived); cap(fr.body) > limit {
			t.Errorf("%d bytes arrived, %d are allocated, want at most %d", arrived, cap(fr.body), limit)
		}
	}
}

func TestEndOfFrames(t *testing.T) {
	fr := frameReader{limit: 10}
	if _, err := fr.next(bytes.NewReader(nil)); !errors.Is(err, io.EOF) {
		t.Errorf("end between frames: %v", err)
	}
	if _, err := fr.next(bytes.NewReader([]byte{0})); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("end within a frame: %v", err)
	}
}

// interrupted is a reader that fails with a timeout after every byte.
type interrupted struct {
	r    io.Reader
	fail bool
}

func (i *interrupted) Read(p []byte) (int, error) {
	if i.fail = !i.fail; i.fail {
		return 0, os.ErrDeadlineExceeded
	}
	return i.r.Read(p[:1])
}

// FuzzFrames: however a stream is cut into reads, and however often a read
// times out, the same frames come out, none larger than the limit, and with no
// more memory than twice the bytes there are.
func FuzzFrames(f *testing.F) {
	f.Add(appendFrame(appendFrame(nil, []byte("one")), nil), uint16(100))
	f.Add([]byte{0, 0, 0, 9, 1, 2}, uint16(8))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff}, uint16(8))
	f.Fuzz(func(t *testing.T, stream []byte, limit uint16) {
		read := func(r io.Reader) (frames [][]byte, err error) {
			fr := frameReader{limit: int(limit)}
			for {
				frame, err := fr.next(r)
				if errors.Is(err, os.ErrDeadlineExceeded) {
					continue
				}
				if cap(fr.body) > max(firstAlloc, 2*len(stream)) {
					t.Fatalf("%d bytes allocated for %d", cap(fr.body), len(stream))
				}
				if err != nil {
					return frames, err
				}
				if len(frame) > int(limit) {
					t.Fatalf("a frame of %d bytes, the limit is %d", len(frame), limit)
				}
				frames = append(frames, frame)
			}
		}
		whole, wholeErr := read(bytes.NewReader(stream))
		var again []byte
		for _, frame := range whole {
			again = appendFrame(again, frame)
		}
		if !bytes.HasPrefix(stream, again) {
			t.Fatal("the frames are not what was in the stream")
		}
		for name, r := range map[string]io.Reader{
			"bytes":       iotest.OneByteReader(bytes.NewReader(stream)),
			"data+err":    iotest.DataErrReader(bytes.NewReader(stream)),
			"interrupted": &interrupted{r: bytes.NewReader(stream)},
		} {
			frames, err := read(r)
			if len(frames) != len(whole) || !errors.Is(err, wholeErr) {
				t.Fatalf("%s: %d frames and %v, at once %d and %v", name, len(frames), err, len(whole), wholeErr)
			}
			for i := range frames {
				if !bytes.Equal(frames[i], whole[i]) {
					t.Fatalf("%s: frame %d differs", name, i)
				}
			}
		}
	})
}
