package haserver

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"loadshare/haserver/catalog"
	"loadshare/haserver/journal"
	"loadshare/haserver/merge"
	"loadshare/haserver/pair"
	"loadshare/haserver/pairmsg"
	"loadshare/haserver/zone"
	"loadshare/internal/config"
	"loadshare/internal/durable"
)

// maxZoneFile bounds a master file, and maxIncludes how deep one leads to others.
const (
	maxZoneFile = 2 << 30
	maxIncludes = 8
)

// openedZone is a configured zone, with where it stands.
type openedZone struct {
	zone  *liveZone // nil: nothing of it is here
	conf  ZoneConfig
	start pair.ZoneStart // no Tip: it was here already, or has no content yet
}

// openZones makes every configured zone ready: as it is here (had), or from the journal, or, when it is new, from its file. A zone of
// the backup that has no file gets its content from the partner. All files are read before anything is stored, so that an error
// leaves nothing behind.
func (s *Server) openZones(confs []ZoneConfig, had func(key string) *liveZone) ([]openedZone, error) {
	list := make([]openedZone, len(confs))
	files := map[int]*zone.Zone{}
	var errs []error
	for i, conf := range confs {
		z := &list[i]
		z.conf = conf
		if z.zone = had(conf.Name.Key()); z.zone != nil {
			s.warnChanged(conf, z.zone)
			continue
		}
		var err error
		if z.zone, z.start, err = s.stored(conf.Name); err != nil {
			errs = append(errs, wayOut(err, s.conf.StateDir))
			continue
		}
		switch {
		case z.zone != nil:
			s.warnChanged(conf, z.zone)
		case conf.Catalog && s.conf.createsCatalogs():
			if files[i], err = catalog.New(conf.Name); err != nil {
				errs = append(errs, err)
			}
		case conf.File != "":
			if files[i], err = s.readFile(conf); err != nil {
				errs = append(errs, err)
			}
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	var b durable.Batch // of many zones: each commit waits for the disk
	for i, conf := range confs {
		z := &list[i]
		if z.zone != nil || files[i] == nil {
			continue
		}
		var err error
		if z.zone, z.start, err = s.create(&b, conf, files[i]); err != nil {
			return nil, fmt.Errorf("store zone %s: %w", conf.Text, err)
		}
		if b.Len() >= maxGroup {
			if err := s.store.Commit(&b); err != nil {
				return nil, fmt.Errorf("store zone %s: %w", conf.Text, err)
			}
			b.Reset()
		}
	}
	if b.Len() > 0 {
		if err := s.store.Commit(&b); err != nil {
			return nil, fmt.Errorf("store the new zones: %w", err)
		}
	}
	return list, s.tellUnused(confs)
}

// bring gives the loop a zone that was not here.
func (s *Server) bring(z *openedZone) (err error) {
	switch {
	case z.zone == nil:
		z.zone, err = s.loop.expect(z.conf.Name)
	case z.start.Tip != nil:
		err = s.loop.add(z.zone, z.start)
	}
	return err
}

// stored is a zone as the journal has it; nil: it has not.
func (s *Server) stored(name zone.Name) (*liveZone, pair.ZoneStart, error) {
	var start pair.ZoneStart
	log, tip, err := s.journal.Load(name)
	if err != nil || log == nil {
		return nil, start, err
	}
	start = pair.ZoneStart{Tip: tip, Point: log.Point()}
	b, ok, err := log.Saved()
	switch {
	case err != nil:
		return nil, start, err
	case ok:
		start.Saved, err = decodeZoneSaved(b)
	case log.Seq() <= 1: // stopped between the two writes of create
		start.Saved.Flags = pairmsg.Fresh
	}
	keep := keptFor(start.Saved)
	start.History = log.History(keep)
	if err == nil && start.Saved.Alone != (pairmsg.Point{}) {
		start.Begun, err = contentAt(log, tip, start.Saved.Alone)
	}
	z := newLiveZone(name, log)
	z.keep = keep
	return z, start, err
}

// keptFor is what the journal must keep of a zone's old steps for the next merge.
func keptFor(s pair.ZoneSaved) journal.Keep {
	if s.Apart == (pairmsg.Point{}) {
		return journal.Keep{}
	}
	return journal.Keep{From: s.Agreed, Through: s.Apart, Asked: s.Asked}
}

// contentAt is what a zone that is tip now was at a point; nil: the journal does not reach back so far.
func contentAt(log *journal.Log, tip *zone.Zone, p pairmsg.Point) (*zone.Zone, error) {
	if p != log.Point() && !slices.Contains(log.History(journal.Keep{}), p) {
		return nil, nil
	}
	var steps []pairmsg.Entry
	ok, err := log.Entries(p.Serial, tip.Serial(), func(e pairmsg.Entry) bool {
		steps = append(steps, e)
		return true
	})
	if err != nil || !ok {
		return nil, err
	}
	return merge.Undo(tip, merge.Compose(steps))
}

// create stores a zone that was read from its file.
func (s *Server) create(b *durable.Batch, conf ZoneConfig, z *zone.Zone) (*liveZone, pair.ZoneStart, error) {
	var start pair.ZoneStart
	var digest [32]byte
	if conf.File != "" {
		var err error
		if digest, err = fileDigest(conf.File); err != nil {
			return nil, start, err
		}
	}
	log, err := s.journal.CreateIn(b, conf.Name, z, digest)
	if err != nil {
		return nil, start, err
	}
	start = pair.ZoneStart{Tip: z, Point: log.Point(), Saved: pair.ZoneSaved{Flags: pairmsg.Fresh}}
	log.PutSaved(b, encodeZoneSaved(start.Saved))
	return newLiveZone(conf.Name, log), start, nil
}

// emptyZone is a zone whose content is to come from the partner. What the journal may have of it is of a time when it was in service
// before.
func (s *Server) emptyZone(name zone.Name) (*liveZone, error) {
	z, _, err := s.stored(name)
	if err != nil {
		return nil, err
	}
	if z == nil {
		log, err := s.journal.Begin(name)
		if err != nil {
			return nil, err
		}
		z = newLiveZone(name, log)
	}
	z.hidden.Store(uint32(pair.ZoneNew))
	return z, nil
}

func newLiveZone(name zone.Name, log *journal.Log) *liveZone {
	return &liveZone{name: name, key: name.Key(), log: log}
}

// tellUnused logs the zones that the state directory keeps and nobody is served.
func (s *Server) tellUnused(confs []ZoneConfig) error {
	names, err := s.journal.Names()
	for _, n := range names {
		if !slices.ContainsFunc(confs, func(c ZoneConfig) bool { return c.Name.Equal(n) }) {
			s.log.Info("zone_kept", "zone", plain(n), "hint", "it is in the state directory and not in the configuration; it comes back as it is when it is configured again")
		}
	}
	return err
}

// wayOut says what to do about a journal that cannot be used.
func wayOut(err error, dir string) error {
	if errors.Is(err, durable.ErrInUse) {
		return fmt.Errorf("%w: another loadshare dns runs with this state_dir; each server has its own", err)
	}
	var d *journal.Damage
	if !errors.As(err, &d) && !errors.Is(err, durable.ErrDamaged) {
		return err
	}
	return fmt.Errorf("%w; nothing was changed. Ways out: put back a copy of %s from a backup; or move %s away, so that every zone is read from its file again (changes made since that file was written are then lost; `loadshare zone export ZONE` on a secondary or partner may have them)", err, dir, dir)
}

func (s *Server) readFile(conf ZoneConfig) (*zone.Zone, error) {
	z, problems := zone.Load(readSource, conf.Name, conf.File)
	if problems.Err() != nil {
		return nil, badZoneFile(conf.File, problems)
	}
	for _, p := range problems.Warnings() {
		s.log.Warn("zone_file_doubtful", "problem", p.String())
	}
	return z, nil
}

// badZoneFile says what is wrong with a zone's file as the configuration's own problems are said: it is part of it.
func badZoneFile(file string, problems zone.Problems) error {
	bad := &config.Error{}
	for _, p := range problems {
		bad.Problems = append(bad.Problems, config.Problem{File: cmp.Or(p.File, file), Line: p.Line, What: p.What, Warning: p.Warning})
	}
	return bad
}

// readSource reads a file whole, if it is not over the bound.
func readSource(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxZoneFile+1))
	if err == nil && len(data) > maxZoneFile {
		err = fmt.Errorf("%s is larger than %d bytes", file, maxZoneFile)
	}
	return data, err
}

