package config

import (
	"fmt"
	"strings"
)

// Problem is one thing wrong with a configuration: where it stands, what was
// written there, and what is accepted instead.
type Problem struct {
	File  string // as it was opened
	Line  int    // counted from 1; 0 when the problem has no line (the file cannot be read)
	Key   string // full path, counted from 1: `pool[2].check.port`; empty for syntax errors
	Value string // as TOML writes it, passwords of URLs left out; empty when the key is absent
	// Accepted says what would have been right; of a warning, what to think about.
	Accepted string
	// What names the kind of problem when it is no wrong value: "unknown key",
	// "missing", or the text of a syntax error.
	What string
	// Hint is a guess at what was meant, empty without one.
	Hint    string
	Warning bool // printed, but the configuration is used
}

// The values of Problem.What that are not the text of a syntax error.
const (
	whatUnknown = "unknown key"
	whatMissing = "missing"
)

// String is the line printed for the operator, for example
//
//	monitor.toml:12: pool[2].check.port = "abc": accepted: a number from 1 to 65535
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d", p.Line)
	}
	b.WriteString(": ")
	if p.Warning {
		b.WriteString("warning: ")
	}
	switch {
	case p.What == whatUnknown:
		b.WriteString("unknown key " + p.assignment())
	case p.What == whatMissing:
		b.WriteString(p.Key + " is missing")
	case p.What != "":
		b.WriteString(p.What)
	default:
		b.WriteString(p.assignment())
	}
	if p.Hint != "" {
		b.WriteString(": " + p.Hint)
	}
	switch {
	case p.Accepted == "":
	case p.Hint != "":
		b.WriteString(" accepted: " + p.Accepted)
	case p.Warning:
		b.WriteString(": " + p.Accepted)
	default:
		b.WriteString(": accepted: " + p.Accepted)
	}
	return b.String()
}

func (p Problem) assignment() string {
	if p.Value == "" {
		return p.Key
	}
	return p.Key + " = " + p.Value
}

// Problems is everything found in one file, in line order.
type Problems []Problem

// Errors are the problems that forbid the use of the configuration.
func (ps Problems) Errors() Problems { return ps.filter(false) }

// Warnings are the problems that are only printed.
func (ps Problems) Warnings() Problems { return ps.filter(true) }

func (ps Problems) filter(warning bool) Problems {
	var out Problems
	for _, p := range ps {
		if p.Warning == warning {
			out = append(out, p)
		}
	}
	return out
}

// Err is nil when there are only warnings, otherwise an *Error with the errors.
func (ps Problems) Err() error {
	if errs := ps.Errors(); len(errs) > 0 {
		return &Error{Problems: errs}
	}
	return nil
}

// Error is a configuration that cannot be used, with every reason.
type Error struct{ Problems Problems }

// Error lists the problems, one a line.
func (e *Error) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}
