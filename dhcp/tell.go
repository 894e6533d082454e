package dhcp

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"loadshare/internal/alert"
	"loadshare/internal/durable"
)

// teller sends alarms by mail and webhook; with nobody to tell it does nothing.
type teller struct {
	store    durable.Store
	notifier *alert.Notifier
	box      chan alert.Alert
	s        *Server
}

const maxTelling = 256 // alarms that wait to be queued

// openAlerts opens the queue of mail, when somebody is to be told.
func (s *Server) openAlerts(conf alert.Config) (*teller, error) {
	t := &teller{s: s, box: make(chan alert.Alert, maxTelling)}
	if !conf.Enabled() {
		return t, nil
	}
	var err error
	if t.store, err = durable.OpenBolt(filepath.Join(s.conf.Load().StateDir, "alerts.db")); err != nil {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	if t.notifier, err = alert.New(conf, t.store, s.log); err != nil {
		_ = t.store.Close()
		return nil, err
	}
	alert.RegisterStats(s.count.reg, t.notifier.Stats)
	t.notifier.OnSummary(s.summary)
	s.watchd.mu.Lock()
	s.watchd.send = t.put
	s.watchd.mu.Unlock()
	return t, nil
}

func (t *teller) put(a alert.Alert) {
	select {
	case t.box <- a:
	default:
		t.s.log.Warn("alert_dropped", "title", a.Title, "why", "too many wait")
	}
}

func (t *teller) close() error {
	if t.store == nil {
		return nil
	}
	return t.store.Close()
}

// run queues and delivers until ctx ends.
func (t *teller) run(ctx context.Context) error {
	if t.notifier == nil {
		<-ctx.Done()
		return nil
	}
	done := make(chan error, 1)
	go func() { done <- t.notifier.Run(ctx) }()
	for {
		select {
		case a := <-t.box:
			if err := t.notifier.Send(a); err != nil {
				t.s.log.Error("alert_not_queued", "title", a.Title, "error", err.Error())
			}
		case <-ctx.Done():
			err := <-done
			_ = t.store.Close()
			return err
		}
	}
}

// summary is the daily mail.
func (s *Server) summary() string {
	st, err := s.status()
	if err != nil {
		return ""
	}
	text := fmt.Sprintf("DHCP server, %s, up since %s.\n\n", st.Role, st.Since.Format(time.RFC3339))
	for _, p := range st.Pairs {
		text += fmt.Sprintf("pair %s: %s, partner %s, %d updates not confirmed\n", p.Name, p.State, p.PartnerState, p.Unacked)
	}
	for _, c := range st.Scopes {
		text += fmt.Sprintf("scope %s: %d addresses, %d active, %d free, %d of the backup, %d abandoned\n", c.Name, c.Total, c.Active, c.Free, c.Backup, c.Abandoned)
	}
	for _, a := range st.Alarms {
		text += fmt.Sprintf("alarm %s %s since %s: %s\n", a.Name, a.About, a.Since.Format(time.RFC3339), a.Text)
	}
	return text
}
