package probes

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

func TestHTTPReasons(t *testing.T) {
	page := "HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\nhttpd is working\n"
	body := HTTPSpec{Expect: expect("httpd is working")}
	tests := []struct {
		name   string
		http   HTTPSpec
		server func(net.Conn)
		want   Reason
		got    string
	}{
		{"status only", HTTPSpec{}, answerHTTP(page), ReasonNone, "HTTP/1.1 200 OK"},
		{"status without a body, left open", HTTPSpec{}, say("HTTP/1.1 204 No Content\r\n\r\n"), ReasonNone, "HTTP/1.1 204"},
		{"fragment", body, answerHTTP(page), ReasonNone, "httpd is working"},
		{"fragment, server keeps the connection", body, say(page), ReasonNone, "httpd is working"},
		{"closed by the end of the body", body, answerHTTP("HTTP/1.0 200 OK\r\n\r\nhttpd is working"), ReasonNone, "httpd is working"},
		{"chunked", body, answerHTTP("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhttpd\r\nb\r\n is working\r\n0\r\nA: b\r\n\r\n"), ReasonNone, "httpd is working"},
		{"chunks broken off", HTTPSpec{Reject: expect("z")}, answerHTTP("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhttpd\r\n"), ReasonClosed, "httpd"},
		{"bad chunk size", body, answerHTTP("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), ReasonProtocol, "HTTP/1.1 200 OK"},
		{"100 and 103 first", body, answerHTTP("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + page), ReasonNone, "httpd is working"},
		{"no reason phrase, bare LF", body, answerHTTP("HTTP/1.1 200\nContent-Length: 16\n\nhttpd is working"), ReasonNone, "httpd is working"},
		{"redirect is accepted, not followed", HTTPSpec{}, answerHTTP("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n"), ReasonNone, "HTTP/1.1 302"},
		{"redirect where 200 is asked for", HTTPSpec{Status: []int{200, 204}}, answerHTTP("HTTP/1.1 302 Found\r\n\r\n"), ReasonStatus, "HTTP/1.1 302"},
		{"500 page with the fragment", body, answerHTTP("HTTP/1.1 500 Oops\r\n\r\nhttpd is working"), ReasonStatus, "HTTP/1.1 500 Oops"},
		{"500 where 500 is asked for", HTTPSpec{Status: []int{500}}, answerHTTP("HTTP/1.1 500 Oops\r\n\r\n"), ReasonNone, "HTTP/1.1 500 Oops"},
		{"reject after expect", HTTPSpec{Expect: expect("working"), Reject: expect("maintenance")}, answerHTTP("HTTP/1.1 200 OK\r\n\r\nworking, but in maintenance"), ReasonRejected, "working, but in maintenance"},
		{"reject that is not there", HTTPSpec{Reject: expect("maintenance")}, answerHTTP(page), ReasonNone, "HTTP/1.1 200 OK"},
		{"another page", body, answerHTTP("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nIt works!"), ReasonMismatch, "It works!"},
		{"body shorter than promised", body, answerHTTP("HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\nhttp"), ReasonClosed, "http"},
		{"head broken off", body, answerHTTP("HTTP/1.1 200 OK\r\nConte"), ReasonClosed, "HTTP/1.1 200 OK"},
		{"closed without a word", body, answerHTTP(""), ReasonClosed, ""},
		{"hangs", body, hang, ReasonTimeout, ""},
		{"hangs in the body", body, say("HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\nhttp"), ReasonTimeout, "http"},
		{"drips a head without end", body, drip("HTTP/1.1 200 OK "), ReasonTimeout, "H"},
		{"not HTTP", body, answerHTTP("SSH-2.0-OpenSSH_9.2\r\n"), ReasonProtocol, "SSH-2.0"},
		{"head longer than 32 KiB", body, answerHTTP("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 40<<10)), ReasonProtocol, "HTTP/1.1 200 OK"},
		{"huge body without the fragment", body, answerHTTP("HTTP/1.1 200 OK\r\n\r\n" + strings.Repeat("x", 200<<10)), ReasonMismatch, "xxx"},
		{"two lengths", body, answerHTTP("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx"), ReasonProtocol, "HTTP/1.1 200 OK"},
		{"unasked change of protocol", body, answerHTTP("HTTP/1.1 101 Switching\r\n\r\n"), ReasonProtocol, "HTTP/1.1 101"},
		{"HEAD has no body", HTTPSpec{Method: "HEAD", Reject: expect("x")}, say("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"), ReasonNone, "HTTP/1.1 200 OK"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			res := lookAt(t, Spec{Kind: HTTP, HTTP: tt.http, Timeout: timeoutOf(tt.want)}, serve(t, tt.server))
			want{tt.want, 0}.check(t, res)
			if !strings.HasPrefix(string(res.Got), tt.got) || len(res.Got) > MaxGot {
				t.Errorf("Got = %q, want %q… and at most %d bytes", res.Got, tt.got, MaxGot)
			}
		})
	}
}

// TestHTTPRequest: what a real server makes of our request.
func TestHTTPRequest(t *testing.T) {
	type seen struct{ method, uri, host, agent, extra string }
	var got seen
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = seen{r.Method, r.RequestURI, r.Host, r.UserAgent(), r.Header.Get("X-Extra")}
		_, _ = io.WriteString(w, strings.Repeat("padding ", 4000)+"the end")
	}))
	defer srv.Close()
	at := netip.MustParseAddrPort(strings.TrimPrefix(srv.URL, "http://"))

	spec := Spec{Kind: HTTP, HTTP: HTTPSpec{Path: "/health?full=1", Host: "www.mydomain.com", Headers: []Header{{"X-Extra", "yes"}}, Expect: expect("the end")}}
	want{ReasonNone, 0}.check(t, lookAt(t, spec, at))
	if w := (seen{"GET", "/health?full=1", "www.mydomain.com", "loadshare", "yes"}); got != w {
		t.Errorf("the server saw %+v, want %+v", got, w)
	}
	want{ReasonNone, 0}.check(t, lookAt(t, Spec{Kind: HTTP, HTTP: HTTPSpec{Headers: []Header{{"User-Agent", "me"}}}}, at))
	if w := (seen{"GET", "/", at.String(), "me", ""}); got != w {
		t.Errorf("the server saw %+v, want %+v", got, w)
	}
}
