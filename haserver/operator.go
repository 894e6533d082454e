package haserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"loadshare/haserver/zone"
	"loadshare/internal/alert"
	"loadshare/internal/control"
	"loadshare/internal/process"
)

// Status is the answer to GET /v1/status.
type Status struct {
	Role             string                `json:"role"`            // in force
	RoleConfigured   string                `json:"role_configured"` // as the configuration has it: a swap makes them differ
	RoleSince        *time.Time            `json:"role_since"`      // last exchange of the roles; null: none since the start
	State            string                `json:"state"`
	Since            time.Time             `json:"since"`
	Reason           string                `json:"reason"` // of the state
	Partner          PartnerStatus         `json:"partner"`
	AcceptingUpdates bool                  `json:"accepting_updates"`
	Why              string                `json:"why"`    // why updates are not accepted; "" when they are
	Unfit            string                `json:"unfit"`  // why nothing can be written; "" when it can
	Copies           int                   `json:"copies"` // on how many disks an answered update is
	Owed             uint64                `json:"owed"`   // changes that the partner has not confirmed
	BehindSince      *time.Time            `json:"behind_since"`
	Held             int                   `json:"held"` // clients' updates that wait
	Zones            []ZoneStatus          `json:"zones"`
	Total            int                   `json:"zones_total"`
	Synchronized     int                   `json:"zones_synchronized"`
	Percent          int                   `json:"zones_synchronized_percent"`
	Pending          int                   `json:"zones_pending"`
	Failed           int                   `json:"zones_failed"`
	Conflicts        int                   `json:"conflicts"` // kept losers of merges
	Alarms           []AlarmStatus         `json:"alarms"`
	Listen           []string              `json:"listen"`
	Reload           *process.ReloadResult `json:"reload"`
	Alerts           *alert.Status         `json:"alerts"` // null where nobody is told
}

// PartnerStatus is the other server of a pair; a single one has none.
type PartnerStatus struct {
	Address    string     `json:"address"`
	State      string     `json:"state"` // as it said last; "" when it never did
	LastHeard  *time.Time `json:"last_heard"`
	Connected  bool       `json:"connected"`
	ClockAhead float64    `json:"clock_ahead"` // seconds
	Unfit      string     `json:"unfit"`       // why it can write nothing
	LastError  string     `json:"last_error"`  // of the last attempt to connect, while there is no connection
}

// ZoneStatus is one zone in Status.
type ZoneStatus struct {
	Name       string `json:"name"`
	Serial     uint32 `json:"serial"`
	Sync       string `json:"sync"`
	Records    int    `json:"records"`
	SyncReason string `json:"sync_reason"` // how it came to be so
	SyncError  string `json:"sync_error"`  // of sync-failed
	Withheld   string `json:"withheld"`    // why queries get SERVFAIL; "" when they are answered
	Settings   string `json:"settings"`    // where they are from: file, or partner
	// FileChanged is the zone's file when it was edited since it was read, as seen at the last start or reload; "": it was not.
	FileChanged string `json:"file_changed"`
}

// handlers registers what the operator may ask.
func (s *Server) handlers(door *control.Server, env process.Env) {
	door.Handle("GET /v1/status", func(context.Context, control.Request) (any, error) {
		st := s.status()
		st.Reload, st.Alerts = env.LastReload(), s.teller.status()
		return st, nil
	})
	door.Handle("GET /v1/ready", func(context.Context, control.Request) (any, error) {
		why := ""
		if err := s.ready(); err != nil {
			why = err.Error()
		}
		return map[string]any{"ready": why == "", "why": why}, nil
	})
	door.Handle("POST /v1/reload", func(ctx context.Context, _ control.Request) (any, error) {
		if err := env.Reload(ctx); err != nil {
			return nil, control.Refuse("%v", err)
		}
		return map[string]any{"ok": true}, nil
	})
	door.Handle("GET /v1/zones", func(context.Context, control.Request) (any, error) {
		return s.status().Zones, nil
	})
	door.Handle("GET /v1/zone", s.zoneShow)
	door.Handle("GET /v1/zone/export", s.zoneExport)
	door.HandleLarge("POST /v1/zone/load", s.zoneLoad)
	s.pairHandlers(door)
}

