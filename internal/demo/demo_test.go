package demo

import (
	"bufio"
	"net"
	"os"
	"strings"
	"testing"

	"loadshare/agent"
	dhcpconfig "loadshare/dhcp/config"
	"loadshare/haserver"
	"loadshare/internal/config"
	"loadshare/monitor"
)

// TestEveryConfigurationIsGood: the demo's own configurations are accepted without an error.
func TestEveryConfigurationIsGood(t *testing.T) {
	w, err := newWorld("/usr/bin/true")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(w.dir)
	load := map[string]func(string) config.Problems{
		"dns":     func(f string) config.Problems { _, p := haserver.LoadConfig(f); return p },
		"agent":   func(f string) config.Problems { _, p := agent.LoadConfig(f); return p },
		"dhcp":    func(f string) config.Problems { _, p := dhcpconfig.Load(f); return p },
		"monitor": func(f string) config.Problems { _, p := monitor.LoadConfig(f); return p },
	}
	roles := w.roles()
	if len(roles) != 10 {
		t.Errorf("%d roles, the story has 10 processes", len(roles))
	}
	for _, r := range roles {
		if err := load[r.args[0]](r.args[2]).Err(); err != nil {
			t.Errorf("%s:\n%v", r.name, err)
		}
	}
}

// TestMailSessionTakesAMessage: the mailbox speaks enough SMTP for a sender.
func TestMailSessionTakesAMessage(t *testing.T) {
	ours, theirs := net.Pipe()
	got := make(chan string, 1)
	go mailSession(theirs, func(text string) { got <- text })
	in := bufio.NewReader(ours)
	for _, step := range []struct{ say, expect string }{
		{"", "220"}, {"EHLO x", "250"}, {"MAIL FROM:<a@b>", "250"}, {"RCPT TO:<c@d>", "250"}, {"DATA", "354"},
		{"Subject: =?utf-8?q?down?=\r\n\r\nhello\r\n.", "250"}, {"QUIT", "221"},
	} {
		if step.say != "" {
			if _, err := ours.Write([]byte(step.say + "\r\n")); err != nil {
				t.Fatal(err)
			}
		}
		line, err := in.ReadString('\n')
		if err != nil || !strings.HasPrefix(line, step.expect) {
			t.Fatalf("after %q: %q %v, expected %s", step.say, line, err, step.expect)
		}
	}
	if s := subject(<-got); s != "down" {
		t.Errorf("subject %q, expected the decoded word", s)
	}
}

// TestReadPidTrustsOnlyItsOwnProcesses: a number in a file is not enough to signal a process.
func TestReadPidTrustsOnlyItsOwnProcesses(t *testing.T) {
	file := t.TempDir() + "/x.pid"
	for _, text := range []string{"", "abc", "1", "-5", "99999999", "0"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if pid, err := readPid(file); err == nil {
			t.Errorf("%q gave process %d", text, pid)
		}
	}
}
