package zone

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// model is a zone as a child would write it: a map from name and type to TTL and records. It follows RFC 2136 3.2
// to 3.6 word by word, without regard to cost.
type model struct {
	sets map[string]map[Type]*modelSet // by lower-case name
}

type modelSet struct {
	ttl  uint32
	data map[string]bool // canonical RDATA
}

func modelOf(z *Zone) *model {
	m := &model{sets: map[string]map[Type]*modelSet{}}
	for s := range z.All() {
		for _, d := range s.Data {
			m.put(s.Name.Key(), s.Type, s.TTL, CanonicalRdata(s.Type, d))
		}
	}
	return m
}

func (m *model) put(name string, t Type, ttl uint32, data string) {
	if m.sets[name] == nil {
		m.sets[name] = map[Type]*modelSet{}
	}
	if m.sets[name][t] == nil {
		m.sets[name][t] = &modelSet{data: map[string]bool{}}
	}
	m.sets[name][t].ttl = ttl
	m.sets[name][t].data[data] = true
}

func (m *model) drop(name string, t Type) {
	delete(m.sets[name], t)
	if len(m.sets[name]) == 0 {
		delete(m.sets, name)
	}
}

func (m *model) serial() uint32 {
	for d := range m.sets[apexKey][TypeSOA].data {
		return soaSerial(d)
	}
	panic("no SOA")
}

func (m *model) text() []string {
	var out []string
	for name, sets := range m.sets {
		for t, s := range sets {
			for d := range s.data {
				out = append(out, fmt.Sprintf("%q %s %d %x", name, t, s.ttl, d))
			}
		}
	}
	slices.Sort(out)
	return out
}

var (
	apexName = must("example.test.")
	apexKey  = apexName.Key()
)

func inZone(n Name) bool {
	return strings.HasSuffix("."+strings.ToLower(n.String()), "."+apexName.String())
} // the names here have no escapes

func (m *model) prerequisites(list []Record) Rcode {
	want := map[string]map[Type]map[string]bool{}
	for _, r := range list {
		key := r.Name.Key()
		if !inZone(r.Name) {
			return NotZone
		}
		if r.TTL != 0 {
			return FormErr
		}
		switch r.Class {
		case ClassANY, ClassNONE:
			if r.Data != "" {
				return FormErr
			}
			exists := m.sets[key] != nil
			if r.Type != TypeANY {
				exists = m.sets[key][r.Type] != nil
			}
			switch {
			case r.Class == ClassANY && !exists && r.Type == TypeANY:
				return NXDomain
			case r.Class == ClassANY && !exists:
				return NXRRSet
			case r.Class == ClassNONE && exists && r.Type == TypeANY:
				return YXDomain
			case r.Class == ClassNONE && exists:
				return YXRRSet
			}
		case ClassIN:
			if r.Type == TypeANY || validRdata(r.Type, r.Data) != nil {
				return FormErr
			}
			if want[key] == nil {
				want[key] = map[Type]map[string]bool{}
			}
			if want[key][r.Type] == nil {
				want[key][r.Type] = map[string]bool{}
			}
			want[key][r.Type][CanonicalRdata(r.Type, r.Data)] = true
		default:
			return FormErr
		}
	}
	for key, types := range want {
		for t, data := range types {
			if m.sets[key][t] == nil || !maps.Equal(m.sets[key][t].data, data) {
				return NXRRSet
			}
		}
	}
	return NoError
}

func (m *model) prescan(list []Record) Rcode {
	for _, r := range list {
		if !inZone(r.Name) {
			return NotZone
		}
		valid := r.Type != TypeANY && validRdata(r.Type, r.Data) == nil
		switch {
		case r.Class == ClassIN && valid:
		case r.Class == ClassANY && r.TTL == 0 && r.Data == "":
		case r.Class == ClassNONE && r.TTL == 0 && valid:
		default:
			return FormErr
		}
	}
	return NoError
}

func (m *model) update(list []Record) {
	before, serial := m.text(), m.serial()
	for _, r := range list {
		key := r.Name.Key()
		apex := key == apexKey
		data := CanonicalRdata(r.Type, r.Data)
		switch r.Class {
		case ClassIN:
			m.add(key, r, data, apex)
		case ClassANY:
			for t := range maps.Clone(m.sets[key]) {
				if (r.Type == TypeANY || r.Type == t) && !(apex && (t == TypeSOA || t == TypeNS)) {
					m.drop(key, t)
				}
			}
		case ClassNONE:
			s := m.sets[key][r.Type]
			if s == nil || r.Type == TypeSOA || apex && r.Type == TypeNS && len(s.data) == 1 {
				continue
			}
			if delete(s.data, data); len(s.data) == 0 {
				m.drop(key, r.Type)
			}
		}
	}
	if m.serial() == serial && !slices.Equal(before, m.text()) {
		for d := range m.sets[apexKey][TypeSOA].data {
			m.sets[apexKey][TypeSOA].data = map[string]bool{withSerial(d, NextSerial(serial)): true}
		}
	}
}

