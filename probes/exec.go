package probes

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// maxPluginOutput is the most bytes of a plugin's output that are kept; the rest is read and thrown away.
const maxPluginOutput = 8 << 10

// compileExec makes the check of a plugin by the Monitoring Plugins convention: exit 0 ok, 1 warning, 2 critical, 3 unknown;
// the first line of the output says it in words, what follows a "|" is for machines.
func compileExec(s *Spec) (func(*attempt), []SpecError) {
	if len(s.Exec.Command) == 0 || s.Exec.Command[0] == "" {
		return nil, []SpecError{{"command", "", `a list: a program and its arguments, as in ["/usr/lib/nagios/plugins/check_http", "-H", "{address}"]`}}
	}
	if strings.Contains(s.Exec.Command[0], "{") {
		return nil, []SpecError{{"command", strconv.Quote(s.Exec.Command[0]), "a program; {address} and {port} only in its arguments"}}
	}
	return lookExec, nil
}

func lookExec(a *attempt) {
	ctx, cancel := context.WithDeadline(a.ctx, a.deadline)
	defer cancel()
	r := strings.NewReplacer("{address}", a.addr.Addr().String(), "{port}", strconv.Itoa(int(a.addr.Port())))
	var args []string
	for _, arg := range a.spec.Exec.Command[1:] {
		args = append(args, r.Replace(arg))
	}
	var out capped
	cmd := exec.CommandContext(ctx, a.spec.Exec.Command[0], args...)
	cmd.Env = []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C",
		"LOADSHARE_ADDRESS=" + a.addr.Addr().String(), "LOADSHARE_PORT=" + strconv.Itoa(int(a.addr.Port())),
	}
	cmd.Dir = "/"
	cmd.Stdout = &out
	// The plugin and its children are one group, so that a timeout ends them all.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 100 * time.Millisecond
	err := cmd.Run()
	if cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // children it left behind; mostly there are none
	}
	a.endPlugin(cmd, out.b, err)
}

// endPlugin says what the plugin's end means.
func (a *attempt) endPlugin(cmd *exec.Cmd, out []byte, err error) {
	text := pluginText(out)
	if cmd.ProcessState == nil { // never started
		var errno syscall.Errno
		switch {
		case a.ctx.Err() != nil || errors.Is(err, context.DeadlineExceeded):
			a.end(ReasonLocal, "the plugin could not be started in time", nil)
		case errors.Is(err, os.ErrNotExist), errors.Is(err, os.ErrPermission), errors.Is(err, exec.ErrNotFound), errors.Is(err, syscall.ENOEXEC):
			a.end(ReasonPluginMissing, err.Error(), nil)
		case errors.As(err, &errno):
			a.end(ReasonLocal, err.Error(), nil)
		default:
			a.end(ReasonPluginMissing, err.Error(), nil)
		}
		return
	}
	// A plugin that hangs hangs on its service: that is a failure, as in the programs these plugins are made for.
	if code := cmd.ProcessState.ExitCode(); code < 0 && !time.Now().Before(a.deadline) {
		a.end(ReasonTimeout, fmt.Sprintf("the plugin was killed after %v", a.spec.Timeout), out)
	} else {
		a.endExit(code, text, out)
	}
}

func (a *attempt) endExit(code int, text string, out []byte) {
	switch code {
	case 0, 1:
		a.keep(out[:min(len(out), MaxGot)])
		a.res.Detail = text
		if code == 1 {
			a.res.Warning = "the plugin warns: " + text
		}
		a.succeed()
	case 2:
		a.end(ReasonCritical, text, out)
	case 3:
		a.end(ReasonPluginUnknown, text, out)
	case -1:
		a.end(ReasonPluginUnknown, "the plugin was ended by a signal", out)
	default:
		a.end(ReasonPluginUnknown, fmt.Sprintf("the plugin exited %d: %s", code, text), out)
	}
}

// pluginText is the sentence for people in a plugin's output: the first line, up to the first "|", printable
// and at most MaxGot bytes.
func pluginText(out []byte) string {
	line, _, _ := bytes.Cut(out, []byte("\n"))
	line, _, _ = bytes.Cut(line, []byte("|"))
	line = line[:min(len(line), MaxGot)]
	clean := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\uFFFD' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(string(line), " "))
	return strings.TrimSpace(clean)
}

// capped is a writer that keeps the first maxPluginOutput bytes.
type capped struct{ b []byte }

func (c *capped) Write(p []byte) (int, error) {
	room := maxPluginOutput - len(c.b)
	c.b = append(c.b, p[:min(room, len(p))]...)
	return len(p), nil
}
