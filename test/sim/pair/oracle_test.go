package pairsim

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"loadshare/haserver/pair"
	"loadshare/haserver/pairmsg"
	"loadshare/haserver/zone"
)

// update is one change that was given to a node, and all that is known of it.
type update struct {
	n      *node
	zone   string
	run    uint64
	at     time.Time
	ran    bool
	rcode  zone.Rcode
	on     uint32        // serial of what it was carried out on
	serial uint32        // that it made, once it is answered
	point  pairmsg.Point // that it made
	done   bool          // answered: Done
	lost   bool          // its process died before it was answered
	copies int
	adds   []string // records, in effect
	dels   []string
	spared bool // it may be lost: the only copy of it was on a disk that was lost
}

// oracle knows everything that was ever done and shown.
type oracle struct {
	records   map[string]map[string]*record           // zone, record
	names     map[string]map[uint32]pairmsg.Point     // zone, serial: what it names
	contents  map[string]map[pairmsg.Point]*zone.Zone // zone: what was ever in a journal
	parents   map[string]map[pairmsg.Point][]pairmsg.Point
	shown     [2]map[string]uint32        // last serial that queries saw
	written   [2]map[string]pairmsg.Point // last point that was seen on disk
	byHand    map[string]int              // orders of an operator to take one side's content that may not be carried out yet
	all       []*update
	points    map[*zone.Zone]pairmsg.Point
	conflicts []conflict                 // that were ever durable
	doubtful  map[string]map[uint32]bool // zone, serial: given by a restored store while it was alone
}

// record is one record of a zone, whatever its TTL.
type record struct {
	initial    bool
	adds, dels []*update
}

func newOracle() oracle {
	return oracle{
		points:  map[*zone.Zone]pairmsg.Point{},
		records: map[string]map[string]*record{}, names: map[string]map[uint32]pairmsg.Point{}, contents: map[string]map[pairmsg.Point]*zone.Zone{}, parents: map[string]map[pairmsg.Point][]pairmsg.Point{},
		shown: [2]map[string]uint32{{}, {}}, written: [2]map[string]pairmsg.Point{{}, {}}, byHand: map[string]int{},
		doubtful: map[string]map[uint32]bool{},
	}
}

func (o *oracle) record(k, r string) *record {
	if o.records[k] == nil {
		o.records[k] = map[string]*record{}
	}
	x := o.records[k][r]
	if x == nil {
		x = &record{}
		o.records[k][r] = x
	}
	return x
}

// pointOf is the point of a content, computed from the content alone, once.
func (s *site) pointOf(z *zone.Zone) pairmsg.Point {
	p, ok := s.points[z]
	if !ok {
		p = pointOf(z)
		s.points[z] = p
	}
	return p
}

// initial is a master file.
func (s *site) initial(k string, z *zone.Zone) {
	for r := range recordsOf(z) {
		s.record(k, r).initial = true
	}
}

// recordsOf are the records of a zone but its SOA.
func recordsOf(z *zone.Zone) map[string]bool {
	out := map[string]bool{}
	for set := range z.All() {
		if set.Type != zone.TypeSOA {
			for _, d := range set.Data {
				out[recordKey(set.Name, set.Type, d)] = true
			}
		}
	}
	return out
}

func recordKey(n zone.Name, t zone.Type, data string) string {
	return n.Key() + "|" + t.String() + "|" + data
}

// plain says whether a record's merge is by record alone: nobody ever makes an alias, a DHCID or another TTL there.
func plain(r string) bool {
	return r[1] == 'u' || r[1] == 'p' || r[1] == 'c' // the first octet is the length of the first label
}

// executed is what an update did to the tip.
func (s *site) executed(u *update, d zone.Delta) {
	was := map[string]bool{}
	for _, r := range d.Deleted {
		if r.Type != zone.TypeSOA {
			was[recordKey(r.Name, r.Type, r.Data)] = true
		}
	}
	for _, r := range d.Added {
		if r.Type == zone.TypeSOA {
			continue
		}
		key := recordKey(r.Name, r.Type, r.Data)
		if was[key] {
			delete(was, key) // the TTL changed
			continue
		}
		u.adds = append(u.adds, key)
		x := s.record(u.zone, key)
		x.adds = append(x.adds, u)
	}
	for _, key := range slices.Sorted(maps.Keys(was)) {
		u.dels = append(u.dels, key)
		x := s.record(u.zone, key)
		x.dels = append(x.dels, u)
	}
	s.all = append(s.all, u)
	if !d.IsZero() {
		u.n.ranNow = append(u.n.ranNow, u)
	}
}

