package haserver

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"loadshare/haserver/merge"
	"loadshare/haserver/pair"
	"loadshare/haserver/pairmsg"
	"loadshare/internal/metrics"
)

// haCount is one thing that is counted of the pair (checklist H37).
type haCount int

// The counts. Those of messages stand in twos, sent and received; those of states as pairmsg.State has them.
const (
	haStartup haCount = iota
	haNegotiating
	haNormal
	haInterrupted
	haPartnerDown

	haMsgConnect
	haMsgConnectRecv
	haMsgReject
	haMsgRejectRecv
	haMsgNegotiate
	haMsgNegotiateRecv
	haMsgHeartbeat
	haMsgHeartbeatRecv
	haMsgUpdate
	haMsgUpdateRecv
	haMsgZoneSync
	haMsgZoneSyncRecv
	haMsgSets
	haMsgSetsRecv
	haMsgSettings
	haMsgSettingsRecv
	haMsgForward
	haMsgForwardRecv
	haMsgResp
	haMsgRespRecv
	haMsgInconsistent
	haMsgInconsistentRecv
	haMsgSwap
	haMsgSwapRecv
	haMsgUnfit
	haMsgUnfitRecv
	haMsgShutdown
	haMsgShutdownRecv
	haOctets
	haOctetsRecv

	haSyncEqual
	haSyncReplayed
	haSyncMerged
	haSyncFull
	haSyncFailed
	haConflict
	haDiscardName
	haDiscardSet
	haMismatch
	haRoleClash
	haUpdateReject
	haSingleCopy
	haConnLost

	haCounts
)

