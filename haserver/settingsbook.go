package haserver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"loadshare/haserver/pair"
	"loadshare/haserver/pairmsg"
	"loadshare/haserver/zone"
)

const (
	maxOrders   = 16              // about settings that wait
	maxTroubles = 10              // that are logged one by one
	partnerWait = 5 * time.Second // for an answer of the partner
)

// settingsBook knows whose settings are in force. What it does to the server is done by the goroutine that reloads, between two
// reloads: orders wait in a queue until that calls run.
type settingsBook struct {
	wake chan struct{} // of one: there are orders

	mu      sync.Mutex // links, the loop and the operator's door leave orders; status looks
	orders  []func()
	learned map[string]learnedZone
	now     []pairmsg.ZoneSettings // in force, or about to be
	partner map[string]bool        // zones whose settings are the partner's
	trouble []string               // settings that cannot be in force here
	only    []string               // zones that the main does not have
	since   time.Time              // of trouble or only
	waiting map[uint64]chan pairmsg.Message
	last    uint64
}

func newSettingsBook() *settingsBook {
	return &settingsBook{wake: make(chan struct{}, 1), learned: map[string]learnedZone{}, waiting: map[uint64]chan pairmsg.Message{}}
}

// order leaves something to be done between two reloads; false: too much waits.
func (b *settingsBook) order(f func()) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.orders) >= maxOrders {
		return false
	}
	b.orders = append(b.orders, f)
	b.poke()
	return true
}

func (b *settingsBook) poke() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// run carries out one of the orders. Between two of them the server can be stopped.
func (b *settingsBook) run() {
	b.mu.Lock()
	var f func()
	if len(b.orders) > 0 {
		f, b.orders = b.orders[0], b.orders[1:]
	}
	if len(b.orders) > 0 {
		b.poke()
	}
	b.mu.Unlock()
	if f != nil {
		f()
	}
}

// roleAtStart is the role that will be in force when the server begins.
func roleAtStart(saved pair.Saved, conf *Config) pairmsg.Role {
	switch {
	case conf.HA == nil:
		return pairmsg.Single
	case saved.Role != pairmsg.Single:
		return saved.Role
	}
	return conf.HA.Role
}

// inForce are the zones to be served by a configuration.
func (s *Server) inForce(conf *Config, role pairmsg.Role) []ZoneConfig {
	b := s.settings
	b.mu.Lock()
	defer b.mu.Unlock()
	zones, partner, trouble := inForce(conf.Zones, b.learned, conf.Keys, role == pairmsg.Backup)
	if len(b.trouble)+len(b.only) == 0 && len(trouble) > 0 {
		b.since = time.Now()
	}
	b.now, b.partner, b.trouble = sharedOf(zones), partner, trouble
	for i, text := range trouble {
		if i == maxTroubles {
			s.quiet.Warn(s.log, "settings_not_in_force", "more", len(trouble)-i)
			break
		}
		s.quiet.Warn(s.log, "settings_not_in_force", "problem", text)
	}
	return zones
}

// settingsOf are the settings of a zone that the partner may have.
func (s *Server) settingsOf(name zone.Name) pairmsg.ZoneSettings {
	b := s.settings
	b.mu.Lock()
	defer b.mu.Unlock()
	if i := slices.IndexFunc(b.now, func(z pairmsg.ZoneSettings) bool { return z.Name.Equal(name) }); i >= 0 {
		return b.now[i]
	}
	return pairmsg.ZoneSettings{Name: name}
}

// settingsDue is called when the partner may have other settings than this server: when the pair reaches normal, when the roles were
// exchanged, and after a reload.
func (s *Server) settingsDue(reloaded bool) {
	if s.loop.link == nil {
		return // single
	}
	s.settings.order(func() {
		st := s.pairStatus()
		if reloaded && st.Role != pairmsg.Backup {
			s.dropStale()
		}
		switch {
		case st.State != pairmsg.Normal:
		case st.Role == pairmsg.Main:
			s.tellPartner(pairmsg.Settings{Zones: s.settingsNow(), Apply: true})
		case reloaded:
			s.tellPartner(pairmsg.SettingsAsk{})
		}
	})
}

func (s *Server) settingsNow() []pairmsg.ZoneSettings {
	s.settings.mu.Lock()
	defer s.settings.mu.Unlock()
	return s.settings.now
}

// tellPartner sends a message over the connection in use; false: there is none.
func (s *Server) tellPartner(m pairmsg.Message) bool {
	p := s.loop.link
	if p == nil {
		return false
	}
	to := p.session(p.current.Load())
	if to == nil {
		return false
	}
	return p.put(to, m)
}

// askPartner sends a question and returns the answer to it.
func (s *Server) askPartner(ctx context.Context, question func(id uint64) pairmsg.Message) (pairmsg.Message, error) {
	b := s.settings
	answer := make(chan pairmsg.Message, 1)
	b.mu.Lock()
	b.last++
	id := b.last
	b.waiting[id] = answer
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		delete(b.waiting, id)
		b.mu.Unlock()
	}()
	if !s.tellPartner(question(id)) {
		return nil, errors.New("there is no connection to the partner")
	}
	ctx, cancel := context.WithTimeout(ctx, partnerWait)
	defer cancel()
	select {
	case m := <-answer:
		return m, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("the partner did not answer within %v", partnerWait)
	}
}

