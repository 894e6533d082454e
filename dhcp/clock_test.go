package dhcp

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"loadshare/dhcp/engine"
	"loadshare/dhcp/store"
	"loadshare/internal/durable"
)

// ahead leaves a store whose last write is an hour after now: the clock has gone back since.
func ahead(t *testing.T) *site {
	t.Helper()
	s := newSite(t, single)
	s.disk = durable.NewCrashable()
	open := func(dir string) (durable.Store, error) {
		return s.disk.OpenPebble(filepath.Base(dir), durable.PebbleOptions{})
	}
	st, _, err := store.Open(filepath.Join(s.dir, "state", "leases"), store.Options{Open: open})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := st.Commit(&engine.Write{Batch: 1, History: []engine.Event{{At: time.Now().Unix(), What: engine.Granted}}}, time.Now().Add(time.Hour).Unix()); err != nil {
		t.Fatal(err)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	return s
}

// Decision D-g: "no expiry, no new grants, renewals only, alarm; on when the partner or NTP agrees".
func TestClockIsBelievedWhenATimeDaemonDisciplinesIt(t *testing.T) {
	for _, synchronised := range []bool{false, true} {
		s := ahead(t)
		s.ntp = func() bool { return synchronised }
		s.start(t)
		until(t, "the watcher has looked", func() bool { s.server.poke(); return s.doubted(t) != synchronised })
		if synchronised {
			acquire(t, s.relay(t), 1)
		}
		s.stop(t)
	}
}

// Without either an operator says that the clock is right; while nobody doubts it there is nothing to say.
func TestOperatorVouchesForTheClock(t *testing.T) {
	s := ahead(t)
	s.ntp = func() bool { return false }
	s.start(t)
	if !s.doubted(t) {
		t.Fatal("a clock behind the last write is not doubted")
	}
	var done Done
	if err := s.try("/v1/clock/sure", nil, ClockOrder{Reason: "I have looked at it"}, &done); err != nil {
		t.Fatal(err)
	}
	until(t, "the clock is believed", func() bool { return !s.doubted(t) })
	acquire(t, s.relay(t), 1)
	if err := s.try("/v1/clock/sure", nil, ClockOrder{}, &done); err == nil || !strings.Contains(err.Error(), "nobody doubts the clock of this server") {
		t.Errorf("said again: %v", err)
	}
}

func (s *site) doubted(t *testing.T) bool {
	t.Helper()
	v, err := s.server.look()
	if err != nil {
		t.Fatal(err)
	}
	return v.doubted
}
