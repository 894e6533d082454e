package dhcp

import (
	"sync"
	"time"

	"loadshare/internal/alert"
)

const watchEvery = 2 * time.Second

// watcher looks at the server now and then, and raises and ends the alarms.
type watcher struct {
	s     *Server
	wake  chan struct{}
	shown *gauges

	mu     sync.Mutex // status reads
	alarms []AlarmStatus
	behind map[string]time.Time // pairs with updates that wait, since when
	send   func(alert.Alert)    // nil: nobody is told but the log
}

func newWatcher(s *Server) *watcher {
	return &watcher{s: s, shown: newGauges(s.count.reg), wake: make(chan struct{}, 1), alarms: []AlarmStatus{}, behind: map[string]time.Time{}}
}

func (w *watcher) poke() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *watcher) run() {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		w.round()
		select {
		case <-tick.C:
		case <-w.wake:
		case <-w.s.ctx.Done():
			return
		}
	}
}

func (w *watcher) round() {
	v, err := w.s.look()
	if err != nil {
		return // stopping
	}
	w.follow(&v)
	w.s.vouch(&v)
	w.s.tellView(&v)
	st := w.s.statusOf(&v)
	clock, clockAt := w.s.events.clockDoubt(v.doubted)
	mass, massNow := w.s.events.massExpiry(v.at)
	f := facts{now: v.at, started: w.s.since, status: &st, clock: clock, clockAt: clockAt}
	if massNow {
		f.mass = mass
	}
	alarms := append(judge(&f), judgeBeside(&f)...)
	w.set(alarms, v.at)
	w.shown.show(&st, alarms)
}

// follow remembers since when something is so.
func (w *watcher) follow(v *view) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for name, p := range v.pairs {
		switch {
		case p.Unacked == 0:
			delete(w.behind, name)
		case w.behind[name].IsZero():
			w.behind[name] = v.at
		}
	}
}

func (w *watcher) behindSince(pair string) *time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	at, ok := w.behind[pair]
	if !ok {
		return nil
	}
	at = at.UTC().Truncate(time.Second)
	return &at
}

func (w *watcher) standing() []AlarmStatus {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]AlarmStatus{}, w.alarms...)
}

// set makes these the alarms that stand, and tells of those that are new and those that have ended.
func (w *watcher) set(list []AlarmStatus, now time.Time) {
	w.mu.Lock()
	before := w.alarms
	for i := range list {
		if j := find(before, &list[i]); j >= 0 {
			list[i].Since = before[j].Since
		}
	}
	w.alarms = list
	send := w.send
	w.mu.Unlock()
	for i := range list {
		if find(before, &list[i]) < 0 {
			w.raised(&list[i], send)
		}
	}
	for i := range before {
		if find(list, &before[i]) < 0 {
			w.ended(&before[i], now, send)
		}
	}
}

func find(list []AlarmStatus, a *AlarmStatus) int {
	for i := range list {
		if list[i].Name == a.Name && list[i].About == a.About {
			return i
		}
	}
	return -1
}

func (w *watcher) raised(a *AlarmStatus, send func(alert.Alert)) {
	w.s.log.Warn("alarm", "name", a.Name, "about", a.About, "text", a.Text, "next", a.Next)
	if send != nil {
		send(alert.Alert{Incident: a.Name + " " + a.About, Kind: kindOf(a.Name), Title: title(a), Next: a.Next, Body: a.Text, At: a.Since})
	}
}

func (w *watcher) ended(a *AlarmStatus, now time.Time, send func(alert.Alert)) {
	w.s.log.Info("alarm_over", "name", a.Name, "about", a.About, "lasted", now.Sub(a.Since).Round(time.Second).String())
	if send != nil {
		send(alert.Alert{
			Incident: a.Name + " " + a.About, Kind: alert.Recovery, Title: "over: " + title(a), Final: true, At: now,
			Body: "It lasted " + short(now.Sub(a.Since)) + ".",
		})
	}
}

func title(a *AlarmStatus) string {
	if a.About == "" {
		return "dhcp: " + a.Name
	}
	return "dhcp " + a.About + ": " + a.Name
}

func kindOf(name string) alert.Kind {
	switch name {
	case alarmNobody, alarmUnfit, alarmUnserved, alarmOutage:
		return alert.Failure
	case alarmDiffers, alarmAnswers:
		return alert.Drift
	}
	return alert.Degraded
}
