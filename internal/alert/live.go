package alert

import (
	"context"
	"log/slog"
	"reflect"
	"sync"

	"loadshare/internal/durable"
)

// Live is a Notifier whose configuration may change while it runs. Make one with NewLive; any number of goroutines may use it.
type Live struct {
	store   durable.Store
	log     *slog.Logger
	summary func() string

	mu      sync.Mutex // Send and Change are on different goroutines
	config  Config
	now     *Notifier
	changed chan struct{} // now is another one than Run has
}

// NewLive makes one as New makes a Notifier.
func NewLive(c Config, store durable.Store, log *slog.Logger) (*Live, error) {
	n, err := New(c, store, log)
	if err != nil {
		return nil, err
	}
	return &Live{store: store, log: log, config: c, now: n, changed: make(chan struct{}, 1)}, nil
}

// OnSummary is Notifier's. Call it before Run and Change.
func (l *Live) OnSummary(fn func() string) {
	l.summary = fn
	l.now.OnSummary(fn)
}

// Send is Notifier's, with the newest configuration.
func (l *Live) Send(a Alert) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now.Send(a)
}

// Stats tells how the delivery goes, since the configuration changed last.
func (l *Live) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now.Stats()
}

// Change takes another configuration over, or on an error nothing of it. What waits for destinations that stay is kept.
func (l *Live) Change(c Config) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if reflect.DeepEqual(l.config, c) {
		return nil
	}
	n, err := New(c, l.store, l.log)
	if err != nil {
		return err
	}
	n.OnSummary(l.summary)
	l.config, l.now = c, n
	select {
	case l.changed <- struct{}{}:
	default: // Run has not seen the one before
	}
	return nil
}

// Run delivers until ctx ends, with the newest configuration. The error is Notifier's.
func (l *Live) Run(ctx context.Context) error {
	for {
		n := l.newest()
		one, cancel := context.WithCancel(ctx)
		ended := make(chan error, 1)
		go func() { ended <- n.Run(one) }()
		select {
		case <-l.changed:
			cancel()
			<-ended
		case err := <-ended:
			cancel()
			return err
		}
	}
}

func (l *Live) newest() *Notifier {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.changed:
	default:
	}
	return l.now
}
