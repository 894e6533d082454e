package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

func (a *app) printMonitor(raw json.RawMessage) error {
	var s monitorStatus
	if err := json.Unmarshal(raw, &s); err != nil {
		return err
	}
	up, all := 0, 0
	worst := ""
	for _, p := range s.Pools {
		for _, m := range p.Members {
			all++
			if m.State == "up" {
				up++
			} else if m.State != "drained" && worst == "" {
				worst = fmt.Sprintf("loadshare pool why %s %s", p.Record, m.Address)
			}
		}
	}
	color := green
	if up < all {
		color = yellow
	}
	a.printf("monitor %s: %s of %s up in %s\n", s.ID, a.paint(color, fmt.Sprint(up)), plural(all, "member"), plural(len(s.Pools), "pool"))
	if s.Why != "" {
		a.printf("%s: %s\n", a.paint(red, "not ready"), s.Why)
	}
	if s.Guard.Holding {
		a.printf("%s since %s (%s): nothing is taken out of DNS for now: %s\n", a.paint(red, "the guard holds"), a.when(s.Guard.Since), s.Guard.Reason, strings.Join(s.Guard.Held, ", "))
	}
	for _, g := range s.Agents {
		if !g.Connected {
			a.printf("%s agent %s since %s: %s\n", a.paint(red, "away"), g.Address, a.when(g.Since), g.LastError)
		}
	}
	for _, m := range s.Monitors {
		if !m.OK && !m.Self {
			a.printf("%s monitor %s since %s: %s\n", a.paint(red, "away"), m.ID+" "+m.Address, a.when(m.Since), m.LastError)
		}
	}
	if pool := a.printServers(s.Pools); worst == "" && pool != "" {
		worst = "loadshare pool show " + pool
	}
	a.printCommon(s.common)
	a.printf("\n")
	a.printPools(s.Pools)
	a.next(worst)
	return nil
}

// printServers names each DNS server that owes or refuses a change, or does not answer, with the first reason; it returns a pool that shows it.
func (a *app) printServers(pools []poolView) (shown string) {
	what, why := map[string]string{}, map[string]string{}
	note := func(pool *poolView, server, state, text string) {
		if what[server] != "" {
			return
		}
		what[server], why[server] = state, text
		shown = pool.Record
	}
	for i := range pools {
		p := &pools[i]
		for _, v := range p.Servers {
			if v.State == "owed" || v.State == "refused" {
				note(p, v.Address, map[string]string{"owed": "does not take changes", "refused": "refuses changes"}[v.State], v.LastError)
			}
		}
		for _, v := range p.Answers {
			if v.LastError != "" {
				note(p, v.Server, "does not answer", v.LastError)
			}
		}
	}
	for _, server := range slices.Sorted(maps.Keys(what)) {
		a.printf("DNS server %s %s: %s\n", server, a.paint(red, what[server]), why[server])
	}
	return shown
}

// printPools prints one line a pool; what is wrong is named.
func (a *app) printPools(pools []poolView) {
	if len(pools) == 0 {
		a.printf("no pools\n")
		return
	}
	var rows [][]cell
	for _, p := range pools {
		var out []string
		up := 0
		for _, m := range p.Members {
			if m.State == "up" {
				up++
			} else {
				out = append(out, m.Address+" "+m.State)
			}
		}
		state := cell{fmt.Sprintf("%d/%d", up, len(p.Members)), green}
		if up == 0 {
			state.color = red
		} else if up < len(p.Members) {
			state.color = yellow
		}
		rows = append(rows, []cell{{p.Record, plain}, {p.Type, plain}, state, {number(uint64(len(p.Published))), plain}, {strings.Join(out, ", "), plain}})
	}
	a.table([]string{"RECORD", "TYPE", "UP", "IN DNS", "NOT UP"}, rows)
}
