package agent

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"loadshare/agent/plan"
	"loadshare/internal/config"
	"loadshare/monitor/order"
)

func script(t *testing.T, dir, name, body string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func newRestarter(t *testing.T) *restarter {
	t.Helper()
	c := newCommands()
	t.Cleanup(c.close)
	return &restarter{commands: c, units: func(bus string) unitManager { return systemd(bus) }}
}

func execService(stop, start string) Service {
	s := Service{Name: "web", Method: Exec, Timeout: 20 * time.Second, Grace: 100 * time.Millisecond, Budget: config.Rate{Count: 1, Per: time.Minute}, Start: []string{start}}
	if stop != "" {
		s.Stop = []string{stop}
	}
	return s
}

// poll waits for a condition that another process makes true.
func poll(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("not within 10 s: %s", what)
}

func pidIn(t *testing.T, file string) int {
	t.Helper()
	pid := 0
	poll(t, file, func() bool {
		b, _ := os.ReadFile(file)
		pid, _ = strconv.Atoi(strings.TrimSpace(string(b)))
		return pid > 0
	})
	return pid
}

func alive(pid int) bool {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err == nil && !strings.Contains(string(b), ") Z ")
}

func TestRestartOutcomes(t *testing.T) {
	dir := t.TempDir()
	good, bad := script(t, dir, "good", "echo good; exit 0\n"), script(t, dir, "bad", "echo no such luck >&2; exit 7\n")
	cases := []struct {
		name        string
		stop, start string
		outcome     order.RestartOutcome
		code        int
		output      string
	}{
		{"both succeed", good, good, order.RestartOK, 0, "good\ngood\n"},
		{"what is dead cannot be stopped: start counts", bad, good, order.RestartOK, 0, "no such luck\n\n[stop: exit code 7]\ngood\n"},
		{"start fails", good, bad, order.RestartFailed, 7, "good\nno such luck\n\n[start: exit code 7]\n"},
		{"no stop command", "", good, order.RestartOK, 0, "good\n"},
		{"no such program", "", dir + "/none", order.RestartFailed, -1, "\n[start: fork/exec " + dir + "/none: no such file or directory]\n"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := newRestarter(t).restart(t.Context(), "", execService(c.stop, c.start), "o1")
			if got.Outcome != c.outcome || got.ExitCode != c.code || got.Output != c.output || got.Order != "o1" {
				t.Errorf("%+v", got)
			}
		})
	}
}

// "timeout kills the group": also what the command itself has started.
func TestTimeoutKillsTheWholeGroup(t *testing.T) {
	dir := t.TempDir()
	s := execService("", script(t, dir, "start", "trap '' TERM\nsleep 1000 &\necho $! > "+dir+"/child\nwait\n"))
	s.Timeout = time.Second
	got := newRestarter(t).restart(t.Context(), "", s, "o1")
	if got.Outcome != order.RestartTimeout || got.ExitCode != -1 || !strings.Contains(got.Output, "did not end within") {
		t.Errorf("%+v", got)
	}
	child := pidIn(t, dir+"/child")
	poll(t, "the child is dead", func() bool { return !alive(child) })
}

// A stop that hangs is killed at half time, and the service is started.
func TestHangingStopDoesNotPreventTheStart(t *testing.T) {
	dir := t.TempDir()
	s := execService(script(t, dir, "stop", "sleep 1000\n"), script(t, dir, "start", "echo started\n"))
	s.Timeout = time.Second
	got := newRestarter(t).restart(t.Context(), "", s, "o1")
	if got.Outcome != order.RestartOK || !strings.Contains(got.Output, "[stop did not end within 500ms and was killed]\nstarted\n") {
		t.Errorf("%+v", got)
	}
}

// A start script that leaves a daemon behind, which keeps the pipe open, has
// ended all the same; the daemon lives on, also when it writes to the pipe.
func TestDaemonThatKeepsThePipe(t *testing.T) {
	dir := t.TempDir()
	s := execService("", script(t, dir, "start", "echo starting\n(echo $$ > /dev/null; while true; do echo chatter; sleep 0.05; done) &\necho $! > "+dir+"/daemon\nexit 0\n"))
	s.Timeout = time.Hour
	got := newRestarter(t).restart(t.Context(), "", s, "o1")
	if got.Outcome != order.RestartOK || !strings.HasPrefix(got.Output, "starting\n") {
		t.Errorf("%+v", got)
	}
	daemon := pidIn(t, dir+"/daemon")
	defer func() { _ = syscall.Kill(daemon, syscall.SIGKILL) }()
	if !alive(daemon) {
		t.Error("the daemon was killed")
	}
}

func TestOutputIsTheLast4KiBOfPlainText(t *testing.T) {
	dir := t.TempDir()
	s := execService("", script(t, dir, "start", "head -c 100000 /dev/zero | tr '\\0' x\nprintf 'end\\033[31m\\a\\n'\n"))
	got := newRestarter(t).restart(t.Context(), "", s, "o1")
	if len(got.Output) > maxOutput+len("[…]") || !strings.HasPrefix(got.Output, "[…]xxx") || !strings.HasSuffix(got.Output, "xend [31m \n") {
		t.Errorf("%d octets, ends with %q", len(got.Output), got.Output[len(got.Output)-20:])
	}
}

