package journal

import (
	"errors"
	"fmt"
	"slices"

	"loadshare/haserver/zone"
	"loadshare/internal/durable"
)

// Value is a small thing that is kept beside a zone, whether the zone itself is stored or not.
type Value struct {
	Zone zone.Name // in lower case
	ID   string
	Data []byte
}

// PutSaved replaces what is saved of the zone.
func (l *Log) PutSaved(b *durable.Batch, v []byte) {
	b.Put(numberKey('A', l.number), seal(slices.Clone(v)))
}

// Saved is what PutSaved wrote; false when there is nothing.
func (l *Log) Saved() ([]byte, bool, error) {
	v, ok, err := getSealed(l.store, numberKey('A', l.number))
	if errors.Is(err, errSeal) {
		err = &Damage{l.name, "what is saved of it is not readable"}
	}
	return v, ok, err
}

// PutSaved replaces what is saved of the server.
func (j *Journal) PutSaved(b *durable.Batch, v []byte) { b.Put([]byte("W"), seal(slices.Clone(v))) }

// Saved is what PutSaved wrote; false when there is nothing.
func (j *Journal) Saved() ([]byte, bool, error) {
	v, ok, err := getSealed(j.store, []byte("W"))
	if errors.Is(err, errSeal) {
		err = &Damage{What: "what is saved of the server is not readable"}
	}
	return v, ok, err
}

var errSeal = errors.New("the checksum is wrong")

func getSealed(store durable.Store, key []byte) (body []byte, ok bool, err error) {
	v, ok, err := store.Get(key)
	if err != nil || !ok {
		return nil, false, err
	}
	if body, ok = unseal(v); !ok {
		return nil, false, errSeal
	}
	return body, true, nil
}

// PutValue keeps a value under a zone's name, a kind, and an id; another one of the same three is replaced.
func (j *Journal) PutValue(b *durable.Batch, kind byte, name zone.Name, id string, v []byte) {
	b.Put(append(append(valueKey(name), kind), id...), seal(slices.Clone(v)))
}

// DropValue removes a value, if it is there.
func (j *Journal) DropValue(b *durable.Batch, kind byte, name zone.Name, id string) {
	b.Delete(append(append(valueKey(name), kind), id...))
}

// Values are the values of a kind, in the order of their ids; with name "" those of all zones, zone by zone.
func (j *Journal) Values(kind byte, name zone.Name) ([]Value, error) {
	low := []byte("P")
	if name != "" {
		low = append(valueKey(name), kind)
	}
	var list []Value
	var bad error
	err := j.store.Scan(low, after(low), func(k, v []byte) bool {
		owner, rest, err := zone.WireName(string(k[1:]))
		if err != nil || rest == "" {
			bad = &Damage{What: fmt.Sprintf("the key %q of a value is not readable", k)}
			return false
		}
		if rest[0] != kind {
			return true
		}
		body, ok := unseal(v)
		if !ok {
			bad = &Damage{owner, fmt.Sprintf("the value %q kept beside it is not readable", rest)}
			return false
		}
		list = append(list, Value{owner, rest[1:], slices.Clone(body)})
		return true
	})
	if err == nil {
		err = bad
	}
	if err != nil {
		return nil, err
	}
	return list, nil
}

func valueKey(name zone.Name) []byte { return append([]byte("P"), name.Key()...) }
