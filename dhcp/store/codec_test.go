package store

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"loadshare/dhcp/engine"
	"loadshare/dhcp/failover"
	"loadshare/dhcp/lease"
	"loadshare/dhcp/names"
)

// full is a lease with every field set.
func full(ip lease.IP) lease.Lease {
	return lease.Lease{
		IP: ip, State: lease.Active, Flags: lease.Reserved | lease.BOOTP,
		Client: lease.Client{ID: "\x01abcdef", HType: 1, CHAddr: "\x02\x00\x00\x00\x00\x01"},
		Start:  1_700_000_001, Began: 1_700_000_000, End: 1_700_086_400, CLTT: 1_700_000_002, ToldEnd: 1_700_090_000, Hold: 3,
		Sent: 1_700_100_000, Acked: 1_700_099_000, Received: -1, Owed: true,
		Hostname: "printer", FQDN: "printer.mydomain.com", DNS: 3, Relay: "\x01\x04eth1", Vendor: "MSFT 5.0", Scope: "cluster",
	}
}

// Every field of a lease comes back; a field that is new in package lease and not written makes this fail.
func TestLeaseRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String()
		when := rapid.Int64()
		l := lease.Lease{
			IP: 7, State: lease.State(rapid.IntRange(1, 7).Draw(t, "state")), Flags: lease.Flags(rapid.Uint8().Draw(t, "flags")),
			Client: lease.Client{ID: text.Draw(t, "id"), HType: rapid.Uint8().Draw(t, "htype"), CHAddr: text.Draw(t, "chaddr")},
			Start:  when.Draw(t, "start"), Began: when.Draw(t, "began"), End: when.Draw(t, "end"), CLTT: when.Draw(t, "cltt"),
			ToldEnd: when.Draw(t, "told"), Hold: when.Draw(t, "hold"), Sent: when.Draw(t, "sent"), Acked: when.Draw(t, "acked"),
			Received: when.Draw(t, "received"), Owed: rapid.Bool().Draw(t, "owed"), Hostname: text.Draw(t, "hostname"), FQDN: text.Draw(t, "fqdn"),
			DNS: rapid.Uint8().Draw(t, "dns"), Relay: text.Draw(t, "relay"), Vendor: text.Draw(t, "vendor"), Scope: text.Draw(t, "scope"),
		}
		got, err := decodeLease(7, encodeLease(nil, &l), map[string]string{})
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(l, got); d != "" {
			t.Fatal(d)
		}
	})
}

// No octet of a lease can change unseen.
func TestLeaseChecksum(t *testing.T) {
	l := full(1)
	good := encodeLease(nil, &l)
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 0x10
		if _, err := decodeLease(1, bad, nil); !errors.Is(err, errChecksum) {
			t.Errorf("octet %d changed: %v", i, err)
		}
		if _, err := decodeLease(1, good[:i], nil); err == nil {
			t.Errorf("%d octets of %d are taken for a lease", i, len(good))
		}
	}
}

// What a newer version wrote is told from damage.
func TestLeaseOfNewerVersion(t *testing.T) {
	if _, err := decodeLease(1, seal([]byte{version + 1, 1, 2, 3}, 0), nil); !errors.Is(err, errNewer) {
		t.Error(err)
	}
}

func FuzzLease(f *testing.F) {
	l := full(1)
	f.Add(appendLease(nil, &l))
	f.Add(appendLease(nil, &lease.Lease{State: lease.Free}))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, body []byte) {
		value := seal(append([]byte{version}, body...), 0) // a fuzzer finds no checksums
		l, err := decodeLease(9, value, map[string]string{})
		if err != nil {
			return
		}
		if again := encodeLease(nil, &l); !bytes.Equal(again, value) {
			t.Errorf("%x became %x", value, again)
		}
	})
}

func FuzzEvent(f *testing.F) {
	l := full(1)
	f.Add(appendLease([]byte{3, 1, 1, 'a', 0}, &l))
	f.Fuzz(func(t *testing.T, body []byte) {
		k := make([]byte, eventKeyLen-1)
		_, _ = decodeEvent(k, seal(append([]byte{version}, body...), 0))
		_, _ = decodeEvent(k, body)
	})
}

// What is written as JSON comes back whole.
func TestSavedAndJobsRoundTrip(t *testing.T) {
	w := engine.Write{
		Saved: []engine.PairSaved{{Name: "p", Saved: failover.Saved{State: 2, Since: 5, Why: failover.Conflict, Peer: 254, PeerSeq: 1 << 63, Assigned: true, Buckets: failover.Buckets{0: 1, 31: 255}}}},
		Jobs:  []names.Job{{ID: 1<<64 - 1, Kind: names.Remove, IP: 3, FQDN: "a.b", DHCID: []byte{0, 1, 2}, TTL: 600, Forward: true}},
	}
	v, err := encodeJSON(nil, w.Saved[0].Saved)
	if err != nil {
		t.Fatal(err)
	}
	var saved failover.Saved
	if err := decodeJSON(v, &saved); err != nil || saved != w.Saved[0].Saved {
		t.Errorf("%v %+v", err, saved)
	}
	if v, err = encodeJSON(nil, w.Jobs[0]); err != nil {
		t.Fatal(err)
	}
	var job names.Job
	if err := decodeJSON(v, &job); err != nil || cmp.Diff(job, w.Jobs[0]) != "" {
		t.Errorf("%v %+v", err, job)
	}
}
