package probes

import (
	"context"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func expect(s string) Pattern { return Pattern{Text: s} }

// TestF13 proves the three rules of the source as they stand: "we determine portnumber by checking the services
// file", "the request without \r\n", "the reply we expect (this may be a small fragment)".
func TestF13(t *testing.T) {
	sent := make(chan string, 1)
	smtp := func(c net.Conn) {
		_, _ = io.WriteString(c, "220 mail.mydomain.com ESMTP\r\n")
		b := make([]byte, 64)
		n, _ := c.Read(b)
		sent <- string(b[:n])
		sayAndClose("221 2.0.0 Bye\r\n")(c)
	}
	pop3 := func(c net.Conn) {
		_, _ = io.WriteString(c, "+OK ready\r\n")
		sayAndClose("+OK bye\r\n")(c)
	}
	tests := []struct {
		service, send, expect string
		server                func(net.Conn)
	}{
		{"http", "GET /robots.txt HTTP/1.0", "httpd is working", answerHTTP("HTTP/1.1 200 OK\r\n\r\n# httpd is working\n")},
		{"smtp", "QUIT", "220", smtp},
		{"pop3", "QUIT", "OK", pop3},
	}
	for _, tt := range tests {
		t.Run(tt.service, func(t *testing.T) {
			s := Spec{Service: tt.service, Steps: []Step{{Send: tt.send, Expect: expect(tt.expect)}}}
			res := lookAt(t, s, serve(t, tt.server))
			want{ReasonNone, 1}.check(t, res)
			if tt.service == "smtp" {
				if got := <-sent; got != "QUIT\r\n" {
					t.Errorf("the server got %q, want QUIT and CRLF", got)
				}
			}
			if !strings.Contains(string(res.Got), tt.expect) {
				t.Errorf("Got = %q, want the line with %q", res.Got, tt.expect)
			}
			if res.Connect <= 0 || res.FirstByte < res.Connect || res.Total < res.FirstByte {
				t.Errorf("times are not in order: connect %v, first byte %v, total %v", res.Connect, res.FirstByte, res.Total)
			}
		})
	}
}

func TestTCPReasons(t *testing.T) {
	web := []Step{{Send: "GET / HTTP/1.0", Expect: expect("working"), Reject: expect("500 ")}}
	tests := []struct {
		name   string
		spec   Spec
		server func(net.Conn)
		want   want
		got    string
	}{
		{"connect only", Spec{}, hang, want{ReasonNone, 0}, ""},
		{"accepts and hangs", Spec{Steps: web}, hang, want{ReasonTimeout, 1}, ""},
		{"drips the wrong bytes", Spec{Steps: web, Timeout: short}, drip("x\n"), want{ReasonMismatch, 1}, "x"},
		{"drips the right bytes", Spec{Steps: web}, drip("working "), want{ReasonNone, 1}, "working"},
		{"resets", Spec{Banner: new(true)}, reset, want{ReasonClosed, 0}, ""},
		{"closes without a word", Spec{Banner: new(true)}, func(net.Conn) {}, want{ReasonClosed, 0}, ""},
		{"another answer, then closed", Spec{Steps: web}, answerHTTP("HTTP/1.0 404 Not Found\r\n\r\n"), want{ReasonMismatch, 1}, "HTTP/1.0 404"},
		// A fragment can stand on an error page too: reject wins (traps of the source).
		{"error page with the fragment", Spec{Steps: web}, answerHTTP("HTTP/1.0 500 Oops\r\n\r\nhttpd is not working\r\n"), want{ReasonRejected, 1}, "HTTP/1.0 500 Oops"},
		{"greeting 220", Spec{Service: "smtp", Steps: []Step{{Expect: expect("220")}}}, say("220 hello\r\n"), want{ReasonNone, 1}, "220 hello"},
		{"greeting 421", Spec{Service: "smtp", Steps: []Step{{Expect: expect("220"), Reject: Pattern{Regexp: `(?m)^[45]\d\d`}}}}, say("421 too busy\r\n"), want{ReasonRejected, 1}, "421 too busy"},
		{"greeting 554", Spec{Service: "smtp", Steps: []Step{{Send: "QUIT", Expect: expect("220")}}}, sayAndClose("554 no\r\n"), want{ReasonMismatch, 1}, "554 no"},
		{"greeting never ends its line", Spec{Service: "smtp", Steps: []Step{{Send: "QUIT", Expect: expect("220")}}}, say("220 he"), want{ReasonTimeout, 0}, "220 he"},
		{"longer than 64 KiB", Spec{Steps: []Step{{Expect: expect("never")}}}, say(strings.Repeat("x", 100<<10)), want{ReasonMismatch, 1}, "xxxx"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.spec.Timeout == 0 {
				tt.spec.Timeout = timeoutOf(tt.want.reason)
			}
			res := lookAt(t, tt.spec, serve(t, tt.server))
			tt.want.check(t, res)
			if !strings.HasPrefix(string(res.Got), tt.got) || len(res.Got) > MaxGot {
				t.Errorf("Got = %q, want %q… and at most %d bytes", res.Got, tt.got, MaxGot)
			}
		})
	}
}

