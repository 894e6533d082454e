package dhcp

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"loadshare/dhcp/beside"
	"loadshare/dhcp/config"
	"loadshare/dhcp/engine"
	"loadshare/dhcp/failover"
	"loadshare/dhcp/lease"
	"loadshare/dhcp/scope"
)

// besideBox is what a pair of ours tells each other beside the failover: package beside decides, here it is fed and carried.
type besideBox struct {
	p     *pairLink
	start time.Time

	contact atomic.Bool // as of the last look

	mu sync.Mutex // the loop, the watcher, the session and status meet here
	m  *beside.Machine
}

// newBesideBox is nil with an ISC partner, which is told nothing: all of its methods may be called then.
func newBesideBox(p *pairLink) *besideBox {
	if p.conf.Draft {
		return nil
	}
	b := &besideBox{p: p, start: time.Now()}
	us, them := failover.Main, failover.Backup
	if p.conf.Role == failover.Backup {
		us, them = them, us
	}
	b.m = beside.New(us.String(), them.String(), b.at(b.start))
	return b
}

func (b *besideBox) at(t time.Time) beside.Now {
	return beside.Now{Mono: t.Sub(b.start), Wall: t.Unix()}
}

// step gives the machine an input, and queues what it has to say.
func (b *besideBox) step(list ...beside.Input) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.at(time.Now())
	for _, in := range list {
		if out := b.m.Step(now, in); len(out.Send) > 0 {
			b.p.sayFrames(out.Send)
		}
	}
}

// look shows the machine as of now.
func (b *besideBox) look(f func(m *beside.Machine)) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	f(b.m)
}

// configured tells the pair's machine of this server's configuration.
func (b *besideBox) configured(conf *config.Config) {
	if b != nil {
		b.step(beside.Configured{Summary: summaryOf(conf, b.p.conf.Name)})
	}
}

// summaryOf is all that both of a pair should have alike, in words.
func summaryOf(conf *config.Config, pair string) scope.Summary {
	s := scope.Summarize(conf.Scopes, pair)
	for i := range conf.Engine.Pairs {
		f := &conf.Engine.Pairs[i]
		if f.Name != pair {
			continue
		}
		s.Parts = append(s.Parts, scope.Part{Kind: "failover", Name: pair, Values: []scope.Value{ // by key
			{Key: "load_balancing", Text: strconv.FormatBool(f.Balancing)},
			{Key: "mclt", Text: (time.Duration(f.MCLT) * time.Second).String()},
			{Key: "safe_period", Text: f.SafePeriod.String()},
		}})
	}
	slices.SortStableFunc(s.Parts, func(a, b scope.Part) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name)) })
	return s
}

// tellShadow is what this server told a client, or would have told it.
func (s *Server) tellShadow(e *engine.Shadow) {
	link := s.links[e.Pair]
	if link == nil {
		return
	}
	link.beside.step(beside.Told{
		Client: e.Client, XID: e.XID, Type: uint8(e.Type), Served: e.Served, Scope: e.Scope, Classes: e.Classes, Seconds: e.Seconds, Options: e.Options,
	})
}

// tellAcked tells of a client that was acknowledged, in a round of the loop. How long its lease is matters without contact only.
func (s *Server) tellAcked(n *engine.Note) {
	if len(s.links) == 0 {
		return
	}
	conf := s.conf.Load()
	sc := conf.Engine.Scopes.Scope(n.Scope)
	if sc == nil {
		return
	}
	link := s.links[sc.Failover]
	if link == nil || link.beside == nil {
		return
	}
	a := beside.Acked{Client: n.Client, Relay: n.Relay}
	if !link.beside.contact.Load() {
		l, _, _ := s.loop.machine.Lease(n.IP)
		a.Seconds = uint32(max(0, min(l.Due()-time.Now().Unix(), lease.Forever)))
		a.Short = isShort(conf, sc, a.Seconds)
	}
	link.beside.step(a)
}

// isShort says that a lease is of the length that the MCLT allows, and not of the one that is configured.
func isShort(conf *config.Config, sc *scope.Scope, seconds uint32) bool {
	for _, t := range []*uint32{sc.Policy.LeaseTime, conf.Scopes.Policy.LeaseTime} {
		if t != nil {
			i := slices.IndexFunc(conf.Engine.Pairs, func(f failover.Config) bool { return f.Name == sc.Failover })
			return i >= 0 && int64(seconds) <= conf.Engine.Pairs[i].MCLT && seconds < *t
		}
	}
	return false
}

