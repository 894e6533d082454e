package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// updateLoad has clients send updates for a time, each waiting for its answer before the next. It returns how long
// each took, sorted, and the time from first to last.
func updateLoad(to netip.AddrPort, network string, clients int, secret []byte, span time.Duration) (took []time.Duration, wall time.Duration, err error) {
	var (
		wg    sync.WaitGroup
		lists = make([][]time.Duration, clients)
		errs  = make([]error, clients)
		stamp = time.Now()
		end   = stamp.Add(span)
	)
	for i := range clients {
		wg.Go(func() {
			lists[i], errs[i] = updateClient(to, network, newUpdater(fmt.Sprintf("u%dx%d-", stamp.UnixNano(), i), secret), end)
		})
	}
	wg.Wait()
	wall = time.Since(stamp)
	for _, l := range lists {
		took = append(took, l...)
	}
	slices.Sort(took)
	return took, wall, errors.Join(errs...)
}

func updateClient(to netip.AddrPort, network string, u *updater, end time.Time) (took []time.Duration, err error) {
	c, err := net.Dial(network, to.String())
	if err != nil {
		return nil, err
	}
	defer c.Close()
	var buf [2048]byte
	for {
		start := time.Now()
		if start.After(end) {
			return took, nil
		}
		_ = c.SetDeadline(start.Add(10 * time.Second))
		msg := u.next()
		var answer []byte
		if network == "tcp" {
			answer, err = exchangeTCP(c, msg, buf[:])
		} else {
			answer, err = exchangeUDP(c, msg, buf[:])
		}
		switch {
		case err != nil:
			return took, err
		case !good(answer) || binary.BigEndian.Uint16(answer) != binary.BigEndian.Uint16(msg):
			return took, fmt.Errorf("%s refused an update: % x", to, answer[:min(12, len(answer))])
		}
		took = append(took, time.Since(start))
	}
}

func exchangeUDP(c net.Conn, msg, buf []byte) ([]byte, error) {
	if _, err := c.Write(msg); err != nil {
		return nil, err
	}
	n, err := c.Read(buf)
	return buf[:n], err
}

func exchangeTCP(c net.Conn, msg, buf []byte) ([]byte, error) {
	frame := append(binary.BigEndian.AppendUint16(buf[:0], uint16(len(msg))), msg...)
	if _, err := c.Write(frame); err != nil {
		return nil, err
	}
	return readFrame(c, buf)
}

func readFrame(r io.Reader, buf []byte) ([]byte, error) {
	if _, err := io.ReadFull(r, buf[:2]); err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint16(buf))
	if n > len(buf) {
		return nil, errors.New("message too long")
	}
	_, err := io.ReadFull(r, buf[:n])
	return buf[:n], err
}

// updates measures durable updates of servers that run alone.
func (b *bench) updates() error {
	zoneFile, err := b.writeZone("small", 1000, false)
	if err != nil {
		return err
	}
	list, err := b.startAll(zoneFile, "knot", "bind")
	if err != nil {
		return err
	}
	defer stopAll(list)
	return b.updateTables("alone", list, map[int]string{1: "1.6 x bind", 32: "10 x bind", 64: ""})
}

