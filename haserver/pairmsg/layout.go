package pairmsg

import (
	"fmt"
	"net/netip"

	"loadshare/haserver/digest"
	"loadshare/haserver/zone"
)

// The least octets of what stands in lists.
const (
	pointLeast     = 4 + 16
	zonePointLeast = 1 + 2*pointLeast + 1
	entryLeast     = 8 + 16 + 4 + 17
	setLeast       = 2 + 2 + 4 + 4
	settingsLeast  = 2 + 3*4 + 2*4 + 1
)

func kindOf(m Message) byte {
	switch m.(type) {
	case Hello:
		return kindHello
	case Reject:
		return kindReject
	case Negotiate:
		return kindNegotiate
	case NegotiateReply:
		return kindNegotiateReply
	case Heartbeat:
		return kindHeartbeat
	case HeartbeatReply:
		return kindHeartbeatReply
	case Unfit:
		return kindUnfit
	case Update:
		return kindUpdate
	case UpdateReply:
		return kindUpdateReply
	case Inconsistent:
		return kindInconsistent
	case Forward:
		return kindForward
	case Forwarded:
		return kindForwarded
	case Shutdown:
		return kindShutdown
	case SwapAsk:
		return kindSwapAsk
	case SwapReply:
		return kindSwapReply
	case Settings:
		return kindSettings
	case SettingsAsk:
		return kindSettingsAsk
	case SettingsDone:
		return kindSettingsDone
	case SyncAsk:
		return kindSyncAsk
	case SyncPoints:
		return kindSyncPoints
	case SyncFetch:
		return kindSyncFetch
	case SyncEntries:
		return kindSyncEntries
	case SyncCompare:
		return kindSyncCompare
	case SyncSets:
		return kindSyncSets
	case SyncCopy:
		return kindSyncCopy
	case SyncCommit:
		return kindSyncCommit
	case SyncDone:
		return kindSyncDone
	case SyncEnd:
		return kindSyncEnd
	case SyncZones:
		return kindSyncZones
	case Marks:
		return kindMarks
	case Dropped:
		return kindDropped
	case Heard:
		return kindHeard
	case ConflictsKept:
		return kindConflictsKept
	case Conflicts:
		return kindConflicts
	}
	panic(fmt.Sprintf("pairmsg: unknown message %T", m))
}

// blank is the zero message of a kind; nil: there is none.
func blank(kind byte) Message {
	if kind == 0 || kind > kinds {
		return nil
	}
	return [...]Message{
		Hello{}, Reject{}, Negotiate{}, NegotiateReply{}, Heartbeat{}, HeartbeatReply{}, Unfit{}, Update{}, UpdateReply{}, Inconsistent{},
		Forward{}, Forwarded{}, Shutdown{}, SwapAsk{}, SwapReply{}, Settings{}, SettingsAsk{}, SettingsDone{},
		SyncAsk{}, SyncPoints{}, SyncFetch{}, SyncEntries{}, SyncCompare{}, SyncSets{}, SyncCopy{}, SyncCommit{}, SyncDone{}, SyncEnd{}, SyncZones{},
		Marks{}, Dropped{}, Heard{}, ConflictsKept{}, Conflicts{},
	}[kind-1]
}

// with goes over a copy of the message and puts it back.
func with[T Message](p *Message, m T, walk func(*T)) {
	walk(&m)
	*p = m
}

