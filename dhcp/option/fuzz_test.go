package option

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// all is every standard option and an operator's own of every type.
func all() []Definition {
	list := slices.Clone(Standard())
	for n := range typeNames {
		d := Definition{Code: 224, Name: "own", Type: Type(n)}
		if d.Type == Record {
			d.Fields = []Type{Int8, Int16, Addresses, Tuple, Route, Name}
			d.List = true
		}
		list = append(list, d)
		if d.List = true; d.checkType() == nil {
			list = append(list, d)
		}
	}
	return list
}

// Parse(Format(x)) is x, whatever the octets; of domain-search the names are the same.
func checkFormat(t interface {
	Helper()
	Fatalf(string, ...any)
}, d Definition, data []byte) {
	t.Helper()
	values := d.Format(data)
	back, err := d.Parse(values)
	if err != nil {
		t.Fatalf("%s %x is shown as %q: %v", d.Name, data, values, err)
	}
	if d.Type == Search {
		before, err := SearchNames(data)
		after, err2 := SearchNames(back)
		if err == nil && len(before) > 0 && (err2 != nil || !slices.Equal(before, after)) {
			t.Fatalf("%x is %q, and back %q %v", data, before, after, err2)
		}
		return
	}
	if !bytes.Equal(back, data) {
		t.Fatalf("%s %x is shown as %q, and back %x", d.Name, data, values, back)
	}
}

func TestFormatAndBack(t *testing.T) {
	list := all()
	rapid.Check(t, func(t *rapid.T) {
		d := rapid.SampledFrom(list).Draw(t, "option")
		checkFormat(t, d, rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "octets"))
	})
}

// A value of the right form is shown in that form, not as octets.
func TestFormatOfGoodValues(t *testing.T) {
	list := all()
	rapid.Check(t, func(t *rapid.T) {
		d := rapid.SampledFrom(list).Draw(t, "option")
		values, ok := goodValues(t, d)
		if !ok {
			t.Skip("any octets are good")
		}
		data, err := d.Parse(values)
		if err != nil {
			t.Fatalf("%s %q: %v", d.Name, values, err)
		}
		if shown := d.Format(data); len(shown) == 0 || strings.HasPrefix(shown[0], rawPrefix) {
			t.Fatalf("%s %q is shown as %q", d.Name, values, shown)
		}
		checkFormat(t, d, data)
	})
}

func goodValues(t *rapid.T, d Definition) ([]string, bool) {
	fields := d.Fields
	if d.Type != Record {
		fields = []Type{d.Type}
	}
	if d.Code == SubnetMask {
		return []string{"255.255.255.0"}, true
	}
	n := 0
	if d.List {
		n = rapid.IntRange(0, 5).Draw(t, "more")
	}
	var values []string
	for i := range len(fields) + n {
		v, ok := goodValue(t, fields[min(i, len(fields)-1)])
		if !ok {
			return nil, false
		}
		values = append(values, v)
	}
	return values, true
}

func goodValue(t *rapid.T, typ Type) (string, bool) {
	text := func(pattern string) (string, bool) { return rapid.StringMatching(pattern).Draw(t, "value"), true }
	address := `(0|[1-9][0-9]?|1[0-9][0-9]|2[0-4][0-9])`
	address = address + `\.` + address + `\.` + address + `\.` + address
	switch typ {
	case Address:
		return text(address)
	case Addresses:
		return text(address + " " + address)
	case Address6:
		return text(`2001:db8(:[1-9a-f]{1,4}){6}`)
	case Boolean:
		return text(`true|false|on|off`)
	case Uint8, Int8:
		return text(`[1-9][0-9]`)
	case Uint16, Int16:
		return text(`[12][0-9]{4}`) // fits both
	case Uint32, Int32:
		return text(`[1-9][0-9]{0,8}`)
	case String, Tuple:
		return text(`[A-Za-z0-9/.ü-][A-Za-z0-9/., ü:-]{0,40}`)
	case Name, Search:
		return text(`[a-z0-9_-]{1,63}(\.[A-Za-z0-9-]{1,20}){0,5}\.?`)
	case Route:
		return text(`10\.[0-9]\.0\.0/(1[6-9]|2[0-9]|3[0-2]) ` + address)
	case Flag:
		return "true", true
	case Encapsulation:
		return text(`([1-9]|1[0-9]{2}) = ([0-9a-f]{2}:){0,20}[0-9a-f]{2}`)
	}
	return "", false
}

