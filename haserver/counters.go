package haserver

import (
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"loadshare/haserver/zone"
	"loadshare/internal/metrics"
)

// Why a message was dropped without an answer.
const (
	dropShort = iota // no header
	dropLarge        // over UDP, and larger than our buffer
	dropResponse
	dropRate
	dropClosed // an update, while this server takes none
	dropCount
)

var dropNames = [dropCount]string{"short", "large", "response", "rate-limit", "not-accepting"}

const rcodeCount = 17 // up to BADVERS

// counters are what one listening loop counts; metrics add them up. The padding keeps the loops off each other's cache lines.
type counters struct {
	_          [64]byte
	rcodes     [2][rcodeCount]atomic.Uint64 // UDP, TCP
	drops      [dropCount]atomic.Uint64
	slipped    atomic.Uint64
	panics     atomic.Uint64
	tsigErrors atomic.Uint64
	unsent     atomic.Uint64
	toUpdates  atomic.Uint64 // answers to updates, among rcodes
	updates    [rcodeCount][reasonCount]atomic.Uint64
	transfers  [2]atomic.Uint64 // whole, refused or broken off
	_          [64]byte
}

func (c *counters) answered(tcp bool, rcode zone.Rcode) {
	t := 0
	if tcp {
		t = 1
	}
	c.rcodes[t][min(rcode, rcodeCount-1)].Add(1)
}

func (c *counters) drop(why int) { c.drops[why].Add(1) }

func (c *counters) update(rcode zone.Rcode, reason Reason) {
	c.updates[min(rcode, rcodeCount-1)][reason].Add(1)
}

// totals are the counters of a whole server.
type totals struct {
	counters // for what no loop counts

	mu    sync.Mutex // loops come with reloads, scrapes at any time
	parts []*counters
	asked uint64 // the most that questions said

	reg *metrics.Registry
	ha  *haStats // of the pair; counts nothing in a single server

	batch  metrics.HistogramOne
	fsync  metrics.HistogramOne
	conns  *metrics.Gauge
	evicts metrics.CounterOne
	refuse metrics.CounterOne
}

// part makes the counters of another loop.
func (t *totals) part() *counters {
	c := &counters{}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.parts = append(t.parts, c)
	return c
}

func (t *totals) commit(changes int, took time.Duration) {
	t.batch.Observe(float64(changes))
	t.fsync.Observe(took.Seconds())
}

// questions are the answers that were not to an update. It never goes back, though loops count while it adds up.
func (t *totals) questions() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := uint64(0)
	for _, c := range t.parts {
		n -= c.toUpdates.Load() // before the answers, of which they are: the sum is too high, if anything
		for i := range c.rcodes {
			for j := range c.rcodes[i] {
				n += c.rcodes[i][j].Load()
			}
		}
	}
	t.asked = max(t.asked, n)
	return t.asked
}

func newTotals() *totals {
	reg := metrics.New("dns")
	t := &totals{reg: reg, ha: newHAStats(time.Now())}
	t.parts = []*counters{&t.counters}
	t.batch = reg.Histogram("dns_update_batch_size", "Updates made durable together.", []float64{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024}).With()
	t.fsync = reg.Histogram("dns_journal_commit_seconds", "Time until a batch of updates was durable.", nil).With()
	t.conns = reg.Gauge("dns_tcp_connections", "Open TCP connections.")
	tcp := reg.Counter("dns_tcp_closed_total", "TCP connections closed for want of room, by which.", "which")
	t.evicts, t.refuse = tcp.With("idle"), tcp.With("new")
	for i, transport := range []string{"udp", "tcp"} {
		for rcode := range rcodeCount {
			name := rcodeName(zone.Rcode(rcode))
			if name == "" {
				continue
			}
			t.sum("dns_answers_total", "Answers, by transport and rcode.", func(c *counters) *atomic.Uint64 { return &c.rcodes[i][rcode] }, "transport", transport, "rcode", name)
		}
	}
	for i, name := range dropNames {
		t.sum("dns_dropped_total", "Messages without an answer, by reason.", func(c *counters) *atomic.Uint64 { return &c.drops[i] }, "reason", name)
	}
	t.sum("dns_rate_limit_slipped_total", "Answers replaced by an empty one with TC.", func(c *counters) *atomic.Uint64 { return &c.slipped })
	t.sum("dns_panics_total", "Messages dropped because of an internal error.", func(c *counters) *atomic.Uint64 { return &c.panics })
	t.sum("dns_tsig_errors_total", "Messages whose TSIG was not good.", func(c *counters) *atomic.Uint64 { return &c.tsigErrors })
	t.sum("dns_unsent_total", "Answers that could not be sent.", func(c *counters) *atomic.Uint64 { return &c.unsent })
	t.sum("dns_transfers_total", "Zone transfers, by result.", func(c *counters) *atomic.Uint64 { return &c.transfers[0] }, "result", "whole")
	t.sum("dns_transfers_total", "Zone transfers, by result.", func(c *counters) *atomic.Uint64 { return &c.transfers[1] }, "result", "failed")
	for reason := range reasonCount {
		for _, rcode := range updateRcodes(Reason(reason)) {
			t.sum("updates_total", "Updates, by rcode and reason.", func(c *counters) *atomic.Uint64 { return &c.updates[rcode][reason] },
				"rcode", strings.ToLower(rcode.String()), "reason", Reason(reason).String())
		}
	}
	return t
}

// updateRcodes are those that occur with a reason.
func updateRcodes(r Reason) []zone.Rcode {
	switch r {
	case Applied, Unchanged:
		return []zone.Rcode{zone.NoError}
	case Malformed:
		return []zone.Rcode{zone.FormErr}
	case BadTSIG, NotOurZone:
		return []zone.Rcode{zone.NotAuth}
	case NotAccepting, StorageError, TooMany, AtPartner, OneCopy:
		return []zone.Rcode{zone.ServFail}
	case NoGrant, NoGrantSet:
		return []zone.Rcode{zone.Refused}
	case PrereqFailed:
		return []zone.Rcode{zone.FormErr, zone.NXDomain, zone.YXDomain, zone.YXRRSet, zone.NXRRSet, zone.NotZone}
	case BadUpdate:
		return []zone.Rcode{zone.FormErr, zone.NotZone, zone.Refused, zone.ServFail}
	}
	return nil
}

func rcodeName(r zone.Rcode) string {
	switch {
	case r == badVers:
		return "badvers"
	case r <= zone.NotZone:
		return strings.ToLower(r.String())
	}
	return ""
}

// sum shows one counter added up over all loops.
func (t *totals) sum(name, help string, of func(*counters) *atomic.Uint64, labels ...string) {
	t.reg.CounterFunc(name, help, func() float64 { return float64(t.total(of)) }, labels...)
}

func (t *totals) total(of func(*counters) *atomic.Uint64) uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := uint64(0)
	for _, c := range t.parts {
		n += of(c).Load()
	}
	return n
}
