package monitor

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	mrand "math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
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
	mail, err := alert.NewLive(cfg.Alerts, store, log)
	if err != nil {
		return err
	}
	alert.RegisterStats(reg, mail.Stats)
	auth := &atomic.Pointer[link.Auth]{}
	auth.Store(&cfg.Auth)
	servers := &atomic.Pointer[[]netip.AddrPort]{}
	servers.Store(&cfg.DNS.Servers)
	asker := dnsAsker{ask.Client{Timeout: askTimeout}}
	looks := newScheduled(log, newRandom())
	l, err := newLoop(cfg, edges{
		dialer: linkDialer{auth}, asker: asker, prober: looks, notifier: mail, store: store, history: history,
		resolver: dnsResolver{asker, func() []netip.AddrPort { return *servers.Load() }}, random: newRandom(), meters: newMeters(reg), log: log,
		reconfigure: func(now *Config) error {
			if err := mail.Change(now.Alerts); err != nil {
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
	mail.OnSummary(func() string { return l.summary(ctx) })
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
	return process.Together(ctx, looks.run, mail.Run, door.Serve, shown.Serve, l.run)
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
