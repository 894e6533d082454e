package decide

import (
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strings"
	"time"

	"loadshare/monitor/order"
)

// driftPause is the least time between two corrections of a record that somebody else changes.
const driftPause = 30 * time.Second

// publication is how far the last decision of a pool has come.
type publication struct {
	// stamp is of the newest order given; newest is the greatest one heard of, from anybody.
	stamp, newest order.Stamp
	// sent: the last decision was ordered under stamp.
	sent  bool
	order order.Publish
	// open until the order has ended (M5).
	open     bool
	taken    map[string]string // agent -> its boot when it answered
	refused  map[string]bool   // agents that refused it for good
	servers  []order.ServerResult
	timeline Timeline
	given    bool   // the timeline belongs to an order already
	oldTTL   uint32 // of the set before
	drifting bool
	driftAt  time.Time
	// foreign are values of nobody that an agent has seen to, by leaving or
	// removing them: those are no reason to write again (M3).
	foreign []string
}

// newDecision notes that what should be published has changed.
func (p *pool) newDecision(now time.Time, why cause) {
	p.why, p.sent, p.unsaved = why, false, true
	p.oldTTL, p.given = p.ttl, false
	p.timeline = Timeline{SeenAt: why.seen, DecidedAt: now}
}

// publish gives the last decision a stamp and orders it.
func (m *Machine) publish(p *pool, why cause) {
	if why.reason != "" {
		p.why = why
	}
	delete(m.published, p.order.ID)
	before := p.order.Want.Values
	p.stamp.Generation++
	p.newest = later(p.newest, p.stamp)
	p.sent, p.open, p.unsaved = true, true, true
	p.taken, p.refused, p.servers = make(map[string]string), make(map[string]bool), nil
	if p.given || p.timeline.DecidedAt.IsZero() {
		p.timeline = Timeline{SeenAt: why.seen, DecidedAt: m.now}
	}
	p.given = true
	members := slices.Clone(p.departed)
	for _, mb := range p.members {
		members = append(members, mb.cfg.Value)
	}
	slices.Sort(members)
	p.order = order.Publish{
		ID:    orderID(m.cfg.Monitor, p.id, "", fmt.Sprintf("%d.%d", p.stamp.Epoch, p.stamp.Generation)),
		Pool:  p.id,
		Stamp: p.stamp,
		Zone:  p.cfg.Zone,
		Want: order.RecordSet{Name: p.id.Name(), Type: p.id.Type(), TTL: p.ttl,
			Values: slices.Clone(p.want)}.Normalize(),
		Members:    slices.Compact(members),
		AllowEmpty: len(p.want) == 0 && p.cfg.OnAllDown == None,
		Reason:     p.why.reason,
		Cause:      p.why.text,
		DecidedAt:  m.now,
	}
	m.published[p.order.ID] = p
	m.out.Publishes = append(m.out.Publishes, p.order)
	m.event(Event{Kind: EventPublish, Pool: p.id, Reason: p.why.reason, Order: p.order.ID, Text: p.why.text,
		Data: map[string]string{
			"published": join(p.want), "added": join(minus(p.want, before)), "removed": join(minus(before, p.want)),
		}})
}

// republish is an operator's wish, or our own: the same set under a new stamp.
func (m *Machine) republish(in Republish) {
	p := m.pools[in.Pool]
	switch {
	case p == nil:
		m.refuse("no pool %s", in.Pool)
		return
	case p.role != RoleHolder:
		m.refuse("%s is not ours to write: %s", in.Pool, p.roleText())
		return
	case p.want == nil:
		m.refuse("%s: nothing is decided yet (%s)", in.Pool, order.ReasonNoVerdictYet)
		return
	}
	why := in.Reason
	if why == "" {
		why = order.ReasonConfirmed
	}
	p.sent = false
	m.touch(p, cause{reason: why, text: "asked for by " + in.By})
}

