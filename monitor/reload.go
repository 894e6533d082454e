package monitor

import (
	"context"
	"fmt"

	"loadshare/internal/events"
	"loadshare/internal/process"
	"loadshare/monitor/decide"
)

// startReload reads the configuration again beside the loop, then takes all of
// it over on the loop, or nothing. The process logs the result.
func (l *loop) startReload(ctx context.Context, r process.Reload) {
	path, old := l.env.Path, l.cfg
	if path == "" {
		path = old.Path
	}
	l.tasks.Go(func() {
		err := l.reload(ctx, path, old)
		text, reason := "configuration read again", "reloaded"
		if err != nil {
			text, reason = "configuration not taken over: "+err.Error(), "reload-failed"
		}
		l.told.note(ctx, events.Config, reason, text, nil)
		r.Done <- err
	})
}

func (l *loop) reload(ctx context.Context, path string, old *Config) error {
	cfg, problems := LoadConfig(path)
	if err := problems.Err(); err != nil {
		return err
	}
	for _, w := range problems.Warnings() {
		l.log.Warn("configuration", "warning", w.String())
	}
	switch {
	case cfg.ID != old.ID:
		return fmt.Errorf("%s: id changed from %q to %q: that needs a restart", path, old.ID, cfg.ID)
	case cfg.StateDir != old.StateDir:
		return fmt.Errorf("%s: state_dir changed from %q to %q: that needs a restart", path, old.StateDir, cfg.StateDir)
	case cfg.Control != old.Control:
		return fmt.Errorf("%s: [control] changed: that needs a restart", path)
	case cfg.Metrics != old.Metrics:
		return fmt.Errorf("%s: [metrics] changed: that needs a restart", path)
	}
	if err := build(cfg, l.resolvedNow(ctx)).decide.Validate(); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if l.reconfigure != nil {
		if err := l.reconfigure(cfg); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return l.do(ctx, func() []decide.Output {
		outs := l.adopt(ctx, cfg)
		l.watcher.set(cfg)
		return outs
	})
}