// layout is the order of the fields of every message.
func (c *coder) layout(p *Message) {
	switch m := (*p).(type) {
	case Hello:
		with(p, m, c.hello)
	case Reject:
		with(p, m, func(m *Reject) { limited(c, &m.Reason, 255); c.text(&m.Text) })
	case Negotiate:
		with(p, m, func(m *Negotiate) { c.zonePoints(&m.Zones); c.boolean(&m.More) })
	case NegotiateReply:
		with(p, m, func(m *NegotiateReply) { c.zonePoints(&m.Zones); c.boolean(&m.More) })
	case Heartbeat:
		with(p, m, c.heartbeat)
	case HeartbeatReply:
		with(p, m, func(m *HeartbeatReply) {
			c.u64(&m.Number)
			limited(c, &m.State, PartnerDown)
			c.i64(&m.Wall)
			c.i64(&m.Echo)
		})
	case Unfit:
		with(p, m, func(m *Unfit) { c.text(&m.Why) })
	case Update:
		with(p, m, func(m *Update) { c.u64(&m.First); c.name(&m.Zone); c.entries(&m.Entries); c.i64(&m.Clock) })
	case UpdateReply:
		with(p, m, func(m *UpdateReply) { c.u64(&m.Through); c.u64(&m.Seq) })
	case Inconsistent:
		with(p, m, func(m *Inconsistent) { c.name(&m.Zone); point(c, &m.Point); c.text(&m.Why) })
	case Forward:
		with(p, m, func(m *Forward) { c.u64(&m.ID); c.addrPort(&m.Client); c.boolean(&m.TCP); c.octets(&m.Wire) })
	case Forwarded:
		with(p, m, func(m *Forwarded) { c.u64(&m.ID); c.octets(&m.Wire) })
	case Shutdown:
		with(p, m, func(m *Shutdown) { c.zonePoints(&m.Last) })
	case SwapAsk:
		with(p, m, func(m *SwapAsk) { c.u64(&m.Epoch); c.text(&m.Reason) })
	case SwapReply:
		with(p, m, func(m *SwapReply) { c.u64(&m.Epoch); c.text(&m.Why) })
	case Settings:
		with(p, m, func(m *Settings) {
			c.u64(&m.ID)
			list(c, &m.Zones, settingsLeast, namedSettings)
			c.boolean(&m.Exact)
			c.boolean(&m.Apply)
		})
	case SettingsAsk:
		with(p, m, func(m *SettingsAsk) { c.u64(&m.ID) })
	case SettingsDone:
		with(p, m, func(m *SettingsDone) { c.u64(&m.ID); c.texts(&m.Changes); c.text(&m.Error) })
	case Dropped:
		with(p, m, func(m *Dropped) { c.addrs(&m.Clients) })
	case Heard:
		with(p, m, func(m *Heard) { c.addrs(&m.Clients) })
	case Marks:
		with(p, m, func(m *Marks) { c.name(&m.Zone); list(c, &m.List, markLeast, mark) })
	case ConflictsKept:
		with(p, m, func(m *ConflictsKept) { list(c, &m.List, conflictMarkLeast, conflictMark); c.boolean(&m.Answer) })
	case Conflicts:
		with(p, m, func(m *Conflicts) { list(c, &m.List, keptConflictLeast, keptConflict); c.boolean(&m.More) })
	default:
		c.syncLayout(p)
	}
}

func (c *coder) syncLayout(p *Message) {
	switch m := (*p).(type) {
	case SyncAsk:
		with(p, m, func(m *SyncAsk) { c.u64(&m.Sync); c.name(&m.Zone); zonePoint(c, &m.Main) })
	case SyncPoints:
		with(p, m, func(m *SyncPoints) {
			c.u64(&m.Sync)
			c.boolean(&m.Missing)
			zonePoint(c, &m.Here)
			list(c, &m.History, pointLeast, point)
		})
	case SyncFetch:
		with(p, m, func(m *SyncFetch) { c.u64(&m.Sync); c.name(&m.Zone); c.u32(&m.After) })
	case SyncEntries:
		with(p, m, func(m *SyncEntries) {
			c.u64(&m.Sync)
			c.name(&m.Zone)
			c.entries(&m.Entries)
			c.boolean(&m.Last)
			c.boolean(&m.Gone)
		})
	case SyncCompare:
		with(p, m, func(m *SyncCompare) {
			c.u64(&m.Sync)
			c.name(&m.Zone)
			list(c, &m.Digests, 16, func(c *coder, d *digest.Digest) { c.digest(d) })
		})
	case SyncSets:
		with(p, m, func(m *SyncSets) {
			c.u64(&m.Sync)
			c.name(&m.Zone)
			list(c, &m.Differ, 2, func(c *coder, b *uint16) { c.u16(b) })
			c.boolean(&m.All)
			list(c, &m.Sets, setLeast, set)
			c.boolean(&m.Last)
			point(c, &m.Point)
		})
	case SyncCopy:
		with(p, m, func(m *SyncCopy) { c.u64(&m.Sync); c.name(&m.Zone); settings(c, &m.Settings); point(c, &m.Point) })
	case SyncCommit:
		with(p, m, func(m *SyncCommit) {
			c.u64(&m.Sync)
			c.name(&m.Zone)
			point(c, &m.Before)
			entry(c, &m.Entry)
			point(c, &m.After)
		})
	case SyncDone:
		with(p, m, func(m *SyncDone) { c.u64(&m.Sync); c.name(&m.Zone); point(c, &m.Point); c.text(&m.Error) })
	case SyncEnd:
		with(p, m, func(m *SyncEnd) { c.u64(&m.Sync); c.name(&m.Zone); point(c, &m.Point); c.text(&m.Error) })
	case SyncZones:
		with(p, m, func(m *SyncZones) {
			list(c, &m.Zones, 2, someName)
			limited(c, &m.Source, FromBackup)
		})
	default:
		panic(fmt.Sprintf("pairmsg: unknown message %T", m))
	}
}

