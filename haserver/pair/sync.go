package pair

import (
	"slices"
	"time"

	"loadshare/haserver/digest"
	"loadshare/haserver/pairmsg"
	"loadshare/haserver/zone"
)

// job is the synchronisation of one zone under way, at the main (checklist H18 to H22).
type job struct {
	id         uint64
	stage      stage
	source     pairmsg.Source
	whole      bool // histories do not help: compare contents
	there      pairmsg.SyncPoints
	base       *zone.Zone // what was digested for a comparison
	partner    *zone.Zone // the backup's content
	common     pairmsg.Point
	wantOwn    bool
	wantTheirs bool
	own        []pairmsg.Entry
	theirs     []pairmsg.Entry
	batch      uint64 // must be durable before the stage goes on
	how        Reason
	deadline   time.Duration
}

// stage is what a job waits for.
type stage uint8

const (
	asked      stage = iota // SyncPoints
	streamWait              // the disk, then the entries go out
	replaying               // SyncDone after our entries
	fetching                // SyncEntries to replay here
	landing                 // the disk, after that
	digesting               // our bucket digests
	comparing               // the backup's sets
	assembling              // its whole content
	gathering               // the entries of one or both sides, for a merge
	committing              // SyncDone of the result
	copying                 // SyncDone of a whole copy
)

func (m *Machine) setSync(z *zoneState, s Sync, why Reason) {
	if z.sync == s {
		if why != NoReason {
			z.syncWhy = why
		}
		return
	}
	was := z.sync
	z.sync, z.syncWhy = s, why
	m.counted = false
	if s != SyncFailed {
		z.syncErr = ""
	}
	if was == Synchronizing || s == Synchronizing || z.saved.Flags != 0 {
		m.show(z)
	}
	m.unlock = m.unlock || was == Synchronizing || z.saved.Flags != 0
}

// compareZones is the first look after both are ready: equal zones are done with.
func (m *Machine) compareZones() {
	for _, key := range m.order {
		z := m.zones[key]
		if !z.peerHas {
			if m.role() == pairmsg.Main {
				m.enqueue(z, false)
			} else {
				m.setSync(z, ServerPending, OneOnly)
				m.note(Note{Reason: OneOnly, Zone: z.key})
			}
			m.show(z)
			continue
		}
		p := z.partner
		if m.role() == pairmsg.Main && worth(z.saved.Flags) == 0 && worth(p.Flags) == 0 { // both rolled back: the main's is as good
			z.saved.Flags &^= pairmsg.Stale
			m.saveZone(z)
			m.show(z)
		}
		if z.point == p.Point && worth(z.saved.Flags) > 0 && worth(p.Flags) > 0 {
			m.complete(z, SyncEqual)
			continue
		}
		m.setSync(z, SyncPending, NoReason)
		if m.role() == pairmsg.Main {
			m.enqueue(z, false)
		}
	}
	m.maybeWhole()
}

// worth orders contents: rolled back, from a file, real.
func worth(f pairmsg.ZoneFlags) int {
	switch {
	case f&pairmsg.Stale != 0:
		return 0
	case f&pairmsg.Fresh != 0:
		return 1
	}
	return 2
}

// complete: both have the same.
func (m *Machine) complete(z *zoneState, how Reason) {
	if z.saved.Flags != 0 {
		z.saved.Flags = 0
		m.saveZone(z)
	}
	m.forgetAlone(z)
	z.floor, z.large, z.source = 0, 0, pairmsg.Both
	m.covered(z)
	m.offer(z)
	m.agree(z, z.point)
	m.setSync(z, SyncComplete, how)
	m.unlock = true
	m.show(z)
	m.maybeWhole()
}

// maybeWhole ends what partner-down began, when all zones are equal again.
func (m *Machine) maybeWhole() {
	if m.saved.Whole && m.state == pairmsg.Normal && m.allComplete() {
		m.saved.Whole, m.dirty = false, true
	}
	if m.state == pairmsg.Normal && m.role() == pairmsg.Backup && m.allComplete() {
		m.nothingOwed()
	}
}