// haCountNames are the names in `ha stats`; metrics are named after them.
var haCountNames = [haCounts]struct{ name, help string }{
	haStartup:     {"ha-state-startup", "Entries into the state startup."},
	haNegotiating: {"ha-state-negotiating", "Entries into the state negotiating."},
	haNormal:      {"ha-state-normal", "Entries into the state normal."},
	haInterrupted: {"ha-state-communication-interrupted", "Entries into the state communication-interrupted."},
	haPartnerDown: {"ha-state-partner-down", "Entries into the state partner-down."},

	haMsgConnect:          {"ha-msg-connect-sent", "Openings of connections to the partner, sent."},
	haMsgConnectRecv:      {"ha-msg-connect-recv", "Openings of connections, received."},
	haMsgReject:           {"ha-msg-reject-sent", "Refused connections of the partner."},
	haMsgRejectRecv:       {"ha-msg-reject-recv", "Connections that the partner refused."},
	haMsgNegotiate:        {"ha-msg-negotiate-sent", "Negotiations, sent."},
	haMsgNegotiateRecv:    {"ha-msg-negotiate-recv", "Negotiations, received."},
	haMsgHeartbeat:        {"ha-msg-heartbeat-sent", "Heartbeats sent."},
	haMsgHeartbeatRecv:    {"ha-msg-heartbeat-recv", "Heartbeats received."},
	haMsgUpdate:           {"ha-msg-rrupdate-sent", "Messages with changes of synchronised zones, sent."},
	haMsgUpdateRecv:       {"ha-msg-rrupdate-recv", "Messages with changes of synchronised zones, received."},
	haMsgZoneSync:         {"ha-msg-zonesync-sent", "Messages that lead the synchronisation of a zone, sent."},
	haMsgZoneSyncRecv:     {"ha-msg-zonesync-recv", "Messages that lead the synchronisation of a zone, received."},
	haMsgSets:             {"ha-msg-rrsync-sent", "Messages with contents of a zone that is synchronised, sent."},
	haMsgSetsRecv:         {"ha-msg-rrsync-recv", "Messages with contents of a zone that is synchronised, received."},
	haMsgSettings:         {"ha-msg-settings-sent", "Messages about settings of zones, sent."},
	haMsgSettingsRecv:     {"ha-msg-settings-recv", "Messages about settings of zones, received."},
	haMsgForward:          {"ha-msg-forward-sent", "Updates of clients passed on to the main."},
	haMsgForwardRecv:      {"ha-msg-forward-recv", "Updates of clients that the backup passed on."},
	haMsgResp:             {"ha-msg-resp-sent", "Responses sent."},
	haMsgRespRecv:         {"ha-msg-resp-recv", "Responses received."},
	haMsgInconsistent:     {"ha-msg-resp-inconsistent-sent", "Responses that a change does not fit, sent."},
	haMsgInconsistentRecv: {"ha-msg-resp-inconsistent-recv", "Responses that a change does not fit, received."},
	haMsgSwap:             {"ha-msg-swap-sent", "Requests to exchange the roles, sent."},
	haMsgSwapRecv:         {"ha-msg-swap-recv", "Requests to exchange the roles, received."},
	haMsgUnfit:            {"ha-msg-unfit-sent", "Messages that this server can or cannot write, sent."},
	haMsgUnfitRecv:        {"ha-msg-unfit-recv", "Messages that the partner can or cannot write, received."},
	haMsgShutdown:         {"ha-msg-shutdown-sent", "Orderly stops told to the partner."},
	haMsgShutdownRecv:     {"ha-msg-shutdown-recv", "Orderly stops of the partner."},
	haOctets:              {"ha-msg-octets-sent", "Octets of all messages, sent."},
	haOctetsRecv:          {"ha-msg-octets-recv", "Octets of all messages, received."},

	haSyncEqual:    {"ha-sync-equal", "Synchronisations that found nothing to do."},
	haSyncReplayed: {"ha-sync-replayed", "Synchronisations by replaying one side's changes."},
	haSyncMerged:   {"ha-sync-merged", "Synchronisations that merged changes of both sides."},
	haSyncFull:     {"ha-full-zone-resync", "Synchronisations that compared or copied a whole zone."},
	haSyncFailed:   {"ha-sync-failed", "Synchronisations that failed."},
	haConflict:     {"ha-sync-conflict", "Conflicts that a merge decided."},
	haDiscardName:  {"ha-discard-name-conflict", "Conflicts about a whole name, such as CNAME against other data."},
	haDiscardSet:   {"ha-discard-rrset-conflict", "Conflicts about one record set."},
	haMismatch:     {"ha-zone-mismatch", "Zones found to differ though they were synchronised (drift)."},
	haRoleClash:    {"ha-role-clash", "Connections with a partner of our own role."},
	haUpdateReject: {"ha-update-reject", "Clients' updates dropped or refused because of the state of the pair."},
	haSingleCopy:   {"ha-update-single-copy", "Updates answered while there was one copy only."},
	haConnLost:     {"ha-connection-lost", "Connections to the partner that ended."},
}

// haMax is something whose highest value is kept.
type haMax int

// The highest values.
const (
	haMaxUnacked haMax = iota // changes shipped and not confirmed
	haMaxOwed                 // changes that the partner lacks
	haMaxQueue                // inputs that waited for the loop
	haMaxHeld                 // changes of clients that were held
	haMaxAck                  // microseconds until the partner confirmed
	haMaxCommit               // microseconds until a batch was durable
	haMaxSilence              // microseconds between two messages of the partner

	haMaxes
)

var haMaxNames = [haMaxes]struct{ name, help string }{
	haMaxUnacked: {"ha-max-unacked", "Most changes shipped and not confirmed at one time."},
	haMaxOwed:    {"ha-max-owed", "Most changes that the partner lacked at one time."},
	haMaxQueue:   {"ha-max-queue", "Most events that waited at one time."},
	haMaxHeld:    {"ha-max-held", "Most clients' updates that were held at one time."},
	haMaxAck:     {"ha-max-ack-microseconds", "Longest time until the partner confirmed a change."},
	haMaxCommit:  {"ha-max-commit-microseconds", "Longest time until a change was durable here."},
	haMaxSilence: {"ha-max-silence-microseconds", "Longest time between two messages of the partner."},
}

