package names

import (
	"container/heap"
	"slices"
	"time"

	"loadshare/dhcp/lease"
)

// line is the jobs on their way to one server, or to one of a pair.
type line struct {
	c       Config
	p       Policy
	entries map[uint64]*entry // by Job.ID
	byIP    map[lease.IP][]*entry
	byName  map[string][]*entry
	ready   due // those that nothing is before, and that are not under way
	index   []int
	servers []server
	flight  map[uint64]*entry // by attempt
	last    uint64            // attempt
}

// entry is one job.
type entry struct {
	job     Job
	m       *Machine // nil: not begun
	turn    int
	refused int // servers that refused the present update, one after the other
	began   time.Time
	next    time.Time
	server  int // of the attempt under way
	sent    bool
	gone    bool // over: no more is sent, and an answer says nothing of it
	at      int  // in the heap; -1: not there
}

func newLine(c Config, p Policy, servers []int) *line {
	return &line{
		c: c, p: p, entries: map[uint64]*entry{}, byIP: map[lease.IP][]*entry{}, byName: map[string][]*entry{},
		index: servers, servers: make([]server, len(servers)), flight: map[uint64]*entry{},
	}
}

func (l *line) add(j Job) (over []Finished) {
	for _, e := range slices.Clone(l.byIP[j.IP]) {
		if !e.gone && e.job.FQDN == j.FQDN && slices.Equal(e.job.DHCID, j.DHCID) {
			j.Forward = j.Forward || e.job.Forward && j.Kind == Remove // it may have been written
			over = append(over, l.end(e, Overtaken, ""))
		}
	}
	if len(l.entries) >= l.p.Max && len(l.ready) > 0 {
		over = append(over, l.end(l.ready[0], Overflow, "too many changes of names wait for the DNS servers"))
	}
	l.put(j)
	return over
}

func (l *line) put(j Job) {
	e := &entry{job: j, at: -1}
	l.entries[j.ID] = e
	l.byIP[j.IP] = append(l.byIP[j.IP], e)
	l.byName[j.FQDN] = append(l.byName[j.FQDN], e)
	l.wakeUp(e)
}

// wakeUp puts an entry where it is found when it is due, if nothing is before it.
func (l *line) wakeUp(e *entry) {
	if e.at < 0 && !e.gone && !e.sent && l.byIP[e.job.IP][0] == e && l.byName[e.job.FQDN][0] == e {
		heap.Push(&l.ready, e)
	}
}

// end takes an entry out. While an attempt of it is under way those after it wait: the two must not cross on their way.
func (l *line) end(e *entry, o Outcome, text string) Finished {
	e.gone = true
	delete(l.entries, e.job.ID)
	if e.at >= 0 {
		heap.Remove(&l.ready, e.at)
	}
	if !e.sent {
		l.forget(e)
	}
	return Finished{Job: e.job, Outcome: o, Text: text}
}

func (l *line) forget(e *entry) {
	is := func(o *entry) bool { return o == e }
	ip, name := slices.DeleteFunc(l.byIP[e.job.IP], is), slices.DeleteFunc(l.byName[e.job.FQDN], is)
	l.byIP[e.job.IP], l.byName[e.job.FQDN] = ip, name
	if len(name) == 0 {
		delete(l.byName, e.job.FQDN)
	}
	if len(ip) == 0 {
		delete(l.byIP, e.job.IP)
	} else {
		l.wakeUp(ip[0])
	}
	if len(name) > 0 {
		l.wakeUp(name[0])
	}
}

func (l *line) next(now time.Time, check func(Job) Check) (a Attempt, over []Finished, ok bool) {
	for len(l.flight) < l.p.Flight && len(l.ready) > 0 && !l.ready[0].next.After(now) {
		e := l.ready[0]
		s, open := l.choose(now, e.turn)
		if !open {
			break
		}
		if e.m == nil {
			c := l.c
			switch check(e.job) {
			case Drop:
				over = append(over, l.end(e, Stale, ""))
				continue
			case Wait:
				e.next = now.Add(checkAgain)
				heap.Fix(&l.ready, e.at)
				continue
			case Careful:
				c.Strict = true
			case Go:
			}
			e.m = c.Start(e.job)
		}
		change, more := e.m.Update()
		if !more {
			over = append(over, l.end(e, Done, ""))
			continue
		}
		heap.Remove(&l.ready, e.at)
		l.send(now, e, s)
		return Attempt{ID: l.last, Job: e.job, Server: l.index[s], Change: change}, over, true
	}
	return Attempt{}, over, false
}

func (l *line) send(now time.Time, e *entry, to int) {
	s := &l.servers[to]
	s.tried, s.asking = now, s.silent()
	e.sent, e.server = true, to
	if e.turn == 0 || l.of(e.turn) == 0 && e.turn > 1 {
		e.began = now
	}
	l.last++
	l.flight[l.last] = e
}

func (l *line) took(now time.Time, attempt uint64, what Answer, rcode string) []Finished {
	e := l.flight[attempt]
	if e == nil {
		return nil
	}
	delete(l.flight, attempt)
	e.sent = false
	l.heard(now, e.server, what)
	if e.gone {
		l.forget(e)
		return nil
	}
	switch what {
	case Answered:
		e.answered(now, rcode)
	case No:
		if e.refused++; e.refused >= len(l.servers) {
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
		case l.of(e.turn) == 0: // a new round
			e.next = later(now, e.began.Add(retryEvery))
		default:
			e.next = now
		}
	}
	if o, text := e.m.Outcome(); o != Under {
		return []Finished{l.end(e, o, text)}
	}
	l.wakeUp(e)
	return nil
}

// answered moves the job on; its next update begins with the main again.
func (e *entry) answered(now time.Time, rcode string) {
	e.refused, e.turn, e.next = 0, 0, now
	e.m.Next(rcode)
}

func (l *line) wake(now time.Time) (at time.Time, ok bool) {
	if len(l.ready) == 0 || len(l.flight) >= l.p.Flight {
		return at, false
	}
	if at = l.ready[0].next; at.Before(now) {
		at = now
	}
	var open time.Time
	for i := range l.servers {
		switch s := &l.servers[i]; {
		case !s.silent():
			return at, true
		case !s.asking && (!ok || s.next.Before(open)):
			open, ok = s.next, true
		}
	}
	return later(at, open), ok
}

// due is a heap of entries by the time of their next attempt, then by age.
type due []*entry

func (d due) Len() int { return len(d) }
func (d due) Less(i, j int) bool {
	if c := d[i].next.Compare(d[j].next); c != 0 {
		return c < 0
	}
	return d[i].job.ID < d[j].job.ID
}
func (d due) Swap(i, j int) { d[i], d[j] = d[j], d[i]; d[i].at, d[j].at = i, j }
func (d *due) Push(x any)   { e := x.(*entry); e.at = len(*d); *d = append(*d, e) }
func (d *due) Pop() any {
	e := (*d)[len(*d)-1]
	*d = (*d)[:len(*d)-1]
	e.at = -1
	return e
}
