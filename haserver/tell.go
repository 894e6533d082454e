package haserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"time"

	"loadshare/internal/alert"
	"loadshare/internal/durable"
)

// tellPace are the times of a teller; tests use shorter ones.
type tellPace struct {
	every time.Duration // between two looks
	after time.Duration // how long an alarm stands until somebody is told: a restart of the partner is no news
}

var defaultTellPace = tellPace{every: 5 * time.Second, after: 10 * time.Second}

// teller tells of alarms that stand: the log, and by mail and webhook whoever [alerts] names.
type teller struct {
	s     *Server
	pace  tellPace
	store durable.Store // nil: nobody is told but the log
	mail  *alert.Live
	known map[string]*standing
}

// standing is an alarm that stands.
type standing struct {
	AlarmStatus
	from time.Time // when it was seen first
	told bool
}

// openTeller opens the queue of mail, when somebody is to be told.
func (s *Server) openTeller(conf alert.Config) (*teller, error) {
	t := &teller{s: s, pace: defaultTellPace, known: map[string]*standing{}}
	if !conf.Enabled() {
		return t, nil
	}
	var err error
	if t.store, err = durable.OpenBolt(filepath.Join(s.conf.StateDir, "alerts.db")); err != nil {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	if t.mail, err = alert.NewLive(conf, t.store, s.log); err != nil {
		return nil, errors.Join(err, t.store.Close())
	}
	alert.RegisterStats(s.count.reg, t.mail.Stats)
	t.mail.OnSummary(func() string { return summary(s.status()) })
	return t, nil
}

func (t *teller) close() error {
	if t.store == nil {
		return nil
	}
	return t.store.Close()
}

// change takes other [alerts] over.
func (t *teller) change(conf alert.Config) error {
	if t == nil || t.mail == nil {
		return nil // Reload has seen to it that there is nothing to change
	}
	return t.mail.Change(conf)
}

// status is how the delivery goes; nil: nobody is told.
func (t *teller) status() *alert.Status {
	if t == nil || t.mail == nil {
		return nil
	}
	return t.mail.Stats().Status()
}

// run looks and tells until ctx ends.
func (t *teller) run(ctx context.Context) error {
	done := make(chan error, 1)
	if t.mail != nil {
		go func() { done <- t.mail.Run(ctx) }()
	} else {
		done <- nil
	}
	tick := time.NewTicker(t.pace.every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			st := t.s.status()
			t.round(&st, time.Now())
		case <-ctx.Done():
			return errors.Join(<-done, t.close())
		}
	}
}

// round compares the alarms with those that stood, and tells of what is new and of what is over.
func (t *teller) round(st *Status, now time.Time) {
	stands := map[string]bool{}
	for _, a := range st.Alarms {
		stands[a.Name] = true
		k := t.known[a.Name]
		if k == nil {
			k = &standing{from: now}
			t.known[a.Name] = k
		}
		if !k.told && k.Since != nil && a.Since != nil && !k.Since.Equal(*a.Since) {
			k.from = now // it was over in between
		}
		k.AlarmStatus = a
		if !k.told && now.Sub(k.from) >= t.pace.after {
			k.told = true
			t.raised(st, k)
		}
	}
	for name, k := range t.known {
		if stands[name] {
			continue
		}
		delete(t.known, name)
		if k.told {
			t.over(st, k, now)
		}
	}
}

func (t *teller) raised(st *Status, k *standing) {
	t.s.log.Warn("alarm", "name", k.Name, "text", k.Text, "next", nextOf(k.Name))
	at := k.from
	if k.Since != nil {
		at = *k.Since
	}
	t.send(alert.Alert{
		Incident: "dns " + where(st) + " " + k.Name, Kind: alarmKind(k.Name), Title: subject(st, k.Name), Next: nextOf(k.Name),
		Body: k.Text + "\n\n" + standingOf(st), At: at,
	})
}

