package pair

import (
	"slices"
	"time"

	"loadshare/haserver/digest"
	"loadshare/haserver/merge"
	"loadshare/haserver/pairmsg"
	"loadshare/haserver/zone"
)

// job is the synchronisation of one zone under way, at the main (checklist H18 to H22).
type job struct {
	id       uint64
	stage    stage
	source   pairmsg.Source
	byHand   bool
	whole    bool // histories do not help: compare contents
	there    pairmsg.SyncPoints
	base     *zone.Zone // what was digested for a comparison
	partner  *zone.Zone // the backup's content
	common   pairmsg.Point
	wantOwn  bool
	wantTher bool
	own      []pairmsg.Entry
	theirs   []pairmsg.Entry
	batch    uint64 // must be durable before the stage goes on
	how      Reason
	deadline time.Duration
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
	z.floor, z.source = 0, pairmsg.Both
	m.covered(z)
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
		i := max(slices.IndexFunc(m.queue, func(z *zoneState) bool { return z.urgent }), 0)
		z := m.queue[i]
		m.queue = slices.Delete(m.queue, i, i+1)
		z.queued, z.urgent = false, false
		m.start(z)
	}
	for _, z := range slices.Clone(m.running) {
		if j := z.job; j != nil && (j.stage == streamWait || j.stage == landing || j.stage == gathering) && j.batch != 0 && j.batch <= m.durable {
			m.goOn(z)
		}
	}
}

