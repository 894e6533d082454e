package haserver

import (
	"context"
	"os"
	"runtime"
	"time"
)

// The runtime runs as many goroutines at once as there are cores. On one core a question then waits for whatever else has that one
// slot: a system call that syncs the disk until the runtime notices (up to 10 ms), a flush of the store, a slice of the garbage
// collector. With one slot more the system's scheduler decides, and it prefers who has used less: while 1,000 updates a second were
// made durable, the slowest thousandth of the questions waited half as long (docs/benchmarks.md, Tail).
//
// The price is a fifth of the rate of a client that sends one update at a time to a pair, so the slot is there only while there are
// questions for it.
const (
	slotsLook = time.Second
	slotMore  = 1000 // questions in a second from which on there is one slot more
	slotLess  = 500  // below which it goes again
)

// slotWanted says whether there is one slot more for the second to come.
func slotWanted(had bool, questions uint64) bool {
	return questions >= slotMore || had && questions >= slotLess
}

// keepSlots gives and takes the slot until ctx ends. An operator who set GOMAXPROCS has his way. It is for a process
// that runs one server.
func (s *Server) keepSlots(ctx context.Context) error {
	if os.Getenv("GOMAXPROCS") != "" {
		<-ctx.Done()
		return nil
	}
	look := time.NewTicker(slotsLook)
	defer look.Stop()
	had, last := false, s.count.questions()
	for {
		select {
		case <-ctx.Done():
			if had {
				s.slot.Store(false)
				runtime.SetDefaultGOMAXPROCS()
			}
			return nil
		case <-look.C:
		}
		now := s.count.questions()
		want := slotWanted(had, now-last)
		last = now
		switch {
		case want && !had:
			runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 1)
			s.slot.Store(true)
		case had && !want:
			s.slot.Store(false)
			runtime.SetDefaultGOMAXPROCS()
		}
		had = want
	}
}