const (
	haSampleEvery = 5 * time.Minute  // the length of a sample
	haLookEvery   = 10 * time.Second // between two looks at what the machine holds
)

// haStats counts what the pair does: in all, and in the last whole sample interval. Its methods are for any goroutine and do not
// allocate. The zero value is ready.
type haStats struct {
	counts [haCounts]atomic.Uint64
	maxes  [haMaxes]struct{ total, running atomic.Uint64 }
	heard  atomic.Int64 // when the partner said something last, wall microseconds; 0: never
	flight flight

	mu     sync.Mutex
	start  time.Time // of the process
	begun  time.Time // of the running interval
	base   [haCounts]uint64
	sample *haSample // of the last whole interval; nil: there was none yet
}

// haSample is what happened in an interval.
type haSample struct {
	from, to time.Time
	counts   [haCounts]uint64
	maxes    [haMaxes]uint64
}

func newHAStats(now time.Time) *haStats { return &haStats{start: now, begun: now} }

func (h *haStats) inc(c haCount)           { h.counts[c].Add(1) }
func (h *haStats) add(c haCount, n uint64) { h.counts[c].Add(n) }

// max tells a value of which the highest is kept.
func (h *haStats) max(m haMax, v uint64) {
	raise(&h.maxes[m].total, v)
	raise(&h.maxes[m].running, v)
}

func raise(a *atomic.Uint64, v uint64) {
	for old := a.Load(); v > old && !a.CompareAndSwap(old, v); old = a.Load() {
	}
}

// took is max for times.
func (h *haStats) took(m haMax, d time.Duration) { h.max(m, uint64(max(d, 0).Microseconds())) }

// sent counts a message that went to the partner, of so many octets.
func (h *haStats) sent(m pairmsg.Message, octets int) {
	h.inc(messageCount(m))
	h.add(haOctets, uint64(octets))
	switch m := m.(type) {
	case pairmsg.Hello:
		h.flight.reset()
	case pairmsg.Update:
		h.max(haMaxUnacked, h.flight.shipped(m.First+uint64(len(m.Entries))-1, time.Now()))
	}
}

// received counts a message of the partner that came at now.
func (h *haStats) received(m pairmsg.Message, octets int, now time.Time) {
	h.inc(messageCount(m) + 1)
	h.add(haOctetsRecv, uint64(octets))
	at := now.UnixMicro()
	if before := h.heard.Swap(at); before > 0 && at > before {
		h.max(haMaxSilence, uint64(at-before))
	}
	if r, ok := m.(pairmsg.UpdateReply); ok {
		h.took(haMaxAck, h.flight.confirmed(r.Through, now))
	}
}

// conflicted counts a conflict that a merge decided.
func (h *haStats) conflicted(c merge.Conflict) {
	h.inc(haConflict)
	switch {
	case len(c.Lost) == 0:
	case c.Type == 0:
		h.inc(haDiscardName)
	default:
		h.inc(haDiscardSet)
	}
}

// note counts what the machine says of itself.
func (h *haStats) note(n pair.Note) {
	if n.Zone == "" && (n.From != n.To || n.Reason == pair.Started) && n.To >= pairmsg.Startup {
		h.inc(haStartup + haCount(n.To-pairmsg.Startup))
	}
	switch n.Reason {
	case pair.SyncEqual:
		h.inc(haSyncEqual)
	case pair.SyncReplayed:
		h.inc(haSyncReplayed)
	case pair.SyncMerged:
		h.inc(haSyncMerged)
	case pair.SyncWhole, pair.SyncCopied:
		h.inc(haSyncFull)
	case pair.SyncTimeout, pair.SyncError:
		h.inc(haSyncFailed)
	case pair.Drift, pair.DamagedZone, pair.NotFitting:
		h.inc(haMismatch)
	case pair.RoleClash:
		h.inc(haRoleClash)
	}
}

// answered counts a change that came back from the machine.
func (h *haStats) answered(c *pair.Change) {
	switch {
	case c.Outcome == pair.Done && c.Copies == 1:
		h.inc(haSingleCopy)
	case c.Outcome == pair.AtBackup, c.Outcome == pair.NotAccepting:
		h.inc(haUpdateReject)
	}
}