func (m *Machine) start(z *zoneState) {
	m.syncs++
	m.running = append(m.running, z)
	z.job = &job{id: m.saved.Boot<<32 | m.syncs&(1<<32-1), source: z.source, byHand: z.source != pairmsg.Both}
	m.progress(z)
	m.unship(z)
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
	case j.source != pairmsg.FromBackup && z.reaches(here):
		m.lock(z)
		j.stage, j.batch, j.how = streamWait, m.lastBatch(z), SyncReplayed
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

// latestCommon is the last point that both have been at, and whose journal leads from it to the present.
func (m *Machine) latestCommon(z *zoneState) (p pairmsg.Point, own, theirs bool) {
	mine := map[pairmsg.Point]bool{z.point: true} // true: the journal reaches
	for _, q := range z.history() {
		mine[q] = true
	}
	if a := z.saved.Agreed; a != (pairmsg.Point{}) && !mine[a] {
		mine[a] = false
	}
	j := z.job
	if reach, ok := mine[j.there.Here.Point]; ok {
		return j.there.Here.Point, reach, true
	}
	for _, q := range slices.Backward(j.there.History) {
		if reach, ok := mine[q]; ok {
			return q, reach, true
		}
	}
	if a := j.there.Here.Agreed; a != (pairmsg.Point{}) {
		if reach, ok := mine[a]; ok {
			return a, reach, false
		}
	}
	return p, false, false
}

// gather has the entries since the common point read, on one side or both.
func (m *Machine) gather(z *zoneState, common pairmsg.Point, own, theirs bool) {
	j := z.job
	j.stage, j.common, j.wantOwn, j.wantTher = gathering, common, own, theirs
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
	m.setSync(z, SyncPending, NoReason)
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

// resolve: the backup's whole content is known.
func (m *Machine) resolve(z *zoneState) {
	j := z.job
	m.lock(z)
	switch j.source {
	case pairmsg.FromMain:
		m.settle(z, z.tip)
	case pairmsg.FromBackup:
		m.settle(z, j.partner)
	case pairmsg.Both:
		common, own, theirs := m.latestCommon(z)
		if common == (pairmsg.Point{}) || !own && !theirs {
			m.merge(z)
			return
		}
		m.gather(z, common, own, theirs)
	}
}

func (m *Machine) mergeIfReady(z *zoneState) {
	if j := z.job; !j.wantOwn && !j.wantTher {
		m.merge(z)
	}
}

// merge decides what both will have (decision H-d).
func (m *Machine) merge(z *zoneState) {
	j := z.job
	in := merge.Input{Main: z.tip, Backup: j.partner, NoBase: true, PreferMain: max(m.link.skew, -m.link.skew) > skewTrust, Now: m.now.Wall}
	var base *zone.Zone
	var err error
	if j.own != nil {
		in.MainNet = merge.Compose(j.own)
		base, err = merge.Undo(z.tip, in.MainNet)
	}
	if err == nil && j.theirs != nil {
		in.BackupNet = merge.Compose(j.theirs)
		if j.partner == nil {
			in.Backup, err = replayOn(base, j.common, j.theirs, j.there.Here.Point)
		} else if base == nil {
			base, err = merge.Undo(j.partner, in.BackupNet)
		}
	}
	if err != nil {
		if j.partner == nil {
			m.startWhole(z)
			return
		}
		base = nil
	}
	if base != nil {
		in.NoBase = false
		if j.own == nil {
			in.MainNet = merge.Between(base, z.tip, m.stamp())
		}
		if j.theirs == nil {
			in.BackupNet = merge.Between(base, in.Backup, m.stamp())
		}
	}
	in.Serial = m.serialAbove(z, in.Backup)
	res, err := merge.Merge(in)
	if err != nil {
		m.fail(z, SyncError, "merge: "+err.Error())
		return
	}
	j.partner = in.Backup
	for _, c := range res.Conflicts {
		m.write(WriteConflict{z.key, c})
	}
	if n := len(res.Conflicts); n > 0 {
		m.note(Note{Reason: Conflicted, Zone: z.key, Text: count(n)})
	}
	m.settle(z, res.Zone)
}

// replayOn is the backup's content: its steps on the common content.
func replayOn(base *zone.Zone, common pairmsg.Point, steps []pairmsg.Entry, end pairmsg.Point) (*zone.Zone, error) {
	z := base.With(common.Serial)
	var err error
	d := common.Digest
	for _, e := range steps {
		if z, err = z.WithDelta(e.Delta); err != nil {
			return nil, err
		}
		if d = d.Step(e.Delta); d != e.Digest {
			return nil, errDigest
		}
	}
	if d != end.Digest || z.Serial() != end.Serial { // its journal is not how it got there
		return nil, errDigest
	}
	return z, nil
}

// serialAbove is one more than the greater of both (decision H-c).
func (m *Machine) serialAbove(z *zoneState, partner *zone.Zone) uint32 {
	s := z.point.Serial
	for _, o := range []uint32{partner.Serial(), z.floor} {
		if o != 0 && zone.SerialNewer(o, s) {
			s = o
		}
	}
	return zone.NextSerial(s)
}

// settle makes content what both have: with as few new steps as the serials allow.
func (m *Machine) settle(z *zoneState, content *zone.Zone) {
	j := z.job
	there := j.there.Here.Point
	same := func(d zone.Delta) bool { return len(d.Deleted) <= 1 && len(d.Added) <= 1 && sameButSerial(d) }
	target := content
	switch {
	case zone.SerialNewer(z.point.Serial, there.Serial) && same(zone.Diff(content, z.tip)):
		target = z.tip
	case zone.SerialNewer(there.Serial, z.point.Serial) && same(zone.Diff(content, j.partner)):
		target = j.partner
	default:
		target = content.With(m.serialAbove(z, j.partner))
	}
	if target != z.tip {
		d := zone.Diff(z.tip, target)
		e := pairmsg.Entry{Time: m.stamp(), Digest: z.point.Digest.Step(d), Delta: d}
		if target == j.partner && e.Digest != there.Digest {
			m.fail(z, SyncError, "the backup's content has another digest than it said")
			return
		}
		if n := len(d.Added) + len(d.Deleted); n > 100_000 && n > z.tip.Len() {
			m.replace(z, target, pairmsg.Point{Serial: target.Serial(), Digest: e.Digest})
		} else {
			m.append(z, target, e, nil, true)
		}
	}
	m.progress(z)
	if target == j.partner {
		j.stage, j.batch = landing, m.cur()
		m.dirty = true
		return
	}
	d := zone.Diff(j.partner, target)
	e := pairmsg.Entry{Time: m.stamp(), Digest: z.point.Digest, Delta: d}
	if entrySize(e) > maxShipped {
		j.stage = copying
		m.out.Jobs = append(m.out.Jobs, StreamCopy{Session: m.link.session, Sync: j.id, Zone: z.key, Tip: z.tip, Point: z.point})
		return
	}
	j.stage = committing
	m.sendWhenDurable(pairmsg.SyncCommit{Sync: j.id, Zone: z.name, Before: there, Entry: e, After: z.point})
}

// sameButSerial: nothing but the serial of the SOA differs.
func sameButSerial(d zone.Delta) bool {
	if len(d.Deleted) == 0 && len(d.Added) == 0 {
		return true
	}
	if len(d.Deleted) != 1 || len(d.Added) != 1 {
		return false
	}
	var none digest.Digest
	return none.Step(d) == none
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
	if z == nil || in.Parts == nil || z.auditTip == nil {
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
