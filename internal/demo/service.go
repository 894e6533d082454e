package demo

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// service is one little service of one node.
type service struct {
	binary, kind, addr, pidfile string
	// quiet keeps start and stop from printing.
	quiet bool
}

func (w *world) service(n node, kind string) service {
	port := httpPort
	if kind == "smtp" {
		port = smtpPort
	}
	return service{binary: w.binary, kind: kind, addr: net.JoinHostPort(n.addr.String(), strconv.Itoa(port)), pidfile: w.path(kind + "-" + n.name + ".pid")}
}

// services are those of the i-th node: each serves http, the first ones smtp too.
func (w *world) services(i int) []service {
	list := []service{w.service(w.webs[i], "http")}
	if i < len(w.mails) {
		list = append(list, w.service(w.webs[i], "smtp"))
	}
	return list
}

// command is what the node's agent.toml says for start and stop.
func (s service) command(verb string) []string {
	return []string{s.binary, "demo-service", verb, s.kind, s.addr, s.pidfile}
}

// kill ends the service as kill -9 does.
func (s service) kill() error {
	pid, err := readPid(s.pidfile)
	if err != nil {
		return fmt.Errorf("kill %s on %s: %w", s.kind, s.addr, err)
	}
	return syscall.Kill(pid, syscall.SIGKILL)
}

// Service is the hidden subcommand `loadshare demo-service VERB KIND ADDRESS PIDFILE`
// with VERB run, start or stop: what an init script is to a real service.
// start returns when the service answers; it lives on by itself.
func Service(ctx context.Context, args []string) error {
	if len(args) != 4 {
		return errors.New("usage: demo-service run|start|stop http|smtp ADDRESS PIDFILE")
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program's file: %w", err)
	}
	s := service{binary: self, kind: args[1], addr: args[2], pidfile: args[3]}
	switch args[0] {
	case "run":
		return s.run(ctx)
	case "start":
		return s.start()
	case "stop":
		return s.stop()
	}
	return fmt.Errorf("demo-service: verb %q: run, start or stop is accepted", args[0])
}

// say prints what an init script would print.
func (s service) say(format string, args ...any) {
	if !s.quiet {
		fmt.Printf(format, args...)
	}
}

func (s service) start() error {
	if _, err := readPid(s.pidfile); err == nil {
		s.say("%s is running already\n", s.kind)
		return nil
	}
	cmd := exec.Command(s.binary, "demo-service", "run", s.kind, s.addr, s.pidfile)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", s.kind, err)
	}
	if err := os.WriteFile(s.pidfile, []byte(strconv.Itoa(cmd.Process.Pid)), 0o600); err != nil {
		return err
	}
	for range 100 {
		if conn, err := net.DialTimeout("tcp", s.addr, time.Second); err == nil {
			s.say("%s listens on %s, pid %d\n", s.kind, s.addr, cmd.Process.Pid)
			return conn.Close()
		}
		time.Sleep(20 * time.Millisecond)
	}
	return fmt.Errorf("%s does not listen on %s after 2 s", s.kind, s.addr)
}

func (s service) stop() error {
	pid, err := readPid(s.pidfile)
	if err != nil {
		s.say("%s was not running\n", s.kind)
		return nil
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop %s: %w", s.kind, err)
	}
	for range 100 {
		if _, err := readPid(s.pidfile); err != nil {
			s.say("%s stopped\n", s.kind)
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return syscall.Kill(pid, syscall.SIGKILL)
}

func (s service) run(ctx context.Context) error {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", s.addr)
	if err != nil {
		return err
	}
	if s.kind == "http" {
		srv := &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, "httpd is working on %s\n", s.addr)
		})}
		return srv.Serve(l)
	}
	return serveMail(l, func(string) {})
}

// serveMail speaks just enough SMTP to be probed and to take a message.
func serveMail(l net.Listener, got func(message string)) error {
	for {
		conn, err := l.Accept()
		if err != nil {
			return err
		}
		go mailSession(conn, got)
	}
}

func mailSession(conn net.Conn, got func(string)) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	in := bufio.NewReaderSize(conn, 4096)
	say := func(line string) { fmt.Fprintf(conn, "%s\r\n", line) }
	say("220 demo ESMTP")
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		switch verb := strings.ToUpper(strings.TrimSpace(line)); {
		case strings.HasPrefix(verb, "QUIT"):
			say("221 bye")
			return
		case verb == "DATA":
			say("354 go on")
			text, err := readMessage(in)
			if err != nil {
				return
			}
			got(text)
			say("250 taken")
		default:
			say("250 ok")
		}
	}
}

// readMessage reads up to the line with the single dot, at most 1 MiB.
func readMessage(in *bufio.Reader) (string, error) {
	var b strings.Builder
	for b.Len() < 1<<20 {
		line, err := in.ReadString('\n')
		if err != nil {
			return "", err
		}
		if strings.TrimRight(line, "\r\n") == "." {
			return b.String(), nil
		}
		b.WriteString(line)
	}
	return "", errors.New("message over 1 MiB")
}
