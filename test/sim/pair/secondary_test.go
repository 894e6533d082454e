package pairsim

import (
	"fmt"
	"time"

	"loadshare/haserver/zone"
)

// secondary follows one server or both, by IXFR where the history reaches, else by AXFR.
type secondary struct {
	s     *site
	zone  string
	only  *node // nil: both
	every time.Duration
	tip   *zone.Zone
}

func (x *secondary) String() string {
	who := "of both"
	if x.only != nil {
		who = "of " + x.only.name
	}
	at := "with nothing"
	if x.tip != nil {
		at = "at " + point(pointOf(x.tip))
	}
	return fmt.Sprintf("%s of %s %s", who, zone.Name(x.zone), at)
}

func (x *secondary) start() {
	x.s.w.After(x.s.w.Between(x.every/2, x.every), "", func() {
		x.refresh()
		x.start()
	})
}

// refresh asks for the serial and takes what is newer (RFC 1996, RFC 1995, RFC 5936).
func (x *secondary) refresh() {
	s := x.s
	n := x.only
	if n == nil {
		n = s.nodes[s.w.Rand().IntN(2)]
	}
	if !n.power || !n.life.Alive() || n.restored { // a restored one may give a serial twice (docs/ha-dns.md, Limits)
		return
	}
	z := n.tip(x.zone)
	if z == nil {
		return
	}
	switch {
	case x.tip == nil:
		x.tip = z
	case z.Serial() == x.tip.Serial():
		if s.doubtful[x.zone][z.Serial()] {
			x.tip = z
		} else if s.pointOf(z) != s.pointOf(x.tip) {
			s.w.Fail("%s has serial %d of %s with a content that a secondary does not know:\n%s", n.name, z.Serial(), zone.Name(x.zone), difference(x.tip, z))
		}
	case zone.SerialNewer(z.Serial(), x.tip.Serial()):
		x.transfer(n, z)
	case x.only != nil:
		s.w.Fail("%s has serial %d of %s, and its secondary has %d already", n.name, z.Serial(), zone.Name(x.zone), x.tip.Serial())
	}
}

func (x *secondary) transfer(n *node, z *zone.Zone) {
	s := x.s
	s.stats.transfers++
	entries, ok := n.read(x.zone, x.tip.Serial(), z.Serial())
	if !ok || s.doubtful[x.zone][x.tip.Serial()] {
		x.tip = z // AXFR
		return
	}
	s.stats.ixfr++
	was := x.tip
	for _, e := range entries {
		next, err := x.tip.WithDelta(e.Delta)
		if err != nil {
			s.w.Fail("a secondary cannot apply the IXFR of %s from %d: %v", n.name, was.Serial(), err)
			return
		}
		x.tip = next
	}
	if s.pointOf(x.tip) != s.pointOf(z) {
		s.w.Fail("after the IXFR of %s from %d to %d a secondary has another content:\n%s", n.name, was.Serial(), z.Serial(), difference(x.tip, z))
	}
}
