package pairsim

import (
	"time"

	"loadshare/haserver/digest"
	"loadshare/haserver/merge"
	"loadshare/haserver/pair"
	"loadshare/haserver/pairmsg"
	"loadshare/haserver/zone"
)

// stream is what a node is sending over one session; one job after the other.
type stream struct {
	jobs []func() []pairmsg.Message
	busy bool
}

// setsKey names what SyncSets belong to.
type setsKey struct {
	sync uint64
	zone string
}

// sets are the SyncSets that have come so far.
type sets struct {
	differ []uint16
	all    bool
	sets   []zone.RRset
}

// job starts long work; it ends some time later.
func (n *node) job(j pair.Job) {
	if n.s.broken.lazy {
		return
	}
	w := n.s.w
	later := func(do func() pair.Content, sync uint64, k string) {
		w.After(w.Between(0, 30*time.Millisecond), "", n.life.Bind(func() {
			c := pair.Content{Err: "the job failed"}
			if !w.Chance(n.s.jobsFail) {
				c = do()
			}
			c.Sync, c.Zone = sync, k
			n.step(c)
		}))
	}
	switch j := j.(type) {
	case pair.ReadEntries:
		w.Note("%s: job read %d..%d of %s", n.name, j.After, j.Through, zone.Name(j.Zone))
		later(func() (c pair.Content) {
			es, ok := n.read(j.Zone, j.After, j.Through)
			return pair.Content{Entries: es, Gone: !ok}
		}, j.Sync, j.Zone)
	case pair.DigestParts:
		later(func() pair.Content { return pair.Content{Parts: digest.Parts(j.Tip), Whole: j.Tip} }, j.Sync, j.Zone)
	case pair.Assemble:
		later(func() pair.Content {
			z, err := merge.Assemble(j.Tip, j.Differ, j.Sets)
			return whole(z, err, j.Point)
		}, j.Sync, j.Zone)
	case pair.StreamEntries:
		n.stream(j.Session, func() []pairmsg.Message {
			es, ok := n.read(j.Zone, j.After, j.Through)
			if !ok {
				w.Note("%s: journal of %s does not have %d..%d", n.name, zone.Name(j.Zone), j.After, j.Through)
				return []pairmsg.Message{pairmsg.SyncEntries{Sync: j.Sync, Zone: zone.Name(j.Zone), Gone: true, Last: true}}
			}
			var out []pairmsg.Message
			for {
				k := min(len(es), 1+w.Rand().IntN(10))
				out = append(out, pairmsg.SyncEntries{Sync: j.Sync, Zone: zone.Name(j.Zone), Entries: es[:k], Last: k == len(es)})
				if es = es[k:]; len(es) == 0 {
					return out
				}
				if w.Chance(n.s.jobsFail) { // the journal is trimmed meanwhile
					return append(out, pairmsg.SyncEntries{Sync: j.Sync, Zone: zone.Name(j.Zone), Gone: true, Last: true})
				}
			}
		})
	case pair.StreamSets:
		n.stream(j.Session, func() []pairmsg.Message {
			return n.cutSets(j.Sync, j.Zone, j.Tip, j.Point, j.Parts)
		})
	case pair.StreamCopy:
		n.stream(j.Session, func() []pairmsg.Message {
			first := pairmsg.SyncCopy{Sync: j.Sync, Zone: zone.Name(j.Zone), Settings: pairmsg.ZoneSettings{Name: zone.Name(j.Zone)}, Point: j.Point}
			return append([]pairmsg.Message{first}, n.cutSets(j.Sync, j.Zone, j.Tip, j.Point, nil)...)
		})
	default:
		w.Fail("%s wants an unknown job %T", n.name, j)
	}
}

// read reads what the disk has of the journal.
func (n *node) read(k string, after, through uint32) ([]pairmsg.Entry, bool) {
	z := n.disk.durable.zones[k]
	if z == nil {
		return nil, false
	}
	return z.entries(after, through)
}

