package dhcp

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"loadshare/dhcp/failover"
	"loadshare/dhcp/scope"
	"loadshare/internal/link"
)

// Between two of ours there are frames besides those with failover messages: they begin with a length that no message can have, and
// are JSON. The failover does not depend on them; what a version does not know it skips.
//
// The first frame of who has dialled names the pair. Later ones tell what both should agree on, or should both hear.

var asideMark = []byte{0xff, 0xff}

const (
	maxAside   = link.MaxFrame
	maxTold    = 200 // relays, and clients, in one frame
	asideEvery = 15 * time.Second
)

// aside is what is said in one frame.
type aside struct {
	Hello    string           `json:"hello,omitempty"`
	Digest   []byte           `json:"digest,omitempty"` // of the configuration of the pair's scopes
	Summary  *scope.Summary   `json:"summary,omitempty"`
	Want     bool             `json:"want,omitempty"` // the summary is wanted
	Relays   map[string]int64 `json:"relays,omitempty"`
	Unserved []Unserved       `json:"unserved,omitempty"`
	Config   map[string]int64 `json:"config,omitempty"` // numbers of [[failover]] that should be the same
	Shadows  []shadow         `json:"shadows,omitempty"`
	Ask      *syncAsk         `json:"ask,omitempty"`
	Answer   *syncAnswer      `json:"answer,omitempty"`
}

func isAside(b []byte) bool { return len(b) >= 2 && b[0] == asideMark[0] && b[1] == asideMark[1] }

func (a *aside) frame() []byte {
	text, err := json.Marshal(a)
	if err != nil {
		return nil // of these types there is none
	}
	return append(slices.Clone(asideMark), text...)
}

func parseAside(frame []byte) (a aside, err error) {
	if !isAside(frame) || len(frame) > maxAside {
		return a, errors.New("not what is said besides failover messages")
	}
	if err := json.Unmarshal(frame[2:], &a); err != nil {
		return a, fmt.Errorf("what the partner says besides cannot be read: %w", err)
	}
	return a, nil
}

func hello(pair string) []byte { return (&aside{Hello: pair}).frame() }

func parseHello(frame []byte) (string, error) {
	a, err := parseAside(frame)
	if err == nil && a.Hello == "" {
		err = errors.New("the first frame names no pair")
	}
	return a.Hello, err
}

// asideBook is what the partner has told.
type asideBook struct {
	mu       sync.Mutex // the session's goroutine writes, status reads
	at       time.Time
	digest   []byte
	differs  []string
	relays   map[string]int64
	unserved []Unserved
	config   map[string]int64
}

// tellAside says to the partners now and then what they should know.
func (s *Server) tellAside() {
	tick := time.NewTicker(asideEvery)
	defer tick.Stop()
	for {
		for _, p := range s.links {
			if !p.conf.Draft {
				p.sayAside(s.asideFor(p, false))
			}
		}
		select {
		case <-tick.C:
		case <-s.retell:
		case <-s.ctx.Done():
			return
		}
	}
}

// asideFor is what the partner should know. With whole the configuration is said in words.
func (s *Server) asideFor(p *pairLink, whole bool) *aside {
	conf := s.conf.Load()
	sum := scope.Summarize(conf.Scopes, p.conf.Name)
	digest := sum.Digest()
	a := &aside{Digest: digest[:], Relays: s.relaysNow(maxTold), Unserved: s.unservedNow(maxTold)}
	if whole {
		a.Summary = &sum
	}
	for i := range conf.Engine.Pairs {
		if f := &conf.Engine.Pairs[i]; f.Name == p.conf.Name {
			a.Config = numbersOf(f)
		}
	}
	return a
}

// numbersOf are what of a [[failover]] should be the same on both.
func numbersOf(f *failover.Config) map[string]int64 {
	return map[string]int64{"mclt": f.MCLT, "load_balancing": number(f.Balancing), "safe_period": int64(f.SafePeriod / time.Second)}
}

func number(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// sayAside queues a frame on the newest connection; false: there is none.
func (p *pairLink) sayAside(a *aside) bool {
	p.mu.Lock()
	var newest *session
	for _, s := range p.sessions {
		if newest == nil || s.id > newest.id {
			newest = s
		}
	}
	p.mu.Unlock()
	if newest == nil {
		return false
	}
	frame := a.frame()
	if len(frame) == 0 || len(frame) > maxAside {
		return false
	}
	newest.putAside(frame)
	return true
}

// takeAside keeps what the partner says. When the digests differ it is asked for the words.
func (p *pairLink) takeAside(s *session, frame []byte) error {
	a, err := parseAside(frame)
	if err != nil {
		return err
	}
	switch {
	case a.Hello != "":
		return nil
	case a.Ask != nil:
		p.s.side.Go(func() { p.answerSync(s, a.Ask) })
		return nil
	case a.Answer != nil:
		p.answered(a.Answer)
		return nil
	case len(a.Shadows) > 0:
		p.shadows.theirs(a.Shadows, time.Now())
		return nil
	}
	if a.Want {
		if frame := p.s.asideFor(p, true).frame(); len(frame) <= maxAside {
			s.putAside(frame)
		}
		return nil
	}
	conf := p.s.conf.Load()
	own := scope.Summarize(conf.Scopes, p.conf.Name)
	digest := own.Digest()
	same := slices.Equal(digest[:], a.Digest)
	b := &p.theirs
	b.mu.Lock()
	defer b.mu.Unlock()
	if !slices.Equal(b.digest, a.Digest) {
		p.s.tellSoon() // the partner has begun, or has another configuration: it compares as well
	}
	b.at, b.digest, b.relays, b.unserved, b.config = time.Now(), a.Digest, a.Relays, a.Unserved, a.Config
	switch {
	case same:
		b.differs = nil
	case a.Summary != nil:
		b.differs = differences(own, *a.Summary)
	default:
		if len(b.differs) == 0 {
			b.differs = []string{"the configurations differ; what differs is being asked for"}
		}
		s.putAside((&aside{Want: true}).frame())
	}
	return nil
}

const maxDiffers = 50

func differences(own, theirs scope.Summary) []string {
	var out []string
	list := scope.Compare(own, theirs)
	for i := range list {
		if len(out) == maxDiffers {
			return append(out, fmt.Sprintf("and %d more", len(list)-i))
		}
		out = append(out, list[i].String())
	}
	return out
}

// told is what the partner has said last; false: nothing in a while.
func (b *asideBook) told(now time.Time) (differs []string, relays map[string]int64, unserved []Unserved, config map[string]int64, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.differs, b.relays, b.unserved, b.config, now.Sub(b.at) < 4*asideEvery
}