// warnChanged tells the operator when the file says something else than it did when it was last read (decision H-j).
func (s *Server) warnChanged(conf ZoneConfig, z *liveZone) {
	if conf.File == "" {
		return
	}
	digest, err := fileDigest(conf.File)
	if err != nil {
		s.log.Warn("zone_file_unreadable", "zone", conf.Text, "error", err.Error(), "hint", "the zone is served from the state directory")
		return
	}
	z.edited.Store(nil)
	if digest != z.log.Digest() {
		file := conf.File
		if whole, err := filepath.Abs(file); err == nil {
			file = whole // the line can be typed in any folder
		}
		z.edited.Store(&file)
		s.log.Warn("zone_file_changed", "zone", conf.Text, "file", file,
			"hint", "the state directory holds the truth; to take the file over type: loadshare zone load "+conf.Text+" "+file)
	}
}

// fileDigest is the SHA-256 over a master file and those that it includes, in order.
func fileDigest(file string) (sum [32]byte, err error) {
	h := sha256.New()
	if err := digestInto(h, file, 0); err != nil {
		return sum, err
	}
	return [32]byte(h.Sum(nil)), nil
}

func digestInto(h hash.Hash, file string, depth int) error {
	data, err := readSource(file)
	if err != nil {
		return err
	}
	h.Write(data)
	if depth == maxIncludes {
		return nil
	}
	for rest := data; len(rest) > 0; {
		line, after, _ := bytes.Cut(rest, []byte("\n"))
		rest = after
		if len(line) == 0 || line[0] != '$' {
			continue
		}
		words := strings.Fields(string(line))
		if len(words) < 2 || !strings.EqualFold(words[0], "$INCLUDE") {
			continue
		}
		name := strings.Trim(words[1], `"`)
		if !filepath.IsAbs(name) {
			name = filepath.Join(filepath.Dir(file), name)
		}
		if err := digestInto(h, name, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// snapshotIfDue writes a new snapshot beside the running changes when enough entries have gathered.
func (s *Server) snapshotIfDue(z *liveZone, g generation) {
	if !z.log.Due() || !z.snapshotting.CompareAndSwap(false, true) {
		return
	}
	s.snapshots.Go(func() {
		defer z.snapshotting.Store(false)
		if err := z.log.Snapshot(g.zone, g.seq, g.keep); err != nil {
			s.unfit("the snapshot of zone " + z.name.String() + " cannot be written: " + err.Error())
			return
		}
		s.log.Info("zone_snapshot", "zone", z.name.String(), "serial", g.zone.Serial(), "records", g.zone.Len())
	})
}
