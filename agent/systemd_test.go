package agent

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"loadshare/monitor/order"
)

// startBus runs a private dbus-daemon; without one the test is skipped, unless
// PEERS=required.
func startBus(t *testing.T) string {
	t.Helper()
	program, err := exec.LookPath("dbus-daemon")
	if err != nil {
		if os.Getenv("PEERS") == "required" {
			t.Fatal("PEERS=required, but dbus-daemon is not installed")
		}
		t.Skip("dbus-daemon is not installed: systemd restarts are not tested")
	}
	dir := t.TempDir()
	conf := filepath.Join(dir, "bus.conf")
	address := "unix:path=" + filepath.Join(dir, "bus")
	text := fmt.Sprintf(`<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>%s</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>`, address)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "--config-file="+conf, "--nofork", "--nopidfile", "--nosyslog")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	poll(t, "the bus listens", func() bool {
		c, err := net.Dial("unix", filepath.Join(dir, "bus"))
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
	return address
}

// fakeSystemd owns org.freedesktop.systemd1 on a private bus and ends each job as
// told by the unit's name.
type fakeSystemd struct {
	conn *dbus.Conn
	jobs uint32
}

const systemdPath = "/org/freedesktop/systemd1"

// Subscribe does nothing.
func (f *fakeSystemd) Subscribe() *dbus.Error { return nil }

// RestartUnit is the Manager's method.
func (f *fakeSystemd) RestartUnit(unit, mode string) (dbus.ObjectPath, *dbus.Error) {
	if mode != "replace" {
		return "", dbus.MakeFailedError(fmt.Errorf("mode %q", mode))
	}
	if strings.HasPrefix(unit, "unknown") {
		return "", dbus.NewError("org.freedesktop.systemd1.NoSuchUnit", []any{"Unit " + unit + " not found."})
	}
	f.jobs++
	job := dbus.ObjectPath(fmt.Sprintf("%s/job/%d", systemdPath, f.jobs))
	result := map[bool]string{true: "failed", false: "done"}[strings.HasPrefix(unit, "broken")]
	if !strings.HasPrefix(unit, "hanging") {
		go func(id uint32) {
			time.Sleep(5 * time.Millisecond) // after the answer, as systemd does
			_ = f.conn.Emit(systemdPath, "org.freedesktop.systemd1.Manager.JobRemoved", id, job, unit, result)
		}(f.jobs)
	}
	return job, nil
}

// GetAll is the properties of any unit.
func (f *fakeSystemd) GetAll(string) (map[string]dbus.Variant, *dbus.Error) {
	return map[string]dbus.Variant{
		"ActiveState": dbus.MakeVariant("failed"), "SubState": dbus.MakeVariant("dead"), "ExecMainStatus": dbus.MakeVariant(int32(203)),
		"StateChangeTimestamp": dbus.MakeVariant(uint64(1767323045000000)),
	}, nil
}

func startFakeSystemd(t *testing.T, address string) {
	t.Helper()
	conn, err := dbus.Connect(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	f := &fakeSystemd{conn: conn}
	if err := conn.Export(f, systemdPath, "org.freedesktop.systemd1.Manager"); err != nil {
		t.Fatal(err)
	}
	for _, unit := range []string{"postfix", "broken", "hanging", "unknown"} {
		if err := conn.Export(f, dbus.ObjectPath(systemdPath+"/unit/"+unit+"_2eservice"), "org.freedesktop.DBus.Properties"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := conn.RequestName("org.freedesktop.systemd1", dbus.NameFlagDoNotQueue); err != nil {
		t.Fatal(err)
	}
}

func TestSystemdRestart(t *testing.T) {
	bus := startBus(t)
	startFakeSystemd(t, bus)
	cases := []struct {
		unit    string
		outcome order.RestartOutcome
		code    int
		output  string
	}{
		{"postfix.service", order.RestartOK, 0, "restart job of postfix.service: done\n"},
		{"broken.service", order.RestartFailed, 1, "restart job of broken.service: failed\nActiveState=failed\nSubState=dead\nStateChangeTimestamp=2026-01-02T03:04:05Z\nExecMainStatus=203\n"},
		{"hanging.service", order.RestartTimeout, -1, "the restart job of hanging.service did not end within 1s; systemd goes on with it\n"},
		{"unknown.service", order.RestartFailed, -1, "restart unknown.service: Unit unknown.service not found.\n"},
	}
	for _, c := range cases {
		t.Run(c.unit, func(t *testing.T) {
			s := Service{Name: "x", Method: Systemd, Unit: c.unit, Timeout: time.Second, Grace: time.Second}
			got := newRestarter(t).restart(t.Context(), bus, s, "o1")
			if got.Outcome != c.outcome || got.ExitCode != c.code || got.Output != c.output {
				t.Errorf("%+v", got)
			}
			if !strings.Contains(got.Evidence, "== "+c.unit+"\nActiveState=failed\n") {
				t.Errorf("evidence %q", got.Evidence)
			}
		})
	}
}

func TestSystemdNotThere(t *testing.T) {
	s := Service{Name: "x", Method: Systemd, Unit: "x.service", Timeout: time.Second, Grace: time.Second}
	got := newRestarter(t).restart(t.Context(), "unix:path="+t.TempDir()+"/none", s, "o1")
	if got.Outcome != order.RestartFailed || !strings.Contains(got.Output, "connect to systemd") {
		t.Errorf("%+v", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := systemd("unix:path=/none").status(ctx, "x.service"); err == nil {
		t.Error("no error")
	}
}
