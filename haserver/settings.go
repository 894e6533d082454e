package haserver

import (
	"fmt"
	"hash/fnv"
	"net/netip"
	"slices"
	"strings"
	"time"

	"loadshare/haserver/message"
	"loadshare/haserver/pairmsg"
	"loadshare/haserver/zone"
)

// The settings of zones that both servers of a pair share: who may update and transfer, and who is told. Identity is never among
// them: roles, addresses, keys and files stay what each server's own configuration says.

// learnedZone are settings of a zone that came from the partner. They win over those of the file, until the file is changed on a
// server that is not the backup.
type learnedZone struct {
	settings pairmsg.ZoneSettings
	gone     bool   // the zone was taken out of service from the partner's side
	file     uint64 // digest of the file's settings of the zone when these came; 0: it had none
	at       time.Time
}

// shared are the settings of a zone that the partner may have.
func (z *ZoneConfig) shared() pairmsg.ZoneSettings {
	s := pairmsg.ZoneSettings{Name: z.Name, Update: words(z.UpdateText), Transfer: words(z.TransferText)}
	for _, a := range z.Notify {
		s.Notify = append(s.Notify, a.String())
	}
	if z.NotifyKey != "" {
		s.NotifyKey = plain(z.NotifyKey)
	}
	z.share(&s)
	return s
}

// words are texts with one blank between two words, so that the same grant is the same text.
func words(list []string) []string {
	out := make([]string, 0, len(list))
	for _, text := range list {
		out = append(out, strings.Join(strings.Fields(text), " "))
	}
	return out
}

func sharedOf(zones []ZoneConfig) []pairmsg.ZoneSettings {
	out := make([]pairmsg.ZoneSettings, 0, len(zones))
	for i := range zones {
		out = append(out, zones[i].shared())
	}
	return out
}

// take makes the shared settings those of s. What cannot be in force here is left out, and said in trouble: above all what names
// a key that this server does not have.
func (z *ZoneConfig) take(s pairmsg.ZoneSettings, keys message.Keys) (trouble []string) {
	say := func(what string, err error) {
		trouble = append(trouble, fmt.Sprintf("zone %s: %s is not in force here: %v", z.Text, what, err))
	}
	z.Update, z.Transfer, z.Notify, z.NotifyKey = nil, nil, nil, ""
	z.UpdateText, z.TransferText = s.Update, s.Transfer
	if err := z.Upkeep.take(s); err != nil {
		say(fmt.Sprintf("scavenge = %q", s.Scavenge), err)
	}
	for _, part := range []struct {
		what  string
		texts []string
		to    *Grants
	}{{"update", s.Update, &z.Update}, {"transfer", s.Transfer, &z.Transfer}} {
		for _, text := range part.texts {
			g, err := parseGrant(text, z.Name, keys, part.what == "update")
			if err != nil {
				say(fmt.Sprintf("%s = %q", part.what, text), err)
				continue
			}
			*part.to = append(*part.to, g)
		}
	}
	for _, text := range s.Notify {
		a, err := netip.ParseAddrPort(text)
		if err != nil {
			say(fmt.Sprintf("notify = %q", text), err)
			continue
		}
		z.Notify = append(z.Notify, a)
	}
	if s.NotifyKey != "" {
		name, err := zone.ParseName(s.NotifyKey)
		if err == nil && keys[name.Key()] == nil {
			err = fmt.Errorf("there is no key %s among `keys`", s.NotifyKey)
		}
		if err != nil {
			say(fmt.Sprintf("notify_key = %q", s.NotifyKey), err)
		} else {
			z.NotifyKey = zone.Name(name.Key())
		}
	}
	return trouble
}

// settingsDigest tells two lists of settings apart. The order of the zones does not matter.
func settingsDigest(list ...pairmsg.ZoneSettings) uint64 {
	list = slices.Clone(list)
	for i := range list {
		list[i].Name = zone.Name(list[i].Name.Key())
	}
	slices.SortFunc(list, func(a, b pairmsg.ZoneSettings) int { return strings.Compare(string(a.Name), string(b.Name)) })
	h := fnv.New64a()
	h.Write(pairmsg.Encode(pairmsg.Settings{Zones: list}))
	return h.Sum64()
}

// inForce are the zones to be served: those of the file, with what was learned of the partner, and those that only the partner
// named. from says of each whether its settings are the partner's. On a server that is not the backup (of now) a file that was changed
// since wins over what was learned.
func inForce(file []ZoneConfig, learned map[string]learnedZone, keys message.Keys, backup bool) (zones []ZoneConfig, from map[string]bool, trouble []string) {
	from = map[string]bool{}
	seen := map[string]bool{}
	for _, z := range file {
		key := z.Name.Key()
		seen[key] = true
		l, ok := learned[key]
		if !ok || !backup && l.file != settingsDigest(z.shared()) {
			zones = append(zones, z)
			continue
		}
		if l.gone {
			continue
		}
		trouble = append(trouble, z.take(l.settings, keys)...)
		zones, from[key] = append(zones, z), true
	}
	var more []ZoneConfig
	for key, l := range learned {
		if seen[key] || l.gone {
			continue
		}
		z := ZoneConfig{Name: l.settings.Name, Text: plain(l.settings.Name)}
		trouble = append(trouble, z.take(l.settings, keys)...)
		more, from[key] = append(more, z), true
	}
	slices.SortFunc(more, func(a, b ZoneConfig) int { return strings.Compare(a.Text, b.Text) })
	slices.Sort(trouble)
	return append(zones, more...), from, trouble
}

