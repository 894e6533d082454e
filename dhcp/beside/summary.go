package beside

import (
	"encoding/json"
	"time"

	"loadshare/dhcp/scope"
)

const (
	digestEvery = 15 * time.Second
	wantEvery   = 30 * time.Second // at least, between two times of asking for the words
)

// Agreement says whether the two are configured alike.
type Agreement uint8

// The agreements.
const (
	NotKnown  Agreement = iota // no contact, or nothing said yet
	Same                       //
	Different                  // Differs says what, once the words are here
)

// settings compares the configurations of the two (checklist D04).
type settings struct {
	own    scope.Summary
	digest [32]byte
	known  bool // own is

	theirs  [32]byte
	told    bool
	differs []scope.Difference
	compare [2][32]byte // the digests that differs is of

	piece  []byte // of the words under way
	of     [32]byte
	wanted time.Duration
	asked  bool
	gave   time.Duration // when the words were given last
	given  bool
	said   time.Duration
}

// words is the configuration as it is sent.
func (s *settings) words() []byte {
	b, err := json.Marshal(s.own)
	if err != nil {
		return nil // a summary is plain text; there is no such error
	}
	return b
}

// take adds a piece; true: the words are whole and have been compared. Pieces come in order on one connection.
func (s *settings) take(f *summaryFrame) bool {
	if f.digest != s.theirs || !s.told || f.whole > maxSummary {
		return false
	}
	if f.at == 0 {
		s.piece, s.of = nil, f.digest
	}
	if f.digest != s.of || int(f.at) != len(s.piece) || len(s.piece)+len(f.piece) > int(f.whole) {
		return false
	}
	s.piece = append(s.piece, f.piece...)
	if len(s.piece) < int(f.whole) {
		return false
	}
	var there scope.Summary
	err := json.Unmarshal(s.piece, &there)
	s.piece = nil
	if err != nil || there.Digest() != s.theirs {
		return false
	}
	s.differs, s.compare = scope.Compare(s.own, there), [2][32]byte{s.digest, s.theirs}
	return true
}

// lacks says that the words of the partner are needed.
func (s *settings) lacks() bool {
	return s.known && s.told && s.digest != s.theirs && s.compare != [2][32]byte{s.digest, s.theirs}
}

// Differs says whether the two are configured alike, and, once it is known, what differs. With nothing in the list and Different the words
// are still asked for, or are too long to be told.
func (m *Machine) Differs() (Agreement, []scope.Difference) {
	s := &m.settings
	switch {
	case !m.up || !s.told || !s.known:
		return NotKnown, nil
	case s.digest == s.theirs:
		return Same, nil
	case s.lacks():
		return Different, nil
	}
	return Different, s.differs
}
