package haserver

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"loadshare/internal/alert"
)

// aTeller is one that logs into a buffer, with a look now and then by hand.
func aTeller() (*teller, *bytes.Buffer) {
	var out bytes.Buffer
	s := &Server{log: slog.New(slog.NewTextHandler(&out, nil)), count: newTotals()}
	return &teller{s: s, pace: defaultTellPace, known: map[string]*standing{}}, &out
}

// An alarm is told when it has stood for a while, once, and its end; one that comes and goes with a restart is not.
func TestAlarmsAreToldOnceTheyStand(t *testing.T) {
	teller, out := aTeller()
	at := time.Unix(1_000_000_000, 0).UTC()
	copies := AlarmStatus{Name: "copies-1", Since: &at, Text: "on this disk alone"}
	look := func(after time.Duration, alarms ...AlarmStatus) string {
		out.Reset()
		teller.round(&Status{Role: "main", State: "normal", Alarms: alarms}, at.Add(after))
		return out.String()
	}
	if said := look(0, copies) + look(5*time.Second) + look(10*time.Second); said != "" {
		t.Errorf("told of what did not stand: %s", said)
	}
	if said := look(20*time.Second, copies) + look(25*time.Second, copies); said != "" {
		t.Errorf("told too early: %s", said)
	}
	if said := look(30*time.Second, copies); !strings.Contains(said, `msg=alarm name=copies-1 text="on this disk alone" next="loadshare ha status"`) {
		t.Errorf("not told: %q", said)
	}
	for i := range 5 { // on and off between two looks, as where a partner dies again and again
		since := at.Add(time.Duration(i) * time.Second)
		if said := look(31*time.Second+time.Duration(i)*5*time.Second, copies, AlarmStatus{Name: "refused", Since: &since}); said != "" {
			t.Errorf("told of what did not stand: %s", said)
		}
	}
	look(52*time.Second, copies)
	if said := look(60*time.Second, copies, AlarmStatus{Name: "drift"}) + look(65*time.Second, copies, AlarmStatus{Name: "drift"}); said != "" {
		t.Errorf("told again, or of another too early: %s", said)
	}
	if said := look(80*time.Second, AlarmStatus{Name: "drift"}); !strings.Contains(said, "msg=alarm_over name=copies-1 lasted=1m0s") || !strings.Contains(said, "msg=alarm name=drift") {
		t.Errorf("the end, or the other: %q", said)
	}
}

// Every alarm is said in words in a subject.
func TestAlarmsHaveWords(t *testing.T) {
	for _, name := range alarmNames() {
		if inWords[name] == "" {
			t.Errorf("%s has none", name)
		}
	}
}

// Whoever [alerts] names gets it: what, how the server stands, what to type; and the end.
func TestAlarmsReachPeople(t *testing.T) {
	var mu sync.Mutex
	var got strings.Builder
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		got.Write(b)
	}))
	defer hook.Close()
	s := newSite(t)
	s.write(t, "dns.toml", s.read(t, "dns.toml")+"\n[alerts]\nwebhook = \""+hook.URL+"\"\n")
	s.start(t)
	teller, err := s.server.openTeller(s.load(t).Alerts)
	if err != nil {
		t.Fatal(err)
	}
	teller.pace = tellPace{every: 10 * time.Millisecond}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- teller.run(ctx) }()
	s.server.unfit("the disk is full")
	eventually(t, "the alarm is told", func() bool {
		mu.Lock()
		defer mu.Unlock()
		text := got.String()
		return strings.Contains(text, "dns 127.0.0.1 (single): it can write nothing (unfit)") && strings.Contains(text, "it takes no updates: ") && strings.Contains(text, "df -h") &&
			strings.Contains(text, string(alert.Failure))
	}, got.String)
	if st := teller.status(); st == nil || st.GivenUp != 0 {
		t.Errorf("status %+v", st)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
