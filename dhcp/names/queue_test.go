package names

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"loadshare/dhcp/lease"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func allGo(Job) Check { return Go }

func queued(n uint64, k Kind, c lease.Client, host string, ip lease.IP) Job {
	fqdn := host + ".example.org"
	return Job{ID: n, Kind: k, IP: ip, FQDN: fqdn, DHCID: DHCID(c, fqdn), TTL: 600, Forward: true}
}

// asks runs the queue for a while against servers that never answer, and tells which was asked when.
func asks(q *Queue, now time.Time, timeout, whole time.Duration) (out []string) {
	end := now.Add(whole)
	for !now.After(end) {
		a, _, ok := q.Next(now, allGo)
		if ok {
			out = append(out, fmt.Sprintf("%v %d", now.Sub(start), a.Server))
			now = now.Add(timeout)
			q.Took(now, a.ID, Silence, "")
			continue
		}
		at, has := q.Wake(now)
		if !has {
			return append(out, "asleep")
		}
		if !at.After(now) {
			return append(out, "busy for nothing")
		}
		now = at
	}
	return out
}

// H26: "DHCP tries the main twice, then the backup", and "each every 4 s". A refused connection is silence at once.
func TestMainTwiceThenBackupThenEachEvery4s(t *testing.T) {
	q := site.NewQueue(2, Limits{}, []Job{queued(1, Add, alice, "a", ip1)})
	want := []string{"0s 0", "250ms 0", "250ms 1", "4s 1", "4.25s 0", "8s 1", "8.25s 0", "12s 1", "12.25s 0"}
	if got := asks(q, start, 0, 13*time.Second); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	q = site.NewQueue(1, Limits{}, []Job{queued(1, Add, alice, "a", ip1)})
	if got := asks(q, start, time.Second, 12*time.Second); !slices.Equal(got, []string{"0s 0", "1.25s 0", "5.25s 0", "9.25s 0"}) {
		t.Errorf("one server: %q", got)
	}
}

// What one job finds out holds for all: a dead main costs two attempts, then one every 30 s, and the backup takes all.
func TestADeadMainIsPassedOver(t *testing.T) {
	var jobs []Job
	for i := range 50 {
		jobs = append(jobs, queued(uint64(i+1), Add, alice, fmt.Sprint("h", i), ip1+lease.IP(i)))
	}
	q := site.NewQueue(2, Limits{Flight: 1}, jobs)
	now, tries, d := start, 0, dns{}
	for q.Len() > 0 {
		a, _, ok := q.Next(now, allGo)
		if !ok {
			at, has := q.Wake(now)
			if !has || !at.After(now) {
				t.Fatalf("no progress: %v %v", at, has)
			}
			now = at
			continue
		}
		if a.Server == 0 {
			tries++
			now = now.Add(2 * time.Second)
			q.Took(now, a.ID, Silence, "")
			continue
		}
		now = now.Add(time.Millisecond)
		q.Took(now, a.ID, Answered, d.update(a.Change))
	}
	if tries != 2 || now.Sub(start) > 10*time.Second || len(d) != 100 {
		t.Errorf("%d tries at the main, %v, %d names", tries, now.Sub(start), len(d))
	}
	q.Add(queued(99, Add, bob, "late", ip1+99))
	a, _, _ := q.Next(now.Add(deafFor), allGo)
	if a.Server != 0 {
		t.Error("the main is never asked again")
	}
	q.Took(now.Add(deafFor), a.ID, Answered, "NOERROR")
	if a, _, _ = q.Next(now.Add(deafFor), allGo); a.Server != 0 {
		t.Error("the main answers, and is passed over")
	}
}

