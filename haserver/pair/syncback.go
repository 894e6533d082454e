package pair

import (
	"errors"
	"slices"
	"strconv"

	"loadshare/haserver/pairmsg"
	"loadshare/haserver/zone"
)

var errDigest = errors.New("the digest after an entry is not what the entry says")

func count(n int) string { return strconv.Itoa(n) }

// dispatchSync takes the messages of synchronisation: the backup's answers here, and the main's questions at the backup.
func (m *Machine) dispatchSync(msg pairmsg.Message) {
	if m.state != pairmsg.Normal && m.state != pairmsg.Negotiating {
		return
	}
	switch v := msg.(type) {
	case pairmsg.SyncAsk:
		m.onAsk(v)
	case pairmsg.SyncPoints:
		if z := m.byID(v.Sync); z != nil && z.job.stage == asked {
			z.job.there = v
			if v.Missing {
				m.copyOut(z)
			} else {
				m.decide(z)
			}
		}
	case pairmsg.SyncFetch:
		if z := m.asking(v.Zone, v.Sync); z != nil {
			m.out.Jobs = append(m.out.Jobs, StreamEntries{Session: m.link.session, Sync: v.Sync, Zone: z.key, After: v.After, Through: z.point.Serial})
		}
	case pairmsg.SyncEntries:
		m.onEntries(v)
	case pairmsg.SyncCompare:
		if z := m.asking(v.Zone, v.Sync); z != nil {
			m.out.Jobs = append(m.out.Jobs, StreamSets{Session: m.link.session, Sync: v.Sync, Zone: z.key, Tip: z.tip, Point: z.point, Parts: v.Digests})
		}
	case pairmsg.SyncCopy:
		m.onCopy(v)
	case pairmsg.SyncCommit:
		m.onCommit(v)
	case pairmsg.SyncDone:
		m.onDone(v)
	case pairmsg.SyncEnd:
		m.onEnd(v)
	case pairmsg.SyncZones:
		if m.role() == pairmsg.Main {
			for _, n := range v.Zones { // it may be new there
				if z := m.zones[n.Key()]; z != nil {
					z.peerHas, m.counted = true, false
				}
			}
			m.syncNow(v.Zones, v.Source)
		}
	}
}

// byID finds the zone of a running job.
func (m *Machine) byID(sync uint64) *zoneState {
	for _, z := range m.running {
		if z.job.id == sync {
			m.progress(z)
			return z
		}
	}
	return nil
}

// asking finds the zone that the main synchronises, at the backup.
func (m *Machine) asking(name zone.Name, sync uint64) *zoneState {
	if z := m.zones[name.Key()]; z != nil && sync != 0 && z.other == sync && m.role() == pairmsg.Backup {
		return z
	}
	return nil
}

func (m *Machine) onAsk(v pairmsg.SyncAsk) {
	if m.role() != pairmsg.Backup {
		return
	}
	z := m.zones[v.Zone.Key()]
	if z == nil {
		m.send(pairmsg.SyncPoints{Sync: v.Sync, Missing: true})
		return
	}
	z.other = v.Sync
	m.setSync(z, SyncPending, NoReason)
	m.lend(z, v.Main)
	m.after = slices.DeleteFunc(m.after, func(s sendAt) bool { // who asks again wants no older answer
		p, ok := s.message.(pairmsg.SyncPoints)
		return ok && p.Here.Zone.Equal(z.name)
	})
	m.sendWhenDurable(pairmsg.SyncPoints{Sync: v.Sync, Here: z.zonePoint(), History: append([]pairmsg.Point(nil), z.history()...)})
}

