package haserver

import (
	"context"
	"errors"
	"runtime"
	"runtime/debug"

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
	beside, err := s.openSides(env)
	if err != nil {
		ended, cancel := context.WithCancel(ctx)
		cancel()
		return errors.Join(err, s.Serve(ended, nil))
	}
	for _, a := range s.Addrs() {
		env.Log.Info("listening", "address", a.String())
	}
	for _, a := range s.TLSAddrs() {
		env.Log.Info("listening_tls", "address", a.String())
	}
	env.Ready()
	reloads := make(chan func())
	pass := func(ctx context.Context) error { env.PassReloads(ctx, reloads, s.reloadFrom); return nil }
	serve := func(ctx context.Context) error { return s.Serve(ctx, reloads) }
	return process.Together(ctx, append(beside, pass, serve)...)
}

// openSides opens the operator's door and the metrics; what it returns is to run beside the server.
func (s *Server) openSides(env process.Env) ([]func(context.Context) error, error) {
	door, err := control.Listen(s.conf.Control, env.Log)
	if err != nil {
		return nil, err
	}
	if s.teller, err = s.openTeller(s.conf.Alerts); err != nil {
		return nil, errors.Join(err, door.Close())
	}
	web, err := s.count.reg.Listen(s.conf.Metrics, metrics.Health{Ready: s.ready}, env.Log)
	if err != nil {
		return nil, errors.Join(err, door.Close(), s.teller.close())
	}
	s.handlers(door, env)
	return []func(context.Context) error{door.Serve, web.Serve, s.watchPair, s.keepSlots, s.teller.run}, nil
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
