package agent

import (
	"context"
	"fmt"

	"reflect"
	"time"

	"loadshare/agent/plan"
	"loadshare/internal/process"
)

// reconfigured is a configuration that was read, judged and taken over by the
// edges; the loop adopts it.
type reconfigured struct{ cfg *Config }

// startReload reads the configuration again beside the loop, then takes all of it
// over, or nothing.
func (l *loop) startReload(ctx context.Context, r process.Reload) {
	path, old := l.env.Path, l.cfg
	if path == "" {
		path = old.Path
	}
	l.tasks.Go(func() {
		r.Done <- l.reload(ctx, path, old) // the process logs the result
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
	for _, fixed := range []struct {
		key      string
		old, now any
	}{
		{"listen", old.Listen, cfg.Listen},
		{"state_dir", old.StateDir, cfg.StateDir},
		{"[control]", old.Control, cfg.Control},
		{"[metrics]", old.Metrics, cfg.Metrics},
	} {
		if !reflect.DeepEqual(fixed.old, fixed.now) {
			return fmt.Errorf("%s: %s changed: that needs a restart", path, fixed.key)
		}
	}
	if l.swap != nil {
		if err := l.swap(cfg); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	if !l.tell(ctx, reconfigured{cfg}) {
		return fmt.Errorf("the agent is stopping")
	}
	return nil
}

// adopt runs on the loop.
func (l *loop) adopt(now time.Time, in reconfigured) plan.Output {
	if !reflect.DeepEqual(l.cfg.Publish, in.cfg.Publish) {
		l.dns = l.edges.dns(in.cfg.Publish)
	}
	l.cfg = in.cfg
	return l.machine.Reconfigure(now, in.cfg.plan())
}

func policyName(p plan.Policy) string {
	if p == plan.Pair {
		return "pair"
	}
	return "every"
}