func (m *model) add(key string, r Record, data string, apex bool) {
	for t := range m.sets[key] {
		if (t == TypeCNAME) != (r.Type == TypeCNAME) && t != TypeNSEC && r.Type != TypeNSEC {
			return
		}
	}
	switch r.Type {
	case TypeSOA:
		if !apex || !SerialNewer(soaSerial(data), m.serial()) {
			return
		}
		m.drop(key, TypeSOA)
	case TypeCNAME, TypeDNAME:
		m.drop(key, r.Type)
	}
	m.put(key, r.Type, r.TTL, data)
}

var genName = rapid.SampledFrom([]string{"example.test.", "a.example.test.", "A.Example.test.", "b.a.example.test.", "c.example.test.", "*.c.example.test.", "x.y.z.example.test.", "test.", "xexample.test.", "other."})

var genData = map[Type][]string{
	TypeA: {"192.0.2.1", "192.0.2.2", "192.0.2.3"}, TypeAAAA: {"2001:db8::1", "2001:db8::2"}, TypeTXT: {`"x"`, `"X"`, `"y" "z"`}, TypeMX: {"10 a.example.test.", "10 A.example.test.", "20 c."},
	TypeNS: {"a.example.test.", "ns.other.", "A.EXAMPLE.test."}, TypeCNAME: {"a.example.test.", "A.example.test.", "q."}, TypeDNAME: {"a.", "b."}, TypeNSEC: {"a. A", "b. A TXT"},
	TypeSOA: {"a. b. 10 1 1 1 1", "a. b. 11 1 1 1 1", "a. b. 2147483660 1 1 1 1", "a. b. 4294967295 1 1 1 1"}, 65280: {`\# 1 00`, `\# 0`},
}

func genRecord(t *rapid.T, classes []Class) Record {
	r := Record{Name: must(genName.Draw(t, "name")), Class: rapid.SampledFrom(classes).Draw(t, "class"), Type: rapid.SampledFrom(slices.Sorted(maps.Keys(genData))).Draw(t, "type")}
	if r.Class == ClassIN {
		r.TTL = rapid.SampledFrom([]uint32{0, 5, 300}).Draw(t, "ttl")
	}
	if r.Class != ClassANY {
		r.Data, _ = ParseRdata(r.Type, rapid.SampledFrom(genData[r.Type]).Draw(t, "data"), Root)
	}
	switch rapid.IntRange(0, 29).Draw(t, "twist") {
	case 0:
		r.TTL = 1
	case 1:
		r.Type = TypeANY
	case 2:
		r.Data = ""
	case 3, 4, 5:
		if r.Class == ClassANY {
			r.Type = TypeANY
		}
	}
	return r
}

func genPrereq(t *rapid.T, z *Zone) []Record {
	list := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Record {
		r := genRecord(t, []Class{ClassANY, ClassNONE, ClassIN})
		if r.Class == ClassNONE {
			r.Data = ""
		}
		if rapid.IntRange(0, 9).Draw(t, "nonzero TTL") > 0 {
			r.TTL = 0
		}
		return r
	}), 0, 2).Draw(t, "prerequisites")
	if rapid.IntRange(0, 3).Draw(t, "exact") == 0 { // one that holds
		sets := slices.Collect(z.All())
		s := sets[rapid.IntRange(0, len(sets)-1).Draw(t, "set")]
		for _, d := range s.Data {
			list = append(list, Record{s.Name, s.Type, ClassIN, 0, d})
		}
	}
	return list
}

