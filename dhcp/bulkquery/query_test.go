package bulkquery

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"loadshare/dhcp/lease"
	"loadshare/dhcp/option"
	"loadshare/dhcp/packet"
)

// request is a BULKLEASEQUERY with that changed.
func request(change func(p *packet.Packet)) []byte {
	p := &packet.Packet{Type: packet.BulkLeaseQuery, XID: 0xabcd}
	if change != nil {
		change(p)
	}
	b, _ := p.Append(nil, 2000)
	return b
}

func with(c option.Code, data string) func(p *packet.Packet) {
	return func(p *packet.Packet) { p.Options.Set(c, []byte(data)) }
}

// RFC 6926, 7.2: one primary query, by one of four things, or of all configured addresses; 6.2.5 and 6.2.6: absolute times.
func TestParse(t *testing.T) {
	hardware := func(p *packet.Packet) { p.HType, p.CHAddr = 1, []byte("\x02\x00\x00\x00\x00\x01") }
	both := func(f, g func(p *packet.Packet)) func(p *packet.Packet) {
		return func(p *packet.Packet) { f(p); g(p) }
	}
	for name, c := range map[string]struct {
		change func(p *packet.Packet)
		want   Query
		status Status // 0: taken
	}{
		"all": {want: Query{XID: 0xabcd}},
		"a chaddr of zeros is none": {
			change: func(p *packet.Packet) { p.HType, p.CHAddr = 1, make([]byte, 6) }, want: Query{XID: 0xabcd},
		},
		"by hardware address": {change: hardware, want: Query{XID: 0xabcd, Kind: ByHardware, HType: 1, Key: "\x02\x00\x00\x00\x00\x01"}},
		"by client identifier": {
			change: with(option.ClientIdentifier, "\x01id"), want: Query{XID: 0xabcd, Kind: ByClientID, Key: "\x01id"},
		},
		"by remote-id":        {change: with(option.RelayInformation, "\x01\x01c\x02\x02rr"), want: Query{XID: 0xabcd, Kind: ByRemoteID, Key: "rr"}},
		"by relay-id":         {change: with(option.RelayInformation, "\x0c\x03\x00\x01x"), want: Query{XID: 0xabcd, Kind: ByRelayID, Key: "\x00\x01x"}},
		"with times":          {change: both(with(option.QueryStartTime, "\x00\x00\x00\x05"), with(option.QueryEndTime, "\xff\xff\xff\xff")), want: Query{XID: 0xabcd, Start: 5, End: 0xffffffff}},
		"only an end":         {change: with(option.QueryEndTime, "\x00\x00\x00\x05"), want: Query{XID: 0xabcd, End: 5}},
		"two primaries":       {change: both(hardware, with(option.ClientIdentifier, "\x01id")), status: Malformed},
		"two identifiers":     {change: with(option.RelayInformation, "\x02\x02rr\x0c\x01x"), status: Malformed},
		"ciaddr":              {change: func(p *packet.Packet) { p.CIAddr = 1 }, status: Malformed},
		"yiaddr":              {change: func(p *packet.Packet) { p.YIAddr = 1 }, status: Malformed},
		"siaddr":              {change: func(p *packet.Packet) { p.SIAddr = 1 }, status: Malformed},
		"no type of hardware": {change: func(p *packet.Packet) { p.CHAddr = []byte("abcdef") }, status: Malformed},
		"82 without either":   {change: with(option.RelayInformation, "\x01\x01c"), status: Malformed},
		"an empty remote-id":  {change: with(option.RelayInformation, "\x02\x00"), status: Malformed},
		"61 of one octet":     {change: with(option.ClientIdentifier, "x"), status: Malformed},
		"a short time":        {change: with(option.QueryStartTime, "\x00\x05"), status: Malformed},
		"end before start":    {change: both(with(option.QueryStartTime, "\x00\x00\x00\x05"), with(option.QueryEndTime, "\x00\x00\x00\x04")), status: Malformed},
		"another type":        {change: func(p *packet.Packet) { p.Type = packet.LeaseQuery }, status: Malformed},
		"a VPN":               {change: with(221, "\x00vpn"), status: NotAllowed}, // 6926, 6.2.2: NotAllowed
	} {
		q, err := Parse(request(c.change))
		var bad *Error
		if !errors.As(err, &bad) {
			bad = &Error{}
		}
		if bad.Status != c.status || c.status != 0 && (!bad.Answer || bad.XID != 0xabcd || bad.Text == "") {
			t.Errorf("%s: %+v, want %s", name, bad, c.status)
			continue
		}
		if diff := cmp.Diff(c.want, q, cmpopts.IgnoreUnexported(Query{})); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// What has no transaction to answer to has no answer.
func TestNoAnswerToWhatIsNoRequest(t *testing.T) {
	for name, b := range map[string][]byte{
		"nothing": nil, "half a header": make([]byte, 100),
		"a reply": request(func(p *packet.Packet) { p.Reply = true }),
	} {
		var bad *Error
		if _, err := Parse(b); !errors.As(err, &bad) || bad.Answer || bad.Status != Malformed {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func lent(change func(l *lease.Lease)) lease.Lease {
	l := lease.Lease{
		IP: 0x0a000005, State: lease.Active, Client: lease.Client{ID: "\x01id", HType: 1, CHAddr: "abcdef"}, Start: 1000, Began: 1000, CLTT: 2000, End: 5000, ToldEnd: 5000,
		Sent: 8000, Relay: "\x01\x01c\x02\x02rr\x0c\x01y", Vendor: "phone",
	}
	if change != nil {
		change(&l)
	}
	return l
}

// RFC 6926, 7.2 and 6.2.5: "only bindings that have changed on or after the query-start-time", and on or before the end.
func TestWants(t *testing.T) {
	for name, c := range map[string]struct {
		q    Query
		l    lease.Lease
		now  int64
		want bool
	}{
		"all":                          {Query{}, lent(nil), 3000, true},
		"its address":                  {Query{Kind: ByHardware, HType: 1, Key: "abcdef"}, lent(nil), 3000, true},
		"another type of hardware":     {Query{Kind: ByHardware, HType: 6, Key: "abcdef"}, lent(nil), 3000, false},
		"part of its address":          {Query{Kind: ByHardware, HType: 1, Key: "abcde"}, lent(nil), 3000, false},
		"its identifier":               {Query{Kind: ByClientID, Key: "\x01id"}, lent(nil), 3000, true},
		"another identifier":           {Query{Kind: ByClientID, Key: "\x01ie"}, lent(nil), 3000, false},
		"its remote-id":                {Query{Kind: ByRemoteID, Key: "rr"}, lent(nil), 3000, true},
		"its remote-id as relay-id":    {Query{Kind: ByRelayID, Key: "rr"}, lent(nil), 3000, false},
		"its relay-id":                 {Query{Kind: ByRelayID, Key: "y"}, lent(nil), 3000, true},
		"no relay":                     {Query{Kind: ByRelayID, Key: ""}, lent(func(l *lease.Lease) { l.Relay = "" }), 3000, false},
		"changed at the start":         {Query{Start: 2000}, lent(nil), 3000, true},
		"changed before":               {Query{Start: 2001}, lent(nil), 3000, false},
		"changed at the end":           {Query{End: 2000}, lent(nil), 3000, true},
		"changed after":                {Query{End: 1999}, lent(nil), 3000, false},
		"ended since":                  {Query{Start: 4000}, lent(nil), 5001, true},
		"not ended yet":                {Query{Start: 4000}, lent(nil), 5000, false},
		"state changed, client silent": {Query{Start: 3000}, lent(func(l *lease.Lease) { l.State, l.Start = lease.Free, 3500 }), 4000, true},
		"never anybody's":              {Query{Start: 1}, lease.Lease{IP: 1, State: lease.Free}, 4000, false},
	} {
		if got := c.q.Wants(&c.l, c.now); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(request(nil))
	f.Add(request(with(option.ClientIdentifier, "\x01id")))
	f.Add(request(with(option.RelayInformation, "\x02\x02rr")))
	f.Add(request(with(option.QueryStartTime, "\x00\x00\x00\x05")))
	f.Add(request(with(option.ParameterList, "\x33\x52\x99")))
	f.Fuzz(func(t *testing.T, b []byte) {
		q, err := Parse(b)
		if err != nil {
			var bad *Error
			if !errors.As(err, &bad) || bad.Status == Success || bad.Text == "" {
				t.Fatalf("%v", err)
			}
			return
		}
		if (q.Kind == All) != (q.Key == "") || q.Kind > ByRelayID || q.End > 0 && q.Start > q.End {
			t.Fatalf("%+v", q)
		}
		k := Known{Lease: lent(nil), Own: lease.Free}
		for _, p := range []*packet.Packet{q.Answer(&k, 3000), q.Done(Success, "")} {
			out, left := p.Append(nil, 8<<10)
			back, err := packet.Parse(out)
			if err != nil || left > 0 || back.XID != q.XID {
				t.Fatalf("%+v: %v, %d left out", p, err, left)
			}
		}
	})
}
