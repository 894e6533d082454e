package probes

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
)

// httpCheck is a compiled HTTPSpec. The client is our own because net/http costs many times the check itself; it
// does one request a connection, follows nothing, stores nothing.
type httpCheck struct {
	before, after  []byte // the request, around the Host value
	host           string // "" is the address
	status         []int
	expect, reject pattern
	noBody         bool // the method is HEAD
	sec            *secure
}

func compileHTTP(s *Spec) (func(*attempt), []SpecError) {
	h := s.HTTP
	c := &httpCheck{host: h.Host, status: slices.Clone(h.Status), noBody: h.Method == "HEAD"}
	errs := validateHTTP(h)
	var more []SpecError
	c.expect, more = compilePattern("expect", h.Expect)
	errs = append(errs, more...)
	c.reject, more = compilePattern("reject", h.Reject)
	errs = append(errs, more...)
	c.sec, more = compileSecure(s, s.TLS, []string{"http/1.1"})
	errs = append(errs, more...)

	method, path := h.Method, h.Path
	if method == "" {
		method = "GET"
	}
	if path == "" {
		path = "/"
	}
	c.before = []byte(method + " " + path + " HTTP/1.1\r\nHost: ")
	after := "\r\n"
	for _, f := range defaultHeaders(h.Headers) {
		after += f.Name + ": " + f.Value + "\r\n"
	}
	c.after = []byte(after + "\r\n")
	return c.look, errs
}

// defaultHeaders puts ours before the given ones, unless they are given.
func defaultHeaders(given []Header) []Header {
	out := []Header{{"Connection", "close"}}
	for _, ours := range []Header{{"User-Agent", "loadshare"}, {"Accept", "*/*"}} {
		if !slices.ContainsFunc(given, func(h Header) bool { return strings.EqualFold(h.Name, ours.Name) }) {
			out = append(out, ours)
		}
	}
	return append(out, given...)
}

func validateHTTP(h HTTPSpec) (errs []SpecError) {
	if h.Method != "" && !isToken(h.Method) {
		errs = append(errs, SpecError{"method", strconv.Quote(h.Method), "a method like GET or HEAD"})
	}
	if h.Path != "" && (h.Path[0] != '/' || !isVisible(h.Path)) {
		errs = append(errs, SpecError{"path", strconv.Quote(h.Path), "a path from / on, without blanks"})
	}
	if h.Host != "" && !isVisible(h.Host) {
		errs = append(errs, SpecError{"host", strconv.Quote(h.Host), "a host name or address"})
	}
	for _, f := range h.Headers {
		switch {
		case !isToken(f.Name) || strings.ContainsAny(f.Value, "\r\n\x00"):
			errs = append(errs, SpecError{"headers", strconv.Quote(f.Name + ": " + f.Value), "a name and a value of one line"})
		case slices.Contains([]string{"host", "connection", "content-length", "transfer-encoding"}, strings.ToLower(f.Name)):
			errs = append(errs, SpecError{"headers", strconv.Quote(f.Name), "any but Host (see host), Connection and those of a body"})
		}
	}
	for _, st := range h.Status {
		if st < 200 || st > 599 {
			errs = append(errs, SpecError{"status", strconv.Itoa(st), "numbers from 200 to 599"})
		}
	}
	return errs
}

func isToken(s string) bool {
	ok := func(r rune) bool {
		return r > ' ' && r < 0x7f && !strings.ContainsRune(`()<>@,;:\"/[]?={}`, r)
	}
	return s != "" && strings.IndexFunc(s, func(r rune) bool { return !ok(r) }) < 0
}

func isVisible(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f }) < 0
}

func (c *httpCheck) look(a *attempt) {
	t := a.open(true)
	if t == nil {
		return
	}
	defer t.close()
	if c.sec != nil && !c.sec.upgrade(t) {
		return
	}
	// The request is put together in the buffer that then takes the answer.
	req := append(t.buf, c.before...)
	req = c.appendHost(req, a.addr)
	req = append(req, c.after...)
	if t.write(req) {
		c.read(t)
	}
}

