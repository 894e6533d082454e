package names

import (
	"cmp"
	"container/heap"
	"slices"
	"time"

	"loadshare/ddns"
	"loadshare/dhcp/lease"
)

// Limits bound a Queue.
type Limits struct {
	Jobs   int // 0: 200,000. One more, and the oldest that is not under way is given up
	Flight int // attempts at the same time; 0: 16
}

const (
	defaultJobs   = 200_000
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
	case active && j.of(now) && now.DNS&(Forward|Reverse) != 0 && (!j.Forward || now.DNS&Forward != 0):
		return Drop
	case active && !j.of(now):
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
	c       Config
	limits  Limits
	entries map[uint64]*entry // by Job.ID
	byIP    map[lease.IP][]*entry
	byName  map[string][]*entry
	ready   due // those that nothing is before, and that are not under way
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

// NewQueue begins with the jobs that were found on disk. There is at least one server; the first is the main.
func (c Config) NewQueue(servers int, limits Limits, jobs []Job) *Queue {
	limits.Jobs = cmp.Or(limits.Jobs, defaultJobs)
	limits.Flight = cmp.Or(limits.Flight, defaultFlight)
	q := &Queue{
		c: c, limits: limits, entries: map[uint64]*entry{}, byIP: map[lease.IP][]*entry{}, byName: map[string][]*entry{},
		servers: make([]server, max(servers, 1)), flight: map[uint64]*entry{},
	}
	jobs = slices.Clone(jobs)
	slices.SortFunc(jobs, func(a, b Job) int { return cmp.Compare(a.ID, b.ID) })
	for _, j := range jobs {
		q.put(j)
	}
	return q
}

// Configure begins with other zones and servers: jobs that have begun go on as they did, at the new servers. What was known of servers
// is forgotten.
func (q *Queue) Configure(c Config, servers int) {
	q.c, q.servers = c, make([]server, max(servers, 1))
}

// Len is how many jobs are not over.
func (q *Queue) Len() int { return len(q.entries) }

// Add takes a job, which must be durable by now, with a greater ID than all before. What it overtakes is over: the jobs of its address
// that are of the same name and client, for whatever of them was done, it leads to what is right.
func (q *Queue) Add(j Job) (over []Finished) {
	for _, e := range slices.Clone(q.byIP[j.IP]) {
		if !e.gone && e.job.FQDN == j.FQDN && slices.Equal(e.job.DHCID, j.DHCID) && !(e.job.Kind == Remove && e.job.Forward && !j.Forward) {
			j.Forward = j.Forward || e.job.Forward && j.Kind == Remove // it may have been written
			over = append(over, q.end(e, Overtaken, ""))
		}
	}
	if len(q.entries) >= q.limits.Jobs && len(q.ready) > 0 {
		over = append(over, q.end(q.ready[0], Overflow, "too many changes of names wait for the DNS servers"))
	}
	q.put(j)
	return over
}

func (q *Queue) put(j Job) {
	e := &entry{job: j, at: -1}
	q.entries[j.ID] = e
	q.byIP[j.IP] = append(q.byIP[j.IP], e)
	q.byName[j.FQDN] = append(q.byName[j.FQDN], e)
	q.wakeUp(e)
}

// wakeUp puts an entry where it is found when it is due, if nothing is before it.
func (q *Queue) wakeUp(e *entry) {
	if e.at < 0 && !e.gone && !e.sent && q.byIP[e.job.IP][0] == e && q.byName[e.job.FQDN][0] == e {
		heap.Push(&q.ready, e)
	}
}

// end takes an entry out. While an attempt of it is under way those after it wait: the two must not cross on their way.
func (q *Queue) end(e *entry, o Outcome, text string) Finished {
	e.gone = true
	delete(q.entries, e.job.ID)
	if e.at >= 0 {
		heap.Remove(&q.ready, e.at)
	}
	if !e.sent {
		q.forget(e)
	}
	return Finished{Job: e.job, Outcome: o, Text: text}
}

func (q *Queue) forget(e *entry) {
	is := func(o *entry) bool { return o == e }
	ip, name := slices.DeleteFunc(q.byIP[e.job.IP], is), slices.DeleteFunc(q.byName[e.job.FQDN], is)
	q.byIP[e.job.IP], q.byName[e.job.FQDN] = ip, name
	if len(name) == 0 {
		delete(q.byName, e.job.FQDN)
	}
	if len(ip) == 0 {
		delete(q.byIP, e.job.IP)
	} else {
		q.wakeUp(ip[0])
	}
	if len(name) > 0 {
		q.wakeUp(name[0])
	}
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
