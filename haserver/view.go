package haserver

import (
	"sync/atomic"

	"loadshare/haserver/journal"
	"loadshare/haserver/message"
	"loadshare/haserver/pair"
	"loadshare/haserver/pairmsg"
	"loadshare/haserver/zone"
)

// view is what a configuration makes of the server: immutable, replaced whole by a reload. The zones' contents
// change inside it.
type view struct {
	zones map[string]*served // by name in lower case
	keys  message.Keys
	ha    *HA // nil: single
	nsid  []byte
	rate  *limiter // nil: off
}

// served is a zone with the rights of one configuration.
type served struct {
	*liveZone
	conf ZoneConfig
}

// liveZone is a zone as it goes on over reloads.
type liveZone struct {
	name zone.Name
	key  string // Key of name
	log  *journal.Log

	// visible is what queries and transfers see: the last generation that has as many copies as it needs (decisions H-a,
	// H-b). nil: they get SERVFAIL, for the reason in hidden.
	visible shown
	hidden  atomic.Uint32 // a pair.Reason

	// edited is the zone's file when that says something else than when it was last read (decision H-j); nil: it does not, as far as the last
	// start or reload saw.
	edited atomic.Pointer[string]

	snapshotting atomic.Bool
	keep         journal.Keep // by the last pair.WriteZone; of the committer
}

// why is the reason why nothing of the zone is visible, in words.
func (z *liveZone) why() string {
	return "zone " + z.name.String() + " is not served now: " + hiddenWords(pair.Reason(z.hidden.Load()))
}

// hiddenWords says a reason to show nothing of a zone so that it can be understood.
func hiddenWords(r pair.Reason) string {
	switch r {
	case pair.ZoneFresh:
		return "fresh (only read from its file; the partner may know better)"
	case pair.ZoneStale:
		return "stale (older than what the partner has, from where it comes)"
	case pair.ZoneExpired:
		return "expired (alone with data older than EXPIRE)"
	default:
		return r.String()
	}
}

// details says whether every step of every zone is logged (checklist H36).
func (v *view) details() bool { return v != nil && v.ha != nil && v.ha.Details }

// find returns the zone that is to answer for a name: the one with the longest name at or above it; for DS at
// the top of a zone the one above, if it is here (RFC 4035, 3.1.4.1). nil: none of ours.
func (v *view) find(name zone.Name, t zone.Type) *served {
	var buf [256]byte
	lower := append(buf[:0], name...)
	for i, c := range lower {
		if c >= 'A' && c <= 'Z' {
			lower[i] = c + 'a' - 'A'
		}
	}
	var top *served
	for i := 0; i < len(lower); i += int(lower[i]) + 1 {
		if z := v.zones[string(lower[i:])]; z != nil {
			if i > 0 || t != zone.TypeDS || lower[0] == 0 {
				return z
			}
			top = z
		}
		if lower[i] == 0 {
			break
		}
	}
	return top
}

// noZonesYet is why a blank server answers nothing.
const noZonesYet = "this backup has no zones yet: they come from the main"

// blank says whether this is the backup of a pair that does not know yet which zones there are: its disk is new, and the main was not heard.
func (v *view) blank() bool {
	return v.ha != nil && v.ha.Role == pairmsg.Backup && len(v.zones) == 0
}

// exact returns the zone of exactly that name.
func (v *view) exact(name zone.Name) *served { return v.zones[name.Key()] }