// answered hands an answer to who waits for it.
func (b *settingsBook) answered(id uint64, m pairmsg.Message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if to := b.waiting[id]; to != nil {
		delete(b.waiting, id)
		to <- m
	}
}

// settingsReceived takes a message about settings. It returns at once.
func (s *Server) settingsReceived(m pairmsg.Message, answer func(pairmsg.Message)) {
	switch m := m.(type) {
	case pairmsg.SettingsAsk:
		answer(pairmsg.Settings{ID: m.ID, Zones: s.settingsNow(), Apply: m.ID == 0})
	case pairmsg.Settings:
		if !m.Apply {
			s.settings.answered(m.ID, m)
			return
		}
		if !s.settings.order(func() { answer(s.applySettings(m)) }) {
			answer(pairmsg.SettingsDone{ID: m.ID, Error: "too many changes of settings at once"})
		}
	case pairmsg.SettingsDone:
		if m.ID != 0 {
			s.settings.answered(m.ID, m)
			return
		}
		if m.Error != "" {
			s.quiet.Warn(s.log, "settings_not_taken", "by", "partner", "error", m.Error)
		} else if len(m.Changes) > 0 {
			s.quiet.Info(s.log, "settings_taken", "by", "partner", "changes", some(m.Changes))
		}
	}
}

// settingsArrived is called with the settings of a zone before its content comes from the partner. It returns when the zone is
// known here.
func (s *Server) settingsArrived(z pairmsg.ZoneSettings) {
	if s.view.Load().exact(z.Name) != nil || s.pairStatus().Role != pairmsg.Backup {
		return
	}
	done := make(chan struct{})
	ordered := s.settings.order(func() {
		defer close(done)
		if _, err := s.learn([]pairmsg.ZoneSettings{z}, false); err != nil {
			s.quiet.Warn(s.log, "zone_not_taken", "zone", plain(z.Name), "error", err.Error())
		}
	})
	if !ordered {
		return
	}
	select {
	case <-done:
	case <-s.loop.done:
	}
}

// applySettings makes settings of the partner our own: without an order of an operator (ID) only the backup does.
func (s *Server) applySettings(m pairmsg.Settings) pairmsg.SettingsDone {
	done := pairmsg.SettingsDone{ID: m.ID}
	if m.ID == 0 && s.pairStatus().Role != pairmsg.Backup {
		done.Error = "this server is the main"
		return done
	}
	changes, err := s.learn(m.Zones, m.Exact)
	done.Changes = changes
	if err != nil {
		done.Error = err.Error()
	}
	if s.pairStatus().Role == pairmsg.Backup { // they are the main's, and all
		s.compareZones(m.Zones)
	}
	return done
}

// compareZones remembers which zones the main does not have.
func (s *Server) compareZones(main []pairmsg.ZoneSettings) {
	b := s.settings
	b.mu.Lock()
	defer b.mu.Unlock()
	theirs := map[string]bool{}
	for _, z := range main {
		theirs[z.Name.Key()] = true
	}
	if len(b.trouble)+len(b.only) == 0 {
		b.since = time.Now()
	}
	b.only = nil
	for _, z := range b.now {
		if !theirs[z.Name.Key()] {
			b.only = append(b.only, plain(z.Name))
		}
	}
}

// fillSettings says whose settings are in force.
func (st *Status) fillSettings(b *settingsBook) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range st.Zones {
		if name, err := zone.ParseName(st.Zones[i].Name); err == nil && b.partner[name.Key()] {
			st.Zones[i].Settings = "partner"
		}
	}
	text := slices.Clone(b.trouble)
	only := slices.DeleteFunc(slices.Clone(b.only), func(name string) bool { // taken out of service meanwhile
		return !slices.ContainsFunc(st.Zones, func(z ZoneStatus) bool { return z.Name == name })
	})
	if len(only) > 0 {
		text = append(text, "only this server has the zones "+few(only, ", ")+"; to give them to the main: `loadshare pair sync update --direction backup-to-main --report`; to give them up: `loadshare pair sync exact --report`; then with --run")
	}
	if len(text) > 0 {
		since := b.since.UTC().Truncate(time.Millisecond)
		st.Alarms = append(st.Alarms, AlarmStatus{"config-differs", &since, few(text, "; ")})
	}
}

// some are the first of a list for the log, and how many more there are.
func some(list []string) []string {
	const most = 100
	if len(list) <= most {
		return list
	}
	return append(slices.Clone(list[:most]), fmt.Sprintf("and %d more", len(list)-most))
}

// few joins the first of a list, and says how many more there are.
func few(list []string, sep string) string {
	const most = 4
	if len(list) <= most {
		return strings.Join(list, sep)
	}
	return fmt.Sprintf("%s%sand %d more", strings.Join(list[:most], sep), sep, len(list)-most)
}