func (s *Server) ready() error {
	if why := s.unfitWhy(); why != "" {
		return errors.New(why)
	}
	v := s.view.Load()
	if v.blank() {
		return errors.New(noZonesYet + "; loadshare ha status shows how that stands")
	}
	for _, z := range v.zones {
		if z.visible.Load() == nil {
			return errors.New(z.why() + "; loadshare ha status shows what to do")
		}
	}
	return nil
}

func (s *Server) status() Status {
	v := s.view.Load()
	st := Status{
		Role: "single", RoleConfigured: "single", State: "single", Since: s.since.UTC().Truncate(time.Millisecond), Unfit: s.unfitWhy(),
		Copies: 1, Zones: []ZoneStatus{}, Alarms: []AlarmStatus{},
	}
	for _, a := range s.Addrs() {
		st.Listen = append(st.Listen, a.String())
	}
	for _, z := range v.zones {
		one := ZoneStatus{Name: plain(z.name), Sync: "sync-complete", Settings: "file"}
		if now := z.visible.Load(); now != nil {
			one.Serial, one.Records = now.Serial(), now.Len()
		}
		if file := z.edited.Load(); file != nil {
			one.FileChanged = *file
		}
		st.Zones = append(st.Zones, one)
	}
	slices.SortFunc(st.Zones, func(a, b ZoneStatus) int { return strings.Compare(a.Name, b.Name) })
	st.Total, st.Synchronized = len(st.Zones), len(st.Zones)
	st.AcceptingUpdates, st.Why = st.Unfit == "", st.Unfit
	partner := ""
	if v.ha != nil {
		partner = v.ha.Partner.String()
	}
	st.fillPair(s.pairStatus(), partner)
	st.fillSettings(s.settings)
	st.Alarms = s.unheardAlarm(st.Alarms)
	if list, err := s.conflicts(); err == nil {
		if st.Conflicts = len(list); st.Conflicts == 0 { // all are restored
			st.Alarms = slices.DeleteFunc(st.Alarms, func(a AlarmStatus) bool { return a.Name == "conflict" })
		}
	}
	if s.loop.link != nil && !st.Partner.Connected {
		st.Partner.LastError = s.loop.link.lastError()
	}
	st.Percent = percent(st.Synchronized, st.Total)
	return st
}

// plain is a name without the final dot, as configurations have it.
func plain(n zone.Name) string {
	if n == zone.Root {
		return "."
	}
	return strings.TrimSuffix(n.String(), ".")
}

// named finds the zone that a request names.
func (s *Server) named(text string) (*served, error) {
	name, err := zone.ParseName(text)
	if err != nil {
		return nil, control.Refuse("%q is no zone name: %v", text, err)
	}
	z := s.view.Load().exact(name)
	if z == nil {
		return nil, control.Refuse("there is no zone %s here; `loadshare zone list` shows those that are", text)
	}
	return z, nil
}

func (s *Server) zoneOf(r control.Request) (*served, *zone.Zone, error) {
	text, err := r.Need("name")
	if err != nil {
		return nil, nil, err
	}
	return s.content(text)
}

// content finds a zone and what queries see of it.
func (s *Server) content(text string) (*served, *zone.Zone, error) {
	z, err := s.named(text)
	if err != nil {
		return nil, nil, err
	}
	now := z.visible.Load()
	if now == nil {
		return nil, nil, control.Refuse("the zone %s has no content yet: it comes from the partner; `loadshare ha status` shows how that stands", text)
	}
	return z, now, nil
}

// ShownRecord is one record in the answer to GET /v1/zone.
type ShownRecord struct {
	Name string `json:"name"`
	TTL  uint32 `json:"ttl"`
	Type string `json:"type"`
	Data string `json:"data"`
}

// ZoneShown is the answer to GET /v1/zone.
type ZoneShown struct {
	Name        string            `json:"name"`
	Serial      uint32            `json:"serial"`
	Sync        string            `json:"sync"`
	SyncReason  string            `json:"sync_reason"`
	SyncError   string            `json:"sync_error"`
	Withheld    string            `json:"withheld"`
	Settings    string            `json:"settings"`
	Records     []ShownRecord     `json:"records"` // none while the zone is withheld
	Secondaries []SecondaryStatus `json:"secondaries"`
}

