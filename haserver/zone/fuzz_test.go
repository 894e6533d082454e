package zone

import (
	"bytes"
	"encoding/binary"
	"os"
	"slices"
	"strings"
	"testing"
)

// FuzzLoad: no text makes the parser fail otherwise than by problems, and a zone that loads is written so that it loads back equal.
func FuzzLoad(f *testing.F) {
	for _, name := range []string{"testdata/db.mydomain.com", "testdata/db.0.168.192"} {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add(updateZone)
	f.Add(head + "$GENERATE 1-3/2 a${0,2,n} A 192.0.2.$\n$INCLUDE zone\na TYPE1 \\# 4 01020304\nx SVCB 1 . alpn=\"h2\"\n")
	for _, c := range rdataCases {
		f.Add(head + "x " + c.kind + " " + c.text + "\n")
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Count(strings.ToUpper(text), "$INCLUDE") > 1 || strings.Contains(strings.ToUpper(text), "$GENERATE") && len(text) > 400 {
			t.Skip("work grows with the includes and numbers the text asks for")
		}
		z, problems := Load(files(map[string]string{"zone": text}), apexName, "zone")
		if (z == nil) != (problems.Err() != nil) {
			t.Fatalf("zone %v, problems %v", z != nil, problems)
		}
		if z == nil || z.Len() > 1000 {
			return
		}
		checkTree(t, z)
		written := strings.Join(lines(z), "\n")
		again, problems := Load(files(map[string]string{"zone": written}), apexName, "zone")
		if again == nil {
			t.Fatalf("%s\ndoes not load back: %v", written, problems.Err())
		}
		if d := Diff(z, again); !d.IsZero() {
			t.Fatalf("%s\nloads back different: %v", written, d)
		}
		for s := range z.All() {
			z.Lookup(Question{Name: s.Name, Type: TypeA})
			z.Lookup(Question{Name: "\x01x" + s.Name, Type: TypeANY, AllOfANY: true})
		}
	})
}

func FuzzParseDelta(f *testing.F) {
	z := zoneOf(f, "example.test.", updateZone)
	_, d, _, _ := z.Apply(Update{Updates: recs("n.example.test. 5 IN A 192.0.2.9", "www.example.test. 0 ANY ANY", "mx.example.test. 7 IN MX 1 a.b.")})
	data, err := d.MarshalBinary()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add(data[:len(data)-1])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := ParseDelta(data)
		if err != nil {
			return
		}
		again, err := d.MarshalBinary()
		if err != nil || !bytes.Equal(again, data) {
			t.Fatalf("%x is written back as %x, %v", data, again, err)
		}
		if next, err := z.WithDelta(d); err == nil {
			checkTree(t, next)
		}
	})
}

func FuzzRdata(f *testing.F) {
	for _, c := range rdataCases {
		kind, _ := ParseType(c.kind)
		data, err := ParseRdata(kind, c.text, apexName)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint16(kind), []byte(data), c.text)
	}
	f.Fuzz(func(t *testing.T, kind uint16, data []byte, text string) {
		k := Type(kind)
		valid := ValidRdata(k, data) == nil
		written := RdataText(k, string(data))
		if again, err := ParseRdata(k, written, Root); valid && (err != nil || again != string(data)) {
			t.Fatalf("%s %x is written %s, which reads as %x, %v", k, data, written, again, err)
		}
		if canonical := CanonicalRdata(k, string(data)); len(canonical) != len(data) || CanonicalRdata(k, canonical) != canonical {
			t.Fatalf("%s %x: canonical form %x", k, data, canonical)
		}
		if valid {
			offsets, n := CompressibleNames(k, string(data))
			for _, at := range offsets[:n] {
				if _, _, err := WireName(string(data[at:])); err != nil {
					t.Fatalf("%s %x: no name at %d", k, data, at)
				}
			}
		}
		if parsed, err := ParseRdata(k, text, apexName); err == nil && !k.IsMeta() && ValidRdata(k, []byte(parsed)) != nil {
			t.Fatalf("%s %s reads as %x, which is not valid", k, text, parsed)
		}
	})
}

// FuzzApply makes records of arbitrary octets; nothing panics, the zone stays sound and old generations stay as they were.
func FuzzApply(f *testing.F) {
	z := zoneOf(f, "example.test.", updateZone)
	before := lines(z)
	record := func(class Class, t Type, ttl uint32, name, data string) []byte {
		b := binary.BigEndian.AppendUint16(nil, uint16(class))
		b = binary.BigEndian.AppendUint16(b, uint16(t))
		b = binary.BigEndian.AppendUint32(b, ttl)
		b = append(append(b, byte(len(name))), name...)
		return append(append(b, byte(len(data))), data...)
	}
	f.Add([]byte{}, record(ClassIN, TypeA, 5, string(must("n.example.test.")), "\x01\x02\x03\x04"))
	f.Add(record(ClassANY, TypeANY, 0, string(must("www.example.test.")), ""), record(ClassNONE, TypeMX, 0, string(must("mx.example.test.")), "\x00\x0a\x00"))
	f.Add([]byte{}, record(ClassIN, TypeSOA, 5, string(apexName), z.SOA().Data[0]))
	f.Add([]byte{}, append(record(ClassANY, TypeANY, 0, string(apexName), ""), record(ClassIN, TypeDNAME, 5, string(apexName), "\x01a\x00")...))
	cut := func(b []byte) (list []Record) {
		for len(b) > 9 && len(list) < 20 {
			r := Record{Class: Class(binary.BigEndian.Uint16(b)), Type: Type(binary.BigEndian.Uint16(b[2:])), TTL: binary.BigEndian.Uint32(b[4:])}
			b = b[8:]
			take := func() string {
				if len(b) == 0 {
					return ""
				}
				n := min(int(b[0]), len(b)-1)
				s := string(b[1 : 1+n])
				b = b[1+n:]
				return s
			}
			r.Name, r.Data = Name(take()), take()
			list = append(list, r)
		}
		return list
	}
	f.Fuzz(func(t *testing.T, prereq, updates []byte) {
		u := Update{Prereq: cut(prereq), Updates: cut(updates)}
		next, d, rcode, _ := z.Apply(u)
		if rcode != NoError && (next != z || !d.IsZero()) {
			t.Fatalf("%v changed the zone", rcode)
		}
		checkTree(t, next)
		if replayed, err := z.WithDelta(d); err != nil || !Diff(replayed, next).IsZero() {
			t.Fatalf("replay: %v", err)
		}
		for _, r := range u.Updates {
			if r.Name.Valid() {
				next.Lookup(Question{Name: r.Name, Type: r.Type})
			}
		}
		if !slices.Equal(before, lines(z)) {
			t.Fatal("the generation before has changed")
		}
	})
}
