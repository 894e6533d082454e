package alert

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// parseSchedule reads a schedule in five fields of cron, or @daily and the
// like. It refuses what the library would panic on or never run.
func parseSchedule(spec string) (cron.Schedule, error) {
	if (strings.HasPrefix(spec, "TZ=") || strings.HasPrefix(spec, "CRON_TZ=")) && !strings.Contains(spec, " ") {
		return nil, errors.New("a time zone, but no schedule after it")
	}
	s, err := cron.ParseStandard(spec)
	if err != nil {
		return nil, err
	}
	if s.Next(time.Now()).IsZero() {
		return nil, errors.New("that moment never comes")
	}
	return s, nil
}

// startSummary begins to send summaries and returns how to stop it.
func (n *Notifier) startSummary() (stop func(), err error) {
	if n.config.Summary == "" || n.summary == nil || len(n.dests) == 0 {
		return func() {}, nil
	}
	schedule, err := parseSchedule(n.config.Summary)
	if err != nil {
		return nil, fmt.Errorf("alerts: summary %q: %w", n.config.Summary, err)
	}
	log := cronLog{n.log}
	// In this order: the other one stops a job for good after a panic.
	c := cron.New(cron.WithLocation(time.UTC), cron.WithLogger(log), cron.WithChain(cron.SkipIfStillRunning(log), cron.Recover(log)))
	c.Schedule(schedule, cron.FuncJob(n.sendSummary))
	c.Start()
	return func() { <-c.Stop().Done() }, nil
}

func (n *Notifier) sendSummary() {
	text := n.summary()
	if text == "" {
		return
	}
	a := Alert{Kind: Summary, Title: fmt.Sprintf("summary of %s on %s", n.config.Role, n.config.Host), Body: text}
	if err := n.Send(a); err != nil {
		n.log.Error("summary not sent", "error", err)
	}
}

// cronLog gives the scheduler our log; what it says is of interest only when something is wrong.
type cronLog struct{ log *slog.Logger }

func (l cronLog) Info(msg string, keysAndValues ...any) {
	l.log.Debug("summary schedule", append(keysAndValues, "event", msg)...)
}

func (l cronLog) Error(err error, msg string, keysAndValues ...any) {
	l.log.Error("summary failed", append(keysAndValues, "event", msg, "error", err)...)
}
