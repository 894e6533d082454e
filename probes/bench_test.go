package probes

import (
	"context"
	"testing"
)

// BenchmarkLook is one whole check against a server in the same process, whose work is counted too. The comparison
// with another prober is in test/bench/probe.
func BenchmarkLook(b *testing.B) {
	page := "HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\nhttpd is working\n"
	specs := map[string]Spec{
		"tcp":  {Steps: []Step{{Send: "GET / HTTP/1.0", Expect: expect("working")}}},
		"http": {Kind: HTTP, HTTP: HTTPSpec{Expect: expect("working")}},
	}
	for name, s := range specs {
		b.Run(name, func(b *testing.B) {
			at := serveB(b, page)
			s.Port = at.Port()
			p := mustCompile(b, s)
			b.ReportAllocs()
			for b.Loop() {
				if r := p.Look(context.Background(), at.Addr()); r.Outcome != OK {
					b.Fatal(r)
				}
			}
		})
	}
}

// BenchmarkAnswer is the reading of one answer alone.
func BenchmarkAnswer(b *testing.B) {
	page := []byte("HTTP/1.1 200 OK\r\nServer: x\r\nContent-Type: text/html\r\nContent-Length: 17\r\nConnection: close\r\n\r\nhttpd is working\n")
	j := judge{expect: finder{pattern: pattern{text: []byte("working")}}}
	body := make([]byte, 0, 64)
	b.ReportAllocs()
	for b.Loop() {
		a := answer{body: body}
		j.expect.seen = 0
		if err := a.feed(page); err != nil || !a.complete {
			b.Fatal(err)
		}
		if v, _ := j.look(a.body, true); v != matched {
			b.Fatal(v)
		}
	}
}
