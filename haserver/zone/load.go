package zone

import "fmt"

// Load reads a zone of class IN from a master file (RFC 1035, 5) and checks it. It returns nil and what
// is wrong when there is an error, else the zone and the warnings.
func Load(src Source, origin Name, file string) (*Zone, Problems) {
	if !origin.Valid() {
		return nil, Problems{{File: file, What: fmt.Sprintf("origin %s is no name", origin)}}
	}
	text, err := src(file)
	if err != nil {
		return nil, Problems{{File: file, What: err.Error()}}
	}
	c := &collector{origin: origin}
	c.refs = make([]ref, 0, len(text)/24)
	r := &reader{c: c, src: src}
	r.file(file, text, origin).run()

	var targets []targetSet
	z := c.zone(func(s RRset, at where) { targets = append(targets, targetSet{s, at}) })
	c.checkTargets(z, targets)
	if c.problems.failed() {
		return nil, c.problems
	}
	return z, c.problems
}

// targetSet is a set that points to other names, and where it stands.
type targetSet struct {
	set RRset
	at  where
}

// checkTargets looks for an NS set at the apex, and for targets of NS, MX and SRV that are an alias or
// have no address though the zone would have to have it. Without a zone it does the first only.
func (c *collector) checkTargets(z *Zone, targets []targetSet) {
	apexNS := false
	for _, t := range targets {
		apexNS = apexNS || t.set.Type == TypeNS && t.set.Name.Equal(c.origin)
		for _, data := range t.set.Data {
			if z != nil {
				c.checkTarget(z, t, targetName(t.set.Type, data))
			}
		}
	}
	if !apexNS {
		c.fail(where{}, "zone %s has no NS record at its apex; at least one is needed", c.origin)
	}
}

func (c *collector) checkTarget(z *Zone, t targetSet, target Name) {
	if target == Root { // "no such service", RFC 2782, RFC 7505
		return
	}
	a := z.Lookup(Question{Name: target, Type: TypeA})
	if a.Result == NotInZone {
		return
	}
	if len(a.Answer) > 0 && a.Answer[0].Type == TypeCNAME {
		c.warn(t.at, "%s %s points to %s, which is an alias (RFC 2181, 10.3)", t.set.Name, t.set.Type, target)
		return
	}
	if a.Result == Referral && !(t.set.Type == TypeNS && target.IsSubdomainOf(t.set.Name)) {
		return // another zone's business
	}
	for _, kind := range []Type{TypeA, TypeAAAA} {
		if _, ok := z.Get(target, kind); ok {
			return
		}
		if found := z.Lookup(Question{Name: target, Type: kind}); found.Result == Found {
			return // by a wildcard
		}
	}
	c.warn(t.at, "%s %s points to %s, which has no address in the zone", t.set.Name, t.set.Type, target)
}
