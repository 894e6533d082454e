package pairsim

import (
	"testing"
	"time"

	"loadshare/haserver/pair"
)

// A server, or the link, that comes and goes without end (H-e: "Flapping is damped"; docs/decisions/0017): each time the pair is together
// again at once, an update that is answered then is on both disks, the wait for one that takes updates stays that of one fault, and nothing
// is lost.
func TestFlappingCostsNoMoreThanItsFaults(t *testing.T) {
	quick := timers{heartbeat: 200 * time.Millisecond, comm: 800 * time.Millisecond, retry: time.Second, ack: 200 * time.Millisecond}
	for _, c := range []struct {
		name     string
		timers   timers
		away, up time.Duration
		begin    func(*scene)
		end      func(*scene)
		both     bool // part of both: each sees it
		cycles   int
	}{
		{"the main's process", usual, time.Second, 2 * time.Second, func(s *scene) { s.main.crash(true) }, func(s *scene) { s.main.start() }, false, 10},
		{"the backup's process", usual, time.Second, 2 * time.Second, func(s *scene) { s.backup.crash(true) }, func(s *scene) { s.backup.start() }, false, 10},
		{"the link", quick, 2 * time.Second, 3 * time.Second, (*scene).cutNow, (*scene).heal, true, 20},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(t, options{timers: c.timers})
			stays := s.main
			var all []*tried
			var longest time.Duration
			last := s.w.Now()
			work := func(d time.Duration) {
				for end := s.w.Now().Add(d); s.w.Now().Before(end); s.pass(50 * time.Millisecond) {
					for _, n := range s.nodes {
						if !n.life.Alive() {
							continue
						}
						u := s.add(n)
						for limit := s.w.Now().Add(1100 * time.Millisecond); n.life.Alive() && u.outcome == 0 && !u.lost && s.w.Now().Before(limit); {
							s.pass(time.Millisecond)
						}
						if u.outcome == pair.Done {
							all, longest, last = append(all, u), max(longest, s.w.Now().Sub(last)), s.w.Now()
							break
						}
					}
				}
			}
			for range c.cycles {
				c.begin(s)
				work(c.away)
				c.end(s)
				work(c.up)
			}
			if c.name == "the main's process" {
				stays = s.backup
			}
			if longest > c.timers.comm+time.Second && c.both || longest > 2*time.Second && !c.both {
				t.Errorf("for %v nobody took an update", longest)
			}
			if !s.alarm(stays, "flapping") {
				t.Errorf("who stays raises no alarm: %+v", stays.m.Status().Alarms)
			}
			two := 0
			for _, u := range all {
				two += u.copies - 1
			}
			t.Logf("%d updates answered, %d of them on both disks; the longest wait was %v; %d conflicts", len(all), two, longest, s.stats.conflicts)
			s.everywhere(time.Minute, all...)
		})
	}
}

func (s *scene) cutNow() { s.link.cut = [2]bool{true, true} }
