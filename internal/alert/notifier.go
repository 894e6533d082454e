package alert

import (
	"context"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"loadshare/internal/durable"
	"loadshare/internal/metrics"
)

// Notifier delivers alerts. Make one with New; any number of goroutines may use it.
type Notifier struct {
	config  Config
	store   durable.Store
	log     *slog.Logger
	dests   []*destination
	summary func() string

	mu sync.Mutex // alerts keep the order in which they were sent
}

// Stats is how the delivery goes, over all destinations.
type Stats struct {
	// Queued is how many alerts wait, each counted once a destination; Oldest is since when.
	Queued int       `json:"queued"`
	Oldest time.Time `json:"oldest,omitzero"`
	// Sent is messages taken, Failed tries that were not, GivenUp alerts that nobody will get.
	Sent    uint64 `json:"sent"`
	Failed  uint64 `json:"failed"`
	GivenUp uint64 `json:"given_up"`
	// LastError is "" after a success.
	LastError   string    `json:"last_error"`
	LastErrorAt time.Time `json:"last_error_at,omitzero"`
	LastSent    time.Time `json:"last_sent,omitzero"`
}

// Status is Stats as a role's status shows them: times are null when never.
type Status struct {
	Queued      int        `json:"queued"`
	Oldest      *time.Time `json:"oldest"`
	Sent        uint64     `json:"sent"`
	Failed      uint64     `json:"failed"`
	GivenUp     uint64     `json:"given_up"`
	LastError   string     `json:"last_error"`
	LastErrorAt *time.Time `json:"last_error_at"`
	LastSent    *time.Time `json:"last_sent"`
}

// Status is what an operator is shown.
func (s Stats) Status() *Status {
	at := func(t time.Time) *time.Time {
		if t.IsZero() {
			return nil
		}
		t = t.UTC()
		return &t
	}
	return &Status{Queued: s.Queued, Oldest: at(s.Oldest), Sent: s.Sent, Failed: s.Failed, GivenUp: s.GivenUp,
		LastError: s.LastError, LastErrorAt: at(s.LastErrorAt), LastSent: at(s.LastSent)}
}

// New makes a notifier whose queue is in store, which stays the caller's to close after Run has returned.
// What a former run could not deliver is taken up again. Without destinations, Send only logs.
func New(c Config, store durable.Store, log *slog.Logger) (*Notifier, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	senders, err := sendersFor(c)
	if err != nil {
		return nil, err
	}
	return newNotifier(c, store, log, senders)
}

// place is a Sender with the name of its destination and the recipients of its messages.
type place struct {
	name   string
	to     []string
	sender Sender
}

// sendersFor makes the senders that a configuration asks for.
func sendersFor(c Config) ([]place, error) {
	var roots *x509.CertPool
	if c.CA != "" {
		pem, err := os.ReadFile(c.CA)
		if err != nil {
			return nil, fmt.Errorf("alerts: %w", err)
		}
		if roots, err = x509.SystemCertPool(); err != nil {
			roots = x509.NewCertPool()
		}
		if !roots.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("alerts: %s holds no certificate", c.CA)
		}
	}
	var out []place
	for _, group := range c.To {
		out = append(out, place{"mail to " + strings.Join(group, ", "), group, newMailer(c.Relay, roots)})
	}
	if c.Webhook != "" {
		out = append(out, place{name: "webhook", sender: newWebhook(c.Webhook, roots)})
	}
	return out, nil
}

func newNotifier(c Config, store durable.Store, log *slog.Logger, places []place) (*Notifier, error) {
	if c.Host == "" {
		c.Host, _ = os.Hostname() // only a signature
	}
	n := &Notifier{config: c, store: store, log: log}
	now := time.Now()
	for _, p := range places {
		q, err := openQueue(store, p.name, now)
		if err != nil {
			return nil, err
		}
		n.dests = append(n.dests, &destination{
			name: p.name, sender: p.sender, log: log, wake: make(chan struct{}, 1), queue: q, pace: newPace(c.Rate, now),
			compose: composer{from: c.From, domain: c.domain(), role: c.Role, host: c.Host, dest: p.name, to: p.to},
		})
	}
	return n, n.dropUnknown()
}

