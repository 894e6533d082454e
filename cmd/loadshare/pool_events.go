package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// checkText is what a check sees, with what it saw when that was wrong.
func (a *app) checkText(c checkView) string {
	text := a.paint(stateColor(c.Verdict), c.Verdict)
	switch {
	case c.At == nil:
		text += ", not looked at yet"
	case c.Outcome == "ok":
		text += ", ok " + a.when(c.At)
	default:
		// While a restart has its grace, failures are not counted.
		text += ", " + c.Outcome + ": " + c.Reason
		if c.Failures > 0 {
			text += fmt.Sprintf(", %d in a row", c.Failures)
		}
		text += fmt.Sprintf(", last at %s; last ok %s", a.when(c.At), a.when(c.LastOK))
		if c.Detail != "" {
			text += "\n      " + a.paint(dim, strings.ReplaceAll(c.Detail, "\n", "\n      "))
		}
	}
	if c.Blocked != "" {
		text += ", not counted while " + c.Blocked + " fails"
	}
	return text
}

func (a *app) printEvent(e eventView) {
	move := ""
	if e.From != "" || e.To != "" {
		move = " " + orWord(e.From, "-") + " -> " + a.paint(stateColor(e.To), orWord(e.To, "-"))
	}
	text := e.Reason
	if e.Text != "" {
		text = strings.TrimPrefix(text+": ", ": ") + strings.ReplaceAll(e.Text, "\n", " ")
	}
	a.printf("    %s  %-8s%s %s\n", e.At.Local().Format("15:04:05.000"), e.Kind, move, text)
	for _, key := range slices.Sorted(maps.Keys(e.Data)) {
		if value := strings.TrimSpace(e.Data[key]); value != "" && worthShowing(e.Kind, key, value) {
			a.printf("                  %s\n", a.paint(dim, key+": "+strings.ReplaceAll(value, "\n", "\n                    ")))
		}
	}
}

// worthShowing leaves out what the sentence of the event says already; --json has all of it.
func worthShowing(kind, key, value string) bool {
	switch {
	case kind == "publish":
		return strings.HasPrefix(key, "server ") && value != "answers"
	case key == "exit_code":
		return value != "0"
	}
	return key != "outcome" && key != "took" && key != "left"
}
