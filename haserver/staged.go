package haserver

import (
	"sync"

	"loadshare/haserver/journal"
	"loadshare/haserver/pairmsg"
	"loadshare/haserver/zone"
)

// stageFrom is the number of records from which a content that came whole is written before the machine gets it: the one write that the
// machine orders then is short, and changes of other zones do not wait behind it.
const stageFrom = 2000

// stages are contents that are on the disk and not in force. The zero value is ready.
type stages struct {
	mu   sync.Mutex // written by whoever receives, taken by the committer
	list map[string]staged
}

type staged struct {
	content *zone.Zone
	journal.Staged
}

// write writes a large content of z, in place of one that was not taken.
func (s *stages) write(z *liveZone, content *zone.Zone, p pairmsg.Point) error {
	if content.Len() < stageFrom {
		return nil
	}
	st, err := z.log.Stage(content, p)
	if err != nil {
		return err
	}
	s.mu.Lock()
	old, ok := s.list[z.key]
	if s.list == nil {
		s.list = map[string]staged{}
	}
	s.list[z.key] = staged{content, st}
	s.mu.Unlock()
	if ok {
		return z.log.Drop(old.Staged)
	}
	return nil
}

// take hands out what was written of a content of z.
func (s *stages) take(z *liveZone, content *zone.Zone) (journal.Staged, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, ok := s.list[z.key]
	if !ok || st.content != content {
		return journal.Staged{}, false
	}
	delete(s.list, z.key)
	return st.Staged, true
}