// tellView tells all partners what was seen at one moment: whether there is contact, who waits, and which relays are heard.
func (s *Server) tellView(v *view) {
	conf := s.conf.Load()
	for name, link := range s.links {
		if link.beside == nil {
			continue
		}
		contact := beside.Input(beside.Lost{})
		if v.pairs[name].Connected {
			contact = beside.Connected{}
		}
		link.beside.contact.Store(v.pairs[name].Connected)
		var waits beside.Waits
		for i := range v.unserved {
			u := &v.unserved[i]
			if ofPair(conf, u.Relay, name) {
				waits.List = append(waits.List, waiterOf(u))
			}
		}
		var hears beside.Hears
		mono := link.beside.at(v.at).Mono
		for _, r := range v.relays {
			if ofPair(conf, r.Relay, name) {
				hears.List = append(hears.List, beside.Heard{Relay: r.Relay, Last: mono - time.Duration(v.at.Unix()-r.Last)*time.Second})
			}
		}
		link.beside.step(contact, waits, hears)
	}
}

func wholeSeconds(d time.Duration) uint32 { return uint32(max(0, d/time.Second)) }

// ofPair says that what comes from a relay (0: from the server's own network) concerns a pair. With several, the relay's address tells; of
// what is in no scope only the clients of a single pair can be told apart.
func ofPair(conf *config.Config, relay lease.IP, pair string) bool {
	if sc := conf.Engine.Scopes.ScopeOf(relay); sc != nil && relay != 0 {
		return sc.Failover == pair
	}
	return len(conf.Pairs) == 1
}

// takeBeside takes a frame of the partner. It speaks, so there is contact, though this server may learn it a moment later.
func (p *pairLink) takeBeside(frame []byte) {
	p.beside.step(beside.Connected{}, beside.Received{Frame: frame})
}

// sayFrames queues frames on the newest connection.
func (p *pairLink) sayFrames(list [][]byte) {
	newest := p.newest()
	if newest == nil {
		return
	}
	for _, frame := range list {
		newest.putAside(frame)
	}
}

const (
	shownUnserved = 100
	shownDiffers  = 50
)

// differs is what is configured otherwise at the partner.
func (b *besideBox) differs() (out []string) {
	b.look(func(m *beside.Machine) {
		a, list := m.Differs()
		if a == beside.Different && len(list) == 0 {
			out = []string{"the configurations differ; what differs is being asked for"}
		}
		for i := range list {
			if len(out) == shownDiffers {
				out = append(out, fmt.Sprintf("and %d more", len(list)-i))
				return
			}
			out = append(out, list[i].String())
		}
	})
	return out
}

// shadows is how clients were served otherwise than the partner would have, of late.
func (b *besideBox) shadows() []string {
	out := []string{}
	b.look(func(m *beside.Machine) {
		for _, f := range m.Findings() {
			if f.Count == 1 {
				out = append(out, f.String())
			} else {
				out = append(out, fmt.Sprintf("%s (%d times since %s)", f, f.Count, time.Unix(f.First, 0).UTC().Format(time.RFC3339)))
			}
		}
	})
	return out
}

// outage is the last time without contact that clients felt.
func (b *besideBox) outage() (out *OutageStatus) {
	b.look(func(m *beside.Machine) {
		o := m.Outage()
		if o.Until == 0 {
			return
		}
		out = &OutageStatus{
			From: time.Unix(o.From, 0).UTC(), Until: time.Unix(o.Until, 0).UTC(), NeverServed: o.Count(beside.NeverServed), Waited: o.Count(beside.Waited),
			ShortLease: o.Count(beside.ShortLease), Cut: o.Cut, Clients: []OutageClient{},
		}
		for i := range o.Clients {
			c := &o.Clients[i]
			one := OutageClient{Client: c.Client.String(), How: c.How.String(), Waited: int64(c.Waited), Lease: int64(c.Seconds)}
			if c.Relay != 0 {
				one.Relay = c.Relay.String()
			}
			if len(out.Clients) < shownUnserved {
				out.Clients = append(out.Clients, one)
			}
		}
	})
	return out
}

