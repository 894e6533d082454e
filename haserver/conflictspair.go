package haserver

import (
	"strings"

	"loadshare/haserver/pairmsg"
	"loadshare/internal/durable"
)

// Both servers of a pair keep all conflicts, so that whichever survives can restore them: who has new ones, and both when they have met, say
// which they keep, and get what they lack. A conflict that was restored is remembered as such, else the partner would bring it back.

const (
	maxConflictsTold = 4 << 20 // octets of conflicts in a message, about
	maxConflictValue = 1 << 20 // octets of one that is taken
	maxConflictID    = 64
)

// conflictsDue has the partner hear which conflicts are kept here. It never blocks.
func (s *Server) conflictsDue() {
	if s.loop.link == nil {
		return
	}
	s.settings.order(func() {
		if list, err := s.allConflicts(); err == nil {
			s.tellConflicts(list, false)
		}
	})
}

func (s *Server) tellConflicts(list []keptConflict, answer bool) {
	p := s.loop.link
	if to := p.session(p.met.Load()); to != nil {
		m := pairmsg.ConflictsKept{Answer: answer}
		for _, c := range list[:min(len(list), maxConflicts)] {
			m.List = append(m.List, pairmsg.ConflictMark{Zone: c.zone, ID: c.ID, At: c.At, Gone: c.gone})
		}
		p.put(to, m)
	}
}

// conflictID says whether an ID is one: hexadecimal digits.
func conflictID(id string) bool {
	return id != "" && len(id) <= maxConflictID && strings.Trim(id, "0123456789abcdef") == ""
}

type conflictKey struct{ zone, id string }

// newerConflict says which of two of one name holds: the later, of the same the one that says it is gone.
func newerConflict(at int64, gone bool, than pairmsg.ConflictMark) bool {
	return at > than.At || at == than.At && gone && !than.Gone
}

// conflictsAsked sends what the partner does not keep and this server does, and has it send what this one lacks.
func (s *Server) conflictsAsked(m pairmsg.ConflictsKept) {
	theirs := make(map[conflictKey]pairmsg.ConflictMark, len(m.List))
	for _, c := range m.List {
		theirs[conflictKey{c.Zone.Key(), c.ID}] = c
	}
	list, err := s.allConflicts()
	if err != nil {
		s.quiet.Warn(s.log, "conflicts_unreadable", "error", err.Error())
		return
	}
	var out pairmsg.Conflicts
	size, known := 0, 0
	for _, c := range list {
		have, ok := theirs[conflictKey{c.zone.Key(), c.ID}]
		if ok && !newerConflict(have.At, have.Gone, pairmsg.ConflictMark{At: c.At, Gone: c.gone}) {
			known++
		}
		if ok && !newerConflict(c.At, c.gone, have) || out.More {
			continue
		}
		if out.More = size >= maxConflictsTold; out.More {
			continue
		}
		value := conflictValue(c.Conflict)
		if c.gone {
			value = goneValue(c.At)
		}
		out.List = append(out.List, pairmsg.KeptConflict{ConflictMark: pairmsg.ConflictMark{Zone: c.zone, ID: c.ID, At: c.At, Gone: c.gone}, Value: value})
		size += len(value)
	}
	if p := s.loop.link; len(out.List) > 0 {
		if to := p.session(p.met.Load()); to != nil {
			p.put(to, out)
		}
	}
	if !m.Answer && known < len(theirs) {
		s.tellConflicts(list, true)
	}
}

// conflictsCame keeps what the partner sent, as far as it is of zones that are here and newer than what is kept.
func (s *Server) conflictsCame(m pairmsg.Conflicts) {
	list, err := s.allConflicts()
	if err != nil {
		s.quiet.Warn(s.log, "conflicts_unreadable", "error", err.Error())
		return
	}
	have := make(map[conflictKey]pairmsg.ConflictMark, len(list))
	for _, c := range list {
		have[conflictKey{c.zone.Key(), c.ID}] = pairmsg.ConflictMark{At: c.At, Gone: c.gone}
	}
	view := s.view.Load()
	var b durable.Batch
	for _, v := range m.List {
		c, gone, err := parseStored(v.ID, v.Value)
		key := conflictKey{v.Zone.Key(), v.ID}
		if err != nil || !conflictID(v.ID) || len(v.Value) > maxConflictValue || view.exact(v.Zone) == nil {
			continue
		}
		if was, ok := have[key]; ok && !newerConflict(c.At, gone, was) {
			continue
		}
		have[key] = pairmsg.ConflictMark{At: c.At, Gone: gone}
		value := conflictValue(c)
		if gone {
			value = goneValue(c.At)
		}
		s.journal.PutValue(&b, conflictKind, v.Zone, v.ID, value)
	}
	if b.Len() == 0 {
		return
	}
	if err := s.store.Commit(&b); err != nil {
		s.quiet.Warn(s.log, "conflicts_not_kept", "error", err.Error())
		return
	}
	if len(have) > maxConflicts {
		if err := s.trimConflicts(); err != nil {
			s.quiet.Warn(s.log, "conflicts_not_kept", "error", err.Error())
		}
		return
	}
	if m.More {
		s.conflictsDue()
	}
}
