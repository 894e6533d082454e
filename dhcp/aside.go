package dhcp

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"loadshare/internal/link"
)

// Between two of ours there are frames besides those with failover messages: they begin with a length that no message can have. Those of
// package beside are told by their third octet; the others are JSON. The failover does not depend on them.
//
// The first frame of who has dialled names the pair. Later ones are of dhcp-pair sync.

var asideMark = []byte{0xff, 0xff}

const maxAside = link.MaxFrame

// aside is what is said in one frame.
type aside struct {
	Hello  string      `json:"hello,omitempty"`
	Ask    *syncAsk    `json:"ask,omitempty"`
	Answer *syncAnswer `json:"answer,omitempty"`
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

// sayAside queues a frame on the newest connection; false: there is none.
func (p *pairLink) sayAside(a *aside) bool {
	newest := p.newest()
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

// takeAside does what the partner asks, and hands on what it answers.
func (p *pairLink) takeAside(s *session, frame []byte) error {
	a, err := parseAside(frame)
	switch {
	case err != nil:
		return err
	case a.Ask != nil:
		p.s.side.Go(func() { p.answerSync(s, a.Ask) })
	case a.Answer != nil:
		p.answered(a.Answer)
	}
	return nil
}
