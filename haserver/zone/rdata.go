package zone

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"github.com/miekg/dns"
)

// The form of a type's RDATA, one letter a field. A type that is not in forms is looked into with
// the DNS library when that knows it, and not at all otherwise.
//
//	n  name; compressible on output, compared without case (RFC 1035 types)
//	N  name; not compressible, compared without case (RFC 4034 6.2, RFC 6840 5.1)
//	b h w  number of 8, 16, 32 bits      t  32 bits that are seconds
//	4 6    IPv4, IPv6 address            s  character string     g  the same, a CAA tag
//	S  one or more character strings     q  the rest as one string without length, not empty
//	X  the rest in hexadecimal, not empty   B  the rest in base 64, not empty
//	*  the rest, perhaps empty; no text form here

// form returns the form of a type; "" when there is none.
func form(t Type) string {
	switch t {
	case TypeA:
		return "4"
	case TypeAAAA:
		return "6"
	case TypeNS, TypeCNAME, TypePTR, 3, 4, 7, 8, 9: // MD MF MB MG MR
		return "n"
	case TypeSOA:
		return "nnwtttt"
	case 14: // MINFO
		return "nn"
	case TypeMX:
		return "hn"
	case TypeTXT, 99: // SPF
		return "S"
	case TypeHINFO:
		return "ss"
	case 17: // RP
		return "NN"
	case 18, 21, 36: // AFSDB RT KX
		return "hN"
	case 26: // PX
		return "hNN"
	case TypeSRV:
		return "hhhN"
	case 35: // NAPTR
		return "hhsssN"
	case TypeDNAME:
		return "N"
	case TypeDS, 59: // CDS
		return "hbbX"
	case 44: // SSHFP
		return "bbX"
	case TypeDNSKEY, 60: // CDNSKEY
		return "hbbB"
	case TypeSIG, TypeRRSIG:
		return "hbbwwwhN*"
	case TypeNXT:
		return "N*"
	case TypeDHCID, 61: // OPENPGPKEY
		return "B"
	case 52, 53: // TLSA SMIMEA
		return "bbbX"
	case 256: // URI
		return "hhq"
	case TypeCAA:
		return "bgq"
	case 10: // NULL
		return "*"
	}
	return ""
}

var (
	errShort    = errors.New("the data ends too early")
	errTrailing = errors.New("octets are left over after the last field")
	errNoString = errors.New("at least one character string is needed")
	errNoRest   = errors.New("the last field must not be empty")
	errTag      = errors.New("the tag must be letters and digits")
	errNotForm  = errors.New("the data does not have the form of the type")
)

// ValidRdata says what is wrong with data as the RDATA of a record of type t, nil when nothing is: the
// rules of the type's RFC as BIND enforces them, names whole and uncompressed, nothing left over. Types
// without a known form are not looked into (RFC 3597).
func ValidRdata[T string | []byte](t Type, data T) error {
	return validRdata(t, string(data))
}

func validRdata(t Type, data string) error {
	if len(data) > 65535 {
		return fmt.Errorf("%s data over 65535 octets", t)
	}
	f := form(t)
	if f == "" {
		return validByLibrary(t, data)
	}
	if t == TypeCAA && data != "" && len(data) > 2 && data[1] > 0 && len(data) == 2+int(data[1]) {
		f = "bg" // an empty value is legal (RFC 8659, 4.1)
	}
	var err error
	for i := range len(f) {
		if _, data, err = cutField(f[i], data); err != nil {
			return fmt.Errorf("%s data: %w", t, err)
		}
	}
	if data != "" {
		return fmt.Errorf("%s data: %w", t, errTrailing)
	}
	return nil
}

// cutField takes the field of kind f from the start of data.
func cutField(f byte, data string) (field, rest string, err error) {
	size := 0
	switch f {
	case 'n', 'N':
		name, rest, err := WireName(data)
		return string(name), rest, err
	case 'b':
		size = 1
	case 'h':
		size = 2
	case 'w', 't', '4':
		size = 4
	case '6':
		size = 16
	case 's', 'g':
		if data == "" {
			return "", "", errShort
		}
		size = 1 + int(data[0])
	case 'S':
		return cutStrings(data)
	case 'q', 'X', 'B':
		if data == "" {
			return "", "", errNoRest
		}
		size = len(data)
	case '*':
		size = len(data)
	}
	if len(data) < size {
		return "", "", errShort
	}
	if f == 'g' && !isTag(data[1:size]) {
		return "", "", errTag
	}
	return data[:size], data[size:], nil
}

func cutStrings(data string) (field, rest string, err error) {
	if data == "" {
		return "", "", errNoString
	}
	for i := 0; i < len(data); {
		i += 1 + int(data[i])
		if i > len(data) {
			return "", "", errShort
		}
	}
	return data, "", nil
}

func isTag(s string) bool {
	for i := range len(s) {
		c := lower(s[i])
		if !isDigit(c) && (c < 'a' || c > 'z') {
			return false
		}
	}
	return s != ""
}

