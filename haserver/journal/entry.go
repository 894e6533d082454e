package journal

import (
	"encoding/binary"
	"errors"

	"loadshare/haserver/pairmsg"
	"loadshare/haserver/zone"
)

// entryHead is the octets of an entry before its Delta: time, digest, and how many records the Delta has, so that what a
// transfer would send is known without reading it.
const entryHead = 8 + 16 + 4

// deltaHead is the octets of a Delta from which its serials can be read.
const deltaHead = 1 + 4 + 4

var errEntry = errors.New("it is cut short, or its checksum is wrong")

// appendEntry appends an entry with its checksum to b, which must be empty.
func appendEntry(b []byte, e pairmsg.Entry) ([]byte, error) {
	b = binary.BigEndian.AppendUint64(b, uint64(e.Time))
	b = appendDigest(b, e.Digest)
	b = binary.BigEndian.AppendUint32(b, uint32(len(e.Delta.Deleted)+len(e.Delta.Added)))
	b, err := e.Delta.AppendBinary(b)
	if err != nil {
		return nil, err
	}
	return seal(b), nil
}

// peekEntry reads where an entry leads from and to, without its records.
func peekEntry(v []byte) (from uint32, to state, err error) {
	body, ok := unseal(v)
	if !ok || len(body) < entryHead+deltaHead {
		return 0, state{}, errEntry
	}
	to.digest = readDigest(body[8:])
	to.records = binary.BigEndian.Uint32(body[24:])
	from = binary.BigEndian.Uint32(body[entryHead+1:])
	to.serial = binary.BigEndian.Uint32(body[entryHead+5:])
	return from, to, nil
}

// parseEntry decodes an entry. It does not keep v.
func parseEntry(v []byte) (pairmsg.Entry, error) {
	body, ok := unseal(v)
	if !ok || len(body) < entryHead {
		return pairmsg.Entry{}, errEntry
	}
	d, err := zone.ParseDelta(body[entryHead:])
	return pairmsg.Entry{Time: int64(binary.BigEndian.Uint64(body)), Digest: readDigest(body[8:]), Delta: d}, err
}

// reverse is the Delta that takes d back.
func reverse(d zone.Delta) zone.Delta {
	return zone.Delta{From: d.To, To: d.From, Deleted: d.Added, Added: d.Deleted}
}
