package beside

import (
	"testing"
	"time"

	"loadshare/dhcp/lease"
)

func waits(n int, waited uint32) Waiter {
	return Waiter{Client: client(n), Relay: lease.IP(0x0a000000 + n%3), Waited: waited, Quiet: 1, Tries: 3, Why: "partner's client"}
}

// Decision D-k: "Both partners join what they heard: clients whose DISCOVER nobody acknowledged, per relay, in seconds."
func TestDecisionDkUnserved(t *testing.T) {
	w := newTwo(t)
	w.connect()
	w.step(0, Waits{[]Waiter{waits(1, 12), waits(2, 30), waits(3, 15)}})
	w.step(1, Waits{[]Waiter{waits(2, 40), waits(4, 20)}})
	w.step(1, Acked{Client: client(3), Seconds: 3600}) // the main does not know it
	w.pass(waitingEvery + time.Second)
	for i, m := range w.m {
		list := m.Unserved()
		if len(list) != 3 {
			t.Fatalf("server %d: %+v", i, list)
		}
		first, second, third := list[0], list[1], list[2]
		if first.Client != client(2) || !first.Here || !first.There || first.Waited != 46 || first.Tries != 3 {
			t.Errorf("server %d: %+v", i, first)
		}
		if second.Client != client(4) || second.Here != (i == 1) || second.There != (i == 0) {
			t.Errorf("server %d: %+v", i, second)
		}
		if third.Client != client(1) || third.Here != (i == 0) || (third.Why == "") != (i == 1) || (third.WhyThere == "") != (i == 0) {
			t.Errorf("server %d: %+v", i, third)
		}
	}
	w.step(0, Acked{Client: client(4)}) // and the backup does not know that
	w.pass(waitingEvery + time.Second)
	if list := w.m[1].Unserved(); len(list) != 2 {
		t.Errorf("after the main's ACK: %+v", list)
	}
	w.cut() // each has its own word left
	if list := w.m[0].Unserved(); len(list) != 3 {
		t.Errorf("without contact: %+v", list)
	}
}

// An ACK of before the client began to ask again is none.
func TestOldAckCountsForNothing(t *testing.T) {
	w := newTwo(t)
	w.connect()
	w.step(1, Acked{Client: client(1)})
	w.pass(time.Minute)
	w.step(0, Waits{[]Waiter{waits(1, 20)}})
	w.pass(waitingEvery + time.Second)
	if list := w.m[0].Unserved(); len(list) != 1 {
		t.Errorf("%+v", list)
	}
}

// Decision D-k: "after an outage, the list: waited, short lease, never served."
func TestDecisionDkOutage(t *testing.T) {
	w := newTwo(t)
	w.connect()
	w.pass(time.Minute)
	for i, m := range w.m {
		if o := m.Outage(); len(o.Clients) != 0 {
			t.Errorf("server %d, before: %+v", i, o)
		}
	}
	w.cut()
	start := w.now
	w.step(0, Acked{Client: client(1), Seconds: 3600, Short: true})
	w.step(0, Acked{Client: client(2), Seconds: 86400})
	denied := waits(7, 20) // asks all its life
	denied.Denied = true
	w.step(0, Waits{[]Waiter{waits(3, 20), waits(4, 15), waits(5, 11), denied}})
	w.pass(10 * time.Second)
	w.step(0, Acked{Client: client(3), Seconds: 3600, Short: true}) // it has waited for 30 s
	w.step(0, Waits{[]Waiter{waits(4, 25), waits(5, 21)}})
	w.step(1, Waits{[]Waiter{waits(6, 12), waits(1, 12)}}) // the backup cannot know that the main served the last at once
	w.step(1, Acked{Client: client(5), Seconds: 86400})    // at once, and the main does not know
	w.pass(10 * time.Second)
	w.connect()
	w.pass(2 * time.Second)
	want := map[string]Harm{client(1).Key(): ShortLease, client(3).Key(): Waited, client(4).Key(): NeverServed, client(6).Key(): NeverServed}
	for i, m := range w.m {
		o := m.Outage()
		if o.From != epoch+int64(start/time.Second)+int64(i)*40 || o.Until != o.From+20 || o.Cut {
			t.Errorf("server %d: %+v", i, o)
		}
		if len(o.Clients) != len(want) || o.Count(NeverServed) != 2 || o.Count(Waited) != 1 {
			t.Errorf("server %d: %+v", i, o.Clients)
		}
		for _, a := range o.Clients {
			if a.How != want[a.Client.Key()] || (a.Seconds == 0) != (a.How == NeverServed) {
				t.Errorf("server %d: %+v", i, a)
			}
			if a.Client == client(3) && a.Waited != 30 {
				t.Errorf("server %d: %+v", i, a)
			}
		}
	}
	w.pass(outageShown + time.Minute)
	if o := w.m[0].Outage(); o.Until != 0 {
		t.Errorf("told for ever: %+v", o)
	}
}

// Only a short lease, and a partner that was not there: what the one saw, both know.
func TestOutageOfAServerThatWasNotThere(t *testing.T) {
	w := newTwo(t)
	w.connect()
	w.cut()
	w.step(0, Acked{Client: client(1), Seconds: 3600, Short: true})
	w.pass(time.Hour)
	w.m[1] = New("backup", "main", w.at(1))
	w.connect()
	w.pass(2 * time.Second)
	for i, m := range w.m {
		if o := m.Outage(); len(o.Clients) != 1 || o.Clients[0].How != ShortLease || o.Clients[0].Seconds != 3600 {
			t.Errorf("server %d: %+v", i, o)
		}
	}
}

func TestWaitersAreBounded(t *testing.T) {
	w := newTwo(t)
	w.cut()
	var list []Waiter
	for n := range 3 * maxWaiting {
		list = append(list, waits(n, 20))
		w.step(0, Acked{Client: client(100_000 + n), Short: true})
	}
	w.step(0, Waits{list})
	w.connect()
	w.pass(2 * waitingEvery)
	for i, m := range w.m {
		if n := len(m.Unserved()); n != maxWaiting {
			t.Errorf("server %d: %d wait", i, n)
		}
		if o := m.Outage(); len(o.Clients) != maxOutage || i == 0 && !o.Cut {
			t.Errorf("server %d: outage of %d, cut %v", i, len(o.Clients), o.Cut)
		}
	}
	for n := range 2 * maxAcked {
		w.step(0, Acked{Client: client(n)})
	}
	if a := &w.m[0].unserved.acked; len(a.at) > maxAcked || len(a.order) > maxAcked {
		t.Errorf("%d acknowledged", len(a.at))
	}
}
