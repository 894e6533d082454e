package demo

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// role is one process of the demo, by the name of its log file.
type role struct {
	name string
	args []string
}

// procs starts and ends the processes of the demo. Only what it started is ever signalled.
type procs struct {
	w       *world
	running map[string]*exec.Cmd
	exited  map[string]chan error
}

func newProcs(w *world) *procs {
	return &procs{w: w, running: map[string]*exec.Cmd{}, exited: map[string]chan error{}}
}

// roles lists every role in the order of starting.
func (w *world) roles() []role {
	var out []role
	for _, n := range w.dns {
		out = append(out, role{n.name, []string{"dns", "-c", w.path(n.name + ".toml")}})
	}
	for _, list := range [][]node{w.dns, w.webs} {
		for _, n := range list {
			name := "agent-" + n.name
			out = append(out, role{name, []string{"agent", "-c", w.path(name + ".toml")}})
		}
	}
	for _, n := range w.dhcp {
		out = append(out, role{n.name, []string{"dhcp", "-c", w.path(n.name + ".toml")}})
	}
	return append(out, role{"monitor", []string{"monitor", "-c", w.path("monitor.toml")}})
}

// role is the one of that name.
func (w *world) role(name string) role {
	roles := w.roles()
	return roles[slices.IndexFunc(roles, func(r role) bool { return r.name == name })]
}

// process is the file that holds a role's process id, for who plays with the demo.
func (w *world) process(name string) string { return w.path(name + ".process") }

// start runs one role; its log goes to NAME.log in the demo's directory.
func (p *procs) start(r role) error {
	log, err := os.OpenFile(p.w.path(r.name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open the log of %s: %w", r.name, err)
	}
	defer log.Close()
	cmd := exec.Command(p.w.binary, r.args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = p.w.dir, log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", r.name, err)
	}
	if err := os.WriteFile(p.w.process(r.name), []byte(strconv.Itoa(cmd.Process.Pid)), 0o600); err != nil {
		return fmt.Errorf("note the process id of %s: %w", r.name, err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	p.running[r.name], p.exited[r.name] = cmd, done
	return nil
}

// kill ends one role at once, as a power cut would.
func (p *procs) kill(name string) error {
	cmd := p.running[name]
	if cmd == nil {
		return fmt.Errorf("%s is not running", name)
	}
	delete(p.running, name)
	if err := cmd.Process.Kill(); err != nil {
		return fmt.Errorf("kill %s: %w", name, err)
	}
	<-p.exited[name]
	return nil
}

// dead returns the name and the last log lines of a role that ended by itself.
func (p *procs) dead() (name, log string) {
	for name := range p.running {
		select {
		case err := <-p.exited[name]:
			p.exited[name] <- err
			return name, p.tail(name)
		default:
		}
	}
	return "", ""
}

func (p *procs) tail(name string) string {
	data, err := os.ReadFile(p.w.path(name + ".log"))
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	return strings.Join(lines[max(0, len(lines)-5):], "\n")
}

// stopAll ends every role in order, then the services, and waits at most 5 s for them.
func (p *procs) stopAll() {
	for _, cmd := range p.running {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
	}
	limit := time.After(5 * time.Second)
	for name, cmd := range p.running {
		select {
		case <-p.exited[name]:
		case <-limit:
			_ = cmd.Process.Kill()
		}
	}
	pids, err := filepath.Glob(p.w.path("*.pid"))
	if err != nil {
		return
	}
	for _, file := range pids {
		if pid, err := readPid(file); err == nil {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// readPid reads a process id and makes sure that it is still a service of this demo.
func readPid(file string) (int, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil || pid <= 1 {
		return 0, fmt.Errorf("%s holds no process id", file)
	}
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil || !strings.Contains(string(line), file) {
		return 0, errors.New("that process is gone")
	}
	return pid, nil
}
