package dhcp

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"loadshare/ddns"
	"loadshare/ddns/send"
	"loadshare/dhcp/config"
	"loadshare/dhcp/engine"
	"loadshare/dhcp/names"
	"loadshare/internal/ask"
)

// dnsWorker sends the changes of DNS that the machine asks for. Which, when and to whom package names decides. Jobs are durable before
// they come here, and are forgotten by the machine when they are over: a crash loses none.
type dnsWorker struct {
	s    *Server
	came chan struct{} // has one when jobs have come
	took chan took
	conf chan *config.Config

	mu     sync.Mutex           // the loop adds, status reads
	jobs   []names.Job          // that have come, in their order
	known  map[uint64]time.Time // when a job came
	server string
	failed string // the last attempt's error; "": it was answered
}

type took struct {
	id    uint64
	what  names.Answer
	rcode string
}

func newDNSWorker(s *Server) *dnsWorker {
	return &dnsWorker{s: s, came: make(chan struct{}, 1), took: make(chan took, 64), conf: make(chan *config.Config), known: map[uint64]time.Time{}}
}

// add takes jobs of the loop, which does not wait. They keep their order: an older job must not overtake a newer one of its address.
func (d *dnsWorker) add(list []names.Job) {
	d.mu.Lock()
	d.jobs = append(d.jobs, list...)
	d.mu.Unlock()
	select {
	case d.came <- struct{}{}:
	default:
	}
}

// take is all that has come.
func (d *dnsWorker) take() []names.Job {
	d.mu.Lock()
	defer d.mu.Unlock()
	list := d.jobs
	d.jobs = nil
	return list
}

// run works until the server stops.
func (d *dnsWorker) run() {
	r := dnsRun{d: d}
	r.configure(d.s.conf.Load())
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		r.attempts(time.Now())
		if at, ok := r.wake(time.Now()); ok {
			timer.Reset(max(0, time.Until(at)))
		} else {
			timer.Reset(time.Hour)
		}
		select {
		case <-d.came:
			for _, j := range d.take() {
				d.arrived(j)
				if r.queue == nil {
					r.parked = append(r.parked, j)
					continue
				}
				r.finish(r.queue.Add(j))
			}
		case t := <-d.took:
			if r.queue != nil {
				r.finish(r.queue.Took(time.Now(), t.id, t.what, t.rcode))
			}
		case conf := <-d.conf:
			r.configure(conf)
		case <-timer.C:
		case <-d.s.ctx.Done():
			return
		}
	}
}

// dnsRun is the state of the worker's goroutine.
type dnsRun struct {
	d       *dnsWorker
	queue   *names.Queue // nil: names are not sent; jobs are kept on disk
	parked  []names.Job
	servers []netip.AddrPort
	sender  send.Sender
}

// configure begins with a configuration. Jobs that are known are kept; a queue in use stays, for its jobs are under way.
func (r *dnsRun) configure(conf *config.Config) {
	if conf.DDNS == nil || !conf.Engine.Names.On {
		return
	}
	r.servers = conf.DDNS.Servers
	r.sender = send.Sender{Client: ask.Client{Key: ask.Key(conf.DDNS.Key)}}
	if r.queue == nil {
		r.queue = conf.Engine.Names.NewQueue(len(r.servers), names.Limits{}, r.parked)
		r.parked = nil
		return
	}
	r.queue.Configure(conf.Engine.Names, len(r.servers))
}

func (r *dnsRun) wake(now time.Time) (time.Time, bool) {
	if r.queue == nil {
		return time.Time{}, false
	}
	return r.queue.Wake(now)
}

// attempts sends what is due.
func (r *dnsRun) attempts(now time.Time) {
	for r.queue != nil {
		a, over, ok := r.queue.Next(now, r.d.s.checkJob)
		r.finish(over)
		if !ok {
			return
		}
		server := r.servers[min(a.Server, len(r.servers)-1)]
		r.d.s.side.Go(func() { r.d.attempt(a.ID, server, r.sender, a.Change) })
	}
}

func (d *dnsWorker) attempt(id uint64, server netip.AddrPort, sender send.Sender, change ddns.Change) {
	ctx, cancel := context.WithTimeout(d.s.ctx, 5*time.Second)
	defer cancel()
	res := sender.Send(ctx, server, change)
	t := took{id: id, rcode: res.Rcode}
	switch {
	case res.Kind == send.Refused && res.Rcode != "":
		t.what = names.No
	case res.Kind == send.Refused:
		t.what, t.rcode = names.No, "REFUSED"
	case res.Kind == send.Retry && res.Rcode != "":
		t.what = names.Later
	case res.Kind == send.Retry:
		t.what = names.Silence
	}
	d.mu.Lock()
	d.server, d.failed = server.String(), ""
	if res.Err != nil && res.Kind != send.PrereqFailed {
		d.failed = res.Err.Error()
	}
	d.mu.Unlock()
	select {
	case d.took <- t:
	case <-d.s.ctx.Done():
	}
}

func (d *dnsWorker) arrived(j names.Job) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.known[j.ID] = time.Now()
}

// finish tells the machine what became of jobs.
func (r *dnsRun) finish(list []names.Finished) {
	d := r.d
	for _, f := range list {
		d.mu.Lock()
		delete(d.known, f.Job.ID)
		d.mu.Unlock()
		if f.Outcome.OK() {
			d.s.count.dnsDone.Add(1)
			d.s.log.Debug("dns", "name", f.Job.FQDN, "address", f.Job.IP.String(), "what", f.Job.Kind.String(), "outcome", f.Outcome.String())
		} else {
			d.s.count.dnsLost.Add(1)
			d.s.quiet.Warn(d.s.log, "dns_given_up", "name", f.Job.FQDN, "address", f.Job.IP.String(), "what", f.Job.Kind.String(),
				"outcome", f.Outcome.String(), "why", f.Text)
		}
		d.s.loop.tell(engine.Named{Job: f.Job, Done: f.Outcome.OK()})
	}
}

// status is how the queue stands.
func (d *dnsWorker) status() DNSStatus {
	conf := d.s.conf.Load()
	st := DNSStatus{Enabled: conf.DDNS != nil && conf.Engine.Names.On, Done: int(d.s.count.dnsDone.Load()), GivenUp: int(d.s.count.dnsLost.Load())}
	d.mu.Lock()
	defer d.mu.Unlock()
	st.Queued, st.Server, st.LastError = len(d.known), d.server, d.failed
	for _, at := range d.known {
		if at = at.UTC(); st.Oldest == nil || at.Before(*st.Oldest) {
			st.Oldest = &at
		}
	}
	return st
}
