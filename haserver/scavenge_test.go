package haserver

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"loadshare/haserver/pair"
	"loadshare/haserver/pairmsg"
	"loadshare/haserver/scavenge"
	"loadshare/haserver/zone"
	"loadshare/internal/control"
)

// aging is a site that scavenges after a week, with a calendar that the test turns.
type aging struct {
	*site
	ahead atomic.Int64
}

const day = 24 * time.Hour

func newAging(t *testing.T, s *site) *aging {
	t.Helper()
	a := &aging{site: s}
	a.before = func(s *Server) {
		s.scavenge.now = func() time.Time { return time.Now().Add(time.Duration(a.ahead.Load())) }
	}
	return a
}

func weekly(t *testing.T) *aging {
	t.Helper()
	s := newSite(t)
	s.write(t, "dns.toml", confText+"scavenge = \"7d\"\n")
	return newAging(t, s)
}

func (a *aging) pass(d time.Duration) { a.ahead.Add(int64(d)) }

// listens waits until the server has begun to listen for refreshes.
func (a *aging) listens(t *testing.T) {
	t.Helper()
	m := a.marks("other.test")
	eventually(t, "listens for refreshes", func() bool {
		a.server.scavenge.mu.Lock()
		defer a.server.scavenge.mu.Unlock()
		return !m.since.IsZero()
	}, func() string { return "it does not" })
}

func (a *aging) marks(name string) *markedZone {
	a.server.scavenge.mu.Lock()
	defer a.server.scavenge.mu.Unlock()
	return a.server.scavenge.zones[mustName(name).Key()]
}

func (a *aging) add(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		m := updateMsg(t, "other.test", name+".other.test. 60 A 192.0.2.7")
		if rcode := a.update(t, "tcp", "ddns.", m); rcode != dns.RcodeSuccess {
			t.Fatal(dns.RcodeToString[rcode])
		}
	}
}

func (a *aging) has(name string) bool {
	z := a.server.view.Load().exact(mustName("other.test")).visible.Load()
	_, ok := z.Get(mustName(name+".other.test"), zone.TypeA)
	return ok
}

func (a *aging) goes(t *testing.T, name string) {
	t.Helper()
	eventually(t, name+" goes", func() bool { return !a.has(name) }, func() string { return fmt.Sprint(a.holds("other.test")) })
}

// "Only records that came by dynamic update are ever scavenged, never those of the file"; a refresh is an update that re-adds an existing
// record, even if it changes nothing.
func TestScavenging(t *testing.T) {
	a := weekly(t)
	a.start(t)
	a.listens(t)
	a.add(t, "stale", "kept", "host") // host is in the file
	serial := a.server.view.Load().exact(mustName("other.test")).visible.Load().Serial()
	a.pass(3 * day)
	a.add(t, "kept", "host")
	if now := a.server.view.Load().exact(mustName("other.test")).visible.Load().Serial(); now != serial {
		t.Errorf("refreshes moved the serial from %d to %d", serial, now)
	}
	a.pass(4*day + time.Hour)
	a.goes(t, "stale")
	if !a.has("kept") || !a.has("host") {
		t.Errorf("what was refreshed, or is of the file, is gone: %v", a.holds("other.test"))
	}
	a.pass(3 * day)
	a.goes(t, "kept")
	a.pass(100 * day)
	a.add(t, "late")
	a.pass(7 * day)
	a.goes(t, "late")
	if !a.has("host") || len(a.holds("example.test")) < 100 {
		t.Errorf("of the files: %v", a.holds("other.test"))
	}
}

// Marks are on disk; after a start the server listens for a refresh interval before it removes anything.
func TestScavengingAfterARestart(t *testing.T) {
	a := weekly(t)
	a.start(t)
	a.listens(t)
	a.add(t, "stale", "kept")
	a.stop(t)
	a.pass(30 * day)
	a.start(t)
	a.listens(t)
	if m := a.marks("other.test"); m.book.Len() != 2 {
		t.Fatalf("%d marks", m.book.Len())
	}
	a.pass(5 * day)
	a.add(t, "kept") // within the refresh interval
	if !a.has("stale") {
		t.Error("removed before every client had time to refresh")
	}
	a.pass(day + time.Hour)
	a.goes(t, "stale")
	if !a.has("kept") {
		t.Error("what was refreshed is gone")
	}
}

// A zone that is loaded from a file is the file's: its marks are forgotten.
func TestLoadingForgetsMarks(t *testing.T) {
	a := weekly(t)
	a.start(t)
	a.add(t, "pc")
	body, err := json.Marshal(LoadRequest{Name: "other.test", Text: strings.Join(a.holds("other.test"), "\n") + "\n"})
	if err != nil {
		t.Fatal(err)
	}
	if m := a.marks("other.test"); m.book.Len() != 1 {
		t.Errorf("%d marks before", m.book.Len())
	}
	if _, err := a.server.zoneLoad(context.Background(), control.NewRequest(nil, "test", bytes.NewReader(body))); err != nil {
		t.Fatal(err)
	}
	if m := a.marks("other.test"); m.book.Len() != 1 || m.book.Voided() == 0 {
		t.Errorf("%d marks are left", m.book.Len()-1)
	}
}

