package haserver

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"loadshare/haserver/digest"
	"loadshare/haserver/merge"
	"loadshare/haserver/pair"
	"loadshare/haserver/pairmsg"
	"loadshare/haserver/zone"
)

const (
	maxJobs     = 4   // at once, as many as zones synchronise at once
	maxJobQueue = 256 // that are not done; a partner that asks for more is not ours
)

// jobs carries out long work in goroutines of its own. A stream to the partner waits while much is queued already, so that
// heartbeats and updates are never far behind it.
type jobs struct {
	s      *Server
	l      *loop
	slots  chan struct{}
	ctx    context.Context // ends at close
	cancel context.CancelFunc
	work   sync.WaitGroup
	open   atomic.Int32 // started and not done
}

// waitingJob is a job that may read what was written before it was given out.
type waitingJob struct {
	job   pair.Job
	batch uint64
}

func newJobs(s *Server, l *loop) *jobs {
	ctx, cancel := context.WithCancel(background)
	return &jobs{s: s, l: l, slots: make(chan struct{}, maxJobs), ctx: ctx, cancel: cancel}
}

// close ends the jobs; their results are not wanted any more.
func (j *jobs) close() {
	j.cancel()
	j.work.Wait()
}

// takeJobs takes what the machine gives out, and ends the connection over which too much was asked for.
func (l *loop) takeJobs(out *pair.Output) {
	for _, j := range out.Jobs {
		if len(l.waiting)+int(l.jobs.open.Load()) >= maxJobQueue {
			l.s.quiet.Warn(l.s.log, "pair_asks_too_much", "session", out.Session, "hint", "the connection is closed")
			l.link.close(out.Session)
			break
		}
		l.waiting = append(l.waiting, waitingJob{j, l.batch})
	}
	l.startJobs()
}

// startJobs starts the jobs whose writes are on disk.
func (l *loop) startJobs() {
	n := 0
	for _, w := range l.waiting {
		if w.batch > l.durable {
			break
		}
		n++
		l.jobs.start(w.job)
	}
	l.waiting = l.waiting[n:]
}

func (j *jobs) start(job pair.Job) {
	z := j.l.zones[zoneOfJob(job)]
	j.open.Add(1)
	j.work.Go(func() {
		defer j.open.Add(-1)
		select {
		case j.slots <- struct{}{}:
			defer func() { <-j.slots }()
		case <-j.ctx.Done():
			return
		}
		j.do(z, job)
	})
}

func zoneOfJob(job pair.Job) string {
	switch job := job.(type) {
	case pair.StreamEntries:
		return job.Zone
	case pair.StreamSets:
		return job.Zone
	case pair.StreamCopy:
		return job.Zone
	case pair.ReadEntries:
		return job.Zone
	case pair.DigestParts:
		return job.Zone
	case pair.Assemble:
		return job.Zone
	}
	return ""
}

// do carries out one job. z is nil when the zone is gone meanwhile.
func (j *jobs) do(z *liveZone, job pair.Job) {
	switch job := job.(type) {
	case pair.StreamEntries:
		j.streamEntries(z, job)
	case pair.StreamSets:
		var own []digest.Digest
		if len(job.Parts) > 0 {
			own = digest.Parts(job.Tip)
		}
		j.streamSets(job, differing(own, job.Parts))
	case pair.StreamCopy:
		copied := pairmsg.SyncCopy{Sync: job.Sync, Zone: job.Tip.Origin(), Settings: j.s.settingsOf(job.Tip.Origin()), Point: job.Point}
		if j.send(job.Session, copied) {
			j.streamSets(pair.StreamSets{Session: job.Session, Sync: job.Sync, Zone: job.Zone, Tip: job.Tip, Point: job.Point}, nil)
		}
	case pair.ReadEntries:
		j.result(job.Sync, job.Zone, func(c *pair.Content) error { return readEntries(z, job, c) })
	case pair.DigestParts:
		j.result(job.Sync, job.Zone, func(c *pair.Content) error {
			c.Parts, c.Whole = digest.Parts(job.Tip), job.Tip
			return nil
		})
	case pair.Assemble:
		j.result(job.Sync, job.Zone, func(c *pair.Content) (err error) {
			if c.Whole, err = merge.Assemble(job.Tip, job.Differ, job.Sets); err == nil {
				c.Point = job.Point
				err = fits(c.Whole, job.Point)
			}
			return err
		})
	}
}