// TestNobodyListens: what the host refuses is a failure, and at once.
func TestNobodyListens(t *testing.T) {
	want{ReasonRefused, 0}.check(t, lookAt(t, Spec{Timeout: time.Minute}, refused(t)))
}

// TestCouldNotTest: "separate 'could not test' from 'failed'" (lessons, 27).
func TestCouldNotTest(t *testing.T) {
	at := serve(t, hang)
	p := mustCompile(t, Spec{Port: at.Port(), Steps: []Step{{Expect: expect("x")}}})

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	want{ReasonCancelled, 0}.check(t, p.Look(ctx, at.Addr()))

	ctx, cancel = context.WithCancel(context.Background())
	timer := time.AfterFunc(20*time.Millisecond, cancel)
	defer timer.Stop()
	res := p.Look(ctx, at.Addr())
	want{ReasonCancelled, 0}.check(t, Result{Outcome: res.Outcome, Reason: res.Reason})

	// A zone no interface has: our kernel refuses before a packet leaves.
	want{ReasonNoRoute, 0}.check(t, p.Look(context.Background(), netip.MustParseAddr("fe80::1%nowhere")))
	want{ReasonInternal, 0}.check(t, p.Look(context.Background(), netip.Addr{}))
}

// TestStepsInTurn: each step looks at what came after the match of the step before, so that one answer
// does not satisfy two steps.
func TestStepsInTurn(t *testing.T) {
	server := func(c net.Conn) {
		_, _ = io.WriteString(c, "220 ftp\r\n")
		b := make([]byte, 64)
		for {
			n, err := c.Read(b)
			if err != nil {
				return
			}
			switch string(b[:n]) {
			case "USER probe\r\n":
				_, _ = io.WriteString(c, "331 password\r\n")
			case "PASS x\r\n":
				_, _ = io.WriteString(c, "530 no\r\n")
			}
		}
	}
	steps := []Step{
		{Expect: expect("220 ")},
		{Send: "USER probe", Expect: expect("331")},
		{Send: "PASS x", Expect: expect("230"), Reject: Pattern{Regexp: `(?m)^5\d\d`}},
	}
	res := lookAt(t, Spec{Steps: steps}, serve(t, server))
	want{ReasonRejected, 3}.check(t, res)
	if string(res.Got) != "530 no" {
		t.Errorf("Got = %q, want the line that was rejected", res.Got)
	}
	steps[2].Expect, steps[2].Reject = expect("530"), Pattern{}
	want{ReasonNone, 3}.check(t, lookAt(t, Spec{Steps: steps}, serve(t, server)))
	steps[2].Expect = expect("331") // came before: must not count again
	want{ReasonMismatch, 3}.check(t, lookAt(t, Spec{Steps: steps, Timeout: short}, serve(t, server)))
}

// TestGreetingOfManyLines: speaking before the last line of the greeting is the mark of a spammer.
func TestGreetingOfManyLines(t *testing.T) {
	server := func(c net.Conn) {
		_, _ = io.WriteString(c, "220-wait for it\r\n")
		_ = c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		if n, _ := c.Read(make([]byte, 1)); n > 0 {
			t.Error("spoken to before the end of the greeting")
		}
		_ = c.SetReadDeadline(time.Time{})
		say("220 now\r\n")(c)
	}
	want{ReasonNone, 1}.check(t, lookAt(t, Spec{Service: "smtp", Steps: []Step{{Send: "QUIT", Expect: expect("220 now")}}}, serve(t, server)))
}

func TestWireLine(t *testing.T) {
	tests := []struct {
		in   Step
		want string
	}{
		{Step{Send: "QUIT"}, "QUIT\r\n"},
		{Step{Send: "QUIT\r\n"}, "QUIT\r\n"},
		{Step{Send: "GET / HTTP/1.0"}, "GET / HTTP/1.0\r\n\r\n"},
		{Step{Send: "GET / HTTP/1.0\r\nHost: a"}, "GET / HTTP/1.0\r\nHost: a\r\n"},
		{Step{Send: "GET / HTTP/1.1"}, "GET / HTTP/1.1\r\n\r\n"},
		{Step{Send: "PING", Raw: true}, "PING"},
		{Step{}, ""},
	}
	for _, tt := range tests {
		if got := string(wireLine(tt.in)); got != tt.want {
			t.Errorf("wireLine(%+v) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestOverIPv6(t *testing.T) {
	l, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		t.Skip("this host has no IPv6 loopback: ", err)
	}
	want{ReasonNone, 1}.check(t, lookAt(t, Spec{Steps: []Step{{Expect: expect("hi")}}}, serveOn(t, l, say("hi"))))
}
