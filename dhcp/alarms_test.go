package dhcp

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"loadshare/dhcp/failover"
	"loadshare/dhcp/lease"
	"loadshare/internal/textlog"
)

// Each alarm stands when its cause does, and not otherwise.
func TestAlarms(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	ago := func(d time.Duration) *time.Time { t := now.Add(-d); return &t }
	fine := func() *facts {
		return &facts{now: now, started: now.Add(-time.Hour), status: &Status{
			Pairs:  []PairStatus{{Name: "p", State: "normal", Since: ago(time.Minute), PartnerState: "normal", Connected: true, Serving: true, LastHeard: ago(time.Second)}},
			Scopes: []ScopeStatus{{Name: "s"}},
		}}
	}
	if list := judge(fine()); len(list) != 0 {
		t.Errorf("all is well: %+v", list)
	}
	for name, c := range map[string]struct {
		change func(*facts)
		want   string
		text   string
	}{
		"disk":        {func(f *facts) { f.status.Unfit = "no space left" }, alarmUnfit, "no space left"},
		"clock":       {func(f *facts) { f.clock, f.clockAt = "70 s ahead", now }, alarmClock, "70 s ahead"},
		"mass expiry": {func(f *facts) { f.mass = now }, alarmClock, "one lease in twenty"},
		"nobody": {func(f *facts) {
			p := &f.status.Pairs[0]
			p.State, p.Serving, p.PartnerState = "recover", false, "recover"
		}, alarmNobody, "nobody gets"},
		"partner":  {func(f *facts) { p := &f.status.Pairs[0]; p.Connected, p.LastHeard = false, ago(2*time.Minute) }, alarmPartner, "2 min"},
		"one copy": {func(f *facts) { p := &f.status.Pairs[0]; p.Unacked, p.BackSince = 3, ago(time.Hour) }, alarmCopies, "3 leases"},
		"differs":  {func(f *facts) { f.status.Pairs[0].Differs = []string{"scope s: routers"} }, alarmDiffers, "routers"},
		"skew":     {func(f *facts) { f.status.Pairs[0].Skew = 30 }, alarmSkew, "30 s apart"},
		"skew, and no connection": {func(f *facts) {
			p := &f.status.Pairs[0]
			p.Connected, p.ClocksApart, p.LastError = false, true, "the partner refuses: clocks differ by 70 seconds"
		}, alarmSkew, "clocks differ by 70 seconds"},
		"conflict": {func(f *facts) {
			f.status.Pairs[0].Conflicts = []Conflict{{Address: "10.0.0.1", LostUntil: now.Add(time.Hour)}}
		}, alarmConflict, "10.0.0.1"},
		"pool": {func(f *facts) { f.status.Scopes[0].Forecast = Forecast{Empty: ago(-time.Hour), Text: "empty in 1 h"} }, alarmPool, "empty in"},
		"dns": {func(f *facts) {
			f.status.DNS = DNSStatus{Enabled: true, Queued: 5, Oldest: ago(time.Hour), LastError: "refused"}
		}, alarmDNS, "5 changes"},
		"relay": {func(f *facts) { f.status.Relays = []RelayStatus{{Address: "10.0.0.9", Last: ago(0), OneOnly: true}} }, alarmRelay, "the partner does not"},
		"no cable": {func(f *facts) {
			f.status.Interfaces = []InterfaceStatus{{Name: "eth0", Up: true}, {Name: "eth1", Why: "has no link", Since: ago(0)}}
		}, alarmDeaf, "the interface eth1 has no link: clients that broadcast there are not heard"},
		"flood": {func(f *facts) {
			f.status.Floods = []FloodStatus{{Where: "relay 10.0.0.9, port 7", Since: now, Dropped: 500, Limited: 400}}
		}, alarmFlood, "500 messages from relay 10.0.0.9, port 7"},
		"unserved": {func(f *facts) { f.status.Unserved = []Unserved{{Client: "hw", Since: now}} }, alarmUnserved, "1 client asks"},
		"one of two is denied": {func(f *facts) {
			f.status.Unserved = []Unserved{{Client: "a", Since: now, Reason: "denied client"}, {Client: "b", Since: now, PartnerReason: "pool empty", There: true}}
		}, alarmUnserved, "1 client asks and gets no lease; b since 22:13:20 (the partner says: pool empty)"},
		"offers that are not taken": {func(f *facts) {
			f.status.Unserved = []Unserved{{Client: "a", Since: now, Tries: 2, PartnerReason: "offered"}, {Client: "b", Since: now, Tries: 3, Reason: "offered", PartnerReason: "partner's client"}}
		}, alarmUnserved, "1 client asks and gets no lease; b since 22:13:20 (it does not take the address that it is offered"},
		"long recover": {func(f *facts) {
			p := &f.status.Pairs[0]
			p.State, p.Serving, p.Since = "recover-wait", false, ago(time.Hour)
		}, alarmWaiting, "1 h"},
	} {
		f := fine()
		c.change(f)
		list := judge(f)
		if len(list) != 1 || list[0].Name != c.want || !strings.Contains(list[0].Text, c.text) || list[0].Next == "" {
			// "1 h" of short() is in minutes below two hours
			if !(name == "long recover" && len(list) == 1 && list[0].Name == c.want && strings.Contains(list[0].Text, "60 min")) {
				t.Errorf("%s: %+v", name, list)
			}
		}
	}
	for name, change := range map[string]func(*facts){
		"a restart of the partner": func(f *facts) { p := &f.status.Pairs[0]; p.Connected, p.LastHeard = false, ago(10*time.Second) },
		"starting": func(f *facts) {
			p := &f.status.Pairs[0]
			p.State, p.Serving, p.Connected, p.LastHeard = "startup", false, false, ago(time.Second)
		},
		"a conflict that is over": func(f *facts) {
			f.status.Pairs[0].Conflicts = []Conflict{{Address: "10.0.0.1", LostUntil: now.Add(-1)}}
		},
		"shares not yet given": func(f *facts) {
			f.status.Pairs[0].Since = ago(time.Second)
			f.status.Scopes[0] = ScopeStatus{Name: "s", Failover: "p", Forecast: Forecast{Empty: ago(0), Text: "nothing"}}
		},
		// decision D-k: "Alarm on people unserved": whom the configuration denies is in the list, and no alarm.
		"a client that is denied": func(f *facts) {
			f.status.Unserved = []Unserved{{Client: "hw", Since: now, Reason: "denied client"}, {Client: "hw", Since: now, PartnerReason: "denied client"}}
		},
		"a scan": func(f *facts) {
			f.status.Unserved = []Unserved{{Client: "hw", Since: now, Tries: 1, Reason: "partner's client", PartnerReason: "offered"}}
		},
		"dns for a moment": func(f *facts) { f.status.DNS = DNSStatus{Enabled: true, Queued: 5, Oldest: ago(time.Minute)} },
		"the partner serves": func(f *facts) {
			p := &f.status.Pairs[0]
			p.State, p.Serving, p.PartnerState = "recover", false, "partner-down"
		},
	} {
		f := fine()
		change(f)
		if list := judge(f); len(list) != 0 {
			t.Errorf("%s: %+v", name, list)
		}
	}
}

