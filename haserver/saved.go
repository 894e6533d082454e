package haserver

import (
	"encoding/binary"
	"fmt"
	"slices"

	"loadshare/haserver/digest"
	"loadshare/haserver/pair"
	"loadshare/haserver/pairmsg"
)

// savedVersion begins what the journal keeps of the pair's state. Another one is refused: nothing is guessed about how much of the
// zones is agreed on.
const savedVersion = 1

const (
	savedLen     = 1 + 16 + 8 + 1 + 8 + 1 + 2 + 8 + 8 + 8 + 16 + 8 + 8 + 8 + 1
	zoneSavedLen = 1 + 4 + digest.Size + 4 + 1
	pointLen     = 4 + digest.Size
)

// points are those that a zone's record may have at its end, in this order.
type points struct{ apart, asked, alone bool }

// zoneVersions are the versions of a zone's record, from savedVersion on, by which points are at its end.
var zoneVersions = [...]points{{}, {alone: true}, {apart: true}, {apart: true, alone: true}, {apart: true, asked: true}, {true, true, true}}

const ( // the last octet of a server's record
	savedClean = 1 << iota
	savedWhole
)

// encodeSaved makes the record of the server. Numbers are big-endian, in the order of the fields.
func encodeSaved(s pair.Saved) []byte {
	b := append(make([]byte, 0, savedLen), savedVersion)
	b = append(b, s.Store[:]...)
	b = binary.BigEndian.AppendUint64(b, s.Boot)
	b = append(b, byte(s.Role))
	b = binary.BigEndian.AppendUint64(b, s.Epoch)
	b = append(b, byte(s.State))
	b = binary.BigEndian.AppendUint16(b, uint16(s.Reason))
	b = binary.BigEndian.AppendUint64(b, uint64(s.Since))
	b = binary.BigEndian.AppendUint64(b, uint64(s.Behind))
	b = binary.BigEndian.AppendUint64(b, s.Seq)
	b = append(b, s.PeerStore[:]...)
	b = binary.BigEndian.AppendUint64(b, s.PeerSeq)
	b = binary.BigEndian.AppendUint64(b, uint64(s.Contact))
	b = binary.BigEndian.AppendUint64(b, uint64(s.Clock))
	flags := byte(0)
	if s.Clean {
		flags |= savedClean
	}
	if s.Whole {
		flags |= savedWhole
	}
	return append(b, flags)
}

// decodeSaved reads what encodeSaved wrote, and nothing else.
func decodeSaved(b []byte) (s pair.Saved, err error) {
	if len(b) != savedLen || b[0] != savedVersion {
		return s, errSaved("this server's place in its pair", b)
	}
	f := fields{b[1:]}
	f.octets(s.Store[:])
	s.Boot = f.u64()
	s.Role = pairmsg.Role(f.u8())
	s.Epoch = f.u64()
	s.State = pairmsg.State(f.u8())
	reason := f.u16()
	s.Reason = pair.Reason(reason)
	s.Since = int64(f.u64())
	s.Behind = int64(f.u64())
	s.Seq = f.u64()
	f.octets(s.PeerStore[:])
	s.PeerSeq = f.u64()
	s.Contact = int64(f.u64())
	s.Clock = int64(f.u64())
	flags := f.u8()
	s.Clean, s.Whole = flags&savedClean != 0, flags&savedWhole != 0
	if s.Role > pairmsg.Backup || s.State > pairmsg.PartnerDown || flags > savedClean|savedWhole || reason > 255 {
		return pair.Saved{}, errSaved("this server's place in its pair", b)
	}
	return s, nil
}

// encodeZoneSaved makes the record of a zone.
func encodeZoneSaved(s pair.ZoneSaved) []byte {
	version := slices.Index(zoneVersions[:], points{s.Apart != pairmsg.Point{}, s.Asked != pairmsg.Point{}, s.Alone != pairmsg.Point{}})
	b := append(make([]byte, 0, zoneSavedLen+3*pointLen), savedVersion+byte(version))
	b = appendPoint(b, s.Agreed)
	b = binary.BigEndian.AppendUint32(b, s.Reserved)
	b = append(b, byte(s.Flags))
	for _, p := range []pairmsg.Point{s.Apart, s.Asked, s.Alone} {
		if p != (pairmsg.Point{}) {
			b = appendPoint(b, p)
		}
	}
	return b
}

func appendPoint(b []byte, p pairmsg.Point) []byte {
	return p.Digest.Append(binary.BigEndian.AppendUint32(b, p.Serial))
}

// decodeZoneSaved reads what encodeZoneSaved wrote, and nothing else.
func decodeZoneSaved(b []byte) (s pair.ZoneSaved, err error) {
	if len(b) < zoneSavedLen || b[0] < savedVersion || int(b[0]-savedVersion) >= len(zoneVersions) {
		return s, errSaved("a zone's place in the pair", b)
	}
	f := fields{b[1:]}
	s.Agreed = f.point()
	s.Reserved = f.u32()
	s.Flags = pairmsg.ZoneFlags(f.u8())
	has := zoneVersions[b[0]-savedVersion]
	for _, p := range []struct {
		there bool
		point *pairmsg.Point
	}{{has.apart, &s.Apart}, {has.asked, &s.Asked}, {has.alone, &s.Alone}} {
		if !p.there {
			continue
		}
		if len(f.rest) < pointLen {
			return pair.ZoneSaved{}, errSaved("a zone's place in the pair", b)
		}
		if *p.point = f.point(); *p.point == (pairmsg.Point{}) {
			return pair.ZoneSaved{}, errSaved("a zone's place in the pair", b)
		}
	}
	if len(f.rest) > 0 || s.Flags > pairmsg.Fresh|pairmsg.Stale {
		return pair.ZoneSaved{}, errSaved("a zone's place in the pair", b)
	}
	return s, nil
}

func errSaved(what string, b []byte) error {
	if len(b) > 0 && int(b[0]-savedVersion) >= len(zoneVersions) {
		return fmt.Errorf("the record of %s has version %d, which this program does not know: start the version that wrote it", what, b[0])
	}
	return fmt.Errorf("the record of %s is damaged", what)
}

// fields reads a record whose length has been checked.
type fields struct{ rest []byte }

func (f *fields) take(n int) []byte {
	b := f.rest[:n]
	f.rest = f.rest[n:]
	return b
}

func (f *fields) octets(to []byte) { copy(to, f.take(len(to))) }
func (f *fields) point() (p pairmsg.Point) {
	p.Serial = f.u32()
	p.Digest, f.rest, _ = digest.Read(f.rest)
	return p
}

func (f *fields) u8() byte    { return f.take(1)[0] }
func (f *fields) u16() uint16 { return binary.BigEndian.Uint16(f.take(2)) }
func (f *fields) u32() uint32 { return binary.BigEndian.Uint32(f.take(4)) }
func (f *fields) u64() uint64 { return binary.BigEndian.Uint64(f.take(8)) }
