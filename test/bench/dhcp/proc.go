package main

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

	"golang.org/x/sys/unix"
)

// Cores: what is measured, and what loads it.
const (
	serverCore = 0
	loadCore   = 1
)

// server is one server under measurement: one process, or the tree below it.
type server struct {
	node
	dir   string
	first bool // the main of a pair
	pool  int  // addresses
	cmd   *exec.Cmd
	exit  chan error
}

// run starts a program in the server's network and on the servers' core. Its output is added to a file in its directory.
func (s *server) run(program string, args ...string) error {
	out, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	cmd := exec.Command("ip", append([]string{"netns", "exec", s.netns, "taskset", "-c", strconv.Itoa(serverCore), program}, args...)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.dir, out, out
	cmd.Env = append(os.Environ(), "KEA_PIDFILE_DIR="+s.dir, "KEA_LOCKFILE_DIR=none")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return err
	}
	exit := make(chan error, 1)
	go func() { exit <- cmd.Wait() }()
	s.cmd, s.exit = cmd, exit
	return nil
}

// stop asks the process to end and kills the tree when it does not.
func (s *server) stop(sig syscall.Signal) {
	if s.cmd == nil {
		return
	}
	tree := s.tree()
	_ = s.cmd.Process.Signal(sig)
	select {
	case <-s.exit:
	case <-time.After(10 * time.Second):
		for _, pid := range tree {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		<-s.exit
	}
	s.cmd = nil
}

// ended says that it ended by itself.
func (s *server) ended() error {
	select {
	case err := <-s.exit:
		s.exit <- err
		return errors.Join(errEnded, err)
	default:
		return nil
	}
}

var errEnded = errors.New("it ended by itself")

// said checks what it has printed.
func (s *server) said(text string) bool {
	data, _ := os.ReadFile(filepath.Join(s.dir, "log"))
	return bytes.Contains(data, []byte(text))
}

// tail is the end of what it printed.
func (s *server) tail() string {
	data, _ := os.ReadFile(filepath.Join(s.dir, "log"))
	return string(data[max(0, len(data)-1500):])
}

// tree is the process and all below it.
func (s *server) tree() []int {
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
	list := []int{s.cmd.Process.Pid}
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
func (s *server) used() time.Duration {
	ticks := 0
	for _, pid := range s.tree() {
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

// memory is the tree's share of memory in MiB: pages used by several processes are counted once (proc(5), Pss).
func (s *server) memory() float64 {
	kb := 0
	for _, pid := range s.tree() {
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

func cpuModel() string {
	data, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(data)) {
		if name, ok := strings.CutPrefix(line, "model name"); ok {
			return strings.TrimSpace(strings.TrimLeft(name, "\t: "))
		}
	}
	return "unknown processor"
}

func kernel() string {
	data, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	return strings.TrimSpace(string(data))
}

// filesystem names that of a directory: what fsync costs depends on it.
func filesystem(dir string) string {
	out, err := exec.Command("stat", "-f", "-c", "%T", dir).Output()
	if err != nil {
		return "an unknown file system"
	}
	return strings.TrimSpace(string(out))
}
