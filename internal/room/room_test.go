package room

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A server with room for two, and three times as many who say nothing: who asks is answered, at once.
func TestRoomForThoseWhoAsk(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := New(inner, 2)
	entered, release := make(chan struct{}, 2), make(chan struct{})
	srv := &http.Server{ReadHeaderTimeout: time.Minute, ConnState: l.State, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			entered <- struct{}{}
			<-release
		}
		_, _ = io.WriteString(w, "yes")
	})}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(l) }()
	ask := func(ctx context.Context, path string) (string, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+inner.Addr().String()+path, nil)
		if err != nil {
			return "", err
		}
		c := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		resp, err := c.Do(req)
		if err != nil {
			return "", err
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		return string(b), err
	}
	var silent []net.Conn
	for i := range 6 {
		c, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if i%2 == 0 { // half a request is none
			_, _ = c.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\n"))
		}
		silent = append(silent, c)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if got, err := ask(ctx, "/"); got != "yes" {
		t.Fatalf("%q %v", got, err)
	}
	if _, err := silent[0].Read(make([]byte, 1)); err == nil {
		t.Error("the one that waited longest was not closed")
	}
	// Requests under way are not closed for others: those wait.
	slow := make(chan string, 2)
	for range 2 {
		go func() {
			got, err := ask(ctx, "/slow")
			if err != nil {
				got = err.Error()
			}
			slow <- got
		}()
		<-entered
	}
	third := make(chan string, 1)
	go func() { got, _ := ask(ctx, "/"); third <- got }()
	close(release)
	for range 2 {
		if got := <-slow; got != "yes" {
			t.Errorf("a request under way was closed: %s", got)
		}
	}
	if got := <-third; got != "yes" {
		t.Errorf("the one that waited: %q", got)
	}
	_ = srv.Close()
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("ended with %v", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.idle.Len() != l.open {
		t.Errorf("%d idle of %d open", l.idle.Len(), l.open)
	}
}