func TestEnvironmentIsClean(t *testing.T) {
	t.Setenv("SECRET_OF_THE_AGENT", "1")
	dir := t.TempDir()
	s := execService("", script(t, dir, "start", "env | sort | sed 's/=.*//' | tr '\\n' ' '; pwd; cat\n"))
	got := newRestarter(t).restart(t.Context(), "", s, "o1")
	if got.Output != "HOME LC_ALL LOADSHARE_SERVICE PATH PWD /\n" {
		t.Errorf("%q", got.Output)
	}
}

// The service must not stay stopped because the agent is: a stop under way is
// given a moment, and start runs.
func TestAgentStopsWithinARestart(t *testing.T) {
	dir := t.TempDir()
	s := execService(script(t, dir, "stop", "echo $$ > "+dir+"/stopping\nsleep 1000\n"), script(t, dir, "start", "echo $$ > "+dir+"/started\n"))
	s.Timeout = time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	r := newRestarter(t)
	ended := make(chan plan.RestartDone, 1)
	go func() { ended <- r.restart(ctx, "", s, "o1") }()
	pidIn(t, dir+"/stopping")
	began := time.Now()
	cancel()
	<-ended
	if d := time.Since(began); d > 5*time.Second {
		t.Errorf("took %v; SIGTERM leaves 5 s", d)
	}
	pidIn(t, dir+"/started")
}

func TestStartIsLeftRunningWhenTheAgentStops(t *testing.T) {
	dir := t.TempDir()
	s := execService("", script(t, dir, "start", "echo $$ > "+dir+"/pid\nsleep 1000\n"))
	s.Timeout = time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	r := newRestarter(t)
	ended := make(chan plan.RestartDone, 1)
	go func() { ended <- r.restart(ctx, "", s, "o1") }()
	pid := pidIn(t, dir+"/pid")
	cancel()
	done := <-ended
	if !alive(pid) || !strings.Contains(done.Output, "left running") {
		t.Errorf("alive %v, %+v", alive(pid), done)
	}
	_ = syscall.Kill(-pid, syscall.SIGKILL)
}

// What a restart is about to destroy is kept: status, and the end of the log.
func TestEvidence(t *testing.T) {
	dir := t.TempDir()
	path := script(t, dir, "web", "[ \"$1\" = status ] && { echo web is dead; exit 3; }\nexit 0\n")
	log := filepath.Join(dir, "web.log")
	if err := os.WriteFile(log, []byte(strings.Repeat("old\n", 5000)+"the last line\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := execService("", "")
	s.Method, s.Stop, s.Start, s.Status, s.Log = Script, []string{path, "stop"}, []string{path, "start"}, []string{path, "status"}, log
	got := newRestarter(t).restart(t.Context(), "", s, "o1")
	for _, want := range []string{"web status\nweb is dead\n", "[status: exit code 3]", "== " + log, "the last line"} {
		if !strings.Contains(got.Evidence, want) {
			t.Errorf("no %q in\n%s", want, got.Evidence)
		}
	}
	if len(got.Evidence) > maxEvidence+10 {
		t.Errorf("%d octets", len(got.Evidence))
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	if text := lastOf(filepath.Join(dir, "fifo")); text != "no regular file" {
		t.Errorf("a FIFO as log: %q", text)
	}
}

// M8: the hook knows what happened from its environment, and only plain words get there.
func TestHookEnvironment(t *testing.T) {
	dir := t.TempDir()
	s := execService("", "/bin/true")
	s.OnDown = []string{script(t, dir, "down", "echo $LOADSHARE_STATE $LOADSHARE_SERVICE $LOADSHARE_RECORD $LOADSHARE_TYPE ${LOADSHARE_MEMBER-none}; exit 4\n")}
	r := newRestarter(t)
	got := r.hook(t.Context(), s, plan.RunHook{Order: "h1", Service: "web", Pool: "www.example/A", Member: "10.0.0.1"})
	if got.Outcome != order.RestartFailed || got.ExitCode != 4 || !strings.HasPrefix(got.Output, "down web www.example A 10.0.0.1\n") {
		t.Errorf("%+v", got)
	}
	got = r.hook(t.Context(), s, plan.RunHook{Order: "h2", Service: "web", Pool: "www.example/A", Member: "$(reboot)\n"})
	if !strings.HasPrefix(got.Output, "down web www.example A none\n") {
		t.Errorf("%+v", got)
	}
	if got := r.hook(t.Context(), s, plan.RunHook{Order: "h3", Up: true}); got.Outcome != order.RestartOK {
		t.Errorf("no on_up command: %+v", got)
	}
}

func FuzzPrintable(f *testing.F) {
	f.Add([]byte("plain\n"))
	f.Add([]byte("\x1b[2J\xff\x9b"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, r := range printable(b) {
			if r < ' ' && r != '\n' && r != '\t' || r == 0x7f || r >= 0x80 && r < 0xa0 {
				t.Fatalf("%q keeps %U", b, r)
			}
		}
		out := newTail(16)
		_, _ = out.Write(b)
		_, _ = out.Write(b)
		if len(out.buf) > 16 {
			t.Fatalf("%d octets kept", len(out.buf))
		}
	})
}
