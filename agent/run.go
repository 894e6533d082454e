package agent

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"loadshare/internal/alert"
	"loadshare/internal/control"
	"loadshare/internal/durable"
	"loadshare/internal/link"
	"loadshare/internal/metrics"
	"loadshare/internal/process"
)

// Run is the agent: it returns when ctx ends, with everything stopped, or with
// an error when it cannot begin or its listener fails.
func Run(ctx context.Context, cfg *Config, env process.Env) error {
	if err := os.MkdirAll(cfg.StateDir, 0o750); err != nil {
		return fmt.Errorf("state directory: %w", err)
	}
	file := filepath.Join(cfg.StateDir, "agent.db")
	store, err := durable.OpenBolt(file)
	if err != nil {
		return fmt.Errorf("state %s: %w", file, err)
	}
	return errors.Join(run(ctx, cfg, env, store), store.Close())
}

// run wires the parts and runs them until ctx ends. The doors are opened last,
// so that nobody is heard before everything stands.
func run(ctx context.Context, cfg *Config, env process.Env, store durable.Store) error {
	log := env.Log
	reg := metrics.New("agent")
	mail, err := alert.NewLive(cfg.Alerts, store, log)
	if err != nil {
		return err
	}
	alert.RegisterStats(reg, mail.Stats)
	runs := newCommands()
	defer runs.close()
	var ln *link.Listener
	l, err := newLoop(time.Now(), cfg, edges{
		store: store, mail: mail, meters: newMeters(reg), log: log,
		dns:      func(p *Publish) dnsEdge { return newPublisher(p) },
		restarts: &restarter{commands: runs, units: func(bus string) unitManager { return systemd(bus) }},
		swap: func(now *Config) error {
			if err := mail.Change(now.Alerts); err != nil {
				return err
			}
			return ln.SetAuth(now.Auth)
		},
	}, env, bootID())
	if err != nil {
		return err
	}
	l.delivery = mail.Stats
	door, err := control.Listen(cfg.Control, log)
	if err != nil {
		return err
	}
	l.serveOperator(door)
	shown, err := reg.Listen(cfg.Metrics, metrics.Health{Ready: l.ready.err}, log)
	if err != nil {
		return errors.Join(err, door.Close())
	}
	var quiet process.Quiet
	refused := func(from netip.AddrPort, err error) {
		quiet.Warn(log, "connection refused", "from", from.String(), "error", err.Error())
	}
	if ln, err = link.Listen(cfg.Listen, cfg.Auth, link.Limits{Conns: maxSessions, Refused: refused}); err != nil {
		return errors.Join(fmt.Errorf("listen for monitors: %w", err), door.Close())
	}
	log.Info("listening for monitors", "address", ln.Addr().String(), "services", len(cfg.Services), "publishes", cfg.Publish != nil)
	accept := func(ctx context.Context) error {
		defer ln.Close()
		return l.acceptAll(ctx, linkListener{ln})
	}
	return process.Together(ctx, mail.Run, door.Serve, shown.Serve, l.run, accept)
}

// linkListener is Listener over package link.
type linkListener struct{ *link.Listener }

// Accept is Listener's.
func (l linkListener) Accept(ctx context.Context) (Conn, error) {
	c, err := l.Listener.Accept(ctx)
	if err != nil {
		return nil, err
	}
	return c, nil
}

func bootID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
