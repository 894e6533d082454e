package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Decision D-l: a main with leases and without a past takes its partner for down; one that lost its disk must not get old leases.
func TestFirstLeasesStandAlone(t *testing.T) {
	dir := inDir(t)
	if err := os.WriteFile(filepath.Join(dir, "l.jsonl"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	main, err := os.ReadFile(filepath.Join(dir, "dhcp-main.toml"))
	if err != nil {
		t.Fatal(err)
	}
	_, problems := Parse(filepath.Join(dir, "x.toml"), append([]byte("first_leases = \"l.jsonl\"\n"), main...))
	if err := problems.Err(); err == nil || !strings.Contains(err.Error(), "nothing beside [[failover]]") {
		t.Errorf("%v", err)
	}
	c, problems := Parse(filepath.Join(dir, "y.toml"), []byte("first_leases = \"l.jsonl\"\nlisten = [\"127.0.0.1:67\"]\n"))
	if err := problems.Err(); err != nil || c.FirstLeases != filepath.Join(dir, "l.jsonl") {
		t.Errorf("%v %q", err, c.FirstLeases)
	}
}
