package dhcp

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// "'configuration differs' is an alarm, with what differs"; sync shows it, then ends it, and keeps the old file.
func TestConfigurationDiffersUntilSynchronised(t *testing.T) {
	main, backup := twins(t, "")
	backup.text = strings.Replace(backup.text, `routers = ["127.0.0.1"]`, `routers = ["127.0.0.77"]`, 1)
	main.start(t)
	backup.start(t)
	untilNormal(t, main, backup)
	until(t, "the alarm is raised on both, with what differs", func() bool {
		for _, s := range []*site{main, backup} {
			if a := s.alarm(t, alarmDiffers); a == nil || !strings.Contains(a.Text, "127.0.0.77") {
				return false
			}
		}
		return true
	})
	var r SyncReport
	order := SyncOrder{Operation: "complete", Direction: "main-to-backup"}
	if err := main.try("/v1/dhcp-pair/sync", nil, order, &r); err != nil {
		t.Fatal(err)
	}
	if r.Applied || r.Destination != "backup" || len(r.Changes) != 1 || !strings.Contains(r.Changes[0].Text, "127.0.0.1") {
		t.Errorf("report: %+v", r)
	}
	order.Run = true
	for range 2 { // told to either server it is the same; the second finds nothing to do
		if err := backup.try("/v1/dhcp-pair/sync", nil, order, &r); err != nil {
			t.Fatal(err)
		}
		if order.Run && len(r.Changes) == 1 && (!r.Applied || r.File != backup.path()) {
			t.Errorf("run: %+v", r)
		}
	}
	if kept, err := os.ReadDir(backup.dir); err != nil || !slices.ContainsFunc(kept, func(e os.DirEntry) bool { return strings.HasPrefix(e.Name(), "dhcp.toml.") }) {
		t.Errorf("the old configuration is not kept: %v %v", kept, err)
	}
	until(t, "the alarm is over", func() bool { return main.alarm(t, alarmDiffers) == nil && backup.alarm(t, alarmDiffers) == nil })
	var l Status
	backup.ask(t, "/v1/status", nil, &l)
	if l.Reload == nil || !l.Reload.OK {
		t.Errorf("the backup has not read it again: %+v", l.Reload)
	}
}
