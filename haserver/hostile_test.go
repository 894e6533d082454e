package haserver

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"loadshare/haserver/digest"
	"loadshare/haserver/pair"
	"loadshare/haserver/pairmsg"
	"loadshare/haserver/zone"
	"loadshare/internal/link"
)

// rogue is a partner that has the key and says what it likes.
type rogue struct {
	t    *testing.T
	s    *site // under attack
	conn *link.Conn
	in   splitter
}

// loneSite is one server of a pair, whose partner is a rogue.
func loneSite(t *testing.T, role pairmsg.Role) *site {
	t.Helper()
	d := newDuo(t, "")
	d.patient(t)
	s := []*site{d.main, d.backup}[role-1]
	s.start(t)
	return s
}

func (s *site) rogue(t *testing.T) *rogue {
	t.Helper()
	conn, err := link.Dial(t.Context(), s.server.loop.link.ln.Addr(), s.server.conf.HA.Auth)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &rogue{t: t, s: s, conn: conn}
}

// say sends messages; false: the connection is closed.
func (r *rogue) say(list ...pairmsg.Message) bool {
	for _, m := range list {
		if !r.raw(framed(m)) {
			return false
		}
	}
	return true
}

func (r *rogue) raw(stream []byte) bool {
	for len(stream) > 0 {
		n := min(len(stream), link.MaxFrame)
		if r.conn.Send(r.t.Context(), stream[:n]) != nil {
			return false
		}
		stream = stream[n:]
	}
	return true
}

// hear waits for a message that is wanted; nil: the connection is closed.
func (r *rogue) hear(wanted func(pairmsg.Message) bool) pairmsg.Message {
	r.t.Helper()
	for {
		m, _, err := r.in.next(maxMessage)
		switch {
		case err != nil:
			r.t.Fatal(err)
		case m == nil:
			frame, err := r.conn.Receive(r.t.Context())
			if err != nil {
				return nil
			}
			r.in.add(frame)
		case wanted(m):
			return m
		}
	}
}

// hello is a good one.
func (r *rogue) hello() pairmsg.Hello {
	return pairmsg.Hello{
		Version: pairmsg.Version, Oldest: pairmsg.Oldest, Role: r.s.server.conf.HA.Role.Other(), Configured: r.s.server.conf.HA.Role.Other(),
		Store: pairmsg.StoreID{9, 9}, Boot: 1, State: pairmsg.Startup, Wall: time.Now().UnixMicro(), Clock: time.Now().UnixMicro(),
	}
}

// zonePoint is where a zone of the attacked server stands.
func (r *rogue) zonePoint(name string) pairmsg.ZonePoint {
	z := r.s.server.view.Load().exact(mustName(name))
	p := z.log.Point()
	return pairmsg.ZonePoint{Zone: z.name, Point: p}
}

// normal brings the attacked server to normal.
func (r *rogue) normal(zones ...pairmsg.ZonePoint) {
	r.t.Helper()
	r.say(r.hello())
	r.hear(func(m pairmsg.Message) bool { n, ok := m.(pairmsg.Negotiate); return ok && !n.More })
	r.say(pairmsg.Negotiate{Zones: zones}, pairmsg.NegotiateReply{})
	r.s.until(r.t, "normal", func(st pair.Status) bool { return st.State == pairmsg.Normal })
}

// closed waits until the other end has closed the connection.
func (r *rogue) closed(why string) {
	r.t.Helper()
	if r.hear(func(pairmsg.Message) bool { return false }) != nil {
		r.t.Error(why)
	}
}

// alive wants a server that answers, has caught no panic, and takes updates as soon as nobody is in its way.
func (s *site) alive(t *testing.T) {
	t.Helper()
	if r := s.ask(t, "tcp", "www.example.test", dns.TypeA); r.Rcode != dns.RcodeServerFailure && len(r.Answer) != 3 {
		t.Errorf("%v", r)
	}
	if n := s.server.count.total(func(c *counters) *atomic.Uint64 { return &c.panics }); n != 0 {
		t.Errorf("%d panics were caught", n)
	}
}

// tinyZone has a SOA and a name server.
func tinyZone(t *testing.T, name zone.Name) *zone.Zone {
	t.Helper()
	z, problems := zone.Load(func(string) ([]byte, error) {
		return []byte("@ 0 SOA a. b. 1 3600 600 604800 0\n@ 0 NS ns.elsewhere.\n"), nil
	}, name, "tiny")
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	return z
}

