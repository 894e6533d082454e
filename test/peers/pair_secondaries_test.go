package peers

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestPairSecondaries: BIND, Knot and NSD, each fed by both partners and by each alone, stay equal to the pair through all that can happen to
// it. Meanwhile no server's serial goes back and no serial names two contents ("always", table of promises).
func TestPairSecondaries(t *testing.T) {
	t.Parallel()
	p := startPair(t, nil, everySecondary...)
	p.equal(t, "at first")
	w := p.look()
	n := 0
	update := func(to *partner) (name, address string) {
		t.Helper()
		n++
		name, address = fmt.Sprintf("step%d", n), fmt.Sprintf("192.0.2.%d", 100+n)
		took := p.update(t, to, name, address)
		t.Logf("%s at %s: NOERROR after %s", name, to.name, took.Round(time.Millisecond))
		return name, address
	}
	healed := func(what string) {
		t.Helper()
		took := p.normal(t)
		records, _ := p.equal(t, what)
		t.Logf("%s: normal after %s", what, took.Round(time.Millisecond))
		for i := range n {
			if !strings.Contains(strings.Join(records, "\n"), fmt.Sprintf("step%d.%s. 60 IN A 192.0.2.%d", i+1, pairZone, 101+i)) {
				t.Errorf("%s: step%d was acknowledged and is not there", what, i+1)
			}
		}
	}

	update(p.main)
	healed("in normal")

	p.main.proc.kill9()
	update(p.backup)
	p.main.up(t)
	healed("after kill -9 of the main")

	p.backup.proc.kill9()
	update(p.main)
	p.backup.up(t)
	healed("after kill -9 of the backup")

	p.main.signal(t, syscall.SIGSTOP)
	update(p.backup)
	p.main.signal(t, syscall.SIGCONT)
	healed("after the main was frozen for longer than comm_timeout")

	p.backup.signal(t, syscall.SIGSTOP)
	update(p.main)
	p.backup.signal(t, syscall.SIGCONT)
	healed("after the backup was frozen")

	mend := p.main.cut(t, p.backup.host)
	eventually(t, "both are parted", func() error {
		if err := p.main.is(parted)(); err != nil {
			return err
		}
		return p.backup.is(parted)()
	})
	update(p.main)
	update(p.backup)
	update(p.main)
	mend()
	healed("after the link was cut and both took updates")

	t.Log(p.main.operate(t, "ha", "swap", "--reason", "test of the roles"))
	eventually(t, "the roles are exchanged", func() error {
		m, err := p.main.status()
		if err != nil {
			return err
		}
		b, err := p.backup.status()
		if err != nil {
			return err
		}
		if m.Role != "backup" || b.Role != "main" {
			return fmt.Errorf("roles %s and %s", m.Role, b.Role)
		}
		return nil
	})
	update(p.backup)
	healed("after a swap")
	p.backup.operate(t, "ha", "swap", "--reason", "and back")
	update(p.main)
	healed("after a swap back")

	p.main.proc.kill9()
	eventually(t, "the backup sees it", p.backup.is(parted))
	p.backup.operate(t, "ha", "partner-down")
	eventually(t, "partner-down", p.backup.is(soloState))
	update(p.backup)
	p.main.up(t)
	healed("after partner-down")

	p.main.proc.stop(syscall.SIGTERM)
	update(p.backup)
	p.main.up(t)
	healed("after the main was stopped in order")
	w.end(t)
}
