package dhcp

import (
	"time"

	"loadshare/dhcp/engine"
)

// watchPace are the times of the watch; tests use shorter ones.
type watchPace struct {
	every time.Duration // between two looks
	hangs time.Duration // a write that takes longer
	fit   time.Duration // without trouble until all is well again
}

var defaultWatchPace = watchPace{every: 250 * time.Millisecond, hangs: slowCommit, fit: 5 * time.Second}

// watch tells the machine when a write hangs though none has failed, so that the partner serves (decision H-i); and that all is well
// again after some seconds without, so that a disk at its limit does not make the pair flap.
func (s *Server) watch() {
	tick := time.NewTicker(s.pace.every)
	defer tick.Stop()
	told := false
	var bad time.Time // when it was unfit last
	for {
		select {
		case <-s.ctx.Done():
			return
		case now := <-tick.C:
			hangs := s.store.Hangs(now) > s.pace.hangs
			if hangs {
				bad = now
			} else if now.Sub(bad) < s.pace.fit {
				continue
			}
			if hangs == told {
				continue
			}
			told = hangs
			why := ""
			if hangs {
				why = "a write to the lease database hangs: look at the disk under state_dir"
			}
			s.hanging.Store(hangs)
			s.log.Warn("store_hangs", "hangs", hangs, "why", why)
			s.loop.tell(engine.Unwell{Why: why})
			s.poke()
		}
	}
}

// trim removes old history every hour, and at once when clients make so much of it that the disk would fill up until then.
func (s *Server) trim() {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	last := time.Now()
	for {
		select {
		case <-s.ctx.Done():
			return
		case now := <-tick.C:
			if s.unfitWhy() != "" || now.Sub(last) < time.Hour && !s.store.Crowded() {
				continue
			}
			last = now
			if err := s.store.Trim(now); err != nil {
				s.log.Warn("history_not_trimmed", "error", err.Error())
			}
		}
	}
}