func (t *teller) over(st *Status, k *standing, now time.Time) {
	lasted := now.Sub(k.from).Round(time.Second)
	t.s.log.Info("alarm_over", "name", k.Name, "lasted", lasted.String())
	t.send(alert.Alert{
		Incident: "dns " + where(st) + " " + k.Name, Kind: alert.Recovery, Title: "over: " + subject(st, k.Name), Final: true,
		Body: "It lasted " + lasted.String() + ".\n\n" + standingOf(st), At: now,
	})
}

func (t *teller) send(a alert.Alert) {
	if t.mail == nil {
		return
	}
	if err := t.mail.Send(a); err != nil {
		t.s.log.Error("alert_not_queued", "title", a.Title, "error", err.Error())
	}
}

// where names the server in a subject.
func where(st *Status) string {
	if len(st.Listen) == 0 {
		return st.RoleConfigured
	}
	host, _, err := net.SplitHostPort(st.Listen[0])
	if err != nil {
		host = st.Listen[0]
	}
	return host + " (" + st.RoleConfigured + ")"
}

// inWords are alarms as a subject says them; the rest are said by their names.
var inWords = map[string]string{
	"copies-1": "updates are on one disk only", "unfit": "it can write nothing", "partner-unfit": "its partner can write nothing", "nobody-accepts": "neither server takes updates",
	"refused": "the two servers do not go together", "expired": "zones are too old to be served", "rolled-back": "its state directory is older than what the partner knows",
	"sync-failed": "a zone cannot be made equal", "conflict": "a merge had to choose", "drift": "a zone was not the same on both", "flapping": "the pair parts again and again",
	"not-negotiating": "the partner does not get ready", "client-unheard": "a client does not reach the main", "config-differs": "the configurations differ", "clock-skew": "the clocks differ",
}

func subject(st *Status, name string) string {
	if words := inWords[name]; words != "" {
		return "dns " + where(st) + ": " + words + " (" + name + ")"
	}
	return "dns " + where(st) + ": " + name
}

// standingOf is how the server stands, for people.
func standingOf(st *Status) string {
	var b strings.Builder
	fmt.Fprintf(&b, "This server acts as %s and is in %s since %s", st.Role, st.State, st.Since.Format(time.RFC3339))
	if st.AcceptingUpdates {
		b.WriteString("; it takes updates.\n")
	} else {
		fmt.Fprintf(&b, "; it takes no updates: %s.\n", st.Why)
	}
	if p := st.Partner; p.Address != "" {
		heard := "never"
		if p.LastHeard != nil {
			heard = p.LastHeard.Format(time.RFC3339)
		}
		connected := "connected"
		if !p.Connected {
			connected = "not connected"
		}
		fmt.Fprintf(&b, "Partner %s: %s, last heard %s", p.Address, connected, heard)
		if p.LastError != "" {
			b.WriteString("; " + p.LastError)
		}
		b.WriteString(".\n")
		fmt.Fprintf(&b, "Copies of an answered update: %d; changes that the partner has not confirmed: %d.\n", st.Copies, st.Owed)
	}
	return b.String()
}

// summary is the daily mail.
func summary(st Status) string {
	text := standingOf(&st) + fmt.Sprintf("Zones: %d, of which %d synchronised, %d pending, %d failed.\n", st.Total, st.Synchronized, st.Pending, st.Failed)
	for _, a := range st.Alarms {
		text += "Alarm " + a.Name + ": " + a.Text + "\n"
	}
	return text
}

// nextOf is what to type first.
func nextOf(name string) string {
	switch name {
	case "conflict":
		return "loadshare ha conflicts"
	case "sync-failed":
		return "loadshare zone list"
	case "unfit":
		return "df -h"
	case "flapping":
		return "journalctl -u loadshare-dns"
	}
	return "loadshare ha status"
}

func alarmKind(name string) alert.Kind {
	switch name {
	case "unfit", "partner-unfit", "nobody-accepts", "refused", "expired":
		return alert.Failure
	case "drift", "config-differs":
		return alert.Drift
	case "flapping":
		return alert.Flapping
	}
	return alert.Degraded
}