func FuzzFormat(f *testing.F) {
	list := all()
	for i, d := range list {
		f.Add(uint16(i), []byte{1, 2, 3, 4})
		f.Add(uint16(i), []byte{8, 10, 10, 0, 0, 1})
		f.Add(uint16(i), []byte("\x04host\x07example\x00\xc0\x05"))
		_ = d
	}
	f.Fuzz(func(t *testing.T, which uint16, data []byte) {
		if len(data) <= MaxData {
			checkFormat(t, list[int(which)%len(list)], data)
		}
	})
}

// What is parsed is shown, and what is shown is parsed to the same.
func FuzzParse(f *testing.F) {
	list := all()
	for i := range list {
		for _, v := range []string{"10.0.0.1", "10.0.0.0/8 10.0.0.1", "1 uint8 = 7, 8", "a.example", "hex:01", "'a'", "true", "-1", "0x10"} {
			f.Add(uint16(i), v, "", false)
		}
	}
	f.Fuzz(func(t *testing.T, which uint16, first, second string, two bool) {
		d := list[int(which)%len(list)]
		values := []string{first}
		if two {
			values = append(values, second)
		}
		data, err := d.Parse(values)
		if err != nil {
			if !strings.HasPrefix(err.Error(), d.Name+": ") || data != nil {
				t.Fatal(err, data)
			}
			return
		}
		checkFormat(t, d, data)
	})
}

func FuzzParseRelay(f *testing.F) {
	f.Add(Relay{Circuit: []byte("a"), Remote: []byte("b"), Link: 1, ServerID: 2, SourcePort: true, RelayID: []byte("c")}.Append(nil))
	f.Add([]byte{1, 255, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		r := ParseRelay(data)
		again := ParseRelay(r.Append(nil))
		if !bytes.Equal(r.Append(nil), again.Append(nil)) {
			t.Fatalf("%v and %v", r, again)
		}
		if n := len(r.Circuit) + len(r.Remote) + len(r.RelayID); n > len(data) {
			t.Fatal(n)
		}
	})
}

// A client's option 81 that we take is built to one that is read the same.
func FuzzFQDN(f *testing.F) {
	for _, s := range []string{"", "\x05\xff\xff", "\x05\xff\xff\x04host\x07example\x00", "\x04\x00\x00\x04host", "\x01\xff\xffhost.example", "\x00\xff\xffhost."} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		q, err := ParseFQDN(data)
		if err != nil {
			return
		}
		b, err := q.Append(nil)
		if err != nil {
			t.Fatalf("%+v: %v", q, err)
		}
		again, err := ParseFQDN(b)
		q.Server = q.Server && !q.NoUpdate
		if err != nil || q != again {
			t.Fatalf("%+v and %+v, %v", q, again, err)
		}
	})
}

func FuzzSearchNames(f *testing.F) {
	for _, s := range []string{"\x03eng\x05apple\x03com\x00\x09marketing\xc0\x04", "\xc0\x00", "\x01a\x00\xc0\x00\xc0\x00", "\x02\x01.\x00"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		names, err := SearchNames(data)
		if err != nil {
			return
		}
		b, err := AppendSearch(nil, names)
		if err != nil {
			t.Fatalf("%q: %v", names, err)
		}
		again, err := SearchNames(b)
		if err != nil || !slices.Equal(names, again) {
			t.Fatalf("%q and %q, %v", names, again, err)
		}
		for c, v := range Within(data) {
			if c == Pad || c == End || len(v) > 255 {
				t.Fatal(c, v)
			}
		}
	})
}
