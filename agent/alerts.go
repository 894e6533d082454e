package agent

import (
	"fmt"
	"strings"
	"time"

	"loadshare/agent/plan"
	"loadshare/internal/alert"
)

// alert sends the agent's own mail: no monitor speaks to it (M6), or a first
// adoption found records that belong to nobody (M3).
func (l *loop) alert(a plan.Alert) {
	var m alert.Alert
	switch a.Kind {
	case plan.AlertFrozen:
		m = frozenAlert(l.cfg, a)
	case plan.AlertStrays:
		m = straysAlert(l.cfg, a)
	}
	if err := l.mail.Send(m); err != nil {
		l.log.Error("alert not queued", "kind", string(a.Kind), "error", err)
	}
}

func frozenAlert(c *Config, a plan.Alert) alert.Alert {
	since := a.Since.UTC().Format(time.RFC3339)
	m := alert.Alert{Incident: "agent " + c.Name + " frozen", Kind: alert.AgentFrozen, Final: a.Final, At: time.Now()}
	if a.Final {
		m.Kind = alert.Recovery
		m.Title = "a monitor speaks to agent " + c.Name + " again"
		m.Body = "Orders reach this agent again.\n"
		return m
	}
	m.Title = "no monitor speaks to agent " + c.Name + " since " + since
	m.Next = "systemctl status loadshare-monitor    (on the monitor's host)"
	var b strings.Builder
	fmt.Fprintf(&b, "No monitor has spoken to the agent %s on %s since %s.\n", c.Name, c.Listen, since)
	if c.Publish != nil {
		b.WriteString("The records it publishes stay as they are: nothing is removed and nothing returns until a monitor speaks.\n")
	}
	if len(c.Services) > 0 {
		b.WriteString("Its services are not restarted until then.\n")
	}
	m.Body = b.String()
	return m
}

func straysAlert(c *Config, a plan.Alert) alert.Alert {
	p := string(a.Pool)
	m := alert.Alert{
		Incident: "strays " + p, Kind: alert.Stray, At: time.Now(), Final: true,
		Title: p + " holds records that nobody configured",
		Next:  "loadshare pool show " + a.Pool.Name(),
	}
	m.Body = fmt.Sprintf("At its first order for %s the agent %s found records that are neither a member's nor in normal-dns.\n"+
		"They were left this time. With strays = \"remove\" the next order removes them; add them to normal-dns to keep them.\n"+
		"These lines would remove them:\n\n%s\n", p, c.Name, strings.Join(a.Lines, "\n"))
	m.Evidence = strings.Join(a.Values, "\n")
	return m
}
