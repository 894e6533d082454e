package probes

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"regexp"
	"testing"
	"unicode/utf8"
)

// FuzzHTTPAnswer: the reader comes to the same whatever the pieces, and to what net/http comes to where both accept.
func FuzzHTTPAnswer(f *testing.F) {
	for _, s := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nT: x\r\n\r\n",
		"HTTP/1.0 404 Not Found\n\nno length",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nxx",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
		"HTTP/1.0 200 \nTrAnsfer-EnCoding:Chunked\n\n0\n\n",
	} {
		f.Add([]byte(s), 3, false)
	}
	f.Fuzz(func(t *testing.T, b []byte, size int, head bool) {
		whole, pieces := answer{noBody: head}, answer{noBody: head}
		wholeErr := whole.feed(b)
		var piecesErr error
		size = 1 + (size&0xff+256)%256
		for rest := b; len(rest) > 0 && piecesErr == nil; {
			n := min(size, len(rest))
			piecesErr = pieces.feed(rest[:n])
			rest = rest[n:]
		}
		if (wholeErr == nil) != (piecesErr == nil) {
			t.Fatalf("whole: %v, in pieces of %d: %v", wholeErr, size, piecesErr)
		}
		if wholeErr != nil {
			return
		}
		whole.eof()
		pieces.eof()
		if whole.status != pieces.status || whole.complete != pieces.complete || !bytes.Equal(whole.body, pieces.body) {
			t.Fatalf("whole: %d %v %q, in pieces of %d: %d %v %q", whole.status, whole.complete, whole.body, size, pieces.status, pieces.complete, pieces.body)
		}
		if len(whole.body) > maxAnswer {
			t.Fatalf("%d bytes of body are kept", len(whole.body))
		}
		if !head && whole.complete && !whole.full {
			compareWithNetHTTP(t, b, &whole)
		}
	})
}

func compareWithNetHTTP(t *testing.T, b []byte, a *answer) {
	r := bufio.NewReader(bytes.NewReader(b))
	for {
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			return // stricter than we are
		}
		body, err := io.ReadAll(resp.Body)
		if resp.StatusCode < 200 && resp.StatusCode != 101 {
			continue
		}
		if resp.ProtoMinor == 0 && (a.chunked || a.otherTE) {
			return // faulty by RFC 9112 6.1; we believe the server, net/http does not
		}
		if err == nil && (resp.StatusCode != a.status || !bytes.Equal(body, a.body)) {
			t.Errorf("%q: we read %d %q, net/http reads %d %q", b, a.status, a.body, resp.StatusCode, body)
		}
		return
	}
}

// FuzzMatch: a pattern is found in pieces of an answer where it is found in the whole, and never elsewhere.
func FuzzMatch(f *testing.F) {
	f.Add([]byte("HTTP/1.0 200 OK\r\n\r\nhttpd is working\n"), "httpd is working", 7, false)
	f.Add([]byte("220 a\r\n"), `(?m)^[45]\d\d`, 1, true)
	f.Add([]byte("aaab"), "aab", 1, false)
	f.Fuzz(func(t *testing.T, b []byte, pat string, size int, isRegexp bool) {
		p := Pattern{Text: pat}
		if isRegexp {
			p = Pattern{Regexp: pat}
		}
		c, errs := compilePattern("expect", p)
		if len(errs) > 0 {
			if _, err := regexp.Compile(pat); err == nil {
				t.Errorf("%q is refused: %v", pat, errs)
			}
			return
		}
		if !c.set() {
			return
		}
		size = 1 + (size&0xff+256)%256
		find := finder{pattern: c}
		end, at := -1, 0
		for end < 0 && at < len(b) {
			at = min(at+size, len(b))
			end = find.find(b[:at], at == len(b))
		}
		if !isRegexp {
			want := bytes.Index(b, []byte(pat))
			if (want >= 0) != (end >= 0) || end >= 0 && end != want+len(pat) {
				t.Errorf("%q in %q by %d: ends at %d, want %d", pat, b, size, end, want+len(pat))
			}
		}
		if end > at || end >= 0 && len(around(b[:at], end)) > len(b) {
			t.Errorf("the match ends at %d of %d", end, at)
		}
		if end >= 0 {
			_ = around(b, end)
		}
	})
}

// FuzzPluginText: whatever a plugin prints, the sentence is one short, printable line.
func FuzzPluginText(f *testing.F) {
	f.Add([]byte("HTTP OK | time=1s\nmore"))
	f.Add([]byte("\xff\x00|\n"))
	f.Fuzz(func(t *testing.T, out []byte) {
		s := pluginText(out)
		if !utf8.ValidString(s) || len(s) > MaxGot || bytes.ContainsAny([]byte(s), "\n\r\x00|\x1b") {
			t.Errorf("pluginText(%q) = %q", out, s)
		}
	})
}