// SERVFAIL is the zone's, not the server's: that job waits, others go on. A refusal is final when both servers refuse.
func TestAnswersThatAreNotTheServersFault(t *testing.T) {
	q := site.NewQueue(2, Limits{}, []Job{queued(1, Add, alice, "a", ip1), queued(2, Add, bob, "b", ip1+1)})
	a, _, _ := q.Next(start, allGo)
	q.Took(start, a.ID, Later, "SERVFAIL")
	b, _, ok := q.Next(start, allGo)
	if !ok || b.Job.ID != 2 || b.Server != 0 {
		t.Fatalf("%+v %v", b, ok)
	}
	if over := q.Took(start, b.ID, No, "REFUSED"); len(over) != 0 {
		t.Errorf("given up after one server: %+v", over)
	}
	b, _, _ = q.Next(start, allGo)
	if b.Job.ID != 2 || b.Server != 1 {
		t.Fatalf("the other server is not asked: %+v", b)
	}
	over := q.Took(start, b.ID, No, "REFUSED")
	if len(over) != 1 || over[0].Outcome != Refused || over[0].Job.ID != 2 || over[0].Text == "" {
		t.Errorf("%+v", over)
	}
}

// "A later job for the same address overtakes", but never at the cost of a record that is there already.
func TestWhatOvertakesWhat(t *testing.T) {
	add, remove := queued(1, Add, alice, "a", ip1), queued(2, Remove, alice, "a", ip1)
	other := queued(3, Add, bob, "b", ip1)
	half := queued(4, Add, alice, "a", ip1)
	half.Forward = false
	tests := []struct {
		name string
		jobs []Job
		left []uint64
	}{
		{"added again", []Job{add, queued(2, Add, alice, "a", ip1)}, []uint64{2}},
		{"added, then removed: part of it may be there", []Job{add, remove}, []uint64{2}},
		{"removed, then added", []Job{remove, half, queued(5, Add, alice, "a", ip1)}, []uint64{5}},
		{"removed, then another's", []Job{remove, other}, []uint64{2, 3}},
		{"removed, then only its PTR added: the A must go first", []Job{remove, half}, []uint64{2, 4}},
		{"same name, another client", []Job{remove, queued(3, Add, bob, "a", ip1)}, []uint64{2, 3}},
		{"same name, another address", []Job{remove, queued(3, Add, alice, "a", ip1+1)}, []uint64{2, 3}},
	}
	for _, test := range tests {
		q := site.NewQueue(1, Limits{}, nil)
		gone := 0
		for _, j := range test.jobs {
			for _, f := range q.Add(j) {
				if gone++; f.Outcome != Overtaken {
					t.Errorf("%s: %s", test.name, f.Outcome)
				}
			}
		}
		var order []uint64
		for {
			a, _, ok := q.Next(start, allGo)
			if !ok {
				break
			}
			if _, more, _ := q.Next(start, allGo); len(more) > 0 {
				t.Errorf("%s: over without an answer: %+v", test.name, more)
			}
			if len(order) == 0 || order[len(order)-1] != a.Job.ID {
				order = append(order, a.Job.ID)
			}
			q.Took(start, a.ID, Answered, "NOERROR")
		}
		if !slices.Equal(order, test.left) || gone != len(test.jobs)-len(test.left) {
			t.Errorf("%s: %v were sent, want %v; %d overtaken", test.name, order, test.left, gone)
		}
	}
}

// A reload changes zones and servers while attempts are under way.
func TestConfigureWhileUnderWay(t *testing.T) {
	q := site.NewQueue(2, Limits{}, []Job{queued(1, Add, alice, "a", ip1)})
	now := start
	for range 2 { // the main is silent; the third attempt goes to the backup
		a, _, _ := q.Next(now, allGo)
		now = now.Add(again)
		q.Took(now, a.ID, Silence, "")
		now = now.Add(again)
	}
	a, _, ok := q.Next(now, allGo)
	if !ok || a.Server != 1 {
		t.Fatalf("%+v %v", a, ok)
	}
	other := site
	other.ForwardZones = []string{"example.net"}
	q.Configure(other, 1)
	q.Took(now, a.ID, Silence, "")
	at, ok := q.Wake(now)
	if !ok {
		t.Fatal("the job is forgotten")
	}
	if a, _, ok = q.Next(at, allGo); !ok || a.Server != 0 || a.Change.Zone != "example.org" {
		t.Errorf("a job that has begun: %+v %v", a, ok)
	}
	j := queued(2, Add, bob, "b", ip1+1)
	j.FQDN = "b.example.net"
	q.Add(j)
	if a, _, ok = q.Next(at, allGo); !ok || a.Change.Zone != "example.net" {
		t.Errorf("a new job: %+v %v", a, ok)
	}
}

