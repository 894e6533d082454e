package dhcp

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"loadshare/dhcp/engine"
	"loadshare/dhcp/option"
)

// shadow is what a server told a client, or would have told it, as the partners tell each other (decision D-j).
type shadow struct {
	Key     string          `json:"key"` // transaction and client
	Served  bool            `json:"served"`
	Scope   string          `json:"scope"`
	Classes []string        `json:"classes,omitempty"`
	Seconds uint32          `json:"seconds"`
	Options []option.Option `json:"options,omitempty"`
}

const (
	maxShadows   = 512 // that wait for the partner's
	shadowTime   = 30 * time.Second
	shadowEvery  = time.Second
	shadowBatch  = 64
	maxDiffering = 20
	differsTime  = time.Hour // after the last client that was told otherwise
)

// shadowBook compares what both partners tell the same clients.
type shadowBook struct {
	mu      sync.Mutex // the loop, the session and status meet here
	waiting map[string]waitingShadow
	unsaid  []shadow
	found   map[string]time.Time // differences in words, and when they were seen last
}

type waitingShadow struct {
	shadow
	own bool
	at  time.Time
}

// own takes what this server told, or would have.
func (b *shadowBook) own(e *engine.Shadow, now time.Time) {
	sh := shadow{
		Key: fmt.Sprintf("%08x %d %s", e.XID, e.Type, e.Client), Served: e.Served, Scope: e.Scope, Classes: e.Classes, Seconds: e.Seconds, Options: e.Options,
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.unsaid) < shadowBatch {
		b.unsaid = append(b.unsaid, sh)
	}
	b.meet(sh, true, now)
}

// theirs takes what the partner told, or would have.
func (b *shadowBook) theirs(list []shadow, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, sh := range list {
		b.meet(sh, false, now)
	}
}

// meet compares the two when both are there.
func (b *shadowBook) meet(sh shadow, own bool, now time.Time) {
	other, ok := b.waiting[sh.Key]
	if !ok || other.own == own {
		if b.waiting == nil {
			b.waiting, b.found = map[string]waitingShadow{}, map[string]time.Time{}
		}
		if len(b.waiting) >= maxShadows {
			b.forget(now)
		}
		if len(b.waiting) < maxShadows {
			b.waiting[sh.Key] = waitingShadow{sh, own, now}
		}
		return
	}
	delete(b.waiting, sh.Key)
	mine, their := sh, other.shadow
	if !own {
		mine, their = their, mine
	}
	for _, text := range mine.differs(&their) {
		if _, known := b.found[text]; known || len(b.found) < maxDiffering {
			b.found[text] = now
		}
	}
}

func (b *shadowBook) forget(now time.Time) {
	for k, w := range b.waiting {
		if now.Sub(w.at) > shadowTime {
			delete(b.waiting, k)
		}
	}
}

// take is what is to be told to the partner.
func (b *shadowBook) take() []shadow {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := b.unsaid
	b.unsaid = nil
	return list
}

// differs is what clients were told otherwise of late.
func (b *shadowBook) differs(now time.Time) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []string
	for text, at := range b.found {
		if now.Sub(at) > differsTime {
			delete(b.found, text)
			continue
		}
		out = append(out, text)
	}
	slices.Sort(out)
	return out
}

// reset forgets: the configuration is another one.
func (b *shadowBook) reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting, b.found, b.unsaid = nil, nil, nil
}

// differs says how this server's word differs from the partner's, in terms of scopes and options, not of clients.
func (sh *shadow) differs(o *shadow) (out []string) {
	if sh.Scope != o.Scope {
		return []string{fmt.Sprintf("clients of scope %s here are in scope %s there", sh.Scope, o.Scope)}
	}
	if !slices.Equal(sh.Classes, o.Classes) {
		out = append(out, fmt.Sprintf("scope %s: clients of the classes [%s] here are of [%s] there", sh.Scope, strings.Join(sh.Classes, " "), strings.Join(o.Classes, " ")))
	}
	if sh.Seconds != o.Seconds {
		out = append(out, fmt.Sprintf("scope %s: lease time %d s here, %d s there", sh.Scope, sh.Seconds, o.Seconds))
	}
	for _, x := range sh.Options {
		if data, ok := option.List(o.Options).Get(x.Code); !ok || !bytes.Equal(data, x.Data) {
			out = append(out, fmt.Sprintf("scope %s: clients get option %s %s here, %s there", sh.Scope, optionName(x.Code), optionText(x.Code, x.Data, true), optionText(x.Code, data, ok)))
		}
	}
	for _, x := range o.Options {
		if !option.List(sh.Options).Has(x.Code) {
			out = append(out, fmt.Sprintf("scope %s: clients get no option %s here, %s there", sh.Scope, optionName(x.Code), optionText(x.Code, x.Data, true)))
		}
	}
	return out
}

func optionName(c option.Code) string {
	if d, ok := option.ByCode(c); ok {
		return d.Name
	}
	return fmt.Sprint(uint8(c))
}

func optionText(c option.Code, data []byte, there bool) string {
	if !there {
		return "none"
	}
	d, ok := option.ByCode(c)
	if !ok {
		return fmt.Sprintf("%x", data)
	}
	return strings.Join(d.Format(data), " ")
}

// tellShadows says to the partners what clients were told.
func (s *Server) tellShadows() {
	tick := time.NewTicker(shadowEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			for _, p := range s.links {
				if list := p.shadows.take(); len(list) > 0 {
					p.sayAside(&aside{Shadows: list})
				}
			}
		case <-s.ctx.Done():
			return
		}
	}
}
