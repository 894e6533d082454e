package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// object is a group that may stand there several times, with its name.
type object struct {
	*group
	name  string
	value map[string]any
}

// objectsOf are the objects of a kind that choose takes (nil: all), and the names of those that it does not.
func objectsOf(f *file, kind string, name func(map[string]any) string, choose func(map[string]any) bool) (chosen []object, others []string, err error) {
	for _, g := range f.all(kind) {
		v, err := g.value()
		if err != nil {
			return nil, nil, err
		}
		if choose != nil && !choose(v) {
			others = append(others, name(v))
			continue
		}
		chosen = append(chosen, object{g, name(v), v})
	}
	return chosen, others, nil
}

func find(list []object, name string) (object, bool) {
	i := slices.IndexFunc(list, func(o object) bool { return o.name == name })
	if i < 0 {
		return object{}, false
	}
	return list[i], true
}

// objects makes the objects of one kind as the operation wants. The source's order is kept, since with classes and scopes the first wins;
// what only the destination has comes after.
func (w *syncing) objects(kind string, name func(map[string]any) string, chooser func(*file) (func(map[string]any) bool, error)) error {
	do := functions[kind][w.op]
	var choose [2]func(map[string]any) bool
	if chooser != nil {
		for i, f := range []*file{w.from, w.to} {
			c, err := chooser(f)
			if err != nil {
				return err
			}
			choose[i] = c
		}
	}
	source, _, err := objectsOf(w.from, kind, name, choose[0])
	if err != nil {
		return err
	}
	destination, others, err := objectsOf(w.to, kind, name, choose[1])
	if err != nil {
		return err
	}
	var result []*group
	for _, o := range source {
		own, has := find(destination, o.name)
		switch {
		case !has && slices.Contains(others, o.name):
			return fmt.Errorf("the destination has a [[%s]] of the name %q that is not in this pair: rename or move one of the two", kind, o.name)
		case !has:
			w.say(kind, o.name, false, "is new")
			result = append(result, o.copied(own))
		case do == ensure, reflect.DeepEqual(o.shared(), own.shared()):
			result = append(result, own.group)
		default:
			w.differences(kind, o, own)
			result = append(result, o.copied(own))
		}
	}
	for _, own := range destination {
		if _, has := find(source, own.name); has {
			continue
		}
		if do < exact {
			result = append(result, own.group)
			continue
		}
		w.say(kind, own.name, true, "is taken out")
	}
	if moved := w.place(kind, destination, result); moved && do > ensure {
		w.say(kind, "", false, "the order is that of the source: the first that fits wins")
	}
	return nil
}

// place puts the result where the first of the old ones was, or at the end. moved: nothing but the order changed.
func (w *syncing) place(kind string, old []object, result []*group) (moved bool) {
	had := make([]*group, len(old))
	for i, o := range old {
		had[i] = o.group
	}
	if slices.Equal(had, result) {
		return false
	}
	var kept []*group // of the old ones, in the new order
	for _, g := range result {
		if slices.Contains(had, g) {
			kept = append(kept, g)
		}
	}
	moved = len(kept) == len(had) && len(result) == len(had)
	at := len(w.to.groups)
	if len(had) > 0 {
		at = slices.Index(w.to.groups, had[0])
	} else if all := w.to.all(kind); len(all) > 0 {
		at = slices.Index(w.to.groups, all[len(all)-1]) + 1
	}
	w.to.groups = slices.Insert(w.to.groups, at, result...)
	seen := 0
	w.to.groups = slices.DeleteFunc(w.to.groups, func(g *group) bool {
		seen++
		inNew := seen > at && seen <= at+len(result)
		return !inNew && slices.Contains(had, g)
	})
	return moved
}

// ownKeys are the keys of an object that each server has for itself.
var ownKeys = map[string]string{"scope": "interface"}

// shared is the object without its own key.
func (o object) shared() map[string]any {
	v := maps.Clone(o.value)
	delete(v, ownKeys[o.kind])
	return v
}

// copied is a copy of the source's object for the destination, which keeps what is its own.
func (o object) copied(own object) *group {
	g := &group{kind: o.kind, sections: slices.Clone(o.sections)}
	head := *o.sections[0]
	head.keys = slices.DeleteFunc(slices.Clone(head.keys), func(k *statement) bool { return k.key == ownKeys[o.kind] })
	lead := *head.head
	if !strings.HasPrefix(lead.lead, "\n") {
		lead.lead = "\n" + lead.lead
	}
	if own.group != nil {
		lead.lead = own.sections[0].head.lead
		if k := own.sections[0].key(ownKeys[o.kind]); k != nil {
			head.keys = append(head.keys, k)
		}
	}
	head.head = &lead
	g.sections[0] = &head
	return g
}

// differences says what of an object changes.
func (w *syncing) differences(kind string, source, destination object) {
	want, have := flat(source.shared()), flat(destination.shared())
	for _, key := range slices.Sorted(maps.Keys(want)) {
		was, has := have[key]
		switch {
		case !has:
			w.say(kind, source.name, false, "%s = %s", key, want[key])
		case was != want[key]:
			w.say(kind, source.name, false, "%s = %s (was %s)", key, want[key], was)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(have)) {
		if _, has := want[key]; !has {
			w.say(kind, source.name, true, "%s is taken out (was %s)", key, have[key])
		}
	}
}

// flat is a table as lines: every value under the path of its keys. Tables of a list go by their address or name.
func flat(v map[string]any) map[string]string {
	out := map[string]string{}
	flatten(out, "", v)
	return out
}

func flatten(out map[string]string, prefix string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			path := key
			if prefix != "" {
				path = prefix + "." + key
			}
			flatten(out, path, value)
		}
	case []map[string]any:
		for i, t := range v {
			id := fmt.Sprint(i + 1)
			for _, key := range []string{"address", "name"} {
				if text, ok := t[key].(string); ok {
					id = text
					break
				}
			}
			flatten(out, prefix+"["+id+"]", t)
		}
	default:
		out[prefix] = rendered(v)
	}
}

// rendered is a value for people.
func rendered(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}
