package haserver

import "time"

// keeper does what is done now and then: catalogs follow the list of zones, stale records go. One goroutine, which waits for its
// own changes to be durable.
type keeper struct {
	s    *Server
	wake chan struct{} // of one: the zones are others now
	quit chan struct{}
	done chan struct{} // closed when the goroutine has ended; nil: it was not started
}

const (
	keeperTick   = time.Second      // marks are written down, and what was refused is tried again
	keeperRest   = 5 * time.Second  // between two looks at catalogs that nothing was said about
	scavengeTurn = 60 * time.Second // between two looks for stale records, at most
)

func newKeeper(s *Server) *keeper {
	return &keeper{s: s, wake: make(chan struct{}, 1), quit: make(chan struct{})}
}

// poke says that the zones, or their settings, are others now.
func (k *keeper) poke() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

func (k *keeper) run() {
	k.done = make(chan struct{})
	go func() {
		defer close(k.done)
		tick := time.NewTicker(keeperTick)
		defer tick.Stop()
		var catalogs, scavenged time.Time // of the last look
		for {
			due := false
			select {
			case <-k.quit:
				k.s.scavenge.flush()
				return
			case <-k.wake:
				due = true
			case <-tick.C:
			}
			if now := time.Now(); due || now.Sub(catalogs) >= keeperRest {
				if k.s.keepCatalogs() {
					catalogs = now
				}
			}
			k.s.scavenge.flush()
			k.s.scavenge.tell()
			k.s.askUnheard()
			if now := k.s.scavenge.now(); now.Sub(scavenged) >= k.s.scavenge.turn() {
				scavenged = now
				k.s.scavenge.pass(now)
			}
		}
	}()
}

// close ends the goroutine and returns when it has.
func (k *keeper) close() {
	close(k.quit)
	if k.done != nil {
		<-k.done
	}
}
