package pair

import (
	"loadshare/haserver/merge"
	"loadshare/haserver/pairmsg"
	"loadshare/haserver/zone"
)

// A server that starts without contact cannot know whether its store is older than what its partner has seen of it (decision H-h). What it
// changes until they meet is remembered by the point at which that began: if the store was rolled back, the partner's content replaces
// all of it, and what was acknowledged meanwhile and is not in that content is kept as conflicts.

const maxOverruled = 10_000 // conflicts of one zone

// markAlone notes, in the same write as a change, that it is the first one of that kind.
func (m *Machine) markAlone(z *zoneState) {
	if m.heard || !m.parted() || z.begun != nil {
		return
	}
	z.begun, z.saved.Alone = z.tip, z.point
	m.saveZone(z)
}

func (m *Machine) forgetAlone(z *zoneState) {
	z.begun = nil
	if z.saved.Alone != (pairmsg.Point{}) {
		z.saved.Alone = pairmsg.Point{}
		m.saveZone(z)
	}
}

// keepOverruled keeps, in the same write as what replaces own, what this server changed while it was alone on a rolled-back store.
func (m *Machine) keepOverruled(z *zoneState, own, adopted *zone.Zone) {
	if z.begun == nil || z.saved.Flags&pairmsg.Stale == 0 {
		return
	}
	lost := merge.Overruled(z.begun, own, adopted, m.role().Other(), m.now.Wall)
	m.forgetAlone(z)
	if len(lost) == 0 {
		return
	}
	text := count(len(lost))
	if len(lost) > maxOverruled {
		lost, text = lost[:maxOverruled], text+", of which the first "+count(maxOverruled)+" are"
	}
	for _, c := range lost {
		m.write(WriteConflict{z.key, c})
	}
	m.note(Note{Reason: Conflicted, Zone: z.key, Text: text + " kept"})
}
