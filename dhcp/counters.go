package dhcp

import (
	"strings"
	"sync/atomic"
	"time"

	"loadshare/dhcp/engine"
	"loadshare/dhcp/failover/wire"
	"loadshare/dhcp/packet"
	"loadshare/dhcp/socket"
	"loadshare/internal/metrics"
)

// classNames are the words of metrics and status, by class.
var classNames = [classes]string{"renewals", "requests", "discovers"}

// counters are what the server counts. Any goroutine may.
type counters struct {
	reg      *metrics.Registry
	overflow [classes]atomic.Uint64 // messages dropped because the loop is behind
	reasons  [256]atomic.Uint64     // notes of the machine
	replies  [16]atomic.Uint64      // by type of message
	unsent   atomic.Uint64          // replies dropped because the sender is behind
	cut      atomic.Uint64          // replies that options were left out of
	messages [2][16]atomic.Uint64   // of the failover, received and sent
	dnsDone  atomic.Uint64
	dnsLost  atomic.Uint64
	lastTook atomic.Int64 // nanoseconds of the last commit

	batch metrics.HistogramOne
	fsync metrics.HistogramOne
}

var replyNames = map[packet.Type]string{
	packet.BOOTP: "bootp", packet.Offer: "offer", packet.Ack: "ack", packet.Nak: "nak", packet.LeaseUnassigned: "leaseunassigned",
	packet.LeaseUnknown: "leaseunknown", packet.LeaseActive: "leaseactive", packet.LeaseQueryDone: "leasequerydone",
}

func newCounters() *counters {
	reg := metrics.New("dhcp")
	c := &counters{reg: reg}
	c.batch = reg.Histogram("dhcp_commit_leases", "Leases made durable together.", []float64{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024}).With()
	c.fsync = reg.Histogram("dhcp_commit_seconds", "Time until a batch of leases was durable.", nil).With()
	for i, name := range classNames {
		c.shown("dhcp_dropped_total", "Messages dropped before they were looked at, by class.", &c.overflow[i], "class", name)
	}
	for r := engine.Reason(1); r.String() != "unknown"; r++ {
		c.shown("dhcp_events_total", "What was done for clients, or why it was not, by reason.", &c.reasons[r], "reason", strings.ReplaceAll(r.String(), " ", "-"))
	}
	for t, name := range replyNames {
		c.shown("dhcp_replies_total", "Replies, by type.", &c.replies[t], "type", name)
	}
	c.shown("dhcp_replies_dropped_total", "Replies that could not be sent in time.", &c.unsent)
	c.shown("dhcp_replies_cut_total", "Replies from which options were left out for want of room.", &c.cut)
	for t := wire.TypePoolReq; t <= wire.TypeDisconnect; t++ {
		c.shown("dhcp_failover_messages_total", "Failover messages, by direction and type.", &c.messages[0][t], "way", "received", "type", strings.ToLower(t.String()))
		c.shown("dhcp_failover_messages_total", "Failover messages, by direction and type.", &c.messages[1][t], "way", "sent", "type", strings.ToLower(t.String()))
	}
	c.shown("dhcp_dns_done_total", "Changes of DNS that are done.", &c.dnsDone)
	c.shown("dhcp_dns_given_up_total", "Changes of DNS that were given up.", &c.dnsLost)
	return c
}

func (c *counters) shown(name, help string, of *atomic.Uint64, labels ...string) {
	c.reg.CounterFunc(name, help, func() float64 { return float64(of.Load()) }, labels...)
}

// sockets shows the counters of the sockets.
func (c *counters) sockets(of func() socket.Counters) {
	for name, f := range map[string]func(socket.Counters) uint64{
		"received": func(c socket.Counters) uint64 { return c.Received }, "malformed": func(c socket.Counters) uint64 { return c.Malformed },
		"duplicate": func(c socket.Counters) uint64 { return c.Duplicate }, "foreign": func(c socket.Counters) uint64 { return c.Foreign }, "unwanted": func(c socket.Counters) uint64 { return c.Unwanted },
		"overrun": func(c socket.Counters) uint64 { return c.Overrun }, "sent": func(c socket.Counters) uint64 { return c.Sent },
		"unsent": func(c socket.Counters) uint64 { return c.Unsent }, "full": func(c socket.Counters) uint64 { return c.Full },
	} {
		c.reg.CounterFunc("dhcp_datagrams_total", "Datagrams at the sockets, by what became of them.", func() float64 { return float64(f(of())) }, "what", name)
	}
}

func (c *counters) commit(leases int, took time.Duration) {
	c.lastTook.Store(int64(took))
	c.batch.Observe(float64(leases))
	c.fsync.Observe(took.Seconds())
}

func (c *counters) message(sent bool, t wire.Type) {
	way := 0
	if sent {
		way = 1
	}
	c.messages[way][min(int(t), 15)].Add(1)
}

// dropped is what was not answered since the start, by reason.
func (c *counters) dropped() map[string]int {
	out := map[string]int{}
	for i, name := range classNames {
		out["behind, "+name] = int(c.overflow[i].Load())
	}
	out["behind, replies"] = int(c.unsent.Load())
	for r := engine.NoScope; r.String() != "unknown"; r++ {
		if n := c.reasons[r].Load(); n > 0 && (r <= engine.SecondTryLimit && r != engine.Probing || r == engine.NotFromHolder) {
			out[r.String()] = int(n)
		}
	}
	return out
}