// CanonicalRdata is the RDATA as it enters comparisons: names in lower case for the types of RFC 4034 6.2,
// as RFC 6840 5.1 corrects it. Two records of a set are equal when this is (RFC 2136, 1.1.1).
func CanonicalRdata(t Type, data string) string {
	if t == TypeSOA && len(data) >= 20 && !hasUpper(data[:len(data)-20]) {
		return data // the one that every change of a zone looks at
	}
	f, rest := form(t), data
	for i := range len(f) {
		field, after, err := cutField(f[i], rest)
		if err != nil {
			return data
		}
		if f[i] == 'n' || f[i] == 'N' {
			if key := Name(field).Key(); key != field {
				at := len(data) - len(rest)
				data = data[:at] + key + data[at+len(field):]
			}
		}
		rest = after
	}
	return data
}

func hasUpper(s string) bool {
	for i := range len(s) {
		if c := s[i]; c >= 'A' && c <= 'Z' {
			return true
		}
	}
	return false
}

// hasNames says whether CanonicalRdata can change data of the type.
func hasNames(t Type) bool {
	switch t {
	case TypeA, TypeAAAA, TypeTXT:
		return false
	}
	f := form(t)
	for i := range len(f) {
		if f[i] == 'n' || f[i] == 'N' {
			return true
		}
	}
	return false
}

// sameRdata says whether two records of type t are equal.
func sameRdata(t Type, a, b string) bool {
	return a == b || len(a) == len(b) && hasNames(t) && CanonicalRdata(t, a) == CanonicalRdata(t, b)
}

// CompressibleNames returns the offsets in data at which a name begins that a message may carry
// compressed: those in the types of RFC 1035 alone (RFC 3597, 4). data must be valid for t.
func CompressibleNames(t Type, data string) (offsets [2]int, n int) {
	switch t {
	case TypeA, TypeAAAA, TypeTXT:
		return offsets, 0
	case TypeNS, TypeCNAME, TypePTR:
		return offsets, 1
	}
	f, rest := form(t), data
	for i := range len(f) {
		_, after, err := cutField(f[i], rest)
		if err != nil {
			break
		}
		if f[i] == 'n' {
			offsets[n] = len(data) - len(rest)
			n++
		}
		rest = after
	}
	return offsets, n
}

// targetName is the name in the data that additional section processing looks at, "" when the type has none
// (RFC 1035 3.3, RFC 2782).
func targetName(t Type, data string) Name {
	skip := 0
	switch t {
	case TypeNS:
	case TypeMX:
		skip = 2
	case TypeSRV:
		skip = 6
	default:
		return ""
	}
	if len(data) <= skip {
		return ""
	}
	return Name(data[skip:])
}

// soaSerial is the serial in the RDATA of a SOA, which must be valid.
func soaSerial(data string) uint32 { return soaNumber(data, 0) }

// soaNumber is the n-th of the five numbers at the end of a SOA.
func soaNumber(data string, n int) uint32 {
	return binary.BigEndian.Uint32([]byte(data[len(data)-20+4*n:]))
}

// withSerial is the RDATA of a SOA with another serial.
func withSerial(data string, serial uint32) string {
	b := []byte(data)
	binary.BigEndian.PutUint32(b[len(b)-20:], serial)
	return string(b)
}

func address(data string) netip.Addr {
	a, _ := netip.AddrFromSlice([]byte(data))
	return a
}

// validByLibrary lets the DNS library unpack and pack the data: it is valid when that gives the same
// octets, which also rules out compression pointers and data in no canonical order.
func validByLibrary(t Type, data string) error {
	if t.IsMeta() {
		return nil
	}
	rr, wire, err := unpackRR(t, data)
	if err == nil && rr != nil {
		again := make([]byte, 2*len(wire)+64)
		var end int
		if end, err = dns.PackRR(rr, again, 0, nil, false); err == nil && string(again[:end]) != string(wire) {
			err = errNotForm
		}
	}
	if err != nil {
		return fmt.Errorf("%s data: %w", t, err)
	}
	return nil
}

// unpackRR makes a record of the library of the data; rr is nil when it does not know the type.
func unpackRR(t Type, data string) (rr dns.RR, wire []byte, err error) {
	if _, known := dns.TypeToRR[uint16(t)]; !known {
		return nil, nil, nil
	}
	wire = make([]byte, 0, 11+len(data))
	wire = append(wire, 0)
	wire = binary.BigEndian.AppendUint16(wire, uint16(t))
	wire = binary.BigEndian.AppendUint16(wire, uint16(ClassIN))
	wire = binary.BigEndian.AppendUint32(wire, 0)
	wire = binary.BigEndian.AppendUint16(wire, uint16(len(data)))
	wire = append(wire, data...)
	rr, end, err := dns.UnpackRR(wire, 0)
	if err == nil && end != len(wire) {
		err = errTrailing
	}
	return rr, wire, err
}
