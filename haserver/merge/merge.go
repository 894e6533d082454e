package merge

import (
	"fmt"

	"loadshare/haserver/digest"
	"loadshare/haserver/pairmsg"
	"loadshare/haserver/zone"
)

// Input is what Merge decides on. Both contents are the base with that side's Net. With NoBase nothing in common is known, and
// all that only one side has is taken as added by it.
type Input struct {
	Main, Backup       *zone.Zone
	MainNet, BackupNet Net // since the base; ignored when there is none
	NoBase             bool
	PreferMain         bool   // times are not to be trusted: the main wins all conflicts (clocks over 60 s apart)
	Serial             uint32 // of the result
	Now                int64  // microseconds since 1970, for Conflict.At
}

// Result is the decision.
type Result struct {
	Zone      *zone.Zone // made from Main, so that the two share what is equal; serial as wanted; SOA otherwise the main's
	Conflicts []Conflict // in canonical order of names
}

// Merge makes one content of two. An error says that the input does not fit together (a Net that does not end in its side's
// content, or nets of different bases): such zones are to be compared whole.
func Merge(in Input) (Result, error) {
	if !in.Main.Origin().Equal(in.Backup.Origin()) {
		return Result{}, fmt.Errorf("merge zone %s with zone %s: they are not the same zone", in.Main.Origin(), in.Backup.Origin())
	}
	if in.NoBase {
		in.MainNet, in.BackupNet = apart(in.Main, in.Backup)
		in.PreferMain = true
	}
	m := merger{in: in, patch: patch{zone: in.Main}}
	m.soa()
	lists := walk{
		in.MainNet.Deleted, in.MainNet.Added, in.MainNet.Restored,
		in.BackupNet.Deleted, in.BackupNet.Added, in.BackupNet.Restored,
	}
	for {
		name, lists, ok := lists.next()
		if !ok {
			break
		}
		if err := m.name(name, lists[:3], lists[3:]); err != nil {
			return Result{}, fmt.Errorf("merge zone %s: %w", in.Main.Origin(), err)
		}
	}
	z, err := m.patch.finish(nil)
	if err != nil {
		return Result{}, fmt.Errorf("merge zone %s: %w", in.Main.Origin(), err)
	}
	return Result{Zone: z.With(in.Serial), Conflicts: m.conflicts}, nil
}

// apart is what each side added when all that is equal is the base.
func apart(main, backup *zone.Zone) (mainNet, backupNet Net) {
	d := zone.Diff(backup, main)
	return Net{Added: changes(d.Added, 0)}, Net{Added: changes(d.Deleted, 0)}
}

// merger is a merge at work.
type merger struct {
	in        Input
	patch     patch
	conflicts []Conflict
}

// later is the side whose change is in force.
func (m *merger) later(main, backup int64) pairmsg.Role {
	if m.in.PreferMain || main >= backup {
		return pairmsg.Main
	}
	return pairmsg.Backup
}

// soa notes what the backup changed in the SOA beside the serial.
func (m *merger) soa() {
	main, backup := soaRecord(m.in.Main), soaRecord(m.in.Backup)
	if same(main, backup) || len(m.in.BackupNet.SOA) > 0 && same(m.in.BackupNet.SOA[0], backup) {
		return
	}
	kept := soaRecord(m.in.Main.With(m.in.Serial))
	m.conflict(Conflict{Name: main.Name, Type: zone.TypeSOA, Winner: pairmsg.Main, Reason: ReasonSOA,
		Kept: []zone.Record{kept}, Lost: []zone.Record{backup}})
}

func soaRecord(z *zone.Zone) zone.Record {
	soa := z.SOA()
	return zone.Record{Name: soa.Name, Type: soa.Type, Class: zone.ClassIN, TTL: soa.TTL, Data: soa.Data[0]}
}

// same compares SOA records without their serials, as digests do.
func same(a, b zone.Record) bool {
	return digest.Digest{}.Step(zone.Delta{Deleted: []zone.Record{a}, Added: []zone.Record{b}}) == digest.Digest{}
}

// name decides one name.
func (m *merger) name(name zone.Name, mainLists, backupLists [][]Change) error {
	switch {
	case empty(backupLists): // the main's content is in the zone already
		return nil
	case empty(mainLists):
		m.patch.add(records(backupLists[0]), records(backupLists[1]))
		return nil
	}
	d := decision{merger: m, name: name,
		main:   newSide(pairmsg.Main, m.in.Main.Node(name), mainLists),
		backup: newSide(pairmsg.Backup, m.in.Backup.Node(name), backupLists)}
	if !d.main.base.equal(d.backup.base) {
		return fmt.Errorf("%s: the changes of the two servers do not begin at the same content", name)
	}
	result := d.decide()
	if why := result.fault(); why != "" {
		return fmt.Errorf("%s: %s", name, why)
	}
	m.patch.add(result.differenceFrom(d.main.now, name))
	return nil
}

func empty(lists [][]Change) bool {
	for _, l := range lists {
		if len(l) > 0 {
			return false
		}
	}
	return true
}
