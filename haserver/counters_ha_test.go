package haserver

import (
	"strings"
	"testing"
	"time"

	"loadshare/haserver/merge"
	"loadshare/haserver/pair"
	"loadshare/haserver/pairmsg"
	"loadshare/haserver/zone"
)

// H37: total since the start, and the last sample interval, with the highest values of each.
func TestHAStats(t *testing.T) {
	at := time.Unix(1000, 0)
	h := newHAStats(at)
	h.sent(pairmsg.Heartbeat{}, 40)
	h.received(pairmsg.HeartbeatReply{}, 30, at)
	h.received(pairmsg.Update{}, 200, at.Add(3*time.Second))
	h.max(haMaxUnacked, 7)
	h.max(haMaxUnacked, 5)
	h.note(pair.Note{Reason: pair.Contact, From: pairmsg.Startup, To: pairmsg.Negotiating})
	h.note(pair.Note{Reason: pair.SyncWhole, Zone: "x", From: pairmsg.Normal, To: pairmsg.Normal})
	h.answered(&pair.Change{Outcome: pair.Done, Copies: 1})
	h.answered(&pair.Change{Outcome: pair.Done, Copies: 2})
	h.answered(&pair.Change{Outcome: pair.AtBackup})
	want := map[haCount]uint64{
		haMsgHeartbeat: 1, haOctets: 40, haMsgRespRecv: 1, haMsgUpdateRecv: 1, haOctetsRecv: 230, haNegotiating: 1, haSyncFull: 1, haSingleCopy: 1, haUpdateReject: 1,
	}
	check := func(what string, s haSample, want map[haCount]uint64, unacked, silence uint64) {
		t.Helper()
		for i, v := range s.counts {
			if v != want[haCount(i)] {
				t.Errorf("%s: %s is %d, want %d", what, haCountNames[i].name, v, want[haCount(i)])
			}
		}
		if s.maxes[haMaxUnacked] != unacked || s.maxes[haMaxSilence] != silence {
			t.Errorf("%s: %v", what, s.maxes)
		}
	}
	check("total", h.total(at), want, 7, 3_000_000)
	check("sample before the first interval ended", h.lastSample(at), want, 7, 3_000_000)
	h.roll(at.Add(haSampleEvery))
	h.sent(pairmsg.Heartbeat{}, 40)
	h.max(haMaxUnacked, 2)
	check("sample of the last whole interval", h.lastSample(at), want, 7, 3_000_000)
	if s := h.lastSample(at); s.to.Sub(s.from) != haSampleEvery {
		t.Errorf("%v to %v", s.from, s.to)
	}
	h.roll(at.Add(2 * haSampleEvery))
	check("the next sample", h.lastSample(at), map[haCount]uint64{haMsgHeartbeat: 1, haOctets: 40}, 2, 0)
	want[haMsgHeartbeat], want[haOctets] = 2, 80
	check("total after it", h.total(at), want, 7, 3_000_000)
}

// The highest number of unconfirmed changes, and the longest time until the partner confirmed; a new connection counts anew.
func TestHAStatsFlight(t *testing.T) {
	h := newHAStats(time.Now())
	three := make([]pairmsg.Entry, 3)
	h.sent(pairmsg.Update{First: 1, Entries: three}, 1)
	h.sent(pairmsg.Update{First: 4, Entries: three[:2]}, 1)
	at := time.Now().Add(time.Minute)
	h.received(pairmsg.UpdateReply{Through: 3}, 1, at)
	h.sent(pairmsg.Update{First: 6, Entries: three[:1]}, 1)
	h.received(pairmsg.UpdateReply{Through: 6}, 1, at)
	s := h.total(at)
	if s.maxes[haMaxUnacked] != 5 || s.maxes[haMaxAck] < 59_000_000 || s.maxes[haMaxAck] > 61_000_000 {
		t.Errorf("%v", s.maxes)
	}
	h.sent(pairmsg.Hello{}, 1)
	h.sent(pairmsg.Update{First: 1, Entries: three[:1]}, 1)
	if n := h.flight.shipped(2, at); n != 2 {
		t.Errorf("%d unconfirmed on a new connection", n)
	}
}

// What a merge decided: each conflict once, and what kind of thing was lost.
func TestHAStatsConflicts(t *testing.T) {
	h := newHAStats(time.Now())
	lost := []zone.Record{{}}
	for _, c := range []merge.Conflict{{Type: 0, Lost: lost}, {Type: zone.TypeA, Lost: lost}, {Type: zone.TypeA, Lost: lost}, {Type: zone.TypeA, Removed: lost}} {
		h.conflicted(c)
	}
	s := h.total(time.Now())
	if s.counts[haConflict] != 4 || s.counts[haDiscardName] != 1 || s.counts[haDiscardSet] != 2 {
		t.Errorf("%v", s.counts)
	}
}

// Everything that is counted has a name and a metric.
func TestHAStatsNames(t *testing.T) {
	seen := map[string]bool{}
	for i, c := range haCountNames {
		if !strings.HasPrefix(c.name, "ha-") || c.help == "" || seen[c.name] {
			t.Errorf("count %d: %q, %q", i, c.name, c.help)
		}
		seen[c.name] = true
	}
	for i, m := range haMaxNames {
		if !strings.HasPrefix(m.name, "ha-max-") || m.help == "" || seen[m.name] {
			t.Errorf("maximum %d: %q, %q", i, m.name, m.help)
		}
		seen[m.name] = true
	}
	for i := haMsgConnect; i < haSyncEqual; i += 2 {
		sent, recv := haCountNames[i].name, haCountNames[i+1].name
		if strings.TrimSuffix(sent, "-sent")+"-recv" != recv {
			t.Errorf("%s is not followed by its received ones, but by %s", sent, recv)
		}
	}
	newHAStats(time.Now()).register(newTotals().reg) // panics at a name that is no metric's, or at two of one name
}
