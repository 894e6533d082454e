package probes

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// maxHead is the most bytes of status line and header fields that are read.
const maxHead = 32 << 10

// answer reads an HTTP/1.x response (RFC 9112) from pieces of any size. Interim 1xx responses are passed over. At
// most maxAnswer bytes of the body are kept.
type answer struct {
	noBody   bool   // of a HEAD request: no body follows, whatever the header says
	status   int    // of the final response, when headDone
	body     []byte // decoded; may be handed in with length 0 to be used
	complete bool   // the body came to its end
	full     bool   // maxAnswer bytes of body are there, more is thrown away

	state    answerState
	line     []byte // the part of a line that came so far
	first    []byte // the status line of the latest response, for the report
	headSize int
	left     int64 // bytes of body, or of the chunk, still to come
	length   int64 // Content-Length; -1 when there is none
	chunked  bool
	otherTE  bool // a Transfer-Encoding that does not end in chunked: the body ends with the connection
}

type answerState uint8

const (
	inStatus    answerState = iota // before the end of the status line
	inHeader                       // before the empty line
	inBody                         // in a body of known length
	inBodyToEOF                    // in a body that ends with the connection
	inChunkSize                    // before the end of a chunk-size line
	inChunk                        // in a chunk
	inChunkEnd                     // before the line end after a chunk
	inTrailer                      // before the empty line after the last chunk
	done
)

func (r *answer) headDone() bool { return r.state >= inBody }

// head is the status line as far as it came.
func (r *answer) head() []byte {
	if r.first == nil {
		return r.line
	}
	return r.first
}

// feed takes the next bytes of the connection. It keeps none of p.
func (r *answer) feed(p []byte) error {
	for len(p) > 0 && r.state != done {
		switch r.state {
		case inBody, inChunk:
			n := int(min(int64(len(p)), r.left))
			r.keep(p[:n])
			p = p[n:]
			if r.left -= int64(n); r.left == 0 {
				r.bodyPartDone()
			}
		case inBodyToEOF:
			r.keep(p)
			return nil
		default:
			i := bytes.IndexByte(p, '\n')
			if r.headSize += len(p[:i+1]); i < 0 {
				r.headSize += len(p)
			}
			if r.headSize > maxHead {
				return errors.New("more than 32 KiB of header")
			}
			if i < 0 {
				r.line = append(r.line, p...)
				return nil
			}
			line := p[:i]
			if len(r.line) > 0 {
				r.line = append(r.line, line...)
				line = r.line
			}
			p = p[i+1:]
			err := r.takeLine(bytes.TrimSuffix(line, []byte("\r")))
			r.line = r.line[:0]
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// eof says that the connection ended in order: that completes a body without a length.
func (r *answer) eof() {
	if r.state == inBodyToEOF {
		r.finish()
	}
}

func (r *answer) finish() { r.state, r.complete = done, true }

func (r *answer) keep(p []byte) {
	if room := maxAnswer - len(r.body); len(p) >= room {
		p, r.full = p[:room], true
	}
	r.body = append(r.body, p...)
}

func (r *answer) bodyPartDone() {
	if r.state == inBody {
		r.finish()
		return
	}
	r.state = inChunkEnd
}

func (r *answer) takeLine(line []byte) error {
	switch r.state {
	case inStatus:
		return r.takeStatus(line)
	case inHeader:
		if len(line) == 0 {
			return r.endHead()
		}
		return r.takeField(line)
	case inChunkSize:
		return r.takeChunkSize(line)
	case inChunkEnd:
		if len(line) != 0 {
			return errors.New("a chunk is longer than its size")
		}
		r.state, r.headSize = inChunkSize, 0
	case inTrailer:
		if len(line) == 0 {
			r.finish()
		}
	case inBody, inBodyToEOF, inChunk, done: // these take no lines
	}
	return nil
}

// takeStatus reads "HTTP/1.1 200 OK"; the reason phrase and the blank before it may be missing.
func (r *answer) takeStatus(line []byte) error {
	r.first = append(r.first[:0], line[:min(len(line), MaxGot)]...)
	if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.")) || line[8] != ' ' || !isDigits(string(line[7:8])) ||
		!isDigits(string(line[9:12])) || len(line) > 12 && line[12] != ' ' {
		return errors.New("the answer is not HTTP/1")
	}
	r.status, _ = strconv.Atoi(string(line[9:12]))
	if r.status < 100 || r.status > 599 {
		return fmt.Errorf("status %d does not exist", r.status)
	}
	r.state, r.length, r.chunked, r.otherTE = inHeader, -1, false, false
	return nil
}

// takeField reads the two header fields that say where the body ends (RFC 9112 6.3).
func (r *answer) takeField(line []byte) error {
	name, value, ok := bytes.Cut(line, []byte(":"))
	if !ok {
		if line[0] == ' ' || line[0] == '\t' {
			return nil // an old continuation line; none of the fields we read has one
		}
		return errors.New("a header line has no colon")
	}
	switch {
	case equalFold(name, "content-length"):
		n, err := strconv.ParseUint(string(bytes.TrimSpace(value)), 10, 63)
		if err != nil {
			return errors.New("the Content-Length is no number")
		}
		if r.length >= 0 && r.length != int64(n) {
			return errors.New("two Content-Lengths that differ")
		}
		r.length = int64(n)
	case equalFold(name, "transfer-encoding"):
		v := strings.ToLower(string(bytes.TrimSpace(value)))
		r.chunked = v == "chunked" || strings.HasSuffix(v, ",chunked") || strings.HasSuffix(v, " chunked")
		r.otherTE = !r.chunked
	}
	return nil
}

func equalFold(b []byte, lower string) bool {
	return len(b) == len(lower) && strings.EqualFold(string(b), lower)
}

// endHead decides what follows the empty line.
func (r *answer) endHead() error {
	switch {
	case r.status == 101:
		return errors.New("the server changes to another protocol unasked")
	case r.status < 200:
		r.state = inStatus
	case r.noBody, r.status == 204, r.status == 304:
		r.finish()
	case r.chunked:
		r.state, r.headSize = inChunkSize, 0
	case r.otherTE, r.length < 0:
		r.state = inBodyToEOF
	case r.length == 0:
		r.finish()
	default:
		r.state, r.left = inBody, r.length
	}
	return nil
}

func (r *answer) takeChunkSize(line []byte) error {
	size, _, _ := bytes.Cut(line, []byte(";"))
	size = bytes.TrimSpace(size)
	n, err := strconv.ParseUint(string(size), 16, 64)
	if err != nil || n > math.MaxInt64 || size[0] == '+' {
		return errors.New("a chunk size is no number")
	}
	r.left, r.state = int64(n), inChunk
	if n == 0 {
		r.state, r.headSize = inTrailer, 0
	}
	return nil
}
