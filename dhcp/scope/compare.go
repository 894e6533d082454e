package scope

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// Difference is one setting that two configurations disagree about; "" is not set.
type Difference struct {
	Kind  string `json:"kind"`
	Name  string `json:"name,omitempty"`
	Key   string `json:"key"` // "" when the whole part is on one side only; Here and There then say where
	Here  string `json:"here"`
	There string `json:"there"`
}

// present and absent are what Here and There of a whole part say.
const (
	isThere  = "present"
	notThere = "absent"
)

// String is the difference for people: scope "voice": routers 10.0.0.1 here, 10.0.0.2 there.
func (d Difference) String() string {
	where := d.Kind
	if d.Name != "" {
		where = fmt.Sprintf("%s %q", d.Kind, d.Name)
	}
	if d.Key == "" {
		return fmt.Sprintf("%s: %s here, %s there", where, d.Here, d.There)
	}
	return fmt.Sprintf("%s: %s %s here, %s there", where, d.Key, cmp.Or(d.Here, "not set"), cmp.Or(d.There, "not set"))
}

// Compare is what differs, by kind, name and key, ascending; nothing when the partners agree. Both are as Summarize makes them.
func Compare(a, b Summary) []Difference {
	var out []Difference
	merge(a.Parts, b.Parts, byName, func(here, there *Part) {
		switch {
		case there == nil:
			out = append(out, Difference{Kind: here.Kind, Name: here.Name, Here: isThere, There: notThere})
		case here == nil:
			out = append(out, Difference{Kind: there.Kind, Name: there.Name, Here: notThere, There: isThere})
		default:
			out = append(out, values(here, there)...)
		}
	})
	return out
}

func values(a, b *Part) []Difference {
	var out []Difference
	byKey := func(v, w Value) int { return cmp.Compare(v.Key, w.Key) }
	merge(a.Values, b.Values, byKey, func(here, there *Value) {
		d := Difference{Kind: a.Kind, Name: a.Name}
		if here != nil {
			d.Key, d.Here = here.Key, here.Text
		}
		if there != nil {
			d.Key, d.There = there.Key, there.Text
		}
		if d.Here != d.There {
			out = append(out, d)
		}
	})
	return out
}

// merge goes through two ascending lists and hands out what belongs together; nil where one has no counterpart.
func merge[T any](a, b []T, order func(T, T) int, take func(a, b *T)) {
	for len(a) > 0 || len(b) > 0 {
		switch {
		case len(b) == 0 || len(a) > 0 && order(a[0], b[0]) < 0:
			take(&a[0], nil)
			a = a[1:]
		case len(a) == 0 || order(a[0], b[0]) > 0:
			take(nil, &b[0])
			b = b[1:]
		default:
			take(&a[0], &b[0])
			a, b = a[1:], b[1:]
		}
	}
}

// Digest is the same for equal summaries and, for all purposes, for no others.
func (s Summary) Digest() [32]byte {
	h := sha256.New()
	for _, p := range s.Parts {
		d := p.Digest()
		h.Write(d[:])
	}
	return [32]byte(h.Sum(nil))
}

// Digest is that of one part. Every text has its length before it, so that no two parts have the same octets.
func (p Part) Digest() [32]byte {
	b := text(text(nil, p.Kind), p.Name)
	for _, v := range p.Values {
		b = text(text(b, v.Key), v.Text)
	}
	return sha256.Sum256(b)
}

func text(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint64(b, uint64(len(s))), s...)
}
