package haserver

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"loadshare/haserver/journal"
	"loadshare/haserver/merge"
	"loadshare/haserver/pairmsg"
	"loadshare/haserver/zone"
	"loadshare/internal/control"
	"loadshare/internal/durable"
)

// What lost in a merge is kept beside its zone, so that an operator can look at it and put it back (decision H-d).

const (
	conflictKind = 'C'    // of journal values; the id is that of the conflict
	maxConflicts = 10_000 // kept in all; the oldest go
)

// storedConflict is a merge.Conflict as JSON: names as text, RDATA as octets.
type storedConflict struct {
	Name    string         `json:"name"`
	Type    zone.Type      `json:"type"`
	At      int64          `json:"at"`
	Winner  string         `json:"winner"`
	Reason  string         `json:"reason"`
	Kept    []storedRecord `json:"kept,omitempty"`
	Lost    []storedRecord `json:"lost,omitempty"`
	Removed []storedRecord `json:"removed,omitempty"`
	Gone    bool           `json:"gone,omitempty"` // it was restored, and is remembered so that the partner forgets it too
}

type storedRecord struct {
	Name string    `json:"name"`
	Type zone.Type `json:"type"`
	TTL  uint32    `json:"ttl"`
	Data []byte    `json:"data"`
}

// putConflict keeps a conflict when b is committed.
func putConflict(b *durable.Batch, j *journal.Journal, zoneName zone.Name, c merge.Conflict) {
	j.PutValue(b, conflictKind, zoneName, c.ID, conflictValue(c))
}

func conflictValue(c merge.Conflict) []byte {
	v, err := json.Marshal(storedConflict{
		c.Name.String(), c.Type, c.At, c.Winner.String(), c.Reason, storedRecords(c.Kept), storedRecords(c.Lost), storedRecords(c.Removed), false,
	})
	if err != nil { // there is nothing in it that has no JSON form
		panic("conflict: " + err.Error())
	}
	return v
}

func storedRecords(list []zone.Record) []storedRecord {
	var out []storedRecord
	for _, r := range list {
		out = append(out, storedRecord{r.Name.String(), r.Type, r.TTL, []byte(r.Data)})
	}
	return out
}

// goneValue is what is kept of a conflict that was restored.
func goneValue(at int64) []byte { return fmt.Appendf(nil, `{"name":".","at":%d,"gone":true}`, at) }

// parseStored reads what conflictValue or goneValue made; gone: it was restored.
func parseStored(id string, v []byte) (c merge.Conflict, gone bool, err error) {
	var s storedConflict
	if err := json.Unmarshal(v, &s); err != nil {
		return c, false, fmt.Errorf("conflict %s: %w", id, err)
	}
	c, err = s.conflict(id)
	return c, s.Gone, err
}

func (s *storedConflict) conflict(id string) (merge.Conflict, error) {
	name, err := zone.ParseName(s.Name)
	if err != nil {
		return merge.Conflict{}, fmt.Errorf("conflict %s: name %q: %w", id, s.Name, err)
	}
	c := merge.Conflict{ID: id, Name: name, Type: s.Type, At: s.At, Winner: pairmsg.Main, Reason: s.Reason}
	if s.Winner == pairmsg.Backup.String() {
		c.Winner = pairmsg.Backup
	}
	for _, list := range []struct {
		from []storedRecord
		to   *[]zone.Record
	}{{s.Kept, &c.Kept}, {s.Lost, &c.Lost}, {s.Removed, &c.Removed}} {
		for _, r := range list.from {
			name, err := zone.ParseName(r.Name)
			if err == nil {
				err = zone.ValidRdata(r.Type, r.Data)
			}
			if err != nil {
				return merge.Conflict{}, fmt.Errorf("conflict %s: record of %q: %w", id, r.Name, err)
			}
			*list.to = append(*list.to, zone.Record{Name: name, Type: r.Type, Class: zone.ClassIN, TTL: r.TTL, Data: string(r.Data)})
		}
	}
	return c, nil
}

// keptConflict is a conflict and the zone that it is about.
type keptConflict struct {
	zone zone.Name
	merge.Conflict
	gone bool // it was restored
}

// conflicts are all that can be restored, newest first.
func (s *Server) conflicts() ([]keptConflict, error) {
	list, err := s.allConflicts()
	return slices.DeleteFunc(list, func(c keptConflict) bool { return c.gone }), err
}

// allConflicts are those too of which only that is kept.
func (s *Server) allConflicts() ([]keptConflict, error) {
	values, err := s.journal.Values(conflictKind, "")
	if err != nil {
		return nil, err
	}
	var list []keptConflict
	for _, v := range values {
		c, gone, err := parseStored(v.ID, v.Data)
		if err != nil {
			return nil, err
		}
		list = append(list, keptConflict{v.Zone, c, gone})
	}
	slices.SortFunc(list, func(a, b keptConflict) int { return cmp.Or(cmp.Compare(b.At, a.At), cmp.Compare(a.ID, b.ID)) })
	return list, nil
}

// trimConflicts forgets the oldest of too many. It is called when the server starts, and when the partner's came.
func (s *Server) trimConflicts() error {
	list, err := s.allConflicts()
	if err != nil || len(list) <= maxConflicts {
		return err
	}
	var b durable.Batch
	for _, c := range list[maxConflicts:] {
		s.journal.DropValue(&b, conflictKind, c.zone, c.ID)
	}
	s.quiet.Warn(s.log, "conflicts_forgotten", "count", len(list)-maxConflicts, "hint", "only the newest are kept; loadshare ha conflicts shows them")
	return s.store.Commit(&b)
}

