package failover

import (
	"testing"
	"time"

	"loadshare/dhcp/failover/wire"
	"loadshare/dhcp/lease"
)

// Hours of chance: cuts, crashes, true partner-downs, lost disks, restored snapshots, skewed clocks, one at a time or one in another;
// the invariant after every event; and at the end, left alone, every pair is in normal and both tables say the same.
func TestStorm(t *testing.T) {
	seeds := uint64(12)
	if testing.Short() {
		seeds = 4
	}
	for seed := range seeds {
		t.Run("", func(t *testing.T) { storm(t, 1000+seed) })
	}
}

func storm(t *testing.T, seed uint64) {
	x := newSim(t, seed, func(c *Config) {
		c.Balancing = seed%3 == 0
		if seed%4 == 1 {
			c.Fast = 0
		}
	})
	x.nodes[1].skew = int64(seed%5) - 2
	x.begin()
	x.normal(30 * time.Second)
	w := x.w
	for range 12 {
		x.run(w.Between(30*time.Second, 12*time.Minute))
		i := w.Rand().IntN(2)
		n, other := x.nodes[i], x.nodes[1-i]
		switch w.Rand().IntN(7) {
		case 0:
			x.cut = true
			x.run(w.Between(time.Second, 15*time.Minute))
			x.mend()
		case 1: // a crash and no claim
			n.crash()
			x.run(w.Between(time.Second, 10*time.Minute))
			n.start()
		case 2: // partner-down, and it is true
			n.crash()
			x.run(w.Between(time.Second, 5*time.Minute))
			other.step(Operate{ID: 1, Command: SetPartnerDown})
			x.run(w.Between(time.Second, 20*time.Minute))
			n.start()
		case 3: // a cut, then a crash within it, then the claim
			x.cut = true
			x.run(w.Between(time.Second, 10*time.Minute))
			n.crash()
			x.run(w.Between(time.Second, 3*time.Minute))
			other.step(Operate{ID: 1, Command: SetPartnerDown})
			x.run(w.Between(time.Second, 20*time.Minute))
			x.mend() // before it starts: one that serves unheard makes the claim false
			n.start()
		case 4: // a lost disk; the other is in normal or was at least heard
			if n.m.State() != wire.Normal || other.m.State() != wire.Normal {
				continue
			}
			n.crash()
			x.run(w.Between(time.Second, 5*time.Minute))
			n.disk = simDisk{leases: map[lease.IP]lease.Lease{}, store: seed<<8 | n.boot}
			n.start()
		case 5: // a restored snapshot
			if n.m.State() != wire.Normal || other.m.State() != wire.Normal {
				continue
			}
			snapshot := n.disk.clone()
			x.run(w.Between(time.Minute, 20*time.Minute))
			n.crash()
			x.run(w.Between(time.Second, time.Minute))
			n.disk = snapshot
			n.start()
		case 6: // both lose power
			n.crash()
			x.run(w.Between(0, 2*time.Minute))
			other.crash()
			x.run(w.Between(0, 2*time.Minute))
			n.start()
			x.run(w.Between(0, time.Minute))
			other.start()
		}
	}
	x.normal(10 * time.Minute)
	x.run(20 * time.Minute)
	x.agree()
}
