// Package events is the history of one role: what changed, when, why, and what
// was done about it. It answers `loadshare pool why` and draws the timeline.
//
// A [Log] lives in the role's durable store beside its other state, under keys
// that begin with "events/". It is a ring, bounded by number and age
// ([Limits]): the oldest events make room for new ones.
//
//	log, err := events.Open(store, events.Limits{})
//	err = log.Append(events.Event{At: now, Kind: events.Member, Pool: "www.mydomain.com/A", Member: "192.168.0.1",
//		From: "suspect", To: "down", Reason: "fell", Text: "3 of 3 probes failed: connection refused"})
//	last := log.Recent(events.Filter{Pool: "www.mydomain.com/A"}, 20)
//
// Append returns when the events are on disk; several events in one call
// cost one write. Sequence numbers grow without gaps within a run and are
// never used twice, so that [Log.Since] can follow the log from where it stopped.
package events