func (c *httpCheck) appendHost(req []byte, addr netip.AddrPort) []byte {
	if c.host != "" {
		return append(req, c.host...)
	}
	ip := addr.Addr().WithZone("")
	if addr.Port() == 80 && c.sec == nil || addr.Port() == 443 && c.sec != nil {
		if ip.Is4() {
			return ip.AppendTo(req)
		}
		return append(append(append(req, '['), ip.String()...), ']')
	}
	return netip.AddrPortFrom(ip, addr.Port()).AppendTo(req)
}

// read takes the answer until it is decided, and ends the attempt.
func (c *httpCheck) read(t *talk) {
	j := newJudge(c.expect, c.reject)
	r := answer{noBody: c.noBody, body: t.buf[:0]}
	in, _ := buffers.Get().(*[]byte)
	defer buffers.Put(in)
	headSeen := false
	for {
		n, readErr := t.conn.Read(*in)
		if n > 0 {
			t.a.sawByte()
		}
		if err := r.feed((*in)[:n]); err != nil {
			t.a.end(ReasonProtocol, err.Error(), r.head())
			return
		}
		if errors.Is(readErr, io.EOF) || errors.Is(readErr, io.ErrUnexpectedEOF) { // the latter: TLS without a close_notify
			r.eof()
		}
		if r.headDone() && !headSeen {
			headSeen = true
			if !c.accepts(r.status) {
				t.a.end(ReasonStatus, fmt.Sprintf("status %d, accepted is %s", r.status, c.accepted()), r.head())
				return
			}
			if !c.expect.set() && !c.reject.set() {
				t.a.keep(r.head())
				t.a.succeed()
				return
			}
		}
		if headSeen && c.judge(t.a, &r, &j) {
			return
		}
		if readErr != nil {
			c.endEarly(t.a, &r, readErr)
			return
		}
	}
}

// judge looks at the body so far and says whether that ended the attempt.
func (c *httpCheck) judge(a *attempt, r *answer, j *judge) bool {
	last := r.complete || r.full
	switch v, end := j.look(r.body, last); v {
	case rejected:
		a.end(ReasonRejected, "the body has "+c.reject.String(), around(r.body, end))
		return true
	case matched:
		// What must not be there may still come: a reject wants the whole body.
		if c.reject.set() && !last {
			return false
		}
		a.keep(around(r.body, end))
		a.succeed()
		return true
	case undecided:
	}
	switch {
	case !last:
		return false
	case c.expect.set():
		a.end(ReasonMismatch, fmt.Sprintf("status %d, but no %s in %d bytes of body", r.status, c.expect, len(r.body)), r.body)
	default:
		a.keep(r.head())
		a.succeed()
	}
	return true
}

// endEarly ends the attempt when the connection ended before the answer did.
func (c *httpCheck) endEarly(a *attempt, r *answer, err error) {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded) && r.headDone():
		a.end(ReasonTimeout, fmt.Sprintf("status %d, but no complete body in %v", r.status, a.spec.Timeout), r.body)
	case errors.Is(err, io.EOF) && r.headDone():
		a.end(ReasonClosed, "the body ended early", r.body)
	case errors.Is(err, io.EOF) && len(r.head()) > 0:
		a.end(ReasonClosed, "the answer ended in its header", r.head())
	default:
		a.endErr(stageTalk, err, r.head())
	}
}

func (c *httpCheck) accepts(status int) bool {
	if len(c.status) == 0 {
		return status >= 200 && status < 400
	}
	return slices.Contains(c.status, status)
}

func (c *httpCheck) accepted() string {
	if len(c.status) == 0 {
		return "200 to 399"
	}
	return strings.Trim(fmt.Sprint(c.status), "[]")
}
