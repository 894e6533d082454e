package catalog

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"

	"loadshare/haserver/digest"
	"loadshare/haserver/zone"
)

// Member is a zone in a catalog.
type Member struct {
	Zone  zone.Name
	Group string // of the consumer's settings for it (RFC 9432, 4.3.2), at most 255 octets; "": none
	Label string // that it has in the catalog; only Read sets it
}

const (
	version   = "2"
	labelSize = 16 // of a member: hexadecimal digits
)

// soaData is the RDATA of a catalog's SOA (RFC 9432, 4): nobody looks anything up in it, so its names are "invalid."; a secondary that hears
// nothing keeps its zones for as long as a SOA can say.
func soaData(serial uint32) string {
	b := []byte(invalid + invalid)
	for _, n := range []uint32{serial, 3600, 600, 1<<31 - 2, 0} {
		b = binary.BigEndian.AppendUint32(b, n)
	}
	return string(b)
}

const invalid = zone.Name("\x07invalid\x00")

// New is a catalog without members, serial 1. The name must leave room for the labels of members.
func New(name zone.Name) (*zone.Zone, error) {
	if !name.Valid() || !below(name, "group", string(make([]byte, labelSize)), "zones").Valid() {
		return nil, fmt.Errorf("%s cannot be the name of a catalog zone: its members' names would be over 255 octets", name)
	}
	return zone.Build(name, slices.Values([]zone.RRset{
		{Name: name, Type: zone.TypeSOA, Data: []string{soaData(1)}},
		{Name: name, Type: zone.TypeNS, Data: []string{string(invalid)}},
		{Name: below(name, "version"), Type: zone.TypeTXT, Data: []string{text(version)}},
	}))
}

// Next is the catalog with exactly these members, each once, and with the serial. Members that are in it already keep their labels. When
// nothing changes it is the catalog itself and a zero Delta. The serial must be newer than the catalog's.
func Next(catalog *zone.Zone, members []Member, serial uint32) (*zone.Zone, zone.Delta) {
	labels := make(map[string]string) // by Key of the zone
	for _, m := range inside(catalog) {
		if key := m.Zone.Key(); labels[key] == "" { // of two that a merge brought together, the first stays
			labels[key] = m.Label
		}
	}
	taken := make(map[string]bool)
	for _, label := range labels {
		taken[label] = true
	}
	want := []zone.Record{record(below(catalog.Origin(), "version"), zone.TypeTXT, text(version))}
	seen := make(map[string]bool)
	for _, m := range members {
		key := m.Zone.Key()
		if seen[key] || key == catalog.Origin().Key() {
			continue
		}
		seen[key] = true
		label := labels[key]
		if label == "" {
			label = fresh(m.Zone, serial, taken)
		}
		owner := below(catalog.Origin(), label, "zones")
		want = append(want, record(owner, zone.TypePTR, string(m.Zone)))
		if m.Group != "" {
			want = append(want, record(below(owner, "group"), zone.TypeTXT, text(m.Group)))
		}
	}
	return become(catalog, want, serial)
}

// fresh is a label that no member has.
func fresh(name zone.Name, serial uint32, taken map[string]bool) string {
	for n := serial; ; n++ {
		d := digest.Digest{}.Step(zone.Delta{Added: []zone.Record{record(name, zone.TypePTR, string(binary.BigEndian.AppendUint32(nil, n)))}})
		if label := d.String()[:labelSize]; !taken[label] {
			taken[label] = true
			return label
		}
	}
}

// become makes all below the apex equal to want.
func become(catalog *zone.Zone, want []zone.Record, serial uint32) (*zone.Zone, zone.Delta) {
	type key struct {
		name string
		kind zone.Type
		data string
	}
	keyOf := func(r zone.Record) key { return key{r.Name.Key(), r.Type, zone.CanonicalRdata(r.Type, r.Data)} }
	missing := make(map[key]zone.Record, len(want))
	for _, r := range want {
		missing[keyOf(r)] = r
	}
	var u zone.Update
	for set := range catalog.All() {
		if set.Name.Equal(catalog.Origin()) {
			continue
		}
		for _, data := range set.Data {
			r := record(set.Name, set.Type, data)
			if _, wanted := missing[keyOf(r)]; wanted && set.TTL == 0 {
				delete(missing, keyOf(r))
				continue
			}
			r.Class = zone.ClassNONE
			u.Updates = append(u.Updates, r)
		}
	}
	for _, r := range want {
		if _, still := missing[keyOf(r)]; still {
			u.Updates = append(u.Updates, r)
		}
	}
	if len(u.Updates) == 0 {
		return catalog, zone.Delta{}
	}
	u.Serial = serial
	next, d, rcode, why := catalog.Apply(u)
	if rcode != zone.NoError { // nothing in it can be wrong but a name that New would not have taken
		panic(fmt.Sprintf("catalog %s: %s: %s", catalog.Origin(), rcode, why))
	}
	return next, d
}

// Read is the members of a catalog, by their labels. The error says why a consumer must take it as broken and go on with what it had
// (RFC 9432, 5.1): its version is missing or another, or a zone is in it twice. Owners without exactly one PTR record are passed over.
func Read(catalog *zone.Zone) ([]Member, error) {
	set, _ := catalog.Get(below(catalog.Origin(), "version"), zone.TypeTXT)
	if len(set.Data) != 1 || set.Data[0] != text(version) {
		return nil, fmt.Errorf("catalog zone %s is broken: it has not one version record that says %q (RFC 9432, 4.2.1)", catalog.Origin(), version)
	}
	members := inside(catalog)
	seen := make(map[string]string)
	for _, m := range members {
		if other, twice := seen[m.Zone.Key()]; twice {
			return nil, fmt.Errorf("catalog zone %s is broken: zone %s is in it twice, as %s and %s (RFC 9432, 4.1)", catalog.Origin(), m.Zone, other, m.Label)
		}
		seen[m.Zone.Key()] = m.Label
	}
	return members, nil
}

// inside are the member nodes in the order of their labels.
func inside(catalog *zone.Zone) (members []Member) {
	zones := below(catalog.Origin(), "zones")
	for set := range catalog.All() {
		if set.Type != zone.TypePTR || len(set.Data) != 1 || !set.Name.Parent().Equal(zones) {
			continue
		}
		m := Member{Zone: zone.Name(set.Data[0]), Label: string(set.Name[1 : 1+set.Name[0]])}
		if group, ok := catalog.Get(below(set.Name, "group"), zone.TypeTXT); ok && len(group.Data) == 1 {
			if data := group.Data[0]; len(data) == 1+int(data[0]) { // one string (4.3.2)
				m.Group = data[1:]
			}
		}
		members = append(members, m)
	}
	slices.SortFunc(members, func(a, b Member) int { return cmp.Compare(a.Label, b.Label) })
	return members
}

// below is a name with labels in front.
func below(name zone.Name, labels ...string) zone.Name {
	var b []byte
	for _, l := range labels {
		b = append(append(b, byte(len(l))), l...)
	}
	return zone.Name(append(b, name...))
}

func text(s string) string { return string([]byte{byte(len(s))}) + s }

// record has TTL 0: nobody should keep answers about a catalog.
func record(name zone.Name, t zone.Type, data string) zone.Record {
	return zone.Record{Name: name, Type: t, Class: zone.ClassIN, Data: data}
}
