package zone

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing wrong, or doubtful, with a zone's text or content.
type Problem struct {
	File    string // as it was opened; "" when it is about the zone as a whole
	Line    int    // from 1; 0 when it is about no line
	Warning bool   // the zone can be served all the same
	What    string // what is wrong and what is accepted
}

// String is FILE:LINE: error|warning: WHAT.
func (p Problem) String() string {
	kind := "error"
	if p.Warning {
		kind = "warning"
	}
	switch {
	case p.File == "":
		return kind + ": " + p.What
	case p.Line == 0:
		return p.File + ": " + kind + ": " + p.What
	}
	return fmt.Sprintf("%s:%d: %s: %s", p.File, p.Line, kind, p.What)
}

// Problems is everything found, in the order of the text, then what concerns the whole zone.
type Problems []Problem

// Err joins the errors among the problems; nil when there are only warnings.
func (ps Problems) Err() error {
	var text []string
	for _, p := range ps {
		if !p.Warning {
			text = append(text, p.String())
		}
	}
	if text == nil {
		return nil
	}
	return errors.New(strings.Join(text, "\n"))
}

// Warnings is the problems that do not keep the zone from being served.
func (ps Problems) Warnings() Problems {
	var out Problems
	for _, p := range ps {
		if p.Warning {
			out = append(out, p)
		}
	}
	return out
}

// maxProblems bounds what is reported, not what is counted as failure.
const maxProblems = 100

func (ps *Problems) add(p Problem) {
	if len(*ps) < maxProblems {
		*ps = append(*ps, p)
		return
	}
	if !p.Warning && !ps.failed() {
		(*ps)[maxProblems-1] = p // an error is never lost behind warnings
	}
}

// failed says whether one is an error.
func (ps Problems) failed() bool {
	return slices.ContainsFunc(ps, func(p Problem) bool { return !p.Warning })
}
