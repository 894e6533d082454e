package haserver

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"loadshare/haserver/journal"
	"loadshare/internal/durable"
)

const (
	maxBusy      = 4096 // updates and transfers under way, of all clients
	maxTransfers = 32
	drainTimeout = 3 * time.Second // for answers under way when the server stops
)

var background = context.Background()

// Server is one running server. Make one with New; Serve runs it.
type Server struct {
	log   *slog.Logger
	store durable.Store
	since time.Time
	count *totals
	quiet quiet
	view  atomic.Pointer[view]

	journal   *journal.Journal
	pipe      *pipeline
	notify    *notifier
	tcp       *tcpServer
	loops     sync.WaitGroup // listening loops and connections
	tasks     sync.WaitGroup // goroutines of beside
	snapshots sync.WaitGroup
	idle      chan func(*worker) // goroutines that wait for something to be answered beside the loops; closed at the end
	busy      chan struct{}
	transfers chan struct{}

	cookies   cookieKey
	firstTurn uint32

	addrs  atomic.Pointer[[]netip.AddrPort]
	notFit atomic.Pointer[string] // why no updates are taken; nil: they are

	// Of New, Serve and Reload, which one goroutine calls.
	conf    *Config
	live    map[string]*liveZone // every zone that was ever served
	sockets []*listener
}

// New opens the journal, the zones and the sockets of a configuration without problems. Serve must follow.
func New(conf *Config, log *slog.Logger) (*Server, error) {
	return newServer(conf, log, durable.OpenPebble)
}

// openStore opens the store of the journal.
type openStore func(dir string, o durable.PebbleOptions) (durable.Store, error)

func newServer(conf *Config, log *slog.Logger, open openStore) (*Server, error) {
	if conf.HA != nil {
		return nil, errors.New("the section [ha] is there, but pairs are not in this version: take the section out to run this server as a single one")
	}
	s := &Server{
		log: log, since: time.Now(), conf: conf, live: map[string]*liveZone{}, count: newTotals(),
		idle: make(chan func(*worker)), busy: make(chan struct{}, maxBusy), transfers: make(chan struct{}, maxTransfers),
	}
	var seed [20]byte
	_, _ = rand.Read(seed[:])
	s.cookies = cookieKeyFrom(seed[:])
	s.firstTurn = binary.NativeEndian.Uint32(seed[16:])
	s.tcp = newTCPServer(s, conf.TCP)
	s.notify = newNotifier(s)
	if err := s.openState(open); err != nil {
		return nil, err
	}
	opened, err := s.listen(conf.Listen)
	if err != nil {
		s.pipe.close()
		s.store.Close()
		return nil, err
	}
	s.setSockets(opened)
	return s, nil
}

func (s *Server) openState(open openStore) error {
	store, err := open(filepath.Join(s.conf.StateDir, "journal"), durable.PebbleOptions{Log: s.log, MemTableBytes: 16 << 20})
	if err != nil {
		return wayOut(fmt.Errorf("state directory: %w", err), s.conf.StateDir)
	}
	s.store = store
	if s.journal, err = journal.Open(store); err == nil {
		err = s.swap(s.conf)
	}
	if err != nil {
		store.Close()
		return wayOut(err, s.conf.StateDir)
	}
	s.pipe = newPipeline(s, store)
	return nil
}

// swap makes conf the configuration, all or nothing.
func (s *Server) swap(conf *Config) error {
	zones, err := s.openZones(conf.Zones)
	if err != nil {
		return err
	}
	v := &view{zones: map[string]*served{}, keys: conf.Keys, nsid: []byte(conf.NSID), rate: newLimiter(conf.Rate)}
	for i, z := range zones {
		v.zones[z.name.Key()] = &served{liveZone: z, conf: conf.Zones[i]}
	}
	s.view.Store(v)
	s.conf = conf
	return nil
}

