package plan

import (
	"fmt"
	"slices"
	"time"

	"loadshare/ddns"
	"loadshare/monitor/order"
)

// Bounds of one order.
const (
	maxValues  = 1000
	maxMembers = 10_000
	maxTTL     = 1<<31 - 1
	maxText    = 4096 // of what is only told
)

// job is the newest order of one pool and how far each server has come with it.
type job struct {
	order    order.Publish
	from     string
	adopting bool // strays of this one are only reported
	want     ddns.Set
	members  []string // canonical
	legs     []leg    // in the order of Config.Servers
	turn     int      // Pair: whose turn it is, see pair.go
	round    time.Time
	done     bool

	seen   bool // the first server has been read
	before []string
	set    []string
	strays []string
	undo   []string
	newest order.Stamp
	told   order.Published // what was last reported
}

func newJob(now time.Time, cfg Config, from string, o order.Publish, adopting, fresh bool) *job {
	j := &job{order: o, from: from, adopting: adopting, want: setOf(o.Want).Normalize(), legs: newLegs(now, cfg, fresh)}
	for _, v := range o.Members {
		j.members = append(j.members, ddns.Canonical(j.want.Type, v))
	}
	return j
}

func setOf(r order.RecordSet) ddns.Set {
	return ddns.Set{Name: r.Name, Type: string(r.Type), TTL: r.TTL, Values: r.Values}
}

// over reports whether no server misses the order any more.
func (j *job) over() bool {
	return !slices.ContainsFunc(j.legs, func(l leg) bool { return !l.over })
}

func (m *Machine) publish(now time.Time, from string, o order.Publish) verdict {
	if len(m.cfg.Servers) == 0 {
		return verdict{refused: order.RefusedNoPublish}
	}
	if d := m.badPublish(o); d != "" {
		return verdict{refused: order.RefusedBadOrder, detail: d}
	}
	if !m.cfg.Records.Allow(key(o.Pool)) {
		return verdict{refused: order.RefusedNotAllowed, detail: fmt.Sprintf("%s is in no pattern of publish.records", o.Pool)}
	}
	if len(o.Want.Values) == 0 && !o.AllowEmpty {
		return verdict{refused: order.RefusedEmpty}
	}
	p, v := m.obeys(now, from, o.Pool, o.Stamp)
	if p == nil {
		return v
	}
	if p.job != nil && p.job.order.ID == o.ID {
		m.note(Note{Reason: OrderRepeated, Pool: p.id, Stamp: o.Stamp, Text: o.ID})
		m.report(from, p.job.published(m.cfg))
		return verdict{}
	}
	if p.job != nil && !p.job.over() {
		m.note(Note{Reason: Superseded, Pool: p.id, Stamp: p.job.order.Stamp, Text: p.job.order.ID})
	}
	p.newest = o.Stamp
	p.job = newJob(now, m.cfg, from, o, !p.adopted, true)
	p.job.turn = m.firstTurn(now)
	m.active[p.id] = p
	m.touch(p)
	// The order itself says that its stamp is current, unless it lay somewhere on its way.
	if age := now.Sub(o.DecidedAt); age <= ConfirmedWithin && age >= -ConfirmedWithin {
		p.confirmed, p.confirmedAt = o.Stamp, now
	}
	m.save(p)
	m.note(Note{Reason: OrderTaken, Pool: p.id, Stamp: o.Stamp, Text: string(o.Reason)})
	return verdict{}
}

// badPublish says why an order contradicts itself; "" when it does not.
func (m *Machine) badPublish(o order.Publish) string {
	if d := badID(o.ID); d != "" {
		return d
	}
	if o.Pool != order.NewPoolID(o.Want.Name, o.Want.Type) {
		return fmt.Sprintf("it is for %s but wants %s %s", o.Pool, o.Want.Name, o.Want.Type)
	}
	k := key(o.Pool)
	if err := ddns.CheckName(k.Name); err != nil {
		return err.Error()
	}
	if o.Zone != "" && !ddns.Below(k.Name, ddns.CanonicalName(o.Zone)) {
		return fmt.Sprintf("%s is not in zone %s", k.Name, o.Zone)
	}
	if len(o.Want.Values) > maxValues || len(o.Members) > maxMembers || o.Want.TTL > maxTTL {
		return fmt.Sprintf("more than %d values, %d members or a TTL over %d", maxValues, maxMembers, maxTTL)
	}
	if len(o.Cause) > maxText || len(o.Reason) > maxID {
		return fmt.Sprintf("a cause longer than %d octets", maxText)
	}
	for _, v := range slices.Concat(o.Want.Values, o.Members) {
		if err := ddns.CheckData(k.Type, v); err != nil {
			return err.Error()
		}
	}
	if _, err := ddns.GenerationName(k); m.cfg.Fence && err != nil {
		return err.Error()
	}
	return ""
}

// keepStrays is whether values that belong to nobody stay (M3).
func (m *Machine) keepStrays(j *job) bool {
	if j.adopting {
		return true
	}
	switch m.cfg.Strays {
	case StraysRemove:
		return false
	case StraysReport:
		return true
	case StraysDefault:
	}
	_, listed := m.cfg.Normal.Get(j.want.Key())
	return !listed
}

// noteStrays takes down what the first server read held, and the strays of every
// server: one may hold what the others do not. The mail of a first adoption is
// sent for each stray once.
func (m *Machine) noteStrays(now time.Time, p *pool, have ddns.Set, s ddns.Sorting, kept bool) {
	j := p.job
	if !j.seen {
		j.seen, j.before, j.set = true, have.Values, s.Target.Values
	}
	fresh := slices.DeleteFunc(slices.Clone(s.Strays), func(v string) bool { return slices.Contains(j.strays, v) })
	if len(fresh) == 0 {
		return
	}
	j.strays = append(j.strays, fresh...)
	lines := func(kind ddns.OpKind, ttl uint32) (out []string) {
		for _, v := range fresh {
			out = append(out, ddns.Op{Kind: kind, Name: have.Name, Type: have.Type, TTL: ttl, Data: v}.Line())
		}
		return out
	}
	if !kept {
		j.undo = append(j.undo, lines(ddns.Add, have.TTL)...)
		m.note(Note{Reason: StraysRemoved, Pool: p.id, Stamp: j.order.Stamp, Text: fmt.Sprint(fresh)})
		return
	}
	m.note(Note{Reason: StraysKept, Pool: p.id, Stamp: j.order.Stamp, Text: fmt.Sprint(fresh)})
	if j.adopting {
		m.out.Alert = append(m.out.Alert, Alert{Kind: AlertStrays, Since: now, Pool: p.id, Values: fresh, Lines: lines(ddns.DeleteRecord, 0)})
	}
}

// published is how the order stands.
func (j *job) published(cfg Config) order.Published {
	out := order.Published{
		Order: j.order.ID, Pool: j.order.Pool, Stamp: j.order.Stamp, Done: j.done,
		Before: j.before, Set: j.set, Strays: j.strays, Undo: j.undo, Newest: j.newest,
	}
	for i := range j.legs {
		l := &j.legs[i]
		out.Servers = append(out.Servers, order.ServerResult{
			Server: cfg.Servers[i], State: l.state, Already: l.already,
			WrittenAt: instant(l.writtenAt), AnsweredAt: instant(l.answeredAt),
			Attempts: l.attempts, Refused: l.refused, Error: l.err,
		})
	}
	return out
}

func instant(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
