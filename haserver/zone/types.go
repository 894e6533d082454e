package zone

import (
	"strconv"
	"strings"

	"github.com/miekg/dns"
)

// Type is an RR type or a query type (RFC 1035, 3.2.2 and 3.2.3). Every value is legal: one that
// has no constant here is carried as plain data (RFC 3597).
type Type uint16

// The types this package treats in some way of their own, or that callers name.
const (
	TypeNone   Type = 0
	TypeA      Type = 1
	TypeNS     Type = 2
	TypeCNAME  Type = 5
	TypeSOA    Type = 6
	TypePTR    Type = 12
	TypeHINFO  Type = 13
	TypeMX     Type = 15
	TypeTXT    Type = 16
	TypeSIG    Type = 24
	TypeKEY    Type = 25
	TypeAAAA   Type = 28
	TypeNXT    Type = 30
	TypeSRV    Type = 33
	TypeDNAME  Type = 39
	TypeOPT    Type = 41
	TypeDS     Type = 43
	TypeRRSIG  Type = 46
	TypeNSEC   Type = 47
	TypeDNSKEY Type = 48
	TypeDHCID  Type = 49
	TypeTKEY   Type = 249
	TypeTSIG   Type = 250
	TypeIXFR   Type = 251
	TypeAXFR   Type = 252
	TypeANY    Type = 255
	TypeCAA    Type = 257
)

// String is the mnemonic, or TYPE followed by the number (RFC 3597, 5).
func (t Type) String() string {
	if s, ok := dns.TypeToString[uint16(t)]; ok && t != TypeNone {
		return s
	}
	return "TYPE" + strconv.Itoa(int(t))
}

// ParseType reads a mnemonic without regard to case, or the TYPE123 form (RFC 3597, 5).
func ParseType(text string) (Type, bool) {
	upper := strings.ToUpper(text)
	if number, ok := strings.CutPrefix(upper, "TYPE"); ok {
		n, err := strconv.ParseUint(number, 10, 16)
		return Type(n), err == nil
	}
	t, ok := dns.StringToType[upper]
	return Type(t), ok && t != 0
}

// IsMeta says that no record of this type can be in a zone: type 0, OPT, and the range of query
// and meta types 128 to 255 (RFC 6895, 3.1).
func (t Type) IsMeta() bool {
	return t == 0 || t == TypeOPT || t >= 128 && t <= 255
}

// Class is the class of a record. Zones here are of class IN; ANY and NONE occur in updates only.
type Class uint16

const (
	ClassIN   Class = 1
	ClassCH   Class = 3
	ClassNONE Class = 254
	ClassANY  Class = 255
)

// String is the mnemonic, or CLASS followed by the number (RFC 3597, 5).
func (c Class) String() string {
	if s, ok := dns.ClassToString[uint16(c)]; ok {
		return s
	}
	return "CLASS" + strconv.Itoa(int(c))
}

// Rcode is the response code for the header of the reply (RFC 1035 4.1.1, RFC 2136 2.2).
type Rcode uint16

const (
	NoError  Rcode = 0
	FormErr  Rcode = 1
	ServFail Rcode = 2
	NXDomain Rcode = 3
	NotImp   Rcode = 4
	Refused  Rcode = 5
	YXDomain Rcode = 6
	YXRRSet  Rcode = 7
	NXRRSet  Rcode = 8
	NotAuth  Rcode = 9
	NotZone  Rcode = 10
)

var rcodeNames = [...]string{"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN", "YXRRSET", "NXRRSET", "NOTAUTH", "NOTZONE"}

// String is the mnemonic, or RCODE followed by the number.
func (r Rcode) String() string {
	if int(r) < len(rcodeNames) {
		return rcodeNames[r]
	}
	return "RCODE" + strconv.Itoa(int(r))
}

// RRset is all records of one name and type. It has one TTL (RFC 2181, 5.2).
//
// Data holds one string per record: the RDATA in wire form, names in it uncompressed, in the
// canonical order of RFC 4034 6.3, no two equal. The strings and the slice belong to the zone or
// to the answer: do not write to the slice.
type RRset struct {
	Name Name
	Type Type
	TTL  uint32 // seconds
	Data []string

	// Turn is the rotation counter of the set, or nil when the set has fewer than two records.
	// This package never reads or writes what it points to. All generations of a zone share the
	// cell of a set that lives on, so an update does not restart the rotation. Use it with
	// sync/atomic only.
	Turn *uint32
}

// Record is one record as in a message or in a Delta.
//
// In an Update the class is as on the wire (IN, ANY or NONE) and an RDATA of length zero is
// Data == "". In a Delta the class is IN.
type Record struct {
	Name  Name
	Type  Type
	Class Class
	TTL   uint32 // seconds
	Data  string // RDATA, wire form, names uncompressed
}

// String is the record as a line of a master file.
func (r Record) String() string {
	var b strings.Builder
	b.WriteString(r.Name.String())
	b.WriteByte(' ')
	b.WriteString(strconv.FormatUint(uint64(r.TTL), 10))
	b.WriteByte(' ')
	b.WriteString(r.Class.String())
	b.WriteByte(' ')
	b.WriteString(r.Type.String())
	if r.Data != "" || r.Class == ClassIN {
		b.WriteByte(' ')
		b.WriteString(RdataText(r.Type, r.Data))
	}
	return b.String()
}
