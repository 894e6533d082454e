package bulkquery

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"loadshare/dhcp/lease"
	"loadshare/dhcp/option"
	"loadshare/dhcp/packet"
)

// RFC 6926, 6.2.7, seen from a server alone, the main and the backup. REMOTE: "Address is available to a remote DHCPv4 server";
// TRANSITIONING: "Address is moving between states".
func TestStates(t *testing.T) {
	state := func(s lease.State) lease.Lease { return lent(func(l *lease.Lease) { l.State = s }) }
	for _, c := range []struct {
		l                   lease.Lease
		now                 int64
		alone, main, backup State
	}{
		{state(lease.Free), 3000, Available, Available, Remote},
		{state(lease.Backup), 3000, Available, Remote, Available},
		{state(lease.Active), 5000, Active, Active, Active}, // the second in which it ends is the client's
		{state(lease.Active), 5001, Expired, Transitioning, Transitioning},
		{lent(func(l *lease.Lease) { l.End, l.ToldEnd = lease.Forever, lease.Forever }), 1 << 40, Active, Active, Active},
		{state(lease.Expired), 3000, Expired, Transitioning, Transitioning},
		{state(lease.Released), 3000, Released, Transitioning, Transitioning},
		{state(lease.Reset), 3000, Reset, Transitioning, Transitioning},
		{state(lease.Abandoned), 3000, Abandoned, Abandoned, Abandoned},
	} {
		for _, k := range []struct {
			Known
			want State
		}{
			{Known{c.l, lease.Free, false}, c.alone}, {Known{c.l, lease.Free, true}, c.main}, {Known{c.l, lease.Backup, true}, c.backup},
		} {
			if got := k.StateOf(c.now); got != k.want {
				t.Errorf("%s at %d, own %s, paired %v: %s, want %s", c.l.State, c.now, k.Own, k.Paired, got, k.want)
			}
		}
	}
}

// options are the values of a message by code.
func options(p *packet.Packet) map[option.Code]string {
	out := map[option.Code]string{}
	for _, o := range p.Options {
		out[o.Code] = string(o.Data)
	}
	return out
}

func asking(codes ...option.Code) Query {
	list := make([]byte, len(codes))
	for i, c := range codes {
		list[i] = byte(c)
	}
	q, err := Parse(request(with(option.ParameterList, string(list))))
	if err != nil {
		panic(err)
	}
	return q
}

