package failover

import (
	"testing"
	"time"
)

// A pool that a reload adds is shared at once: until the backup has a part of it, its new clients would have nothing if the main died
// (checklist D22; the next rebalance is an hour away).
func TestAPoolThatAReloadAddsIsShared(t *testing.T) {
	half := simFirst + simPool/2
	x := newSim(t, 21, func(c *Config) { c.Pools[0].Ranges = []Range{{simFirst, half - 1}} })
	for _, n := range x.nodes {
		n.start()
	}
	x.normal(5 * time.Second)
	x.run(2 * time.Second)
	for _, n := range x.nodes {
		more := n.cfg
		more.Pools = append(append([]Pool(nil), more.Pools...), Pool{Name: "added", Ranges: []Range{{half, simFirst + simPool - 1}}, BackupPct: 25})
		n.cfg = more
		n.step(Reconfigure{Config: more})
	}
	x.run(5 * time.Second)
	for _, n := range x.nodes {
		if s := n.m.shares(&n.cfg.Pools[1]); s != (Shares{Free: 15, Backup: 5}) {
			t.Errorf("%s: shares of the added pool %+v", n.name, s)
		}
	}
	x.agree()
}
