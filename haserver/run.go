package haserver

import (
	"context"
	"errors"
	"runtime"
	"runtime/debug"
	"sync"

	"loadshare/internal/control"
	"loadshare/internal/metrics"
	"loadshare/internal/process"
)

// Run is the role: it serves conf until ctx ends.
func Run(ctx context.Context, conf *Config, env process.Env) error {
	kept := headroom()
	defer runtime.KeepAlive(kept)
	s, err := New(conf, env.Log)
	if err != nil {
		return err
	}
	debug.FreeOSMemory() // what loading took: the system takes it back now, and not from under the first questions
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var side sync.WaitGroup
	if err := s.openSides(ctx, cancel, &side, env); err != nil {
		cancel(err)
		side.Wait()
		return errors.Join(err, s.Serve(ctx, nil))
	}
	reloads := make(chan func())
	side.Go(func() { env.PassReloads(ctx, reloads, s.reloadFrom) })
	for _, a := range s.Addrs() {
		env.Log.Info("listening", "address", a.String())
	}
	for _, a := range s.TLSAddrs() {
		env.Log.Info("listening_tls", "address", a.String())
	}
	env.Ready()
	err = s.Serve(ctx, reloads)
	cancel(nil)
	side.Wait()
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) && !errors.Is(cause, context.DeadlineExceeded) {
		err = errors.Join(cause, err)
	}
	return err
}

// openSides starts the operator's door and the metrics. When one of them fails later, cancel gets the cause.
func (s *Server) openSides(ctx context.Context, cancel context.CancelCauseFunc, side *sync.WaitGroup, env process.Env) error {
	door, err := control.Listen(s.conf.Control, env.Log)
	if err != nil {
		return err
	}
	web, err := s.count.reg.Listen(s.conf.Metrics, metrics.Health{Ready: s.ready}, env.Log)
	if err != nil {
		door.Close()
		return err
	}
	s.handlers(door, env)
	for _, serve := range []func(context.Context) error{door.Serve, web.Serve, s.watchPair, s.keepSlots} {
		side.Go(func() {
			if err := serve(ctx); err != nil {
				cancel(err)
			}
		})
	}
	return nil
}

func (s *Server) reloadFrom(path string) error {
	conf, problems := LoadConfig(path)
	if err := problems.Err(); err != nil {
		return err
	}
	for _, p := range problems.Warnings() {
		s.log.Warn("configuration", "problem", p.String())
	}
	return s.Reload(conf)
}
