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
	"loadshare/haserver/pair"
	"loadshare/haserver/siphash"
	"loadshare/internal/durable"
	"loadshare/internal/process"
)

const (
	maxBusy      = 4096 // updates and transfers under way, of all clients
	maxTransfers = 32
	drainTimeout = 2 * time.Second // for answers under way when the server stops
	stopTime     = 3 * time.Second // for them and for what the partner is to get
)

var background = context.Background()

// Server is one running server. Make one with New; Serve runs it.
type Server struct {
	log     *slog.Logger
	store   durable.Store
	disk    *watchedStore // the same
	since   time.Time
	count   *totals
	quiet   process.Quiet
	unheard *unheard
	view    atomic.Pointer[view]

	journal   *journal.Journal
	loop      *loop
	watch     *watchdog // of a pair's server
	pace      watchPace
	notify    *notifier
	scavenge  *scavenger
	keeper    *keeper
	settings  *settingsBook
	tcp       *tcpServer
	loops     sync.WaitGroup // listening loops and connections
	tasks     sync.WaitGroup // goroutines of beside
	snapshots sync.WaitGroup
	idle      chan func(*worker) // goroutines that wait for something to be answered beside the loops; closed at the end
	busy      chan struct{}
	slot      atomic.Bool // the runtime has a slot more than it would (slots.go)
	transfers chan struct{}

	cookies   cookieKey
	firstTurn uint32

	xot    xot
	addrs  atomic.Pointer[[]netip.AddrPort]
	notFit atomic.Pointer[string] // why no updates are taken; nil: they are

	// Of New, Serve and Reload, which one goroutine calls.
	conf    *Config
	sockets []*listener
	teller  *teller // nil where nobody asked for it: tests
}

// New opens the journal, the zones and the sockets of a configuration without problems. Serve must follow.
func New(conf *Config, log *slog.Logger) (*Server, error) {
	return newServer(conf, log, durable.OpenPebble)
}

// openStore opens the store of the journal.
type openStore func(dir string, o durable.PebbleOptions) (durable.Store, error)

func newServer(conf *Config, log *slog.Logger, open openStore) (*Server, error) {
	s := &Server{
		log: log, since: time.Now(), unheard: newUnheard(), conf: conf, count: newTotals(), pace: defaultWatchPace, settings: newSettingsBook(),
		idle: make(chan func(*worker)), busy: make(chan struct{}, maxBusy), transfers: make(chan struct{}, maxTransfers),
	}
	var seed [20]byte
	_, _ = rand.Read(seed[:])
	s.cookies = cookieKey(siphash.KeyFrom(seed[:]))
	s.firstTurn = binary.NativeEndian.Uint32(seed[16:])
	s.tcp = newTCPServer(s, conf.TCP)
	s.notify = newNotifier(s)
	s.scavenge, s.keeper = newScavenger(s), newKeeper(s)
	s.xot.begin(s.count.reg)
	if err := s.openState(open); err != nil {
		return nil, err
	}
	opened, err := s.listen(conf.endpoints())
	if err != nil {
		return nil, errors.Join(err, s.loop.close(), s.store.Close())
	}
	s.setSockets(opened)
	if s.loop.link != nil {
		s.loop.link.begin()
	}
	return s, nil
}

func (s *Server) openState(open openStore) error {
	store, err := open(filepath.Join(s.conf.StateDir, "journal"), durable.PebbleOptions{Log: s.log, MemTableBytes: 16 << 20})
	if err != nil {
		return wayOut(fmt.Errorf("state directory: %w", err), s.conf.StateDir)
	}
	s.disk = &watchedStore{Store: store}
	s.store = s.disk
	if s.journal, err = journal.Open(s.store); err == nil {
		err = s.begin()
	}
	if err != nil {
		return errors.Join(wayOut(err, s.conf.StateDir), store.Close())
	}
	return nil
}

// begin reads what the journal has of the pair and of the zones, and starts the loop with it.
func (s *Server) begin() error {
	saved, err := s.nextBoot()
	if err != nil {
		return err
	}
	if err := s.loadSettings(); err != nil {
		return err
	}
	if err := s.trimConflicts(); err != nil {
		return err
	}
	list, err := s.openZones(s.inForce(s.conf, roleAtStart(saved, s.conf)), func(string) *liveZone { return nil })
	if err != nil {
		return err
	}
	s.loop = newLoop(s, s.store)
	if s.conf.HA != nil {
		if s.loop.link, err = newPairLink(s, s.loop, s.conf.HA); err != nil {
			return errors.Join(err, s.loop.abandon())
		}
	}
	starts := map[string]pair.ZoneStart{}
	for i := range list {
		z := &list[i]
		if z.zone == nil {
			if z.zone, err = s.loop.expected(z.conf.Name); err != nil {
				return errors.Join(err, s.loop.abandon())
			}
			continue
		}
		s.loop.zones[z.zone.key] = z.zone
		starts[z.zone.key] = z.start
	}
	s.show(s.conf, list)
	s.loop.begin(machineConfig(s.conf), saved, starts)
	return nil
}

