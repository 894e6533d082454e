package pair

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"loadshare/haserver/merge"
	"loadshare/haserver/pairmsg"
)

// H-h: "DNS takes the partner's zones before any answer". What a restored snapshot acknowledged before it could know of its partner is
// not forgotten: it is kept as conflicts, over restarts too, and nothing else is.
func TestRestoredSnapshotThatServedAlone(t *testing.T) {
	for i := range 2 {
		d := newDuo(t)
		n := d.nodes[i]
		d.do(0, "one A 192.0.2.50", "gone A 192.0.2.60", "stays A 192.0.2.61")
		d.pass(13 * time.Second)
		before, old := n.saved, *n.zones[testZone]
		for k := range 20 {
			d.do(0, "later A 192.0.2."+strconv.Itoa(100+k))
		}
		d.do(0, "both A 192.0.2.70")
		d.do(0, "-stays A 192.0.2.61")
		d.pass(13 * time.Second)
		d.kill(i)
		n.saved, n.zones[testZone] = before, &old
		d.cut = true
		d.start(i)
		d.pass(31 * time.Second)
		d.want(i, pairmsg.Interrupted, GraceOver)
		d.wantOutcome(d.do(i, "alone A 192.0.2.51", "both A 192.0.2.70"), Done, NoReason)
		d.kill(i)
		d.start(i)
		d.pass(31 * time.Second)
		d.wantOutcome(d.do(i, "-gone A 192.0.2.60"), Done, NoReason)
		d.wantOutcome(d.do(i, "brief A 192.0.2.52"), Done, NoReason)
		d.wantOutcome(d.do(i, "-brief A 192.0.2.52"), Done, NoReason)
		d.cut = false
		d.pass(70 * time.Second)
		e := d.equal()
		d.wantRecord(e, "alone.example.test. 5 IN A 192.0.2.51", false)
		d.wantRecord(e, "gone.example.test. 5 IN A 192.0.2.60", true)
		var got []string
		for _, c := range n.lost {
			got = append(got, fmt.Sprintf("%s %s lost %v removed %v, %s wins: %s", c.Name, c.Type, c.Lost, c.Removed, c.Winner, c.Reason))
		}
		winner := n.m.role().Other().String()
		want := []string{
			"alone.example.test. A lost [alone.example.test. 5 IN A 192.0.2.51] removed [], " + winner + " wins: " + merge.ReasonOverruled,
			"gone.example.test. A lost [] removed [gone.example.test. 5 IN A 192.0.2.60], " + winner + " wins: " + merge.ReasonOverruled,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("node %d: %s\n%s", i, diff, strings.Join(d.notes, "\n"))
		}
		if n.saved.State != pairmsg.Normal || n.zones[testZone].saved.Alone != (pairmsg.Point{}) {
			t.Errorf("node %d still counts what it did alone: %+v", i, n.zones[testZone].saved)
		}
		d.do(0, "last A 192.0.2.90")
		d.equal()
	}
}

// H-h: "DNS takes the partner's zones before any answer": what is on its way to the disk when a server hears that its store was rolled back is
// not answered NOERROR. Its client asks the partner.
func TestRolledBackStoreAcknowledgesNothingMore(t *testing.T) {
	d := newDuo(t)
	n := d.nodes[0]
	before, old := n.saved, *n.zones[testZone]
	d.do(0, "later A 192.0.2.100")
	d.pass(13 * time.Second)
	d.kill(0)
	n.saved, n.zones[testZone] = before, &old
	d.cut = true
	d.start(0)
	d.pass(31 * time.Second)
	d.wantOutcome(d.do(0, "before A 192.0.2.51"), Done, NoReason)
	n.holdDisk = true
	c, same := d.ask(0, "alone A 192.0.2.52"), d.ask(0, "alone A 192.0.2.52")
	d.cut = false
	d.pass(70 * time.Second)
	d.wantOutcome(c, Unacknowledged, ZoneStale)
	d.wantOutcome(same, Unacknowledged, ZoneStale) // it has no effect, on a tip that goes
	n.holdDisk = false
	n.persist()
	d.pass(70 * time.Second)
	d.wantRecord(d.equal(), "alone.example.test. 5 IN A 192.0.2.52", false)
}

// A new state directory that starts alone: once it has answered a change its content is no mere file's, and the two are brought together.
func TestNewStoreThatServedAlone(t *testing.T) {
	for i := range 2 {
		d := newDuo(t)
		d.do(0, "one A 192.0.2.50")
		d.kill(i)
		n := d.nodes[i]
		n.saved = Saved{Store: pairmsg.StoreID{9}}
		*n.zones[testZone] = *newDuo(t).nodes[i].zones[testZone]
		n.zones[testZone].saved = ZoneSaved{Flags: pairmsg.Fresh}
		d.cut = true
		d.start(i)
		d.pass(31 * time.Second)
		d.wantOutcome(d.do(i, "alone A 192.0.2.51"), Done, NoReason)
		d.cut = false
		d.pass(70 * time.Second)
		e := d.equal()
		d.wantRecord(e, "one.example.test. 5 IN A 192.0.2.50", true)
		d.wantRecord(e, "alone.example.test. 5 IN A 192.0.2.51", true)
	}
}
