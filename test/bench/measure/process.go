package measure

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Process is a server under measurement: one process, or the tree below it.
type Process struct {
	cmd  *exec.Cmd
	log  string
	exit chan error
}

// Start runs a command in dir; its output is added to the file log there. It dies with this process.
func Start(dir string, cmd *exec.Cmd) (*Process, error) {
	logFile := filepath.Join(dir, "log")
	out, err := os.OpenFile(logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &Process{cmd: cmd, log: logFile, exit: make(chan error, 1)}
	go func() { p.exit <- cmd.Wait() }()
	return p, nil
}

// Stop sends a signal, and kills the tree when it has not ended after 10 s.
func (p *Process) Stop(sig syscall.Signal) {
	tree := p.tree()
	_ = p.cmd.Process.Signal(sig)
	select {
	case <-p.exit:
	case <-time.After(10 * time.Second):
		for _, pid := range tree {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		<-p.exit
	}
}

// Kill is kill -9, without waiting.
func (p *Process) Kill() { _ = p.cmd.Process.Kill() }

// Ended says that it ended by itself.
func (p *Process) Ended() error {
	select {
	case err := <-p.exit:
		p.exit <- err
		return errors.Join(errEnded, err)
	default:
		return nil
	}
}

var errEnded = errors.New("it ended by itself")

// Said checks what it has printed.
func (p *Process) Said(text string) bool {
	data, _ := os.ReadFile(p.log)
	return bytes.Contains(data, []byte(text))
}

// Tail is the end of what it printed.
func (p *Process) Tail() string {
	data, _ := os.ReadFile(p.log)
	return string(data[max(0, len(data)-1500):])
}

// tree is the process and all below it.
func (p *Process) tree() []int {
	parents := map[int][]int{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range stats {
		pid, f, err := statFields(file)
		if err != nil {
			continue // it ended meanwhile
		}
		parent, _ := strconv.Atoi(f[1])
		parents[parent] = append(parents[parent], pid)
	}
	list := []int{p.cmd.Process.Pid}
	for i := 0; i < len(list); i++ {
		list = append(list, parents[list[i]]...)
	}
	return list
}

// statFields are the fields of /proc/PID/stat from the third on (proc(5)).
func statFields(file string) (pid int, fields []string, err error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return 0, nil, err
	}
	pid, err = strconv.Atoi(string(data[:bytes.IndexByte(data, ' ')]))
	return pid, strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:])), err
}

// Used is the processor time of the tree so far, user and system; it counts in ticks of 10 ms.
func (p *Process) Used() time.Duration {
	ticks := 0
	for _, pid := range p.tree() {
		_, f, err := statFields(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue
		}
		for _, field := range f[11:13] {
			n, _ := strconv.Atoi(field)
			ticks += n
		}
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// Memory is the tree's share of memory in MiB: pages used by several processes are counted once (proc(5), Pss).
func (p *Process) Memory() float64 {
	kb := 0
	for _, pid := range p.tree() {
		data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		for line := range strings.Lines(string(data)) {
			if rest, ok := strings.CutPrefix(line, "Pss:"); ok {
				n, _ := strconv.Atoi(strings.Fields(rest)[0])
				kb += n
			}
		}
	}
	return float64(kb) / 1024
}