func (s *Server) zoneShow(_ context.Context, r control.Request) (any, error) {
	text, err := r.Need("name")
	if err != nil {
		return nil, err
	}
	z, err := s.named(text)
	if err != nil {
		return nil, err
	}
	st := s.status()
	i := slices.IndexFunc(st.Zones, func(o ZoneStatus) bool { return o.Name == plain(z.name) })
	if i < 0 {
		return nil, control.Refuse("the zone %s was just taken out of service", text)
	}
	one := &st.Zones[i]
	out := ZoneShown{
		Name: one.Name, Serial: one.Serial, Sync: one.Sync, SyncReason: one.SyncReason, SyncError: one.SyncError, Withheld: one.Withheld, Settings: one.Settings,
		Records: []ShownRecord{}, Secondaries: s.secondaries(z.liveZone),
	}
	if now := z.visible.Load(); now != nil {
		out.Serial = now.Serial()
		for set := range now.All() {
			for _, data := range set.Data {
				out.Records = append(out.Records, ShownRecord{set.Name.String(), set.TTL, set.Type.String(), zone.RdataText(set.Type, data)})
			}
		}
	}
	return out, nil
}

func (s *Server) zoneExport(_ context.Context, r control.Request) (any, error) {
	z, now, err := s.zoneOf(r)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	for line := range now.Text() {
		b.WriteString(line)
		b.WriteByte('\n')
	}
	return map[string]any{"name": plain(z.name), "serial": now.Serial(), "text": b.String()}, nil
}

// LoadRequest is the body of POST /v1/zone/load.
type LoadRequest struct {
	Name   string `json:"name"`
	Text   string `json:"text"`   // a master file
	File   string `json:"file"`   // what the operator calls it, for messages; it is not read
	Report bool   `json:"report"` // only say what would change
}

// LoadReply says what a load changes, or changed. Records are lines of a master file.
type LoadReply struct {
	Applied  bool     `json:"applied"`
	Serial   uint32   `json:"serial"` // of the zone afterwards
	Deleted  []string `json:"deleted"`
	Added    []string `json:"added"`
	Notes    []string `json:"notes"`
	Warnings []string `json:"warnings"`
}

func (s *Server) zoneLoad(_ context.Context, r control.Request) (any, error) {
	var in LoadRequest
	if err := r.Decode(&in); err != nil {
		return nil, err
	}
	z, err := s.named(in.Name)
	if err != nil {
		return nil, err
	}
	source, done, err := s.loadSource(z, in.Text)
	if err != nil {
		return nil, err
	}
	defer done()
	loaded, problems := zone.Load(source, z.name, z.conf.File)
	for i := range problems {
		if in.File != "" && problems[i].File == z.conf.File {
			problems[i].File = in.File
		}
	}
	if err := problems.Err(); err != nil {
		return nil, control.Refuse("the text is no zone:\n%v", err)
	}
	reply := LoadReply{Deleted: []string{}, Added: []string{}, Notes: []string{}, Warnings: []string{}}
	for _, p := range problems.Warnings() {
		reply.Warnings = append(reply.Warnings, p.String())
	}
	if in.Report {
		_, now, err := s.content(in.Name)
		if err != nil {
			return nil, err
		}
		_, d, note := replaceBy(now, loaded, zone.NextSerial(now.Serial()))
		reply.fill(d, note, now.Serial())
		return reply, nil
	}
	ahead := replaceAhead(z.visible.Load(), loaded)
	err = s.edit(z, func(tip *zone.Zone, serial uint32) (*zone.Zone, zone.Delta, error) {
		next, d, note := ahead.on(tip, serial)
		if next == nil {
			return nil, zone.Delta{}, fmt.Errorf("zone %s was not changed: %s", in.Name, note)
		}
		reply.fill(d, note, next.Serial())
		return next, d, nil
	})
	if err != nil {
		return nil, err
	}
	reply.Applied = true
	s.scavenge.forget(z.key)
	s.tookFile(z, in.Text)
	s.log.Info("zone_loaded", "zone", in.Name, "by", r.By, "serial", reply.Serial, "deleted", len(reply.Deleted), "added", len(reply.Added))
	return reply, nil
}

