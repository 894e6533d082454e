package names

import (
	"container/heap"
	"time"
)

// Next is an attempt to make now; false: there is none before Wake. Check is asked once for each job, and what it drops is over.
func (q *Queue) Next(now time.Time, check func(Job) Check) (a Attempt, over []Finished, ok bool) {
	for len(q.flight) < q.limits.Flight && len(q.ready) > 0 && !q.ready[0].next.After(now) {
		e := q.ready[0]
		s, open := q.choose(now, e.turn)
		if !open {
			break
		}
		if e.m == nil {
			c := q.c
			switch check(e.job) {
			case Drop:
				over = append(over, q.end(e, Stale, ""))
				continue
			case Wait:
				e.next = now.Add(checkAgain)
				heap.Fix(&q.ready, e.at)
				continue
			case Careful:
				c.Strict = true
			case Go:
			}
			e.m = c.Start(e.job)
		}
		change, more := e.m.Update()
		if !more {
			over = append(over, q.end(e, Done, ""))
			continue
		}
		heap.Remove(&q.ready, e.at)
		q.send(now, e, s)
		return Attempt{ID: q.last, Job: e.job, Server: s, Change: change}, over, true
	}
	return Attempt{}, over, false
}

func (q *Queue) send(now time.Time, e *entry, to int) {
	s := &q.servers[to]
	s.tried, s.asking = now, s.silent()
	e.sent, e.server = true, to
	if e.turn == 0 || q.of(e.turn) == 0 && e.turn > 1 {
		e.began = now
	}
	q.last++
	q.flight[q.last] = e
}

// Took is what came of an attempt, by its ID. Rcode is the mnemonic of the answer.
func (q *Queue) Took(now time.Time, attempt uint64, what Answer, rcode string) []Finished {
	e := q.flight[attempt]
	if e == nil {
		return nil
	}
	delete(q.flight, attempt)
	e.sent = false
	if e.server < len(q.servers) { // else it was taken out of the configuration
		q.heard(now, e.server, what)
	}
	if e.gone {
		q.forget(e)
		return nil
	}
	switch what {
	case Answered:
		e.answered(now, rcode)
	case No:
		if e.refused++; e.refused >= len(q.servers) {
			e.answered(now, rcode)
			break
		}
		e.next, e.turn = now, 2 // the other one: it may have the zone, or the key
		if e.server != 0 {
			e.turn = 1
		}
	case Later, Silence:
		e.turn++
		switch {
		case e.turn == 1:
			e.next = now.Add(again)
		case q.of(e.turn) == 0: // a new round
			e.next = later(now, e.began.Add(retryEvery))
		default:
			e.next = now
		}
	}
	if o, text := e.m.Outcome(); o != Under {
		return []Finished{q.end(e, o, text)}
	}
	q.wakeUp(e)
	return nil
}

// answered moves the job on; its next update begins with the main again.
func (e *entry) answered(now time.Time, rcode string) {
	e.refused, e.turn, e.next = 0, 0, now
	e.m.Next(rcode)
}

// Wake is when Next may have an attempt; false: not before a job or an answer comes.
func (q *Queue) Wake(now time.Time) (at time.Time, ok bool) {
	if len(q.ready) == 0 || len(q.flight) >= q.limits.Flight {
		return at, false
	}
	if at = q.ready[0].next; at.Before(now) {
		at = now
	}
	var open time.Time
	for i := range q.servers {
		switch s := &q.servers[i]; {
		case !s.silent():
			return at, true
		case !s.asking && (!ok || s.next.Before(open)):
			open, ok = s.next, true
		}
	}
	return later(at, open), ok
}
