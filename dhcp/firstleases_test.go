package dhcp

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"loadshare/dhcp/config"
	"loadshare/dhcp/lease"
)

// What another server promised is kept: its clients keep their addresses, nobody else gets them, also after a restart; those that are over
// or of no scope are left out, and a store that has leases takes none.
func TestFirstLeases(t *testing.T) {
	s := newSite(t, "first_leases = \"leases.jsonl\"\n"+single)
	now := time.Now().UTC()
	line := func(address, mac string, ends time.Time) string {
		return fmt.Sprintf("{\"address\":%q,\"mac\":%q,\"starts\":%q,\"ends\":%q,\"hostname\":\"old\"}\n", address, mac, now.Add(-time.Hour).Format(time.RFC3339), ends.Format(time.RFC3339))
	}
	put := func(text string) {
		if err := os.WriteFile(filepath.Join(s.dir, "leases.jsonl"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(line("127.1.2.77", "02:00:00:00:00:01", now.Add(time.Hour)) +
		line("127.1.0.1", "02:00:00:00:00:99", now.Add(time.Hour)) +
		line("127.1.0.5", "02:00:00:00:00:98", now.Add(-time.Minute)) +
		line("192.0.2.1", "02:00:00:00:00:97", now.Add(time.Hour)) +
		"{\"address\":\"127.1.0.9\",\"mac\":\"02:00:00:00:00:96\",\"starts\":\"2026-01-01T00:00:00Z\",\"ends\":null}\n")
	s.start(t)
	r := s.relay(t)
	if l := acquire(t, r, 1); l.IP.String() != "127.1.2.77" {
		t.Errorf("the client of the old server has %s now", l.IP)
	}
	if l := acquire(t, r, 2); l.IP.String() == "127.1.0.1" || l.IP.String() == "127.1.0.9" {
		t.Errorf("%s is given twice", l.IP)
	}
	states := func() (out []string) {
		var list LeaseList
		s.ask(t, "/v1/lease/list", url.Values{"state": {"active"}}, &list)
		for _, l := range list.Leases {
			if l.Address != "127.1.2.77" && !strings.HasSuffix(l.Hardware, ":02") {
				out = append(out, l.Address)
			}
		}
		return out
	}
	if got := strings.Join(states(), " "); got != "127.1.0.1 127.1.0.9" {
		t.Errorf("leases: %s", got)
	}
	s.stop(t)
	put(line("127.1.0.33", "02:00:00:00:00:95", now.Add(time.Hour)))
	s.start(t)
	if got := strings.Join(states(), " "); got != "127.1.0.1 127.1.0.9" {
		t.Errorf("after a restart: %s", got)
	}
}

// A file that is not whole is refused, with its line.
func TestFirstLeasesThatAreRefused(t *testing.T) {
	good := `{"address":"192.0.2.1","mac":"02:00:00:00:00:01","starts":"2026-01-01T00:00:00Z","ends":null}` + "\n"
	for text, want := range map[string]string{
		good + "nonsense":                    "2: not a lease",
		good + good:                          "2: 192.0.2.1 is there twice",
		`{"address":"::1","mac":"02"}`:       "1: address",
		`{"address":"192.0.2.1"}`:            "1: neither mac nor client_id",
		`{"address":"192.0.2.1","mac":"zz"}`: "1: \"zz\" is not octets",
		strings.Repeat(" ", 2*maxFirstLine):  "1: bufio.Scanner: token too long",
	} {
		if _, _, err := readFirstLeases(strings.NewReader(text), &config.Config{}, 1); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%.60q: %v, want %q", text, err, want)
		}
	}
}

func FuzzFirstLease(f *testing.F) {
	f.Add([]byte(`{"address":"192.0.2.1","mac":"02:00:00:00:00:01","client_id":"01:02","starts":"2026-01-01T00:00:00Z","ends":"2026-01-02T00:00:00Z","fqdn":"A.example"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := parseFirstLease(data)
		if err != nil {
			return
		}
		if l.IP == 0 || l.State != lease.Active || l.Client.IsZero() || l.ToldEnd != l.End || l.End < 1 || l.End > lease.Forever || l.CLTT > l.End || l.CLTT < 1 {
			t.Fatalf("%+v", l)
		}
	})
}
