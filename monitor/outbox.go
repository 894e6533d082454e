package monitor

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"loadshare/internal/alert"
	"loadshare/internal/durable"
	"loadshare/internal/events"
	"loadshare/monitor/decide"
)

// outboxSize bounds what waits for the history or the mail queue. A full box
// makes the loop wait: then the disk is the bottleneck, and nothing is dropped.
const outboxSize = 1024

// outbox writes history and queues mail, in their order. What comes with a
// decision that is saved is written in the same commit, before its orders leave
// ([outbox.commit]); the rest, which nothing waits for, a moment later.
type outbox struct {
	history  *events.Log
	notifier Notifier
	log      *slog.Logger
	box      chan told

	// writing guards waiting, and is held while the history is written: two
	// goroutines write it, and its order is that of the decisions.
	writing sync.Mutex
	waiting []events.Event
}

// told is something to do outside the loop.
type told struct {
	alert *alert.Alert
	done  chan struct{} // closed when all before is written
}

func newOutbox(h *events.Log, n Notifier, log *slog.Logger) *outbox {
	return &outbox{history: h, notifier: n, log: log, box: make(chan told, outboxSize)}
}

// linger is how long the outbox lets what it has wait, so that its commits do
// not compete for the disk with those of the agents and DNS servers that carry out
// the order just given.
const linger = 25 * time.Millisecond

// run writes until ctx ends and the box is empty.
func (o *outbox) run(ctx context.Context) {
	for {
		select {
		case t := <-o.box:
			o.write(o.collect(ctx, t))
		case <-ctx.Done():
			for {
				select {
				case t := <-o.box:
					o.write(o.collect(ctx, t))
				default:
					return
				}
			}
		}
	}
}

// collect takes what comes within linger, or until somebody waits for it.
func (o *outbox) collect(ctx context.Context, first told) []told {
	list := []told{first}
	timer := time.NewTimer(linger)
	defer timer.Stop()
	for list[len(list)-1].done == nil && len(list) < outboxSize {
		select {
		case t := <-o.box:
			list = append(list, t)
		case <-timer.C:
			return list
		case <-ctx.Done():
			return list
		}
	}
	return list
}

// write writes the waiting events in one commit, then queues the alerts.
func (o *outbox) write(list []told) {
	o.writing.Lock()
	if n := len(o.waiting); n > 0 {
		if err := o.history.Append(o.waiting...); err != nil {
			o.log.Error("history not written", "error", err, "events", n)
		}
		o.waiting = nil
	}
	o.writing.Unlock()
	for _, t := range list {
		if t.alert != nil {
			if err := o.notifier.Send(*t.alert); err != nil {
				o.log.Error("alert not queued", "error", err, "title", t.alert.Title)
			}
		}
		if t.done != nil {
			close(t.done)
		}
	}
}

// commit makes a batch durable together with the history of what it saves.
func (o *outbox) commit(b *durable.Batch, list []events.Event) error {
	o.writing.Lock()
	defer o.writing.Unlock()
	if err := o.history.AppendWith(b, append(o.waiting, list...)...); err != nil {
		return err
	}
	o.waiting = nil
	return nil
}

// later writes events when there is time.
func (o *outbox) later(ctx context.Context, list ...events.Event) {
	o.writing.Lock()
	o.waiting = append(o.waiting, list...)
	o.writing.Unlock()
	o.put(ctx, told{})
}

func (o *outbox) put(ctx context.Context, t told) {
	select {
	case o.box <- t:
	case <-ctx.Done():
	}
}

// flush returns when all that was told before is written.
func (o *outbox) flush(ctx context.Context) {
	done := make(chan struct{})
	o.put(ctx, told{done: done})
	select {
	case <-done:
	case <-ctx.Done():
	}
}

func (o *outbox) alert(ctx context.Context, a alert.Alert) { o.put(ctx, told{alert: &a}) }

// note writes one event of the monitor itself.
func (o *outbox) note(ctx context.Context, kind events.Kind, reason, text string, data map[string]string) {
	o.later(ctx, events.Event{At: time.Now(), Kind: kind, Reason: reason, Text: text, Data: data})
}

// history is the machine's events as the log keeps them.
func history(list []decide.Event) []events.Event {
	out := make([]events.Event, 0, len(list))
	for _, e := range list {
		out = append(out, events.Event{
			At: e.At, Kind: events.Kind(e.Kind), Pool: string(e.Pool), Member: e.Member, Check: string(e.Check), From: e.From, To: e.To,
			Reason: string(e.Reason), Text: e.Text, Order: e.Order, Data: e.Data, Incident: e.Incident,
		})
	}
	return out
}
