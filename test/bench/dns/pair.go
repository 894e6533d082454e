package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"time"

	"loadshare/internal/config"
)

// startPair starts two servers of a kind of ours that shadow each other and waits until they are in the state normal. The main has
// the core of the servers; the backup shares the other with the load, as it would have a machine of its own. The addresses of their
// link end in more than after.
func (b *bench) startPair(k kind, zoneFile string, after int) (*running, error) {
	link := func(n int) string { return fmt.Sprintf("127.0.53.%d:%d", after+n, 2225) }
	pairKey := config.NewKey("pair").Text()
	r := &running{}
	for i, role := range []string{"main", "backup"} {
		s := &site{dir: filepath.Join(b.dir, fmt.Sprintf("pair-%d-%s", b.next(), role)), addr: b.address(), key: b.key}
		ha := fmt.Sprintf("[ha]\nrole = \"%s\"\nlisten = \"%s\"\npartner = \"%s\"\nkey = \"pair.key\"\n", role, link(1+i), link(2-i))
		k.files = func(s *site) map[string]string {
			return map[string]string{"dns.toml": ourConf(s, "dns", ha), "pair.key": pairKey}
		}
		if err := k.prepare(s, zoneFile); err != nil {
			r.stop()
			return nil, err
		}
		core := serverCore
		if role == "backup" {
			core = loadCore
		}
		p, err := startOn(core, s.dir, k.program, k.args(s)...)
		if err != nil {
			r.stop()
			return nil, err
		}
		if r.proc == nil {
			r.proc, r.site, r.kind = p, s, k
			r.kind.name = k.name + " pair"
		} else {
			r.others = append(r.others, p)
		}
	}
	if err := waitNormal(r, k.program); err != nil {
		tail := r.proc.Tail()
		r.stop()
		return nil, fmt.Errorf("the pair does not come up: %w\n%s", err, tail)
	}
	return r, nil
}

// waitNormal waits until the main says that the pair works and takes updates.
func waitNormal(r *running, program string) error {
	var s struct {
		State     string `json:"state"`
		Accepting bool   `json:"accepting_updates"`
		Total     int    `json:"zones_total"`
		Synced    int    `json:"zones_synchronized"`
	}
	var last error
	for end := time.Now().Add(60 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if err := r.proc.Ended(); err != nil {
			return fmt.Errorf("the main ended: %w", err)
		}
		out, err := exec.Command(program, "status", "--json", "-s", "unix:"+filepath.Join(r.site.dir, "dns.sock")).Output()
		if err == nil {
			err = json.Unmarshal(out, &s)
		}
		if err == nil && s.State == "normal" && s.Accepting && s.Synced == s.Total {
			return waitAnswer(r.proc, r.addr)
		}
		last = errors.Join(fmt.Errorf("state %q, %d of %d zones synchronized", s.State, s.Synced, s.Total), err)
	}
	return last
}
