package config

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"

	"loadshare/internal/config"
)

// Operation is how much a synchronisation takes over (checklist D07).
type Operation uint8

// The operations, the least first.
const (
	Update Operation = iota
	Complete
	Exact
)

var operations = [...]string{"update", "complete", "exact"}

// ParseOperation reads the word of the command.
func ParseOperation(word string) (Operation, bool) {
	i := slices.Index(operations[:], word)
	return Operation(max(i, 0)), i >= 0 //nolint:gosec // one of three
}

// String is the word of the command.
func (o Operation) String() string { return operations[o] }

// function is what is done with one kind of data (table 27-1 of the source).
type function uint8

const (
	noChange function = iota
	ensure            // what is missing is added
	replace           // and what both have is made equal
	exact             // and what only the destination has is taken out
)

// functions are those of the source's table 27-1, by our objects: docs/dhcp-failover.md has the table row by row.
var functions = map[string][3]function{
	"failover": {exact, exact, exact}, // tuning alone; a key that is not there is its default, so it is taken out too
	"":         {noChange, replace, replace},
	"policy":   {replace, replace, exact}, "policy.options": {ensure, replace, exact}, "boot": {ensure, replace, exact},
	"client": {replace, replace, exact}, "class": {replace, replace, exact},
	"scope": {exact, exact, exact}, "shared_network": {replace, replace, exact},
	"ddns": {replace, replace, exact}, "alerts": {ensure, replace, exact}, "option_definition": {ensure, replace, exact},
}

// tuning are the keys of a [[failover]] that both must have alike, and shared those of the first level. All others are each server's own.
var (
	tuning = []string{"mclt", "backup_pct", "dynamic_bootp_backup_pct", "load_balancing", "poll_interval", "poll_timeout", "fast_detect", "use_safe_period",
		"safe_period", "max_unacked", "second_try_with_isc", "match"}
	shared    = []string{"authoritative", "ignore_subnet_selection", "offer_hold", "ping_timeout", "orphan_time", "history", "port_burst", "port_rate", "relay_burst", "relay_rate"}
	bootKeys  = []string{"next_server", "server_name", "boot_file"}
	ownOfDDNS = []string{"key"}
	ownOfMail = []string{"ca", "user", "password"}
)

// Change is one entry of the report of a synchronisation, as the destination sees it.
type Change struct {
	Kind string `json:"kind"` // failover, policy, scope, …; "" of keys of the first level
	Name string `json:"name"` // of a scope, class, client, …; "" where there is one only
	Text string `json:"text"` // for people
	Lost bool   `json:"lost"` // the destination loses something that only it had
}

// Sync makes the text of the destination's configuration like the source's, as far as the operation goes and for the scopes of one pair,
// and says what that changes. Both must be valid configurations. What is each server's own stays: interfaces, addresses, role, files,
// keys; so do the comments of all that does not change. Nothing is read or written.
func Sync(op Operation, pair string, source, destination string) (text string, changes []Change, err error) {
	from, err := split(source)
	if err != nil {
		return "", nil, fmt.Errorf("configuration of the source: %w", err)
	}
	to, err := split(destination)
	if err != nil {
		return "", nil, fmt.Errorf("configuration of the destination: %w", err)
	}
	w := &syncing{op: op, pair: pair, from: from, to: to}
	for _, step := range []func() error{
		w.first, w.tuning, w.options, w.policy, w.networks, w.classes, w.clients, w.scopes, w.ddns, w.alerts,
	} {
		if err := step(); err != nil {
			return "", nil, err
		}
	}
	return w.to.String(), w.changes, nil
}

// syncing is one synchronisation under way; to becomes the result.
type syncing struct {
	op       Operation
	pair     string
	from, to *file
	changes  []Change
}

func (w *syncing) say(kind, name string, lost bool, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	switch {
	case name != "":
		text = fmt.Sprintf("%s %q: %s", kind, name, text)
	case kind != "":
		text = fmt.Sprintf("[%s] %s", kind, text)
	}
	w.changes = append(w.changes, Change{kind, name, text, lost})
}

func (w *syncing) first() error {
	return w.keys("", "", w.from.groups[0].sections[0], w.to.groups[0].sections[0], functions[""][w.op], func(key string) bool { return slices.Contains(shared, key) })
}

// tuning makes the pair's settings equal, never its identity (checklist D09).
func (w *syncing) tuning() error {
	source, err := w.failover(w.from, "source")
	if err != nil {
		return err
	}
	destination, err := w.failover(w.to, "destination")
	if err != nil {
		return err
	}
	return w.keys("failover", w.pair, source, destination, functions["failover"][w.op], func(key string) bool { return slices.Contains(tuning, key) })
}

// failover is the pair's [[failover]].
func (w *syncing) failover(f *file, side string) (*section, error) {
	for _, g := range f.all("failover") {
		v, err := g.value()
		if err != nil {
			return nil, err
		}
		if v["name"] == w.pair {
			return g.sections[0], nil
		}
	}
	return nil, fmt.Errorf("the configuration of the %s has no [[failover]] with name = %q", side, w.pair)
}

func (w *syncing) policy() error {
	isBoot := func(key string) bool { return slices.Contains(bootKeys, key) }
	for _, part := range []struct {
		path string
		do   function
		mine func(string) bool
	}{
		{"policy", functions["policy"][w.op], func(key string) bool { return !isBoot(key) }},
		{"policy", functions["boot"][w.op], isBoot},
		{"policy.options", functions["policy.options"][w.op], func(string) bool { return true }},
	} {
		if err := w.table("policy", part.path, part.do, part.mine); err != nil {
			return err
		}
	}
	return nil
}