// outcome is the answer to an update.
func (s *site) outcome(n *node, u *update, c *pair.Change) {
	u.copies = c.Copies
	switch c.Outcome {
	case pair.Done:
		u.done = true
		s.stats.acked++
		s.acknowledged(n, u, c)
	case pair.AtBackup, pair.NotAccepting, pair.NoZone:
		s.stats.notAccepted++
		if u.ran {
			s.w.Fail("%s: a change was carried out and then answered with %d", n.name, c.Outcome)
		}
	case pair.Unacknowledged:
		if j := n.journal[u.zone]; !n.cfg.Strict && (c.Why != pair.ZoneStale || j == nil || j.saved.Flags&pairmsg.Stale == 0) {
			s.w.Fail("%s: unacknowledged without strict", n.name)
		}
	case pair.Failed:
		if !n.disk.failed {
			s.w.Fail("%s: an update failed, and the disk did not", n.name)
		}
	default:
		s.w.Fail("%s: outcome %d", n.name, c.Outcome)
	}
}

// acknowledged: what is answered is durable, has the copies that are claimed, or the mark that says otherwise, and is seen (H-a, H-b).
func (s *site) acknowledged(n *node, u *update, c *pair.Change) {
	if !u.ran {
		s.w.Fail("%s answers NOERROR for a change that it did not carry out", n.name)
		return
	}
	v := n.view[u.zone]
	if v == nil || v.tip == nil {
		s.w.Fail("%s answers a change of %s, and shows nothing of the zone", n.name, zone.Name(u.zone))
		return
	}
	if zone.SerialNewer(c.Serial, v.tip.Serial()) {
		s.w.Fail("%s answers a change with serial %d, and shows %d", n.name, c.Serial, v.tip.Serial())
	}
	if len(u.adds)+len(u.dels) == 0 {
		return
	}
	if !holds(n, u) {
		s.w.Fail("%s answers a change of serial %d that is not durable", n.name, c.Serial)
	}
	switch c.Copies {
	case 2:
		if !holds(n.partner(), u) && !n.partner().disk.lost.After(u.at) {
			s.w.Fail("%s answers a change of serial %d of %s with two copies, and the partner does not have it durably", n.name, c.Serial, zone.Name(u.zone))
		}
	case 1:
		s.stats.single++
		if n.disk.durable.saved.Behind == 0 {
			s.w.Fail("%s answers a change with one copy, and the mark that the partner is behind is not durable", n.name)
		}
		if n.cfg.Strict && n.m.Status().State != pairmsg.PartnerDown {
			s.w.Fail("%s answers with one copy in spite of strict", n.name)
		}
	default:
		s.w.Fail("%s answers a change with %d copies", n.name, c.Copies)
	}
}

// holds says whether a disk has what an update did: what is on it comes after the update's point.
func holds(n *node, u *update) bool {
	if n.disk.durable == nil || n.disk.durable.zones[u.zone] == nil {
		return false
	}
	z := n.disk.durable.zones[u.zone]
	return z.have(u.point) >= 0 || n.s.after(u.zone, z.last().point, u.point)
}

// after says whether what led to p went through q.
func (s *site) after(k string, p, q pairmsg.Point) bool {
	seen := map[pairmsg.Point]bool{}
	next := []pairmsg.Point{p}
	for len(next) > 0 {
		p, next = next[len(next)-1], next[:len(next)-1]
		if p == q {
			return true
		}
		if !seen[p] {
			seen[p] = true
			next = append(next, s.parents[k][p]...)
		}
	}
	return false
}

// durable looks at what has come to a disk: one serial names one content, in all the world.
func (s *site) durable(n *node) {
	for _, k := range s.zones {
		z := n.disk.durable.zones[k]
		if z == nil {
			continue
		}
		seen := s.written[n.i][k]
		for i := len(z.steps) - 1; i >= 0 && z.steps[i].point != seen; i-- {
			s.named(n, k, z.steps[i].point, z.steps[i].tip)
		}
		s.written[n.i][k] = z.last().point
	}
}

