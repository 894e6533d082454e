package decide

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"loadshare/monitor/order"
)

// pool is what is known about one record set.
type pool struct {
	id      order.PoolID
	cfg     Pool
	members []*member
	// departed are values that left the configuration and may still be in DNS.
	departed []string

	// decided: every member had a verdict once. Nothing is published before.
	decided bool
	waiting bool // its first decision waits for the end of a hold
	// want is the set of the last decision, sorted; nil before the first. ttl belongs to it.
	want []string
	ttl  uint32
	why  cause // of the last decision
	// whole is the set published when no member was bad: what keep-last keeps.
	whole   []string
	allDown string // incident while no member is good, else ""
	undone  string // the last removal of strays that is in the history

	lease
	publication
	slot *member // being restarted

	touched, unsaved bool
	cause            cause // of this step
}

// cause is why a decision is made.
type cause struct {
	reason order.Reason
	text   string
	seen   time.Time
}

func (p *pool) floor() int { return p.cfg.MinMembers.Of(len(p.members)) }

// leftWithout is how many good members a drain would leave.
func (p *pool) leftWithout(out *member) (n int) {
	for _, mb := range p.members {
		if mb != out && mb.good() {
			n++
		}
	}
	return n
}

// decide computes what a pool should publish now and orders it if that changed.
func (m *Machine) decide(p *pool) {
	if !m.ready(p) {
		return
	}
	why := p.cause
	good, all := p.choose(m.guard.reason)
	if p.want == nil && p.cfg.OnAllDown != None && !p.anyNext() {
		m.tellAllDown(p, good, all)
		return // nothing was ever published and nothing is good: leave DNS as it is
	}
	m.tellAllDown(p, good, all)
	swapped := false
	var want []string
	for _, mb := range p.members {
		if mb.next {
			want = append(want, mb.cfg.Value)
		}
		if mb.kept == order.ReasonFloor && !mb.next && mb.inDNS {
			swapped = true
		}
		if mb.nextKept != mb.kept && mb.nextKept != "" {
			m.event(Event{Kind: EventGuard, Pool: p.id, Member: mb.cfg.Value, Reason: mb.nextKept, Incident: mb.incident,
				Text: fmt.Sprintf("%s is %s, and kept in DNS: %s", mb.cfg.Value, mb.state, p.keptText(mb.nextKept))})
		}
		if mb.inDNS != mb.next || mb.kept != mb.nextKept {
			mb.inDNS, mb.kept = mb.next, mb.nextKept
			p.unsaved = true
		}
	}
	slices.Sort(want)
	if good > 0 && good == all && !slices.Equal(p.whole, want) {
		p.whole, p.unsaved = want, true
	}
	if p.want == nil || !slices.Equal(p.want, want) || p.ttl != p.cfg.TTL {
		switch {
		case good == 0 && all > 0:
			why.reason = order.ReasonAllDown
		case swapped && good > 0:
			why.reason = order.ReasonFloorSwap
		case why.reason == "":
			why.reason = order.ReasonConfigured
		}
		if p.want == nil {
			p.ttl = p.cfg.TTL
		}
		p.newDecision(m.now, why)
		p.want, p.ttl = nonNil(want), p.cfg.TTL
	}
	if !p.sent && p.role == RoleHolder {
		m.publish(p, why)
	}
}

// ready reports whether every member has a verdict. A pool that was once ready stays so.
func (m *Machine) ready(p *pool) bool {
	if p.decided {
		return true
	}
	for _, mb := range p.members {
		if mb.state == Unknown {
			return false
		}
	}
	if p.waiting = m.guard.holding(); p.waiting {
		return false
	}
	p.decided, p.unsaved = true, true
	return true
}

