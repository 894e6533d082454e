package haserver

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"loadshare/haserver/zone"
)

// TestSlotOnlyWhileThereAreQuestions: "the slot is there only while there are questions for it", and does not come and go with
// every second around the limit.
func TestSlotOnlyWhileThereAreQuestions(t *testing.T) {
	had := false
	for i, c := range []struct {
		questions uint64
		want      bool
	}{{0, false}, {999, false}, {1000, true}, {700, true}, {500, true}, {499, false}, {700, false}, {20_000, true}, {0, false}} {
		if had = slotWanted(had, c.questions); had != c.want {
			t.Errorf("second %d, %d questions: %v, want %v", i, c.questions, had, c.want)
		}
	}
}

// TestUpdatesAreNoQuestions: a client that only sends updates does not bring the slot, for which it would pay.
func TestUpdatesAreNoQuestions(t *testing.T) {
	all := newTotals()
	loop := all.part()
	for range 5 {
		loop.answered(false, zone.NoError)
	}
	for range 3 {
		loop.answered(false, zone.NoError)
		loop.toUpdates.Add(1)
	}
	if n := all.questions(); n != 5 {
		t.Errorf("%d questions, want 5", n)
	}
	loop.update(zone.ServFail, AtPartner) // dropped: no answer
	loop.answered(false, zone.NoError)
	all.questions() // between the two counts of an answer to an update
	loop.toUpdates.Add(1)
	if n := all.questions(); n < 5 || n > 6 {
		t.Errorf("%d questions, want 5 or 6: it goes back, and the difference to the last look is a great many", n)
	}
}

// TestSlotComesAndGoes: "the slot is there only while there are questions for it": it comes with them, goes without them, goes with the
// server, and never comes where an operator set GOMAXPROCS.
func TestSlotComesAndGoes(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
	for _, set := range []string{"", "2"} {
		t.Setenv("GOMAXPROCS", set)
		runtime.SetDefaultGOMAXPROCS()
		usual := runtime.GOMAXPROCS(0)
		synctest.Test(t, func(t *testing.T) {
			s := &Server{count: newTotals()}
			loop := s.count.part()
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- s.keepSlots(ctx) }()
			second := func(questions int, more bool) {
				t.Helper()
				for range questions {
					loop.answered(false, zone.NoError)
				}
				time.Sleep(slotsLook)
				synctest.Wait()
				if got := runtime.GOMAXPROCS(0) > usual; got != more || s.slot.Load() != more {
					t.Errorf("GOMAXPROCS set to %q, after %d questions: %d slots of usually %d, known as one more: %v", set, questions, runtime.GOMAXPROCS(0), usual, s.slot.Load())
				}
			}
			second(slotMore-1, false)
			second(slotMore, set == "")
			second(slotLess, set == "")
			second(0, false)
			second(slotMore, set == "")
			cancel()
			if err := <-ended; err != nil || runtime.GOMAXPROCS(0) != usual || s.slot.Load() {
				t.Errorf("GOMAXPROCS set to %q, at the end: %d slots of usually %d, known as one more: %v (%v)", set, runtime.GOMAXPROCS(0), usual, s.slot.Load(), err)
			}
		})
	}
}
