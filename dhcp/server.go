package dhcp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"loadshare/dhcp/bulkserve"
	"loadshare/dhcp/config"
	"loadshare/dhcp/engine"
	"loadshare/dhcp/failover"
	"loadshare/dhcp/names"
	"loadshare/dhcp/socket"
	"loadshare/dhcp/store"
	"loadshare/internal/durable"
	"loadshare/internal/process"
)

const (
	stopTime  = 2 * time.Second // for what is owed to clients and partners
	maxProbes = 1000            // under way
)

// Server is one running server. Make one with New; Serve runs it, and must be called.
type Server struct {
	log    *slog.Logger
	since  time.Time
	conf   atomic.Pointer[config.Config]
	count  *counters
	known  *known // clients with leases
	quiet  process.Quiet
	silent silent // of the loop
	events events
	floods floods
	pace   watchPace
	ntp    func() bool // a time daemon disciplines the clock

	store  *store.Store
	socket *socket.Server
	prober *socket.Prober
	bulk   *bulkserve.Server // nil: not configured
	loop   *loop
	links  map[string]*pairLink
	doors  []*door
	dns    *dnsWorker
	watchd *watcher

	ctx    context.Context // of everything but the loop; ends when the server stops
	cancel context.CancelFunc
	side   sync.WaitGroup

	notFit  atomic.Pointer[string]      // why nothing can be written; nil: it can
	hanging atomic.Bool                 // a write hangs
	reload  func(context.Context) error // has the configuration read again; nil: nobody can
}

// New opens the store and the sockets of a configuration without problems. Serve must follow.
func New(conf *config.Config, log *slog.Logger) (*Server, error) { return newServer(conf, log, nil) }

func newServer(conf *config.Config, log *slog.Logger, open func(dir string) (durable.Store, error)) (*Server, error) {
	s := &Server{
		log: log, since: time.Now(), count: newCounters(), known: newKnown(), pace: defaultWatchPace, ntp: process.ClockSynchronised, links: map[string]*pairLink{},
	}
	s.count.reg.GaugeFunc("dhcp_floods", "Places of which messages are dropped.", func() float64 { return float64(len(s.floods.standing(time.Now()))) })
	s.conf.Store(conf)
	s.ctx, s.cancel = context.WithCancel(background)
	s.dns, s.watchd = newDNSWorker(s), newWatcher(s)
	keep := conf.History
	if keep == 0 {
		keep = -1 // none is kept
	}
	st, start, err := store.Open(filepath.Join(conf.StateDir, "leases"), store.Options{Log: log, Keep: keep, Open: open})
	if err != nil {
		return nil, err
	}
	s.store = st
	if err := takeFirstLeases(st, &start, conf, time.Now(), log); err != nil {
		return nil, errors.Join(err, st.Close())
	}
	for i := range start.Leases {
		s.known.put(&start.Leases[i])
	}
	if err := s.openSockets(conf); err != nil {
		s.closeSockets()
		return nil, errors.Join(err, st.Close())
	}
	begin := time.Now()
	machine, err := engine.New(failover.Now{Wall: begin.Unix()}, conf.Engine, start)
	if err != nil {
		s.closeSockets()
		return nil, errors.Join(fmt.Errorf("start: %w", err), st.Close())
	}
	s.loop = newLoop(s, machine, begin)
	return s, nil
}

func (s *Server) openSockets(conf *config.Config) (err error) {
	s.socket, err = socket.Open(socket.Options{Interfaces: conf.Interfaces, Listen: conf.Listen, RelayReplySource: conf.RelayReplySource, Log: s.log})
	if err != nil {
		return err
	}
	s.prober = socket.NewProber(maxProbes, s.log)
	byAddr := map[netip.AddrPort][]*pairLink{}
	var order []netip.AddrPort
	for _, p := range conf.Pairs {
		l := newPairLink(s, p)
		s.links[p.Name] = l
		if byAddr[p.Address] == nil {
			order = append(order, p.Address)
		}
		byAddr[p.Address] = append(byAddr[p.Address], l)
	}
	for _, a := range order {
		d, err := openDoor(s, byAddr[a])
		if err != nil {
			return err
		}
		s.doors = append(s.doors, d)
	}
	return s.openBulk(conf)
}

