package agent

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

const (
	maxEvidence  = 8 << 10
	evidenceTime = 3 * time.Second // for each source
	logTail      = 3 << 10
)

// evidence collects what the restart is about to destroy: the state of the
// service and its last log lines. It never fails; what cannot be had is said.
func (r *restarter) evidence(ctx context.Context, bus string, s Service) string {
	out := newTail(maxEvidence)
	switch s.Method {
	case Systemd:
		uctx, cancel := context.WithTimeout(ctx, evidenceTime)
		state, err := r.units(bus).status(uctx, s.Unit)
		cancel()
		if err != nil {
			state = err.Error()
		}
		fmt.Fprintf(out, "== %s\n%s\n", s.Unit, state)
		r.journal(ctx, out, s.Unit)
	case Script:
		fmt.Fprintf(out, "== %s status\n", s.Status[0])
		text := newTail(logTail)
		e := r.commands.run(ctx, s.Status, serviceEnv(s), evidenceTime, time.Second, killAtOnce, text)
		fmt.Fprintf(out, "%s\n", text)
		sayEnd(out, "status", evidenceTime, e)
	case Exec:
	}
	if s.Log != "" {
		fmt.Fprintf(out, "== %s\n%s\n", s.Log, lastOf(s.Log))
	}
	return out.String()
}

// journal adds the unit's last lines, when there is a journal.
func (r *restarter) journal(ctx context.Context, out *tail, unit string) {
	path, err := exec.LookPath("journalctl")
	if err != nil {
		return
	}
	text := newTail(logTail)
	e := r.commands.run(ctx, []string{path, "--no-pager", "--quiet", "-n", "20", "-u", unit}, nil, evidenceTime, time.Second, killAtOnce, text)
	fmt.Fprintf(out, "== journal\n%s\n", text)
	if !e.ok() {
		sayEnd(out, "journalctl", evidenceTime, e)
	}
}

// lastOf is the end of a log file.
func lastOf(path string) string {
	f, err := os.OpenFile(path, os.O_RDONLY|nonBlocking, 0)
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err.Error()
	}
	if !info.Mode().IsRegular() {
		return "no regular file"
	}
	if from := info.Size() - logTail; from > 0 {
		if _, err := f.Seek(from, io.SeekStart); err != nil {
			return err.Error()
		}
	}
	b, err := io.ReadAll(io.LimitReader(f, logTail))
	if err != nil {
		return err.Error()
	}
	return printable(b)
}