// onEntries: at the backup, and at the main that fetches, entries are replayed as they are; for a merge they are gathered.
func (m *Machine) onEntries(v pairmsg.SyncEntries) {
	if z := m.byID(v.Sync); z != nil {
		m.fetched(z, v)
		return
	}
	z := m.asking(v.Zone, v.Sync)
	if z == nil {
		return
	}
	m.setSync(z, Synchronizing, NoReason)
	if v.Gone {
		m.send(pairmsg.SyncDone{Sync: v.Sync, Zone: z.name, Point: z.point, Error: gone})
		return
	}
	if err := m.replay(z, v.Entries); err != nil {
		z.other = 0
		m.send(pairmsg.SyncDone{Sync: v.Sync, Zone: z.name, Point: z.point, Error: err.Error()})
		return
	}
	if v.Last {
		m.sendWhenDurable(pairmsg.SyncDone{Sync: v.Sync, Zone: z.name, Point: z.point})
	}
}

// gone is the error for a journal that does not reach back.
const gone = "the journal does not reach back so far"

// replay takes entries of the partner as they are.
func (m *Machine) replay(z *zoneState, entries []pairmsg.Entry) error {
	m.offer(z)
	for _, e := range entries {
		if e.Delta.From != z.point.Serial {
			return errors.New("an entry begins at serial " + strconv.FormatUint(uint64(e.Delta.From), 10) + ", the zone is at " + strconv.FormatUint(uint64(z.point.Serial), 10))
		}
		if !zone.SerialNewer(e.Delta.To, e.Delta.From) {
			return errors.New("an entry ends at serial " + strconv.FormatUint(uint64(e.Delta.To), 10) + ", which is not newer than the one it begins at")
		}
		if z.point.Digest.Step(e.Delta) != e.Digest {
			return errDigest
		}
		next, err := z.tip.WithDelta(e.Delta)
		if err != nil {
			return err
		}
		m.heardClock(e.Time)
		p := m.append(z, next, e, nil, false)
		p.acked = true
	}
	return nil
}

// fetched takes the backup's entries at the main.
func (m *Machine) fetched(z *zoneState, v pairmsg.SyncEntries) {
	j := z.job
	switch j.stage {
	case fetching:
		if v.Gone {
			m.startWhole(z)
			return
		}
		if err := m.replay(z, v.Entries); err != nil {
			m.fail(z, SyncError, err.Error())
			return
		}
		if !v.Last {
			return
		}
		if z.point != j.there.Here.Point {
			m.fail(z, SyncError, "after the backup's steps the zone is not what the backup has")
			return
		}
		j.stage, j.batch = landing, m.cur()
		m.dirty = true
	case gathering:
		if !j.wantTheirs {
			return
		}
		if v.Gone || len(j.theirs)+len(v.Entries) > maxFetched {
			if j.partner == nil {
				m.startWhole(z)
				return
			}
			j.theirs, j.wantTheirs = nil, false
			m.mergeIfReady(z)
			return
		}
		for _, e := range v.Entries {
			m.heardClock(e.Time)
		}
		j.theirs = append(j.theirs, v.Entries...)
		if v.Last {
			j.wantTheirs = false
			if j.theirs == nil {
				j.theirs = []pairmsg.Entry{}
			}
			m.mergeIfReady(z)
		}
	case asked, streamWait, replaying, landing, digesting, comparing, assembling, committing, copying:
	}
}

// onCopy: a whole zone is coming to the backup.
func (m *Machine) onCopy(v pairmsg.SyncCopy) {
	if m.role() != pairmsg.Backup {
		return
	}
	if m.coming == nil {
		m.coming = map[string]uint64{}
	}
	m.coming[v.Zone.Key()] = v.Sync
	if z := m.zones[v.Zone.Key()]; z != nil {
		z.other = v.Sync
		m.setSync(z, SyncPending, NoReason)
	}
}

// copied: it is complete.
func (m *Machine) copied(z *zoneState, in Content) {
	if m.coming[in.Zone] != in.Sync || m.role() != pairmsg.Backup || m.parted() { // parted, this server may have answered changes since
		return
	}
	delete(m.coming, in.Zone)
	if in.Err != "" || in.Whole == nil {
		if z != nil {
			z.other = 0
		}
		m.send(pairmsg.SyncDone{Sync: in.Sync, Zone: zone.Name(in.Zone), Error: in.Err})
		return
	}
	if z == nil {
		z = m.addZone(in.Zone, ZoneStart{Tip: in.Whole, Point: in.Point}, false)
		z.shown, z.other, z.peerHas = nil, in.Sync, true
	}
	m.replace(z, in.Whole, in.Point)
	m.offer(z)
	m.agree(z, in.Point)
	m.setSync(z, SyncPending, SyncCopied)
	m.sendWhenDurable(pairmsg.SyncDone{Sync: in.Sync, Zone: z.name, Point: z.point})
}

