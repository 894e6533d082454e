package main

import (
	"os"
	"os/exec"
	"strconv"
	"syscall"

	"loadshare/test/bench/measure"
)

// Cores: what is measured, and what loads it.
const (
	serverCore = 0
	loadCore   = 1
)

// server is one server under measurement.
type server struct {
	node
	dir   string
	first bool             // the main of a pair
	pool  int              // addresses
	proc  *measure.Process // nil: it does not run
}

// run starts a program in the server's network and on the servers' core. Its output is added to a file in its directory.
func (s *server) run(program string, args ...string) (err error) {
	cmd := exec.Command("ip", append([]string{"netns", "exec", s.netns, "taskset", "-c", strconv.Itoa(serverCore), program}, args...)...)
	cmd.Env = append(os.Environ(), "KEA_PIDFILE_DIR="+s.dir, "KEA_LOCKFILE_DIR=none")
	s.proc, err = measure.Start(s.dir, cmd)
	return err
}

// stop ends it, if it runs.
func (s *server) stop(sig syscall.Signal) {
	if s.proc != nil {
		s.proc.Stop(sig)
		s.proc = nil
	}
}

// newTable compares each row with ours, alone or as a pair as the row is.
func (b *bench) newTable(title, unit, goal string) *measure.Table {
	kinds := map[string]kind{}
	for _, k := range b.kinds {
		kinds[k.name] = k
	}
	return measure.NewTable(title, unit, goal, func(row string, rows []string) string {
		for _, r := range rows {
			if o := kinds[r]; o.ours && o.pair == kinds[row].pair {
				return r
			}
		}
		return ""
	})
}