// receipted takes in an agent's answer to an order.
func (m *Machine) receipted(in Receipted) {
	r := in.Receipt
	if mb := m.attempts[r.Order]; mb != nil {
		m.restartReceipt(mb, in)
		return
	}
	p := m.published[r.Order]
	if p == nil {
		return
	}
	switch r.Refused {
	case order.RefusedNotHolder, order.RefusedStale:
		m.outrun(p, in.Agent, r.Newest, r.Refused)
		return
	case order.RefusedNotDurable, order.RefusedFull:
		return // not answered yet: it stays pending for this agent
	}
	if a := m.agents[in.Agent]; a != nil {
		p.taken[in.Agent] = a.boot
	}
	if r.Refused == order.Taken {
		return
	}
	p.refused[in.Agent] = true
	if r.Refused == order.RefusedNoPublish {
		return
	}
	text := fmt.Sprintf("agent %s refuses %s: %s %s", in.Agent, p.id, r.Refused, r.Detail)
	m.event(Event{Kind: EventPublish, Pool: p.id, Order: r.Order, Reason: p.order.Reason, Text: text, Data: map[string]string{"refused": string(r.Refused)}})
	m.alert(Alert{Incident: "publish " + r.Order, Kind: AlertPublish, Pool: p.id, Reason: p.order.Reason, Text: text, Final: true})
}

func (m *Machine) restartReceipt(mb *member, in Receipted) {
	r := in.Receipt
	if r.Refused == order.Taken {
		mb.attempt.taken = true
		return
	}
	delete(m.attempts, r.Order)
	if r.Refused == order.RefusedNotHolder {
		mb.pool.newest = later(mb.pool.newest, r.Newest)
	}
	if mb.state == Restarting && mb.attempt.running && mb.attempt.id == r.Order {
		m.restartRefused(mb, r.Refused, nil)
	}
}

// publishReport takes in how an order stands at the DNS servers.
func (m *Machine) publishReport(in Published) {
	r := in.Report
	p := m.published[r.Order]
	if p == nil {
		return
	}
	if a := m.agents[in.Agent]; a != nil {
		p.taken[in.Agent] = a.boot
	}
	if r.Newest.Newer(p.stamp) {
		m.outrun(p, in.Agent, r.Newest, order.RefusedStale)
		return
	}
	for _, s := range r.Servers {
		p.noteServer(s)
	}
	m.noteUndo(p, in)
	for _, s := range p.servers {
		if s.WrittenAt != nil && (p.timeline.WrittenAt.IsZero() || s.WrittenAt.Before(p.timeline.WrittenAt)) {
			p.timeline.WrittenAt = *s.WrittenAt
		}
	}
	if r.Done && p.open {
		m.ended(p, in)
	}
}

// noteUndo puts what an agent removed into the history, once, with the lines
// that undo it (M3); whichever agent reports the end of the order.
func (m *Machine) noteUndo(p *pool, in Published) {
	undo := strings.Join(in.Report.Undo, "\n")
	key := in.Report.Order + " " + undo
	if undo == "" || key == p.undone {
		return
	}
	p.undone = key
	m.event(Event{Kind: EventDNS, Pool: p.id, Order: in.Report.Order, Reason: order.ReasonStray,
		Text: "removed what nobody configured: " + join(in.Report.Strays), Data: map[string]string{"undo": undo, "agent": in.Agent}})
}

// noteServer keeps the furthest that any agent reports of one server.
func (p *pool) noteServer(s order.ServerResult) {
	rank := func(st order.ServerState) int {
		return slices.Index([]order.ServerState{order.ServerPending, order.ServerNotAsked, order.ServerOwed,
			order.ServerRefused, order.ServerWritten, order.ServerAnswers}, st)
	}
	i := slices.IndexFunc(p.servers, func(o order.ServerResult) bool { return o.Server == s.Server })
	switch {
	case i < 0:
		p.servers = append(p.servers, s)
		slices.SortFunc(p.servers, func(a, b order.ServerResult) int { return strings.Compare(a.Server, b.Server) })
	case rank(s.State) >= rank(p.servers[i].State):
		// Another agent may have written what this one found written.
		s.WrittenAt, s.AnsweredAt = earlier(p.servers[i].WrittenAt, s.WrittenAt), earlier(p.servers[i].AnsweredAt, s.AnsweredAt)
		p.servers[i] = s
	}
}

