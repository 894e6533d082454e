package dhcp

import (
	"context"
	"encoding/hex"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"loadshare/dhcp/engine"
	"loadshare/dhcp/lease"
	"loadshare/dhcp/names"
	"loadshare/dhcp/store"
	"loadshare/internal/control"
)

const (
	defaultPage = 1000
	maxPage     = 10_000
	pageAtOnce  = 2000 // leases that are looked at in one go of the loop
)

func (s *Server) leaseHandlers(door *control.Server) {
	door.Handle("GET /v1/lease/list", func(_ context.Context, r control.Request) (any, error) { return s.listLeases(r.Query, false) })
	door.Handle("GET /v1/lease/orphans", func(_ context.Context, r control.Request) (any, error) { return s.listLeases(r.Query, true) })
	door.Handle("GET /v1/lease/show", s.showLease)
	door.Handle("POST /v1/lease/release", s.releaseLease)
	door.Handle("GET /v1/lease/history", s.leaseHistory)
	door.Handle("GET /v1/client/why", s.clientWhy)
}

// filter says which leases are wanted.
type filter struct {
	scope, state, client string
	after                lease.IP
	limit                int
}

func (s *Server) filterFrom(q url.Values, orphans bool) (f filter, err error) {
	f = filter{scope: q.Get("scope"), state: q.Get("state"), client: clientOctets(q.Get("client"))}
	if f.limit, err = limitFrom(q); err != nil {
		return f, err
	}
	if f.scope != "" && s.conf.Load().Engine.Scopes.Scope(f.scope) == nil && !orphans {
		return f, control.Refuse("no [[scope]] is named %q", f.scope)
	}
	if f.state != "" && !stateKnown(f.state) {
		return f, control.Refuse("no state %q: free, active, expired, released, abandoned, reset, backup", f.state)
	}
	if text := q.Get("after"); text != "" {
		if f.after, err = addressFrom(text); err != nil {
			return f, err
		}
	}
	return f, nil
}

func stateKnown(word string) bool {
	for st := lease.Free; st <= lease.Backup; st++ {
		if st.String() == word {
			return true
		}
	}
	return false
}

