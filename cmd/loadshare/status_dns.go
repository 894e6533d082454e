package main

import (
	"encoding/json"
	"strings"
	"time"
)

// dnsStatus is the status of a DNS server (contract).
type dnsStatus struct {
	common
	Role           string     `json:"role"`
	RoleConfigured string     `json:"role_configured"`
	RoleSince      *time.Time `json:"role_since"`
	State          string     `json:"state"`
	Since          *time.Time `json:"since"`
	Reason         string     `json:"reason"`
	Partner        *struct {
		Address    string     `json:"address"`
		State      string     `json:"state"`
		LastHeard  *time.Time `json:"last_heard"`
		Connected  bool       `json:"connected"`
		ClockAhead float64    `json:"clock_ahead"`
		LastError  string     `json:"last_error"`
		Unfit      string     `json:"unfit"`
	} `json:"partner"`
	AcceptingUpdates bool        `json:"accepting_updates"`
	Why              string      `json:"why"`   // why it takes no updates
	Unfit            string      `json:"unfit"` // why it can write nothing
	Copies           int         `json:"copies"`
	Owed             uint64      `json:"owed"`
	Zones            []zoneView  `json:"zones"`
	Total            int         `json:"zones_total"`
	Synchronized     int         `json:"zones_synchronized"`
	Percent          int         `json:"zones_synchronized_percent"`
	Pending          int         `json:"zones_pending"`
	Failed           int         `json:"zones_failed"`
	Conflicts        int         `json:"conflicts"`
	Alarms           []alarmSeen `json:"alarms"`
}

// alarmSeen is an alarm of the status.
type alarmSeen struct {
	Name  string     `json:"name"`
	Since *time.Time `json:"since"`
	Text  string     `json:"text"`
}

type zoneView struct {
	Name       string `json:"name"`
	Serial     uint32 `json:"serial"`
	Sync       string `json:"sync"`
	Records    int    `json:"records"`
	SyncReason string `json:"sync_reason"`
	SyncError  string `json:"sync_error"`
	Withheld   string `json:"withheld"` // why queries get SERVFAIL
	Settings   string `json:"settings"` // file or partner
	// FileChanged is the zone's file when it was edited since it was read.
	FileChanged string `json:"file_changed"`
}

// withheldWords are the reasons of a zone that is not served, as a person would say them.
var withheldWords = map[string]string{
	"fresh":   "only read from its file; the partner may know better",
	"stale":   "older than what the partner has, from where it comes",
	"expired": "alone with data older than EXPIRE",
}

// zoneNote is what is worth saying of a zone besides its state; "": nothing.
func zoneNote(withheld, syncError, settings string) string {
	var parts []string
	if withheld != "" {
		parts = append(parts, "queries get SERVFAIL: "+orWord(withheldWords[withheld], withheld))
	}
	if syncError != "" {
		parts = append(parts, syncError)
	}
	if settings == "partner" {
		parts = append(parts, "settings of the partner")
	}
	return strings.Join(parts, "; ")
}

// note is zoneNote for a list, where there is room for what to type.
func (z *zoneView) note() string {
	note := zoneNote(z.Withheld, z.SyncError, z.Settings)
	if z.FileChanged == "" {
		return note
	}
	edited := "its file was edited since it was read: loadshare zone load " + z.Name + " " + z.FileChanged + " --report"
	if note == "" {
		return edited
	}
	return note + "; " + edited
}

func (a *app) printDNS(raw json.RawMessage) error {
	var s dnsStatus
	if err := json.Unmarshal(raw, &s); err != nil {
		return err
	}
	a.printPairHead(s)
	a.printPartner(s)
	a.printCommon(s.common)
	if s.Partner != nil && s.Partner.Address != "" && s.Total > 0 {
		a.printf("%d zones: %d synchronized, %d pending, %d failed\n", s.Total, s.Synchronized, s.Pending, s.Failed)
	}
	a.printAlarms(s)
	a.printf("\n")
	a.printZones(s.Zones)
	a.next(s.advice())
	return nil
}

func (a *app) printZones(zones []zoneView) {
	if len(zones) == 0 {
		a.printf("no zones\n")
		return
	}
	var rows [][]cell
	for _, z := range zones {
		rows = append(rows, []cell{{z.Name, plain}, {number(uint64(z.Serial)), plain}, {number(uint64(z.Records)), plain}, {z.Sync, stateColor(z.Sync)}, {z.note(), plain}})
	}
	a.table([]string{"ZONE", "SERIAL", "RECORDS", "SYNC", ""}, rows)
}
