package monitor

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	mrand "math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"sync/atomic"

	"loadshare/internal/alert"
	"loadshare/internal/ask"
	"loadshare/internal/control"
	"loadshare/internal/durable"
	"loadshare/internal/events"
	"loadshare/internal/link"
	"loadshare/internal/metrics"
	"loadshare/internal/process"
	"loadshare/monitor/order"
	"loadshare/monitor/schedule"
)

// Run is the monitor: it returns when ctx ends, with everything stopped, or
// with an error when it cannot begin or cannot keep what it decides.
func Run(ctx context.Context, cfg *Config, env process.Env) error {
	schedule.TuneCollector()
	if err := os.MkdirAll(cfg.StateDir, 0o750); err != nil {
		return fmt.Errorf("state directory: %w", err)
	}
	file := filepath.Join(cfg.StateDir, "monitor.db")
	store, err := durable.OpenBolt(file)
	if err != nil {
		return fmt.Errorf("state %s: %w", file, err)
	}
	return errors.Join(run(ctx, cfg, env, store), store.Close())
}

// run wires the parts, from what is kept to what is shown, and runs them until ctx ends.
func run(ctx context.Context, cfg *Config, env process.Env, store durable.Store) error {
	log := env.Log
	history, err := events.Open(store, events.Limits{})
	if err != nil {
		return err
	}
	reg := metrics.New("monitor")
	mail, err := newMailer(cfg.Alerts, store, log, reg)
	if err != nil {
		return err
	}
	auth := &atomic.Pointer[link.Auth]{}
	auth.Store(&cfg.Auth)
	servers := &atomic.Pointer[[]netip.AddrPort]{}
	servers.Store(&cfg.DNS.Servers)
	asker := dnsAsker{ask.Client{Timeout: askTimeout}}
	looks := newScheduled(log, newRandom())
	l, err := newLoop(cfg, edges{
		dialer: linkDialer{auth}, asker: asker, prober: looks, notifier: mail, store: store, history: history,
		resolver: dnsResolver{asker, func() []netip.AddrPort { return *servers.Load() }}, random: newRandom(), meters: newMeters(reg), log: log,
		reconfigure: func(old, now *Config) error {
			if err := mail.change(old.Alerts, now.Alerts); err != nil {
				return err
			}
			auth.Store(&now.Auth)
			servers.Store(&now.DNS.Servers)
			return nil
		},
	}, env)
	if err != nil {
		return err
	}
	mail.summary = func() string { return l.summary(ctx) }
	l.delivery = mail.Stats
	door, err := control.Listen(cfg.Control, log)
	if err != nil {
		return err
	}
	l.serveOperator(door)
	shown, err := reg.Listen(cfg.Metrics, metrics.Health{Ready: l.ready.err, Live: l.ready.live}, log)
	if err != nil {
		return errors.Join(err, door.Close())
	}
	l.turned()
	env.Watch(l.ready.alive)
	return together(ctx, looks.run, mail.run, door.Serve, shown.Serve, l.run)
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

func newRandom() *mrand.Rand {
	var seed [16]byte
	_, _ = rand.Read(seed[:]) // never fails
	return mrand.New(mrand.NewPCG(binary.NativeEndian.Uint64(seed[:8]), binary.NativeEndian.Uint64(seed[8:])))
}

// linkDialer is Dialer over package link.
type linkDialer struct{ auth *atomic.Pointer[link.Auth] }

// Dial is Dialer's.
func (d linkDialer) Dial(ctx context.Context, addr netip.AddrPort) (Conn, error) {
	c, err := link.Dial(ctx, addr, *d.auth.Load())
	if err != nil {
		return nil, err
	}
	return c, nil
}

// dnsAsker is Asker over package ask.
type dnsAsker struct{ client ask.Client }

// Ask is Asker's.
func (a dnsAsker) Ask(ctx context.Context, server netip.AddrPort, name string, t order.RRType) (order.RecordSet, error) {
	s, err := a.client.Set(ctx, server, name, string(t))
	if err != nil {
		return order.RecordSet{}, err
	}
	return order.RecordSet{Name: s.Name, Type: t, TTL: s.TTL, Values: s.Values}.Normalize(), nil
}

// Zone is Asker's.
func (a dnsAsker) Zone(ctx context.Context, server netip.AddrPort, name string) (string, error) {
	return a.client.Zone(ctx, server, name)
}

// mailer is the Notifier whose configuration may change while it runs.
type mailer struct {
	store    durable.Store
	log      *slog.Logger
	registry *metrics.Registry
	summary  func() string

	mu      sync.Mutex // Send and change are on different goroutines
	now     *alert.Notifier
	changed chan *alert.Notifier
}

func newMailer(c alert.Config, store durable.Store, log *slog.Logger, r *metrics.Registry) (*mailer, error) {
	m := &mailer{store: store, log: log, registry: r, changed: make(chan *alert.Notifier, 1), summary: func() string { return "" }}
	n, err := m.open(c)
	if err != nil {
		return nil, err
	}
	m.now = n
	alert.RegisterStats(r, m.Stats)
	return m, nil
}

func (m *mailer) open(c alert.Config) (*alert.Notifier, error) {
	c.Role = "monitor"
	n, err := alert.New(c, m.store, m.log)
	if err != nil {
		return nil, err
	}
	n.OnSummary(func() string { return m.summary() })
	return n, nil
}

// Send is Notifier's.
func (m *mailer) Send(a alert.Alert) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now.Send(a)
}

// Stats tells how the delivery goes, with the configuration of now.
func (m *mailer) Stats() alert.Stats {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now.Stats()
}

// change takes another [alerts] over; what waits for destinations that stay is kept.
func (m *mailer) change(old, c alert.Config) error {
	if reflect.DeepEqual(old, c) {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.open(c)
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
	for {
		rctx, cancel := context.WithCancel(ctx)
		ended := make(chan error, 1)
		go func() { ended <- n.Run(rctx) }()
		select {
		case next := <-m.changed:
			cancel()
			<-ended
			n = next
		case err := <-ended:
			cancel()
			if ctx.Err() != nil {
				return nil
			}
			if err != nil {
				return err
			}
			<-ctx.Done()
			return nil
		}
	}
}
