package agent

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"loadshare/internal/alert"
	"loadshare/monitor/order"
	"loadshare/probes"
)

func TestHelloComesFirst(t *testing.T) {
	cases := []struct {
		name  string
		first order.Message
		why   string
	}{
		{"something else", order.Heartbeat{Monitor: "m1"}, "must be a hello"},
		{"another version", order.Hello{Version: order.Version + 1, Monitor: "m1"}, "speaks version"},
		{"no name", order.Hello{Version: order.Version}, "monitor id"},
		{"a name that is none", order.Hello{Version: order.Version, Monitor: "a\"b"}, "monitor id"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(a *memAgent) {
				m := a.dial("m1")
				m.send(c.first)
				e, err := m.receive()
				if r, ok := e.Body.(order.Receipt); err != nil || !ok || r.Refused != order.RefusedBadOrder || !strings.Contains(r.Detail, c.why) {
					t.Errorf("%+v, %v", e, err)
				}
				if _, err := m.receive(); err == nil {
					t.Error("still connected")
				}
			})
		})
	}
}

func TestSilentConnectionIsDropped(t *testing.T) {
	bubble(t, func(a *memAgent) {
		m := a.dial("m1")
		began := time.Now()
		if _, err := m.receive(); err == nil || time.Since(began) != helloTime {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

func TestNonsenseEndsTheSession(t *testing.T) {
	bubble(t, func(a *memAgent) {
		m := a.monitor("m1")
		if err := m.conn.Send(context.Background(), []byte(`{"id":1,"kind":"rm","body":{}}`)); err != nil {
			t.Fatal(err)
		}
		if _, err := m.receive(); err == nil {
			t.Error("still connected")
		}
		a.monitor("m1").claim() // and may come again
	})
}

// A monitor that connects again takes its own place.
func TestSecondConnectionOfAMonitor(t *testing.T) {
	bubble(t, func(a *memAgent) {
		old := a.monitor("m1")
		now := a.monitor("m1")
		if _, err := old.receive(); err == nil {
			t.Error("the old one is still connected")
		}
		now.claim()
		a.monitor("m2").ask(order.Heartbeat{Monitor: "m2"})
		synctest.Wait()
		if n := len(a.loop.status(time.Now()).Monitors); n != 2 {
			t.Errorf("%d monitors", n)
		}
	})
}

// A peer that does not take what it is sent is cut off; the others do not notice.
func TestSlowMonitorIsCutOff(t *testing.T) {
	bubble(t, func(a *memAgent) {
		slow, quick := a.monitor("slow"), a.monitor("quick")
		sent := 0
		for ; sent < sessionQueue+10; sent++ {
			frame, _ := order.Encode(order.Envelope{ID: 1, Body: order.Heartbeat{Monitor: "slow"}})
			if slow.conn.Send(context.Background(), frame) != nil {
				break
			}
		}
		synctest.Wait()
		if sent < sessionQueue {
			t.Errorf("cut off after %d messages already", sent)
		}
		select {
		case <-slow.conn.closed:
		default:
			t.Errorf("%d answers wait, and it is still connected", sent)
		}
		quick.claim()
	})
}

func TestOneThatNeverReadsIsCutOffInTime(t *testing.T) {
	bubble(t, func(a *memAgent) {
		slow := a.monitor("slow")
		slow.send(order.Heartbeat{Monitor: "slow"})
		time.Sleep(sendTime)
		synctest.Wait()
		select {
		case <-slow.conn.closed:
		default:
			t.Error("still connected")
		}
	})
}

// "nothing acknowledged before it is durable"
func TestNotDurableOrdersAreRefused(t *testing.T) {
	bubble(t, func(a *memAgent) {
		m := a.monitor("m1")
		m.claim()
		a.store.failing(errors.New("no space left on device"))
		if r := m.publish(1, "10.0.0.1"); r.Refused != order.RefusedNotDurable {
			t.Errorf("%+v", r)
		}
		synctest.Wait()
		if n := a.dns.written(); n != 0 {
			t.Errorf("%d writes", n)
		}
		if why := a.loop.ready.get(); !strings.Contains(why, "no space left") {
			t.Errorf("ready: %q", why)
		}
		a.store.failing(nil)
		if r := m.publish(1, "10.0.0.1"); r.Refused != order.Taken {
			t.Errorf("once there is space: %+v", r)
		}
		synctest.Wait()
		if n := a.dns.written(); n != 1 || a.loop.ready.get() != "" {
			t.Errorf("%d writes, ready %q", n, a.loop.ready.get())
		}
	})
}

// M6: mail when no monitor speaks, and when one does again.
func TestFrozenMail(t *testing.T) {
	bubble(t, func(a *memAgent) {
		m := a.monitor("m1")
		m.claim()
		_ = m.conn.Close()
		time.Sleep(85 * time.Second)
		synctest.Wait()
		sent := a.mail.all()
		if len(sent) != 1 || sent[0].Kind != alert.AgentFrozen || sent[0].Final || !strings.Contains(sent[0].Body, "nothing is removed and nothing returns") || sent[0].Next == "" {
			t.Fatalf("%+v", sent)
		}
		if st := a.loop.status(time.Now()); st.FrozenSince == nil {
			t.Error("status does not say it")
		}
		time.Sleep(time.Hour)
		a.monitor("m1")
		synctest.Wait()
		sent = a.mail.all()
		if len(sent) != 2 || sent[1].Kind != alert.Recovery || !sent[1].Final || sent[1].Incident != sent[0].Incident {
			t.Errorf("%+v", sent)
		}
	})
}

// M3: a first adoption's strays are mailed with the lines that would remove them.
func TestStraysMail(t *testing.T) {
	bubble(t, func(a *memAgent) {
		h := a.dns.set["10.0.0.53:53"]
		h.Set.TTL, h.Set.Values = 1, []string{"10.0.0.66"}
		a.dns.set["10.0.0.53:53"] = h
		m := a.monitor("m1")
		m.claim()
		m.publish(1, "10.0.0.1")
		for range 4 { // its reports
			if e, err := m.receive(); err != nil || e.Body.(order.Published).Done {
				break
			}
		}
		synctest.Wait()
		sent := a.mail.all()
		if len(sent) != 1 || sent[0].Kind != alert.Stray || !strings.Contains(sent[0].Body, "update delete www.example A 10.0.0.66") {
			t.Errorf("%+v", sent)
		}
	})
}

// "No command ever comes from the wire": neither as a probe.
func TestSecondViewRefusesCommands(t *testing.T) {
	bubble(t, func(a *memAgent) {
		m := a.monitor("m1")
		for _, spec := range []probes.Spec{{Kind: probes.Exec, Exec: probes.ExecSpec{Command: []string{"/bin/sh"}}}, {Kind: probes.TCP, Port: 1, Exec: probes.ExecSpec{Command: []string{"/bin/sh"}}}} {
			text, err := json.Marshal(spec)
			if err != nil {
				t.Fatal(err)
			}
			got := m.ask(order.ProbeRequest{Address: "127.0.0.1", Spec: text}).(order.ProbeAnswer)
			if got.Outcome != "untested" || got.Reason != "refused" || !strings.Contains(got.Detail, "command") {
				t.Errorf("%+v", got)
			}
		}
		for _, bad := range []order.ProbeRequest{{Address: "nowhere", Spec: []byte("{}")}, {Address: "127.0.0.1", Spec: []byte(`{"Kind":"tcp","Shell":"x"}`)}, {Address: "127.0.0.1", Spec: []byte(`{"Kind":"magic"}`)}} {
			if got := m.ask(bad).(order.ProbeAnswer); got.Outcome != "untested" || got.Detail == "" {
				t.Errorf("%+v", got)
			}
		}
	})
}
