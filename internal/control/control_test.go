package control_test

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"loadshare/internal/control"
)

// serve runs a server on c until the test ends.
func serve(t *testing.T, c control.Config, routes map[string]control.Handler) *control.Server {
	t.Helper()
	s, err := control.Listen(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	for pattern, h := range routes {
		s.Handle(pattern, h)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return s
}

func socketConfig(t *testing.T) control.Config {
	dir, err := os.MkdirTemp("", "ctl") // t.TempDir is longer than a socket path may be
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	a, err := control.ParseAddress(filepath.Join(dir, "run", "monitor.sock"))
	if err != nil {
		t.Fatal(err)
	}
	return control.Config{Role: "monitor", Listen: a}
}

func connect(t *testing.T, address string) *control.Client {
	t.Helper()
	c, err := control.Connect(address, control.TLS{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

type drain struct {
	Address string `json:"address"`
	Reason  string `json:"reason"`
}

func drainHandler(_ context.Context, r control.Request) (any, error) {
	var d drain
	if err := r.Decode(&d); err != nil {
		return nil, err
	}
	if d.Address == "" {
		return nil, control.Refuse("no address")
	}
	if d.Address == "boom" {
		return nil, errors.New("disk full")
	}
	return map[string]string{"drained": d.Address, "by": r.By}, nil
}

// The whole way of an order: sent, decoded, answered, and who asked is known from the kernel.
func TestOrderAndAnswer(t *testing.T) {
	cfg := socketConfig(t)
	serve(t, cfg, map[string]control.Handler{"POST /v1/pool/drain": drainHandler})
	c := connect(t, cfg.Listen.String())
	var out map[string]string
	if err := c.Post(t.Context(), "/v1/pool/drain", drain{Address: "192.0.2.1", Reason: "kernel <update> & more"}, &out); err != nil {
		t.Fatal(err)
	}
	if out["drained"] != "192.0.2.1" || out["by"] == "" || out["by"] == "unknown" {
		t.Errorf("answer %v, want the address drained and the user named", out)
	}
	if c.Role() != "monitor" {
		t.Errorf("Role() = %q after an answer, want monitor", c.Role())
	}
}

// Contract: "3 the server could not be reached, 4 refused by the server (with its reason)"; the types say which.
func TestErrorsSayWhatHappened(t *testing.T) {
	cfg := socketConfig(t)
	serve(t, cfg, map[string]control.Handler{"POST /v1/pool/drain": drainHandler})
	c := connect(t, cfg.Listen.String())
	var refused *control.Refused
	var failed *control.Failed
	var unreachable *control.Unreachable

	err := c.Post(t.Context(), "/v1/pool/drain", drain{}, nil)
	if !errors.As(err, &refused) || refused.Reason != "no address" {
		t.Errorf("refusal arrived as %v", err)
	}
	err = c.Post(t.Context(), "/v1/pool/drain", map[string]any{"address": "x", "adress": "y"}, nil)
	if !errors.As(err, &refused) || !strings.Contains(refused.Reason, `"adress"`) {
		t.Errorf("an unknown field must be refused by name, got %v", err)
	}
	err = c.Post(t.Context(), "/v1/pool/drain", drain{Address: "boom"}, nil)
	if !errors.As(err, &failed) || failed.Reason != "disk full" {
		t.Errorf("failure arrived as %v", err)
	}
	err = c.Get(t.Context(), "/v1/zones", nil)
	if !errors.As(err, &refused) || !strings.Contains(refused.Reason, "a monitor does not answer GET /v1/zones") {
		t.Errorf("a question for another role arrived as %v", err)
	}
	err = connect(t, cfg.Listen.Socket+"x").Get(t.Context(), "/v1/status", nil)
	if !errors.As(err, &unreachable) || !strings.Contains(err.Error(), "no such socket") {
		t.Errorf("a missing socket arrived as %v", err)
	}
}

// Everything is bounded: a body over MaxBody is refused, with the bound.
func TestBodyIsBounded(t *testing.T) {
	cfg := socketConfig(t)
	s := serve(t, cfg, map[string]control.Handler{"POST /v1/pool/drain": drainHandler})
	s.HandleLarge("POST /v1/zone/load", drainHandler)
	c := connect(t, cfg.Listen.String())
	big := drain{Address: "a", Reason: strings.Repeat("x", control.MaxBody)}
	var refused *control.Refused
	if err := c.Post(t.Context(), "/v1/pool/drain", big, nil); !errors.As(err, &refused) || !strings.Contains(refused.Reason, "1048576") {
		t.Errorf("a large body arrived as %v, want a refusal with the bound", err)
	}
	if err := c.Post(t.Context(), "/v1/zone/load", big, nil); err != nil {
		t.Errorf("HandleLarge refused it, too: %v", err)
	}
}

func TestSecondValueIsRefused(t *testing.T) {
	r := control.NewRequest(nil, "test", strings.NewReader(`{"address":"a"} {"address":"b"}`))
	var refused *control.Refused
	if err := r.Decode(&drain{}); !errors.As(err, &refused) {
		t.Errorf("two values decoded to %v, want a refusal", err)
	}
	if err := control.NewRequest(nil, "test", strings.NewReader("")).Decode(&drain{}); err != nil {
		t.Errorf("an empty body is no error, got %v", err)
	}
}

func TestSocketMode(t *testing.T) {
	cfg := socketConfig(t)
	serve(t, cfg, nil)
	fi, err := os.Stat(cfg.Listen.Socket)
	if err != nil {
		t.Fatal(err)
	}
	if fi.Mode().Perm() != 0o660 {
		t.Errorf("socket has mode %o, want 660 (contract)", fi.Mode().Perm())
	}
}

// The socket of a dead process is replaced, that of a living one is not.
func TestStaleSocketIsReplaced(t *testing.T) {
	cfg := socketConfig(t)
	if err := os.MkdirAll(filepath.Dir(cfg.Listen.Socket), 0o755); err != nil {
		t.Fatal(err)
	}
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: cfg.Listen.Socket, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	dead.Close()
	serve(t, cfg, nil)
	if err := connect(t, cfg.Listen.String()).Get(t.Context(), "/v1/healthz", nil); err != nil {
		t.Errorf("after a dead process: %v", err)
	}
	if _, err := control.Listen(cfg, nil); err == nil || !strings.Contains(err.Error(), "another process listens at") {
		t.Errorf("a second server at one socket: %v, want it refused with the reason", err)
	}
	if err := connect(t, cfg.Listen.String()).Get(t.Context(), "/v1/healthz", nil); err != nil {
		t.Errorf("the first server suffered from the second: %v", err)
	}
}

func TestOtherFileIsLeftAlone(t *testing.T) {
	cfg := socketConfig(t)
	path := cfg.Listen.Socket
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte("precious"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, err := control.Listen(cfg, nil); err == nil || !strings.Contains(err.Error(), "is no socket") {
		t.Errorf("listening over a file: %v", err)
	}
	if data, _ := os.ReadFile(path); string(data) != "precious" {
		t.Errorf("the file was changed to %q", data)
	}
}

// A stopped server takes its socket with it, and a request under way is answered.
func TestStopFinishesRequests(t *testing.T) {
	cfg := socketConfig(t)
	s, err := control.Listen(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	begun, goOn := make(chan struct{}), make(chan struct{})
	s.Handle("GET /v1/slow", func(context.Context, control.Request) (any, error) {
		close(begun)
		<-goOn
		return "done", nil
	})
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx) }()
	var wg sync.WaitGroup
	wg.Go(func() {
		var out string
		if err := connect(t, cfg.Listen.String()).Get(t.Context(), "/v1/slow", &out); err != nil || out != "done" {
			t.Errorf("request under way got %q, %v", out, err)
		}
	})
	<-begun
	cancel()
	close(goOn)
	wg.Wait()
	if err := <-served; err != nil {
		t.Errorf("Serve: %v", err)
	}
	if _, err := os.Stat(cfg.Listen.Socket); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket is still there: %v", err)
	}
}

// A server that is no loadshare is told apart from one that refuses.
func TestStrangeServer(t *testing.T) {
	cfg := socketConfig(t)
	if err := os.MkdirAll(filepath.Dir(cfg.Listen.Socket), 0o755); err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("unix", cfg.Listen.Socket)
	if err != nil {
		t.Fatal(err)
	}
	hs := &http.Server{Handler: http.NotFoundHandler(), ReadHeaderTimeout: time.Second}
	done := make(chan struct{})
	go func() { hs.Serve(ln); close(done) }()
	t.Cleanup(func() { hs.Close(); <-done })
	var failed *control.Failed
	if err := connect(t, cfg.Listen.String()).Get(t.Context(), "/v1/status", nil); !errors.As(err, &failed) {
		t.Errorf("a strange server arrived as %v", err)
	}
}

func TestRawAnswer(t *testing.T) {
	cfg := socketConfig(t)
	serve(t, cfg, map[string]control.Handler{"GET /v1/status": func(context.Context, control.Request) (any, error) {
		return map[string]any{"text": "<a&b>"}, nil
	}})
	var raw json.RawMessage
	if err := connect(t, cfg.Listen.String()).Get(t.Context(), "/v1/status", &raw); err != nil {
		t.Fatal(err)
	}
	if strings.TrimSpace(string(raw)) != `{"text":"<a&b>"}` {
		t.Errorf("raw answer %s", raw)
	}
}