// Random updates applied give the record set and the rcode of a naive model; the old generation stays as it was; the
// difference replays, is what Diff finds, survives its encoding, and is undone by its reverse.
func TestApplyEqualsTheModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		z := zoneOfRapid(t)
		m := modelOf(z)
		for range rapid.IntRange(1, 12).Draw(t, "messages") {
			u := Update{Prereq: genPrereq(t, z)}
			u.Updates = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Record {
				return genRecord(t, []Class{ClassIN, ClassIN, ClassANY, ClassNONE})
			}), 0, 5).Draw(t, "updates")
			was := lines(z)
			next, d, rcode, why := z.Apply(u)
			want := m.prerequisites(u.Prereq)
			if want == NoError {
				want = m.prescan(u.Updates)
			}
			if rcode != want {
				t.Fatalf("%v (%s), the model says %v", rcode, why, want)
			}
			if (rcode == NoError) != (why == "") {
				t.Fatalf("%v with the reason %q", rcode, why)
			}
			if rcode == NoError {
				m.update(u.Updates)
			}
			if diff := cmp.Diff(m.text(), modelOf(next).text()); diff != "" {
				t.Fatalf("model and zone differ:\n%s", diff)
			}
			if !slices.Equal(was, lines(z)) {
				t.Fatal("the generation before has changed")
			}
			checkDelta(t, z, next, d)
			z = next
		}
	})
}

func zoneOfRapid(t *rapid.T) *Zone {
	z, problems := Load(files(map[string]string{"zone": head + "a A 192.0.2.1\na A 192.0.2.2\nc MX 10 a\nb.a CNAME c\n"}), apexName, "zone")
	if z == nil {
		t.Fatal(problems.Err())
	}
	return z.With(rapid.SampledFrom([]uint32{10, 4294967294, 4294967295}).Draw(t, "serial"))
}

func checkDelta(t *rapid.T, z, next *Zone, d Delta) {
	if d.IsZero() != (z == next) {
		t.Fatalf("difference %v between the same generation: %v", d, z == next)
	}
	if diff := cmp.Diff(d, Diff(z, next)); diff != "" {
		t.Fatalf("Diff finds something else:\n%s", diff)
	}
	data, err := d.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	back, err := ParseDelta(data)
	if diff := cmp.Diff(d, back); err != nil || diff != "" {
		t.Fatalf("encoding: %v\n%s", err, diff)
	}
	replayed, err := z.WithDelta(back)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(lines(replayed), lines(next)) || !Diff(replayed, next).IsZero() {
		t.Fatal("the replay is another zone")
	}
	undone, err := next.WithDelta(Delta{From: d.To, To: d.From, Deleted: d.Added, Added: d.Deleted})
	if err != nil || !Diff(undone, z).IsZero() {
		t.Fatalf("the reverse does not undo: %v", err)
	}
	if d.IsZero() {
		return
	}
	if _, err := next.WithDelta(d); err == nil {
		t.Fatal("a difference applies twice")
	}
}

// A strict replay refuses what does not fit (RFC 1995 client side).
func TestWithDeltaIsStrict(t *testing.T) {
	z := zoneOf(t, "example.test.", updateZone)
	next, good, _, _ := z.Apply(Update{Updates: recs("n.example.test. 5 IN A 192.0.2.9", "www.example.test. 0 NONE A 192.0.2.1")})
	if got, err := z.WithDelta(good); err != nil || !Diff(got, next).IsZero() {
		t.Fatal(err)
	}
	for why, spoil := range map[string]func(*Delta){
		"another serial":           func(d *Delta) { d.From = 9 },
		"deletes what is missing":  func(d *Delta) { d.Deleted = append(d.Deleted, rec("q.example.test. 300 IN A 192.0.2.1")) },
		"deletes with another TTL": func(d *Delta) { d.Deleted[1].TTL++ },
		"adds what is there":       func(d *Delta) { d.Added = append(d.Added, rec("www.example.test. 300 IN A 192.0.2.2")) },
		"adds with another TTL":    func(d *Delta) { d.Added = append(d.Added, rec("www.example.test. 5 IN A 192.0.2.7")) },
		"out of the zone":          func(d *Delta) { d.Added = append(d.Added, rec("www.other. 5 IN A 192.0.2.7")) },
		"bad RDATA":                func(d *Delta) { d.Added[1].Data = "x" },
		"class":                    func(d *Delta) { d.Added[1].Class = ClassANY },
		"no SOA left":              func(d *Delta) { d.Added = d.Added[1:] },
		"two SOA":                  func(d *Delta) { d.Deleted = d.Deleted[1:] },
		"another end":              func(d *Delta) { d.To++ },
	} {
		d := good
		d.Deleted, d.Added = slices.Clone(good.Deleted), slices.Clone(good.Added)
		spoil(&d)
		if _, err := z.WithDelta(d); err == nil {
			t.Errorf("%s: no error", why)
		}
	}
}
