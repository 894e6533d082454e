package agent

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"loadshare/internal/config"
)

// Method is how a service is restarted.
type Method string

// The methods.
const (
	Script  Method = "script"  // SCRIPT stop, then SCRIPT start, of the scripts directory (F04)
	Systemd Method = "systemd" // RestartUnit over D-Bus
	Exec    Method = "exec"    // the stop command, then the start command
)

// Service is one entry of the restart allow-list.
type Service struct {
	Name   string
	Method Method
	// Unit is for Systemd.
	Unit string
	// Stop and Start are for Script and Exec: absolute commands with arguments.
	Stop, Start []string
	// Status is what Script runs to see the state beforehand; else nil.
	Status []string
	// OnDown and OnUp run when a monitor says that the member went down or came
	// up (M8); nil when there is none.
	OnDown, OnUp []string
	// Timeout is for a whole restart or hook.
	Timeout time.Duration
	// Grace is what a command that took too long has between SIGTERM and SIGKILL.
	Grace  time.Duration
	Budget config.Rate
	// Log is a file whose last lines are part of the evidence; "" is none.
	Log string
}

// Defaults of [restart].
const (
	defaultScripts = "/etc/init.d"
	defaultTimeout = time.Minute
	defaultGrace   = 2 * time.Second
)

var defaultBudget = config.Rate{Count: 3, Per: 10 * time.Minute}

func readRestart(c *Config, s *config.Section) {
	scripts := s.Path("scripts", defaultScripts)
	base := Service{
		Budget:  s.Rate("budget", defaultBudget),
		Timeout: s.Duration("timeout", defaultTimeout, time.Second, time.Hour),
		Grace:   s.Duration("grace", defaultGrace, 100*time.Millisecond, time.Minute),
	}
	c.Bus = s.String("bus", "")
	needScripts := false
	for _, n := range s.Named("service") {
		if !plainName.MatchString(n.Name) {
			n.Fail("method", fmt.Sprintf("in a service with a plain name: %q has something besides letters, digits, dots, hyphens and underscores", n.Name))
		}
		service := readService(n, scripts, base)
		needScripts = needScripts || service.Method == Script
		c.Services[n.Name] = service
	}
	if needScripts || s.Has("scripts") {
		if info, err := os.Stat(scripts); err != nil || !info.IsDir() {
			s.Fail("scripts", "a directory with the start-stop scripts; "+scripts+" is none")
		}
	}
}

func readService(n config.Named, scripts string, base Service) Service {
	s := base
	s.Name = n.Name
	s.Budget = n.Rate("budget", base.Budget)
	s.Timeout = n.Duration("timeout", base.Timeout, time.Second, time.Hour)
	s.Grace = n.Duration("grace", base.Grace, 100*time.Millisecond, time.Minute)
	s.OnDown, s.OnUp = command(n.Section, "on_down"), command(n.Section, "on_up")
	s.Log = n.Path("log", "")
	s.Method = Method(n.OneOf("method", string(Script), string(Script), string(Systemd), string(Exec)))
	switch s.Method {
	case Script:
		script := n.String("script", n.Name)
		if !plainName.MatchString(script) {
			n.Fail("script", "the name of a script in "+scripts+", without a path")
		}
		path := filepath.Join(scripts, script)
		s.Stop, s.Start, s.Status = []string{path, "stop"}, []string{path, "start"}, []string{path, "status"}
		warnMissing(n.Section, "method", path)
	case Systemd:
		s.Unit = n.String("unit", n.Name+".service")
		if !validUnit(s.Unit) {
			n.Fail("unit", "the name of a unit, such as postfix.service")
		}
	case Exec:
		s.Stop, s.Start = command(n.Section, "stop"), command(n.Section, "start")
		if s.Start == nil {
			n.Fail("start", "a command as a list, its first word an absolute path")
		}
	}
	return s
}

// command reads a list of words that begins with an absolute path. No shell sees it.
func command(s *config.Section, key string) []string {
	words := s.Strings(key)
	if len(words) == 0 {
		if s.Has(key) {
			s.Fail(key, "a command as a list, its first word an absolute path")
		}
		return nil
	}
	if !filepath.IsAbs(words[0]) {
		s.FailItem(key, 0, "an absolute path")
		return nil
	}
	for i, w := range words {
		if strings.ContainsRune(w, 0) {
			s.FailItem(key, i, "a word without a NUL character")
			return nil
		}
	}
	warnMissing(s, key, words[0])
	return words
}

// warnMissing warns of a program that is not there; it may come with a package later.
func warnMissing(s *config.Section, key, path string) {
	if info, err := os.Stat(path); err != nil || info.IsDir() || info.Mode()&0o111 == 0 {
		s.Warn(key, path+" is no executable file now: restarts will fail until it is")
	}
}

func validUnit(u string) bool {
	dot := strings.LastIndexByte(u, '.')
	if dot <= 0 || len(u) > 255 || dot == len(u)-1 {
		return false
	}
	return !strings.ContainsFunc(u, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(`:_.\@-`, r))
	})
}

func readBounded(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(data)) > most {
		err = fmt.Errorf("%s is longer than %d bytes", path, most)
	}
	return data, err
}
