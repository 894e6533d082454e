package names

import (
	"cmp"
	"slices"
	"time"

	"loadshare/ddns"
	"loadshare/dhcp/lease"
)

// Policy is which servers hear of a change.
type Policy struct {
	Servers int  // at least 1; of a pair the first is the main
	Every   bool // every server is told; else they are a pair, of which one takes the change and hands it on
	Max     int  // jobs; 0: 200,000. One more, and the oldest that is not under way is given up
	Flight  int  // attempts at the same time, of every server or of the pair; 0: 16
}

const (
	defaultMax    = 200_000
	defaultFlight = 16
)

// Attempt is one update to be sent to one server now.
type Attempt struct {
	ID     uint64
	Job    Job
	Server int // index into the configured servers
	Change ddns.Change
}

// Answer is what came of an attempt.
type Answer uint8

// The answers; see send.Kind.
const (
	Answered Answer = iota // done, or a prerequisite did not hold: the rcode tells
	No                     // refused for good
	Later                  // an answer that leaves it open: SERVFAIL, NOTIMP, or one that is not signed
	Silence                // none at all
)

// Finished is a job that is over.
type Finished struct {
	Job     Job
	Outcome Outcome
	Text    string // why, when not done
}

// Check is what is to be done with a job before its first update is sent.
type Check uint8

// The checks.
const (
	Go      Check = iota
	Careful       // another client of that name has the address: what stands beside another's DHCID is not touched
	Wait          // it is not known yet: asked again in a second
	Drop          // the lease is no longer what the job was made for
)

// Check compares a job with the lease as it is now. Known says that the partner has been heard since this server started, that it is
// down, or that there is none: before that nothing is removed, for it may have renewed what this server saw end.
func (j Job) Check(now *lease.Lease, known bool) Check {
	active := now.State == lease.Active && now.FQDN == j.FQDN
	switch {
	case j.Kind == Add && (!active || !j.of(now)):
		return Drop
	case j.Kind == Add:
		return Go
	case !known:
		return Wait
	case active && j.of(now) && now.DNS&(Forward|Reverse) != 0:
		return Drop
	case active:
		return Careful
	}
	return Go
}

// Queue is the jobs that DNS owes and when to try which server: of a pair the main, after 250 ms the main again, then the backup, then
// each every 4 s (checklist H26). What one job finds out about a server holds for all: one that is silent is asked by one job at a time,
// every 4 s, or every 30 s while the other one answers. Jobs of one address, and of one name, are done in their order.
//
// It is not for several goroutines at once. Jobs are durable elsewhere: it is made anew from them.
type Queue struct {
	lines []*line
	open  map[uint64]*open
	turn  int // of the lines, so that none waits for the others
}

// open is a job that is not over on all lines.
type open struct {
	job  Job
	left int
	end  Finished
}

// NewQueue begins with the jobs that were found on disk.
func (c Config) NewQueue(p Policy, jobs []Job) *Queue {
	p.Servers = max(p.Servers, 1)
	p.Max = cmp.Or(p.Max, defaultMax)
	p.Flight = cmp.Or(p.Flight, defaultFlight)
	all := make([]int, p.Servers)
	for i := range all {
		all[i] = i
	}
	q := &Queue{open: map[uint64]*open{}}
	if p.Every {
		for i := range all {
			q.lines = append(q.lines, newLine(c, p, all[i:i+1]))
		}
	} else {
		q.lines = []*line{newLine(c, p, all)}
	}
	jobs = slices.Clone(jobs)
	slices.SortFunc(jobs, func(a, b Job) int { return cmp.Compare(a.ID, b.ID) })
	for _, j := range jobs {
		q.put(j)
		for _, l := range q.lines {
			l.put(j)
		}
	}
	return q
}

func (q *Queue) put(j Job) {
	q.open[j.ID] = &open{job: j, left: len(q.lines), end: Finished{Job: j, Outcome: Done}}
}

// Len is how many jobs are not over.
func (q *Queue) Len() int { return len(q.open) }

// Add takes a job, which must be durable by now, with a greater ID than all before. What it overtakes is over: the jobs of its address
// that are of the same name and client, for whatever of them was done, it leads to what is right.
func (q *Queue) Add(j Job) (over []Finished) {
	q.put(j)
	for _, l := range q.lines {
		over = q.count(over, l.add(j))
	}
	return over
}

// Next is an attempt to make now; false: there is none before Wake. Check is asked once for each job (of every server), and what it
// drops is over.
func (q *Queue) Next(now time.Time, check func(Job) Check) (a Attempt, over []Finished, ok bool) {
	for range q.lines {
		n := q.turn
		q.turn = (q.turn + 1) % len(q.lines)
		a, done, ok := q.lines[n].next(now, check)
		over = q.count(over, done)
		if ok {
			a.ID = a.ID*uint64(len(q.lines)) + uint64(n)
			return a, over, true
		}
	}
	return Attempt{}, over, false
}

// Took is what came of an attempt, by its ID. Rcode is the mnemonic of the answer.
func (q *Queue) Took(now time.Time, attempt uint64, what Answer, rcode string) (over []Finished) {
	n := uint64(len(q.lines))
	return q.count(nil, q.lines[attempt%n].took(now, attempt/n, what, rcode))
}

// Wake is when Next may have an attempt; false: not before a job or an answer comes.
func (q *Queue) Wake(now time.Time) (at time.Time, ok bool) {
	for _, l := range q.lines {
		if t, has := l.wake(now); has && (!ok || t.Before(at)) {
			at, ok = t, true
		}
	}
	return at, ok
}

// count adds the jobs that are over on all lines; the worst outcome is the job's.
func (q *Queue) count(over, done []Finished) []Finished {
	for _, f := range done {
		o := q.open[f.Job.ID]
		if o == nil {
			continue
		}
		if f.Outcome != Done {
			o.end.Outcome, o.end.Text = f.Outcome, f.Text
		}
		if o.left--; o.left == 0 {
			delete(q.open, f.Job.ID)
			over = append(over, o.end)
		}
	}
	return over
}