// H15: the survivor scavenges in partner-down; it knows from the main what is dynamic and when it was refreshed.
func TestTheSurvivorScavenges(t *testing.T) {
	d := newDuo(t, "")
	for _, s := range []*site{d.main, d.backup} {
		s.write(t, "dns.toml", strings.Replace(s.read(t, "dns.toml"), `name = "other.test"`, "name = \"other.test\"\nscavenge = \"7d\"", 1))
	}
	a, b := newAging(t, d.main), newAging(t, d.backup)
	d.start(t)
	a.add(t, "stale")
	stale := scavenge.Set{Name: mustName("stale.other.test").Key(), Type: zone.TypeA}
	marked := func() bool {
		m := b.marks("other.test")
		b.server.scavenge.mu.Lock()
		defer b.server.scavenge.mu.Unlock()
		_, marked := m.book.At(stale)
		return marked
	}
	eventually(t, "the backup has the mark", marked, func() string { return "it has not" })
	d.main.crash(t)
	d.backup.until(t, "communication-interrupted", func(st pair.Status) bool { return st.State == pairmsg.Interrupted })
	if refused, err := d.backup.server.operate(context.Background(), pair.Operate{Command: pair.SetPartnerDown, Reason: "it burns"}); refused != "" || err != nil {
		t.Fatal(refused, err)
	}
	b.add(t, "fresh")
	eventually(t, "what nobody refreshes goes", func() bool {
		b.pass(6 * time.Hour)
		b.add(t, "fresh")
		return !b.has("stale")
	}, func() string { return fmt.Sprint(b.holds("other.test")) })
	if !b.has("fresh") || !b.has("host") {
		t.Errorf("what was refreshed, or is of the file, is gone: %v", b.holds("other.test"))
	}
}

// H13 to H15: the main in normal, the survivor in partner-down, a single server; nobody in communication-interrupted.
func TestWhoseTurnItIs(t *testing.T) {
	var turns []string
	for _, role := range []pairmsg.Role{pairmsg.Single, pairmsg.Main, pairmsg.Backup} {
		for state := pairmsg.Alone; state <= pairmsg.PartnerDown; state++ {
			if (role == pairmsg.Single) == (state == pairmsg.Alone) && (place{role: role, state: state}).turn() {
				turns = append(turns, role.String()+" in "+state.String())
			}
		}
	}
	if want := []string{"single in single", "main in normal", "main in partner-down", "backup in partner-down"}; !slices.Equal(want, turns) {
		t.Errorf("scavenges: %v", turns)
	}
}

// Listening begins anew when refreshes may have gone elsewhere, or the clock jumped.
func TestListeningBeginsAnew(t *testing.T) {
	now := time.Now()
	normal := pair.Status{Role: pairmsg.Main, State: pairmsg.Normal, Since: 1}
	c := &scavenger{s: &Server{log: nopLog()}}
	for i, step := range []struct {
		status pair.Status
		jump   time.Duration
		want   bool
	}{
		{normal, 0, true},
		{normal, 0, false},
		{normal, 30 * time.Second, false},
		{normal, 2 * time.Minute, true},
		{normal, -2 * time.Minute, true},
		{normal, 0, false},
		{pair.Status{Role: pairmsg.Main, State: pairmsg.Interrupted, Since: 2}, 0, true},
		{pair.Status{Role: pairmsg.Main, State: pairmsg.Normal, Since: 3}, 0, true},
		{pair.Status{Role: pairmsg.Main, State: pairmsg.Normal, Since: 4}, 0, true}, // it was interrupted between two looks
		{pair.Status{Role: pairmsg.Main, State: pairmsg.Normal, Since: 4}, 0, false},
	} {
		now = now.Add(time.Second)
		if i > 0 {
			c.wall = c.wall.Add(-step.jump)
		}
		if got := c.moved(step.status, now); got != step.want {
			t.Errorf("step %d: %v", i, got)
		}
	}
}

// Marks of thousands of sets are written in portions, and all of them are read back.
func TestMarksAreWrittenInPortions(t *testing.T) {
	a := weekly(t)
	a.start(t)
	m := a.marks("other.test")
	a.server.scavenge.mu.Lock()
	const many = 2*maxMarksBatch + 5
	for i := range many {
		s := scavenge.Set{Name: fmt.Sprintf("\x05%05d\x05other\x04test\x00", i), Type: zone.TypeA}
		m.book.Set(s, int64(i))
		m.dirty[s] = struct{}{}
	}
	a.server.scavenge.mu.Unlock()
	a.stop(t)
	a.start(t)
	if got := a.marks("other.test").book.Len(); got != many {
		t.Errorf("%d marks, want %d", got, many)
	}
}
