package agent

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"loadshare/agent/plan"
	"loadshare/ddns"
	"loadshare/monitor/order"
)

// resetTries is how often a zone's message is built anew when something changed
// between reading and writing.
const resetTries = 4

// readAtOnce is how many sets are asked for at once.
const readAtOnce = 16

// resetJob compares with normal-dns, or resets to it: one message a zone (M5).
type resetJob struct {
	edge    dnsEdge
	servers []string
	policy  plan.Policy
	fence   bool
	reset   plan.Reset
	noFile  bool
}

// run asks the servers side by side, and writes to all of them, or with `pair`
// to the first that takes it.
func (j resetJob) run(ctx context.Context) order.NormalDNSAnswer {
	out := order.NormalDNSAnswer{Servers: make([]order.NormalDNSServer, len(j.servers)), NoFile: j.noFile}
	if j.reset.Apply && j.policy == plan.Pair {
		j.inTurn(ctx, out.Servers)
		return out
	}
	var all sync.WaitGroup
	for i, server := range j.servers {
		all.Go(func() { out.Servers[i] = j.at(ctx, server, j.reset.Apply) })
	}
	all.Wait()
	return out
}

// inTurn resets a pair: main, main, backup; the partner of the one that took it
// is only compared.
func (j resetJob) inTurn(ctx context.Context, out []order.NormalDNSServer) {
	took := -1
	for i, server := range j.servers {
		if took >= 0 {
			out[i] = j.at(ctx, server, false)
			continue
		}
		out[i] = j.at(ctx, server, true)
		if i == 0 && out[i].Error != "" {
			out[i] = j.at(ctx, server, true)
		}
		if out[i].Error == "" {
			took = i
		}
	}
}

// at handles one server. Lines are the differences found, whether applied or not.
func (j resetJob) at(ctx context.Context, server string, apply bool) order.NormalDNSServer {
	out := order.NormalDNSServer{Server: server, Lines: []string{}}
	var failed []string
	zones, err := j.read(ctx, server, j.reset.Wants)
	if err != "" {
		failed = append(failed, err)
	}
	for _, zone := range slices.Sorted(maps.Keys(zones)) {
		for _, s := range zones[zone] {
			out.Lines = append(out.Lines, ddns.Diff(s.have.Set, s.want.Set)...)
		}
		if !apply {
			continue
		}
		for _, part := range parts(zones[zone]) {
			if text := j.write(ctx, server, zone, part); text != "" {
				failed = append(failed, text)
			}
		}
	}
	out.Error = strings.Join(failed, "; ")
	out.Applied = apply && out.Error == ""
	return out
}

type readSet struct {
	have ddns.Have
	want ddns.Want
}

// read asks for every set, several at once, and sorts by zone. What cannot be
// read is left out and said; after one silence the rest is not asked: it would
// wait in vain.
func (j resetJob) read(ctx context.Context, server string, wants []ddns.Want) (map[string][]readSet, string) {
	done := make([]plan.ReadDone, len(wants))
	var next atomic.Int64
	var silent atomic.Bool
	var all sync.WaitGroup
	for range min(readAtOnce, len(wants)) {
		all.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(wants)) && !silent.Load(); i = next.Add(1) - 1 {
				done[i] = j.readOne(ctx, server, wants[i].Set.Key())
				if done[i].Fault == plan.Silent {
					silent.Store(true)
				}
			}
		})
	}
	all.Wait()
	zones, errs := map[string][]readSet{}, []string{}
	for i, d := range done {
		switch {
		case d.Fault == plan.Silent:
			return nil, d.Err
		case d.Fault != plan.NoFault:
			errs = append(errs, fmt.Sprintf("%s %s: %s", wants[i].Set.Name, wants[i].Set.Type, d.Err))
		default:
			zones[d.Zone] = append(zones[d.Zone], readSet{d.Have, wants[i]})
		}
	}
	return zones, firstOf(errs)
}

// firstOf keeps a long list of errors readable.
func firstOf(errs []string) string {
	const most = 5
	if len(errs) > most {
		errs = append(errs[:most:most], fmt.Sprintf("and %d more", len(errs)-most))
	}
	return strings.Join(errs, "; ")
}

func (j resetJob) readOne(ctx context.Context, server string, k ddns.Key) plan.ReadDone {
	r := plan.Read{Server: server, Zone: j.reset.Zones[k.Name], Key: k}
	if j.fence {
		name, err := ddns.GenerationName(k)
		if err != nil {
			return plan.ReadDone{Fault: plan.Final, Err: err.Error()}
		}
		r.Generation = name
	}
	return j.edge.read(ctx, r)
}

// parts cuts what does not fit one message of 64 KiB. Sets stay whole.
func parts(sets []readSet) [][]readSet {
	const room = 40_000 // octets, as text: names are compressed on the wire, so this is on the safe side
	var out [][]readSet
	size := room
	for _, s := range sets {
		n := 4*len(s.want.Set.Name) + 150
		for _, v := range slices.Concat(s.have.Set.Values, s.have.Set.Values, s.want.Set.Values) {
			n += len(s.want.Set.Name) + len(v) + 12
		}
		if size += n; size > room {
			out, size = append(out, nil), n
		}
		out[len(out)-1] = append(out[len(out)-1], s)
	}
	return out
}

// generationAsRead guards a name that is no pool of this order: should another
// monitor make one of it meanwhile, the server refuses.
func generationAsRead(s readSet) ddns.Set {
	name, _ := ddns.GenerationName(s.want.Set.Key()) // read has refused names without room for it
	return ddns.Set{Name: name, Type: "TXT", Values: s.have.Generation}
}

// write sends one zone's message, and builds it anew when something changed
// meanwhile. Sets that hold a newer generation than their pool's order are left
// alone and said.
func (j resetJob) write(ctx context.Context, server, zone string, sets []readSet) string {
	var newer []string
	for try := 1; ; try++ {
		c := ddns.Change{Zone: zone}
		newer = nil
		for _, s := range sets {
			st, ok := s.have.Stamp()
			switch {
			case j.fence && ok && s.want.Stamp != (ddns.Stamp{}) && order.Stamp(st).Newer(order.Stamp(s.want.Stamp)):
				newer = append(newer, s.want.Set.Name)
			case !j.fence:
				c.Ops = append(c.Ops, ddns.Replace(s.have.Set, s.want.Set)...)
			case s.want.Stamp == (ddns.Stamp{}):
				if ops := ddns.Replace(s.have.Set, s.want.Set); len(ops) > 0 {
					c.AsRead(s.have.Set)
					c.AsRead(generationAsRead(s))
					c.Ops = append(c.Ops, ops...)
				}
			default:
				if err := c.Fence(s.have, s.want); err != nil {
					return err.Error()
				}
			}
		}
		if len(c.Ops) == 0 {
			break
		}
		done := j.edge.write(ctx, plan.Write{Server: server, Change: c})
		if done.Fault == plan.NoFault {
			break
		}
		if done.Fault != plan.Changed || try == resetTries {
			return done.Err
		}
		wants := make([]ddns.Want, len(sets))
		for i, s := range sets {
			wants[i] = s.want
		}
		again, text := j.read(ctx, server, wants)
		if text != "" {
			return text
		}
		sets = again[zone]
	}
	if len(newer) > 0 {
		return "left alone, a pool's newer decision is there: " + strings.Join(newer, ", ")
	}
	return ""
}