func (m *Machine) enqueue(z *zoneState, urgent bool) {
	if z.job != nil || m.role() != pairmsg.Main || m.state != pairmsg.Normal {
		return
	}
	m.retry = slices.DeleteFunc(m.retry, func(o *zoneState) bool { return o == z })
	m.setSync(z, SyncPending, NoReason)
	z.urgent = z.urgent || urgent
	if !z.queued {
		z.queued = true
		m.queue = append(m.queue, z)
	}
}

// pump starts what may start: four zones at a time, those with changes waiting, or asked for by hand, first.
func (m *Machine) pump() {
	if m.state != pairmsg.Normal || m.role() != pairmsg.Main || !m.linked() || m.failed != "" || m.swap.stage != swapNone {
		return
	}
	for len(m.running) < parallel && len(m.queue) > 0 {
		i := slices.IndexFunc(m.queue, func(z *zoneState) bool { return z.urgent && z.drained() })
		if i < 0 {
			i = slices.IndexFunc(m.queue, (*zoneState).drained)
		}
		if i < 0 {
			break
		}
		z := m.queue[i]
		m.queue = slices.Delete(m.queue, i, i+1)
		z.queued, z.urgent, z.draining = false, false, false
		m.start(z)
	}
	for _, z := range slices.Clone(m.running) {
		if j := z.job; j != nil && (j.stage == streamWait || j.stage == landing || j.stage == gathering) && j.batch != 0 && j.batch <= m.durable {
			m.goOn(z)
		}
	}
}

// drained: nothing is under way that a synchronisation has to wait for.
func (z *zoneState) drained() bool { return !z.draining || len(z.pend) == 0 }

func (m *Machine) start(z *zoneState) {
	m.syncs++
	m.running = append(m.running, z)
	z.job = &job{id: m.saved.Boot<<32 | m.syncs&(1<<32-1), source: z.source}
	m.progress(z)
	m.unship(z)
	if z.source == pairmsg.FromBackup {
		m.lock(z)
	}
	if !z.peerHas {
		z.job.there.Missing = true
		m.copyOut(z)
		return
	}
	m.send(pairmsg.SyncAsk{Sync: z.job.id, Zone: z.name, Main: z.zonePoint()})
}

func (m *Machine) progress(z *zoneState) { z.job.deadline = m.now.Mono + syncWithin }

func (m *Machine) endJob(z *zoneState) {
	if z.job != nil {
		z.job = nil
		m.running = slices.DeleteFunc(m.running, func(o *zoneState) bool { return o == z })
	}
}

func (m *Machine) fail(z *zoneState, why Reason, text string) {
	j := z.job
	if j == nil {
		return
	}
	m.endJob(z)
	m.send(pairmsg.SyncEnd{Sync: j.id, Zone: z.name, Point: z.point, Error: text})
	z.syncErr = text
	m.setSync(z, SyncFailed, why)
	z.syncErr = text
	z.retryAt = m.now.Mono + m.cfg.SyncRetry
	m.retry = append(m.retry, z)
	m.note(Note{Reason: why, Zone: z.key, Text: text})
}

// end is the good end of a job.
func (m *Machine) end(z *zoneState, how Reason) {
	j := z.job
	m.endJob(z)
	z.peerHas, m.counted = true, false
	m.send(pairmsg.SyncEnd{Sync: j.id, Zone: z.name, Point: z.point}) // before what is shipped from now on
	m.complete(z, how)
	m.note(Note{Reason: how, Zone: z.key})
}

// decide chooses the way, when it is known where the backup stands.
func (m *Machine) decide(z *zoneState) {
	j := z.job
	here := j.there.Here
	if j.source == pairmsg.Both {
		switch mine, theirs := worth(z.saved.Flags), worth(here.Flags); {
		case mine > theirs:
			j.source = pairmsg.FromMain
		case theirs > mine:
			j.source = pairmsg.FromBackup
		}
	}
	if z.point == here.Point {
		m.end(z, SyncEqual)
		return
	}
	whole := j.whole || j.source == pairmsg.Both && (m.saved.Whole || m.link.hello.State == pairmsg.PartnerDown)
	if !whole && m.byHistory(z) {
		return
	}
	j.stage, j.base, j.how = digesting, z.tip, SyncWhole
	m.out.Jobs = append(m.out.Jobs, DigestParts{Sync: j.id, Zone: z.key, Tip: z.tip})
}

