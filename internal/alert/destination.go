package alert

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// sendTimeout bounds one try, connection included.
const sendTimeout = 30 * time.Second

// maxDigest is how many alerts one digest tells.
const maxDigest = 1000

// destination is one place where alerts go, with its queue and its pace.
type destination struct {
	name    string
	sender  Sender
	compose composer
	log     *slog.Logger
	wake    chan struct{}

	mu    sync.Mutex // Send adds to the queue while the loop sends
	queue *queue
	pace  pace
	stats Stats
}

// run sends what waits until ctx ends.
func (d *destination) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		wait, idle := d.step(ctx)
		if ctx.Err() != nil {
			return
		}
		if idle {
			timer.Stop()
		} else {
			timer.Reset(wait)
		}
		select {
		case <-ctx.Done():
			return
		case <-d.wake:
		case <-timer.C:
		}
	}
}

// step sends one message if one may go now. It returns how long to wait
// before the next step; idle says that only a new alert can make work.
func (d *destination) step(ctx context.Context) (wait time.Duration, idle bool) {
	d.mu.Lock()
	if len(d.queue.waiting) == 0 {
		d.mu.Unlock()
		return 0, true
	}
	now := time.Now()
	if wait := d.pace.wait(now, d.queue.waiting[0].Queued); wait > 0 {
		d.mu.Unlock()
		return wait, false
	}
	batch, m, last := d.choose(now)
	d.mu.Unlock()

	try, cancel := context.WithTimeout(ctx, sendTimeout)
	err := d.sender.Send(try, m)
	cancel()
	if err != nil && ctx.Err() != nil {
		return 0, false // we are stopping: it stays in the queue
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.settle(batch, m, last, err)
	return 0, false
}

// choose takes what goes next out of what waits. last says that the other side has refused some of it once already.
func (d *destination) choose(now time.Time) (batch []entry, m Message, last bool) {
	waiting := d.queue.waiting
	batch = append(batch, waiting[:min(len(waiting), maxDigest)]...)
	for _, e := range batch {
		last = last || e.Refused
	}
	groups := byIncident(batch)
	if last || (d.pace.held && len(groups) > 1) {
		return batch, d.compose.digest(batch, d.queue.threads, now), last
	}
	batch = groups[0]
	return batch, d.compose.single(batch, d.queue.threads[hash(batch[0].Alert.Incident)], now), false
}

// settle does what follows from a try.
func (d *destination) settle(batch []entry, m Message, last bool, err error) {
	now := time.Now()
	var store error
	switch {
	case err == nil:
		d.pace.sent()
		d.stats.Sent++
		d.stats.LastSent, d.stats.LastError = now.UTC(), ""
		store = d.queue.remove(batch, m.ID, now)
		d.log.Info("alert sent", "to", d.name, "subject", m.Subject, "alerts", len(batch), "message_id", m.ID)
	case !isPermanent(err):
		d.pace.failed(now)
		d.failed(now, err)
		d.log.Warn("alert not sent, will try again", "to", d.name, "subject", m.Subject, "waiting", len(d.queue.waiting),
			"retry_in", d.pace.retryAt.Sub(now), "error", err)
	case !last:
		d.failed(now, err)
		d.log.Warn("alert refused, goes into the next digest", "to", d.name, "subject", m.Subject, "error", err)
		store = d.queue.refuse(batch)
		d.pace.failed(now)
	default:
		d.failed(now, err)
		d.giveUp(batch, err.Error())
		store = d.queue.remove(batch, "", now)
	}
	if store != nil {
		d.log.Error("alert queue cannot be written", "to", d.name, "error", store)
	}
}

func (d *destination) failed(now time.Time, err error) {
	d.stats.Failed++
	d.stats.LastError, d.stats.LastErrorAt = d.name+": "+err.Error(), now.UTC()
}

// giveUp says in the log what nobody will be told.
func (d *destination) giveUp(entries []entry, why string) {
	d.stats.GivenUp += uint64(len(entries))
	for _, e := range entries {
		d.log.Error("alert given up", "to", d.name, "title", oneLine(e.Alert.Title), "incident", e.Alert.Incident,
			"kind", string(e.Alert.Kind), "at", e.Alert.At, "why", why)
	}
}

// poke makes the loop look at the queue.
func (d *destination) poke() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}