// nextBoot is what the machine must know of the time before, with a number for this run of the server that no other had: both are on
// disk. A new store gets a name.
func (s *Server) nextBoot() (saved pair.Saved, err error) {
	b, ok, err := s.journal.Saved()
	if err != nil {
		return saved, err
	}
	if ok {
		saved, err = decodeSaved(b)
	} else {
		_, err = rand.Read(saved.Store[:])
	}
	if err != nil {
		return saved, err
	}
	saved.Boot++
	var batch durable.Batch
	s.journal.PutSaved(&batch, encodeSaved(saved))
	return saved, s.store.Commit(&batch)
}

// machineConfig is what the machine is told of a configuration.
func machineConfig(conf *Config) pair.Config {
	ha := conf.HA
	if ha == nil {
		return pair.Config{}
	}
	return pair.Config{
		Role: ha.Role, Heartbeat: ha.Heartbeat, CommTimeout: ha.CommTimeout, SyncRetry: ha.ZonesyncFailedTimeout,
		AckTimeout: ha.AckTimeout, Strict: ha.Strict,
	}
}

// show makes the view of a configuration.
func (s *Server) show(conf *Config, list []openedZone) {
	v := &view{zones: map[string]*served{}, ha: conf.HA, keys: conf.Keys, nsid: []byte(conf.NSID), rate: newLimiter(conf.Rate)}
	for _, z := range list {
		v.zones[z.zone.key] = &served{liveZone: z.zone, conf: z.conf}
	}
	s.scavenge.configure(v)
	s.view.Store(v)
	s.notify.viewed()
	s.conf = conf
	s.keeper.poke()
}

// swap makes conf the configuration, all or nothing.
func (s *Server) swap(conf *Config) error {
	list, err := s.openZones(s.inForce(conf, s.pairStatus().Role), s.loop.find)
	if err != nil {
		return err
	}
	for i := range list {
		if err := s.bring(&list[i]); err != nil {
			return err
		}
	}
	before := s.view.Load()
	s.show(conf, list)
	now := s.view.Load()
	for key, z := range before.zones {
		if now.zones[key] != nil {
			continue
		}
		if err := s.loop.drop(z.liveZone); err != nil {
			return err
		}
		s.snapshots.Wait() // the zone may come back, with a log of its own
	}
	s.loop.tell(pair.Reconfigure{Config: machineConfig(conf)})
	return nil
}

// Reload takes over another configuration, or, on an error, nothing of it.
func (s *Server) Reload(conf *Config) error {
	switch {
	case conf.StateDir != s.conf.StateDir:
		return fmt.Errorf("state_dir cannot change while the server runs: restart it")
	case conf.Control != s.conf.Control || conf.Metrics != s.conf.Metrics:
		return fmt.Errorf("[control] and [metrics] cannot change while the server runs: restart it")
	}
	if err := s.mayReload(conf.HA); err != nil {
		return err
	}
	if s.teller != nil && s.teller.mail == nil && conf.Alerts.Enabled() {
		return errors.New("[alerts] was not there at the start: restart the server to have it")
	}
	var fresh []endpoint
	for _, a := range conf.endpoints() {
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
		if slices.Contains(conf.endpoints(), l.conf) {
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
	s.settingsDue(true)
	if err := s.teller.change(conf.Alerts); err != nil {
		s.log.Error("alerts_not_changed", "error", err.Error(), "hint", "mail goes where it went")
	}
	return nil
}

// mayReload says whether a section [ha] can take the place of the present one: its times and manners can, who is who cannot.
func (s *Server) mayReload(ha *HA) error {
	now := s.conf.HA
	switch {
	case (now == nil) != (ha == nil):
		return errors.New("[ha] cannot come or go while the server runs: restart it")
	case ha == nil:
		return nil
	case now.Role != ha.Role || now.Listen != ha.Listen || now.Partner != ha.Partner || !now.Auth.Same(ha.Auth):
		return errors.New("[ha] role, listen, partner and the key cannot change while the server runs: restart it")
	}
	return nil
}

func (s *Server) setSockets(list []*listener) {
	addrs := make([]netip.AddrPort, 0, len(list))
	for _, l := range list {
		if !l.conf.tls {
			addrs = append(addrs, l.addr)
		}
	}
	s.sockets = list
	s.xot.configure(s.conf, list)
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
	s.keeper.run()
	if s.conf.HA != nil {
		s.watch = newWatchdog(s)
	}
	for {
		select {
		case f := <-reloads:
			f()
		case <-s.settings.wake:
			if ctx.Err() == nil {
				s.settings.run()
			}
		case <-ctx.Done():
			return s.stop()
		}
	}
}

func (s *Server) stop() error {
	limit := time.Now().Add(stopTime)
	s.notify.close()
	s.keeper.close()
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
	if s.watch != nil {
		s.watch.close()
	}
	if err := s.loop.stop(max(time.Second, time.Until(limit))); err != nil {
		return err // the store cannot be closed under a write that hangs
	}
	s.snapshots.Wait()
	return s.store.Close()
}

// unfit stops updates for good: after a failed write nobody knows what the disk holds (decision H-i).
func (s *Server) unfit(why string) {
	s.markUnfit(why)
	s.loop.tell(pair.WriteFailed{Why: why})
}

func (s *Server) markUnfit(why string) {
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

// underWay says whether something is answered beside the loops.
func (s *Server) underWay() bool { return len(s.busy) > 0 }

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
