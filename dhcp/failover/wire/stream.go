package wire

import "encoding/binary"

// Stream cuts what comes from a TCP connection into messages. The zero value is ready. It keeps at most one incomplete message.
type Stream struct{ buf []byte }

// Feed takes the next octets and hands each complete message to take, in order; the octets are valid until take returns. It ends
// at the first error: a length that cannot be, or take's. After an error the connection must be closed.
func (s *Stream) Feed(b []byte, take func(message []byte) error) error {
	for len(b) > 0 {
		if len(s.buf) == 0 { // no copy of what is whole
			n, err := need(b)
			if err != nil {
				return err
			}
			if n > 0 && n <= len(b) {
				if err := take(b[:n]); err != nil {
					return err
				}
				b = b[n:]
				continue
			}
		}
		want := 2 - len(s.buf)
		if want <= 0 {
			n, err := need(s.buf)
			if err != nil {
				return err
			}
			want = n - len(s.buf)
		}
		k := min(want, len(b))
		s.buf = append(s.buf, b[:k]...)
		b = b[k:]
		n, err := need(s.buf)
		if err != nil {
			return err
		}
		if n > 0 && len(s.buf) == n {
			err := take(s.buf)
			s.buf = s.buf[:0]
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// Pending is the number of octets of an incomplete message.
func (s *Stream) Pending() int { return len(s.buf) }

// need is the length of the message that begins with b; 0 while it is not known.
func need(b []byte) (int, error) {
	if len(b) < 2 {
		return 0, nil
	}
	n := int(binary.BigEndian.Uint16(b))
	if n < MinLen || n > MaxLen {
		return 0, &Error{Fault: BadLength}
	}
	return n, nil
}