// messageCount is the count of a message that is sent; the one after it is of those received.
func messageCount(m pairmsg.Message) haCount {
	switch m.(type) {
	case pairmsg.Hello:
		return haMsgConnect
	case pairmsg.Reject:
		return haMsgReject
	case pairmsg.Negotiate:
		return haMsgNegotiate
	case pairmsg.Heartbeat, pairmsg.Dropped:
		return haMsgHeartbeat
	case pairmsg.Update:
		return haMsgUpdate
	case pairmsg.SyncEntries, pairmsg.SyncSets:
		return haMsgSets
	case pairmsg.SyncAsk, pairmsg.SyncFetch, pairmsg.SyncCompare, pairmsg.SyncCopy, pairmsg.SyncCommit, pairmsg.SyncEnd, pairmsg.SyncZones:
		return haMsgZoneSync
	case pairmsg.Settings, pairmsg.SettingsAsk, pairmsg.Marks, pairmsg.ConflictsKept, pairmsg.Conflicts:
		return haMsgSettings
	case pairmsg.Forward:
		return haMsgForward
	case pairmsg.Inconsistent:
		return haMsgInconsistent
	case pairmsg.SwapAsk:
		return haMsgSwap
	case pairmsg.Unfit:
		return haMsgUnfit
	case pairmsg.Shutdown:
		return haMsgShutdown
	}
	return haMsgResp // NegotiateReply, HeartbeatReply, UpdateReply, Forwarded, SwapReply, SettingsDone, SyncPoints, SyncDone
}

// roll ends the running interval and begins another one.
func (h *haStats) roll(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := &haSample{from: h.begun, to: now}
	for i := range h.counts {
		v := h.counts[i].Load()
		s.counts[i], h.base[i] = v-h.base[i], v
	}
	for i := range h.maxes {
		s.maxes[i] = h.maxes[i].running.Swap(0)
	}
	h.sample, h.begun = s, now
}

// watchPair ends an interval every so often, and looks more often at what only the machine knows, until ctx ends.
func (s *Server) watchPair(ctx context.Context) error {
	if s.loop.link == nil {
		<-ctx.Done()
		return nil
	}
	h := s.count.ha
	interval, look := time.NewTicker(haSampleEvery), time.NewTicker(haLookEvery)
	defer interval.Stop()
	defer look.Stop()
	for {
		select {
		case now := <-interval.C:
			h.roll(now)
		case <-look.C:
			p := s.pairStatus()
			h.max(haMaxOwed, p.Owed)
			h.max(haMaxHeld, uint64(p.Held))
		case <-ctx.Done():
			return nil
		}
	}
}

// total is everything since the start.
func (h *haStats) total(now time.Time) haSample {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := haSample{from: h.start, to: now}
	for i := range h.counts {
		s.counts[i] = h.counts[i].Load()
	}
	for i := range h.maxes {
		s.maxes[i] = h.maxes[i].total.Load()
	}
	return s
}

// lastSample is the last whole interval; while the first one runs, what there is of it.
func (h *haStats) lastSample(now time.Time) haSample {
	h.mu.Lock()
	last := h.sample
	h.mu.Unlock()
	if last == nil {
		return h.total(now)
	}
	return *last
}

// register shows all in the metrics of a server of a pair.
func (h *haStats) register(reg *metrics.Registry) {
	for i, c := range haCountNames {
		name := metricName(c.name)
		if haCount(i) == haSingleCopy {
			name = "updates_single_copy"
		}
		reg.CounterFunc(name+"_total", c.help, func() float64 { return float64(h.counts[i].Load()) })
	}
	for i, m := range haMaxNames {
		reg.GaugeFunc(metricName(m.name), m.help, func() float64 { return float64(h.maxes[i].total.Load()) })
	}
}

func metricName(name string) string { return "dns_" + strings.ReplaceAll(name, "-", "_") }