// relayStatus joins what this server and its partners hear.
func (s *Server) relayStatus(v *view) []RelayStatus {
	out := []RelayStatus{}
	seen := map[lease.IP]bool{}
	for _, l := range s.links {
		l.beside.look(func(m *beside.Machine) {
			for _, r := range m.Relays() {
				if !seen[r.Relay] {
					seen[r.Relay] = true
					out = append(out, RelayStatus{Address: r.Relay.String(), Last: moment(r.Here), Partner: moment(r.There), OneOnly: r.Coverage > beside.Both})
				}
			}
		})
	}
	for _, r := range v.relays { // of scopes that no partner of ours serves too
		if !seen[r.Relay] {
			out = append(out, RelayStatus{Address: r.Relay.String(), Last: moment(r.Last)})
		}
	}
	return out
}

// unservedStatus are the clients that nobody serves (decision D-k), those that have waited longest first. An ISC partner does not tell
// whom it has acknowledged: clients that are its to answer are left out.
func (s *Server) unservedStatus(v *view) []Unserved {
	conf := s.conf.Load()
	out := []Unserved{}
	told := map[string]bool{} // pairs that have joined their list with the partner's
	for name, l := range s.links {
		l.beside.look(func(m *beside.Machine) {
			told[name] = true
			for _, u := range m.Unserved() {
				out = append(out, unservedOf(u, v.at))
			}
		})
	}
	for i := range v.unserved {
		u := &v.unserved[i]
		joined := false
		for name := range told {
			joined = joined || ofPair(conf, u.Relay, name)
		}
		if !joined && u.Why != engine.PartnersClient {
			out = append(out, unservedOf(beside.Unserved{Here: true, Waiter: waiterOf(u)}, v.at))
		}
	}
	slices.SortStableFunc(out, func(a, b Unserved) int { return a.Since.Compare(b.Since) })
	return out[:min(len(out), shownUnserved)]
}

// waiterOf is a client that waits, as the two tell each other.
func waiterOf(u *engine.Unserved) beside.Waiter {
	return beside.Waiter{
		Client: u.Client, Relay: u.Relay, Waited: wholeSeconds(u.Waited), Quiet: wholeSeconds(u.Quiet), Tries: uint32(max(0, u.Tries)), Why: u.Why.String(), Denied: u.Why == engine.DeniedClient,
	}
}

func unservedOf(u beside.Unserved, now time.Time) Unserved {
	ago := func(s uint32) time.Time { return now.Add(-time.Duration(s) * time.Second).UTC().Truncate(time.Second) }
	one := Unserved{Client: u.Client.String(), Since: ago(u.Waited), Last: ago(u.Quiet), Tries: int(u.Tries), Reason: u.Why, PartnerReason: u.WhyThere, Here: u.Here, There: u.There}
	if u.Relay != 0 {
		one.Relay = u.Relay.String()
	}
	return one
}

const (
	alarmAnswers = "answers-differ" // the partner would serve clients otherwise (decision D-j)
	alarmOutage  = "after-outage"   // clients were not served while there was no contact (decision D-k)
)

const outageTold = 15 * time.Minute // after its end

// judgeBeside are the alarms of what the two tell each other.
func judgeBeside(f *facts) (out []AlarmStatus) {
	for i := range f.status.Pairs {
		p := &f.status.Pairs[i]
		if n := len(p.Shadow); n > 0 {
			text := p.Shadow[0]
			if n > 1 {
				text += fmt.Sprintf("; and %d more differences", n-1)
			}
			out = append(out, AlarmStatus{Name: alarmAnswers, About: p.Name, Since: f.now.UTC().Truncate(time.Second), Text: text, Next: "loadshare dhcp-pair sync update --report"})
		}
		if o := p.Outage; o != nil && o.NeverServed > 0 && f.now.Sub(o.Until) < outageTold {
			out = append(out, AlarmStatus{Name: alarmOutage, About: p.Name, Since: o.Until, Next: "loadshare dhcp-pair status", Text: fmt.Sprintf(
				"without contact from %s for %s: %s never served, %d waited, %d got a short lease", o.From.Format(time.TimeOnly), short(o.Until.Sub(o.From)), numbered(o.NeverServed, "client was", "clients were"), o.Waited, o.ShortLease)})
		}
	}
	return out
}
