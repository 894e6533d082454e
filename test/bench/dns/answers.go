package main

import (
	"fmt"
	"time"

	"loadshare/test/bench/measure"
)

// updateRate is how many updates a second go on beside questions.
const updateRate = 100

// hosts are the names of the zone that questions are asked about.
const hosts = 100_000

// startHosts starts all servers at once; the one that is measured has the core for itself, as the others are asked nothing.
func (b *bench) startHosts() ([]*running, error) {
	zoneFile, err := b.writeZone("hosts", hosts, true)
	if err != nil {
		return nil, err
	}
	return b.startAll(zoneFile)
}

// answers measures questions to a server that is kept busy.
func (b *bench) answers() error {
	list, err := b.startHosts()
	if err != nil {
		return err
	}
	defer stopAll(list)
	q := newQuestions(hosts)
	span := b.pick(1500*time.Millisecond, 500*time.Millisecond)

	cpu := newTable("processor time of one answer, server kept busy; 100,000 names, EDNS, random names", "us", "at or under knot and nsd; stretch: 1.10 x gdnsd")
	rate := newTable("answers a second, one core", "1/s", "")
	live := newTable(fmt.Sprintf("processor time of one answer, server kept busy, %d signed updates a second going on (their cost included)", updateRate), "us", "at or under knot")
	busy := map[string][]float64{}
	one := func(r *running, updates int, t *measure.Table) error {
		u, err := newStream(r.addr, updates, b.key.Secret, fmt.Sprintf("live%d-", time.Now().UnixNano()))
		if err != nil {
			return err
		}
		defer u.close()
		before, start := r.proc.Used(), time.Now()
		n, err := saturate(r.addr, q, u, span)
		if err != nil {
			return fmt.Errorf("%s: %w", r.kind.name, err)
		}
		took, used := time.Since(start), r.proc.Used()-before
		t.Add(r.kind.name, used.Seconds()*1e6/float64(n))
		if updates == 0 {
			rate.Add(r.kind.name, float64(n)/took.Seconds())
			busy[r.kind.name] = append(busy[r.kind.name], used.Seconds()/took.Seconds()*100)
			return nil
		}
		live.Note(r.kind.name, fmt.Sprintf("%d of %d updates answered", u.ok, u.sent))
		if u.ok == 0 {
			return fmt.Errorf("%s: none of %d updates was carried out", r.kind.name, u.sent)
		}
		return nil
	}
	for range b.repeats {
		for _, r := range list {
			if err := one(r, 0, cpu); err != nil {
				return err
			}
			if r.kind.updates {
				if err := one(r, updateRate, live); err != nil {
					return err
				}
			}
		}
	}
	for name, list := range busy {
		cpu.Note(name, fmt.Sprintf("busy %.0f %%", measure.Median(list)))
	}
	cpu.Print(b.out)
	rate.Print(b.out)
	live.Print(b.out)
	return nil
}

// rate measures 20,000 questions a second.
func (b *bench) rate() error {
	const perSecond = 20_000
	list, err := b.startHosts()
	if err != nil {
		return err
	}
	defer stopAll(list)
	q := newQuestions(hosts)
	span := b.pick(2*time.Second, 500*time.Millisecond)
	cpu := newTable("processor time of one answer at 20,000/s", "us", "")
	p50 := newTable("time to the answer at 20,000/s, p50", "us", "")
	p99 := newTable("time to the answer at 20,000/s, p99", "us", "at most 1.5 x knot")
	for range b.repeats {
		for _, r := range list {
			before := r.proc.Used()
			took, lost, err := paced(r.addr, q, nil, perSecond, span)
			if err != nil {
				return fmt.Errorf("%s: %w", r.kind.name, err)
			}
			cpu.Add(r.kind.name, (r.proc.Used()-before).Seconds()*1e6/float64(len(took)))
			p50.Add(r.kind.name, micros(quantile(took, .5)))
			p99.Add(r.kind.name, micros(quantile(took, .99)))
			if lost > 0 {
				p99.Note(r.kind.name, fmt.Sprintf("%d lost in the last repeat", lost))
			}
		}
	}
	cpu.Print(b.out)
	p50.Print(b.out)
	p99.Print(b.out)
	return nil
}

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }
