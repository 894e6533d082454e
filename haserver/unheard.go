package haserver

import (
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"loadshare/haserver/pairmsg"
)

const (
	unheardTimes = 3                // dropped updates of one client, and
	unheardFor   = 10 * time.Second // this long after the first of them: it is told of
	unheardKept  = 5 * time.Minute  // after its last update a client is forgotten
	unheardMost  = 64               // clients that are watched
	unheardAsked = 8                // clients in one question to the partner
	heardMost    = 1024             // clients that are remembered as heard
)

// unheard finds clients that keep asking the backup, which drops their updates, and never the main: a wrong address in a configuration,
// or a cut between those clients and the main (decision H-f). The backup asks the main about them; whom the main has not heard
// is an alarm.
type unheard struct {
	mu      sync.Mutex
	dropped map[netip.Addr]*droppedClient // here, as the backup
	heard   map[netip.Addr]time.Time      // here, as the main
}

type droppedClient struct {
	times       int
	first, last time.Time
	asked       bool // the main was asked, and
	unknown     bool // it has not heard it
}

func newUnheard() *unheard {
	return &unheard{dropped: map[netip.Addr]*droppedClient{}, heard: map[netip.Addr]time.Time{}}
}

// drop notes that a client's update was dropped, or refused for the partner's sake.
func (u *unheard) drop(client netip.Addr, now time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	d := u.dropped[client]
	if d == nil {
		if u.forget(now); len(u.dropped) >= unheardMost {
			return
		}
		d = &droppedClient{first: now}
		u.dropped[client] = d
	}
	d.times++
	d.last = now
}

// forget removes who has not been seen for long.
func (u *unheard) forget(now time.Time) {
	for a, d := range u.dropped {
		if now.Sub(d.last) > unheardKept {
			delete(u.dropped, a)
		}
	}
}

// hear notes an update that this server took, or would have taken, of a client.
func (u *unheard) hear(client netip.Addr, now time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if _, known := u.heard[client]; !known && len(u.heard) >= heardMost {
		for a, at := range u.heard {
			if now.Sub(at) > unheardKept {
				delete(u.heard, a)
			}
		}
		if len(u.heard) >= heardMost {
			return
		}
	}
	u.heard[client] = now
}

// ask are the clients that the main is to be asked about now.
func (u *unheard) ask(now time.Time) []netip.Addr {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.forget(now)
	var list []netip.Addr
	for a, d := range u.dropped {
		if d.times >= unheardTimes && now.Sub(d.first) >= unheardFor {
			list = append(list, a)
		}
	}
	slices.SortFunc(list, netip.Addr.Compare)
	list = list[:min(len(list), unheardAsked)]
	for _, a := range list {
		u.dropped[a].asked = true
	}
	return list
}

// among are those of the list that were heard here lately.
func (u *unheard) among(list []netip.Addr, now time.Time) []netip.Addr {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(list), func(a netip.Addr) bool {
		at, ok := u.heard[a]
		return !ok || now.Sub(at) > unheardKept
	})
}

// answer takes what the main says: those that it has heard are forgotten, the others of those asked about are told of. fresh are those
// that were not known to be unheard before.
func (u *unheard) answer(heard []netip.Addr) (fresh []netip.Addr) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for a, d := range u.dropped {
		switch {
		case slices.Contains(heard, a):
			delete(u.dropped, a)
		case d.asked:
			if !d.unknown {
				fresh = append(fresh, a)
			}
			d.unknown = true
		}
	}
	return fresh
}

// alarm is since when clients are not heard by the main, and who they are; nobody: zero.
func (u *unheard) alarm(now time.Time) (since time.Time, clients []netip.Addr) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.forget(now)
	for a, d := range u.dropped {
		if !d.unknown {
			continue
		}
		clients = append(clients, a)
		if since.IsZero() || d.first.Before(since) {
			since = d.first
		}
	}
	slices.SortFunc(clients, netip.Addr.Compare)
	return since, clients
}

// askUnheard asks the main about clients whose updates are dropped here.
func (s *Server) askUnheard() {
	link := s.loop.link
	if link == nil {
		return
	}
	list := s.unheard.ask(time.Now())
	if to := link.session(link.met.Load()); len(list) > 0 && to != nil {
		link.put(to, pairmsg.Dropped{Clients: list})
	}
}

// unheardAnswered takes the main's answer.
func (s *Server) unheardAnswered(m pairmsg.Heard) {
	for _, a := range s.unheard.answer(m.Clients) {
		s.log.Warn("client_unheard", "client", a.String(), "hint", "its updates come to this server, the backup, alone: let it know both servers, or set updates_at_backup = \"forward\"")
	}
}

// unheardAlarm adds the alarm of clients that the main does not hear.
func (s *Server) unheardAlarm(list []AlarmStatus) []AlarmStatus {
	since, clients := s.unheard.alarm(time.Now())
	if len(clients) == 0 {
		return list
	}
	since = since.UTC().Truncate(time.Millisecond)
	return append(list, AlarmStatus{"client-unheard", &since, fmt.Sprintf("updates of %v come to this server alone, which leaves them to the main; the main has not heard them: let those clients know both servers, or set updates_at_backup = \"forward\"", clients)})
}
