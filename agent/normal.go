package agent

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"loadshare/agent/plan"
	"loadshare/ddns"
	"loadshare/monitor/order"
)

// resetTries is how often a zone's message is built anew when something changed
// between reading and writing.
const resetTries = 4

// resetJob compares with normal-dns, or resets to it: one message a zone (M5).
type resetJob struct {
	edge    dnsEdge
	servers []string
	policy  plan.Policy
	fence   bool
	reset   plan.Reset
}

// run asks the servers side by side, and writes to all of them, or with `pair`
// to the first that takes it.
func (j resetJob) run(ctx context.Context) order.NormalDNSAnswer {
	out := order.NormalDNSAnswer{Servers: make([]order.NormalDNSServer, len(j.servers))}
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
		if text := j.write(ctx, server, zone, zones[zone]); text != "" {
			failed = append(failed, text)
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

// read asks for every set and sorts by zone. What cannot be read is left out and said.
func (j resetJob) read(ctx context.Context, server string, wants []ddns.Want) (map[string][]readSet, string) {
	zones := map[string][]readSet{}
	for _, w := range wants {
		k := w.Set.Key()
		r := plan.Read{Server: server, Zone: j.reset.Zones[k.Name], Key: k}
		if j.fence {
			name, err := ddns.GenerationName(k)
			if err != nil {
				return zones, err.Error()
			}
			r.Generation = name
		}
		done := j.edge.read(ctx, r)
		if done.Fault == plan.Silent {
			return zones, done.Err // the others would wait in vain too
		}
		if done.Fault != plan.NoFault {
			return zones, fmt.Sprintf("%s %s: %s", k.Name, k.Type, done.Err)
		}
		zones[done.Zone] = append(zones[done.Zone], readSet{done.Have, w})
	}
	return zones, ""
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
