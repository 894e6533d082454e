package beside

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"loadshare/dhcp/lease"
	"loadshare/dhcp/option"
)

// Told is what this server told a client, or would have told it (decision D-j). Both servers must choose the same messages.
type Told struct {
	Client  lease.Client
	XID     uint32
	Type    uint8 // of the client's message
	Served  bool  // this server told it
	Scope   string
	Classes []string
	Seconds uint32 // lease time by policy
	Options option.List
}

// Reason is how the two would tell a client different things.
type Reason uint8

// The reasons.
const (
	AnotherScope Reason = iota + 1
	AnotherClass
	AnotherLeaseTime
	AnotherOption // another value of it
	NoOption      // that the other gives
	MoreOption    // that the other does not give
)

// String is a few words.
func (r Reason) String() string {
	if r >= AnotherScope && r <= MoreOption {
		return [...]string{"another scope", "another class", "another lease time", "another option", "no option", "more option"}[r-1]
	}
	return "unknown"
}

// Finding is one difference that was seen at clients.
type Finding struct {
	Reason Reason
	Scope  string      // of who told the client, or of this server's when both would have
	Code   option.Code // of the last three
	Who    string      // would give it otherwise; "" when both told the client, or neither did
	First  int64       // seconds since 1970
	Last   int64
	Count  int
}

// String is the finding for people: backup would give another router in scope voice.
func (f Finding) String() string {
	who := f.Who + " would give"
	if f.Who == "" {
		who = "the two servers differ: one gives"
	}
	switch f.Reason {
	case AnotherScope:
		return fmt.Sprintf("%s an address of another scope to clients of scope %s", who, f.Scope)
	case AnotherClass:
		return fmt.Sprintf("%s what another class gets to clients in scope %s", who, f.Scope)
	case AnotherLeaseTime:
		return fmt.Sprintf("%s another lease time in scope %s", who, f.Scope)
	case AnotherOption:
		return fmt.Sprintf("%s another %s in scope %s", who, optionWord(f.Code), f.Scope)
	case NoOption:
		return fmt.Sprintf("%s no %s in scope %s", who, optionWord(f.Code), f.Scope)
	default:
		return fmt.Sprintf("%s a %s in scope %s, which the other does not", who, optionWord(f.Code), f.Scope)
	}
}

// optionWord is an option in the words of people who set up networks.
func optionWord(c option.Code) string {
	switch c {
	case option.Routers:
		return "router"
	case option.SubnetMask:
		return "subnet mask"
	case option.DomainNameServers:
		return "DNS server"
	case option.DomainName:
		return "domain name"
	case option.TFTPServerName:
		return "TFTP server"
	case option.BootFile:
		return "boot file"
	}
	if d, ok := option.ByCode(c); ok {
		return d.Name
	}
	return fmt.Sprintf("option %d", c)
}

const (
	maxUnmatched = 1024 // that wait for the partner's word
	toldTime     = 30 * time.Second
	maxUnsent    = 128
	maxFindings  = 100
	findingTime  = int64(time.Hour / time.Second) // after the last client
)

// shadows matches what both tell.
type shadows struct {
	waiting  map[uint64]unmatched
	order    []uint64 // of waiting, by age; some are gone
	unsent   []told
	findings []Finding
	matched  uint64
}

type unmatched struct {
	told
	own bool
	at  time.Duration
}

// digestOf is what is told of it.
func digestOf(t *Told) told {
	h := fnv.New64a()
	_, _ = h.Write(binary.BigEndian.AppendUint32([]byte{t.Type}, t.XID))
	_, _ = h.Write([]byte(t.Client.Key()))
	out := told{key: h.Sum64(), served: t.Served, scope: t.Scope[:min(len(t.Scope), maxText)], seconds: t.Seconds}
	c := fnv.New32a()
	for _, name := range t.Classes {
		_, _ = c.Write(append([]byte(name), 0))
	}
	out.classes = c.Sum32()
	for _, o := range t.Options {
		h := fnv.New32a()
		_, _ = h.Write(o.Data)
		out.options = append(out.options, optionDigest{uint8(o.Code), h.Sum32()})
	}
	slices.SortFunc(out.options, func(a, b optionDigest) int { return cmp.Compare(a.code, b.code) })
	out.options = slices.CompactFunc(out.options, func(a, b optionDigest) bool { return a.code == b.code })
	out.options = out.options[:min(len(out.options), maxOptions)]
	return out
}

// meet compares what both told, when the second of the two comes.
func (s *shadows) meet(t told, own bool, now Now, us, them string) {
	other, ok := s.waiting[t.key]
	if !ok || other.own == own {
		s.wait(t, own, now.Mono)
		return
	}
	delete(s.waiting, t.key)
	if now.Mono-other.at > toldTime {
		return // another message with the same number
	}
	s.matched++
	mine, theirs := t, other.told
	if !own {
		mine, theirs = theirs, mine
	}
	// Who told the client is right by definition; the other is measured by it.
	real, would, who := &mine, &theirs, ""
	switch {
	case mine.served && !theirs.served:
		who = them
	case theirs.served && !mine.served:
		real, would, who = &theirs, &mine, us
	}
	compare(real, would, func(r Reason, c uint8) {
		s.found(Finding{Reason: r, Scope: real.scope, Code: option.Code(c), Who: who}, now.Wall)
	})
}

// compare says how would differs from real.
func compare(real, would *told, say func(Reason, uint8)) {
	if real.scope != would.scope {
		say(AnotherScope, 0)
		return
	}
	if real.classes != would.classes {
		say(AnotherClass, 0)
	}
	if real.seconds != would.seconds {
		say(AnotherLeaseTime, 0)
	}
	a, b := real.options, would.options
	for len(a) > 0 || len(b) > 0 {
		switch {
		case len(b) == 0 || len(a) > 0 && a[0].code < b[0].code:
			say(NoOption, a[0].code)
			a = a[1:]
		case len(a) == 0 || a[0].code > b[0].code:
			say(MoreOption, b[0].code)
			b = b[1:]
		default:
			if a[0].digest != b[0].digest {
				say(AnotherOption, a[0].code)
			}
			a, b = a[1:], b[1:]
		}
	}
}

// wait keeps it until the partner's word comes; the oldest make place.
func (s *shadows) wait(t told, own bool, now time.Duration) {
	if s.waiting == nil {
		s.waiting = map[uint64]unmatched{}
	}
	for len(s.order) > 0 && (len(s.order) >= maxUnmatched || now-s.waiting[s.order[0]].at > toldTime) {
		delete(s.waiting, s.order[0])
		s.order = s.order[1:]
	}
	s.waiting[t.key] = unmatched{t, own, now}
	s.order = append(s.order, t.key)
}

func (s *shadows) found(f Finding, wall int64) {
	for i := range s.findings {
		if o := &s.findings[i]; o.Reason == f.Reason && o.Scope == f.Scope && o.Code == f.Code && o.Who == f.Who {
			o.Last = wall
			o.Count++
			return
		}
	}
	if len(s.findings) < maxFindings {
		f.First, f.Last, f.Count = wall, wall, 1
		s.findings = append(s.findings, f)
	}
}

// clean forgets findings that no client has shown for an hour.
func (s *shadows) clean(wall int64) {
	s.findings = slices.DeleteFunc(s.findings, func(f Finding) bool { return wall-f.Last > findingTime })
}

// Findings are the differences that were seen at clients in the last hour, in the order in which they were seen first.
func (m *Machine) Findings() []Finding { return slices.Clone(m.shadows.findings) }
