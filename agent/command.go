package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// maxOutput is how much of what a command prints is kept: the last of it.
const maxOutput = 4 << 10

// pipeWait is how long the last output of an ended command may take to arrive,
// when something it left behind keeps the pipe open.
const pipeWait = 200 * time.Millisecond

// tail keeps the last bytes written to it. The mutex is for a daemon that still
// writes while the result is read.
type tail struct {
	mu   sync.Mutex
	buf  []byte
	most int
	cut  bool
}

func newTail(most int) *tail { return &tail{most: most} }

// Write keeps the last of p. It never fails.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := len(p)
	if len(p) > t.most {
		p, t.cut = p[len(p)-t.most:], true
	}
	if over := len(t.buf) + len(p) - t.most; over > 0 {
		t.buf, t.cut = append(t.buf[:0], t.buf[over:]...), true
	}
	t.buf = append(t.buf, p...)
	return n, nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := printable(t.buf)
	if t.cut {
		return "[…]" + s
	}
	return s
}

// printable makes text of what a program printed: valid UTF-8, no control
// characters but line feed and tab, so that it can neither steer a terminal nor
// break a message.
func printable(b []byte) string {
	out := make([]rune, 0, len(b))
	for _, r := range string(b) {
		if r == '\r' || (r < ' ' && r != '\n' && r != '\t') || r == 0x7f || (r >= 0x80 && r < 0xa0) {
			r = ' '
		}
		out = append(out, r)
	}
	return string(out)
}

// ended is how a command ended.
type ended struct {
	// code is the exit code; -1 when it was killed or could not be started.
	code int
	// late: it took too long and was killed.
	late bool
	// err says why there is no exit code of its own.
	err error
}

func (e ended) ok() bool { return e.code == 0 && e.err == nil && !e.late }

// commands runs what agent.toml names. It remembers the pipes that daemons left
// behind keep open, and drains them: closing one would kill a daemon that writes
// to it. close closes them when the agent ends.
type commands struct {
	mu    sync.Mutex // run is called from many goroutines
	left  map[*os.File]struct{}
	drain sync.WaitGroup
}

func newCommands() *commands { return &commands{left: map[*os.File]struct{}{}} }

func (c *commands) close() {
	c.mu.Lock()
	for r := range c.left {
		_ = r.Close()
	}
	c.mu.Unlock()
	c.drain.Wait()
}

// run runs one command without a shell: own process group, clean environment,
// nothing to read, both outputs into out. When its time is up the group gets
// SIGTERM, and SIGKILL after the grace. What a command that ended by itself has
// left running is not touched: it may be the service.
//
// When ctx ends, because the agent stops, then decides.
func (c *commands) run(ctx context.Context, argv, env []string, timeout, grace time.Duration, then whenStopped, out *tail) ended {
	r, w, err := os.Pipe()
	if err != nil {
		return ended{code: -1, err: fmt.Errorf("pipe: %w", err)}
	}
	limit, expire := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	cmd := exec.CommandContext(limit, argv[0], argv[1:]...) //nolint:gosec // G204: from the operator's own configuration
	cmd.Stdout, cmd.Stderr, cmd.Dir = w, w, "/"
	cmd.Env = append([]string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "HOME=/"}, env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var kill *time.Timer
	cmd.Cancel = func() error {
		if ctx.Err() != nil {
			grace = min(grace, then.patience())
		}
		kill = time.AfterFunc(grace, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
		return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
	}
	// The pipe is a file of its own to cmd, so that only the process is waited for.
	cmd.WaitDelay = grace + time.Second
	if err := cmd.Start(); err != nil {
		expire()
		_, _ = r.Close(), w.Close()
		return ended{code: -1, err: err}
	}
	_ = w.Close()
	eof := c.copy(r, out)
	done := make(chan ended, 1)
	go func() { // ends with the command
		defer expire()
		err := cmd.Wait()
		e := result(err, limit.Err() != nil)
		if kill != nil {
			// What a late command left of its group is no service.
			kill.Stop()
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		}
		done <- e
	}()
	e, over := await(ctx, done, then.patience())
	if !over {
		if then == leaveRunning {
			return ended{code: -1, err: errLeft}
		}
		expire()
		e = <-done
	}
	select {
	case <-eof:
	case <-time.After(pipeWait):
	}
	return e
}

// whenStopped says what becomes of a command when the agent stops.
type whenStopped uint8

const (
	killAtOnce   whenStopped = iota // it only looks
	killSoon                        // it has a second
	leaveRunning                    // it has a second to be waited for, then it is let be
)

func (w whenStopped) patience() time.Duration {
	if w == killAtOnce {
		return 0
	}
	return time.Second
}

var errLeft = errors.New("the agent stopped; it was left running")

// await waits for the end of a command, and no longer than patience when ctx ends.
func await(ctx context.Context, done <-chan ended, patience time.Duration) (ended, bool) {
	select {
	case e := <-done:
		return e, true
	case <-ctx.Done():
	}
	select {
	case e := <-done:
		return e, true
	case <-time.After(patience):
		return ended{}, false
	}
}

// copy drains r into out until the last writer is gone.
func (c *commands) copy(r *os.File, out *tail) <-chan struct{} {
	c.mu.Lock()
	c.left[r] = struct{}{}
	c.mu.Unlock()
	eof := make(chan struct{})
	c.drain.Go(func() {
		_, _ = r.WriteTo(out)
		close(eof)
		c.mu.Lock()
		delete(c.left, r)
		c.mu.Unlock()
		_ = r.Close()
	})
	return eof
}

func result(err error, expired bool) ended {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return ended{}
	case expired:
		return ended{code: -1, late: true}
	case errors.As(err, &exit) && exit.ExitCode() >= 0:
		return ended{code: exit.ExitCode()}
	}
	return ended{code: -1, err: err}
}
