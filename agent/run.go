package agent

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"sync"
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
	mail, err := newMailer(cfg.Alerts, store, log, reg)
	if err != nil {
		return err
	}
	runs := newCommands()
	defer runs.close()
	var ln *link.Listener
	l, err := newLoop(time.Now(), cfg, edges{
		store: store, mail: mail, meters: newMeters(reg), log: log,
		dns:      func(p *Publish) dnsEdge { return newPublisher(p) },
		restarts: &restarter{commands: runs, units: func(bus string) unitManager { return systemd(bus) }},
		swap: func(old, now *Config) error {
			if err := mail.change(old.Alerts, now.Alerts); err != nil {
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
	return together(ctx, mail.run, door.Serve, shown.Serve, l.run, accept)
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

// together runs all until ctx ends or one of them fails, then stops the rest
// and waits for them.
func together(ctx context.Context, parts ...func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	errs := make([]error, len(parts))
	var all sync.WaitGroup
	for i, part := range parts {
		all.Go(func() {
			if errs[i] = part(ctx); errs[i] != nil {
				cancel()
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// mailer is the notifier whose configuration may change while it runs.
type mailer struct {
	store   durable.Store
	log     *slog.Logger
	mu      sync.Mutex // Send and change are on different goroutines
	now     *alert.Notifier
	changed chan *alert.Notifier
}

func newMailer(c alert.Config, store durable.Store, log *slog.Logger, r *metrics.Registry) (*mailer, error) {
	n, err := alert.New(c, store, log)
	if err != nil {
		return nil, err
	}
	m := &mailer{store: store, log: log, now: n, changed: make(chan *alert.Notifier, 1)}
	alert.RegisterStats(r, m.Stats)
	return m, nil
}

// Stats tells how the delivery goes, with the configuration of now.
func (m *mailer) Stats() alert.Stats {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now.Stats()
}

// Send is notifier's.
func (m *mailer) Send(a alert.Alert) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now.Send(a)
}

// change takes another [alerts] over.
func (m *mailer) change(old, c alert.Config) error {
	if reflect.DeepEqual(old, c) {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := alert.New(c, m.store, m.log)
	if err != nil {
		return err
	}
	m.now = n
	select {
	case <-m.changed: // one that run has not taken yet
	default:
	}
	m.changed <- n
	return nil
}

// run delivers until ctx ends, with the newest configuration.
func (m *mailer) run(ctx context.Context) error {
	n := m.now
	for ctx.Err() == nil {
		rctx, cancel := context.WithCancel(ctx)
		ended := make(chan error, 1)
		go func() { ended <- n.Run(rctx) }()
		select {
		case n = <-m.changed:
			cancel()
			<-ended
		case err := <-ended:
			cancel()
			if err != nil && ctx.Err() == nil {
				return err
			}
			<-ctx.Done()
		}
	}
	return nil
}
