package pair

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"loadshare/haserver/digest"
	"loadshare/haserver/merge"
	"loadshare/haserver/pairmsg"
	"loadshare/haserver/zone"
)

// duo is two machines with perfect disks and a link, moved by hand: nothing is lost or late unless a test wants it.
type duo struct {
	t     *testing.T
	now   time.Duration
	nodes [2]*node
	next  uint64 // session
	cut   bool   // connections fail
	dead  [2]bool
	notes []string
}

// node is one of them; index 0 is configured as main.
type node struct {
	d        *duo
	i        int
	cfg      Config
	m        *Machine
	out      Output
	saved    Saved
	zones    map[string]*stored
	shown    map[string]*zone.Zone
	hidden   map[string]Reason
	answers  []*Change
	replies  []Reply
	inbox    []pairmsg.Message
	batches  [][]Write
	numbers  []uint64
	holdDisk bool
	session  uint64
	wallOff  int64
	lost     []merge.Conflict
}

type stored struct {
	tip     *zone.Zone
	point   pairmsg.Point
	entries []pairmsg.Entry
	points  []pairmsg.Point
	saved   ZoneSaved
}

// at is the content at a point; nil: there is none.
func (s *stored) at(t *testing.T, p pairmsg.Point) *zone.Zone {
	i := slices.Index(s.points, p)
	if i < 0 {
		return nil
	}
	z, err := merge.Undo(s.tip, merge.Compose(s.entries[i:]))
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// trim lets old steps go, as the journal does when it has a new snapshot: all before the newest few but those that are kept for a merge.
func (s *stored) trim(newest int) {
	end := max(0, len(s.points)-newest)
	all := append(slices.Clone(s.points), s.point)
	through, asked := slices.Index(all, s.saved.Apart), slices.Index(all, s.saved.Asked)
	const most = 4 // before Apart and before Asked: the journal's 20,000
	stays := func(i int) bool {
		return i >= end || i <= through && (i > through-most || s.points[i] == s.saved.Agreed) || through >= 0 && i <= asked && i > asked-most
	}
	var points []pairmsg.Point
	var entries []pairmsg.Entry
	var way merge.Trace
	for i, e := range s.entries {
		if stays(i) {
			points = append(points, s.points[i])
			way = merge.Trace{}
		} else if len(points) == 0 {
			continue
		}
		way.Add(e)
		if next := i + 1; next == len(s.entries) || stays(next) {
			entries = append(entries, way.Entry())
		}
	}
	s.points, s.entries = points, entries
}

const testZone = "\x07example\x04test\x00"

func load(t *testing.T, text string) *zone.Zone {
	t.Helper()
	z, problems := zone.Load(func(string) ([]byte, error) { return []byte(text), nil }, zone.Name(testZone), "db")
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	return z
}

const baseText = "$TTL 60\n@ SOA ns admin 10 3600 600 86400 30\n@ NS ns\nns A 192.0.2.1\nwww A 192.0.2.11\nwww A 192.0.2.12\n"

func newDuo(t *testing.T, edit ...func(*duo)) *duo {
	t.Helper()
	d := &duo{t: t, now: time.Hour}
	for i, role := range []pairmsg.Role{pairmsg.Main, pairmsg.Backup} {
		n := &node{d: d, i: i, cfg: Config{Role: role, Heartbeat: 12 * time.Second, CommTimeout: 30 * time.Second, SyncRetry: 5 * time.Minute, AckTimeout: time.Second}, zones: map[string]*stored{}}
		n.saved.Store[0] = byte(i + 1)
		z := load(t, baseText)
		n.zones[testZone] = &stored{tip: z, point: pairmsg.Point{Serial: z.Serial(), Digest: digest.Of(z)}, saved: ZoneSaved{Flags: pairmsg.Fresh}}
		d.nodes[i] = n
	}
	for _, f := range edit {
		f(d)
	}
	for i := range d.nodes {
		if !d.dead[i] {
			d.start(i)
		}
	}
	return d
}

func (d *duo) start(i int) {
	n := d.nodes[i]
	d.dead[i] = false
	n.saved.Boot++
	starts := map[string]ZoneStart{}
	for k, s := range n.zones {
		starts[k] = ZoneStart{Tip: s.tip, Point: s.point, History: slices.Clone(s.points), Saved: s.saved, Begun: s.at(d.t, s.saved.Alone)}
	}
	n.shown, n.hidden = map[string]*zone.Zone{}, map[string]Reason{}
	n.inbox, n.batches, n.numbers, n.session = nil, nil, nil, 0
	var out Output
	n.m, out = New(n.cfg, n.saved, starts, n.clock())
	n.take(out)
	d.settle()
}

// kill ends a process at once; what was not on disk is gone.
func (d *duo) kill(i int) {
	d.dead[i] = true
	n, o := d.nodes[i], d.nodes[1-i]
	n.batches, n.numbers, n.inbox = nil, nil, nil
	if s := o.session; s != 0 && !d.dead[1-i] {
		o.session = 0
		o.step(Lost{s})
	}
	n.session = 0
	d.settle()
}

func (n *node) clock() Now {
	return Now{Mono: n.d.now, Wall: 1_700_000_000_000_000 + n.d.now.Microseconds() + n.wallOff}
}

func (n *node) step(in Input) {
	if n.d.dead[n.i] {
		return
	}
	n.take(n.m.Step(n.clock(), in))
}

// take carries out an output; what follows from it waits in queues, for settle.
func (n *node) take(out Output) {
	if out.Batch != 0 {
		n.batches, n.numbers = append(n.batches, slices.Clone(out.Write)), append(n.numbers, out.Batch)
	} else if len(out.Write) != 0 {
		n.d.t.Error("writes without a batch")
	}
	other := n.d.nodes[1-n.i]
	if len(out.Send) > 0 && n.session != 0 && n.session == out.Session && !n.d.cut {
		other.inbox = append(other.inbox, out.Send...)
	}
	for _, s := range out.Close {
		n.drop(s)
	}
	for _, s := range out.Show {
		if s.Tip == nil {
			n.hidden[s.Zone] = s.Why
			delete(n.shown, s.Zone)
		} else {
			n.shown[s.Zone] = s.Tip
			delete(n.hidden, s.Zone)
		}
	}
	n.answers = append(n.answers, out.Answer...)
	n.replies = append(n.replies, out.Replies...)
	for _, note := range out.Notes {
		n.d.notes = append(n.d.notes, fmt.Sprintf("%d %s %s>%s %s", n.i, note.Reason, note.From, note.To, note.Text))
	}
	jobs := slices.Clone(out.Jobs)
	n.out = out
	if out.Dial {
		n.dial()
	}
	for _, j := range jobs {
		n.job(j)
	}
}

func (n *node) drop(session uint64) {
	if session != n.session || session == 0 {
		return
	}
	n.session = 0
	other := n.d.nodes[1-n.i]
	if other.session == session && !n.d.cut {
		other.session = 0
		other.step(Lost{session})
	}
}

func (n *node) dial() {
	other := n.d.nodes[1-n.i]
	switch {
	case n.d.dead[1-n.i]:
		n.step(DialFailed{Refused: !n.d.cut})
	case other.m == nil || n.d.cut:
		n.step(DialFailed{})
	case n.session != 0:
		n.step(DialFailed{})
	default:
		n.d.next++
		s := n.d.next
		n.session, other.session = s, s
		n.inbox, other.inbox = nil, nil
		n.step(Connected{s, true})
		other.step(Connected{s, false})
	}
}

func (n *node) job(j Job) {
	other := n.d.nodes[1-n.i]
	send := func(msg pairmsg.Message) {
		if n.session != 0 && !n.d.cut {
			other.inbox = append(other.inbox, msg)
		}
	}
	steps := func(z string, after, through uint32) (list []pairmsg.Entry, ok bool) {
		s := n.zones[z]
		if after == through {
			return nil, true
		}
		i := slices.IndexFunc(s.entries, func(e pairmsg.Entry) bool { return e.Delta.From == after })
		if i < 0 {
			return nil, false
		}
		for _, e := range s.entries[i:] {
			list = append(list, e)
			if e.Delta.To == through {
				return list, true
			}
		}
		return nil, false
	}
	switch j := j.(type) {
	case StreamEntries:
		list, ok := steps(j.Zone, j.After, j.Through)
		send(pairmsg.SyncEntries{Sync: j.Sync, Zone: zone.Name(j.Zone), Entries: list, Last: true, Gone: !ok})
	case ReadEntries:
		list, ok := steps(j.Zone, j.After, j.Through)
		n.step(Content{Sync: j.Sync, Zone: j.Zone, Entries: list, Gone: !ok})
	case DigestParts:
		n.step(Content{Sync: j.Sync, Zone: j.Zone, Parts: digest.Parts(j.Tip), Whole: j.Tip})
	case StreamSets:
		parts := digest.Parts(j.Tip)
		var differ []uint16
		for i := range parts {
			if j.Parts == nil || parts[i] != j.Parts[i] {
				differ = append(differ, uint16(i))
			}
		}
		var sets []zone.RRset
		for s := range j.Tip.All() {
			if s.Type == zone.TypeSOA || slices.Contains(differ, digest.Bucket(s.Name)) {
				sets = append(sets, s)
			}
		}
		other.step(SetsArrived{Sync: j.Sync, Zone: j.Zone, Differ: differ, Sets: sets, Point: j.Point})
	case StreamCopy:
		send(pairmsg.SyncCopy{Sync: j.Sync, Zone: zone.Name(j.Zone), Point: j.Point})
		n.d.deliver()
		other.step(Content{Sync: j.Sync, Zone: j.Zone, Whole: j.Tip, Point: j.Point})
	case Assemble:
		z, err := merge.Assemble(j.Tip, j.Differ, j.Sets)
		c := Content{Sync: j.Sync, Zone: j.Zone, Whole: z, Point: j.Point}
		if err != nil {
			c.Err = err.Error()
		} else if digest.Of(z) != j.Point.Digest {
			c.Err = "digest"
		}
		n.step(c)
	}
}

// persist makes all that is written durable.
func (n *node) persist() bool {
	if n.holdDisk || len(n.batches) == 0 {
		return false
	}
	for _, b := range n.batches {
		for _, w := range b {
			switch w := w.(type) {
			case WriteSaved:
				n.saved = w.Saved
			case WriteZone:
				n.zones[w.Zone].saved = w.Saved
			case WriteEntry:
				s := n.zones[w.Zone]
				s.points = append(s.points, s.point)
				s.entries = append(s.entries, w.Entry)
				s.tip, s.point = w.Tip, w.Entry.Point()
			case WriteContent:
				n.zones[w.Zone] = &stored{tip: w.Tip, point: w.Point}
			case WriteConflict:
				n.lost = append(n.lost, w.Conflict)
			}
		}
	}
	last := n.numbers[len(n.numbers)-1]
	n.batches, n.numbers = nil, nil
	n.step(Durable{last})
	return true
}

func (d *duo) deliver() bool {
	moved := false
	for _, n := range d.nodes {
		for len(n.inbox) > 0 {
			msg := n.inbox[0]
			n.inbox = n.inbox[1:]
			if n.session != 0 {
				n.step(Received{n.session, msg})
			}
			moved = true
		}
	}
	return moved
}

// settle lets everything happen that needs no time.
func (d *duo) settle() {
	for range 1000 {
		moved := d.deliver()
		for i, n := range d.nodes {
			if !d.dead[i] && n.m != nil && n.persist() {
				moved = true
			}
		}
		if !moved {
			return
		}
	}
	d.t.Fatal("no rest")
}

// pass lets time go by, with the ticks that are due.
func (d *duo) pass(t time.Duration) {
	end := d.now + t
	for d.now < end {
		at := end
		for i, n := range d.nodes {
			if !d.dead[i] && n.out.Next > 0 && n.out.Next < at {
				at = max(n.out.Next, d.now)
			}
		}
		d.now = max(at, d.now+time.Millisecond)
		for i, n := range d.nodes {
			if !d.dead[i] && n.out.Next > 0 && n.out.Next <= d.now {
				n.step(Tick{})
			}
		}
		d.settle()
	}
}

// add asks a node for one more record; it may not be answered yet.
func (d *duo) ask(i int, lines ...string) *Change {
	d.t.Helper()
	var u zone.Update
	for _, l := range lines {
		f := strings.Fields(l)
		r := zone.Record{Class: zone.ClassIN, TTL: 5}
		if strings.HasPrefix(l, "-") {
			r.Class, r.TTL, f[0] = zone.ClassNONE, 0, f[0][1:]
		}
		name, err := zone.ParseName(f[0] + ".example.test")
		if err != nil {
			d.t.Fatal(err)
		}
		typ, _ := zone.ParseType(f[1])
		data, err := zone.ParseRdata(typ, strings.Join(f[2:], " "), zone.Name(testZone))
		if err != nil {
			d.t.Fatal(err)
		}
		r.Name, r.Type, r.Data = name, typ, data
		u.Updates = append(u.Updates, r)
	}
	c := &Change{Zone: testZone, Do: func(tip *zone.Zone, serial uint32) (*zone.Zone, zone.Delta) {
		u.Serial = serial
		next, delta, rcode, why := tip.Apply(u)
		if rcode != zone.NoError {
			d.t.Fatal(why)
		}
		return next, delta
	}}
	d.nodes[i].step(c)
	return c
}

// do asks and lets it happen.
func (d *duo) do(i int, lines ...string) *Change {
	d.t.Helper()
	c := d.ask(i, lines...)
	d.settle()
	return c
}

func (d *duo) want(i int, s pairmsg.State, why Reason) {
	d.t.Helper()
	if m := d.nodes[i].m; m.state != s || m.why != why {
		d.t.Fatalf("node %d is in %s (%s), want %s (%s)\n%s", i, m.state, m.why, s, why, strings.Join(d.notes, "\n"))
	}
}

func (d *duo) wantOutcome(c *Change, o Outcome, why Reason) {
	d.t.Helper()
	if c.Outcome != o || c.Why != why {
		d.t.Fatalf("outcome %d (%s), want %d (%s)\n%s", c.Outcome, c.Why, o, why, strings.Join(d.notes, "\n"))
	}
}

// equal wants both in normal, with the same zone on disk and shown, and synchronised.
func (d *duo) equal() *zone.Zone {
	d.t.Helper()
	d.want(0, pairmsg.Normal, Ready)
	d.want(1, pairmsg.Normal, Ready)
	a, b := d.nodes[0], d.nodes[1]
	za, zb := a.m.zones[testZone], b.m.zones[testZone]
	if za.point != zb.point || za.sync != SyncComplete || zb.sync != SyncComplete {
		d.t.Fatalf("%v %s (%s), %v %s\n%s", za.point, za.sync, za.syncErr, zb.point, zb.sync, strings.Join(d.notes, "\n"))
	}
	for _, n := range d.nodes {
		if p := n.zones[testZone].point; p != za.point {
			d.t.Fatalf("on disk of %d: %v, not %v", n.i, p, za.point)
		}
		z := n.shown[testZone]
		if z == nil || z.Serial() != za.point.Serial || digest.Of(z) != za.point.Digest {
			d.t.Fatalf("node %d shows something else (%v)", n.i, n.hidden[testZone])
		}
	}
	return za.tip
}

func has(z *zone.Zone, line string) bool {
	for l := range z.Text() {
		if strings.Join(strings.Fields(l), " ") == line {
			return true
		}
	}
	return false
}

func (d *duo) wantRecord(z *zone.Zone, line string, there bool) {
	d.t.Helper()
	if has(z, line) != there {
		d.t.Fatalf("%q there: %v\n%s\n%s", line, !there, strings.Join(slices.Collect(z.Text()), "\n"), strings.Join(d.notes, "\n"))
	}
}