// An alarm is told once when it begins, keeps its beginning, and once when it ends.
func TestAlarmsAreToldOnce(t *testing.T) {
	var logs textlog.Buffer
	w := newWatcher(&Server{log: slog.New(slog.NewTextHandler(&logs, nil)), count: newCounters()})
	a := AlarmStatus{Name: alarmPool, About: "x", Since: time.Unix(100, 0), Text: "first"}
	w.set([]AlarmStatus{a}, time.Unix(100, 0))
	a.Since, a.Text = time.Unix(200, 0), "second"
	w.set([]AlarmStatus{a}, time.Unix(200, 0))
	if got := w.standing(); len(got) != 1 || got[0].Since.Unix() != 100 || got[0].Text != "second" {
		t.Errorf("%+v", got)
	}
	w.set(nil, time.Unix(300, 0))
	log := logs.String()
	if strings.Count(log, "msg=alarm ") != 1 || strings.Count(log, "msg=alarm_over") != 1 {
		t.Errorf("told: %s", log)
	}
}

// "Ready: the role can do its job now": not without an interface to hear clients on.
func TestNotReadyWhenNobodyIsHeard(t *testing.T) {
	now := time.Now()
	up, down := InterfaceStatus{Name: "eth0", Up: true}, InterfaceStatus{Name: "eth1", Why: "is down", Since: &now}
	for _, c := range []struct {
		list []InterfaceStatus
		want bool
	}{{nil, true}, {[]InterfaceStatus{up}, true}, {[]InterfaceStatus{up, down}, true}, {[]InterfaceStatus{down}, false}} {
		if why := notReady(&Status{Interfaces: c.list}); (why == "") != c.want {
			t.Errorf("%+v: %q", c.list, why)
		}
	}
}

// A duplicate that both servers tell of, or that is told again, is one line and one alarm; after its end it would be another.
func TestAConflictIsListedOnce(t *testing.T) {
	var e events
	now := time.Unix(1_700_000_000, 0)
	c := failover.TwoHolders{IP: 0x0a000001, Kept: lease.Client{HType: 1, CHAddr: "\x02\x00\x00\x00\x00\x01"}, Lost: lease.Client{HType: 1, CHAddr: "\x02\x00\x00\x00\x00\x02"},
		LostUntil: now.Unix() + 60}
	e.conflict("pair1", &c, now)
	c.LostUntil += 5
	e.conflict("pair1", &c, now.Add(time.Second))
	if list := e.ofPair("pair1"); len(list) != 1 || list[0].LostUntil.Unix() != now.Unix()+65 || !list[0].At.Equal(now) {
		t.Errorf("%+v", list)
	}
	e.conflict("pair1", &c, now.Add(2*time.Minute))
	other := c
	other.IP++
	e.conflict("pair1", &other, now)
	if list := e.ofPair("pair1"); len(list) != 3 {
		t.Errorf("%+v", list)
	}
}
