package probes

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestExecReasons(t *testing.T) {
	dir := t.TempDir()
	broken := filepath.Join(dir, "broken")
	if err := os.WriteFile(broken, []byte("no program"), 0o755); err != nil {
		t.Fatal(err)
	}
	sh := func(script string) []string {
		return []string{"/bin/sh", "-c", script, "plugin", "{address}", "-p{port}"}
	}
	tests := []struct {
		name                    string
		command                 []string
		want                    Reason
		detail, warning, notGot string
	}{
		{"ok", sh("echo 'HTTP OK: 12 ms | time=0.012s'; echo more"), ReasonNone, "HTTP OK: 12 ms", "", ""},
		{"warning is ok, with a word", sh("echo slow; exit 1"), ReasonNone, "slow", "slow", ""},
		{"critical", sh("echo gone; exit 2"), ReasonCritical, "gone", "", ""},
		{"unknown is no failure", sh("echo no idea; exit 3"), ReasonPluginUnknown, "no idea", "", ""},
		{"any other is no failure", sh("exit 77"), ReasonPluginUnknown, "77", "", ""},
		{"ended by a signal", sh("kill -9 $$"), ReasonPluginUnknown, "signal", "", ""},
		{"hangs", sh("sleep 60"), ReasonTimeout, "killed", "", ""},
		{"address and port", sh(`echo "$1 $2 $LOADSHARE_ADDRESS"`), ReasonNone, "127.0.0.9 -p4711 127.0.0.9", "", ""},
		{"a clean environment", sh("env"), ReasonNone, "", "", "PROBES_SECRET"},
		{"never through a shell", []string{"/bin/echo", "$HOME;", "`id`"}, ReasonNone, "$HOME; `id`", "", ""},
		{"missing", []string{filepath.Join(dir, "absent")}, ReasonPluginMissing, "", "", ""},
		{"not executable", []string{dir}, ReasonPluginMissing, "", "", ""},
		{"no program", []string{broken}, ReasonPluginMissing, "", "", ""},
		{"much output", sh("yes | head -c 3000000; exit 2"), ReasonCritical, "y", "", ""},
	}
	t.Setenv("PROBES_SECRET", "x")
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := mustCompile(t, Spec{Kind: Exec, Port: 4711, Timeout: timeoutOf(tt.want), Exec: ExecSpec{Command: tt.command}})
			res := p.Look(context.Background(), netip.MustParseAddr("127.0.0.9"))
			want{tt.want, 0}.check(t, res)
			if !strings.Contains(res.Detail, tt.detail) || len(res.Got) > MaxGot {
				t.Errorf("Detail = %q, want %q", res.Detail, tt.detail)
			}
			if (tt.warning == "") != (res.Warning == "") || !strings.Contains(res.Warning, tt.warning) {
				t.Errorf("Warning = %q, want %q", res.Warning, tt.warning)
			}
			if tt.notGot != "" && strings.Contains(string(res.Got), tt.notGot) {
				t.Errorf("the plugin saw our environment: %q", res.Got)
			}
		})
	}
}

// TestExecKillsTheGroup: a timeout ends the plugin's children too.
func TestExecKillsTheGroup(t *testing.T) {
	pidFile := filepath.Join(t.TempDir(), "pid")
	p := mustCompile(t, Spec{Kind: Exec, Timeout: short, Exec: ExecSpec{Command: []string{"/bin/sh", "-c", "sleep 60 & echo $! >" + pidFile + "; wait"}}})
	res := p.Look(context.Background(), netip.MustParseAddr("127.0.0.1"))
	want{ReasonTimeout, 0}.check(t, res)
	data, err := os.ReadFile(pidFile)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); alive(pid); {
		if time.Now().After(deadline) {
			t.Fatalf("the plugin's child %d is still there", pid)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// alive says whether the process runs; one that is dead but not yet reaped does not.
func alive(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err == nil && !strings.Contains(string(stat), ") Z ")
}