func (c *coder) hello(m *Hello) {
	c.u16(&m.Version)
	c.u16(&m.Oldest)
	if c.reading && (m.Oldest > Version || m.Version < Oldest) {
		c.in = nil // whatever it says, it says it in words that we do not have
		return
	}
	limited(c, &m.Role, Backup)
	limited(c, &m.Configured, Backup)
	c.u64(&m.Epoch)
	c.store(&m.Store)
	c.u64(&m.Boot)
	c.u64(&m.Seq)
	c.store(&m.PeerStore)
	c.u64(&m.PeerSeq)
	limited(c, &m.State, PartnerDown)
	c.i64(&m.Wall)
	c.i64(&m.Clock)
	c.text(&m.Unfit)
	c.u64(&m.Config)
	if c.reading && m.Version > Version {
		c.in = nil
	}
}

func (c *coder) heartbeat(m *Heartbeat) {
	c.u64(&m.Number)
	limited(c, &m.State, PartnerDown)
	c.i64(&m.Wall)
	c.i64(&m.Clock)
	c.u64(&m.Seq)
	c.u32(&m.Owed)
	c.text(&m.Unfit)
	c.zonePoints(&m.Digests)
}

func (c *coder) store(v *StoreID) {
	if !c.reading {
		c.out = append(c.out, v[:]...)
		return
	}
	copy(v[:], c.cut(len(v)))
}

func (c *coder) zonePoints(v *[]ZonePoint) { list(c, v, zonePointLeast, zonePoint) }
func (c *coder) entries(v *[]Entry)        { list(c, v, entryLeast, entry) }
func (c *coder) texts(v *[]string)         { list(c, v, 4, func(c *coder, s *string) { c.text(s) }) }
func (c *coder) addrs(v *[]netip.Addr)     { list(c, v, 5, someAddr) }

func (c *coder) addrPort(v *netip.AddrPort) {
	addr, port := v.Addr(), v.Port()
	c.addr(&addr)
	c.u16(&port)
	if c.reading {
		*v = netip.AddrPortFrom(addr, port)
	}
}

func point(c *coder, v *Point) {
	c.u32(&v.Serial)
	c.digest(&v.Digest)
}

func zonePoint(c *coder, v *ZonePoint) {
	c.name(&v.Zone)
	point(c, &v.Point)
	point(c, &v.Agreed)
	limited(c, &v.Flags, Fresh|Stale)
}

// namedSettings are those of a zone that is named.
func namedSettings(c *coder, v *ZoneSettings) {
	if settings(c, v); v.Name == "" {
		c.bad = true
	}
}

func settings(c *coder, v *ZoneSettings) {
	c.name(&v.Name)
	c.texts(&v.Update)
	c.texts(&v.Transfer)
	c.texts(&v.Notify)
	c.text(&v.NotifyKey)
	c.text(&v.Scavenge)
	c.boolean(&v.Catalog)
}

// entry is time, digest and the difference as journals have it, with its length.
func entry(c *coder, v *Entry) {
	c.i64(&v.Time)
	c.digest(&v.Digest)
	if !c.reading {
		b, err := v.Delta.MarshalBinary()
		if err != nil {
			panic("pairmsg: " + err.Error())
		}
		c.octets(&b)
		return
	}
	var n uint32
	c.u32(&n)
	d, err := zone.ParseDelta(c.cut(int(n)))
	if err != nil {
		c.bad = true
	}
	v.Delta = d
}

func set(c *coder, v *zone.RRset) {
	someName(c, &v.Name)
	t := uint16(v.Type)
	c.u16(&t)
	if c.reading {
		v.Type = zone.Type(t)
	}
	c.u32(&v.TTL)
	list(c, &v.Data, 2, func(c *coder, data *string) { c.rdata(v.Type, data) })
	if len(v.Data) == 0 || v.Type.IsMeta() {
		c.bad = true
	}
}

func (c *coder) rdata(t zone.Type, v *string) {
	n := uint16(len(*v))
	if int(n) != len(*v) {
		c.bad = true
	}
	c.u16(&n)
	if !c.reading {
		c.out = append(c.out, *v...)
		return
	}
	b := c.cut(int(n))
	if *v = string(b); c.bad || zone.ValidRdata(t, *v) != nil {
		c.bad = true
	}
}
