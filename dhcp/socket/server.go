package socket

import (
	"context"
	"log/slog"
	"net/netip"
	"time"

	"loadshare/dhcp/lease"
	"loadshare/dhcp/packet"
)

// Options say where to listen.
type Options struct {
	Interfaces       []string         // broadcasts are heard there, on port 67; needs CAP_NET_RAW
	Listen           []netip.AddrPort // relayed and unicast messages arrive here
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
	Received  uint64 // datagrams that were handed on
	Malformed uint64 // packet.Parse refused them
	Duplicate uint64 // heard on another socket a moment ago
	Foreign   uint64 // broadcasts of an interface that is not served, heard at a listening address
	Overrun   uint64 // lost by the kernel because they were not read in time
	Queued    uint64 // octets that wait in the kernel to be read, now
	Sent      uint64
	Unsent    uint64 // the kernel refused them
	Full      uint64 // the kernel's queue stayed full
}

// Server is the open sockets.
type Server struct{}

// Open opens all of them, or none.
func Open(o Options) (*Server, error) { return &Server{}, nil }

// Run hands on what comes in until ctx ends or a socket breaks. It calls handle from several goroutines; the batch is valid during the call.
func (s *Server) Run(ctx context.Context, handle func(batch []Received)) error {
	<-ctx.Done()
	return nil
}

// Send sends at once, in order; what cannot be sent is counted. It is safe for several goroutines.
func (s *Server) Send(batch []Outgoing) {}

// Counters are the present ones.
func (s *Server) Counters() Counters { return Counters{} }

// Close ends Run and frees the ports.
func (s *Server) Close() {}

// Prober finds out whether somebody uses an address.
type Prober struct{}

// NewProber opens nothing before the first probe. At most limit probes are under way; 0: 1000.
func NewProber(limit int, log *slog.Logger) *Prober { return &Prober{} }

// Probe asks by ARP on the interface or, if that is "", by ICMP echo, and again after half the time. done is called once, from another goroutine,
// at the answer or when the time is over; ok false says that it could not be asked.
func (p *Prober) Probe(ip lease.IP, iface string, timeout time.Duration, done func(inUse, ok bool)) {
	go done(false, false)
}

// Close ends the probes under way: done is called with ok false.
func (p *Prober) Close() {}