// choose marks the members to publish in next and nextKept. It returns how many
// are good, and how many are not drained.
func (p *pool) choose(hold order.Reason) (good, all int) {
	n := 0
	for _, mb := range p.members {
		mb.next, mb.nextKept = false, ""
		if mb.state == Drained {
			continue
		}
		all++
		switch {
		case mb.good():
			good++
			n++
			mb.next = true
		case mb.held:
			n++
			mb.next, mb.nextKept = true, hold
		}
	}
	if good == 0 && p.cfg.OnAllDown == None && n == 0 {
		return good, all
	}
	if n == 0 {
		if n = p.keepAllDown(); n == 0 && p.want == nil {
			return good, all
		}
	}
	for floor := p.floor(); n < floor; n++ {
		if mb := p.leastBad(); mb != nil {
			mb.next, mb.nextKept = true, order.ReasonFloor
		}
	}
	return good, all
}

// keepAllDown marks what on_all_down says: all, or the set published before the
// incident began. A pool that was never whole keeps what it has.
func (p *pool) keepAllDown() (n int) {
	for _, mb := range p.members {
		if mb.state == Drained {
			continue
		}
		if p.cfg.OnAllDown == All || slices.Contains(p.whole, mb.cfg.Value) || p.whole == nil && mb.inDNS {
			mb.next, mb.nextKept = true, order.ReasonAllDown
			n++
		}
	}
	return n
}

// leastBad is the member to keep when there are too few good ones: one that
// is up but flapping before one that is down, then one that is in DNS already,
// then the one that answered last, then the first configured. A drained member is the very last resort: only so the set is
// never empty. Members already chosen are skipped; nil when none is left.
func (p *pool) leastBad() *member {
	var best *member
	for _, mb := range p.members {
		if !mb.next && (best == nil || mb.lessBad(best)) {
			best = mb
		}
	}
	if best == nil || best.state == Drained && p.anyNext() {
		return nil
	}
	return best
}

func (p *pool) anyNext() bool {
	return slices.ContainsFunc(p.members, func(mb *member) bool { return mb.next })
}

func (mb *member) lessBad(than *member) bool {
	if a, b := mb.badness(), than.badness(); a != b {
		return a < b
	}
	if mb.inDNS != than.inDNS {
		return mb.inDNS
	}
	return mb.lastOK().After(than.lastOK())
}

func (mb *member) badness() int {
	answers := false
	for _, c := range mb.checks {
		answers = answers || c.verdict == VerdictUp && c.fails == 0
	}
	switch {
	case mb.state == Drained:
		return 3
	case mb.state == Unknown:
		return 2
	case mb.state == Flapping && answers:
		return 0
	}
	return 1
}

func (p *pool) keptText(r order.Reason) string {
	switch r {
	case order.ReasonFloor:
		return fmt.Sprintf("min_members is %d", p.floor())
	case order.ReasonAllDown:
		return "no member is good"
	case order.ReasonAnchorsAway:
		return "this monitor is blind"
	}
	return "too much fails at once to be believed"
}

// tellAllDown says once that a pool has no good member, and once that it has one again.
func (m *Machine) tellAllDown(p *pool, good, all int) {
	switch {
	case good == 0 && all > 0 && p.allDown == "" && !m.guard.holding():
		p.allDown = fmt.Sprintf("%s all-down %d", p.id, m.now.Unix())
		p.unsaved = true
		var names []string
		for _, mb := range p.members {
			names = append(names, mb.name())
		}
		m.alert(Alert{Incident: p.allDown, Kind: AlertAllDown, Pool: p.id, Reason: order.ReasonAllDown, Children: names,
			Text: fmt.Sprintf("%s has no good member", p.id)})
	case good > 0 && p.allDown != "":
		m.alert(Alert{Incident: p.allDown, Kind: AlertAllDown, Pool: p.id, Reason: order.ReasonRose, Final: true,
			Text: fmt.Sprintf("%s has a good member again", p.id)})
		p.allDown, p.unsaved = "", true
	}
}

func nonNil(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

func join(vals []string) string {
	if len(vals) == 0 {
		return "nothing"
	}
	return strings.Join(vals, ", ")
}
