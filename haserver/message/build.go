package message

import (
	"encoding/binary"

	"loadshare/haserver/zone"
)

// Section of a response that record sets go to.
type Section uint8

const (
	Answer     Section = 1
	Authority  Section = 2
	Additional Section = 3
)

// maxPointer is the first offset that a compression pointer cannot name.
const maxPointer = 0x4000

// Builder writes one message after another. The zero value is ready for Start; it keeps its memory.
type Builder struct {
	buf      []byte
	limit    int
	counts   [4]uint16
	question int // octets of the name in the question at offset 12, 0 when there is none
	names    nameTable
	indexed  bool // the name of the question is in names
}

// Start begins a message in buf, which is overwritten from its start: a header with id and
// flags (opcode and rcode included). The message is not to grow over limit octets. buf is used
// up to its capacity and replaced by a larger one when that is not enough.
func (b *Builder) Start(buf []byte, id, flags uint16, limit int) {
	b.buf = append(buf[:0], byte(id>>8), byte(id), byte(flags>>8), byte(flags), 0, 0, 0, 0, 0, 0, 0, 0)
	b.limit = limit
	b.counts = [4]uint16{}
	b.question = 0
	b.indexed = false
	b.names.reset()
}

// Question repeats the question section of m octet for octet; it must have one question.
func (b *Builder) Question(m *Message) {
	b.buf = append(b.buf, m.question...)
	b.question = len(m.QName)
	b.counts[0] = m.Counts[0]
}

// Add appends all records of set to a section, the record number first leading and the rest
// following in a circle. When they do not all fit nothing is added and the result is false.
// Sections must be filled in their order.
func (b *Builder) Add(s Section, set *zone.RRset, first int) bool {
	mark, count := len(b.buf), b.counts[s]
	n := len(set.Data)
	for i := range n {
		j := first + i
		if j >= n {
			j -= n
		}
		if !b.Record(s, set.Name, set.Type, set.TTL, set.Data[j]) {
			b.rewind(mark)
			b.counts[s] = count
			return false
		}
	}
	return true
}

// Fits says that so many records, with so many octets of RDATA in all, fit when they bear the name of the question.
func (b *Builder) Fits(records, rdata int) bool {
	return len(b.buf)+12*records+rdata <= b.limit && int(b.counts[Answer])+records <= 0xFFFF
}

// Same appends records of the name of the question, which is not the root, to the answer section: data holds their RDATA, size octets
// each and without names, the one with number first leading and the rest following in a circle. They must fit.
func (b *Builder) Same(t zone.Type, ttl uint32, data []byte, size, first int) {
	at := first * size
	for range len(data) / size {
		b.buf = append(b.buf, 0xC0, headerLen, byte(t>>8), byte(t), 0, byte(zone.ClassIN),
			byte(ttl>>24), byte(ttl>>16), byte(ttl>>8), byte(ttl), byte(size>>8), byte(size))
		b.buf = append(b.buf, data[at:at+size]...)
		b.counts[Answer]++
		if at += size; at == len(data) {
			at = 0
		}
	}
}

// Record appends one record of class IN; false, and nothing added, when it does not fit.
func (b *Builder) Record(s Section, name zone.Name, t zone.Type, ttl uint32, data string) bool {
	mark := len(b.buf)
	offsets, compressible := zone.CompressibleNames(t, data)
	if compressible == 0 && mark+2+10+len(data) > b.limit {
		return false
	}
	b.name(name)
	b.buf = append(b.buf, byte(t>>8), byte(t), 0, byte(zone.ClassIN),
		byte(ttl>>24), byte(ttl>>16), byte(ttl>>8), byte(ttl), byte(len(data)>>8), byte(len(data)))
	if compressible == 0 {
		b.buf = append(b.buf, data...)
	} else {
		b.rdata(data, offsets[:compressible])
	}
	if len(b.buf) > b.limit || b.counts[s] == 0xFFFF {
		b.rewind(mark)
		return false
	}
	b.counts[s]++
	return true
}

func (b *Builder) rdata(data string, offsets []int) {
	start := len(b.buf)
	at := 0
	for _, o := range offsets {
		b.buf = append(b.buf, data[at:o]...)
		name, rest, err := zone.WireName(data[o:])
		if err != nil { // the zone holds valid RDATA only; send it as it is
			at = o
			break
		}
		b.name(name)
		at = len(data) - len(rest)
	}
	b.buf = append(b.buf, data[at:]...)
	binary.BigEndian.PutUint16(b.buf[start-2:], uint16(len(b.buf)-start))
}

// rewind takes back what was written since mark.
func (b *Builder) rewind(mark int) {
	b.buf = b.buf[:mark]
	b.names.reset() // some of it pointed into what is gone
	b.indexed = false
}

// name appends n, compressed. Only names of the same case are shared, so that each keeps its own.
func (b *Builder) name(n zone.Name) {
	if len(n) == b.question && string(b.buf[headerLen:headerLen+b.question]) == string(n) {
		if len(n) == 1 {
			b.buf = append(b.buf, 0)
			return
		}
		b.buf = append(b.buf, 0xC0, headerLen)
		return
	}
	if !b.indexed && b.question != 0 {
		b.indexed = true
		b.names.add(b.buf, zone.Name(b.buf[headerLen:headerLen+b.question]), headerLen)
	}
	b.buf = b.names.write(b.buf, n)
}

// Len is how many octets the message has now.
func (b *Builder) Len() int { return len(b.buf) }

// Records is how many records the answer section has now.
func (b *Builder) Records() int { return int(b.counts[Answer]) }

// Edns is the OPT record of a response.
type Edns struct {
	Rcode   uint16 // all 12 bits; the lower four are in the header too
	Size    uint16 // what we take
	DO      bool
	Options []byte // as made by AppendOption
}

// Len is the octets it takes.
func (e *Edns) Len() int { return 11 + len(e.Options) }

// OPT appends the record, over the limit too: make room for it at Start.
func (b *Builder) OPT(e *Edns) {
	do := byte(0)
	if e.DO {
		do = 0x80
	}
	b.buf = append(b.buf, 0, 0, byte(zone.TypeOPT), byte(e.Size>>8), byte(e.Size), byte(e.Rcode>>4), 0, do, 0,
		byte(len(e.Options)>>8), byte(len(e.Options)))
	b.buf = append(b.buf, e.Options...)
	b.counts[Additional]++
}

// AppendOption appends an EDNS option to dst.
func AppendOption(dst []byte, code uint16, data ...byte) []byte {
	dst = append(dst, byte(code>>8), byte(code), byte(len(data)>>8), byte(len(data)))
	return append(dst, data...)
}

// Flags sets bits of the header.
func (b *Builder) Flags(bits uint16) {
	flags := binary.BigEndian.Uint16(b.buf[2:]) | bits
	binary.BigEndian.PutUint16(b.buf[2:], flags)
}

// Finish writes the counts and returns the message, which is valid until the next Start with the same buffer.
func (b *Builder) Finish() []byte {
	for i, n := range b.counts {
		binary.BigEndian.PutUint16(b.buf[4+2*i:], n)
	}
	return b.buf
}
