package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"loadshare/test/bench/measure"
)

// big measures a zone of a million records: load time, memory, transfer, and what an update costs beside a small zone.
func (b *bench) big() error {
	hosts := b.pickInt(1_000_000, 200_000)
	zoneFile, err := b.writeZone("million", hosts, false)
	if err != nil {
		return err
	}
	smallFile, err := b.writeZone("hundred", 100, false)
	if err != nil {
		return err
	}
	load := newTable(fmt.Sprintf("zone of %d records: from start to the first answer", hosts), "s", "1.5 x knot")
	again := newTable("the same, from its journal", "s", "")
	memory := newTable("memory after the load", "MB", "at most knot's")
	axfr := newTable("whole zone by AXFR", "s", "2 x knot")
	cost := newTable(fmt.Sprintf("processor time of one update, zone of %d records", hosts), "us", "")
	small := newTable("processor time of one update, zone of 100 records", "us", "")
	span := b.pick(time.Second, 300*time.Millisecond)
	updateCost := func(r *running, t *measure.Table) error {
		before := r.used()
		took, _, err := updateLoad(r.addr, "tcp", 32, b.key.Secret, span)
		if err != nil {
			return fmt.Errorf("%s: %w", r.kind.name, err)
		}
		t.Add(r.kind.name, (r.used()-before).Seconds()*1e6/float64(len(took)))
		return nil
	}
	one := func(k kind) error {
		r, err := b.start(k, zoneFile)
		if err != nil {
			return err
		}
		defer func() { r.stop() }()
		load.Add(k.name, r.took.Seconds())
		time.Sleep(500 * time.Millisecond) // what it does after the first answer
		memory.Add(k.name, r.proc.Memory())
		took, err := transfer(r.addr, hosts+4)
		if err != nil {
			return fmt.Errorf("%s: AXFR: %w", k.name, err)
		}
		axfr.Add(k.name, took.Seconds())
		if !k.updates {
			return nil
		}
		if err := updateCost(r, cost); err != nil {
			return err
		}
		if k.name == ours {
			r.stop()
			if r, err = b.restart(r); err != nil {
				return err
			}
			again.Add(k.name, r.took.Seconds())
			memory.Add(k.name+", from its journal", r.proc.Memory())
		}
		return nil
	}
	for range b.repeats {
		for _, k := range b.kinds {
			if k.name == "gdnsd" || k.name == "coredns" { // no transfers; slow to load
				continue
			}
			if err := one(k); err != nil {
				return err
			}
		}
	}
	list, err := b.startAll(smallFile, "knot", "bind")
	if err != nil {
		return err
	}
	defer stopAll(list)
	for range b.repeats {
		for _, r := range list {
			if err := updateCost(r, small); err != nil {
				return err
			}
		}
	}
	for _, t := range []*measure.Table{load, again, memory, axfr, cost, small} {
		t.Print(b.out)
	}
	return nil
}

// transfer takes the zone by AXFR, which must have so many records, both SOA included.
func transfer(from netip.AddrPort, records int) (time.Duration, error) {
	c, err := net.Dial("tcp", from.String())
	if err != nil {
		return 0, err
	}
	defer c.Close()
	start := time.Now()
	_ = c.SetDeadline(start.Add(30 * time.Second))
	q := query(zoneName, 252)
	q = q[:len(q)-11] // without EDNS
	q[11] = 0
	if _, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(q))), q...)); err != nil {
		return 0, err
	}
	r, buf := bufio.NewReaderSize(c, 1<<17), make([]byte, 1<<16)
	for got := 0; got < records; {
		m, err := readFrame(r, buf)
		if err != nil {
			return 0, fmt.Errorf("after %d of %d records: %w", got, records, err)
		}
		if !goodData(m) {
			return 0, errors.New("refused")
		}
		got += int(binary.BigEndian.Uint16(m[6:]))
	}
	return time.Since(start), nil
}
