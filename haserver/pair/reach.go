package pair

import (
	"slices"

	"loadshare/haserver/pairmsg"
)

// A merge needs the last content that both had. It is the last point known to be on both, or one of the last before the two went apart: the
// partner may have got more than it confirmed, and the main may have crashed with more sent than it had on disk. The journals lead from all
// of them to the present, however much is changed and however often either server restarts, until the two are equal (docs/decisions/0015).

// goAlone notes, in the same write as a change, that it is the first one that the partner cannot have.
func (m *Machine) goAlone(z *zoneState) {
	if z.saved.Apart != (pairmsg.Point{}) || m.state == pairmsg.Alone || m.state == pairmsg.Normal && z.sync == SyncComplete {
		return
	}
	z.saved.Apart = z.point
	m.saveZone(z)
}

// offer notes that the partner may have everything from now on, or that it comes from it. What says so to the partner waits for the disk.
func (m *Machine) offer(z *zoneState) {
	if z.saved.Apart != (pairmsg.Point{}) {
		z.saved.Apart, z.saved.Asked = pairmsg.Point{}, pairmsg.Point{}
		m.saveZone(z)
	}
}

// lend notes that the main asks for what was changed here alone. It may merge that, or be broken off before: then the last content of both is
// where it was, unless the main says now that it has got further.
func (m *Machine) lend(z *zoneState, main pairmsg.ZonePoint) {
	if z.saved.Apart == (pairmsg.Point{}) {
		return
	}
	all := append(slices.Clone(z.points), z.point)
	if i := max(slices.Index(all, main.Point), slices.Index(all, main.Agreed)); i > slices.Index(all, z.saved.Apart) {
		z.saved.Apart = all[i]
	}
	z.saved.Asked = z.point
	m.saveZone(z)
}

// remember takes the point into the history, before another takes its place.
func (z *zoneState) remember() {
	z.points = append(z.points, z.point)
	if len(z.points)-z.kept > 2*maxHistory {
		z.points = z.history() // a copy, for it leaves some out
		z.kept = len(z.points) - maxHistory
	}
}

// history is what the journal still leads from.
func (z *zoneState) history() []pairmsg.Point {
	end := len(z.points) - maxHistory
	if end <= 0 {
		return z.points
	}
	return slices.Concat(z.reach(end), z.points[end:])
}

// reach is what the journal keeps, for a merge, of the points before index end.
func (z *zoneState) reach(end int) (kept []pairmsg.Point) {
	from := 0
	for n, p := range []pairmsg.Point{z.saved.Apart, z.saved.Asked} {
		through := slices.Index(z.points, p)
		if p == z.point {
			through = len(z.points)
		}
		if through < 0 {
			break
		}
		first := min(max(from, through+1-2*maxHistory), end)
		if i := slices.Index(z.points[:first], z.saved.Agreed); n == 0 && i >= 0 {
			kept = append(kept, z.points[i])
		}
		from = max(first, min(through+1, end))
		kept = append(kept, z.points[first:from]...)
	}
	return kept
}

// reaches says whether there are steps from p to the tip that may be sent one by one.
func (z *zoneState) reaches(p pairmsg.Point) bool {
	return p == z.point || slices.Contains(z.points[max(0, len(z.points)-maxHistory):], p)
}

// latestCommon is the last point that both have been at, and whose journals lead from it to the present. A point that one side was at is in
// the other's content too when the other says that it was the last on both: what it had was merged there.
func (m *Machine) latestCommon(z *zoneState) (p pairmsg.Point, own, theirs bool) {
	here := z.job.there.Here
	mine := append(slices.Clone(z.history()), z.point)
	backups := append(slices.Clone(z.job.there.History), here.Point)
	p, theirs = lastIn(backups, mine, z.saved.Agreed)
	q, own := lastIn(mine, backups, here.Agreed)
	switch {
	case !theirs:
		return q, own, false
	case own && !slices.Contains(backups, q) && slices.Contains(mine, p): // q comes after p, on this server's way
		return q, true, false
	}
	return p, slices.Contains(mine, p), true
}

// lastIn is the last of points that is among others, or that is agreed.
func lastIn(points, others []pairmsg.Point, agreed pairmsg.Point) (pairmsg.Point, bool) {
	is := make(map[pairmsg.Point]bool, len(others)+1)
	for _, p := range others {
		is[p] = true
	}
	is[agreed] = agreed != pairmsg.Point{}
	for _, p := range slices.Backward(points) {
		if is[p] {
			return p, true
		}
	}
	return pairmsg.Point{}, false
}