// "Bounded": the oldest is given up, and says so.
func TestTheQueueIsBounded(t *testing.T) {
	q := site.NewQueue(1, Limits{Jobs: 3}, nil)
	var lost []Finished
	for i := range 5 {
		lost = append(lost, q.Add(queued(uint64(i+1), Add, alice, fmt.Sprint("h", i), ip1+lease.IP(i)))...)
	}
	if q.Len() != 3 || len(lost) != 2 || lost[0].Job.ID != 1 || lost[0].Outcome != Overflow {
		t.Errorf("%d wait, lost %+v", q.Len(), lost)
	}
}

// Before a removal is sent the lease is looked at again: Kea issue 3649, "one server's expiry deletes DNS names the other still renews".
func TestCheckBeforeSending(t *testing.T) {
	active := granted(alice, "a", 1000, 5400)
	its := granted(bob, "a", 1000, 5400)
	free := &lease.Lease{IP: ip1, State: lease.Free, Client: alice, FQDN: "a.example.org"}
	half := *active
	half.DNS = Reverse
	add, remove := queued(1, Add, alice, "a", ip1), queued(2, Remove, alice, "a", ip1)
	tests := []struct {
		name  string
		job   Job
		lease *lease.Lease
		known bool
		want  Check
	}{
		{"add, as it was", add, active, false, Go},
		{"add, but the lease is over", add, free, true, Drop},
		{"add, but it is another's", add, its, true, Drop},
		{"remove, the partner has not been heard", remove, free, false, Wait},
		{"remove", remove, free, true, Go},
		{"remove, but the partner has renewed it", remove, active, true, Drop},
		{"remove, for the client writes its A itself now", remove, &half, true, Go},
		{"remove, another client has name and address", remove, its, true, Careful},
	}
	for _, test := range tests {
		if got := test.job.Check(test.lease, test.known); got != test.want {
			t.Errorf("%s: %d, want %d", test.name, got, test.want)
		}
	}
	q := site.NewQueue(1, Limits{}, []Job{remove})
	if _, over, ok := q.Next(start, func(Job) Check { return Wait }); ok || len(over) > 0 {
		t.Error("sent, or over")
	}
	if at, ok := q.Wake(start); !ok || at != start.Add(checkAgain) {
		t.Errorf("wake %v %v", at, ok)
	}
	if _, over, _ := q.Next(start.Add(checkAgain), func(Job) Check { return Drop }); len(over) != 1 || over[0].Outcome != Stale || q.Len() != 0 {
		t.Errorf("%+v", over)
	}
}