// fits says whether a content is the one that a point names.
func fits(z *zone.Zone, p pairmsg.Point) error {
	if z.Serial() != p.Serial || digest.Of(z) != p.Digest {
		return fmt.Errorf("zone %s: the records that came are not those that their digest was made of", z.Origin())
	}
	return nil
}

// result calls f and hands what it made to the machine.
func (j *jobs) result(sync uint64, zone string, f func(*pair.Content) error) {
	c := pair.Content{Sync: sync, Zone: zone}
	if err := j.s.guarded(zone, func() error { return f(&c) }); err != nil {
		c = pair.Content{Sync: sync, Zone: zone, Err: err.Error()}
	}
	j.l.tell(c)
}

// guarded calls f, which works on what may come from the partner. A panic in it is an error and no more.
func (s *Server) guarded(key string, f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			s.count.panics.Add(1)
			s.quiet.Error(s.log, "job_panicked", "zone", zone.Name(key).String(), "panic", v, "stack", string(debug.Stack()))
			err = errors.New("internal error")
		}
	}()
	return f()
}

// send queues a message when there is room for it; false: the session is over.
func (j *jobs) send(session uint64, m pairmsg.Message) bool {
	return j.ctx.Err() == nil && j.l.link.stream(session, m)
}

// streamEntries sends the journal's steps from one serial to another.
func (j *jobs) streamEntries(z *liveZone, job pair.StreamEntries) {
	name := zone.Name(job.Zone)
	after := job.After
	for after != job.Through {
		var list []pairmsg.Entry
		size, ok := 0, false
		if z != nil {
			var err error
			ok, err = z.log.Entries(after, job.Through, func(e pairmsg.Entry) bool {
				list = append(list, e)
				size += pairmsg.Size(e)
				return size < pairmsg.MaxBatch
			})
			if err != nil {
				j.s.quiet.Error(j.s.log, "journal_unreadable", "zone", name.String(), "error", err.Error())
				ok = false
			}
		}
		if !ok || len(list) == 0 {
			j.send(job.Session, pairmsg.SyncEntries{Sync: job.Sync, Zone: name, Gone: true, Last: true})
			return
		}
		after = list[len(list)-1].Delta.To
		if !j.send(job.Session, pairmsg.SyncEntries{Sync: job.Sync, Zone: name, Entries: list, Last: after == job.Through}) {
			return
		}
	}
	if job.After == job.Through {
		j.send(job.Session, pairmsg.SyncEntries{Sync: job.Sync, Zone: name, Last: true})
	}
}

// readEntries reads the journal's steps from one serial to another.
func readEntries(z *liveZone, job pair.ReadEntries, c *pair.Content) error {
	if z == nil || job.After == job.Through {
		c.Gone = z == nil
		return nil
	}
	last := job.After
	ok, err := z.log.Entries(job.After, job.Through, func(e pairmsg.Entry) bool {
		c.Entries = append(c.Entries, e)
		last = e.Delta.To
		return true
	})
	if !ok || last != job.Through {
		c.Entries, c.Gone = nil, true
	}
	return err
}

// differing are the buckets in which two contents differ; nil: all are wanted.
func differing(own, other []digest.Digest) []uint16 {
	if len(own) != len(other) || len(own) == 0 {
		return nil
	}
	list := []uint16{}
	for i := range own {
		if own[i] != other[i] {
			list = append(list, uint16(i))
		}
	}
	return list
}

// streamSets sends the records in some buckets, or, with nil, all. The SOA is always among them.
func (j *jobs) streamSets(job pair.StreamSets, differ []uint16) {
	var wanted []bool
	if differ != nil {
		wanted = make([]bool, digest.Buckets)
		for _, b := range differ {
			wanted[b] = true
		}
	}
	name := job.Tip.Origin()
	m := pairmsg.SyncSets{Sync: job.Sync, Zone: name, Differ: differ, All: differ == nil}
	size := 0
	for set := range job.Tip.All() {
		if wanted != nil && set.Type != zone.TypeSOA && !wanted[digest.Bucket(set.Name)] {
			continue
		}
		set.Turn = nil
		m.Sets = append(m.Sets, set)
		size += len(set.Name) + 16
		for _, d := range set.Data {
			size += len(d) + 4
		}
		if size >= pairmsg.MaxBatch {
			if !j.send(job.Session, m) {
				return
			}
			m = pairmsg.SyncSets{Sync: job.Sync, Zone: name, All: differ == nil}
			size = 0
		}
	}
	m.Last, m.Point = true, job.Point
	j.send(job.Session, m)
}
