package haserver

import (
	"slices"
	"strings"

	"loadshare/haserver/catalog"
	"loadshare/haserver/pairmsg"
	"loadshare/haserver/zone"
)

// createsCatalogs says whether this server begins a catalog zone that is new: a single one, and the one of a pair that is configured as main.
// The other gets it like any zone.
func (c *Config) createsCatalogs() bool { return c.HA == nil || c.HA.Role == pairmsg.Main }

// makesCatalogs says whether this server makes its catalog zones of its zones: a single one, and the one of a pair that acts as main. The
// other gets them like any zone, so that no label is given twice; after an exchange of roles labels stay, for they are in what both have.
func (s *Server) makesCatalogs(v *view) bool { return v.ha == nil || s.loop.role() == pairmsg.Main }

// keepCatalogs makes every catalog zone hold the zones that are served, itself and the hidden ones left out. Where this server may not
// change zones now, it returns false, and the next look does it.
func (s *Server) keepCatalogs() (done bool) {
	v := s.view.Load()
	if !s.makesCatalogs(v) {
		return true
	}
	var members []catalog.Member
	for _, z := range v.zones {
		if !z.conf.Catalog && !z.conf.Hidden {
			members = append(members, catalog.Member{Zone: z.name, Group: z.conf.Group})
		}
	}
	slices.SortFunc(members, func(a, b catalog.Member) int { return strings.Compare(a.Zone.Key(), b.Zone.Key()) })
	done = true
	for _, z := range v.zones {
		if z.conf.Catalog && !s.keepCatalog(z, members) {
			done = false
		}
	}
	return done
}

func (s *Server) keepCatalog(z *served, members []catalog.Member) (done bool) {
	now := z.visible.Load()
	if now == nil {
		return false
	}
	if _, d := catalog.Next(now, members, zone.NextSerial(now.Serial())); d.IsZero() {
		return true
	}
	changed := false
	r := s.change(z.liveZone, true, func(tip *zone.Zone, serial uint32) (*zone.Zone, zone.Delta, result) {
		next, d := catalog.Next(tip, members, serial)
		changed = !d.IsZero()
		return next, d, result{reason: Applied}
	})
	switch {
	case r.rcode != zone.NoError:
		s.quiet.Info(s.log, "catalog_waits", "zone", plain(z.name), "reason", r.reason.String(), "why", r.why)
		return false
	case changed:
		s.log.Info("catalog_changed", "zone", plain(z.name), "members", len(members), "serial", r.serial)
	}
	return true
}

// hides says whether a zone has no answers for the client: a catalog is for those alone who may transfer it (RFC 9432, 7).
func (z *served) hides(c Client) bool { return z.conf.Catalog && !z.conf.Transfer.Allow(c) }
