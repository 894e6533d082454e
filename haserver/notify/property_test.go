package notify

import (
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Whatever happens: never two messages in flight for one secondary and zone, never one for a silent zone, never two nearer than
// Gap, never more in a Pace than Burst, no ID twice in flight to one address; and in the end everyone knows the last serial.
func TestWhateverHappens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		conf := Defaults
		conf.Burst = rapid.IntRange(1, 8).Draw(t, "burst")
		m := New(conf, rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0)))
		w := &world{t: t, m: m, conf: conf, now: time.Second, zones: map[string]*Zone{}, flying: map[flight]string{}, last: map[string]time.Duration{}, sent: map[string]uint32{}}
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			w.act()
		}
		w.end()
	})
}

type world struct {
	t      *rapid.T
	m      *Machine
	conf   Config
	now    time.Duration
	zones  map[string]*Zone
	flying map[flight]string
	last   map[string]time.Duration
	sent   map[string]uint32
	window []time.Duration
}

func (w *world) step(in Input) time.Duration {
	out := w.m.Step(w.now, in)
	for _, s := range out.Send {
		w.sending(s)
	}
	return out.Next
}

func (w *world) sending(s Send) {
	who := s.Zone + " " + s.To.String()
	z := w.zones[s.Zone]
	if z == nil || z.Silent {
		w.t.Fatalf("%v: a message about %s, which is silent or gone", w.now, s.Zone)
	}
	if last, ok := w.last[who]; ok && w.now-last < w.conf.Gap {
		w.t.Fatalf("%v: %s was told at %v already", w.now, who, last)
	}
	f := flight{s.To, s.ID}
	if other, ok := w.flying[f]; ok && other != who {
		w.t.Fatalf("ID %d is in flight to %v twice: for %q and %q", s.ID, s.To, other, who)
	}
	for g, other := range w.flying {
		if other == who {
			delete(w.flying, g) // a repetition: the machine has given the older one up
		}
	}
	w.flying[f] = who
	w.last[who], w.sent[who] = w.now, z.Serial
	w.window = append(w.window, w.now)
	n := 0
	for _, at := range w.window {
		if w.now-at < w.conf.Pace {
			n++
		}
	}
	if n > 2*w.conf.Burst { // a window may end and the next begin within any span of that length
		w.t.Fatalf("%d messages within %v", n, w.conf.Pace)
	}
}

var addresses = []netip.AddrPort{one, two, netip.MustParseAddrPort("[2001:db8::1]:53")}

func (w *world) act() {
	name := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(w.t, "zone")
	switch rapid.IntRange(0, 9).Draw(w.t, "what") {
	case 0:
		delete(w.zones, name)
		w.forget(name)
		w.step(Gone{name})
	case 1, 2, 3:
		z := &Zone{Name: name, Serial: 1, Secondaries: rapid.SliceOfNDistinct(rapid.SampledFrom(addresses), 0, 3, rapid.ID).Draw(w.t, "secondaries")}
		if old := w.zones[name]; old != nil {
			z.Serial = old.Serial + uint32(rapid.IntRange(0, 3).Draw(w.t, "changes"))
		}
		z.Silent = rapid.IntRange(0, 3).Draw(w.t, "silent") == 0
		w.zones[name] = z
		for _, a := range addresses {
			if who := name + " " + a.String(); !slices.Contains(z.Secondaries, a) {
				delete(w.last, who)
				w.land(who)
			}
		}
		w.step(*z)
	case 4, 5:
		if len(w.flying) > 0 {
			f := rapid.SampledFrom(w.inFlight()).Draw(w.t, "answered")
			w.land(w.flying[f])
			w.step(Answer{From: f.to, ID: f.id})
		}
	case 6:
		sign := Sign(rapid.IntRange(int(Asked), int(Refused)).Draw(w.t, "sign"))
		w.step(Seen{Zone: name, From: rapid.SampledFrom(addresses).Draw(w.t, "from").Addr(), Sign: sign, Serial: uint32(rapid.IntRange(0, 9).Draw(w.t, "serial"))})
	default:
		w.now += time.Duration(rapid.IntRange(0, 3000).Draw(w.t, "ms")) * time.Millisecond
		w.step(Tick{})
	}
}

// inFlight is in an order that is always the same.
func (w *world) inFlight() []flight {
	return slices.SortedFunc(maps.Keys(w.flying), func(a, b flight) int { return strings.Compare(w.flying[a], w.flying[b]) })
}

func (w *world) land(who string) {
	for f, other := range w.flying {
		if other == who {
			delete(w.flying, f)
		}
	}
}

func (w *world) forget(zone string) {
	for _, a := range addresses {
		who := zone + " " + a.String()
		delete(w.last, who)
		w.land(who)
	}
}

// end lets everyone answer, and nothing change any more.
func (w *world) end() {
	for _, z := range w.zones {
		z.Silent = false
		w.step(*z)
	}
	for range 3000 {
		for _, f := range w.inFlight() {
			w.land(w.flying[f])
			w.step(Answer{From: f.to, ID: f.id})
		}
		next := w.step(Tick{})
		if next == 0 {
			break
		}
		if next > w.now+2*w.conf.RetryMax {
			break
		}
		w.now = max(w.now, next)
	}
	for name, z := range w.zones {
		for _, s := range w.m.Secondaries(w.now, name) {
			if s.Notified != z.Serial {
				w.t.Fatalf("%s of %s was told of %d last, the zone is at %d: %+v", s.Address, name, s.Notified, z.Serial, s)
			}
		}
	}
}
