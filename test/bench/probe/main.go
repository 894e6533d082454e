// Command probe measures our probes beside those of Prometheus' blackbox_exporter in one run, and then the scheduler with
// 20,000 checks. Run it in its folder:
//
//	go run .
//
// It starts itself twice more with taskset: a server that answers all checks on core 1, and the measuring process on core 0.
// Targets are spread over 127.0.0.0/8 and several ports, so that local ports do not run out. Any check that does not
// come out well makes it exit 1, and so does a goal that is missed when -strict is given. Only ratios travel from one
// machine to another. It ends within two minutes.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

func main() {
	role := flag.String("role", "", "internal: serve or measure")
	ports := flag.String("ports", "", "internal: the server's ports")
	part := flag.String("part", "all", "all, compare or load")
	strict := flag.Bool("strict", false, "exit 1 when a goal is missed")
	flag.Parse()
	var err error
	switch *role {
	case "serve":
		err = serve()
	case "measure":
		err = measure(strings.Split(*ports, ","), *part, *strict)
	default:
		err = orchestrate(*part, *strict)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "probe benchmark:", err)
		os.Exit(1)
	}
}

// orchestrate prints the machine, starts server and measuring process on a core each, and waits for the latter.
func orchestrate(part string, strict bool) error {
	fmt.Printf("machine: %s, %d cores, %s %s/%s, kernel %s\n", cpuModel(), runtime.NumCPU(), runtime.Version(), runtime.GOOS, runtime.GOARCH, kernel())
	if runtime.NumCPU() < 2 {
		return fmt.Errorf("needs two cores: one for the targets, one to measure")
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	server := exec.Command("taskset", "-c", "1", self, "-role", "serve")
	server.Stderr = os.Stderr
	server.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := server.StdoutPipe()
	if err != nil {
		return err
	}
	if err := server.Start(); err != nil {
		return fmt.Errorf("start the targets: %w", err)
	}
	defer func() { _ = server.Process.Kill(); _ = server.Wait() }()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return fmt.Errorf("the targets did not start: %w", err)
	}
	m := exec.Command("taskset", "-c", "0", self, "-role", "measure", "-ports", strings.TrimSpace(line), "-part", part, fmt.Sprintf("-strict=%v", strict))
	m.Stdout, m.Stderr = os.Stdout, os.Stderr
	m.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return m.Run()
}

func measure(ports []string, part string, strict bool) error {
	begin := time.Now()
	t, err := newTargets(ports)
	if err != nil {
		return err
	}
	var missed []string
	for _, p := range []struct {
		name string
		run  func(*targets) ([]string, error)
	}{{"compare", compareAll}, {"load", manyChecks}} {
		if part != "all" && part != p.name {
			continue
		}
		more, err := p.run(t)
		if err != nil {
			return err
		}
		missed = append(missed, more...)
	}
	fmt.Printf("\ntook %v\n", time.Since(begin).Round(time.Second))
	for _, m := range missed {
		fmt.Println("goal missed:", m)
	}
	if strict && len(missed) > 0 {
		return fmt.Errorf("%d goals missed", len(missed))
	}
	return nil
}

func cpuModel() string {
	data, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(data)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown processor"
}

func kernel() string {
	data, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	return strings.TrimSpace(string(data))
}

// cpuTime is the processor time of this process so far, in user and system mode.
func cpuTime() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		panic(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
