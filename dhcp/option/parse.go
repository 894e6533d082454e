package option

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// MaxData is the most octets of an option's value that Parse makes. What fits a message is less, and packet.Append's to judge.
const MaxData = 4096

// Parse turns what an operator wrote, one string a value, into the option's octets. The errors name the option and the value.
func (d Definition) Parse(values []string) ([]byte, error) {
	data, err := d.parse(values)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", d.Name, err)
	}
	if len(data) > MaxData {
		return nil, fmt.Errorf("%s: %d octets; at most %d are possible", d.Name, len(data), MaxData)
	}
	return data, nil
}

func (d Definition) parse(values []string) ([]byte, error) {
	if raw, ok := rawValue(values); ok {
		data, err := ParseHex(raw)
		if err != nil {
			return nil, fmt.Errorf("%s %w", show(values[0]), err)
		}
		return data, nil
	}
	switch d.Type {
	case Flag:
		return parseFlag(values)
	case Encapsulation:
		return parseEncapsulation(values)
	case Record:
		return d.parseRecord(values)
	case Addresses:
		return d.parsePairs(values)
	case Search:
		return parseSearch(values)
	}
	if err := count(len(values), d.List); err != nil {
		return nil, err
	}
	var data []byte
	for _, v := range values {
		var err error
		if data, err = d.Type.add(data, v); err != nil {
			return nil, fmt.Errorf("%s %w", show(v), err)
		}
	}
	return data, d.check(data, values[0])
}

// rawValue is what follows "hex:" in the one value.
func rawValue(values []string) (string, bool) {
	if len(values) != 1 {
		return "", false
	}
	return strings.CutPrefix(values[0], rawPrefix)
}

func count(n int, list bool) error {
	switch {
	case n == 0:
		return errors.New("needs a value")
	case n > 1 && !list:
		return fmt.Errorf("takes one value; %d are given", n)
	}
	return nil
}

func parseFlag(values []string) ([]byte, error) {
	if len(values) == 0 || len(values) == 1 && (values[0] == "" || values[0] == "true") {
		return []byte{}, nil
	}
	return nil, errors.New("takes no value: write true, or leave the option out")
}

func (d Definition) parseRecord(values []string) ([]byte, error) {
	if len(values) < len(d.Fields) || len(values) > len(d.Fields) && !d.List {
		return nil, fmt.Errorf("takes %d values (%s); %d are given", len(d.Fields), d.fields(), len(values))
	}
	var data []byte
	for i, v := range values {
		t := d.Fields[min(i, len(d.Fields)-1)]
		var err error
		if data, err = t.add(data, v); err != nil && !(t == String && v == "") {
			return nil, fmt.Errorf("value %d: %s %w", i+1, show(v), err)
		}
	}
	return data, nil
}

// fields is the form of a record for people: "uint8, ipv4-address …".
func (d Definition) fields() string {
	var b strings.Builder
	for i, f := range d.Fields {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(f.String())
	}
	if d.List {
		b.WriteString(" …")
	}
	return b.String()
}

// parsePairs takes each pair as one value, or its two addresses as two: both are in use.
func (d Definition) parsePairs(values []string) ([]byte, error) {
	var data []byte
	n := 0
	for _, v := range values {
		for _, a := range strings.FieldsFunc(v, func(r rune) bool { return r == ' ' || r == ',' || r == '\t' }) {
			var err error
			if data, err = Address.add(data, a); err != nil {
				return nil, fmt.Errorf("%s %w", show(a), err)
			}
			n++
		}
	}
	switch {
	case n == 0:
		return nil, errors.New("needs a value")
	case n%2 != 0:
		return nil, fmt.Errorf("%d addresses are given; they come in pairs, as \"10.0.0.0 192.0.2.1\"", n)
	case n > 2 && !d.List:
		return nil, fmt.Errorf("takes one pair; %d are given", n/2)
	}
	return data, nil
}

func parseSearch(values []string) ([]byte, error) {
	if err := count(len(values), true); err != nil {
		return nil, err
	}
	if len(values) > 256 {
		return nil, errors.New("at most 256 names are possible")
	}
	for _, v := range values {
		if _, err := Name.add(nil, v); err != nil {
			return nil, fmt.Errorf("%s %w", show(v), err)
		}
	}
	return AppendSearch(nil, values)
}

var (
	errAddress  = errors.New("is not an IPv4 address")
	errAddress6 = errors.New("is not an IPv6 address")
	errBoolean  = errors.New("is not true or false")
	errEmpty    = errors.New("is empty; at least one character is needed")
	errRoute    = errors.New("is not a route, as \"10.0.0.0/8 192.0.2.1\"")
)

