package main

import (
	"strings"
	"time"
)

// common is what the status of every role may hold besides its own.
type common struct {
	Version string     `json:"version"`
	Started *time.Time `json:"started"`
	Reload  *struct {
		At    *time.Time `json:"at"`
		OK    bool       `json:"ok"`
		Error string     `json:"error"`
	} `json:"reload"`
	Alerts *struct {
		Queued    int        `json:"queued"`
		Oldest    *time.Time `json:"oldest"`
		GivenUp   uint64     `json:"given_up"`
		LastError string     `json:"last_error"`
	} `json:"alerts"`
}

// printCommon prints it: what went well is not worth a line.
func (a *app) printCommon(c common) {
	if c.Reload != nil && !c.Reload.OK && c.Reload.At != nil {
		a.printf("%s %s, the former configuration is in use:\n  %s\n", a.paint(red, "reload failed"), a.when(c.Reload.At), strings.ReplaceAll(c.Reload.Error, "\n", "\n  "))
	}
	if al := c.Alerts; al != nil {
		if al.Queued > 0 && al.LastError != "" {
			a.printf("%s: %s waiting since %s: %s\n", a.paint(yellow, "mail is stuck"), plural(al.Queued, "alert"), a.when(al.Oldest), al.LastError)
		}
		if al.GivenUp > 0 {
			a.printf("%s: %s refused for good: see the log\n", a.paint(red, "mail given up"), plural(int(al.GivenUp), "alert"))
		}
	}
}

// stateColor is the colour of a state, of any role.
func stateColor(state string) string {
	switch state {
	case "up", "normal", "sync-complete", "single", "ready", "holder", "ok":
		return green
	case "down", "sync-failed", "unfit", "error":
		return red
	case "drained":
		return cyan
	}
	return yellow
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
