package pair

import (
	"loadshare/haserver/digest"
	"loadshare/haserver/merge"
	"loadshare/haserver/pairmsg"
	"loadshare/haserver/zone"
)

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
		if !own && !theirs {
			m.merge(z)
			return
		}
		m.gather(z, common, own, theirs)
	}
}

func (m *Machine) mergeIfReady(z *zoneState) {
	if j := z.job; !j.wantOwn && !j.wantTheirs {
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
		m.note(Note{Reason: Conflicted, Zone: z.key, Text: count(n) + " kept"})
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
	var target *zone.Zone
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
			m.keepOverruled(z, z.tip, target)
			m.append(z, target, e, nil, true)
		}
	}
	m.offer(z)
	m.progress(z)
	if target == j.partner {
		j.stage, j.batch = landing, m.cur()
		m.dirty = true
		return
	}
	// What the backup has is in our content now. Should it not hear of that, the next merge begins here: what is changed meanwhile is
	// not undone by what is merged already.
	m.agree(z, there)
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
