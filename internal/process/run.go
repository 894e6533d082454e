package process

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// StopTimeout is how long a role may take to return after its context ended.
const StopTimeout = 5 * time.Second

// secondAfter is when a second request to stop counts as one. Two at once are one that came twice: `timeout`, a shell and a supervisor
// may all pass on the same signal.
const secondAfter = time.Second

// reloadTimeout bounds a reload asked for by SIGHUP.
const reloadTimeout = 30 * time.Second

// ErrStuck is returned by Run when the role did not stop in time.
var ErrStuck = errors.New("the role did not stop in time")

// Options describe the process. Role and Log must be set.
type Options struct {
	Role    string // as on the command line: "monitor"
	Path    string // configuration file
	Version string
	Log     *slog.Logger
	// StopTimeout is how long the role may take to return; 0 is StopTimeout.
	StopTimeout time.Duration
}

// Run runs main, the role, until it returns or until ctx ends or a signal asks
// for the end. The error is main's, or ErrStuck. A context.Canceled that Run
// itself caused is no error.
func Run(ctx context.Context, o Options, main func(context.Context, Env) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	defer signal.Stop(signals)

	p := newProc(ctx, o)
	ended := make(chan error, 1)
	go func() { ended <- main(ctx, p.env()) }()

	for {
		select {
		case err := <-ended:
			p.notify.stopping()
			return p.result(ctx, err)
		case <-ctx.Done():
			return p.stop(ctx, ended, signals)
		case s := <-signals:
			if s == syscall.SIGHUP {
				p.sighup()
				continue
			}
			o.Log.Info("stopping", "signal", s.String())
			cancel()
			return p.stop(ctx, ended, signals)
		}
	}
}

// proc is one running process.
type proc struct {
	o       Options
	notify  *notifier
	reloads *reloader
	ready   sync.Once
	work    sync.WaitGroup  // the watchdog and reloads under way
	ctx     context.Context // of work; ends after the role
	cancel  context.CancelFunc
}

func newProc(ctx context.Context, o Options) *proc {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	p := &proc{o: o, notify: newNotifier(o.Log), reloads: newReloader(), ctx: ctx, cancel: cancel}
	p.work.Go(func() { p.notify.watchdog(ctx) })
	return p
}

func (p *proc) env() Env {
	return Env{
		Log: p.o.Log, Path: p.o.Path, Version: p.o.Version,
		Ready: func() {
			p.ready.Do(func() {
				p.o.Log.Info("ready", "role", p.o.Role, "version", p.o.Version)
				p.notify.ready()
			})
		},
		Stopping: p.notify.stopping,
		Watch:    p.notify.watch,
		Reloads:  p.reloads.requests, Reload: p.reload, LastReload: p.reloads.last,
	}
}

// sighup reloads beside the signal loop, so that SIGTERM is heard meanwhile.
func (p *proc) sighup() {
	p.work.Go(func() {
		ctx, cancel := context.WithTimeout(p.ctx, reloadTimeout)
		defer cancel()
		_ = p.reload(ctx) // logged there, and kept for status
	})
}

func (p *proc) reload(ctx context.Context) error {
	ended := p.notify.reload()
	err := p.reloads.reload(ctx)
	ended()
	if err != nil {
		p.o.Log.Error("reload failed, the old configuration stays", "error", err)
		return err
	}
	p.o.Log.Info("reloaded", "path", p.o.Path)
	return nil
}

// stop waits for the role after its context ended.
func (p *proc) stop(ctx context.Context, ended <-chan error, signals <-chan os.Signal) error {
	p.notify.stopping()
	limit := p.o.StopTimeout
	if limit == 0 {
		limit = StopTimeout
	}
	began := time.Now()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		select {
		case err := <-ended:
			return p.result(ctx, err)
		case <-timer.C:
			return p.stuck(fmt.Errorf("%w of %s", ErrStuck, limit))
		case s := <-signals:
			if s != syscall.SIGHUP && time.Since(began) >= secondAfter {
				return p.stuck(fmt.Errorf("%w: second %s", ErrStuck, s))
			}
		}
	}
}

// stuck reports a role that does not stop, and waits for nothing more.
func (p *proc) stuck(err error) error {
	p.cancel()
	p.o.Log.Error("not stopped", "error", err, "where", standing())
	return err
}

// result ends what Run started beside the role, which has returned err.
func (p *proc) result(ctx context.Context, err error) error {
	p.cancel()
	p.work.Wait()
	if err != nil && ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = nil
	}
	if err == nil {
		p.o.Log.Info("stopped", "role", p.o.Role)
	}
	return err
}
