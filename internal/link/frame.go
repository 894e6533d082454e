package link

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// MaxFrame is the largest frame, in bytes.
const MaxFrame = 1 << 20

const (
	headSize   = 4
	firstAlloc = 4 << 10 // memory given to a frame before any of it has arrived
)

var (
	errFrameSize  = fmt.Errorf("frames have 1 to %d bytes", MaxFrame)
	errFrameAhead = fmt.Errorf("the other end announced a frame of more than %d bytes", MaxFrame)
)

// frameReader reads frames. It keeps what has arrived when a read fails, so a
// read that timed out can be taken up again. Memory grows with the bytes that
// arrive, never with the length announced.
type frameReader struct {
	limit int // largest frame accepted
	head  [headSize]byte
	nHead int
	body  []byte // what has arrived of the frame
}

// next returns the next frame, empty for a keep-alive. The slice is the caller's.
func (f *frameReader) next(r io.Reader) ([]byte, error) {
	for f.nHead < headSize {
		n, err := r.Read(f.head[f.nHead:])
		f.nHead += n
		if err != nil && f.nHead < headSize {
			return nil, unexpected(err, f.nHead > 0)
		}
	}
	want := int64(binary.BigEndian.Uint32(f.head[:]))
	if want > int64(f.limit) {
		return nil, errFrameAhead
	}
	for len(f.body) < int(want) {
		f.grow(int(want))
		n, err := r.Read(f.body[len(f.body):cap(f.body)])
		f.body = f.body[:len(f.body)+n]
		if err != nil && len(f.body) < int(want) {
			return nil, unexpected(err, true)
		}
	}
	frame := f.body
	f.nHead, f.body = 0, nil
	return frame, nil
}

// grow makes room for more of a frame of want bytes: at most twice what has
// arrived, and never room beyond the frame.
func (f *frameReader) grow(want int) {
	if len(f.body) < cap(f.body) {
		return
	}
	size := min(want, max(firstAlloc, 2*len(f.body)))
	f.body = append(make([]byte, 0, size), f.body...)
}

// unexpected tells an end within a frame from an end between frames.
func unexpected(err error, within bool) error {
	if within && errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// appendFrame appends the frame's length and contents.
func appendFrame(dst, frame []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(frame)))
	return append(dst, frame...)
}
