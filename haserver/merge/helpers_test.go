package merge

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"loadshare/haserver/digest"
	"loadshare/haserver/pairmsg"
	"loadshare/haserver/zone"
)

const head = "$TTL 300\n@ SOA ns.example.test. admin 10 3600 600 86400 60\n@ NS ns.example.test.\nns A 192.0.2.53\n"

type fataler interface {
	Helper()
	Fatal(args ...any)
}

var origin = zone.Name("\x07example\x04test\x00")

func load(t fataler, text string) *zone.Zone {
	t.Helper()
	z, problems := zone.Load(func(string) ([]byte, error) { return []byte(head + text), nil }, origin, "zone")
	if z == nil {
		t.Fatal(problems.Err())
	}
	return z
}

// record reads "name [ttl] type [rdata]", the name without the zone's; class is as the operation says.
func record(t fataler, text string) zone.Record {
	t.Helper()
	f := strings.SplitN(text, " ", 2)
	owner := f[0] + ".example.test."
	if f[0] == "@" {
		owner = "example.test."
	}
	name, err := zone.ParseName(owner)
	if err != nil {
		t.Fatal(err)
	}
	r := zone.Record{Name: name, Class: zone.ClassIN, TTL: 300}
	rest := f[1]
	if first, after, _ := strings.Cut(rest, " "); first[0] >= '0' && first[0] <= '9' {
		ttl, err := strconv.Atoi(first)
		if err != nil {
			t.Fatal(err)
		}
		r.TTL, rest = uint32(ttl), after
	}
	kind, data, _ := strings.Cut(rest, " ")
	var ok bool
	if r.Type, ok = zone.ParseType(kind); !ok {
		t.Fatal("type in " + text)
	}
	if data != "" {
		if r.Data, err = zone.ParseRdata(r.Type, data, origin); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// history is one side: what it has, and its entries since the base.
type history struct {
	zone    *zone.Zone
	entries []pairmsg.Entry
}

// apply carries out one message: records with + or - before them, separated by semicolons.
func (h *history) apply(t fataler, time int64, message string) {
	t.Helper()
	var u zone.Update
	for _, text := range strings.Split(message, ";") {
		text = strings.TrimSpace(text)
		r := record(t, strings.TrimSpace(text[1:]))
		if text[0] == '-' {
			r.TTL, r.Class = 0, zone.ClassNONE
			if r.Data == "" {
				r.Class = zone.ClassANY
			}
		}
		u.Updates = append(u.Updates, r)
	}
	h.update(t, time, u)
}

func (h *history) update(t fataler, time int64, u zone.Update) {
	t.Helper()
	next, d, rcode, why := h.zone.Apply(u)
	if rcode != zone.NoError {
		t.Fatal(rcode, why)
	}
	h.take(next, d, time)
}

func (h *history) take(next *zone.Zone, d zone.Delta, time int64) {
	if !d.IsZero() {
		h.zone = next
		h.entries = append(h.entries, pairmsg.Entry{Time: time, Delta: d, Digest: digest.Of(next)})
	}
}

// timed is a message and when it came, such as "5 +www A 192.0.2.1".
func sideOf(t fataler, base *zone.Zone, timed ...string) *history {
	t.Helper()
	h := &history{zone: base}
	for _, text := range timed {
		at, message, _ := strings.Cut(text, " ")
		time, err := strconv.ParseInt(at, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		h.apply(t, time, message)
	}
	return h
}

func input(main, backup *history) Input {
	return Input{Main: main.zone, Backup: backup.zone, MainNet: Compose(main.entries), BackupNet: Compose(backup.entries), Serial: 1000, Now: 77}
}

func merged(t fataler, in Input) Result {
	t.Helper()
	r, err := Merge(in)
	if err != nil {
		t.Fatal(err)
	}
	check(t, r.Zone)
	return r
}

// check asserts that a zone builds, and has an NS set at the apex.
func check(t fataler, z *zone.Zone) {
	t.Helper()
	built, err := zone.Build(z.Origin(), z.All())
	if err != nil {
		t.Fatal(err)
	}
	if d := zone.Diff(built, z); !d.IsZero() || built.Len() != z.Len() {
		t.Fatal("the merged zone is not what its records make", d)
	}
	if _, ok := z.Get(z.Origin(), zone.TypeNS); !ok {
		t.Fatal("the apex has no NS set")
	}
}

// lines are the records beside those of head.
func lines(z *zone.Zone) []string {
	var out []string
	for line := range z.Text() {
		if !strings.Contains(line, " SOA ") && line != "example.test. 300 IN NS ns.example.test." && !strings.HasPrefix(line, "ns.") {
			out = append(out, short(line))
		}
	}
	return out
}

func short(line string) string {
	line = strings.Replace(strings.Replace(line, ".example.test. ", " ", 1), " IN ", " ", 1)
	return strings.Replace(line, "example.test. ", "@ ", 1)
}

func texts(records []zone.Record) string {
	var out []string
	for _, r := range records {
		out = append(out, short(r.String()))
	}
	return strings.Join(out, "; ")
}

// summary is a conflict without its ID, as one line.
func (c Conflict) summary() string {
	return fmt.Sprintf("%s: %s wins; lost [%s] removed [%s]", c.Reason, c.Winner, texts(c.Lost), texts(c.Removed))
}

func summaries(list []Conflict) []string {
	var out []string
	for _, c := range list {
		out = append(out, c.summary())
	}
	return out
}

func ids(list []Conflict) []string {
	var out []string
	for _, c := range list {
		out = append(out, c.ID)
	}
	slices.Sort(out)
	return out
}

func name(t testing.TB, text string) zone.Name {
	t.Helper()
	n, err := zone.ParseName(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