// edit changes a zone for the operator. The new serial is the one given, unless do sets one that is newer. When do returns an error
// nothing is changed and that is the error.
func (s *Server) edit(z *served, do func(tip *zone.Zone, serial uint32) (*zone.Zone, zone.Delta, error)) error {
	var no error
	res := s.change(z.liveZone, true, func(tip *zone.Zone, serial uint32) (*zone.Zone, zone.Delta, result) {
		next, d, err := do(tip, serial)
		if no = err; err != nil {
			return tip, zone.Delta{}, result{rcode: zone.ServFail, reason: BadUpdate, why: err.Error()}
		}
		return next, d, result{serial: next.Serial()}
	})
	switch {
	case no != nil:
		return no
	case res.reason == AtPartner:
		return control.Refuse("the zone %s cannot be changed here: this server is the backup, the main (%s) takes the changes: give the same command there", plain(z.name), s.view.Load().ha.Partner.Addr())
	case res.reason == NotAccepting, res.reason == OneCopy:
		return control.Refuse("the zone %s cannot be changed here now: %s", plain(z.name), res.why)
	case res.rcode != zone.NoError:
		return fmt.Errorf("zone %s was not changed: %s", plain(z.name), res.why)
	}
	return nil
}

// loadSource reads text in place of the zone's file. What it includes is taken from the folder of the zone's file, and from
// nowhere else: whoever may load a zone may not therefore read every file of this host. A zone of the partner has no file, and no
// such folder.
func (s *Server) loadSource(z *served, text string) (src zone.Source, done func(), err error) {
	var dir *os.Root
	done = func() {}
	if z.conf.File != "" {
		if dir, err = os.OpenRoot(filepath.Dir(z.conf.File)); err != nil {
			return nil, nil, err
		}
		done = func() { dir.Close() }
	}
	first := true
	src = func(file string) ([]byte, error) {
		if first {
			first = false
			return []byte(text), nil
		}
		if dir == nil {
			return nil, errors.New("$INCLUDE works only for zones with a file on this server")
		}
		rel, err := filepath.Rel(dir.Name(), file)
		if err != nil {
			return nil, err
		}
		f, err := dir.Open(rel)
		if err != nil {
			return nil, fmt.Errorf("$INCLUDE works only for files in %s: %w", dir.Name(), err)
		}
		defer f.Close()
		return io.ReadAll(io.LimitReader(f, maxZoneFile))
	}
	return src, done, nil
}

// tookFile notes that the zone's file was taken over, if the text that was loaded is what it says. Another text leaves the note as it is: a
// file that nobody changed is no news, one that was changed and is not in the zone still is (decision H-j).
func (s *Server) tookFile(z *served, text string) {
	if z.conf.File == "" {
		return
	}
	if onDisk, err := readSource(z.conf.File); err != nil || string(onDisk) != text {
		return
	}
	digest, err := fileDigest(z.conf.File) // with what it includes
	if err != nil {
		return
	}
	z.edited.Store(nil)
	if err := z.log.SetDigest(digest); err != nil {
		s.unfit("the zone journal cannot be written: " + err.Error())
	}
}

// serialAfter is the serial that a zone takes when it becomes equal to another: the other's when that is newer, else the given one.
func serialAfter(now, other *zone.Zone, serial uint32) (to uint32, note string) {
	if to = other.Serial(); to == serial || zone.SerialNewer(to, serial) {
		return to, ""
	}
	return serial, fmt.Sprintf("the serial %d of the text is not newer than %d of the zone: the zone takes %d", to, now.Serial(), serial)
}

// replaceBy makes a zone equal to another. The serial is that of the other when it is newer, else one more than the
// present one (decision H-c), which the note says. next is nil when it cannot be done.
func replaceBy(now, other *zone.Zone, serial uint32) (next *zone.Zone, d zone.Delta, note string) {
	if zone.Diff(now, other.With(now.Serial())).IsZero() {
		return now, zone.Delta{}, "nothing differs; the zone stays as it is"
	}
	to, note := serialAfter(now, other, serial)
	other = other.With(to)
	d = zone.Diff(now, other)
	next, err := now.WithDelta(d)
	if err != nil {
		return nil, zone.Delta{}, err.Error()
	}
	return next, d, note
}

func (r *LoadReply) fill(d zone.Delta, note string, serial uint32) {
	if !d.IsZero() {
		serial = d.To
	}
	r.Serial = serial
	for _, rec := range d.Deleted {
		r.Deleted = append(r.Deleted, rec.String())
	}
	for _, rec := range d.Added {
		r.Added = append(r.Added, rec.String())
	}
	if note != "" {
		r.Notes = append(r.Notes, note)
	}
}
