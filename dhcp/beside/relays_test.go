package beside

import (
	"testing"
	"time"

	"loadshare/dhcp/lease"
	"loadshare/dhcp/scope"
)

// Checklist D48: a relay must send to both servers; one that only one of them hears is named, with its address.
func TestRelaysHeardByOne(t *testing.T) {
	const busy, quiet, old, ours, theirs = lease.IP(1), lease.IP(2), lease.IP(3), lease.IP(4), lease.IP(5)
	w := newTwo(t)
	before := w.now
	heard := map[int]map[lease.IP]time.Duration{0: {old: before}, 1: {}}
	hear := func() {
		for i := range w.m {
			var list []Heard
			for ip, at := range heard[i] {
				list = append(list, Heard{ip, at + w.at(i).Mono - w.now})
			}
			w.step(i, Hears{list})
		}
	}
	coverage := func(i int) map[lease.IP]Coverage {
		out := map[lease.IP]Coverage{}
		for _, r := range w.m[i].Relays() {
			out[r.Relay] = r.Coverage
		}
		return out
	}
	hear()
	w.pass(10 * time.Minute)
	w.connect()
	start := w.now
	for w.now < start+5*time.Minute {
		w.pass(2 * time.Second)
		heard[0][busy], heard[1][busy] = w.now, w.now
		if heard[0][quiet] == 0 {
			heard[0][quiet], heard[1][quiet] = w.now, w.now
		}
		heard[0][ours], heard[1][theirs] = w.now, w.now
		hear()
		if w.now < start+apart && (coverage(0)[ours] > Both || coverage(1)[ours] > Both) {
			t.Fatalf("said after %s", w.now-start)
		}
	}
	want := map[lease.IP]Coverage{busy: Both, quiet: Both, old: Both, ours: OnlyUs, theirs: OnlyThem}
	if got := coverage(0); len(got) != 5 || got[busy] != want[busy] || got[quiet] != want[quiet] || got[old] != want[old] || got[ours] != want[ours] || got[theirs] != want[theirs] {
		t.Errorf("main: %v", got)
	}
	if got := coverage(1); got[busy] != Both || got[old] != Both || got[ours] != OnlyThem || got[theirs] != OnlyUs {
		t.Errorf("backup: %v", got)
	}
	for _, r := range w.m[0].Relays() {
		if r.Relay == theirs && (r.Here != 0 || w.at(0).Wall-r.There > 20) { // in the words of the main's clock
			t.Errorf("%+v, now %d", r, w.at(0).Wall)
		}
	}
	for w.now < start+10*time.Minute { // the relay is put right
		w.pass(2 * time.Second)
		heard[0][ours], heard[1][ours] = w.now, w.now
		hear()
	}
	if got := coverage(0); got[ours] != Both || got[theirs] != OnlyThem {
		t.Errorf("put right: %v", got)
	}
	w.cut()
	if got := coverage(0); got[theirs] > Both {
		t.Errorf("without contact: %v", got)
	}
}

// Checklist D04: "configuration differs", with what differs; and it ends when both are alike again.
func TestConfigurationDiffers(t *testing.T) {
	w := newTwo(t)
	if a, _ := w.m[0].Differs(); a != NotKnown {
		t.Errorf("without contact: %v", a)
	}
	w.connect()
	for i, m := range w.m {
		if a, list := m.Differs(); a != Same || len(list) != 0 {
			t.Errorf("server %d: %v %v", i, a, list)
		}
	}
	w.step(0, Configured{summary("10.0.0.2")})
	w.pass(2 * time.Second)
	for i, m := range w.m {
		a, list := m.Differs()
		if a != Different || len(list) != 1 || list[0].Kind != "scope" || list[0].Name != "voice" || list[0].Key != "routers" {
			t.Fatalf("server %d: %v %v", i, a, list)
		}
		if here := map[int]string{0: "10.0.0.2", 1: "10.0.0.1"}[i]; list[0].Here != here {
			t.Errorf("server %d: %v", i, list)
		}
	}
	frames := w.frames
	w.pass(10 * time.Minute)
	if n := w.frames - frames; n > 2*(40+40+120+10) { // digests, relays, waiting; the words once
		t.Errorf("%d frames in 10 minutes", n)
	}
	w.step(1, Configured{summary("10.0.0.2")})
	w.pass(2 * time.Second)
	for i, m := range w.m {
		if a, _ := m.Differs(); a != Same {
			t.Errorf("server %d: %v", i, a)
		}
	}
}

// A large configuration goes in many frames; one that is too large differs, and that is all that is known.
func TestLargeConfigurations(t *testing.T) {
	large := func(n int, last string) scope.Summary {
		s := scope.Summary{}
		for i := range n {
			s.Parts = append(s.Parts, scope.Part{Kind: "client", Name: client(i).CHAddr, Values: []scope.Value{{Key: "hostname", Text: string(make([]byte, 200))}}})
		}
		s.Parts = append(s.Parts, scope.Part{Kind: "server", Values: []scope.Value{{Key: "domain", Text: last}}})
		return s
	}
	for n, want := range map[int]int{1000: 1, 5000: 0} {
		w := newTwo(t)
		w.step(0, Configured{large(n, "a")})
		w.step(1, Configured{large(n, "b")})
		w.connect()
		w.pass(2 * time.Second)
		for i, m := range w.m {
			if a, list := m.Differs(); a != Different || len(list) != want {
				t.Errorf("%d clients, server %d: %v %v", n, i, a, list)
			}
		}
	}
}
