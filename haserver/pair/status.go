package pair

import (
	"fmt"
	"strings"
	"time"

	"loadshare/haserver/pairmsg"
	"loadshare/haserver/zone"
)

// Status is how the pair stands, as this server sees it. Times are wall microseconds, 0 for never.
type Status struct {
	Role       pairmsg.Role // in force
	Configured pairmsg.Role
	Epoch      uint64
	RoleSince  int64 // last exchange of roles in this run
	State      pairmsg.State
	Reason     Reason // of the state
	Since      int64

	Partner      pairmsg.State // as it said last
	Connected    bool
	LastHeard    int64
	Skew         time.Duration // the partner's clock less ours
	PartnerUnfit string
	Unfit        string

	Accepting bool
	Closed    Reason // why not; NoReason at the backup in normal, which leaves changes to the main
	Copies    int    // on how many disks an answered change is: 1 or 2
	Owed      uint64 // changes that the partner has not confirmed
	Behind    int64  // since when
	Held      int

	Zones                     []ZoneStatus // sorted by Zone
	Complete, Pending, Failed int
	Alarms                    []Alarm
}

// ZoneStatus is one zone in Status.
type ZoneStatus struct {
	Zone    string
	Point   pairmsg.Point
	Sync    Sync
	Why     Reason
	Error   string // of SyncFailed
	Unseen  Reason // why queries get SERVFAIL; NoReason: they are answered
	Agreed  pairmsg.Point
	History int
}

// How long what is over is told of, in microseconds.
const (
	driftTold    = int64(time.Hour / time.Microsecond)
	conflictTold = int64(24 * time.Hour / time.Microsecond)
)

// unfitTaken is the time within which the partner of a server that can write nothing says that it takes the updates.
const unfitTaken = 2 * time.Second

// AlarmNames are the names of all alarms that a pair raises.
var AlarmNames = []string{
	"copies-1", "clock-skew", "unfit", "partner-unfit", "refused", "drift", "conflict", "rolled-back", "expired", "sync-failed", "nobody-accepts", "not-negotiating", "flapping",
}

// Alarm is something that a person must know of, as long as it lasts.
type Alarm struct {
	Name  string // one of AlarmNames
	Since int64
	Text  string
}

// Role is the role in force; Single: there is no partner.
func (m *Machine) Role() pairmsg.Role { return m.role() }

// Status returns how things stand. It costs time for each zone.
func (m *Machine) Status() Status {
	s := Status{
		Role: m.role(), Configured: m.cfg.Role, Epoch: m.saved.Epoch, RoleSince: m.roleSince, State: m.state, Reason: m.why, Since: m.since,
		Partner: m.link.partner, Connected: m.link.session != 0 && m.link.hello != nil, LastHeard: m.link.everHeard,
		Skew: time.Duration(m.link.skew) * time.Microsecond, PartnerUnfit: m.link.unfit, Unfit: m.ownUnfit(),
		Owed: m.owedNow(), Behind: m.saved.Behind, Copies: 2, Held: len(m.held),
	}
	if m.state != pairmsg.Normal || m.saved.Behind != 0 {
		s.Copies = 1
	}
	if m.state == pairmsg.Alone {
		s.Owed = 0
	}
	for _, key := range m.order {
		z := m.zones[key]
		zs := ZoneStatus{Zone: key, Point: z.point, Sync: z.sync, Why: z.syncWhy, Error: z.syncErr, Unseen: m.unseen(z), Agreed: z.saved.Agreed, History: len(z.history())}
		if m.state == pairmsg.Alone {
			zs.Sync = SyncComplete
		}
		switch zs.Sync {
		case SyncComplete:
			s.Complete++
		case SyncFailed:
			s.Failed++
		case ServerPending, SyncPending, Synchronizing:
			s.Pending++
		}
		s.Zones = append(s.Zones, zs)
	}
	s.Closed = m.closedServer()
	s.Accepting = s.Closed == NoReason
	if s.Closed == atBackup {
		s.Closed = NoReason
	}
	m.alarms(&s)
	return s
}

// closedServer is closed for a zone about which there is nothing to say.
func (m *Machine) closedServer() Reason {
	return m.closed(&zoneState{sync: SyncComplete, known: true})
}

func (m *Machine) alarms(s *Status) {
	add := func(name string, since int64, text string) { s.Alarms = append(s.Alarms, Alarm{name, since, text}) }
	if m.state == pairmsg.Alone {
		if s.Unfit != "" {
			add("unfit", m.since, s.Unfit)
		}
		return
	}
	if s.Behind != 0 {
		add("copies-1", s.Behind, "what is answered now is on this disk alone; losing it loses what the partner has not confirmed")
	}
	if m.skewed {
		add("clock-skew", 0, "the partner's clock differs by "+s.Skew.Round(time.Millisecond).String()+": set both by NTP")
	}
	if s.Unfit != "" {
		add("unfit", m.since, s.Unfit)
	}
	if s.PartnerUnfit != "" {
		add("partner-unfit", m.since, s.PartnerUnfit)
	}
	if m.link.clash != "" {
		add("refused", m.link.clashAt, "this server and the partner do not go together: "+m.link.clash)
	}
	stale, expired := "", ""
	for _, z := range s.Zones {
		switch z.Unseen {
		case ZoneStale:
			stale = z.Zone
		case ZoneExpired:
			expired = z.Zone
		default:
		}
	}
	if d := m.drift; d.at != 0 && m.now.Wall-d.at < driftTold {
		add("drift", d.at, "zone "+strings.TrimSuffix(zone.Name(d.zone).String(), ".")+" was not the same on both servers though nothing had parted them; it was synchronised. Look for a failing disk or memory")
	}
	if c := m.conflict; c.at != 0 && m.now.Wall-c.at < conflictTold {
		add("conflict", c.at, "a merge of zone "+strings.TrimSuffix(zone.Name(c.zone).String(), ".")+" had to choose between what both servers were told; `loadshare ha conflicts` shows what lost")
	}
	if stale != "" {
		add("rolled-back", m.since, "zones wait for the partner's content and get SERVFAIL")
	}
	if expired != "" {
		add("expired", m.since, "zones are older than their EXPIRE and get SERVFAIL until the partner is there; if it never will be: loadshare ha serve-alone --reason TEXT")
	}
	if m.ready.not {
		add("not-negotiating", m.ready.since, "the partner is connected and does not get ready: this server goes on without it, and tries again; look at the partner's log, or restart it")
	}
	if wait := m.flapping(); wait > 0 {
		add("flapping", m.flaps.since, fmt.Sprintf("the two part again and again, and come back by themselves each time; nothing is lost by it, but updates wait a moment. Look for a process that dies (its log, on both) and at the network between the two. It counts as over after %s without another parting: in %v", flapWords, wait.Round(time.Second)))
	}
	if s.Failed > 0 {
		add("sync-failed", m.since, "zones could not be synchronised; `loadshare zone list` shows which")
	}
	partnerAccepts := s.PartnerUnfit == "" && (s.Partner == pairmsg.Interrupted || s.Partner == pairmsg.PartnerDown || s.Partner == pairmsg.Normal && m.state == pairmsg.Normal)
	wait := m.cfg.CommTimeout
	switch {
	case s.Unfit != "" && s.PartnerUnfit != "":
		wait = 0
	case s.Unfit != "":
		wait = min(wait, unfitTaken)
	}
	if !s.Accepting && !partnerAccepts && m.now.Wall-m.since >= wait.Microseconds() {
		add("nobody-accepts", m.since, "neither server takes updates: "+s.Closed.String())
	}
}
