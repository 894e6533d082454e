package names

import "time"

// The times of the pair policy.
const (
	again      = 250 * time.Millisecond // between the two first tries at the main: a refused connection answers at once
	retryEvery = 4 * time.Second        // each server, while none answers
	deafFor    = 30 * time.Second       // a silent server, while another one answers
	checkAgain = time.Second
)

// silentAfter is how many attempts without an answer, one after the other, make a server silent.
const silentAfter = 2

// server is what is known of one DNS server.
type server struct {
	fails  int       // attempts without an answer, one after the other
	tried  time.Time // when the last one began
	next   time.Time // of a silent one: when it may be asked again
	asking bool      // one attempt is under way to a silent one
}

func (s *server) silent() bool { return s.fails >= silentAfter }

func (s *server) mayAsk(now time.Time) bool {
	return !s.silent() || !s.asking && !now.Before(s.next)
}

// choose is the server for the turn; a silent one is passed over. False: none may be asked now.
func (q *Queue) choose(now time.Time, turn int) (int, bool) {
	first := q.of(turn)
	if q.servers[first].mayAsk(now) {
		return first, true
	}
	found := -1
	for i := range q.servers {
		if s := &q.servers[i]; s.mayAsk(now) && (found < 0 || !s.silent()) {
			found = i
		}
	}
	return found, found >= 0
}

// of is whose turn it is: main, main, backup, main, backup.
func (q *Queue) of(turn int) int { return max(turn-1, 0) % len(q.servers) }

// heard is what the outcome of an attempt says of the server.
func (q *Queue) heard(now time.Time, i int, what Answer) {
	s := &q.servers[i]
	s.asking = false
	if what != Silence {
		s.fails = 0
		return
	}
	s.fails = min(s.fails+1, silentAfter)
	wait := retryEvery
	for i := range q.servers {
		if q.servers[i].fails == 0 {
			wait = deafFor
		}
	}
	for j := range q.servers {
		o := &q.servers[j]
		if at := later(now, o.tried.Add(wait)); o.silent() && (j == i || at.Before(o.next)) {
			o.next = at
		}
	}
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
