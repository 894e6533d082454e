package notify

import (
	"testing"
	"time"
)

// What a secondary holds is known from what it asks for.
func TestEvidence(t *testing.T) {
	b := newBench(t)
	b.settled(10, one)
	s := b.secondary()
	if !s.Current || s.Evidence != ByTransfer || s.Held != 10 || s.Lag != 0 {
		t.Errorf("after a transfer: %+v", s)
	}
	b.now += time.Minute
	b.zone(11, one)
	b.now += time.Second
	b.zone(13, one)
	b.now += time.Second
	b.step(Seen{Zone: "z", From: one.Addr(), Sign: Named, Serial: 10})
	s = b.secondary()
	if s.Current || s.Evidence != ByRequest || s.Held != 10 || s.Behind != 3 || s.Lag != 2*time.Second {
		t.Errorf("IXFR asked for: %+v", s)
	}
	b.step(Seen{Zone: "z", From: one.Addr(), Sign: Named, Serial: 11})
	if s = b.secondary(); s.Behind != 2 || s.Lag != time.Second {
		t.Errorf("it is some steps further: %+v, want a lag since the change after 11", s)
	}
	b.step(Seen{Zone: "z", From: one.Addr(), Sign: Took, Serial: 13})
	if s = b.secondary(); !s.Current || s.Behind != 0 || s.Lag != 0 {
		t.Errorf("transfer over: %+v", s)
	}
}

// A question for the SOA without a transfer within Grace says that the secondary has that serial, as one that took it from
// our partner does.
func TestSOAWithoutTransfer(t *testing.T) {
	b := newBench(t)
	b.zone(5, one)
	b.step(Seen{Zone: "z", From: one.Addr(), Sign: Asked, Serial: 5})
	b.now += Defaults.Grace - 1
	if s := b.secondary(); s.Current || s.Evidence != NotSeen || s.Lag != Defaults.Grace-1 {
		t.Errorf("within Grace: %+v", s)
	}
	b.now++
	if s := b.secondary(); !s.Current || s.Evidence != BySOA || s.Held != 5 || s.Lag != 0 {
		t.Errorf("after Grace: %+v", s)
	}
}

// A transfer that is asked for and refused is not taken for one that was not needed.
func TestRefusedTransferIsNoProof(t *testing.T) {
	for _, sign := range []Sign{Whole, Refused} {
		b := newBench(t)
		b.zone(5, one)
		b.step(Seen{Zone: "z", From: one.Addr(), Sign: Asked, Serial: 5})
		b.step(Seen{Zone: "z", From: one.Addr(), Sign: sign, Why: "no grant"})
		b.now += time.Hour
		s := b.secondary()
		if s.Current || s.Lag != time.Hour {
			t.Errorf("%+v", s)
		}
		if sign == Refused && s.Trouble != "it asked for a transfer and did not get it: no grant" {
			t.Errorf("%q", s.Trouble)
		}
	}
}

// One that asks for the SOA all the time, and takes what it needs from the partner, is judged by the oldest of its questions.
func TestSOAAllTheTime(t *testing.T) {
	b := newBench(t)
	serial := uint32(1)
	for range 100 {
		serial++
		b.zone(serial, one)
		b.step(Seen{Zone: "z", From: one.Addr(), Sign: Asked, Serial: serial})
		b.now += 500 * time.Millisecond
	}
	if s := b.secondary(); s.Evidence != BySOA || s.Lag > 2*Defaults.Grace {
		t.Errorf("%+v, want a lag of about Grace", s)
	}
}

// The secondary of another address, or another zone, is not meant.
func TestSeenElsewhere(t *testing.T) {
	b := newBench(t)
	b.zone(5, one)
	b.step(Seen{Zone: "z", From: two.Addr(), Sign: Took, Serial: 5})
	b.step(Seen{Zone: "y", From: one.Addr(), Sign: Took, Serial: 5})
	if s := b.secondary(); s.Evidence != NotSeen {
		t.Errorf("%+v", s)
	}
}

// RFC 1982: newer over the wrap of the numbers.
func TestLagOverTheWrap(t *testing.T) {
	b := newBench(t)
	b.settled(0xFFFFFFFE, one)
	b.zone(3, one)
	if s := b.secondary(); s.Current || s.Behind != 5 {
		t.Errorf("%+v", s)
	}
}

// A secondary that is ahead will never follow, and the operator is told why.
func TestSecondaryAhead(t *testing.T) {
	b := newBench(t)
	b.zone(5, one)
	b.step(Seen{Zone: "z", From: one.Addr(), Sign: Named, Serial: 900})
	s := b.secondary()
	if s.Behind != 0 || s.Lag != 0 || s.Trouble != "it has serial 900, newer than ours: it takes nothing until ours has passed it" {
		t.Errorf("%+v", s)
	}
}

// One that was seen to be current without an answer, since the answer was lost, is not told again.
func TestCurrentWithoutAnswer(t *testing.T) {
	b := newBench(t)
	b.zone(5, one)
	b.step(Seen{Zone: "z", From: one.Addr(), Sign: Took, Serial: 5})
	if sends, _ := b.until(start + time.Hour); len(sends) != 0 {
		t.Errorf("%d repetitions", len(sends))
	}
	if s := b.secondary(); s.Tries != 0 {
		t.Errorf("%+v", s)
	}
}

// The dates of the changes are bounded; what is older keeps the lag it had.
func TestLagOfOneLongGone(t *testing.T) {
	b := newBench(t)
	b.settled(1, one)
	b.now += time.Second
	begin := b.now
	for serial := uint32(2); serial < 100; serial++ {
		b.zone(serial, one)
		b.now += time.Second
	}
	if s := b.secondary(); s.Behind != 98 || s.Lag != b.now-begin {
		t.Errorf("%+v, want behind since %v", s, begin)
	}
	if n := len(b.m.zones["z"].steps); n > maxSteps {
		t.Errorf("%d dates kept", n)
	}
}

func TestLagsOverZones(t *testing.T) {
	b := newBench(t)
	b.settled(1, one)
	b.now += time.Minute
	b.step(Zone{Name: "y", Serial: 1, Secondaries: nil})
	b.zone(2, one, two)
	b.now += time.Second
	lags := b.m.Lags(b.now)
	if len(lags) != 2 || lags[one] != time.Second || lags[two] != time.Second {
		t.Errorf("%v", lags)
	}
	if a := b.m.Addresses(); len(a) != 2 {
		t.Errorf("%v", a)
	}
}