// RFC 6926, 6.2.3: "All of the other time-based options in the reply message are relative to this time"; 8.2: ACTIVE for a binding that is,
// UNASSIGNED for any other; the request's xid in all.
func TestAnswer(t *testing.T) {
	plain, all, few := asking(), Query{XID: 7}, asking(option.VendorClass, option.DataSource)
	for name, c := range map[string]struct {
		q    *Query
		k    Known
		now  int64
		kind packet.Type
		want map[option.Code]string
	}{
		"active, of a server alone": {&all, Known{Lease: lent(nil), Own: lease.Free}, 3000, packet.LeaseActive, map[option.Code]string{
			152: "\x00\x00\x0b\xb8", 156: "\x02", 51: "\x00\x00\x07\xd0", 61: "\x01id", 91: "\x00\x00\x03\xe8", 153: "\x00\x00\x07\xd0", 157: "\x00",
			82: "\x01\x01c\x02\x02rr\x0c\x01y",
		}},
		"nothing asked but what is always there": {&plain, Known{Lease: lent(nil), Own: lease.Free}, 3000, packet.LeaseActive, map[option.Code]string{
			152: "\x00\x00\x0b\xb8", 156: "\x02", 51: "\x00\x00\x07\xd0", 61: "\x01id", 91: "\x00\x00\x03\xe8",
		}},
		"the partner extended it": {&few, Known{Lease: lent(func(l *lease.Lease) { l.Received = 8001 }), Own: lease.Free, Paired: true}, 3000, packet.LeaseActive, map[option.Code]string{
			152: "\x00\x00\x0b\xb8", 156: "\x02", 51: "\x00\x00\x07\xd0", 61: "\x01id", 91: "\x00\x00\x03\xe8", 157: "\x01", 60: "phone",
		}},
		"it has no end": {&plain, Known{Lease: lent(func(l *lease.Lease) { l.End, l.Client.ID = lease.Forever, "" }), Own: lease.Free}, 3000, packet.LeaseActive, map[option.Code]string{
			152: "\x00\x00\x0b\xb8", 156: "\x02", 51: "\xff\xff\xff\xff", 91: "\x00\x00\x03\xe8",
		}},
		"released, the partner must know: nobody can tell who did it": {&few, Known{Lease: lent(func(l *lease.Lease) { l.State = lease.Released }), Own: lease.Free, Paired: true}, 3000, packet.LeaseUnassigned, map[option.Code]string{
			152: "\x00\x00\x0b\xb8", 156: "\x08", 61: "\x01id", 91: "\x00\x00\x03\xe8", 60: "phone",
		}},
		"abandoned: whoever uses it is not the last client": {&all, Known{Lease: lent(func(l *lease.Lease) { l.State = lease.Abandoned }), Own: lease.Free}, 3000, packet.LeaseUnassigned, map[option.Code]string{
			152: "\x00\x00\x0b\xb8", 156: "\x05", 91: "\x00\x00\x03\xe8", 153: "\x00\x00\x07\xd0", 157: "\x00",
		}},
		"never anybody's": {&all, Known{Lease: lease.Lease{IP: 0x0a000005, State: lease.Free}, Own: lease.Free}, 3000, packet.LeaseUnassigned, map[option.Code]string{
			152: "\x00\x00\x0b\xb8", 156: "\x01", 157: "\x00",
		}},
		"a clock that went back": {&plain, Known{Lease: lent(nil), Own: lease.Free}, 1500, packet.LeaseActive, map[option.Code]string{
			152: "\x00\x00\x05\xdc", 156: "\x02", 51: "\x00\x00\x0d\xac", 61: "\x01id", 91: "\x00\x00\x00\x00",
		}},
	} {
		p := c.q.Answer(&c.k, c.now)
		if p.Type != c.kind || p.XID != c.q.XID || p.CIAddr != 0x0a000005 || !p.Reply || p.YIAddr|p.SIAddr|p.GIAddr != 0 {
			t.Errorf("%s: %+v", name, p)
		}
		if diff := cmp.Diff(c.want, options(p)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		known := !c.k.Lease.Client.IsZero() && c.k.Lease.State != lease.Abandoned
		if (string(p.CHAddr) == "abcdef" && p.HType == 1) != known {
			t.Errorf("%s: hardware %d %q", name, p.HType, p.CHAddr)
		}
	}
}

// RFC 6926, 6.2.2: without option 151 the status is Success.
func TestDone(t *testing.T) {
	q := Query{XID: 9}
	if p := q.Done(Success, ""); p.Type != packet.LeaseQueryDone || p.XID != 9 || len(p.Options) != 0 {
		t.Errorf("%+v", p)
	}
	if p := q.Done(Terminated, "stop"); options(p)[option.StatusCode] != "\x02stop" {
		t.Errorf("%+v", p)
	}
}

// "A Query for All Configured IP Addresses": with those that nobody ever had, each once, in order, whatever the pages.
func TestFillIsTheUnion(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var ranges []Range
		want := map[lease.IP]bool{}
		base := lease.IP(0xffffffff - 60) // to the last address there is
		for at := base; at >= base && len(ranges) < 4; {
			first := at + lease.IP(rapid.IntRange(0, 5).Draw(t, "gap"))
			last := first + lease.IP(rapid.IntRange(0, 9).Draw(t, "size"))
			if rapid.Bool().Draw(t, "to the end") && len(ranges) == 3 {
				last = 0xffffffff
			}
			ranges = append(ranges, Range{first, last})
			for ip := first; ; ip++ {
				want[ip] = false
				if ip == last {
					break
				}
			}
			at = last + 1
		}
		var records []lease.Lease
		for _, ip := range rapid.SliceOfDistinct(rapid.Uint32Range(uint32(base)-5, 0xffffffff), func(v uint32) uint32 { return v }).Draw(t, "records") {
			records = append(records, lease.Lease{IP: lease.IP(ip), State: lease.Active})
			want[lease.IP(ip)] = true
		}
		slices.SortFunc(records, func(a, b lease.Lease) int { return int(int64(a.IP) - int64(b.IP)) })
		most := rapid.IntRange(1, 20).Draw(t, "most")
		got := map[lease.IP]bool{}
		for after, n := lease.IP(0), most; n == most; {
			i := 0
			for i < len(records) && records[i].IP <= after {
				i++
			}
			page := Fill(after, most, records[i:min(len(records), i+most)], ranges)
			if n = len(page); n > most {
				t.Fatalf("%d of at most %d", n, most)
			}
			for _, l := range page {
				if l.IP <= after {
					t.Fatalf("%s after %s", l.IP, after)
				}
				after = l.IP
				got[l.IP] = l.State == lease.Active
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	})
}