func (s *site) named(n *node, k string, p pairmsg.Point, tip *zone.Zone) {
	s.known(k, p, tip)
	if s.doubt(n, k, p); s.doubtful[k][p.Serial] {
		return
	}
	if was, ok := s.names[k][p.Serial]; ok && was != p && !s.drifted[k] {
		s.w.Fail("serial %d of %s names two contents: %s and, on %s, %s:\n%s", p.Serial, zone.Name(k), point(was), n.name, point(p), difference(s.contents[k][was], tip))
	}
	s.names[k][p.Serial] = p
}

// doubt: a restored store that is alone cannot know which serials it has used already (docs/ha-dns.md, Limits).
func (s *site) doubt(n *node, k string, p pairmsg.Point) {
	if !n.restored || s.names[k][p.Serial] == p {
		return
	}
	if s.doubtful[k] == nil {
		s.doubtful[k] = map[uint32]bool{}
	}
	s.doubtful[k][p.Serial] = true
}

func (s *site) known(k string, p pairmsg.Point, tip *zone.Zone) {
	if s.names[k] == nil {
		s.names[k], s.contents[k] = map[uint32]pairmsg.Point{}, map[pairmsg.Point]*zone.Zone{}
	}
	s.contents[k][p] = tip
}

// led remembers from where a point came.
func (s *site) led(k string, to pairmsg.Point, from ...pairmsg.Point) {
	if s.parents[k] == nil {
		s.parents[k] = map[pairmsg.Point][]pairmsg.Point{}
	}
	s.parents[k][to] = append(s.parents[k][to], from...)
}

func difference(a, b *zone.Zone) string {
	if a == nil || b == nil {
		return "?"
	}
	d := zone.Diff(a, b)
	var t strings.Builder
	for _, r := range d.Deleted {
		fmt.Fprintf(&t, "- %s\n", r)
	}
	for _, r := range d.Added {
		fmt.Fprintf(&t, "+ %s\n", r)
	}
	return t.String()
}

// merged looks at an entry that a node is about to write: nothing that either side did since their last common state is lost
// (H-d, for records whose merge is by record alone). Changes just carried out here, and entries that are known, are no merges.
func (s *site) merged(n *node, k string, own *zoneStore, p pairmsg.Point, next *zone.Zone) {
	if q := n.ranNow; len(q) > 0 && q[0].zone == k && q[0].on == own.last().point.Serial {
		n.ranNow = q[1:]
		q[0].serial, q[0].point = p.Serial, p
		s.led(k, p, own.last().point)
		return
	}
	if s.contents[k][p] != nil && s.after(k, p, own.last().point) {
		return // a replay
	}
	theirs := n.partner().journalOf(k)
	s.led(k, p, own.last().point)
	if theirs != nil {
		s.led(k, p, theirs.last().point)
	}
	if theirs == nil || s.byHand[k] > 0 || unripe(own) || unripe(theirs) {
		return
	}
	s.stats.merges++
	if s.drifted[k] {
		return
	}
	base := s.base(k, own, theirs)
	a, b, got := recordsOf(own.last().tip), recordsOf(theirs.last().tip), recordsOf(next)
	for _, m := range []map[string]bool{base, a, b, got} {
		for _, r := range slices.Sorted(maps.Keys(m)) {
			want := base[r]
			if a[r] != want || b[r] != want {
				want = !want
			}
			if plain(r) && got[r] != want && !(s.touched(k, own, theirs, r) && s.touched(k, theirs, own, r)) && !emptied(base, a, b, r) { // both: time decides
				s.w.Fail("%s writes a merge of %s, %s from %s and %s, in which %q is %t and must be %t", n.name, zone.Name(k), point(p), point(own.last().point), point(theirs.last().point), r, got[r], want)
				return
			}
		}
	}
}

// replaced looks at content that a node is about to write in place of what it has: what it did since the last common state is in it.
func (s *site) replaced(n *node, k string, own *zoneStore, p pairmsg.Point, next *zone.Zone) {
	theirs := n.partner().journalOf(k)
	if theirs == nil || unripe(own) {
		return
	}
	s.led(k, p, own.last().point)
	if s.byHand[k] > 0 {
		return
	}
	base := s.base(k, own, theirs)
	a, got := recordsOf(own.last().tip), recordsOf(next)
	for _, m := range []map[string]bool{base, a} {
		for _, r := range slices.Sorted(maps.Keys(m)) {
			if plain(r) && a[r] != base[r] && got[r] != a[r] {
				s.w.Fail("%s replaces %s, %s, by %s, in which %q is %t, in spite of what was changed here", n.name, zone.Name(k), point(own.last().point), point(p), r, got[r])
				return
			}
		}
	}
}