func limitFrom(q url.Values) (int, error) {
	text := q.Get("limit")
	if text == "" {
		return defaultPage, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxPage {
		return 0, control.Refuse("limit is a number from 1 to %d", maxPage)
	}
	return n, nil
}

func addressFrom(text string) (lease.IP, error) {
	a, err := netip.ParseAddr(text)
	if err != nil || !a.Is4() {
		return 0, control.Refuse("%q is no IPv4 address", text)
	}
	return lease.IPOf(a), nil
}

// clientOctets turns hexadecimal digits, with or without colons, into octets; anything else is a host name.
func clientOctets(text string) string {
	b, err := hex.DecodeString(strings.NewReplacer(":", "", "-", "").Replace(text))
	if err != nil || len(b) < 2 {
		return text
	}
	return string(b)
}

// wants leaves out what nobody ever had, unless its state is asked for: a share of the addresses is no list of leases.
func (f *filter) wants(l *lease.Lease) bool {
	return (f.state != "" || !l.Client.IsZero()) && (f.scope == "" || l.Scope == f.scope) && (f.state == "" || l.State.String() == f.state) && (f.client == "" || isClient(l, f.client))
}

func isClient(l *lease.Lease, who string) bool {
	return l.Client.ID == who || l.Client.CHAddr == who || strings.EqualFold(l.Hostname, who) || strings.EqualFold(l.FQDN, who)
}

// listLeases is one page. The loop is asked for some at a time, so that clients do not wait for an operator.
func (s *Server) listLeases(q url.Values, orphans bool) (any, error) {
	f, err := s.filterFrom(q, orphans)
	if err != nil {
		return nil, err
	}
	conf := s.conf.Load()
	out := LeaseList{Leases: []LeaseStatus{}}
	for at := f.after; ; {
		var list []lease.Lease
		err := s.loop.call(func() {
			if orphans {
				list = s.loop.machine.Orphans(at, pageAtOnce)
			} else {
				list = s.loop.machine.Leases(at, pageAtOnce)
			}
		})
		if err != nil {
			return nil, err
		}
		for i := range list {
			if !f.wants(&list[i]) {
				continue
			}
			if len(out.Leases) == f.limit {
				out.More = out.Leases[len(out.Leases)-1].Address
				return out, nil
			}
			out.Leases = append(out.Leases, leaseStatus(&list[i], orphans || conf.Engine.Scopes.ScopeOf(list[i].IP) == nil))
		}
		if len(list) < pageAtOnce {
			return out, nil
		}
		at = list[len(list)-1].IP
	}
}

func (s *Server) showLease(_ context.Context, r control.Request) (any, error) {
	text, err := r.Need("address")
	if err != nil {
		return nil, err
	}
	ip, err := addressFrom(text)
	if err != nil {
		return nil, err
	}
	var l lease.Lease
	var ok, orphan bool
	if err := s.loop.call(func() {
		l, orphan, ok = s.loop.machine.Lease(ip)
	}); err != nil {
		return nil, err
	}
	if !ok {
		return nil, control.Refuse("%s never was anybody's: there is no record of it", ip)
	}
	return leaseStatus(&l, orphan), nil
}

func (s *Server) releaseLease(ctx context.Context, r control.Request) (any, error) {
	var o LeaseOrder
	if err := r.Decode(&o); err != nil {
		return nil, err
	}
	ip, err := addressFrom(o.Address)
	if err != nil {
		return nil, err
	}
	s.log.Info("operator", "order", "lease release", "address", ip.String(), "sure", o.Sure, "by", r.By, "reason", o.Reason)
	refused, err := s.loop.order(ctx, func(id uint64) engine.Input { return engine.FreeLease{ID: id, IP: ip, Sure: o.Sure} })
	if err != nil {
		return nil, err
	}
	if refused != "" {
		return nil, control.Refuse("%s", refused)
	}
	var l lease.Lease
	if err := s.loop.call(func() { l, _, _ = s.loop.machine.Lease(ip) }); err != nil {
		return nil, err
	}
	text := ip.String() + " is " + l.State.String() + " now"
	if l.Hold > time.Now().Unix() {
		text += "; no other client gets it before " + stamp(l.Hold) + ", when its client's lease would have ended (--sure: the client is gone)"
	}
	return Done{OK: true, Text: text}, nil
}

func (s *Server) leaseHistory(_ context.Context, r control.Request) (any, error) {
	q := store.Query{Client: clientOctets(r.Query.Get("client"))}
	var err error
	if q.Limit, err = limitFrom(r.Query); err != nil {
		return nil, err
	}
	if text := r.Query.Get("address"); text != "" {
		if q.IP, err = addressFrom(text); err != nil {
			return nil, err
		}
	}
	for key, to := range map[string]*int64{"since": &q.From, "until": &q.To} {
		text := r.Query.Get(key)
		if text == "" {
			continue
		}
		t, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return nil, control.Refuse("%s is a time such as 2026-05-01T12:00:00Z", key)
		}
		*to = t.Unix()
	}
	list, cut, err := s.store.History(q)
	if err != nil {
		return nil, err
	}
	out := History{Events: []HistoryEvent{}, Cut: cut}
	for i := range list {
		e := &list[i]
		one := HistoryEvent{At: time.Unix(e.At, 0).UTC(), What: e.What.String(), Lease: leaseStatus(&e.Lease, false)}
		if !e.Client.IsZero() {
			one.By = e.Client.String()
		}
		out.Events = append(out.Events, one)
	}
	return out, nil
}

// leaseStatus is a lease for people.
func leaseStatus(l *lease.Lease, orphan bool) LeaseStatus {
	st := LeaseStatus{
		Address: l.IP.String(), State: l.State.String(), Scope: l.Scope, Orphan: orphan, Reserved: l.Flags&lease.Reserved != 0, BOOTP: l.Flags&lease.BOOTP != 0,
		ClientID: lease.Colons(l.Client.ID), Hardware: lease.Colons(l.Client.CHAddr), HType: int(l.Client.HType), Hostname: l.Hostname, FQDN: l.FQDN,
		DNS: dnsWords(l), Vendor: printable(l.Vendor), Relay: lease.Colons(l.Relay), Start: moment(l.Start), Began: moment(l.Began), Heard: moment(l.CLTT),
		Hold: moment(l.Hold), Sent: moment(l.Sent), Acked: moment(l.Acked), Received: moment(l.Received), Owed: l.Owed,
	}
	if !l.Client.IsZero() {
		st.Client = l.Client.String()
	}
	st.Forever = l.Due() >= lease.Forever && l.State == lease.Active
	if l.End < lease.Forever {
		st.End = moment(l.End)
	}
	if l.ToldEnd < lease.Forever {
		st.ToldEnd = moment(l.ToldEnd)
	}
	return st
}

// dnsWords is what of a lease's name is in DNS.
func dnsWords(l *lease.Lease) string {
	var out []string
	for _, b := range []struct {
		bit  uint8
		word string
	}{{names.Forward, "forward"}, {names.Reverse, "reverse"}, {names.Failed, "failed"}} {
		if l.DNS&b.bit != 0 {
			out = append(out, b.word)
		}
	}
	return strings.Join(out, ", ")
}

// printable is what a client said, if it is text; else its octets.
func printable(s string) string {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return lease.Colons(s)
		}
	}
	return s
}