// ConflictList is the answer to GET /v1/ha/conflicts.
type ConflictList struct {
	Conflicts []ShownConflict `json:"conflicts"` // the newest last
}

// ShownConflict is one conflict in the answer to GET /v1/ha/conflicts. Records are lines of a master file.
type ShownConflict struct {
	ID      string    `json:"id"`
	Zone    string    `json:"zone"`
	Name    string    `json:"name"`
	Type    string    `json:"type"` // "" for the whole name
	At      time.Time `json:"at"`
	Winner  string    `json:"winner"`
	Reason  string    `json:"reason"`
	Kept    []string  `json:"kept"`
	Lost    []string  `json:"lost"`
	Removed []string  `json:"removed"`
}

func (c keptConflict) shown() ShownConflict {
	out := ShownConflict{
		ID: c.ID, Zone: plain(c.zone), Name: plain(c.Name), At: time.UnixMicro(c.At).UTC(), Winner: c.Winner.String(), Reason: c.Reason,
		Kept: recordLines(c.Kept), Lost: recordLines(c.Lost), Removed: recordLines(c.Removed),
	}
	if c.Type != 0 {
		out.Type = c.Type.String()
	}
	return out
}

func recordLines(records []zone.Record) []string {
	out := make([]string, 0, len(records))
	for _, r := range records {
		out = append(out, r.String())
	}
	return out
}

func (s *Server) conflictList(context.Context, control.Request) (any, error) {
	list, err := s.conflicts()
	if err != nil {
		return nil, err
	}
	out := make([]ShownConflict, 0, len(list))
	for _, c := range list {
		out = append(out, c.shown())
	}
	return ConflictList{Conflicts: out}, nil
}

// RestoreRequest is the body of POST /v1/ha/conflicts/restore.
type RestoreRequest struct {
	ID     string `json:"id"` // or so much of its beginning that only one fits
	Reason string `json:"reason"`
}

// conflictRestore gives the loser of a conflict what it lost, by an ordinary change; the conflict is then forgotten.
func (s *Server) conflictRestore(_ context.Context, r control.Request) (any, error) {
	var in RestoreRequest
	if err := r.Decode(&in); err != nil {
		return nil, err
	}
	if strings.TrimSpace(in.Reason) == "" {
		return nil, control.Refuse("a reason is needed: --reason TEXT")
	}
	c, err := s.conflictOf(in.ID)
	if err != nil {
		return nil, err
	}
	z := s.view.Load().exact(c.zone)
	if z == nil {
		return nil, control.Refuse("the zone %s of this conflict is not served here", plain(c.zone))
	}
	reply := LoadReply{Deleted: []string{}, Added: []string{}, Notes: []string{}, Warnings: []string{}}
	err = s.edit(z, func(tip *zone.Zone, serial uint32) (*zone.Zone, zone.Delta, error) {
		next, d, rcode, why := tip.Apply(zone.Update{Updates: restoring(c.Conflict, serial), Serial: serial})
		switch {
		case rcode != zone.NoError:
			return nil, zone.Delta{}, control.Refuse("what was lost does not fit the zone as it is now: %s", why)
		case d.IsZero():
			return nil, zone.Delta{}, control.Refuse("the zone has what was lost already, or other data stand in its way; `loadshare ha conflicts` shows both")
		}
		reply.fill(d, "", next.Serial())
		return next, d, nil
	})
	if err != nil {
		return nil, err
	}
	reply.Applied = true
	s.log.Info("conflict_restored", "id", c.ID, "zone", plain(c.zone), "by", r.By, "reason", in.Reason, "serial", reply.Serial)
	var b durable.Batch
	s.journal.PutValue(&b, conflictKind, c.zone, c.ID, goneValue(c.At))
	if err := s.store.Commit(&b); err != nil {
		reply.Warnings = append(reply.Warnings, "the conflict is still in the list: "+err.Error())
	}
	s.conflictsDue()
	return reply, nil
}

// restoring is the update section that gives back what lost; a SOA gets the serial n.
func restoring(c merge.Conflict, n uint32) []zone.Record {
	update := c.Restore()
	for i, r := range update {
		if at := len(r.Data) - 20; r.Type == zone.TypeSOA && r.Class == zone.ClassIN && at >= 0 {
			update[i].Data = r.Data[:at] + string([]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}) + r.Data[at+4:]
		}
	}
	return update
}

// conflictOf finds a conflict by its id, or the beginning of it.
func (s *Server) conflictOf(id string) (keptConflict, error) {
	list, err := s.conflicts()
	if err != nil {
		return keptConflict{}, err
	}
	list = slices.DeleteFunc(list, func(c keptConflict) bool { return !strings.HasPrefix(c.ID, strings.ToLower(id)) })
	switch {
	case id == "":
		return keptConflict{}, control.Refuse("which conflict? `loadshare ha conflicts` shows their ids")
	case len(list) == 0:
		return keptConflict{}, control.Refuse("there is no conflict %s here; `loadshare ha conflicts` shows those that are", id)
	case len(list) > 1:
		return keptConflict{}, control.Refuse("%d conflicts begin with %s: give more of the id", len(list), id)
	}
	return list[0], nil
}
