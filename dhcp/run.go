package dhcp

import (
	"context"
	"errors"

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
	beside, err := s.openSides(env)
	if err != nil {
		ended, cancel := context.WithCancel(ctx)
		cancel()
		return errors.Join(err, s.Serve(ended, nil))
	}
	for _, a := range s.Addrs() {
		env.Log.Info("listening", "address", a.String())
	}
	env.Watch(s.loop.alive)
	env.Ready()
	reloads := make(chan func())
	pass := func(ctx context.Context) error { env.PassReloads(ctx, reloads, s.reloadFrom); return nil }
	serve := func(ctx context.Context) error { return s.Serve(ctx, reloads) }
	return process.Together(ctx, append(beside, pass, serve)...)
}

// openSides opens the operator's door, the metrics, and who tells people; what it returns is to run beside the server.
func (s *Server) openSides(env process.Env) ([]func(context.Context) error, error) {
	conf := s.conf.Load()
	tell, err := s.openAlerts(conf.Alerts)
	if err != nil {
		return nil, err
	}
	door, err := control.Listen(conf.Control, env.Log)
	if err != nil {
		return nil, errors.Join(err, tell.close())
	}
	web, err := s.count.reg.Listen(conf.Metrics, metrics.Health{Ready: s.ready}, env.Log)
	if err != nil {
		return nil, errors.Join(err, door.Close(), tell.close())
	}
	s.reload = env.Reload
	s.handlers(door, env)
	s.count.sockets(s.socket.Counters)
	if s.bulk != nil {
		s.count.showBulk(s.bulk.Counters)
	}
	return []func(context.Context) error{door.Serve, web.Serve, tell.run}, nil
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
