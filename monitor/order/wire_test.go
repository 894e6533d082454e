package order

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var at = time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)

// messages is one of every kind that may travel.
var messages = []Message{
	Hello{Version, "monitor1"},
	Welcome{Version: Version, Agent: "ns1", Publishes: true, Services: []string{"apache"}, Pools: []Held{{Pool: "www.x/A", Newest: Stamp{1, 2, "m"}, Holder: "m", LapsesIn: time.Second}}, Boot: "b"},
	Heartbeat{Monitor: "m", Lease: 15 * time.Second, Interval: 5 * time.Second, Claims: []Claim{{"www.x/A", Stamp{1, 2, "m"}}}},
	Beat{Refused: []Held{}},
	Publish{ID: "o1", Pool: "www.x/A", Stamp: Stamp{1, 2, "m"}, Want: RecordSet{"www.x", A, 30, []string{"192.0.2.1"}}, Members: []string{"192.0.2.1"}, Reason: ReasonFell, DecidedAt: at},
	Restart{ID: "o2", Pool: "www.x/A", Stamp: Stamp{1, 2, "m"}, Service: "apache", Member: "192.0.2.1", Reason: ReasonFell, NotAfter: at},
	Hook{ID: "o3", Pool: "www.x/A", Service: "apache", Member: "192.0.2.1", Up: true, Reason: ReasonRose},
	Receipt{Order: "o1", Refused: RefusedStale, Newest: Stamp{9, 9, "m"}},
	Published{Order: "o1", Pool: "www.x/A", Servers: []ServerResult{{Server: "192.0.2.53:53", State: ServerAnswers, WrittenAt: &at, AnsweredAt: &at, Attempts: 1}}, Done: true},
	Restarted{Order: "o2", Service: "apache", Outcome: RestartFailed, ExitCode: 3, Output: "no\n", Started: at, Took: time.Second, NextAt: &at},
	Hooked{Order: "o3", Service: "apache", Outcome: RestartOK},
	ProbeRequest{Address: "192.0.2.1", Spec: json.RawMessage(`{"kind":"tcp"}`)},
	ProbeAnswer{Outcome: "ok", Reason: "none"},
	NormalDNS{Action: NormalDNSDiff, Pools: []Publish{}, Undecided: []PoolID{}, Out: map[PoolID][]string{"www.x/A": {"192.0.2.1"}}, Reason: ReasonNormalDNS},
	NormalDNSAnswer{Servers: []NormalDNSServer{{Server: "192.0.2.53:53", Lines: []string{"update add"}, Applied: true}}},
}

// TestEveryMessageSurvivesTheWire: what an agent reads is what the monitor said.
func TestEveryMessageSurvivesTheWire(t *testing.T) {
	kinds := map[string]bool{}
	for _, m := range messages {
		frame, err := Encode(Envelope{ID: 7, Body: m})
		if err != nil {
			t.Fatal(err)
		}
		got, err := Decode(frame)
		if err != nil {
			t.Fatalf("%s: %v", m.kind(), err)
		}
		if diff := cmp.Diff(Envelope{ID: 7, Body: m}, got); diff != "" {
			t.Errorf("%s (-said +read):\n%s", m.kind(), diff)
		}
		if kinds[m.kind()] {
			t.Errorf("two messages are called %s", m.kind())
		}
		kinds[m.kind()] = true
	}
}

// TestWhatIsNotUnderstoodIsAnError: unknown kinds, unknown fields, what follows a message, and too much are refused.
func TestWhatIsNotUnderstoodIsAnError(t *testing.T) {
	for frame, word := range map[string]string{
		`{"id":1,"kind":"shell","body":{}}`:                                    "unknown kind",
		`{"id":1,"kind":"hello","body":{"version":1,"monitor":"m","extra":1}}`: "unknown field",
		`{"id":1,"kind":"hello","body":{"version":1,"monitor":"m"}} {}`:        "follows",
		`{"id":1,"kind":"hello","body":{"version":1,"monitor":"m"}}}`:          "follows",
		`{"id":-1,"kind":"hello","body":{}}`:                                   "envelope",
		`{"id":1,"kind":"hello"}`:                                              "hello",
		"":                                                                     "envelope",
		strings.Repeat("x", MaxFrame+1):                                        "at most",
	} {
		if _, err := Decode([]byte(frame)); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%.60q: %v, expected an error with %q", frame, err, word)
		}
	}
	if _, err := Encode(Envelope{Body: Publish{ID: strings.Repeat("x", MaxFrame)}}); err == nil {
		t.Error("a message that fits no frame was encoded")
	}
}

// FuzzDecode: any bytes give a message or an error, and a message can be said again.
func FuzzDecode(f *testing.F) {
	for _, m := range messages {
		frame, err := Encode(Envelope{ID: 1, Body: m})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(frame)
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		e, err := Decode(frame)
		if err != nil {
			return
		}
		again, err := Encode(e)
		if err != nil {
			t.Fatalf("%T was read but cannot be said: %v", e.Body, err)
		}
		back, err := Decode(again)
		if err != nil || reflect.TypeOf(back.Body) != reflect.TypeOf(e.Body) || back.ID != e.ID {
			t.Fatalf("%s became %T %v", frame, back.Body, err)
		}
	})
}