func earlier(a, b *time.Time) *time.Time {
	if a == nil || b != nil && b.Before(*a) {
		return b
	}
	return a
}

// ended closes an order and writes its receipt.
func (m *Machine) ended(p *pool, in Published) {
	t := &p.timeline
	p.open, p.unsaved = false, true
	m.touch(p, cause{})
	p.departed = nil
	p.foreign = p.nobodys(in.Report.Set)
	var refused []string
	data := map[string]string{"set": join(in.Report.Set), "before": join(in.Report.Before)}
	for _, s := range p.servers {
		data["server "+s.Server] = string(s.State)
		if s.AnsweredAt != nil && s.AnsweredAt.After(t.AnsweredAt) {
			t.AnsweredAt = *s.AnsweredAt
		}
		at := s.WrittenAt
		if at == nil {
			at = s.AnsweredAt // written by an agent that has not reported yet
		}
		if at != nil {
			if by := at.Add(time.Duration(max(p.oldTTL, p.ttl)) * time.Second); by.After(t.DrainedBy) {
				t.DrainedBy = by
			}
		}
		if s.State == order.ServerRefused {
			refused = append(refused, fmt.Sprintf("%s: %s %s", s.Server, s.Refused, s.Error))
		}
	}
	for name, at := range map[string]time.Time{"seen": t.SeenAt, "decided": t.DecidedAt, "written": t.WrittenAt, "answered": t.AnsweredAt, "drained": t.DrainedBy} {
		if !at.IsZero() {
			data[name] = at.UTC().Format(time.RFC3339Nano)
		}
	}
	if len(in.Report.Strays) > 0 {
		data["strays"] = join(in.Report.Strays)
	}
	m.event(Event{Kind: EventPublish, Pool: p.id, Order: in.Report.Order, Reason: order.ReasonConfirmed, Data: data, Text: p.endText(refused)})
	if len(refused) > 0 {
		m.alert(Alert{Incident: "publish " + in.Report.Order, Kind: AlertPublish, Pool: p.id, Reason: p.order.Reason, Final: true,
			Text: fmt.Sprintf("%s: refused by %s", p.id, strings.Join(refused, "; "))})
	}
}

// endText is what became of an order, without praise for what was refused.
func (p *pool) endText(refused []string) string {
	took := slices.ContainsFunc(p.servers, func(s order.ServerResult) bool {
		return s.State == order.ServerAnswers || s.State == order.ServerWritten || s.State == order.ServerOwed
	})
	switch {
	case len(refused) == 0:
		return "written and answered: " + join(p.want)
	case took:
		return "written: " + join(p.want) + "; refused by " + strings.Join(refused, "; ")
	}
	return "not written: refused by " + strings.Join(refused, "; ")
}

// nobodys are those of the values that are neither members nor ordered.
func (p *pool) nobodys(values []string) []string {
	return minus(minus(order.RecordSet{Type: p.id.Type(), Values: values}.Normalize().Values, p.order.Members), p.order.Want.Values)
}

