package main

import (
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

// Times are shown local with their age, dates only where they are needed.
func TestWhen(t *testing.T) {
	now := time.Date(2026, 11, 22, 3, 44, 25, 0, time.Local)
	a := newApp(nil, &strings.Builder{}, nil)
	a.now = func() time.Time { return now }
	for want, at := range map[string]time.Time{
		"03:41:20 (3m ago)":              now.Add(-185 * time.Second),
		"03:44:24 (just now)":            now.Add(-200 * time.Millisecond),
		"03:44:21 (3s ago)":              now.Add(-3500 * time.Millisecond),
		"2026-11-21 23:44:25 (4h ago)":   now.Add(-4 * time.Hour),
		"2026-11-20 01:44:25 (2d2h ago)": now.Add(-50 * time.Hour),
		"04:44:25 (in 1h)":               now.Add(time.Hour),
		"2026-10-13 03:44:25 (40d ago)":  now.AddDate(0, 0, -40),
	} {
		if got := a.when(&at); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got := a.when(nil); got != "never" {
		t.Errorf("nil is %q", got)
	}
}

// Columns are aligned by what is seen, and nothing is coloured for a pipe.
func TestTable(t *testing.T) {
	var out strings.Builder
	a := newApp(nil, &out, nil)
	a.table([]string{"NAME", "STATE", "NOTE"}, [][]cell{{{"größe", plain}, {"up", green}, {"", plain}}, {{"x", plain}, {"drained", cyan}, {"y", plain}}})
	want := "NAME   STATE    NOTE\ngröße  up\nx      drained  y\n"
	if out.String() != want {
		t.Errorf("got\n%q, want\n%q", out.String(), want)
	}
}

// Every command that a person can call says what it does, and every one with arguments shows an example or its use.
func TestEveryCommandIsDocumented(t *testing.T) {
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		if c.Hidden {
			return
		}
		if c.Short == "" || strings.HasSuffix(c.Short, ".") {
			t.Errorf("%s: Short is %q: a phrase without a full stop is wanted", c.CommandPath(), c.Short)
		}
		if c.RunE == nil && c.Run == nil {
			t.Errorf("%s does nothing", c.CommandPath())
		}
		for _, line := range strings.Split(c.Long, "\n") {
			if len(line) > 110 {
				t.Errorf("%s: a line of the help has %d characters", c.CommandPath(), len(line))
			}
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(newRoot(newApp(nil, &strings.Builder{}, &strings.Builder{})))
}

// The contract's commands are there, by their names.
func TestCommandsOfTheContract(t *testing.T) {
	for _, line := range []string{
		"demo", "monitor", "agent", "dns", "dhcp", "check", "status", "ready", "pool list", "pool show", "pool why", "pool drain", "pool undrain", "normal-dns diff",
		"normal-dns apply", "zone list", "zone show", "zone export", "zone load", "key", "cert ca", "cert node", "import phonax",
		"dhcp-pair status", "dhcp-pair partner-down", "dhcp-pair recover", "dhcp-pair maintenance", "dhcp-pair sync", "lease list", "lease show", "lease release", "lease clock-sure", "lease orphans",
	} {
		code, out, _ := runHere(nil, append(strings.Fields(line), "--help")...)
		if want := "loadshare " + line; code != 0 || !strings.Contains(out, want) {
			t.Errorf("%s --help ended with %d and does not show %q:\n%s", line, code, want, out)
		}
	}
}

// A check says ok only when its last look was good: while a restart has its
// grace, failures are not counted, and there are none in a row.
func TestCheckTextSaysOkOnlyWhenItWas(t *testing.T) {
	a := newApp(nil, &strings.Builder{}, nil)
	at := time.Now()
	failed := a.checkText(checkView{Verdict: "down", Outcome: "failed", Reason: "refused", At: &at})
	if !strings.Contains(failed, "failed: refused") || strings.Contains(failed, "in a row") || strings.Contains(failed, ", ok") {
		t.Errorf("a failed look in the grace: %q", failed)
	}
	if got := a.checkText(checkView{Verdict: "down", Outcome: "failed", Reason: "refused", At: &at, Failures: 3}); !strings.Contains(got, "failed: refused, 3 in a row") {
		t.Errorf("three failures: %q", got)
	}
	if got := a.checkText(checkView{Verdict: "up", Outcome: "ok", At: &at}); !strings.HasPrefix(got, "up, ok ") {
		t.Errorf("a good look: %q", got)
	}
}