// byHistory synchronises with the steps that the journals have, if they reach.
func (m *Machine) byHistory(z *zoneState) bool {
	j := z.job
	here := j.there.Here.Point
	switch {
	case j.source != pairmsg.FromBackup && z.reaches(here) && z.large != 0 && zone.SerialNewer(z.large, here.Serial):
		// One step of that size would hold up all zones of the backup until it is carried out; a copy is put together beside them.
		m.copyOut(z)
		return true
	case j.source != pairmsg.FromBackup && z.reaches(here):
		m.lock(z)
		m.agree(z, here)
		m.offer(z)
		m.dirty = true
		j.stage, j.batch, j.how = streamWait, m.cur(), SyncReplayed
		return true
	case j.source != pairmsg.FromMain && slices.Contains(j.there.History, z.point):
		m.lock(z)
		j.stage, j.how = fetching, SyncReplayed
		m.send(pairmsg.SyncFetch{Sync: j.id, Zone: z.name, After: z.point.Serial})
		return true
	case j.source != pairmsg.Both:
		return false
	}
	common, own, theirs := m.latestCommon(z)
	if common == (pairmsg.Point{}) || !own || !theirs {
		return false
	}
	m.lock(z)
	j.how = SyncMerged
	m.gather(z, common, true, true)
	return true
}

// lastBatch is the batch with which all of a zone is on disk.
func (m *Machine) lastBatch(z *zoneState) uint64 {
	if n := len(z.pend); n > 0 {
		return max(z.pend[n-1].batch, 1)
	}
	return max(m.durable, 1)
}

// lock holds back changes of the zone (checklist H20).
func (m *Machine) lock(z *zoneState) { m.setSync(z, Synchronizing, NoReason) }

// gather has the entries since the common point read, on one side or both.
func (m *Machine) gather(z *zoneState, common pairmsg.Point, own, theirs bool) {
	j := z.job
	j.stage, j.common, j.wantOwn, j.wantTheirs = gathering, common, own, theirs
	j.own, j.theirs = nil, nil
	if theirs {
		m.send(pairmsg.SyncFetch{Sync: j.id, Zone: z.name, After: common.Serial})
	}
	if own {
		j.batch = m.lastBatch(z)
	}
}

// goOn continues a job that waited for the disk.
func (m *Machine) goOn(z *zoneState) {
	j := z.job
	j.batch = 0
	switch j.stage {
	case streamWait:
		j.stage = replaying
		m.out.Jobs = append(m.out.Jobs, StreamEntries{Session: m.link.session, Sync: j.id, Zone: z.key, After: j.there.Here.Point.Serial, Through: z.point.Serial})
	case landing:
		m.end(z, j.how)
	case gathering:
		m.out.Jobs = append(m.out.Jobs, ReadEntries{Sync: j.id, Zone: z.key, After: j.common.Serial, Through: z.point.Serial})
	case asked, replaying, fetching, digesting, comparing, assembling, committing, copying:
	}
}

// copyOut sends a zone that the backup does not have. Changes go on; what comes in between is replayed afterwards.
func (m *Machine) copyOut(z *zoneState) {
	j := z.job
	if p, own, theirs := m.latestCommon(z); own || theirs { // should the copy not arrive
		m.agree(z, p)
	}
	m.offer(z)
	j.stage, j.how = copying, SyncCopied
	m.out.Jobs = append(m.out.Jobs, StreamCopy{Session: m.link.session, Sync: j.id, Zone: z.key, Tip: z.tip, Point: z.point})
}

