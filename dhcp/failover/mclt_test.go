package failover

import (
	"slices"
	"testing"
	"time"

	"loadshare/dhcp/failover/wire"
)

// counts checks what leases are given by, and what is waited for.
func (d *desk) counts(when string, mclt, longest int64) {
	d.t.Helper()
	if a, b := d.m.MCLT(), d.m.LongestMCLT(); a != mclt || b != longest {
		d.t.Errorf("%s: leases by %d, waits by %d; want %d, %d", when, a, b, mclt, longest)
	}
}

func (d *desk) meet() *desk {
	return d.step(Connected{Session: 1, Dialled: true}).hear(1, goodAck()).hear(1, wire.State{State: wire.CommInterrupted})
}

// "Lease end given to a client <= max(acked, received, now) + MCLT" is no promise unless the backup counts with the same MCLT: what the main
// is told by its operator does not count before the backup has it.
func TestLongerMCLTWaitsForTheBackup(t *testing.T) {
	saved := Saved{State: wire.CommInterrupted, Peer: wire.Normal, Paired: true, MCLT: 1800}
	d := newDesk(t, Config{Role: Main}, Start{Saved: saved}) // configured: 3600
	d.counts("without contact", 1800, 3600)
	d.step(Connected{Session: 1, Dialled: true}).hear(1, goodAck())
	d.counts("CONNECT was accepted, it may not be on the backup's disk", 1800, 3600)
	d.hear(1, wire.State{State: wire.CommInterrupted})
	d.counts("the backup said its state", 3600, 3600)
}

func TestShorterMCLTStillWaitsForTheFormer(t *testing.T) {
	saved := Saved{State: wire.CommInterrupted, Peer: wire.Normal, Paired: true, MCLT: 7200}
	d := newDesk(t, Config{Role: Main}, Start{Saved: saved})
	d.counts("without contact: the backup may give by the former", 3600, 7200)
	d.meet()
	d.counts("in contact: it may have given by the former", 3600, 7200)
	for range 7300 / 5 {
		d.wait(5*time.Second).hear(1, wire.Contact{})
		for _, xid := range flyingXIDs(d.m) {
			var ack wire.BndAck
			for _, l := range d.m.updates.flying[xid].leases {
				ack.Answers = append(ack.Answers, wire.Answer{IP: l.IP})
			}
			d.step(Received{1, wire.Message{XID: xid, Body: ack}})
		}
	}
	if d.m.State() != wire.Normal {
		t.Fatalf("%s", d.m.State())
	}
	d.counts("all was told long since", 3600, 3600)

	b := newDesk(t, Config{Role: Backup}, Start{Saved: saved})
	b.step(Connected{Session: 1}).hear(1, goodConnect())
	b.counts("the backup, told 1800", 1800, 7200)
}

// A reload that changes it does so at once: the main connects anew.
func TestChangedMCLTIsToldAtOnce(t *testing.T) {
	d := newDesk(t, Config{Role: Main}, Start{Saved: Saved{State: wire.CommInterrupted, Peer: wire.Normal, Paired: true}})
	d.meet()
	cfg := d.m.cfg
	if d.step(Reconfigure{cfg}); len(d.out.Close) != 0 || d.m.State() != wire.Normal {
		t.Errorf("nothing changed: %v closed, %s", d.out.Close, d.m.State())
	}
	cfg.MCLT = 5000
	if d.step(Reconfigure{cfg}); !slices.Equal(d.out.Close, []uint64{1}) || !d.out.Dial {
		t.Errorf("closed %v, dial %v", d.out.Close, d.out.Dial)
	}
	d.counts("until the backup has it", 3600, 5000)
}
