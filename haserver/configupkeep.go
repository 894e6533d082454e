package haserver

import (
	"fmt"
	"strings"
	"time"

	"loadshare/haserver/catalog"
	"loadshare/haserver/pairmsg"
	"loadshare/haserver/scavenge"
	"loadshare/haserver/zone"
	"loadshare/internal/config"
)

// Upkeep is what a server does to a zone by itself.
type Upkeep struct {
	Catalog  bool            // the zone is made of the list of the others (RFC 9432)
	Hidden   bool            // it is in no catalog
	Group    string          // that catalogs say the zone is in (RFC 9432, 4.3.2); "": none
	Scavenge scavenge.Policy // the zero Policy: nothing is scavenged
}

// readUpkeep reads those keys of a [[zone]].
func readUpkeep(s *config.Section) Upkeep {
	u := Upkeep{Catalog: s.Bool("catalog", false), Hidden: !s.Bool("catalog_member", true), Group: s.String("catalog_group", "")}
	if len(u.Group) > 255 {
		s.Fail("catalog_group", "at most 255 octets")
	}
	if u.Catalog {
		for _, key := range []string{"file", "update", "scavenge", "no_refresh", "catalog_member", "catalog_group"} {
			if s.Has(key) {
				s.Fail(key, "nothing: a catalog is made by the server, and nobody else changes it")
			}
		}
		if len(s.Strings("transfer")) == 0 {
			s.Warn("catalog", "no transfer grant: nobody can have the catalog")
		}
		if name, err := zone.ParseName(s.String("name", "")); err == nil {
			if _, err := catalog.New(name); err != nil {
				s.Fail("name", err.Error())
			}
		}
		return u
	}
	if s.Has("scavenge") {
		u.Scavenge.After = s.Duration("scavenge", 0, time.Second, 0)
		u.Scavenge.NoRefresh = s.Duration("no_refresh", min(24*time.Hour, u.Scavenge.After/2), 0, 0)
		if u.Scavenge.On() && u.Scavenge.Refresh() <= 0 {
			s.Fail("no_refresh", "shorter than scavenge: between the two every living client refreshes once")
		}
	} else if s.Has("no_refresh") {
		s.Fail("no_refresh", "scavenge beside it: alone it has no meaning")
	}
	return u
}

// share puts into settings what the partner may have of it. What the catalogs hold is the business of the server that makes them.
func (u Upkeep) share(s *pairmsg.ZoneSettings) {
	s.Catalog = u.Catalog
	if p := u.Scavenge; p.On() {
		s.Scavenge = config.FormatDuration(p.After) + " " + config.FormatDuration(p.NoRefresh)
	}
}

// take makes the shared part that of the partner's settings. What is not understood is off.
func (u *Upkeep) take(s pairmsg.ZoneSettings) error {
	u.Catalog, u.Scavenge = s.Catalog, scavenge.Policy{}
	if s.Scavenge == "" {
		return nil
	}
	after, noRefresh, _ := strings.Cut(s.Scavenge, " ")
	var p scavenge.Policy
	var err error
	if p.After, err = config.ParseDuration(after); err == nil {
		p.NoRefresh, err = config.ParseDuration(noRefresh)
	}
	if err == nil && (p.After < time.Second || p.NoRefresh < 0 || p.Refresh() <= 0) {
		err = fmt.Errorf("%s is not longer than %s", after, noRefresh)
	}
	if err == nil {
		u.Scavenge = p
	}
	return err
}
