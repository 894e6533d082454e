package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"time"

	sd "github.com/coreos/go-systemd/v22/dbus"
	"github.com/godbus/dbus/v5"

	"loadshare/monitor/order"
)

// nonBlocking keeps the opening of a log that is a FIFO from waiting.
const nonBlocking = syscall.O_NONBLOCK

// unitManager is the part of systemd that the agent needs. Each call makes its
// own connection: restarts are rare, and a stale one would fail just then.
type unitManager interface {
	// restart runs a restart job and returns its result: "done", "failed", "timeout", …
	restart(ctx context.Context, unit string) (string, error)
	// status is what systemd says about the unit, as lines "Key=value".
	status(ctx context.Context, unit string) (string, error)
}

// systemd is unitManager over D-Bus; the string is the bus address, "" for the system's.
type systemd string

func (s systemd) connect(ctx context.Context) (*sd.Conn, error) {
	if s == "" {
		return sd.NewSystemConnectionContext(ctx)
	}
	return sd.NewConnection(func() (*dbus.Conn, error) {
		conn, err := dbus.Dial(string(s), dbus.WithContext(ctx))
		if err != nil {
			return nil, err
		}
		if err := errors.Join(conn.Auth(nil), conn.Hello()); err != nil {
			_ = conn.Close()
			return nil, err
		}
		return conn, nil
	})
}

func (s systemd) restart(ctx context.Context, unit string) (string, error) {
	conn, err := s.connect(ctx)
	if err != nil {
		return "", fmt.Errorf("connect to systemd: %w", err)
	}
	defer conn.Close()
	_ = conn.Subscribe() // job results come to the one who asked for the job anyway
	results := make(chan string, 1)
	if _, err := conn.RestartUnitContext(ctx, unit, "replace", results); err != nil {
		return "", fmt.Errorf("restart %s: %w", unit, err)
	}
	select {
	case res := <-results:
		return res, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// statusKeys are the properties worth a line.
var statusKeys = []string{"LoadState", "ActiveState", "SubState", "UnitFileState", "StateChangeTimestamp", "Result", "ExecMainPID", "ExecMainCode", "ExecMainStatus", "NRestarts"}

func (s systemd) status(ctx context.Context, unit string) (string, error) {
	conn, err := s.connect(ctx)
	if err != nil {
		return "", fmt.Errorf("connect to systemd: %w", err)
	}
	defer conn.Close()
	props, err := conn.GetAllPropertiesContext(ctx, unit)
	if err != nil {
		return "", fmt.Errorf("status of %s: %w", unit, err)
	}
	var b strings.Builder
	for _, k := range statusKeys {
		v, ok := props[k]
		if !ok {
			continue
		}
		if usec, isTime := v.(uint64); isTime && strings.HasSuffix(k, "Timestamp") {
			v = time.UnixMicro(int64(usec)).UTC().Format(time.RFC3339) //nolint:gosec // G115: systemd's microseconds since 1970
		}
		fmt.Fprintf(&b, "%s=%v\n", k, v)
	}
	return b.String(), nil
}

// restartUnit waits for the job's result; the unit's state is told when it is not "done".
func (r *restarter) restartUnit(ctx context.Context, bus string, s Service, text io.Writer) (order.RestartOutcome, int) {
	units := r.units(bus)
	jctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	result, err := units.restart(jctx, s.Unit)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		fmt.Fprintf(text, "the restart job of %s did not end within %s; systemd goes on with it\n", s.Unit, s.Timeout)
		return order.RestartTimeout, -1
	case err != nil:
		fmt.Fprintf(text, "%v\n", err)
		return order.RestartFailed, -1
	}
	fmt.Fprintf(text, "restart job of %s: %s\n", s.Unit, result)
	if result == "done" {
		return order.RestartOK, 0
	}
	sctx, cancelStatus := context.WithTimeout(ctx, evidenceTime)
	defer cancelStatus()
	if state, err := units.status(sctx, s.Unit); err == nil {
		_, _ = io.WriteString(text, state)
	}
	if result == "timeout" {
		return order.RestartTimeout, -1
	}
	return order.RestartFailed, 1
}