// updateTables measures updates to servers, over the transports and with the numbers of clients that -load names.
func (b *bench) updateTables(how string, list []*running, goals map[int]string) error {
	for load := range strings.SplitSeq(b.load, ",") {
		network, number, _ := strings.Cut(load, "/")
		clients, err := strconv.Atoi(number)
		if err != nil || clients < 1 || network != "tcp" && network != "udp" {
			return fmt.Errorf("-load: %q is not tcp or udp, a slash, and how many clients", load)
		}
		if err := b.updateTable(how, list, network, clients, goals[clients]); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) updateTable(how string, list []*running, network string, clients int, goal string) error {
	span := b.pick(1500*time.Millisecond, 400*time.Millisecond)
	what := fmt.Sprintf("durable signed updates, %s, %s, %d clients", how, network, clients)
	rate, p50, p99 := newTable(what, "1/s", goal), newTable(what+": time to the answer, p50", "ms", ""), newTable(what+": p99", "ms", "")
	cpu := newTable(what+": processor time of one, all processes", "us", "")
	for range b.repeats {
		for _, r := range list {
			before := r.used()
			took, wall, err := updateLoad(r.addr, network, clients, b.key.Secret, span)
			if err != nil {
				return fmt.Errorf("%s: %w", r.kind.name, err)
			}
			rate.Add(r.kind.name, float64(len(took))/wall.Seconds())
			p50.Add(r.kind.name, micros(quantile(took, .5))/1e3)
			p99.Add(r.kind.name, micros(quantile(took, .99))/1e3)
			cpu.Add(r.kind.name, (r.used()-before).Seconds()*1e6/float64(len(took)))
		}
	}
	rate.Print(b.out)
	p50.Print(b.out)
	p99.Print(b.out)
	cpu.Print(b.out)
	return nil
}

// pair measures two of ours that shadow each other, beside one of ours and BIND alone, and a pair of an older binary.
func (b *bench) pair() error {
	zoneFile, err := b.writeZone("small", 1000, false)
	if err != nil {
		return err
	}
	list, err := b.startAll(zoneFile, "bind")
	if err != nil {
		return err
	}
	defer func() { stopAll(list) }()
	var pairs []*running
	for _, k := range b.kinds {
		if k.name != ours && k.name != "before" {
			continue
		}
		p, err := b.startPair(k, zoneFile, 4*len(pairs))
		if err != nil {
			return err
		}
		list = append(list, p)
		pairs = append(pairs, p)
	}
	alone := list[:len(list)-len(pairs)]
	return b.updateTables("as a pair (durable on both; the others alone)", append(pairs, alone...), map[int]string{1: "1 x bind alone", 32: "6 x bind alone", 64: ""})
}

// tail measures how long questions take while the zone is changed.
func (b *bench) tail() error {
	const questionRate, changes = 20_000, 1_000
	hosts := b.pickInt(1_000_000, 100_000)
	zoneFile, err := b.writeZone("million", hosts, false)
	if err != nil {
		return err
	}
	list, err := b.startAll(zoneFile, "knot")
	if err != nil {
		return err
	}
	defer func() { stopAll(list) }()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	floor, err := b.start(mirrorKind(self), zoneFile)
	if err != nil {
		return err
	}
	list = append(list, floor)
	q := newQuestions(hosts)
	span := b.pick(4*time.Second, time.Second)
	title := fmt.Sprintf("time to the answer at %d/s, zone of %d records that takes %d updates a second", questionRate, hosts, changes)
	p99, p999 := newTable(title+": p99", "us", ""), newTable(title+": p99.9", "us", "under 1000")
	most, calm := newTable(title+": longest", "us", ""), newTable("the same without updates: p99.9", "us", "")
	done := newTable("updates carried out meanwhile", "1/s", "1000")
	for range b.repeats {
		for _, r := range list {
			quiet, _, err := paced(r.addr, q, nil, questionRate, span/2)
			if err != nil {
				return fmt.Errorf("%s: %w", r.kind.name, err)
			}
			calm.Add(r.kind.name, micros(quantile(quiet, .999)))
			u, err := newStream(r.addr, changes, b.key.Secret, fmt.Sprintf("t%d-", time.Now().UnixNano()))
			if err != nil {
				return err
			}
			took, lost, err := paced(r.addr, q, u, questionRate, span)
			u.close()
			if err != nil {
				return fmt.Errorf("%s: %w", r.kind.name, err)
			}
			done.Add(r.kind.name, float64(u.ok)/span.Seconds())
			p99.Add(r.kind.name, micros(quantile(took, .99)))
			p999.Add(r.kind.name, micros(quantile(took, .999)))
			most.Add(r.kind.name, micros(quantile(took, 1)))
			if lost > 0 {
				p999.Note(r.kind.name, fmt.Sprintf("%d lost in the last repeat", lost))
			}
		}
	}
	p99.Print(b.out)
	p999.Print(b.out)
	most.Print(b.out)
	calm.Print(b.out)
	done.Print(b.out)
	return nil
}
