package main

import (
	"encoding/json"
	"strconv"
	"time"
)

// agentStatus is the status of an agent (contract).
type agentStatus struct {
	common
	Services []struct {
		Name        string     `json:"name"`
		Restarts    int        `json:"restarts"`
		LastRestart *time.Time `json:"last_restart"`
		LastResult  string     `json:"last_result"`
	} `json:"services"`
	Publish *struct {
		Servers []struct {
			Address   string     `json:"address"`
			OK        bool       `json:"ok"`
			LastError string     `json:"last_error"`
			Asked     *time.Time `json:"last_asked"`
		} `json:"servers"`
		Queued int `json:"queued"`
	} `json:"publish"`
	FrozenSince *time.Time `json:"frozen_since"`
	Monitors    []struct {
		ID        string     `json:"id"`
		Connected bool       `json:"connected"`
		LastHeard *time.Time `json:"last_heard"`
		Holds     []string   `json:"holds"`
	} `json:"monitors"`
}

func (a *app) printAgent(raw json.RawMessage) error {
	var s agentStatus
	if err := json.Unmarshal(raw, &s); err != nil {
		return err
	}
	failing := 0
	if s.Publish != nil {
		for _, v := range s.Publish.Servers {
			if !v.OK {
				failing++
			}
		}
	}
	connected := 0
	for _, m := range s.Monitors {
		if m.Connected {
			connected++
		}
	}
	switch {
	case s.FrozenSince != nil:
		a.printf("agent: %s since %s: no monitor speaks to it, so nothing changes any more\n", a.paint(red, "frozen"), a.when(s.FrozenSince))
	case failing > 0:
		a.printf("agent: %s: %d of %s failing\n", a.paint(red, "cannot publish everywhere"), failing, plural(len(s.Publish.Servers), "DNS server"))
	case connected == 0:
		a.printf("agent: %s: no monitor is connected\n", a.paint(yellow, "waiting"))
	default:
		a.printf("agent: %s\n", a.paint(green, "ok"))
	}
	for _, m := range s.Monitors {
		state := a.paint(green, "connected")
		if !m.Connected {
			state = a.paint(red, "away")
		}
		a.printf("monitor %s: %s, last heard %s, obeyed for %s\n", m.ID, state, a.when(m.LastHeard), plural(len(m.Holds), "pool"))
	}
	a.printCommon(s.common)
	if p := s.Publish; p != nil && len(p.Servers) > 0 {
		a.printf("\n")
		var rows [][]cell
		for _, v := range p.Servers {
			state := cell{"ok", green}
			switch {
			case !v.OK:
				state = cell{"failing", red}
			case v.Asked == nil:
				state = cell{"not asked yet", yellow}
			}
			rows = append(rows, []cell{{v.Address, plain}, state, {a.when(v.Asked), plain}, {v.LastError, plain}})
		}
		a.table([]string{"DNS SERVER", "STATE", "LAST ASKED", "LAST ERROR"}, rows)
		if p.Queued > 0 {
			a.printf("%s wait to be written\n", a.paint(yellow, plural(p.Queued, "record set")))
		}
	}
	if len(s.Services) > 0 {
		a.printf("\n")
		var rows [][]cell
		for _, v := range s.Services {
			rows = append(rows, []cell{{v.Name, plain}, {number(uint64(v.Restarts)), plain}, {a.when(v.LastRestart), plain}, {v.LastResult, plain}})
		}
		a.table([]string{"SERVICE", "RESTARTS", "LAST RESTART", "RESULT"}, rows)
	}
	if s.FrozenSince != nil {
		a.next("loadshare status on the monitor's host")
	}
	return nil
}

// number writes a count without signs between its digits, so that it can be copied.
func number(n uint64) string { return strconv.FormatUint(n, 10) }
