package haserver

import (
	"slices"
	"time"
)

// SecondaryStatus is one secondary of a zone in the answer to GET /v1/zone.
type SecondaryStatus struct {
	Address       string     `json:"address"`
	Notified      *uint32    `json:"notified"`       // the serial that it was told of last; null: none yet
	Answered      *time.Time `json:"answered"`       // its last answer; null: none yet
	Serial        *uint32    `json:"serial"`         // what it holds, as far as it was seen; null: not known
	Known         string     `json:"known"`          // by what: soa-query, ixfr-request, transfer; "" when serial is null
	Behind        *uint32    `json:"behind"`         // serials that it lacks; null: not known
	BehindSeconds float64    `json:"behind_seconds"` // for how long it has not been known to be current
	Tries         int        `json:"tries"`          // messages since its last answer
	LastError     string     `json:"last_error"`     // "" when nothing was wrong since
}

// secondaries is what is known of the secondaries of a zone, by address.
func (s *Server) secondaries(z *liveZone) []SecondaryStatus {
	n := s.notify
	now := n.now()
	n.mu.Lock()
	list := n.machine.Secondaries(now, z.name.Key())
	n.mu.Unlock()
	out := make([]SecondaryStatus, 0, len(list))
	for _, k := range list {
		st := SecondaryStatus{
			Address: k.Address.String(), Known: k.Evidence.String(), BehindSeconds: k.Lag.Round(time.Millisecond).Seconds(), Tries: k.Tries, LastError: k.Trouble,
		}
		if k.Told {
			st.Notified = &k.Notified
		}
		if k.Answered {
			at := n.start.Add(k.At).UTC().Truncate(time.Millisecond)
			st.Answered = &at
		}
		if st.Known != "" {
			st.Serial, st.Behind = &k.Held, &k.Behind
		}
		out = append(out, st)
	}
	slices.SortFunc(out, func(a, b SecondaryStatus) int {
		if a.Address < b.Address {
			return -1
		}
		return 1
	})
	return out
}
