package dhcp

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"strings"
	"time"

	"loadshare/dhcp/config"
	"loadshare/dhcp/engine"
	"loadshare/dhcp/lease"
	"loadshare/dhcp/names"
	"loadshare/dhcp/store"
)

// The bounds of a file of first leases.
const (
	maxFirstLeases = 2_000_000
	maxFirstLine   = 8192
)

// firstLease is a line of the file that `loadshare import dhcpd` and `import kea` write.
type firstLease struct {
	Address      netip.Addr `json:"address"`
	MAC          string     `json:"mac"`
	HardwareType uint8      `json:"hardware_type"`
	ClientID     string     `json:"client_id"`
	Starts       time.Time  `json:"starts"`
	Ends         *time.Time `json:"ends"` // null: never
	Hostname     string     `json:"hostname"`
	FQDN         string     `json:"fqdn"`
}

// takeFirstLeases puts the leases of another server into a store that never held any, in one write: all of them, or none. In any other
// store it does nothing, so the key may stay in the configuration.
func takeFirstLeases(st *store.Store, start *engine.Start, conf *config.Config, now time.Time, log *slog.Logger) error {
	if conf.FirstLeases == "" || len(start.Leases) > 0 || len(start.Saved) > 0 {
		return nil
	}
	f, err := os.Open(conf.FirstLeases)
	if err != nil {
		return fmt.Errorf("first_leases: %w", err)
	}
	defer f.Close()
	leases, left, err := readFirstLeases(f, conf, now.Unix())
	if err != nil {
		return fmt.Errorf("first_leases: %s:%w", conf.FirstLeases, err)
	}
	seq, err := st.Commit(&engine.Write{Batch: 1, Leases: leases}, now.Unix())
	if err != nil {
		return err
	}
	start.Leases, start.Seq, start.LastCommit = leases, seq, now.Unix()
	log.Info("first_leases", "taken", len(leases), "over_or_without_scope", left)
	return nil
}

// readFirstLeases reads a lease a line. Those that are over, or are of no scope, are left out and counted. The error begins with the line.
func readFirstLeases(r io.Reader, conf *config.Config, now int64) (list []lease.Lease, left int, err error) {
	in := bufio.NewScanner(r)
	in.Buffer(nil, maxFirstLine)
	seen := map[lease.IP]bool{}
	line := 0
	for in.Scan() {
		if line++; line > maxFirstLeases {
			return nil, 0, fmt.Errorf("%d: at most %d leases are read", line, maxFirstLeases)
		}
		if strings.TrimSpace(in.Text()) == "" {
			continue
		}
		l, err := parseFirstLease(in.Bytes())
		if err != nil {
			return nil, 0, fmt.Errorf("%d: %w", line, err)
		}
		if seen[l.IP] {
			return nil, 0, fmt.Errorf("%d: %s is there twice", line, l.IP)
		}
		seen[l.IP] = true
		if l.Over(now) || !intoScope(&l, conf) {
			left++
			continue
		}
		list = append(list, l)
	}
	if err := in.Err(); err != nil {
		return nil, 0, fmt.Errorf("%d: %w", line+1, err)
	}
	return list, left, nil
}

func parseFirstLease(data []byte) (lease.Lease, error) {
	var f firstLease
	if err := json.Unmarshal(data, &f); err != nil {
		return lease.Lease{}, fmt.Errorf("not a lease as JSON: %w", err)
	}
	mac, err := octets(f.MAC)
	id, err2 := octets(f.ClientID)
	if err := errors.Join(err, err2); err != nil {
		return lease.Lease{}, err
	}
	l := lease.Lease{IP: lease.IPOf(f.Address), State: lease.Active, Client: lease.ClientOf(id, max(f.HardwareType, 1), mac), End: lease.Forever}
	if l.IP == 0 {
		return l, errors.New("address: an IPv4 address")
	}
	if l.Client.ID == "" && len(mac) == 0 {
		return l, errors.New("neither mac nor client_id: nobody has it")
	}
	if f.Ends != nil {
		l.End = min(max(f.Ends.Unix(), 1), lease.Forever)
	}
	begin := min(max(f.Starts.Unix(), 1), l.End)
	l.Start, l.Began, l.CLTT, l.ToldEnd = begin, begin, begin, l.End
	l.Hostname = f.Hostname
	if f.FQDN != "" {
		l.FQDN, l.DNS = strings.ToLower(f.FQDN), names.Forward|names.Reverse // the old server wrote them; what is not this client's is never removed
	}
	return l, nil
}

func octets(text string) ([]byte, error) {
	b, err := hex.DecodeString(strings.ReplaceAll(text, ":", ""))
	if err != nil || len(b) > 255 {
		return nil, fmt.Errorf("%q is not octets in hexadecimal with colons", text)
	}
	return b, nil
}

// intoScope gives the lease its scope; false: there is none for it.
func intoScope(l *lease.Lease, conf *config.Config) bool {
	for i := range conf.Scopes.Scopes {
		sc := &conf.Scopes.Scopes[i]
		if sc.Subnet.Contains(l.IP.Addr()) {
			l.Scope = sc.Name
			return true
		}
	}
	return false
}
