package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Cores: what is measured, and what loads it.
const (
	serverCore = 0
	loadCore   = 1
)

// proc is a server under measurement: one process, or the tree below it.
type proc struct {
	cmd  *exec.Cmd
	log  string
	exit chan error
}

// startOn runs a program on one core. Its output goes to a file in dir.
func startOn(core int, dir, program string, args ...string) (*proc, error) {
	logFile := filepath.Join(dir, "log")
	out, err := os.Create(logFile)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd := exec.Command("taskset", append([]string{"-c", strconv.Itoa(core), program}, args...)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &proc{cmd: cmd, log: logFile, exit: make(chan error, 1)}
	go func() { p.exit <- cmd.Wait() }()
	return p, nil
}

// stop asks the process to end and kills the tree when it does not.
func (p *proc) stop() {
	tree := p.tree()
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.exit:
	case <-time.After(10 * time.Second):
		for _, pid := range tree {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		<-p.exit
	}
}

// tail is the end of what it printed.
func (p *proc) tail() string {
	data, _ := os.ReadFile(p.log)
	return string(data[max(0, len(data)-1500):])
}

// tree is the process and all below it.
func (p *proc) tree() []int {
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

// used is the processor time of the tree so far, user and system; it counts in ticks of 10 ms.
func (p *proc) used() time.Duration {
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

// memory is the tree's share of memory in MB: pages used by several processes are counted once (proc(5), Pss).
func (p *proc) memory() float64 {
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

// pinSelf keeps this process on a core.
func pinSelf(core int) error {
	var set unix.CPUSet
	set.Set(core)
	for range 3 { // threads that start meanwhile
		tasks, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return err
		}
		for _, t := range tasks {
			tid, err := strconv.Atoi(t.Name())
			if err != nil {
				return err
			}
			if err := unix.SchedSetaffinity(tid, &set); err != nil && err != unix.ESRCH {
				return err
			}
		}
	}
	return nil
}
