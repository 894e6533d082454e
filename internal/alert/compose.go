package alert

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// Bounds of one message.
const (
	maxSubject = 200
	maxText    = 256 << 10
	maxThreads = 20 // References of a digest
)

// thread is what a destination remembers of an incident.
type thread struct {
	// Root is the ID of the first message, Last that of the newest.
	Root string `json:"root"`
	Last string `json:"last"`
	// At is when Last was sent.
	At time.Time `json:"at"`
}

// hash names text in hexadecimal digits that fit everywhere.
func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:10])
}

// composer writes messages for one destination. Its methods are pure.
type composer struct {
	from, domain, role, host, dest string
	to                             []string
}

// id is the Message-ID of a message whose newest alert is entry seq of the queue. The same content has the same
// ID at every try, other content another.
func (c composer) id(about string, seq uint64) string {
	return fmt.Sprintf("%s.%d@%s", hash(c.role+"\x00"+c.host+"\x00"+c.dest+"\x00"+about), seq, c.domain)
}

// single writes one incident's message: entries are of one incident, oldest first, at least one.
func (c composer) single(entries []entry, t thread, now time.Time) Message {
	last := entries[len(entries)-1]
	m := c.message(entries, now)
	m.ID = c.id(last.Alert.Incident, last.Seq)
	m.Subject = subject(last.Alert.Title)
	if t.Root != "" {
		m.InReplyTo, m.References = t.Root, []string{t.Root}
		if t.Last != t.Root {
			m.References = append(m.References, t.Last)
		}
	}
	var b strings.Builder
	if next := nextOf(entries); next != "" {
		fmt.Fprintf(&b, "Type this first:\n\n    %s\n\n", next)
	}
	for i := len(entries) - 1; i >= 0; i-- { // the newest is what counts
		if i < len(entries)-1 {
			b.WriteString("\nBefore that:\n\n")
		}
		section(&b, entries[i].Alert)
	}
	c.sign(&b, last.Alert.Incident)
	m.Text = clip(b.String())
	return m
}

// digest writes one message about many incidents. threads has those known.
func (c composer) digest(entries []entry, threads map[string]thread, now time.Time) Message {
	groups := byIncident(entries)
	m := c.message(entries, now)
	m.ID = c.id("digest\x00"+fmt.Sprint(entries[0].Seq), entries[len(entries)-1].Seq)
	m.Subject = subject(fmt.Sprintf("digest: %s in %s", count(len(entries), "alert"), count(len(groups), "incident")))
	for _, g := range groups {
		if t, ok := threads[hash(g[0].Alert.Incident)]; ok && g[0].Alert.Incident != "" && len(m.References) < maxThreads {
			m.References = append(m.References, t.Root)
		}
	}
	var b strings.Builder
	b.WriteString("Type this first:\n\n    loadshare status\n\n")
	b.WriteString("More happened than one mail each was allowed for, or the mail could not be sent at the time.\nAll of it, by incident, the newest of each first:\n\n")
	for _, g := range groups {
		newest := g[len(g)-1].Alert
		fmt.Fprintf(&b, "* %s  %s\n", stamp(newest.At), oneLine(newest.Title))
		for i := len(g) - 2; i >= 0; i-- {
			fmt.Fprintf(&b, "  %s  %s\n", stamp(g[i].Alert.At), oneLine(g[i].Alert.Title))
		}
	}
	b.WriteString("\nIn detail:\n")
	for _, g := range groups {
		for i := len(g) - 1; i >= 0; i-- {
			b.WriteString("\n")
			if g[i].Alert.Next != "" {
				fmt.Fprintf(&b, "    %s\n\n", oneLine(g[i].Alert.Next))
			}
			section(&b, g[i].Alert)
		}
	}
	c.sign(&b, "")
	m.Text = clip(b.String())
	return m
}

func (c composer) message(entries []entry, now time.Time) Message {
	m := Message{From: c.from, To: c.to, At: now}
	for _, e := range entries {
		m.Alerts = append(m.Alerts, e.Alert)
	}
	return m
}

func (c composer) sign(b *strings.Builder, incident string) {
	fmt.Fprintf(b, "\n-- \nloadshare %s on %s", c.role, c.host)
	if incident != "" {
		fmt.Fprintf(b, ", incident %s", oneLine(incident))
	}
	b.WriteString("\n")
}

// section writes one alert.
func section(b *strings.Builder, a Alert) {
	fmt.Fprintf(b, "%s  %s\n", stamp(a.At), oneLine(a.Title))
	if body := strings.TrimSpace(a.Body); body != "" {
		b.WriteString("\n" + body + "\n")
	}
	if len(a.Children) > 0 {
		b.WriteString("\nIt took along:\n")
		for _, child := range a.Children {
			fmt.Fprintf(b, "  - %s\n", oneLine(child))
		}
	}
	if ev := strings.TrimRight(a.Evidence, "\n"); ev != "" {
		b.WriteString("\nEvidence:\n\n    " + strings.ReplaceAll(ev, "\n", "\n    ") + "\n")
	}
}

// nextOf is the newest command among the entries.
func nextOf(entries []entry) string {
	for i := len(entries) - 1; i >= 0; i-- {
		if n := oneLine(entries[i].Alert.Next); n != "" {
			return n
		}
	}
	return ""
}

// byIncident groups entries by incident in the order of their first ones. An entry without incident is a group.
func byIncident(entries []entry) [][]entry {
	var groups [][]entry
	at := map[string]int{}
	for _, e := range entries {
		i, ok := at[e.Alert.Incident]
		if !ok || e.Alert.Incident == "" {
			i = len(groups)
			groups = append(groups, nil)
			at[e.Alert.Incident] = i
		}
		groups[i] = append(groups[i], e)
	}
	return groups
}

func subject(title string) string {
	s := []rune("[loadshare] " + oneLine(title))
	if len(s) > maxSubject {
		s = append(s[:maxSubject-1], '…')
	}
	return string(s)
}

func clip(text string) string {
	text = strings.ToValidUTF8(text, "?")
	if len(text) <= maxText {
		return text
	}
	return strings.ToValidUTF8(text[:maxText], "") + "\n[the rest does not fit in a mail]\n"
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// stamp is a time as mail shows it: with its offset, since the reader may be elsewhere.
func stamp(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05 -0700") }