// answer compares what a DNS server answers with what was decided. What becomes
// of a stray is the agent's business (M3); but it looks only when it has an
// order, so a new stray is a reason to order again, once.
func (m *Machine) answer(in Answer) {
	p := m.pools[in.Pool]
	if p == nil || p.role != RoleHolder || !p.sent || p.open || in.At.Before(p.order.DecidedAt) {
		return
	}
	for _, s := range p.servers {
		if s.Server == in.Server && s.State != order.ServerAnswers && s.State != order.ServerWritten {
			return // owed or silent: the agent follows it up
		}
	}
	got := order.RecordSet{Type: p.id.Type(), Values: in.Values}.Normalize().Values
	missing, extra := minus(p.order.Want.Values, got), minus(p.order.Members, p.order.Want.Values)
	extra = slices.DeleteFunc(extra, func(v string) bool { return !slices.Contains(got, v) })
	if foreign := minus(p.nobodys(in.Values), p.foreign); len(missing) == 0 && len(extra) == 0 && len(foreign) > 0 {
		if m.now.Sub(p.driftAt) >= driftPause {
			p.foreign, p.driftAt, p.sent = append(p.foreign, foreign...), m.now, false
			text := fmt.Sprintf("%s answers %s: nobody configured %s", in.Server, join(got), join(foreign))
			m.event(Event{Kind: EventDNS, Pool: p.id, Reason: order.ReasonStray, Text: text})
			m.touch(p, cause{reason: order.ReasonStray, text: text, seen: in.At})
		}
		return
	}
	if len(missing) == 0 && len(extra) == 0 {
		if p.drifting && m.now.Sub(p.driftAt) >= driftPause {
			p.drifting = false
			m.alert(Alert{Incident: "drift " + string(p.id), Kind: AlertDrift, Pool: p.id, Reason: order.ReasonConfirmed, Final: true,
				Text: fmt.Sprintf("%s is answered as decided again", p.id)})
		}
		return
	}
	if !p.driftAt.IsZero() && m.now.Sub(p.driftAt) < driftPause {
		return
	}
	text := fmt.Sprintf("%s answers %s: missing %s, too much %s", in.Server, join(got), join(missing), join(extra))
	m.event(Event{Kind: EventDNS, Pool: p.id, Reason: order.ReasonDrift, Text: text})
	if !p.drifting {
		m.alert(Alert{Incident: "drift " + string(p.id), Kind: AlertDrift, Pool: p.id, Reason: order.ReasonDrift, Text: string(p.id) + ": " + text})
	}
	p.drifting, p.driftAt, p.sent = true, m.now, false
	m.touch(p, cause{reason: order.ReasonDrift, text: text, seen: in.At})
}

// Pending are the publish orders that the agent has not answered since it
// started, and those it has taken that have not ended: then it reports on them
// again. Send them when it (re)connects, and from time to time. Repeated orders
// have the same id and stamp. What it refused for good is not among them,
// nor what another monitor holds there.
func (m *Machine) Pending(agent string) (orders []order.Publish) {
	a := m.agents[agent]
	if a == nil || !a.up || !a.publishes {
		return nil
	}
	for _, p := range m.list {
		if p.role == RoleHolder && p.sent && p.votes[agent].holder == "" && (p.taken[agent] != a.boot || p.open && !p.refused[agent]) {
			orders = append(orders, p.order)
		}
	}
	return orders
}

// maxOrderID is the longest id that agents take.
const maxOrderID = 128

// orderID names an order so that people can read it. What would be too long is cut and ends in a hash of the whole.
func orderID(monitor string, pool order.PoolID, member, what string) string {
	id := monitor + "/" + string(pool) + "/"
	if member != "" {
		id += member + "/"
	}
	if over := len(id) + len(what) - maxOrderID; over > 0 {
		h := fnv.New64a()
		h.Write([]byte(id))
		id = fmt.Sprintf("%s~%016x/", id[:max(len(id)-over-18, 0)], h.Sum64())
	}
	return id + what
}

func later(a, b order.Stamp) order.Stamp {
	if b.Newer(a) {
		return b
	}
	return a
}

// minus is what a has and b has not.
func minus(a, b []string) (out []string) {
	set := maps.Collect(func(yield func(string, bool) bool) {
		for _, v := range b {
			if !yield(v, true) {
				return
			}
		}
	})
	for _, v := range a {
		if !set[v] {
			out = append(out, v)
		}
	}
	return out
}