// setsOf is a whole zone in one message.
func setsOf(z *zone.Zone) pairmsg.SyncSets {
	m := pairmsg.SyncSets{Zone: z.Origin(), All: true, Last: true, Point: pairmsg.Point{Serial: z.Serial(), Digest: digest.Of(z)}}
	for s := range z.All() {
		s.Turn = nil
		m.Sets = append(m.Sets, s)
	}
	return m
}

// Every message, empty and in any order, before and after Hello and in normal, to either role: nothing breaks.
func TestHostilePartnerSaysAnything(t *testing.T) {
	for _, role := range []pairmsg.Role{pairmsg.Main, pairmsg.Backup} {
		t.Run(role.String(), func(t *testing.T) {
			s := loneSite(t, role)
			name := mustName("example.test")
			messages := []pairmsg.Message{
				pairmsg.Negotiate{}, pairmsg.Negotiate{More: true}, pairmsg.NegotiateReply{}, pairmsg.Heartbeat{}, pairmsg.HeartbeatReply{}, pairmsg.Unfit{},
				pairmsg.Update{}, pairmsg.Update{First: 1 << 63, Zone: name, Entries: []pairmsg.Entry{{}}}, pairmsg.Update{Zone: mustName("no.such")},
				pairmsg.UpdateReply{Through: 1 << 63}, pairmsg.Inconsistent{}, pairmsg.Inconsistent{Zone: name, Why: "so"},
				pairmsg.Forward{}, pairmsg.Forward{ID: 1, Wire: make([]byte, 12)}, pairmsg.Forwarded{ID: 7, Wire: []byte{1}},
				pairmsg.SwapReply{}, pairmsg.SwapReply{Epoch: 9, Why: "no"}, pairmsg.SettingsAsk{ID: 3}, pairmsg.SettingsDone{ID: 3}, pairmsg.Settings{ID: 3},
				pairmsg.SyncAsk{}, pairmsg.SyncAsk{Sync: 4, Zone: name}, pairmsg.SyncAsk{Sync: 5, Zone: mustName("no.such")}, pairmsg.SyncPoints{}, pairmsg.SyncPoints{Sync: 4, Missing: true},
				pairmsg.SyncFetch{}, pairmsg.SyncFetch{Sync: 4, Zone: name}, pairmsg.SyncEntries{}, pairmsg.SyncEntries{Sync: 4, Zone: name, Entries: make([]pairmsg.Entry, 3)},
				pairmsg.SyncCompare{}, pairmsg.SyncCompare{Sync: 4, Zone: name, Digests: make([]digest.Digest, 3)}, pairmsg.SyncSets{}, pairmsg.SyncSets{Sync: 4, Zone: name, Differ: []uint16{65535}, Last: true},
				pairmsg.SyncSets{Sync: 9, All: true, Last: true}, pairmsg.SyncSets{Sync: 8, Zone: name, All: true}, pairmsg.SyncCopy{}, pairmsg.SyncCommit{}, pairmsg.SyncCommit{Sync: 4, Zone: name},
				pairmsg.SyncDone{}, pairmsg.SyncDone{Sync: 4, Zone: name}, pairmsg.SyncEnd{}, pairmsg.SyncEnd{Sync: 4, Zone: name, Error: "x"}, pairmsg.SyncZones{Zones: []zone.Name{mustName("no.such")}},
				pairmsg.Marks{}, pairmsg.Marks{Zone: name, List: []pairmsg.Mark{{Name: name, Type: zone.TypeSOA, At: 1 << 62}}},
				pairmsg.Hello{}, pairmsg.SwapAsk{Reason: "me"}, pairmsg.Shutdown{Last: []pairmsg.ZonePoint{{}, {Zone: name}}}, pairmsg.Reject{Reason: 200},
			}
			for phase := range 3 {
				for _, m := range messages {
					r := s.rogue(t)
					switch phase {
					case 1:
						r.say(r.hello())
					case 2:
						r.normal(r.zonePoint("example.test"))
					}
					r.say(m, pairmsg.Heartbeat{Number: 99})
					if phase == 1 { // before it is in normal it may be turned away, later there is an answer or the end
						r.conn.Close()
						continue
					}
					if phase == 2 {
						r.hear(func(m pairmsg.Message) bool { h, ok := m.(pairmsg.HeartbeatReply); return ok && h.Number == 99 })
					}
					r.conn.Close()
				}
			}
			r := s.rogue(t)
			for range 20 {
				r.say(messages...)
			}
			r.conn.Close()
			s.alive(t)
		})
	}
}