// dropUnknown clears the queues of destinations that left the configuration.
func (n *Notifier) dropUnknown() error {
	unknown := map[string]int{}
	err := n.store.Scan([]byte(keyRoot), prefixEnd(keyRoot), func(k, _ []byte) bool {
		rest, _ := strings.CutPrefix(string(k), keyRoot)
		name, key, _ := strings.Cut(rest, "/")
		prefix := keyRoot + name + "/"
		if !slices.ContainsFunc(n.dests, func(d *destination) bool { return d.queue.prefix == prefix }) {
			waiting := 0
			if strings.HasPrefix(key, "q/") {
				waiting = 1
			}
			unknown[prefix] += waiting
		}
		return true
	})
	if err != nil {
		return fmt.Errorf("alert queue: %w", err)
	}
	if len(unknown) == 0 {
		return nil
	}
	var b durable.Batch
	for prefix, waiting := range unknown {
		b.DeleteRange([]byte(prefix), prefixEnd(prefix))
		if waiting > 0 {
			n.log.Warn("alerts dropped with their destination", "alerts", waiting)
		}
	}
	if err := n.store.Commit(&b); err != nil {
		return fmt.Errorf("alert queue: %w", err)
	}
	return nil
}

// OnSummary sets what the summary mail says; fn runs at the scheduled times in a
// goroutine of Run, and "" means no mail this time. Call it before Run.
func (n *Notifier) OnSummary(fn func() string) { n.summary = fn }

// Send queues an alert for every destination and returns when it is durable.
// It waits for the disk, never for a network. The error is that of the store: nobody will be told.
func (n *Notifier) Send(a Alert) error {
	now := time.Now()
	if a.At.IsZero() {
		a.At = now
	}
	a.At = a.At.UTC()
	n.log.Info("alert", "kind", string(a.Kind), "title", oneLine(a.Title), "incident", a.Incident, "final", a.Final)
	if len(n.dests) == 0 {
		return nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	var b durable.Batch
	entries := make([]entry, len(n.dests))
	for i, d := range n.dests {
		d.mu.Lock()
		e, err := d.queue.put(&b, a, now)
		d.mu.Unlock()
		if err != nil {
			return err
		}
		entries[i] = e
	}
	if err := n.store.Commit(&b); err != nil {
		return fmt.Errorf("alert queue: %w", err)
	}
	for i, d := range n.dests {
		d.mu.Lock()
		if gone := d.queue.join(entries[i]); len(gone) > 0 {
			d.giveUp(gone, "too many alerts wait for this destination")
		}
		d.mu.Unlock()
		d.poke()
	}
	return nil
}

// Run delivers until ctx ends; what is under way is broken off and stays queued. It returns an error only if the
// summary's schedule cannot be read, which ConfigFrom excludes.
func (n *Notifier) Run(ctx context.Context) error {
	stopSummary, err := n.startSummary()
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	for _, d := range n.dests {
		wg.Go(func() { d.run(ctx) })
	}
	<-ctx.Done()
	wg.Wait()
	stopSummary()
	for _, d := range n.dests {
		d.sender.Close()
	}
	return nil
}

// Stats tells how the delivery goes.
func (n *Notifier) Stats() Stats {
	var sum Stats
	for _, d := range n.dests {
		d.mu.Lock()
		s, waiting := d.stats, d.queue.waiting
		sum.Queued += len(waiting)
		if len(waiting) > 0 && (sum.Oldest.IsZero() || waiting[0].Queued.Before(sum.Oldest)) {
			sum.Oldest = waiting[0].Queued.UTC()
		}
		d.mu.Unlock()
		sum.Sent, sum.Failed, sum.GivenUp = sum.Sent+s.Sent, sum.Failed+s.Failed, sum.GivenUp+s.GivenUp
		if s.LastError != "" && s.LastErrorAt.After(sum.LastErrorAt) {
			sum.LastError, sum.LastErrorAt = s.LastError, s.LastErrorAt
		}
		if s.LastSent.After(sum.LastSent) {
			sum.LastSent = s.LastSent
		}
	}
	return sum
}

// RegisterStats shows what stats returns as alerts_queued, alerts_sent_total, alerts_failed_total and
// alerts_given_up_total: a Notifier's Stats, or a Live's.
func RegisterStats(r *metrics.Registry, stats func() Stats) {
	r.GaugeFunc("alerts_queued", "Alerts that wait, each counted once a destination.", func() float64 { return float64(stats().Queued) })
	r.CounterFunc("alerts_sent_total", "Messages that a mail server or webhook took.", func() float64 { return float64(stats().Sent) })
	r.CounterFunc("alerts_failed_total", "Tries that failed.", func() float64 { return float64(stats().Failed) })
	r.CounterFunc("alerts_given_up_total", "Alerts that nobody will get: see the log.", func() float64 { return float64(stats().GivenUp) })
}
