package socket

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"

	"loadshare/dhcp/lease"
	"loadshare/dhcp/packet"
)

// Options say where to listen. At least one of the lists is not empty.
type Options struct {
	Interfaces       []string         // broadcasts are heard there, on port 67; needs CAP_NET_RAW
	Listen           []netip.AddrPort // relayed and unicast messages arrive here; port 0: any
	RelayReplySource bool             // relays are answered on the port they used (relay_reply_port = "source")
	Log              *slog.Logger
}

// Received is a message and where it came in. Both are the receiver's.
type Received struct {
	Packet *packet.Packet
	From   packet.Arrival
}

// Outgoing is a message to send. Octets are not kept.
type Outgoing struct {
	Octets []byte
	To     packet.Destination
}

// Counters are totals since Open, but for Queued.
type Counters struct {
	Received  uint64 // messages that were handed on
	Malformed uint64 // packet.Parse refused them, or they were longer than a DHCP message can be
	Duplicate uint64 // heard on another socket a moment ago
	Unwanted  uint64 // not admitted: see Run
	Foreign   uint64 // broadcasts of an interface that is not served, or while it has no address
	Overrun   uint64 // lost by the kernel because they were not read in time
	Queued    uint64 // octets, with the kernel's own, that wait to be read now
	Sent      uint64
	Unsent    uint64 // the kernel refused them, or there is no socket for them
	Full      uint64 // the kernel's queue stayed full
}

type counters struct {
	received, malformed, duplicate, unwanted, foreign, sent, unsent, full atomic.Uint64
}

// Server is the open sockets.
type Server struct {
	relaySource bool
	log         *slog.Logger
	listening   []*conn
	interfaces  []*conn
	raw         int // AF_PACKET, for frames; -1 without interfaces
	seen        *seen
	count       counters
	close       sync.Once

	mu  sync.Mutex // senders share the batch
	out sender
}

// Open opens all the sockets, or none.
func Open(o Options) (*Server, error) {
	if len(o.Interfaces)+len(o.Listen) == 0 {
		return nil, errors.New("neither an interface nor an address to listen on")
	}
	s := &Server{relaySource: o.RelayReplySource, log: o.Log, raw: -1}
	if err := s.open(o); err != nil {
		s.Close()
		return nil, err
	}
	if len(s.all()) > 1 {
		s.seen = newSeen()
	}
	return s, nil
}

func (s *Server) all() []*conn { return append(append([]*conn(nil), s.listening...), s.interfaces...) }

// Addrs are the addresses of Options.Listen, with the ports that were chosen for 0.
func (s *Server) Addrs() []netip.AddrPort {
	var list []netip.AddrPort
	for _, c := range s.listening {
		list = append(list, c.at)
	}
	return list
}

// Run hands on what comes in until ctx ends, Close is called, or a socket breaks. It calls handle from several goroutines, one for each
// socket; the batch is valid during the call. While handle does not return, that socket is not read. admit, which may be nil, says of
// octets, before anything else is done with them, whether somebody wants them; it must be quick, and not keep them.
func (s *Server) Run(ctx context.Context, admit func([]byte, packet.Arrival) bool, handle func(batch []Received)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	all := s.all()
	errs := make(chan error, len(all))
	for _, c := range all {
		go func() { errs <- newReader(s, c, admit, handle).run() }()
	}
	watched := make(chan struct{})
	go func() { defer close(watched); s.watch(ctx) }()
	stop := context.AfterFunc(ctx, func() {
		for _, c := range all {
			c.stop()
		}
	})
	defer stop()
	var failed error
	for range all {
		if err := <-errs; err != nil {
			failed = errors.Join(failed, err)
			cancel()
		}
	}
	cancel()
	<-watched
	return failed
}

// Counters are the present ones.
func (s *Server) Counters() Counters {
	c := Counters{
		Received: s.count.received.Load(), Malformed: s.count.malformed.Load(), Duplicate: s.count.duplicate.Load(),
		Unwanted: s.count.unwanted.Load(), Foreign: s.count.foreign.Load(), Sent: s.count.sent.Load(), Unsent: s.count.unsent.Load(), Full: s.count.full.Load(),
	}
	for _, conn := range s.all() {
		queued, lost := conn.kernel()
		c.Queued += queued
		c.Overrun += lost
	}
	return c
}

// Close ends Run and frees the ports.
func (s *Server) Close() {
	s.close.Do(func() {
		for _, c := range s.all() {
			c.close()
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		closeRaw(s.raw)
		s.raw = -1
	})
}

// anyIP is 0.0.0.0, everybody 255.255.255.255.
const (
	anyIP     lease.IP = 0
	everybody lease.IP = 0xFFFFFFFF
)