// Any clients at any addresses, servers that come and go, answers that are lost, restarts from what is durable: in the end DNS says what
// the leases say.
func TestDNSEndsAsTheLeasesAre(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d, now, id := dns{}, start, uint64(0)
		leases := map[lease.IP]*lease.Lease{}
		durable := map[uint64]Job{}
		q := site.NewQueue(2, Limits{Flight: 2}, nil)
		var flying []Attempt
		end := func(over []Finished) {
			for _, f := range over {
				delete(durable, f.Job.ID)
				if l := leases[f.Job.IP]; f.Outcome != Overtaken {
					site.Settle(l, f.Job, f.Outcome.OK())
				}
			}
		}
		change := func(ip lease.IP, after lease.Lease) {
			for _, j := range site.Change(leases[ip], &after, true) {
				id++
				j.ID = id
				durable[id] = j
				end(q.Add(j))
			}
			leases[ip] = &after
		}
		check := func(j Job) Check { return j.Check(leases[j.IP], true) }
		for ip := range lease.IP(3) {
			leases[ip1+ip] = &lease.Lease{IP: ip1 + ip, State: lease.Free}
		}
		answer := func(i int, kind int) {
			a := flying[i]
			flying = slices.Delete(flying, i, i+1)
			switch kind {
			case 0:
				end(q.Took(now, a.ID, Silence, ""))
			case 1:
				d.update(a.Change)
				end(q.Took(now, a.ID, Silence, ""))
			default:
				end(q.Took(now, a.ID, Answered, d.update(a.Change)))
			}
		}
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 3000).Draw(t, "ms")) * time.Millisecond)
			ip := ip1 + lease.IP(rapid.IntRange(0, 2).Draw(t, "ip"))
			l := *leases[ip]
			switch rapid.IntRange(0, 6).Draw(t, "what") {
			case 0, 1:
				// a name is one client's only: of a true conflict who comes first wins, which is no matter of the queue
				c := rapid.SampledFrom([]lease.Client{alice, bob}).Draw(t, "client")
				if n, ok := l.Grant(c, now.Unix(), now.Unix()+600); ok {
					host := rapid.SampledFrom([]string{"x", "y"}).Draw(t, "host") + string(c.CHAddr[5]+'0')
					Name{FQDN: host + ".example.org", Forward: true}.Put(&n)
					change(ip, n)
				}
			case 2:
				if n, ok := l.Release(l.Client, now.Unix()); ok && l.State == lease.Active {
					change(ip, n)
					n, _ = n.Confirm(now.Unix())
					change(ip, n)
				}
			case 3, 4:
				if a, over, ok := q.Next(now, check); ok {
					end(over)
					flying = append(flying, a)
				} else {
					end(over)
				}
			case 5:
				if len(flying) > 0 {
					answer(rapid.IntRange(0, len(flying)-1).Draw(t, "which"), rapid.IntRange(0, 4).Draw(t, "how"))
				}
			case 6:
				if rapid.IntRange(0, 9).Draw(t, "restart") == 0 {
					for _, a := range flying { // sent, but nobody hears the answer
						d.update(a.Change)
					}
					flying = nil
					var jobs []Job
					for _, j := range durable {
						jobs = append(jobs, j)
					}
					q = site.NewQueue(2, Limits{Flight: 2}, jobs)
				}
			}
		}
		for n := 0; len(flying) > 0 || q.Len() > 0; n++ {
			if n > 2000 {
				t.Fatalf("no end: %d jobs", q.Len())
			}
			if a, over, ok := q.Next(now, check); ok {
				end(over)
				flying = append(flying, a)
			} else {
				end(over)
			}
			if len(flying) > 0 {
				answer(0, 2)
			} else if at, ok := q.Wake(now); ok {
				now = later(now, at)
			}
		}
		if len(durable) > 0 {
			t.Fatalf("never over: %v", durable)
		}
		holders := map[string]int{}
		for _, l := range leases {
			if l.State == lease.Active {
				holders[l.FQDN]++
			}
		}
		for ip, l := range leases {
			ptr := d.has(reverseName(ip), "PTR", l.FQDN+".")
			switch {
			case l.State != lease.Active && len(d[reverseName(ip)]) > 0:
				t.Fatalf("%s is %s and has a PTR: %v", ip, l.State, d)
			case l.State == lease.Active && (!ptr || holders[l.FQDN] == 1 && (len(d[l.FQDN]["A"]) != 1 || !d.has(l.FQDN, "A", ip.String()))):
				t.Fatalf("%s is not called %s: %v", ip, l.FQDN, d)
			}
		}
		for name := range d {
			if len(d[name]["A"])+len(d[name]["DHCID"]) > 0 && holders[name] == 0 {
				t.Fatalf("%s is left behind: %v", name, d)
			}
		}
	})
}
