package merge

import (
	"encoding/binary"

	"loadshare/haserver/zone"
)

// patch changes a zone by many records, given name by name. It applies them in portions, since a Delta's cost grows faster than
// its length.
type patch struct {
	zone           *zone.Zone
	deleted, added []zone.Record
	err            error
}

const portion = 2048 // records

// add notes a name's changes: all of one name in one call.
func (p *patch) add(deleted, added []zone.Record) {
	p.deleted = append(p.deleted, deleted...)
	p.added = append(p.added, added...)
	if len(p.deleted)+len(p.added) >= portion {
		p.flush()
	}
}

func (p *patch) flush() {
	if p.err == nil {
		serial := p.zone.Serial()
		var next *zone.Zone
		if next, p.err = p.zone.WithDelta(zone.Delta{From: serial, To: serial, Deleted: p.deleted, Added: p.added}); p.err == nil {
			p.zone = next
		}
	}
	p.deleted, p.added = p.deleted[:0], p.added[:0]
}

// finish is the zone with all changes, and with the SOA if there is one given.
func (p *patch) finish(soa []zone.Record) (*zone.Zone, error) {
	p.flush()
	if p.err != nil || len(soa) == 0 {
		return p.zone, p.err
	}
	own := p.zone.SOA()
	old := zone.Record{Name: own.Name, Type: own.Type, Class: zone.ClassIN, TTL: own.TTL, Data: own.Data[0]}
	if old == soa[0] {
		return p.zone, nil
	}
	serial, err := serialOf(soa[0])
	if err != nil {
		return nil, err
	}
	return p.zone.WithDelta(zone.Delta{From: p.zone.Serial(), To: serial, Deleted: []zone.Record{old}, Added: soa[:1]})
}

// serialOf is the serial of a SOA record.
func serialOf(soa zone.Record) (uint32, error) {
	if err := zone.ValidRdata(zone.TypeSOA, soa.Data); err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint32([]byte(soa.Data[len(soa.Data)-20:])), nil
}
