package dhcp

import (
	"context"
	"errors"
	"sync"

	"loadshare/dhcp/config"
	"loadshare/internal/control"
	"loadshare/internal/metrics"
	"loadshare/internal/process"
)

// Processors is the least that GOMAXPROCS should be. A receiver waits in the kernel; when it wakes up during a flood it must not wait for
// the loop and the sender to let it run as well, or the kernel's queue is full by then. With fewer processors the kernel shares them out.
const Processors = 4

// Run is the role: it serves conf until ctx ends.
func Run(ctx context.Context, conf *config.Config, env process.Env) error {
	s, err := New(conf, env.Log)
	if err != nil {
		return err
	}
	tuneCollector()
	return s.run(ctx, env)
}

// run serves, with all that is beside.
func (s *Server) run(ctx context.Context, env process.Env) error {
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
	env.Watch(s.loop.alive)
	env.Ready()
	err := s.Serve(ctx, reloads)
	cancel(nil)
	side.Wait()
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) && !errors.Is(cause, context.DeadlineExceeded) {
		err = errors.Join(cause, err)
	}
	return err
}

// openSides starts the operator's door, the metrics, and who tells people. When one of them fails later, cancel gets the cause.
func (s *Server) openSides(ctx context.Context, cancel context.CancelCauseFunc, side *sync.WaitGroup, env process.Env) error {
	conf := s.conf.Load()
	tell, err := s.openAlerts(conf.Alerts)
	if err != nil {
		return err
	}
	door, err := control.Listen(conf.Control, env.Log)
	if err != nil {
		return errors.Join(err, tell.close())
	}
	web, err := s.count.reg.Listen(conf.Metrics, metrics.Health{Ready: s.ready}, env.Log)
	if err != nil {
		door.Close()
		return errors.Join(err, tell.close())
	}
	s.reload = env.Reload
	s.handlers(door, env)
	s.count.sockets(s.socket.Counters)
	if s.bulk != nil {
		s.count.showBulk(s.bulk.Counters)
	}
	for _, serve := range []func(context.Context) error{door.Serve, web.Serve, tell.run} {
		side.Go(func() {
			if err := serve(ctx); err != nil {
				cancel(err)
			}
		})
	}
	return nil
}

func (s *Server) reloadFrom(path string) error {
	conf, problems := config.Load(path)
	if err := problems.Err(); err != nil {
		return err
	}
	for _, p := range problems.Warnings() {
		s.log.Warn("configuration", "problem", p.String())
	}
	return s.Reload(conf)
}
