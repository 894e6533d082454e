package message

import (
	"encoding/binary"
	"unsafe"

	"loadshare/haserver/zone"
)

// Opcode is the kind of a message (RFC 1035, 4.1.1).
type Opcode uint8

// The opcodes that are answered with more than NOTIMP.
const (
	Query  Opcode = 0
	Notify Opcode = 4 // RFC 1996
	Update Opcode = 5 // RFC 2136
)

// Bits of the second 16 bits of the header.
const (
	FlagQR uint16 = 1 << 15
	FlagAA uint16 = 1 << 10
	FlagTC uint16 = 1 << 9
	FlagRD uint16 = 1 << 8
)

// Message is a parsed message. Its slices point into the octets handed to Parse.
type Message struct {
	ID    uint16
	Flags uint16

	// Counts of the four sections as the header has them: question (zone), answer (prerequisite),
	// authority (update), additional.
	Counts [4]uint16

	// The first question. QName is in uncompressed wire form, case kept; nil when there is none.
	QName  []byte
	QType  zone.Type
	QClass zone.Class

	// OPT is the pseudo-record of EDNS, when HasOPT.
	OPT    OPT
	HasOPT bool

	// TSIG is the signature, when HasTSIG.
	TSIG    TSIG
	HasTSIG bool

	// Serial is that of the first SOA record in the authority section, when HasSerial: what an IXFR
	// request says the client has (RFC 1995, 3).
	Serial    uint32
	HasSerial bool

	wire     []byte
	signed   keyNames // of the last signature that was parsed, also of an earlier message
	question []byte   // all of the question section
	sections [3]int   // where answer, authority and additional begin
}

// OPT is what a client says in its OPT record (RFC 6891, 6.1.2 and 6.1.3).
type OPT struct {
	Size    uint16 // UDP payload the client takes, as given
	Version uint8
	DO      bool
	options []byte
}

// Opcode of the message.
func (m *Message) Opcode() Opcode { return Opcode(m.Flags >> 11 & 15) }

// IsResponse says that the QR bit is set.
func (m *Message) IsResponse() bool { return m.Flags&FlagQR != 0 }

// Name is the name of the first question without a copy: it is valid only as long as the octets that
// were parsed are.
func (m *Message) Name() zone.Name {
	return zone.Name(unsafe.String(unsafe.SliceData(m.QName), len(m.QName)))
}

// NameAndType is the first question without its class, octet for octet; there must be one.
func (m *Message) NameAndType() []byte { return m.question[:len(m.QName)+2] }

// Asked is what NameAndType will be once Parse has read wire, if it can: of what Parse refuses it is nil, or any octets of wire.
func Asked(wire []byte) []byte {
	at := headerLen
	for at < len(wire) && wire[at] != 0 {
		at += 1 + int(wire[at])
	}
	if at+3 > len(wire) {
		return nil
	}
	return wire[headerLen : at+3]
}

// Parse reads wire, all of it. After any error but ErrShort the header fields are set; after an error in a later
// record the question is set too (QName is not nil), so that it can be repeated in the answer.
func (m *Message) Parse(wire []byte) error {
	*m = Message{wire: wire, signed: m.signed}
	if len(wire) < headerLen {
		return ErrShort
	}
	m.ID = binary.BigEndian.Uint16(wire)
	m.Flags = binary.BigEndian.Uint16(wire[2:])
	for i := range m.Counts {
		m.Counts[i] = binary.BigEndian.Uint16(wire[4+2*i:])
	}
	off := headerLen
	for i := range m.Counts[0] {
		start := off
		_, next, err := readName(nil, wire, off, false)
		if err != nil {
			return err
		}
		if next+4 > len(wire) {
			return ErrCut
		}
		if i == 0 {
			m.QName = wire[start:next]
			m.QType = zone.Type(binary.BigEndian.Uint16(wire[next:]))
			m.QClass = zone.Class(binary.BigEndian.Uint16(wire[next+2:]))
		}
		off = next + 4
		m.question = wire[headerLen:off]
	}
	for s := range 3 {
		m.sections[s] = off
		for i := range m.Counts[s+1] {
			next, err := m.record(off, s, i+1 == m.Counts[s+1])
			if err != nil {
				return err
			}
			off = next
		}
	}
	if off != len(wire) {
		return ErrTrailing
	}
	return nil
}

// record checks the record at off, in section s of answer, authority, additional.
func (m *Message) record(off, s int, last bool) (next int, err error) {
	b := m.wire
	_, at, err := readName(nil, b, off, false)
	if err != nil {
		return 0, err
	}
	if at+10 > len(b) {
		return 0, ErrCut
	}
	t := zone.Type(binary.BigEndian.Uint16(b[at:]))
	next = at + 10 + int(binary.BigEndian.Uint16(b[at+8:]))
	if next > len(b) {
		return 0, ErrCut
	}
	switch t {
	case zone.TypeOPT:
		if m.HasOPT || s != 2 || at != off+1 {
			return 0, ErrOPT
		}
		m.HasOPT = true
		m.OPT = OPT{
			Size:    binary.BigEndian.Uint16(b[at+2:]),
			Version: b[at+5],
			DO:      b[at+6]&0x80 != 0,
			options: b[at+10 : next],
		}
		if !validOptions(m.OPT.options) {
			return 0, ErrOPT
		}
	case zone.TypeTSIG:
		if m.HasTSIG || s != 2 || !last {
			return 0, ErrTSIG
		}
		if err := m.TSIG.parse(b, off, at, next, &m.signed); err != nil {
			return 0, err
		}
		m.HasTSIG = true
	case zone.TypeSOA:
		if s == 1 && !m.HasSerial && next-at-10 >= 22 {
			m.Serial, m.HasSerial = binary.BigEndian.Uint32(b[next-20:]), true
		}
	}
	return next, nil
}

func validOptions(o []byte) bool {
	for len(o) > 0 {
		if len(o) < 4 {
			return false
		}
		n := 4 + int(binary.BigEndian.Uint16(o[2:]))
		if n > len(o) {
			return false
		}
		o = o[n:]
	}
	return true
}

// Option returns the data of the first option with that code (RFC 6891, 6.1.2).
func (o OPT) Option(code uint16) (data []byte, ok bool) {
	for rest := o.options; len(rest) >= 4; {
		n := 4 + int(binary.BigEndian.Uint16(rest[2:]))
		if binary.BigEndian.Uint16(rest) == code {
			return rest[4:n], true
		}
		rest = rest[n:]
	}
	return nil, false
}

// Short says that not even the header is there.
func (m *Message) Short() bool { return len(m.wire) < headerLen }

// Header is how many octets the header and the question section take.
func (m *Message) Header() int { return headerLen + len(m.question) }