// syncOperation is how far `pair sync` goes (checklist H32).
type syncOperation uint8

const (
	syncUpdate   syncOperation = iota // what is missing is added
	syncComplete                      // and what differs is made equal
	syncExact                         // and zones that only the destination has are taken out of service
)

var syncOperations = [...]string{"update", "complete", "exact"}

// settingsPlan is what makes the settings of a destination what an operation wants.
type settingsPlan struct {
	zones   []pairmsg.ZoneSettings // as the destination is to have them; with exact all, else those that change
	exact   bool
	changes []string // in words
	lost    []string // of them, what the destination loses (checklist H41)
}

// planSettings compares two servers' settings.
func planSettings(op syncOperation, source, destination []pairmsg.ZoneSettings) settingsPlan {
	p := settingsPlan{exact: op == syncExact}
	there := map[string]pairmsg.ZoneSettings{}
	for _, z := range destination {
		there[z.Name.Key()] = z
	}
	source = slices.Clone(source)
	slices.SortFunc(source, func(a, b pairmsg.ZoneSettings) int { return strings.Compare(plain(a.Name), plain(b.Name)) })
	for _, from := range source {
		key := from.Name.Key()
		to, ok := there[key]
		delete(there, key)
		next := from
		if ok && op == syncUpdate {
			next = united(from, to)
		}
		n := len(p.changes)
		if !ok {
			p.say("zone %s is added", plain(from.Name))
			to = pairmsg.ZoneSettings{Name: from.Name}
		}
		p.compare(to, next)
		if p.exact || len(p.changes) > n {
			p.zones = append(p.zones, next)
		}
	}
	for _, z := range sortedZones(there) {
		if p.exact {
			p.lose("zone %s is taken out of service (its content stays in the state directory)", plain(z.Name))
		}
	}
	return p
}

func sortedZones(m map[string]pairmsg.ZoneSettings) []pairmsg.ZoneSettings {
	out := make([]pairmsg.ZoneSettings, 0, len(m))
	for _, z := range m {
		out = append(out, z)
	}
	slices.SortFunc(out, func(a, b pairmsg.ZoneSettings) int { return strings.Compare(plain(a.Name), plain(b.Name)) })
	return out
}

func (p *settingsPlan) say(format string, args ...any) {
	p.changes = append(p.changes, fmt.Sprintf(format, args...))
}

func (p *settingsPlan) lose(format string, args ...any) {
	p.say(format, args...)
	p.lost = append(p.lost, p.changes[len(p.changes)-1])
}

// compare says what turns the settings of a zone into others.
func (p *settingsPlan) compare(old, next pairmsg.ZoneSettings) {
	name := plain(next.Name)
	for _, part := range []struct {
		what      string
		old, next []string
	}{{"update", old.Update, next.Update}, {"transfer", old.Transfer, next.Transfer}, {"notify", old.Notify, next.Notify}} {
		for _, text := range part.next {
			if !slices.Contains(part.old, text) {
				p.say("zone %s: %s + %q", name, part.what, text)
			}
		}
		for _, text := range part.old {
			if !slices.Contains(part.next, text) {
				p.lose("zone %s: %s - %q", name, part.what, text)
			}
		}
	}
	for _, part := range []struct{ what, old, next string }{{"notify_key", old.NotifyKey, next.NotifyKey}, {"scavenging", old.Scavenge, next.Scavenge}} {
		switch {
		case part.old == part.next:
		case part.next == "":
			p.lose("zone %s: %s is off (was %q)", name, part.what, part.old)
		default:
			p.say("zone %s: %s = %q", name, part.what, part.next)
		}
	}
	if old.Catalog != next.Catalog {
		p.say("zone %s: catalog = %v", name, next.Catalog)
	}
}

// united has what either has; where only one value can be, the destination's.
func united(from, to pairmsg.ZoneSettings) pairmsg.ZoneSettings {
	join := func(to, from []string) []string {
		out := slices.Clone(to)
		for _, text := range from {
			if !slices.Contains(out, text) {
				out = append(out, text)
			}
		}
		return out
	}
	to.Update, to.Transfer, to.Notify = join(to.Update, from.Update), join(to.Transfer, from.Transfer), join(to.Notify, from.Notify)
	if to.NotifyKey == "" {
		to.NotifyKey = from.NotifyKey
	}
	if to.Scavenge == "" {
		to.Scavenge = from.Scavenge
	}
	to.Catalog = to.Catalog || from.Catalog
	return to
}
