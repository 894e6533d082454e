package process

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"loadshare/internal/textlog"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// wait bounds what must happen soon; it is no measure.
const wait = 20 * time.Second

// systemd is a notify socket that keeps what it is told.
type systemd struct {
	conn *net.UnixConn
	mu   sync.Mutex
	said []string
}

// newSystemd listens like systemd does; watchdogUsec is empty without a watchdog.
func newSystemd(t *testing.T, watchdogUsec string) *systemd {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	s := &systemd{conn: conn}
	var work sync.WaitGroup
	work.Go(func() {
		buf := make([]byte, 4096)
		for {
			n, err := conn.Read(buf)
			if err != nil {
				return
			}
			s.mu.Lock()
			s.said = append(s.said, string(buf[:n]))
			s.mu.Unlock()
		}
	})
	t.Cleanup(func() { _ = conn.Close(); work.Wait() })
	t.Setenv("NOTIFY_SOCKET", path)
	t.Setenv("WATCHDOG_USEC", watchdogUsec)
	return s
}

// heard are the messages so far, without those of the watchdog.
func (s *systemd) heard() (states []string, fed int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.said {
		if m == "WATCHDOG=1" {
			fed++
		} else {
			states = append(states, m)
		}
	}
	return states, fed
}

func soon(t *testing.T, what string, is func() bool) {
	t.Helper()
	deadline := time.Now().Add(wait)
	for !is() {
		if time.Now().After(deadline) {
			t.Fatalf("did not happen: %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// running is a Run in progress.
type running struct {
	env    Env
	cancel context.CancelFunc
	result chan error
	log    *textlog.Buffer
}

// start runs a role and waits until it has its Env.
func start(t *testing.T, o Options, role func(context.Context, Env) error) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	r := &running{cancel: cancel, result: make(chan error, 1), log: &textlog.Buffer{}}
	o.Role, o.Version, o.Log = "test", "1.2.3", slog.New(slog.NewTextHandler(r.log, nil))
	envs := make(chan Env, 1)
	go func() {
		r.result <- Run(ctx, o, func(ctx context.Context, env Env) error {
			envs <- env
			return role(ctx, env)
		})
	}()
	r.env = <-envs
	return r
}

func (r *running) ended(t *testing.T) error {
	t.Helper()
	select {
	case err := <-r.result:
		return err
	case <-time.After(wait):
		t.Fatal("Run does not return")
		return nil
	}
}

func send(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(os.Getpid(), s); err != nil {
		t.Fatal(err)
	}
}

// good is a role that stops when told and answers reloads.
func good(ctx context.Context, env Env) error {
	env.Ready()
	env.Ready() // said once
	for {
		select {
		case r := <-env.Reloads:
			r.Done <- nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// TestLifeUnderSystemd: READY, a reload with its monotonic time, STOPPING; and
// SIGTERM is no error.
func TestLifeUnderSystemd(t *testing.T) {
	sd := newSystemd(t, "")
	r := start(t, Options{Path: "/etc/x.toml"}, good)
	if r.env.Path != "/etc/x.toml" || r.env.Version != "1.2.3" || r.env.LastReload() != nil {
		t.Errorf("env %+v", r.env)
	}
	soon(t, "ready", func() bool { s, _ := sd.heard(); return len(s) == 1 })
	send(t, syscall.SIGHUP)
	soon(t, "reloaded", func() bool { s, _ := sd.heard(); return len(s) == 3 })
	soon(t, "the result is kept", func() bool { l := r.env.LastReload(); return l != nil && l.OK && l.Error == "" })
	send(t, syscall.SIGTERM)
	if err := r.ended(t); err != nil {
		t.Errorf("run: %v", err)
	}
	soon(t, "stopping", func() bool { s, _ := sd.heard(); return len(s) == 4 })
	states, fed := sd.heard()
	reloading, usec, ok := strings.Cut(states[1], "\nMONOTONIC_USEC=")
	if !ok || strings.Trim(usec, "0123456789\n") != "" || usec == "" {
		t.Errorf("reload without its monotonic time: %q", states[1])
	}
	states[1] = reloading
	if diff := cmp.Diff([]string{"READY=1", "RELOADING=1", "READY=1", "STOPPING=1"}, states); diff != "" {
		t.Error(diff)
	}
	if fed != 0 {
		t.Errorf("a watchdog nobody asked for was fed %d times", fed)
	}
}

// TestWatchdog: "WATCHDOG=1 at half of WATCHDOG_USEC when the role says it is alive".
func TestWatchdog(t *testing.T) {
	sd := newSystemd(t, "40000")
	r := start(t, Options{}, good)
	soon(t, "fed", func() bool { _, fed := sd.heard(); return fed >= 3 })
	asked := make(chan bool)
	r.env.Watch(func() bool { return <-asked })
	asked <- true
	_, fed := sd.heard()
	asked <- false // asked again only after the answer before was said
	soon(t, "fed after true", func() bool { _, now := sd.heard(); return now >= fed })
	_, fed = sd.heard()
	asked <- false
	asked <- false
	if _, now := sd.heard(); now != fed {
		t.Errorf("fed %d times by a role that says it is not alive", now-fed)
	}
	if !strings.Contains(r.log.String(), "not alive") {
		t.Errorf("the log does not say why: %s", r.log)
	}
	close(asked)
	r.cancel()
	if err := r.ended(t); err != nil {
		t.Errorf("run: %v", err)
	}
}

// TestReloadRefused: "all or nothing, the old configuration stays on any error,
// the result is visible in status" (contract); asked for by signal and by a
// caller, with the same end.
func TestReloadRefused(t *testing.T) {
	refusal := errors.New("x.toml:3: no")
	r := start(t, Options{}, func(ctx context.Context, env Env) error {
		for {
			select {
			case req := <-env.Reloads:
				req.Done <- refusal
			case <-ctx.Done():
				return nil
			}
		}
	})
	if err := r.env.Reload(t.Context()); !errors.Is(err, refusal) {
		t.Errorf("reload: %v", err)
	}
	first := r.env.LastReload()
	if first == nil || first.OK || first.Error != refusal.Error() || first.At.IsZero() || first.At.Location() != time.UTC {
		t.Errorf("kept: %+v", first)
	}
	if js, err := json.Marshal(first); err != nil || !strings.Contains(string(js), `"ok":false,"error":"x.toml:3: no"}`) {
		t.Errorf("as status shows it: %s, %v", js, err)
	}
	send(t, syscall.SIGHUP)
	soon(t, "the second reload", func() bool { return r.env.LastReload() != first })
	r.cancel()
	if err := r.ended(t); err != nil {
		t.Errorf("run: %v", err)
	}
	if !strings.Contains(r.log.String(), "the old configuration stays") {
		t.Errorf("log: %s", r.log)
	}
}

// TestReloadWhileBusy: a role that does not come to it does not hold the caller,
// nor the end of the process.
func TestReloadWhileBusy(t *testing.T) {
	r := start(t, Options{}, func(ctx context.Context, _ Env) error {
		<-ctx.Done()
		return nil
	})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.env.Reload(ctx); !errors.Is(err, errReloadTimeout) {
		t.Errorf("reload: %v", err)
	}
	send(t, syscall.SIGHUP)
	send(t, syscall.SIGINT)
	if err := r.ended(t); err != nil {
		t.Errorf("run: %v", err)
	}
}

// stuck is a role that does not stop until it is let go.
func stuck(let chan struct{}) func(context.Context, Env) error {
	return func(context.Context, Env) error {
		<-let
		return nil
	}
}

// TestStuck: "stop within 5 s on SIGTERM"; what does not is named.
func TestStuck(t *testing.T) {
	let := make(chan struct{})
	defer close(let)
	r := start(t, Options{StopTimeout: 20 * time.Millisecond}, stuck(let))
	send(t, syscall.SIGTERM)
	if err := r.ended(t); !errors.Is(err, ErrStuck) {
		t.Errorf("run: %v", err)
	}
	if !strings.Contains(r.log.String(), "stuck.func1 process_test.go:") || strings.Contains(r.log.String(), "start.func1") {
		t.Errorf("the log does not say where the role stands, and only that: %s", r.log)
	}
	if StopTimeout != 5*time.Second {
		t.Errorf("StopTimeout is %v", StopTimeout)
	}
}

// TestSecondSignal: an operator who asks twice does not wait.
func TestSecondSignal(t *testing.T) {
	let := make(chan struct{})
	defer close(let)
	r := start(t, Options{StopTimeout: time.Hour}, stuck(let))
	send(t, syscall.SIGTERM)
	soon(t, "the first is heard", func() bool { return strings.Contains(r.log.String(), "stopping") })
	send(t, syscall.SIGHUP) // too late, ignored
	send(t, syscall.SIGTERM)
	for done := false; !done; { // he asks until it ends
		select {
		case err := <-r.result:
			r.result <- err
			done = true
		case <-time.After(secondAfter / 4):
			send(t, syscall.SIGINT)
		}
	}
	if err := r.ended(t); !errors.Is(err, ErrStuck) || !strings.Contains(err.Error(), "second interrupt") {
		t.Errorf("run: %v", err)
	}
}

// TestSameSignalTwice: "stop within 5 s on SIGTERM with nothing acknowledged lost", also when `timeout` says it to the process and to its
// group.
func TestSameSignalTwice(t *testing.T) {
	twice := make(chan struct{})
	r := start(t, Options{}, func(ctx context.Context, _ Env) error {
		<-ctx.Done()
		<-twice
		return ctx.Err()
	})
	send(t, syscall.SIGTERM)
	soon(t, "the first is heard", func() bool { return strings.Contains(r.log.String(), "stopping") })
	send(t, syscall.SIGTERM)
	time.AfterFunc(50*time.Millisecond, func() { close(twice) })
	if err := r.ended(t); err != nil {
		t.Errorf("run: %v", err)
	}
}

// TestRoleEnds: what the role returns by itself is what Run returns.
func TestRoleEnds(t *testing.T) {
	sd := newSystemd(t, "")
	broken := errors.New("cannot listen")
	r := start(t, Options{}, func(context.Context, Env) error { return broken })
	if err := r.ended(t); !errors.Is(err, broken) {
		t.Errorf("run: %v", err)
	}
	soon(t, "stopping", func() bool { s, _ := sd.heard(); return cmp.Equal(s, []string{"STOPPING=1"}) })
	r = start(t, Options{}, func(context.Context, Env) error { return context.Canceled })
	if err := r.ended(t); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancellation that is not ours is an error: %v", err)
	}
}

// TestEnvWithoutProcess: roles run without a process in tests and in demo.
func TestEnvWithoutProcess(t *testing.T) {
	env := NewEnv(slog.New(slog.DiscardHandler), "x")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- good(ctx, env) }()
	if err := env.Reload(t.Context()); err != nil {
		t.Error(err)
	}
	if l := env.LastReload(); l == nil || !l.OK {
		t.Errorf("last reload %+v", l)
	}
	env.Stopping()
	env.Watch(nil)
	cancel()
	<-done
}

func TestLogger(t *testing.T) {
	for _, c := range []struct {
		o    LogOptions
		want []string
		not  []string
	}{
		{LogOptions{}, []string{"level=INFO msg=hello a=1", "level=WARN"}, []string{"DEBUG"}},
		{LogOptions{"json", "debug"}, []string{`"level":"DEBUG"`, `"msg":"hello","a":1`}, nil},
		{LogOptions{"text", "error"}, []string{"level=ERROR"}, []string{"INFO", "WARN"}},
	} {
		var out bytes.Buffer
		log, err := NewLogger(&out, c.o)
		if err != nil {
			t.Fatal(err)
		}
		log.Debug("detail")
		log.Info("hello", "a", 1)
		log.Warn("careful")
		log.Error("broken")
		for _, w := range c.want {
			if !strings.Contains(out.String(), w) {
				t.Errorf("%+v: %q is missing in %s", c.o, w, &out)
			}
		}
		for _, w := range c.not {
			if strings.Contains(out.String(), w) {
				t.Errorf("%+v: %q is in %s", c.o, w, &out)
			}
		}
	}
	for _, o := range []LogOptions{{Level: "loud"}, {Format: "xml"}} {
		if _, err := NewLogger(io.Discard, o); err == nil || !strings.Contains(err.Error(), "accepted:") {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

// TestSecretsAreNotLogged: "no secrets in logs".
func TestSecretsAreNotLogged(t *testing.T) {
	for _, format := range []string{"text", "json"} {
		var out bytes.Buffer
		log, err := NewLogger(&out, LogOptions{Format: format})
		if err != nil {
			t.Fatal(err)
		}
		log.With("password", "hunter2").WithGroup("g").Info("x",
			"secret", "hunter2", "tsig_secret", []byte("hunter2"), "Key", "hunter2", "auth_token", "hunter2",
			slog.Group("smtp", "password", "hunter2"), "key_name", "visible", "monkey", "visible")
		if s := out.String(); strings.Contains(s, "hunter2") || strings.Count(s, "visible") != 2 {
			t.Errorf("%s: %s", format, s)
		}
	}
}