// emptied says whether both sides' removals together would leave nothing of a record's set, though neither emptied it.
func emptied(base, a, b map[string]bool, key string) bool {
	set := key[:strings.LastIndexByte(key, '|')+1]
	left, inA, inB := false, false, false
	for _, m := range []map[string]bool{base, a, b} {
		for r := range m {
			if strings.HasPrefix(r, set) {
				inA, inB = inA || a[r], inB || b[r]
				left = left || (a[r] != base[r] || b[r] != base[r]) != base[r]
			}
		}
	}
	return !left && inA && inB
}

// touched says whether a journal did something to a record since it last had a state in common with another.
func (s *site) touched(k string, own, theirs *zoneStore, key string) bool {
	for i := len(own.steps) - 1; !s.after(k, theirs.last().point, own.steps[i].point); i-- {
		if i == 0 {
			return true // nobody knows
		}
		for _, list := range [][]zone.Record{own.steps[i].entry.Delta.Deleted, own.steps[i].entry.Delta.Added} {
			if slices.ContainsFunc(list, func(r zone.Record) bool { return recordKey(r.Name, r.Type, r.Data) == key }) {
				return true
			}
		}
	}
	return false
}

// unripe: the zone was read from a file or rolled back, and the partner's replaces it.
func unripe(z *zoneStore) bool { return z.saved.Flags&(pairmsg.Fresh|pairmsg.Stale) != 0 }

// base are the records of the last content that two journals have in common, whatever they still know of it.
func (s *site) base(k string, own, theirs *zoneStore) map[string]bool {
	mine, others := s.through(k, own.last().point), s.through(k, theirs.last().point)
	var common []pairmsg.Point
	for _, p := range mine {
		if slices.Contains(others, p) {
			common = append(common, p)
		}
	}
	for _, p := range common {
		if !slices.ContainsFunc(common, func(q pairmsg.Point) bool { return q != p && s.after(k, q, p) }) {
			return recordsOf(s.contents[k][p])
		}
	}
	return map[string]bool{}
}

// through are the points that led to p, and p.
func (s *site) through(k string, p pairmsg.Point) (list []pairmsg.Point) {
	seen := map[pairmsg.Point]bool{}
	next := []pairmsg.Point{p}
	for len(next) > 0 {
		p, next = next[len(next)-1], next[:len(next)-1]
		if !seen[p] {
			seen[p] = true
			list = append(list, p)
			next = append(next, s.parents[k][p]...)
		}
	}
	return list
}

// journalOf is the journal of a node as it is, or will be; of a dead one, as it is on disk.
func (n *node) journalOf(k string) *zoneStore {
	if n.life.Alive() {
		return n.journal[k]
	}
	if n.disk.durable == nil {
		return nil
	}
	return n.disk.durable.zones[k]
}

// diskFault: the disk of n is about to be lost, or put back to what it was. What only it has may be lost with it.
func (s *site) diskFault(n *node, kept *store) {
	p := n.partner()
	for _, u := range s.all {
		if u.done && u.copies == 1 && !holds(p, u) { // an old state that still has it is not believed either
			u.spared = true
		}
	}
	for _, k := range s.zones {
		var theirs, own *zoneStore
		if p.disk.durable != nil {
			theirs = p.disk.durable.zones[k]
		}
		if n.disk.durable != nil {
			own = n.disk.durable.zones[k]
		}
		if own == nil {
			continue
		}
		if theirs != nil && theirs.find(own.last().point.Serial) >= 0 {
			continue // the partner has all
		}
		least := uint32(0)
		if theirs != nil {
			least = theirs.last().point.Serial
		}
		for serial, pt := range s.names[k] {
			if zone.SerialNewer(serial, least) && (kept == nil || kept.zones[k] == nil || kept.zones[k].find(pt.Serial) < 0) {
				delete(s.names[k], serial)
			}
		}
		delete(s.shown[n.i], k)
		for _, x := range s.seconds {
			if x.zone == k && x.tip != nil && zone.SerialNewer(x.tip.Serial(), least) {
				x.tip = nil
			}
		}
	}
	clear(s.written[n.i])
}

