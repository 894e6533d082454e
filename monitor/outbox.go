package monitor

import (
	"context"
	"log/slog"
	"time"

	"loadshare/internal/alert"
	"loadshare/internal/events"
	"loadshare/monitor/decide"
)

// outboxSize bounds what waits for the history or the mail queue. A full box
// makes the loop wait: then the disk is the bottleneck, and nothing is dropped.
const outboxSize = 1024

// outbox writes history and queues mail in their order, off the path from probe
// to DNS: both are durable, and neither is a promise that an order waits for.
type outbox struct {
	history  *events.Log
	notifier Notifier
	log      *slog.Logger
	box      chan told
}

// told is one thing to write down.
type told struct {
	events []events.Event
	alert  *alert.Alert
	done   chan struct{} // closed when all before is written
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

// write writes the events in one commit, then queues the alerts.
func (o *outbox) write(list []told) {
	var ev []events.Event
	for _, t := range list {
		ev = append(ev, t.events...)
	}
	if len(ev) > 0 {
		if err := o.history.Append(ev...); err != nil {
			o.log.Error("history not written", "error", err, "events", len(ev))
		}
	}
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

func (o *outbox) events(ctx context.Context, list []decide.Event) {
	out := make([]events.Event, 0, len(list))
	for _, e := range list {
		out = append(out, events.Event{
			At: e.At, Kind: events.Kind(e.Kind), Pool: string(e.Pool), Member: e.Member, Check: string(e.Check), From: e.From, To: e.To,
			Reason: string(e.Reason), Text: e.Text, Order: e.Order, Data: e.Data, Incident: e.Incident,
		})
	}
	o.put(ctx, told{events: out})
}

// note writes one event of the monitor itself.
func (o *outbox) note(ctx context.Context, kind events.Kind, reason, text string, data map[string]string) {
	o.put(ctx, told{events: []events.Event{{At: time.Now(), Kind: kind, Reason: reason, Text: text, Data: data}}})
}
