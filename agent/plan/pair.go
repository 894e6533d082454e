package plan

import (
	"slices"
	"time"

	"loadshare/monitor/order"
)

// pairAgain is the wait between the two first tries at the main: a refused
// connection answers at once, and a restarting server is not back yet.
const pairAgain = 250 * time.Millisecond

// In a pair one server at a time has the turn: main, main, backup, then main and
// backup each every 4 s. Turn counts from 0.
func turnOf(turn, servers int) int { return max(turn-1, 0) % servers }

// deafFor is how long a server that left a write unanswered is passed over.
const deafFor = 30 * time.Second

// firstTurn is where a new job begins: with the main, unless that is known to
// answer nothing, or no updates, and the backup is not. Later orders never wait for a
// dead server (M5); the main is asked again by every look at what the backup
// took, and written to again after deafFor.
func (m *Machine) firstTurn(now time.Time) int {
	const backup = 2
	if m.cfg.Policy == Pair && len(m.cfg.Servers) == 2 && m.server(m.cfg.Servers[0]).useless(now) && !m.server(m.cfg.Servers[1]).useless(now) {
		return backup
	}
	return 0
}

func (s *server) useless(now time.Time) bool { return s.silent || now.Before(s.deafUntil) }

func (m *Machine) hasTurn(j *job, i int) bool {
	if m.cfg.Policy != Pair || j.legs[i].lookOnly {
		return true
	}
	return turnOf(j.turn, len(j.legs)) == i
}

// pairFailed gives the turn to the next.
func (m *Machine) pairFailed(now time.Time, j *job) {
	was := turnOf(j.turn, len(j.legs))
	if was == 0 && j.turn != 1 {
		j.round = j.legs[was].began
	}
	j.turn++
	l := &j.legs[turnOf(j.turn, len(j.legs))]
	switch {
	case j.turn == 1:
		l.next = now.Add(pairAgain)
	case turnOf(j.turn, len(j.legs)) == 0: // a new round
		l.next = later(now, j.round.Add(RetryEvery))
	default:
		l.next = now
	}
	l.first = false
}

// pairTook ends the writing: one has it and hands it over; the others are only
// asked, a few times.
func (m *Machine) pairTook(now time.Time, j *job) {
	for i := range j.legs {
		if l := &j.legs[i]; !l.over && !l.lookOnly {
			l.lookOnly, l.looks, l.next, l.unconfirmed = true, 0, now, false
			l.state, l.err = order.ServerPending, ""
		}
	}
}

// lame reports whether no server of the pair is authoritative. One that is not,
// such as a main that has lost its zone, is no more use than a silent one.
func (j *job) lame() bool {
	return !slices.ContainsFunc(j.legs, func(l leg) bool { return !l.noZone })
}

// pairRefused ends the order: what one of a pair refuses for good, the other
// would refuse too.
func (m *Machine) pairRefused(j *job) {
	for i := range j.legs {
		if l := &j.legs[i]; !l.over {
			l.over, l.state = true, order.ServerNotAsked
		}
	}
}

// lookAgain asks the partner once more, or lets it be: its silence is a warning.
func (m *Machine) lookAgain(now time.Time, l *leg) {
	if l.looks++; l.looks >= partnerLooks {
		l.over, l.state = true, order.ServerNotAsked
		if l.err == "" {
			l.err = "it does not answer the new set yet"
		}
		return
	}
	l.next = now.Add(retryFirst)
}
