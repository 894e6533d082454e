package main

import (
	"encoding/json"
	"strings"
	"time"
)

// dnsStatus is the status of a DNS server (contract).
type dnsStatus struct {
	common
	Role    string     `json:"role"`
	State   string     `json:"state"`
	Since   *time.Time `json:"since"`
	Partner *struct {
		Address   string     `json:"address"`
		State     string     `json:"state"`
		LastHeard *time.Time `json:"last_heard"`
	} `json:"partner"`
	AcceptingUpdates bool       `json:"accepting_updates"`
	Unfit            string     `json:"unfit"` // why it takes no updates
	Zones            []zoneView `json:"zones"`
	Total            int        `json:"zones_total"`
	Synchronized     int        `json:"zones_synchronized"`
	Pending          int        `json:"zones_pending"`
	Failed           int        `json:"zones_failed"`
}

type zoneView struct {
	Name    string `json:"name"`
	Serial  uint32 `json:"serial"`
	Sync    string `json:"sync"`
	Records int    `json:"records"`
}

func (a *app) printDNS(raw json.RawMessage) error {
	var s dnsStatus
	if err := json.Unmarshal(raw, &s); err != nil {
		return err
	}
	a.printf("dns %s: %s", s.Role, a.paint(stateColor(s.State), s.State))
	if s.Since != nil {
		a.printf(" since %s", a.when(s.Since))
	}
	if s.AcceptingUpdates {
		a.printf(", takes updates\n")
	} else {
		a.printf(", %s\n", strings.TrimSuffix(a.paint(red, "takes no updates")+": "+s.Unfit, ": "))
	}
	if p := s.Partner; p != nil && p.Address != "" {
		a.printf("partner %s: %s, last heard %s\n", p.Address, a.paint(stateColor(p.State), p.State), a.when(p.LastHeard))
	}
	a.printCommon(s.common)
	if s.Partner != nil && s.Partner.Address != "" && s.Total > 0 {
		a.printf("%d zones: %d synchronized, %d pending, %d failed\n", s.Total, s.Synchronized, s.Pending, s.Failed)
	}
	a.printf("\n")
	a.printZones(s.Zones)
	return nil
}

func (a *app) printZones(zones []zoneView) {
	if len(zones) == 0 {
		a.printf("no zones\n")
		return
	}
	var rows [][]cell
	for _, z := range zones {
		rows = append(rows, []cell{{z.Name, plain}, {number(uint64(z.Serial)), plain}, {number(uint64(z.Records)), plain}, {z.Sync, stateColor(z.Sync)}})
	}
	a.table([]string{"ZONE", "SERIAL", "RECORDS", "SYNC"}, rows)
}