// Whoever asks for more than can be sent is cut off; nothing piles up meanwhile.
func TestHostilePartnerAsksWithoutReading(t *testing.T) {
	s := loneSite(t, pairmsg.Backup)
	r := s.rogue(t)
	r.normal()
	z := tinyZone(t, mustName("example.test"))
	set := setsOf(z)
	set.Sync = 77
	r.say(pairmsg.SyncCopy{Sync: 77, Zone: z.Origin(), Settings: pairmsg.ZoneSettings{Name: z.Origin()}, Point: set.Point}, set)
	done := r.hear(func(m pairmsg.Message) bool { _, ok := m.(pairmsg.SyncDone); return ok })
	if d, ok := done.(pairmsg.SyncDone); !ok || d.Error != "" || d.Point != set.Point {
		t.Fatalf("%+v", done)
	}
	r.say(pairmsg.SyncAsk{Sync: 78, Zone: z.Origin()})
	before := runtime.NumGoroutine()
	asked := 0
	for ; asked < 1_000_000; asked++ {
		if !r.say(pairmsg.SyncCompare{Sync: 78, Zone: z.Origin()}, pairmsg.SyncFetch{Sync: 78, Zone: z.Origin(), After: 1}) {
			break
		}
	}
	if asked == 1_000_000 || runtime.NumGoroutine() > before+maxJobQueue+50 {
		t.Errorf("asked %d times, %d goroutines", asked, runtime.NumGoroutine())
	}
	s.until(t, "cut off", func(st pair.Status) bool { return !st.Connected })
}

// Contents of zones that nobody announced leave nothing behind.
func TestHostilePartnerSendsUnknownZones(t *testing.T) {
	s := loneSite(t, pairmsg.Backup)
	r := s.rogue(t)
	r.normal()
	for i := range 100 {
		m := setsOf(tinyZone(t, mustName(fmt.Sprintf("z%d.test", i))))
		m.Sync = uint64(1000 + i)
		r.say(m)
	}
	r.say(pairmsg.Heartbeat{Number: 77})
	r.hear(func(m pairmsg.Message) bool { h, ok := m.(pairmsg.HeartbeatReply); return ok && h.Number == 77 })
	zones := 0
	_ = s.server.loop.call(func() { zones = len(s.server.loop.zones) })
	names, err := s.server.journal.Names()
	if err != nil || zones > 2 || len(names) > 2 {
		t.Errorf("%d zones, in the journal %v (%v)", zones, names, err)
	}
}

// Settings that name a zone twice, or make no sense, are taken as far as they go, and a restart finds them.
func TestHostilePartnerSettings(t *testing.T) {
	s := loneSite(t, pairmsg.Main)
	r := s.rogue(t)
	r.normal(r.zonePoint("example.test"), r.zonePoint("other.test"))
	list := []pairmsg.ZoneSettings{{Name: mustName("new.test")}, {Name: mustName("NEW.test"), Notify: []string{"192.0.2.1:53"}}}
	for i := range 50 {
		list = append(list, pairmsg.ZoneSettings{Name: mustName(fmt.Sprintf("z%d.test", i)), Update: []string{"", "key nokey", "\x00\xff"}, Notify: []string{"x"}, NotifyKey: "..", Scavenge: "[[["})
	}
	r.say(pairmsg.Settings{ID: 5, Zones: list, Apply: true})
	m := r.hear(func(m pairmsg.Message) bool { _, ok := m.(pairmsg.SettingsDone); return ok })
	if d, ok := m.(pairmsg.SettingsDone); !ok || d.Error != "" {
		t.Fatalf("%+v", m)
	}
	if z := s.server.view.Load().exact(mustName("new.test")); z == nil || len(z.conf.Notify) != 1 {
		t.Error("of two settings of one zone the last must count")
	}
	for range 3 * maxOrders { // whether they are all carried out or not
		r.say(pairmsg.Settings{ID: 6, Zones: list[:2], Apply: true, Exact: true}, pairmsg.Settings{ID: 7, Zones: list, Apply: true})
	}
	r.conn.Close()
	s.stop(t)
	s.start(t)
	if s.server.view.Load().exact(mustName("example.test")) == nil && s.server.view.Load().exact(mustName("new.test")) == nil {
		t.Error("no zone is left")
	}
}