// onCommit takes what the main decided.
func (m *Machine) onCommit(v pairmsg.SyncCommit) {
	z := m.asking(v.Zone, v.Sync)
	if z == nil {
		return
	}
	refuse := func(text string) {
		m.send(pairmsg.SyncDone{Sync: v.Sync, Zone: z.name, Point: z.point, Error: text})
	}
	if z.point != v.Before {
		refuse("the backup's zone is not what the main decided on")
		return
	}
	m.setSync(z, Synchronizing, NoReason)
	if was := z.tip; !v.Entry.Delta.IsZero() {
		if err := m.replay(z, []pairmsg.Entry{v.Entry}); err != nil {
			refuse(err.Error())
			return
		}
		m.keepOverruled(z, was, z.tip)
	}
	if z.point != v.After {
		refuse("after the main's decision the backup's zone is another one")
		return
	}
	m.sendWhenDurable(pairmsg.SyncDone{Sync: v.Sync, Zone: z.name, Point: z.point})
}

// onDone: the backup has what was sent, or not.
func (m *Machine) onDone(v pairmsg.SyncDone) {
	z := m.byID(v.Sync)
	if z == nil {
		return
	}
	j := z.job
	switch {
	case v.Error == gone && j.stage == replaying:
		m.startWhole(z)
	case v.Error != "":
		m.fail(z, SyncError, v.Error)
	case v.Point == z.point:
		j.stage, j.batch = landing, m.lastBatch(z)
	case j.stage == copying:
		z.peerHas, m.counted = true, false
		j.there = pairmsg.SyncPoints{Sync: j.id, Here: pairmsg.ZonePoint{Zone: z.name, Point: v.Point}}
		j.source, j.whole = pairmsg.FromMain, false
		m.decide(z)
	default:
		m.fail(z, SyncError, "after the synchronisation the backup has something else")
	}
}

// onEnd is the backup hearing how it ended.
func (m *Machine) onEnd(v pairmsg.SyncEnd) {
	z := m.asking(v.Zone, v.Sync)
	if z == nil {
		return
	}
	z.other = 0
	if v.Error != "" {
		z.syncErr = v.Error
		m.setSync(z, SyncFailed, SyncError)
		z.syncErr = v.Error
		return
	}
	if z.point != v.Point {
		m.send(pairmsg.Inconsistent{Zone: z.name, Point: z.point, Why: NotFitting.String()})
		return
	}
	m.complete(z, SyncEqual)
}

// onUpdate is the main's shipped changes at the backup (checklist H02, H03).
func (m *Machine) onUpdate(v pairmsg.Update) {
	if m.role() != pairmsg.Backup || m.state != pairmsg.Normal {
		return
	}
	m.heardClock(v.Clock)
	z := m.zones[v.Zone.Key()]
	through := v.First + uint64(len(v.Entries)) - 1
	m.dirty = true
	m.replies = append(m.replies, replyAt{m.cur(), through})
	if z == nil {
		m.send(pairmsg.Inconsistent{Zone: v.Zone, Why: UnknownZone.String()})
		return
	}
	if err := m.replay(z, v.Entries); err != nil {
		m.note(Note{Reason: NotFitting, Zone: z.key, Text: err.Error()})
		m.setSync(z, SyncPending, NotFitting)
		m.send(pairmsg.Inconsistent{Zone: z.name, Point: z.point, Why: err.Error()})
		return
	}
	if z.sync != SyncComplete {
		m.setSync(z, SyncComplete, SyncEqual)
	}
	z.ackedAt = z.point
}