// onContent takes the result of a job.
func (m *Machine) onContent(in Content) {
	z := m.zones[in.Zone]
	if in.Sync == 0 {
		m.audited(z, in)
		return
	}
	if z == nil || z.job == nil || z.job.id != in.Sync {
		m.copied(z, in)
		return
	}
	j := z.job
	m.progress(z)
	if in.Err != "" {
		m.fail(z, SyncError, in.Err)
		return
	}
	switch j.stage {
	case digesting:
		j.stage = comparing
		m.send(pairmsg.SyncCompare{Sync: j.id, Zone: z.name, Digests: in.Parts})
	case assembling:
		if in.Point != j.there.Here.Point {
			m.fail(z, SyncError, "the backup's zone changed while it was compared")
			return
		}
		j.partner = in.Whole
		m.resolve(z)
	case gathering:
		if in.Gone {
			m.withoutOwn(z)
			return
		}
		j.own, j.wantOwn = in.Entries, false
		if j.own == nil {
			j.own = []pairmsg.Entry{}
		}
		m.mergeIfReady(z)
	case asked, streamWait, replaying, fetching, landing, comparing, committing, copying:
	}
}

func (m *Machine) withoutOwn(z *zoneState) {
	if z.job.partner == nil {
		m.startWhole(z)
		return
	}
	z.job.wantOwn = false
	m.mergeIfReady(z)
}

// startWhole gives up on histories.
func (m *Machine) startWhole(z *zoneState) {
	if z.job.whole {
		m.fail(z, SyncError, "the journals do not reach back, and comparing did not help")
		return
	}
	z.job.whole = true
	if z.job.source != pairmsg.FromBackup {
		m.setSync(z, SyncPending, NoReason)
	}
	m.decide(z)
}

func (m *Machine) onSets(in SetsArrived) {
	z := m.zones[in.Zone]
	if z == nil || z.job == nil || z.job.id != in.Sync || z.job.stage != comparing {
		return
	}
	m.progress(z)
	z.job.stage = assembling
	m.out.Jobs = append(m.out.Jobs, Assemble{Sync: in.Sync, Zone: in.Zone, Tip: z.job.base, Differ: in.Differ, Sets: in.Sets, Point: in.Point})
}

// syncTimes ends jobs that stand still, and tries failed zones again.
func (m *Machine) syncTimes() {
	for _, z := range slices.Clone(m.running) {
		if m.now.Mono >= z.job.deadline {
			m.fail(z, SyncTimeout, "no progress within "+syncWithin.String())
		}
	}
	for i := 0; i < len(m.retry); {
		z := m.retry[i]
		if m.now.Mono < z.retryAt {
			i++
			continue
		}
		m.retry = slices.Delete(m.retry, i, i+1)
		m.enqueue(z, false)
	}
}

func (m *Machine) syncDue(due func(time.Duration)) {
	for _, z := range m.running {
		due(z.job.deadline)
	}
	for _, z := range m.retry {
		due(z.retryAt)
	}
}

// auditNext has one zone's content digested anew now and then: what changes need not must still be what it was.
func (m *Machine) auditNext() {
	for range min(len(m.order), 8) {
		m.audit = (m.audit + 1) % len(m.order)
		z := m.zones[m.order[m.audit]]
		every := time.Minute
		if z.tip.Len() > 100_000 {
			every = 10 * time.Minute
		}
		if z.audited != 0 && m.now.Mono-z.audited < every {
			continue
		}
		z.audited = m.now.Mono
		m.out.Jobs = append(m.out.Jobs, DigestParts{Zone: z.key, Tip: z.tip})
		z.auditPoint, z.auditTip = z.point, z.tip
		return
	}
}

func (m *Machine) audited(z *zoneState, in Content) {
	if z == nil || in.Parts == nil || z.auditTip == nil || in.Whole != z.auditTip { // of an audit that took too long: its content is history
		return
	}
	var sum digest.Digest
	for _, d := range in.Parts {
		sum = sum.Add(d)
	}
	z.auditTip = nil
	if sum == z.auditPoint.Digest {
		return
	}
	m.note(Note{Reason: DamagedZone, Zone: z.key})
	if m.state != pairmsg.Normal || !m.link.negotiated {
		return
	}
	m.staleZone(z)
	if m.role() == pairmsg.Backup {
		m.setSync(z, SyncPending, DamagedZone)
		m.send(pairmsg.Inconsistent{Zone: z.name, Point: z.point, Why: DamagedZone.String()})
		return
	}
	m.unship(z)
	m.enqueue(z, true)
}