// add adds one value. Its errors follow the value in a sentence.
func (t Type) add(dst []byte, v string) ([]byte, error) {
	switch t {
	case Binary:
		data, err := ParseHex(v)
		return append(dst, data...), err
	case Address, Address6:
		return t.addAddress(dst, v)
	case Boolean:
		return addBoolean(dst, v)
	case Uint8, Uint16, Uint32, Int8, Int16, Int32:
		return t.addNumber(dst, v)
	case String:
		if v == "" {
			return dst, errEmpty
		}
		return append(dst, v...), nil
	case Name:
		return addName(dst, v)
	case Route:
		return addRoute(dst, v)
	case Tuple:
		if len(v) == 0 || len(v) > MaxData {
			return dst, fmt.Errorf("has %d octets; 1 to %d are possible", len(v), MaxData)
		}
		return append(binary.BigEndian.AppendUint16(dst, uint16(len(v))), v...), nil
	case Addresses:
		data, err := Definition{Type: Addresses}.parsePairs([]string{v})
		if err != nil {
			return dst, errors.New("is not a pair of IPv4 addresses, as \"10.0.0.0 192.0.2.1\"")
		}
		return append(dst, data...), nil
	}
	return dst, fmt.Errorf("cannot be a value: %s has none", t)
}

func (t Type) addAddress(dst []byte, v string) ([]byte, error) {
	a, err := netip.ParseAddr(strings.TrimSpace(v))
	switch {
	case t == Address && (err != nil || !a.Is4()):
		return dst, errAddress
	case t == Address6 && (err != nil || !a.Is6() || a.Zone() != ""):
		return dst, errAddress6
	}
	return append(dst, a.AsSlice()...), nil
}

func addBoolean(dst []byte, v string) ([]byte, error) {
	switch strings.ToLower(strings.TrimSpace(v)) {
	case "true", "on", "yes", "1":
		return append(dst, 1), nil
	case "false", "off", "no", "0":
		return append(dst, 0), nil
	}
	return dst, errBoolean
}

func (t Type) addNumber(dst []byte, v string) ([]byte, error) {
	low, high := t.numbers()
	n, err := strconv.ParseInt(strings.TrimSpace(v), base(v), 64)
	if err != nil || n < low || n > high {
		return dst, fmt.Errorf("is not a number from %d to %d", low, high)
	}
	switch t.size() {
	case 1:
		return append(dst, byte(n)), nil
	case 2:
		return binary.BigEndian.AppendUint16(dst, uint16(n)), nil
	}
	return binary.BigEndian.AppendUint32(dst, uint32(n)), nil
}

// base is 10, so that 010 is ten, but with 0x before the digits whatever they say.
func base(v string) int {
	v = strings.TrimLeft(strings.TrimSpace(v), "+-")
	if len(v) > 1 && v[0] == '0' && (v[1] == 'x' || v[1] == 'X') {
		return 0
	}
	return 10
}

// numbers are the smallest and the largest number of the type.
func (t Type) numbers() (low, high int64) {
	bits := 8 * t.size()
	switch t {
	case Int8, Int16, Int32:
		return -1 << (bits - 1), 1<<(bits-1) - 1
	}
	return 0, 1<<bits - 1
}

func addName(dst []byte, v string) ([]byte, error) {
	if v == "" {
		return dst, errEmpty
	}
	dst, err := AppendName(dst, v)
	if err != nil {
		return dst, fmt.Errorf("is not a domain name: %w", err)
	}
	return dst, nil
}

// addRoute adds the width of the mask, the octets of the destination that it leaves, and the router (RFC 3442).
func addRoute(dst []byte, v string) ([]byte, error) {
	f := strings.FieldsFunc(v, func(r rune) bool { return r == ' ' || r == ',' || r == '\t' })
	if len(f) == 3 && (f[1] == "-" || f[1] == "via") { // as Kea and as ip-route write it
		f = []string{f[0], f[2]}
	}
	if len(f) != 2 {
		return dst, errRoute
	}
	p, err := netip.ParsePrefix(f[0])
	router, err2 := netip.ParseAddr(f[1])
	if err != nil || err2 != nil || !p.Addr().Is4() || !router.Is4() {
		return dst, errRoute
	}
	if p != p.Masked() {
		return dst, fmt.Errorf("has bits beyond its mask: %s is meant", p.Masked())
	}
	dest := p.Addr().As4()
	dst = append(dst, byte(p.Bits()))
	dst = append(dst, dest[:(p.Bits()+7)/8]...)
	return append(dst, router.AsSlice()...), nil
}

// check is what RFC 2132 says beyond the type.
func (d Definition) check(data []byte, v string) error {
	least := 0
	switch d.Code {
	case SubnetMask:
		if m := binary.BigEndian.Uint32(data); ^m&(^m+1) != 0 {
			return fmt.Errorf("%s is not a subnet mask", show(v))
		}
		return nil
	case 22: // max-dgram-reassembly, 4.4
		least = 576
	case InterfaceMTU: // 5.1
		least = 68
	case 23, 37: // TTLs, 4.5 and 7.1
		least = 1
	}
	if n := number(data); n < least {
		return fmt.Errorf("%s is too small: at least %d", show(v), least)
	}
	return nil
}

// number is the value of one or two octets; of others it does not matter.
func number(data []byte) int {
	switch len(data) {
	case 1:
		return int(data[0])
	case 2:
		return int(binary.BigEndian.Uint16(data))
	}
	return 0
}