// cutSets are the SyncSets of a content, of all of it or of the buckets that differ.
func (n *node) cutSets(sync uint64, k string, tip *zone.Zone, p pairmsg.Point, parts []digest.Digest) (out []pairmsg.Message) {
	var differ []uint16
	in := map[uint16]bool{}
	if parts != nil {
		for b, d := range digest.Parts(tip) {
			if d != parts[b] {
				differ = append(differ, uint16(b))
				in[uint16(b)] = true
			}
		}
	}
	var send []zone.RRset
	for set := range tip.All() {
		if parts == nil || set.Type == zone.TypeSOA || in[digest.Bucket(set.Name)] {
			set.Turn = nil
			send = append(send, set)
		}
	}
	for first := true; first || len(send) > 0; first = false {
		c := min(len(send), 1+n.s.w.Rand().IntN(40))
		m := pairmsg.SyncSets{Sync: sync, Zone: zone.Name(k), All: parts == nil, Sets: send[:c]}
		if first {
			m.Differ = differ
		}
		if send = send[c:]; len(send) == 0 {
			m.Last, m.Point = true, p
		}
		out = append(out, m)
	}
	return out
}

// stream sends messages over a session in their order, between others.
func (n *node) stream(session uint64, messages func() []pairmsg.Message) {
	st := n.streams[session]
	if st == nil {
		st = &stream{}
		n.streams[session] = st
	}
	st.jobs = append(st.jobs, messages)
	if !st.busy {
		st.busy = true
		n.flow(session, st, nil)
	}
}

func (n *node) flow(session uint64, st *stream, rest []pairmsg.Message) {
	w := n.s.w
	w.After(w.Between(0, 15*time.Millisecond), "", n.life.Bind(func() {
		if len(rest) == 0 && len(st.jobs) > 0 {
			rest = st.jobs[0]()
			st.jobs = st.jobs[1:]
		}
		e := n.s.link.find(n, session)
		if e == nil {
			delete(n.streams, session)
			return
		}
		if w.Chance(n.s.jobsFail) { // a stream that cannot go on takes its connection with it
			w.Note("%s: a stream fails", n.name)
			e.close()
			e.lost()
			delete(n.streams, session)
			return
		}
		n.post(e, rest[0])
		rest = rest[1:]
		if len(rest) == 0 && len(st.jobs) == 0 {
			st.busy = false
			return
		}
		n.flow(session, st, rest)
	}))
}

// gather collects SyncSets, and hands them over when they are complete.
func (n *node) gather(e *end, m pairmsg.SyncSets) {
	w := n.s.w
	key := setsKey{m.Sync, m.Zone.Key()}
	g := e.sets[key]
	if g == nil {
		g = &sets{}
		e.sets[key] = g
	}
	g.sets = append(g.sets, m.Sets...)
	g.all = m.All
	if m.Differ != nil {
		g.differ = m.Differ
	}
	if !m.Last {
		return
	}
	delete(e.sets, key)
	k := m.Zone.Key()
	if !g.all {
		n.step(pair.SetsArrived{Sync: m.Sync, Zone: k, Differ: g.differ, Sets: g.sets, Point: m.Point})
		return
	}
	w.After(w.Between(0, 20*time.Millisecond), "", n.life.Bind(func() {
		z, err := zone.Build(m.Zone, func(yield func(zone.RRset) bool) {
			for _, s := range g.sets {
				if !yield(s) {
					return
				}
			}
		})
		c := whole(z, err, m.Point)
		if w.Chance(n.s.jobsFail) {
			c = pair.Content{Err: "the job failed"}
		}
		c.Sync, c.Zone = m.Sync, k
		n.step(c)
	}))
}

// whole is a content as it is handed over: its digest is what was said, or it is an error.
func whole(z *zone.Zone, err error, p pairmsg.Point) pair.Content {
	switch {
	case err != nil:
		return pair.Content{Err: err.Error()}
	case pointOf(z) != p:
		return pair.Content{Err: "the digest is not what the partner says: " + point(pointOf(z)) + " for " + point(p)}
	}
	return pair.Content{Whole: z, Point: p}
}