// keeps is looked at when it is quiet: what was acknowledged is there, or was overruled, or is in a conflict that is kept.
func (s *site) keeps(k string, z *zone.Zone) error {
	if s.byHand[k] > 0 || s.drifted[k] {
		return nil
	}
	now := recordsOf(z)
	for _, key := range slices.Sorted(maps.Keys(s.records[k])) {
		x := s.records[k][key]
		acked := func(list []*update) bool {
			return slices.ContainsFunc(list, func(u *update) bool { return u.done && !u.spared })
		}
		switch {
		case now[key]:
			if !x.initial && len(x.adds) == 0 {
				return fmt.Errorf("%q is there, and nobody ever added it", key)
			}
			if key[1] == 'u' && acked(x.dels) && !s.overruled(k, key) {
				return fmt.Errorf("%q is there, and its deletion was acknowledged (%s)", key, x.dels[0])
			}
		case acked(x.adds) && len(x.dels) == 0 && !s.kept(k, key):
			return fmt.Errorf("%q is not there, and it was acknowledged (%s)", key, x.adds[0])
		case x.initial && len(x.dels) == 0 && !s.kept(k, key) && s.o.backup != "other":
			return fmt.Errorf("%q was in the master file and nobody deleted it", key)
		}
	}
	return groups(z)
}

// overruledByHand: an operator has one side's content win. Until that is carried out, which is when both are complete again and the order
// cannot be on its way any more, nothing is promised of the zone; afterwards everything is, beginning with what is there then.
func (s *site) overruledByHand(k string) {
	s.byHand[k]++
	var over func()
	over = func() {
		main := s.nodes[0]
		if main.roleWas != pairmsg.Main {
			main = main.partner()
		}
		if !s.both() || main.journal[k] == nil { // it may be a zone that is still to come
			s.w.After(time.Second, "", over)
			return
		}
		if s.byHand[k]--; s.byHand[k] > 0 {
			return
		}
		now := recordsOf(main.journal[k].last().tip) // all that was ever carried out is in it or overruled
		for r := range now {
			s.record(k, r).initial = true
		}
		for r, x := range s.records[k] {
			x.initial = x.initial && now[r]
			x.adds, x.dels = nil, nil
		}
	}
	s.w.After(10*time.Second+s.o.timers.comm, "", over)
}

func (u *update) String() string {
	return fmt.Sprintf("asked of %s at %s, serial %d, copies %d", u.n.name, u.at.Format("15:04:05.000"), u.serial, u.copies)
}

// kept says whether a record is in a conflict that a server kept durably.
func (s *site) kept(k, key string) bool {
	for _, c := range s.conflicts {
		for _, r := range c.Lost {
			if c.zone == k && recordKey(r.Name, r.Type, r.Data) == key {
				return true
			}
		}
	}
	return false
}

// overruled says whether the removal of a record is in a conflict that a server kept durably.
func (s *site) overruled(k, key string) bool {
	for _, c := range s.conflicts {
		for _, r := range c.Removed {
			if c.zone == k && recordKey(r.Name, r.Type, r.Data) == key {
				return true
			}
		}
	}
	return false
}

// groups: no alias stands beside other data, and no address with the DHCID of another client.
func groups(z *zone.Zone) error {
	for i := range 3 {
		k := z.Origin().Key()
		types := map[zone.Type]zone.RRset{}
		for _, set := range z.Node(owner(k, fmt.Sprintf("x%d", i))) {
			types[set.Type] = set
		}
		if _, alias := types[zone.TypeCNAME]; alias && len(types) > 1 {
			return fmt.Errorf("x%d has an alias and other data", i)
		}
		a, hasA := z.Get(owner(k, fmt.Sprintf("h%d", i)), zone.TypeA)
		d, hasD := z.Get(owner(k, fmt.Sprintf("h%d", i)), zone.TypeDHCID)
		if hasA != hasD {
			return fmt.Errorf("h%d has an address: %t, a DHCID: %t", i, hasA, hasD)
		}
		if hasA && (len(a.Data) != 1 || len(d.Data) != 1 || a.Data[0][2] != d.Data[0][len(d.Data[0])-1]-'0') {
			return fmt.Errorf("h%d has addresses %q with the DHCIDs %q", i, a.Data, d.Data)
		}
	}
	return nil
}