// Reload takes over another configuration, or, on an error, nothing of it.
func (s *Server) Reload(conf *Config) error {
	switch {
	case conf.HA != nil:
		return errors.New("[ha]: pairs are not in this version")
	case conf.StateDir != s.conf.StateDir:
		return fmt.Errorf("state_dir cannot change while the server runs: restart it")
	case conf.Control != s.conf.Control || conf.Metrics != s.conf.Metrics:
		return fmt.Errorf("[control] and [metrics] cannot change while the server runs: restart it")
	}
	var fresh []netip.AddrPort
	for _, a := range conf.Listen {
		if s.listener(a) == nil {
			fresh = append(fresh, a)
		}
	}
	opened, err := s.listen(fresh)
	if err != nil {
		return err
	}
	if err := s.swap(conf); err != nil {
		for _, l := range opened {
			l.close()
		}
		return err
	}
	var keep []*listener
	for _, l := range s.sockets {
		if slices.Contains(conf.Listen, l.conf) {
			keep = append(keep, l)
			continue
		}
		l.close()
	}
	for _, l := range opened {
		s.start(l)
	}
	s.setSockets(append(keep, opened...))
	s.tcp.setLimits(conf.TCP)
	return nil
}

func (s *Server) setSockets(list []*listener) {
	addrs := make([]netip.AddrPort, 0, len(list))
	for _, l := range list {
		addrs = append(addrs, l.addr)
	}
	s.sockets = list
	s.addrs.Store(&addrs)
	s.notify.configure(s.conf, addrs)
}

// Addrs are the addresses that are listened on, with the ports that the system chose.
func (s *Server) Addrs() []netip.AddrPort { return *s.addrs.Load() }

// Serve answers until ctx ends, then finishes what is under way. reloads may be nil; each function it brings is called
// between two others.
func (s *Server) Serve(ctx context.Context, reloads <-chan func()) error {
	for _, l := range s.sockets {
		s.start(l)
	}
	s.notify.run()
	for {
		select {
		case f := <-reloads:
			f()
		case <-ctx.Done():
			return s.stop()
		}
	}
}

func (s *Server) stop() error {
	s.notify.close()
	for _, l := range s.sockets {
		l.stop()
	}
	s.tcp.stop()
	done := make(chan struct{})
	go func() {
		s.loops.Wait()
		close(s.idle) // nobody calls beside any more
		s.tasks.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(drainTimeout):
		s.tcp.cut()
		select {
		case <-done:
		case <-time.After(time.Second):
			return errors.New("an answer does not end; what was acknowledged is safe")
		}
	}
	for _, l := range s.sockets {
		l.close()
	}
	s.pipe.close()
	s.snapshots.Wait()
	return s.store.Close()
}

// unfit stops updates for good: after a failed write nobody knows what the disk holds (decision H-i).
func (s *Server) unfit(why string) {
	if s.notFit.CompareAndSwap(nil, &why) {
		s.log.Error("unfit", "why", why, "hint", "queries are answered, updates are not; repair the disk and restart")
	}
}

func (s *Server) unfitWhy() string {
	if p := s.notFit.Load(); p != nil {
		return *p
	}
	return ""
}

// mayUpdate says why a zone may not be changed now; empty: it may. The one place where this is decided.
func (s *Server) mayUpdate(*liveZone) string { return s.unfitWhy() }

// beside calls f in another goroutine, which has a worker of its own. The caller has entered; beside leaves. Goroutines are used
// again, since growing a fresh stack costs as much as an update.
func (s *Server) beside(f func(*worker)) {
	select {
	case s.idle <- f:
	default:
		s.tasks.Go(func() {
			w := newWorker(s, &s.count.counters)
			for ok := true; ok; f, ok = <-s.idle {
				f(w)
				s.leave()
			}
		})
	}
}

// enter takes a place for a message that takes long, if there is one.
func (s *Server) enter() bool {
	select {
	case s.busy <- struct{}{}:
		return true
	default:
		return false
	}
}

func (s *Server) enterWait() { s.busy <- struct{}{} }
func (s *Server) leave()     { <-s.busy }

func (s *Server) enterTransfer() bool {
	select {
	case s.transfers <- struct{}{}:
		return true
	default:
		return false
	}
}

func (s *Server) leaveTransfer() { <-s.transfers }
