package haserver

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"loadshare/haserver/pair"
	"loadshare/haserver/pairmsg"
	"loadshare/haserver/zone"
	"loadshare/internal/durable"
)

const (
	learnedKind = 'Z' // of journal values: settings of a zone that came from the partner
	learnedID   = "settings"
)

// storedSettings is a learnedZone as JSON.
type storedSettings struct {
	Name      string    `json:"name"`
	Update    []string  `json:"update,omitempty"`
	Transfer  []string  `json:"transfer,omitempty"`
	Notify    []string  `json:"notify,omitempty"`
	NotifyKey string    `json:"notify_key,omitempty"`
	Scavenge  string    `json:"scavenge,omitempty"`
	Catalog   bool      `json:"catalog,omitempty"`
	Gone      bool      `json:"gone,omitempty"`
	File      uint64    `json:"file"`
	At        time.Time `json:"at"`
}

func (l learnedZone) value() []byte {
	z := l.settings
	v, err := json.Marshal(storedSettings{z.Name.String(), z.Update, z.Transfer, z.Notify, z.NotifyKey, z.Scavenge, z.Catalog, l.gone, l.file, l.at})
	if err != nil { // there is nothing in it that has no JSON form
		panic("settings: " + err.Error())
	}
	return v
}

func parseLearned(v []byte) (learnedZone, error) {
	var in storedSettings
	if err := json.Unmarshal(v, &in); err != nil {
		return learnedZone{}, err
	}
	name, err := zone.ParseName(in.Name)
	return learnedZone{
		settings: pairmsg.ZoneSettings{Name: name, Update: in.Update, Transfer: in.Transfer, Notify: in.Notify, NotifyKey: in.NotifyKey, Scavenge: in.Scavenge, Catalog: in.Catalog},
		gone:     in.Gone, file: in.File, at: in.At,
	}, err
}

// loadSettings reads what was learned of the partner before the server stopped.
func (s *Server) loadSettings() error {
	values, err := s.journal.Values(learnedKind, "")
	if err != nil {
		return err
	}
	for _, v := range values {
		l, err := parseLearned(v.Data)
		if err != nil {
			return fmt.Errorf("settings of zone %s that came from the partner are not readable: %w", v.Zone, err)
		}
		s.settings.learned[v.Zone.Key()] = l
	}
	return nil
}

// learn makes settings of the partner durable and puts them in force; with exact, zones that are not in the list go out of service.
// The goroutine that reloads calls it.
func (s *Server) learn(zones []pairmsg.ZoneSettings, exact bool) (changes []string, err error) {
	zones = oneEach(zones)
	op := syncComplete
	if exact {
		op = syncExact
	}
	plan := planSettings(op, zones, s.settingsNow())
	if len(plan.changes) == 0 {
		return nil, nil
	}
	learned, batch := s.relearned(zones, exact)
	if err := s.store.Commit(batch); err != nil {
		s.unfit("the zone journal cannot be written: " + err.Error())
		return nil, err
	}
	s.settings.mu.Lock()
	s.settings.learned = learned
	s.settings.mu.Unlock()
	if s.pairStatus().Role != pairmsg.Backup {
		if err := s.reserveZones(zones); err != nil {
			return nil, err
		}
	}
	if err := s.swap(s.conf); err != nil {
		return plan.changes, fmt.Errorf("the settings are stored, and will be in force after a restart: %w", err)
	}
	s.setSockets(s.sockets) // who is told of changes
	s.quiet.Info(s.log, "settings_taken", "by", "this server", "changes", some(plan.changes))
	s.settings.mu.Lock()
	defer s.settings.mu.Unlock()
	return append(plan.changes, s.settings.trouble[:min(len(s.settings.trouble), maxTroubles)]...), nil
}

// oneEach has the last settings of each zone.
func oneEach(zones []pairmsg.ZoneSettings) []pairmsg.ZoneSettings {
	at := map[string]int{}
	var out []pairmsg.ZoneSettings
	for _, z := range zones {
		if i, ok := at[z.Name.Key()]; ok {
			out[i] = z
			continue
		}
		at[z.Name.Key()] = len(out)
		out = append(out, z)
	}
	return out
}

// reserveZones makes a place for zones whose content only the backup has. What stands in it is marked stale, so that nobody sees it
// and the synchronisation, which the main leads, replaces it.
func (s *Server) reserveZones(list []pairmsg.ZoneSettings) error {
	stored, err := s.journal.Names()
	if err != nil {
		return err
	}
	for _, z := range list {
		if slices.ContainsFunc(stored, z.Name.Equal) || slices.ContainsFunc(s.conf.Zones, func(c ZoneConfig) bool { return c.Name.Equal(z.Name) }) {
			continue
		}
		empty, problems := zone.Load(func(string) ([]byte, error) {
			return []byte("@ 0 SOA invalid. invalid. 1 3600 600 604800 0\n@ 0 NS invalid.\n"), nil
		}, z.Name, "nothing yet")
		if err := problems.Err(); err != nil {
			return err
		}
		log, err := s.journal.Create(z.Name, empty, [32]byte{})
		if err != nil {
			return err
		}
		var b durable.Batch
		log.PutSaved(&b, encodeZoneSaved(pair.ZoneSaved{Flags: pairmsg.Stale}))
		if err := s.store.Commit(&b); err != nil {
			return err
		}
	}
	return nil
}

// relearned is what is known of the partner's settings with these, and the writes that make it durable.
func (s *Server) relearned(zones []pairmsg.ZoneSettings, exact bool) (map[string]learnedZone, *durable.Batch) {
	learned := maps.Clone(s.settings.learned)
	file := map[string]uint64{}
	for _, z := range s.conf.Zones {
		file[z.Name.Key()] = settingsDigest(z.shared())
	}
	var batch durable.Batch
	put := func(l learnedZone) {
		learned[l.settings.Name.Key()] = l
		s.journal.PutValue(&batch, learnedKind, l.settings.Name, learnedID, l.value())
	}
	drop := func(name zone.Name) {
		delete(learned, name.Key())
		s.journal.DropValue(&batch, learnedKind, name, learnedID)
	}
	now, listed := time.Now().UTC(), map[string]bool{}
	for _, z := range zones {
		key := z.Name.Key()
		listed[key] = true
		if own, ok := file[key]; ok && own == settingsDigest(z) {
			drop(z.Name)
		} else {
			put(learnedZone{settings: z, file: own, at: now})
		}
	}
	if exact {
		for _, z := range s.settings.now {
			key := z.Name.Key()
			own, configured := file[key]
			switch {
			case listed[key]:
			case configured:
				put(learnedZone{settings: z, gone: true, file: own, at: now})
			default:
				drop(z.Name)
			}
		}
	}
	return learned, &batch
}

// dropStale forgets what was learned about zones whose section in the file was changed since: on a server that is not the backup the
// file wins.
func (s *Server) dropStale() {
	b := s.settings
	var batch durable.Batch
	b.mu.Lock()
	learned := maps.Clone(b.learned)
	b.mu.Unlock()
	for _, z := range s.conf.Zones {
		if l, ok := learned[z.Name.Key()]; ok && l.file != settingsDigest(z.shared()) {
			delete(learned, z.Name.Key())
			s.journal.DropValue(&batch, learnedKind, z.Name, learnedID)
		}
	}
	if batch.Len() == 0 {
		return
	}
	if err := s.store.Commit(&batch); err != nil {
		s.unfit("the zone journal cannot be written: " + err.Error())
		return
	}
	b.mu.Lock()
	b.learned = learned
	b.mu.Unlock()
}
