package dhcp

import (
	"errors"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"loadshare/internal/durable"
)

// sickDisk is a store whose writes can be made to hang or to fail.
type sickDisk struct {
	durable.Store
	mu     sync.Mutex // held while writes hang
	failed atomic.Bool
}

func (d *sickDisk) Commit(b *durable.Batch) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.failed.Load() {
		return errors.New("input/output error")
	}
	return d.Store.Commit(b)
}

func sick(s *site) *sickDisk {
	d := &sickDisk{}
	s.pace = watchPace{every: 20 * time.Millisecond, hangs: 500 * time.Millisecond, fit: 200 * time.Millisecond}
	s.open = func(dir string) (durable.Store, error) {
		st, err := durable.OpenPebble(dir, durable.PebbleOptions{})
		d.Store = st
		return d, err
	}
	return d
}

func (s *site) alarm(t testing.TB, name string) *AlarmStatus {
	t.Helper()
	var st Status
	s.ask(t, "/v1/status", nil, &st)
	for i := range st.Alarms {
		if st.Alarms[i].Name == name {
			return &st.Alarms[i]
		}
	}
	return nil
}

// Decision H-i: "an fsync over 2 s: paused, the partner goes communications-interrupted" and serves; when the disk comes on, both are
// normal again by themselves.
func TestPartnerTakesOverFromAHangingDisk(t *testing.T) {
	main, backup := twins(t, "")
	disk := sick(main)
	main.start(t)
	backup.start(t)
	untilNormal(t, main, backup)
	r := main.relay(t, backup)
	acquire(t, r, 1)
	untilNormal(t, main, backup)
	disk.mu.Lock()
	comeOn := sync.OnceFunc(disk.mu.Unlock)
	defer comeOn()
	l := acquire(t, r, 2)
	if l.Server.String() != "127.0.0.3" {
		t.Errorf("served by %s while its disk hangs", l.Server)
	}
	until(t, "the alarm is raised", func() bool { return main.alarm(t, alarmUnfit) != nil })
	if p := main.pair(t); p.State != "paused" || p.Serving {
		t.Errorf("the main is in %s", p.State)
	}
	if err := main.try("/v1/ready", nil, nil, nil); err != nil {
		t.Error(err)
	}
	comeOn()
	untilNormal(t, main, backup)
	until(t, "the alarm is over", func() bool { return main.alarm(t, alarmUnfit) == nil })
	var shown LeaseStatus
	until(t, "the main knows what the backup gave", func() bool {
		return main.try("/v1/lease/show", url.Values{"address": {l.IP.String()}}, nil, &shown) == nil && shown.State == "active"
	})
}

// "After a failed fsync never retry it": the server gives no lease any more until it is started again; the partner serves.
func TestFailedWriteIsForGood(t *testing.T) {
	main, backup := twins(t, "")
	disk := sick(main)
	main.start(t)
	backup.start(t)
	untilNormal(t, main, backup)
	disk.failed.Store(true)
	r := main.relay(t, backup)
	l := acquire(t, r, 1)
	if l.Server.String() != "127.0.0.3" {
		t.Errorf("served by %s, which cannot write", l.Server)
	}
	disk.failed.Store(false)
	if l := acquire(t, r, 2); l.Server.String() != "127.0.0.3" {
		t.Errorf("served by %s, of which nobody knows what is on its disk", l.Server)
	}
	var st Status
	main.ask(t, "/v1/status", nil, &st)
	if st.Ready || !strings.Contains(st.Unfit, "input/output error") {
		t.Errorf("ready %v, unfit %q", st.Ready, st.Unfit)
	}
	main.stop(t)
	main.open = nil
	main.start(t)
	untilNormal(t, main, backup)
}
