package xfer

import (
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"loadshare/haserver/zone"
)

// changes are the steps from a zone to the last of others.
func changes(list ...*zone.Zone) iter.Seq2[zone.Delta, error] {
	return func(yield func(zone.Delta, error) bool) {
		for i := range list[1:] {
			if !yield(zone.Diff(list[i], list[i+1]), nil) {
				return
			}
		}
	}
}

// soas counts the SOA records in all messages and returns the last record.
func soas(list []*dns.Msg) (n int, last dns.RR) {
	for _, m := range list {
		for _, rr := range m.Answer {
			if last = rr; rr.Header().Rrtype == dns.TypeSOA {
				n++
			}
		}
	}
	return n, last
}

// RFC 1995 4: newest SOA, the steps, newest SOA; over as many messages as it takes.
func TestSteps(t *testing.T) {
	a := load(t, top)
	var text strings.Builder
	text.WriteString(strings.Replace(top, " 5 3600", " 6 3600", 1))
	for i := range 300 {
		fmt.Fprintf(&text, "big%d TXT \"%s\"\n", i, strings.Repeat("x", 240))
	}
	b := load(t, text.String())
	c := b.With(9)
	list, err := out(t, nil, func(o *Out) error { return o.Steps(c, 5, changes(a, b, c)) })
	if err != nil {
		t.Fatal(err)
	}
	if n, last := soas(list); n != 6 || last.(*dns.SOA).Serial != 9 || len(list) < 2 {
		t.Errorf("%d SOA records, the last record is %s, %d messages", n, last, len(list))
	}
}

// Steps that do not lead to the zone are an error, and the end is not sent: no client can take them for whole.
func TestStepsThatDoNotLead(t *testing.T) {
	a := load(t, top)
	b, c := a.With(6), a.With(7)
	broken := errors.New("broken")
	for what, steps := range map[string]iter.Seq2[zone.Delta, error]{
		"from another serial": changes(b, c),
		"a gap": func(yield func(zone.Delta, error) bool) {
			_ = yield(zone.Diff(a, b), nil) && yield(zone.Diff(a, c), nil)
		},
		"too few": changes(a, b),
		"no SOA": func(yield func(zone.Delta, error) bool) {
			d := zone.Diff(a, c)
			d.Deleted = nil
			yield(d, nil)
		},
		"not readable": func(yield func(zone.Delta, error) bool) {
			_ = yield(zone.Diff(a, b), nil) && yield(zone.Delta{}, broken)
		},
	} {
		list, err := out(t, nil, func(o *Out) error { return o.Steps(c, 5, steps) })
		if err == nil || what == "not readable" && !errors.Is(err, broken) {
			t.Errorf("%s: %v", what, err)
		}
		if len(list) != 0 {
			t.Errorf("%s: %d messages, though all of it fits into one that is not finished", what, len(list))
		}
	}
}
