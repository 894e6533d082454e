package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/term"
)

// The colours of a terminal, by meaning.
const (
	plain  = ""
	bold   = "1"
	dim    = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
	cyan   = "36"
)

// printJSON prints v on stdout, indented.
func (a *app) printJSON(v any) error {
	e := json.NewEncoder(a.stdout)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// colored reports whether w shows colours: only a terminal does, and only if nobody said NO_COLOR.
func (a *app) colored(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && a.env("NO_COLOR") == "" && a.env("TERM") != "dumb" && term.IsTerminal(int(f.Fd()))
}

// paint colours text for stdout.
func (a *app) paint(color, text string) string {
	if color == plain || text == "" || !a.colored(a.stdout) {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[0m"
}

func (a *app) printf(format string, args ...any) { fmt.Fprintf(a.stdout, format, args...) }

// when shows a moment as a person at this machine says it: local time, and how long ago.
func (a *app) when(t *time.Time) string {
	if t == nil || t.IsZero() {
		return "never"
	}
	now, l := a.now(), t.Local()
	layout := "2006-01-02 15:04:05"
	if y, m, d := now.Local().Date(); now.Sub(l).Abs() < 24*time.Hour {
		if ly, lm, ld := l.Date(); y == ly && m == lm && d == ld {
			layout = "15:04:05"
		}
	}
	return l.Format(layout) + " (" + age(now.Sub(*t)) + ")"
}

// age is a distance from now in one or two units: "3m ago", "2h10m ago", "in 5m".
func age(d time.Duration) string {
	if d < 0 {
		return "in " + span(-d)
	}
	if d < time.Second {
		return "just now"
	}
	return span(d.Truncate(time.Second)) + " ago"
}

// span is a length of time, precise while it is short: "12ms", "3.2s", "2h10m".
func span(d time.Duration) string {
	day := 24 * time.Hour
	switch {
	case d < time.Second:
		return fmt.Sprintf("%dms", d.Milliseconds())
	case d < 10*time.Second:
		return strings.TrimSuffix(fmt.Sprintf("%.1f", d.Seconds()), ".0") + "s"
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < day:
		return twoUnits(int(d/time.Hour), "h", int(d%time.Hour/time.Minute), "m")
	case d < 14*day:
		return twoUnits(int(d/day), "d", int(d%day/time.Hour), "h")
	}
	return fmt.Sprintf("%dd", int(d/day))
}

func twoUnits(n int, unit string, m int, sub string) string {
	if m == 0 || n >= 10 {
		return fmt.Sprintf("%d%s", n, unit)
	}
	return fmt.Sprintf("%d%s%d%s", n, unit, m, sub)
}

// cell is one field of a table, with its colour.
type cell struct{ text, color string }

// table prints rows in aligned columns under a heading; the last column is not padded.
func (a *app) table(heading []string, rows [][]cell) {
	width := make([]int, len(heading))
	for i, h := range heading {
		width[i] = utf8.RuneCountInString(h)
	}
	for _, row := range rows {
		for i, c := range row {
			width[i] = max(width[i], utf8.RuneCountInString(c.text))
		}
	}
	line := func(row []cell) {
		var b strings.Builder
		for i, c := range row {
			b.WriteString(a.paint(c.color, c.text))
			if i < len(row)-1 {
				b.WriteString(strings.Repeat(" ", width[i]-utf8.RuneCountInString(c.text)+2))
			}
		}
		fmt.Fprintln(a.stdout, strings.TrimRight(b.String(), " "))
	}
	head := make([]cell, len(heading))
	for i, h := range heading {
		head[i] = cell{h, dim}
	}
	line(head)
	for _, row := range rows {
		line(row)
	}
}

// next tells what to type now.
func (a *app) next(command string) {
	if command != "" {
		a.printf("\nnext: %s\n", a.paint(bold, a.asAsked(command)))
	}
}

// ourCommand is a command in an advice, and what comes after it. One for another host says so.
var ourCommand = regexp.MustCompile(`(loadshare (?:status|ready|pool|normal-dns|zone|ha|pair|dhcp-pair|lease)\b[^;(]*?)(   on | on |   |;|$)`)

// asAsked gives the commands in an advice the flags that the role was found by: what is printed works as it stands.
func (a *app) asAsked(advice string) string {
	flags := ""
	switch {
	case a.answered != "":
		flags = " -s " + a.answered
	case a.local, a.several:
	case a.file != "":
		flags = " -c " + a.file
	case a.server != "":
		flags = " -s " + a.server
	}
	for _, f := range []struct{ name, file string }{{"--ca", a.tls.CA}, {"--cert", a.tls.Cert}, {"--cert-key", a.tls.Key}} {
		if f.file != "" {
			flags += " " + f.name + " " + f.file
		}
	}
	if flags == "" {
		return advice
	}
	return ourCommand.ReplaceAllStringFunc(advice, func(s string) string {
		m := ourCommand.FindStringSubmatch(s)
		if strings.HasSuffix(m[2], " on ") {
			return s
		}
		return m[1] + flags + m[2]
	})
}