// Before it is known who speaks, nothing beside the machine is heard.
func TestStrangerWithTheKey(t *testing.T) {
	s := loneSite(t, pairmsg.Main)
	r := s.rogue(t)
	clash := r.hello()
	clash.Configured, clash.Role = pairmsg.Main, pairmsg.Main
	r.say(pairmsg.Settings{ID: 5, Exact: true, Apply: true}, clash, pairmsg.Settings{ID: 6, Exact: true, Apply: true}, pairmsg.Forward{ID: 7, Client: mustAddr("127.0.0.9:1"), Wire: make([]byte, 12)})
	r.hear(func(m pairmsg.Message) bool { _, ok := m.(pairmsg.Reject); return ok })
	big := binary.BigEndian.AppendUint32(nil, maxStranger+1)
	r.raw(big)
	r.closed("a large message of a stranger is waited for")
	if s.server.view.Load().exact(mustName("example.test")) == nil {
		t.Error("a stranger took a zone out of service")
	}
}

// A change forwarded without its client is nobody's.
func TestForwardWithoutClient(t *testing.T) {
	s := loneSite(t, pairmsg.Main)
	r := s.rogue(t)
	r.normal(r.zonePoint("example.test"), r.zonePoint("other.test"))
	wire, err := updateMsg(t, "example.test", "f.example.test. 60 A 192.0.2.9").Pack()
	if err != nil {
		t.Fatal(err)
	}
	r.say(pairmsg.Forward{ID: 3, Wire: wire})
	m := r.hear(func(m pairmsg.Message) bool { _, ok := m.(pairmsg.Forwarded); return ok })
	if f, ok := m.(pairmsg.Forwarded); !ok || f.ID != 3 || len(f.Wire) != 0 {
		t.Errorf("%+v", m)
	}
}

// A partner that comes and stops, again and again, and others that only hold connections, do not keep a good one away.
func TestHostilePartnerChurn(t *testing.T) {
	s := loneSite(t, pairmsg.Main)
	for range 20 {
		r := s.rogue(t)
		r.normal(r.zonePoint("example.test"), r.zonePoint("other.test"))
		r.say(pairmsg.Shutdown{})
		r.closed("open after Shutdown")
	}
	for range 2 * maxSessions {
		if conn, err := link.Dial(t.Context(), s.server.loop.link.ln.Addr(), s.server.conf.HA.Auth); err == nil {
			t.Cleanup(func() { conn.Close() })
		}
	}
	eventually(t, "a good partner gets in", func() bool {
		conn, err := link.Dial(t.Context(), s.server.loop.link.ln.Addr(), s.server.conf.HA.Auth)
		if err != nil {
			return false
		}
		t.Cleanup(func() { conn.Close() })
		r := &rogue{t: t, s: s, conn: conn}
		r.say(r.hello())
		return r.hear(func(m pairmsg.Message) bool { _, ok := m.(pairmsg.Negotiate); return ok }) != nil
	}, func() string { return fmt.Sprintf("%+v", s.server.loop.link.ln.Stats()) })
}

// A backup that says that it is there, and neither confirms nor reads: every update is answered with one copy, and what is queued for it is
// bounded (H-a, decision H-e).
func TestPartnerThatTakesNothing(t *testing.T) {
	s := loneSite(t, pairmsg.Main)
	r := s.rogue(t)
	var zones []pairmsg.ZonePoint
	for _, name := range []string{"example.test", "other.test"} {
		p := r.zonePoint(name)
		p.Flags = pairmsg.Fresh
		zones = append(zones, p)
	}
	r.normal(zones...)
	s.until(t, "synchronised", func(st pair.Status) bool { return st.Complete == 2 })
	stop := make(chan struct{})
	beats := make(chan struct{})
	go func() {
		defer close(beats)
		for {
			select {
			case <-stop:
				return
			case <-time.After(200 * time.Millisecond):
				if !r.say(pairmsg.Heartbeat{State: pairmsg.Normal, Wall: time.Now().UnixMicro()}) {
					return
				}
			}
		}
	}()
	first := time.Now()
	if res := <-s.addLarge("first.example.test"); res.reason != Applied {
		t.Fatalf("%+v", res)
	}
	if time.Since(first) < time.Second { // ack_timeout is 2 s here
		t.Error("answered before the partner was marked behind")
	}
	for i := range 200 {
		if res := <-s.addLarge(fmt.Sprintf("l%d.example.test", i)); res.rcode != zone.NoError {
			t.Fatalf("update %d: %+v", i, res)
		}
		if ses := s.server.loop.link.session(s.server.loop.link.current.Load()); ses != nil && ses.load() > maxQueued {
			t.Fatalf("%d octets are queued", ses.load())
		}
	}
	close(stop)
	<-beats
	s.alive(t)
}