func (s *Server) closeSockets() {
	s.cancel()
	for _, d := range s.doors {
		d.close()
	}
	if s.bulk != nil {
		s.bulk.Close()
	}
	if s.prober != nil {
		s.prober.Close()
	}
	if s.socket != nil {
		s.socket.Close()
	}
}

// Addrs are the addresses that are listened on, with the ports that the system chose.
func (s *Server) Addrs() []netip.AddrPort { return s.socket.Addrs() }

// Serve answers until ctx ends or a socket breaks, then finishes what is under way. reloads may be nil; each function that it brings
// is called between two others.
func (s *Server) Serve(ctx context.Context, reloads <-chan func()) error {
	s.startLines()
	s.loop.begin()
	broken := make(chan error, 1)
	s.side.Go(func() { broken <- s.socket.Run(s.ctx, s.loop.inbox.admit, s.loop.hear) })
	for _, d := range s.doors {
		s.side.Go(func() { d.serve(s.ctx) })
	}
	if s.bulk != nil {
		s.side.Go(func() { s.bulk.Serve(s.ctx) })
	}
	for _, f := range []func(){s.dns.run, s.watch, s.trim, s.watchd.run} {
		s.side.Go(f)
	}
	for {
		select {
		case f := <-reloads:
			f()
		case err := <-broken:
			if err == nil {
				err = errors.New("the sockets were closed")
			}
			return errors.Join(err, s.stop())
		case <-ctx.Done():
			return s.stop()
		}
	}
}

// stop hears nobody any more, finishes what was begun, and closes the store.
func (s *Server) stop() error {
	err := s.loop.stop(stopTime)
	s.closeSockets()
	for _, l := range s.links {
		l.shut()
	}
	done := make(chan struct{})
	go func() { s.side.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(time.Second):
		return errors.Join(err, errors.New("a connection does not end; what was acknowledged is safe"))
	}
	if err != nil {
		return err // the store cannot be closed under a write that hangs
	}
	return s.store.Close()
}

func (s *Server) sendReplies(list []socket.Outgoing) { s.socket.Send(list) }

// probe asks whether somebody uses an address.
func (s *Server) probe(p engine.Probe) {
	timeout := s.conf.Load().Engine.PingTimeout
	if timeout <= 0 {
		timeout = 500 * time.Millisecond
	}
	s.prober.Probe(p.IP, p.Interface, timeout, func(inUse, ok bool) {
		if !ok {
			inUse = false // it cannot be asked, which the prober has logged; an offer goes out unasked, as RFC 2131, 4.3.1 allows
		}
		s.loop.tell(engine.Probed{IP: p.IP, InUse: inUse})
	})
}

// checkJob compares a job of DNS with its lease.
func (s *Server) checkJob(j names.Job) names.Check {
	check := names.Wait
	_ = s.loop.call(func() {
		l, _, _ := s.loop.machine.Lease(j.IP)
		check = j.Check(&l, s.knownOf(&l))
	})
	return check
}

// markUnfit notes that nothing can be written until the process starts again.
func (s *Server) markUnfit(why string) {
	if s.notFit.CompareAndSwap(nil, &why) {
		s.log.Error("unfit", "why", why, "hint", "no leases are given; repair the disk and restart")
		s.poke()
	}
}

func (s *Server) unfitWhy() string {
	if p := s.notFit.Load(); p != nil {
		return *p
	}
	if s.hanging.Load() {
		return "a write to the lease database hangs"
	}
	return ""
}

// poke has the alarms looked at, and the partners told, soon.
func (s *Server) poke() { s.watchd.poke() }