func (w *syncing) ddns() error {
	return w.table("ddns", "ddns", functions["ddns"][w.op], func(key string) bool { return !slices.Contains(ownOfDDNS, key) })
}

func (w *syncing) alerts() error {
	return w.table("alerts", "alerts", functions["alerts"][w.op], func(key string) bool { return !slices.Contains(ownOfMail, key) })
}

// table makes the keys of one table equal that can stand there once.
func (w *syncing) table(kind, path string, do function, mine func(string) bool) error {
	source, err := w.from.single(kind)
	if err != nil {
		return fmt.Errorf("configuration of the source: %w", err)
	}
	destination, err := w.to.single(kind)
	if err != nil {
		return fmt.Errorf("configuration of the destination: %w", err)
	}
	a, b := &section{}, &section{}
	if source != nil {
		if s := source.section(path); s != nil {
			a = s
		}
	}
	made := true
	if destination != nil {
		if s := destination.section(path); s != nil {
			b, made = s, false
		}
	}
	if made {
		b.head = &statement{lead: "\n", text: "[" + path + "]\n", path: path}
	}
	if err := w.keys(path, "", a, b, do, mine); err != nil || !made || len(b.keys) == 0 {
		return err
	}
	if destination == nil {
		w.to.groups = append(w.to.groups, &group{kind: kind, sections: []*section{b}})
		return nil
	}
	destination.sections = append(destination.sections, b)
	return nil
}

// keys makes those keys of a section equal that mine chooses.
func (w *syncing) keys(kind, name string, source, destination *section, do function, mine func(string) bool) error {
	if do == noChange {
		return nil
	}
	for _, k := range slices.Concat(source.keys, destination.keys) {
		if k.dots && mine(k.key) {
			return fmt.Errorf("line %d: %s is dotted: written as a table of its own it can be synchronised", k.line, strings.TrimSpace(k.text))
		}
	}
	for _, k := range source.keys {
		if !mine(k.key) {
			continue
		}
		want, err := k.value()
		if err != nil {
			return err
		}
		own := destination.key(k.key)
		if own == nil {
			destination.keys = append(destination.keys, &statement{text: k.text, key: k.key, line: k.line})
			w.say(kind, name, false, "%s = %s", k.key, rendered(want))
			continue
		}
		have, err := own.value()
		if err != nil {
			return err
		}
		if do > ensure && !reflect.DeepEqual(want, have) {
			own.text = k.text
			w.say(kind, name, false, "%s = %s (was %s)", k.key, rendered(want), rendered(have))
		}
	}
	if do < exact {
		return nil
	}
	destination.keys = slices.DeleteFunc(destination.keys, func(k *statement) bool {
		if !mine(k.key) || source.key(k.key) != nil {
			return false
		}
		was, _ := k.value() // it was read when the configuration was
		w.say(kind, name, true, "%s is taken out (was %s)", k.key, rendered(was))
		return true
	})
	return nil
}

// value is a key's value as data.
func (st *statement) value() (any, error) {
	doc, err := config.Parse("", []byte(st.text))
	if err != nil {
		return nil, err
	}
	return doc.Root().Raw(st.key), nil
}

func (w *syncing) options() error {
	return w.objects("option_definition", named, nil)
}
func (w *syncing) networks() error { return w.objects("shared_network", named, nil) }
func (w *syncing) classes() error  { return w.objects("class", named, nil) }
func (w *syncing) clients() error  { return w.objects("client", clientName, nil) }

// scopes takes those of the pair, and no others. The interface that a scope is heard at is each server's own.
func (w *syncing) scopes() error {
	chooser := func(f *file) (func(map[string]any) bool, error) {
		match, err := w.matchList(f)
		return func(v map[string]any) bool { return inPair(v, w.pair, match) }, err
	}
	choose, err := chooser(w.from)
	if err != nil {
		return err
	}
	if source, _, err := objectsOf(w.from, "scope", named, choose); err != nil || len(source) == 0 {
		return err // a source without any scope of the pair is a mistake, not an order to take all out
	}
	return w.objects("scope", named, chooser)
}

// matchList are the networks whose scopes are in the pair without saying so.
func (w *syncing) matchList(f *file) ([]netip.Prefix, error) {
	s, err := w.failover(f, "pair")
	if err != nil {
		return nil, err
	}
	k := s.key("match")
	if k == nil {
		return nil, nil
	}
	v, err := k.value()
	if err != nil {
		return nil, err
	}
	var out []netip.Prefix
	list, _ := v.([]any)
	for _, e := range list {
		text, _ := e.(string)
		if p, err := config.ParsePrefix(text); err == nil {
			out = append(out, p)
		}
	}
	return out, nil
}

func inPair(v map[string]any, pair string, match []netip.Prefix) bool {
	if name, said := v["failover"]; said {
		return name == pair
	}
	text, _ := v["subnet"].(string)
	subnet, err := netip.ParsePrefix(text)
	return err == nil && (&Pair{Match: match}).matches(subnet)
}

func named(v map[string]any) string {
	name, _ := v["name"].(string)
	return name
}

// clientName is what a [[client]] is known by.
func clientName(v map[string]any) string {
	for _, key := range []string{"mac", "client_id"} {
		if text, ok := v[key].(string); ok {
			return strings.ToLower(text)
		}
	}
	return ""
}
