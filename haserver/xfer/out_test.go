package xfer

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"loadshare/haserver/message"
	"loadshare/haserver/zone"
)

func load(t *testing.T, text string) *zone.Zone {
	t.Helper()
	origin, err := zone.ParseName("example.test")
	if err != nil {
		t.Fatal(err)
	}
	z, problems := zone.Load(func(string) ([]byte, error) { return []byte(text), nil }, origin, "db")
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	return z
}

const top = "$TTL 60\n@ SOA ns admin 5 3600 600 86400 30\n@ NS ns\nns A 192.0.2.1\n"

// out runs a transfer and returns its messages.
func out(t *testing.T, edns *message.Edns, run func(*Out) error) ([]*dns.Msg, error) {
	t.Helper()
	q := new(dns.Msg)
	q.SetAxfr("example.test.")
	wire, err := q.Pack()
	if err != nil {
		t.Fatal(err)
	}
	var m message.Message
	if err := m.Parse(wire); err != nil {
		t.Fatal(err)
	}
	var list []*dns.Msg
	err = run(&Out{Request: &m, Edns: edns, Now: time.Now, Send: func(b []byte) error {
		if len(b) > maxMessage {
			t.Fatalf("%d octets", len(b))
		}
		r := new(dns.Msg)
		if err := r.Unpack(b); err != nil {
			t.Fatal(err)
		}
		list = append(list, r)
		return nil
	}})
	return list, err
}

// Records as large as they can be go out, one a message where they must; OPT and the question are in the first message alone.
func TestLargestRecords(t *testing.T) {
	var b strings.Builder
	b.WriteString(top)
	for i := range 4 {
		fmt.Fprintf(&b, "big%d TXT%s\n", i, strings.Repeat(` "`+strings.Repeat("x", 255)+`"`, 254))
	}
	list, err := out(t, &message.Edns{Size: 1232}, func(o *Out) error { return o.Zone(load(t, b.String())) })
	if err != nil {
		t.Fatal(err)
	}
	records := 0
	for i, m := range list {
		records += len(m.Answer)
		if (m.IsEdns0() != nil) != (i == 0) || (len(m.Question) == 1) != (i == 0) {
			t.Errorf("message %d: OPT %v, question %v", i, m.IsEdns0(), m.Question)
		}
	}
	if records != 8 || len(list) < 4 {
		t.Errorf("%d records in %d messages", records, len(list))
	}
}

// The transfer ends when the secondary is gone, and says why.
func TestSendError(t *testing.T) {
	gone := errors.New("gone")
	_, err := out(t, nil, func(o *Out) error {
		o.Send = func([]byte) error { return gone }
		return o.Zone(load(t, top))
	})
	if !errors.Is(err, gone) {
		t.Error(err)
	}
}

// RFC 1995 2: the SOA alone.
func TestSerialAlone(t *testing.T) {
	list, err := out(t, nil, func(o *Out) error { return o.Serial(load(t, top)) })
	if err != nil || len(list) != 1 || len(list[0].Answer) != 1 || list[0].Answer[0].(*dns.SOA).Serial != 5 {
		t.Errorf("%v %v", list, err)
	}
}
