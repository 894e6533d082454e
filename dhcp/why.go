package dhcp

import (
	"context"
	"net/url"
	"slices"
	"time"

	"loadshare/dhcp/beside"
	"loadshare/dhcp/config"
	"loadshare/dhcp/engine"
	"loadshare/dhcp/lease"
	"loadshare/dhcp/scope"
	"loadshare/internal/control"
)

// clientWhy says why this server answers a client, or stays silent.
func (s *Server) clientWhy(_ context.Context, r control.Request) (any, error) {
	text, err := r.Need("client")
	if err != nil {
		return nil, err
	}
	c, err := s.whichClient(text)
	if err != nil {
		return nil, err
	}
	conf := s.conf.Load()
	out := ClientWhy{Pairs: []ClientWay{}, Leases: []LeaseStatus{}}
	err = s.loop.call(func() {
		m := s.loop.machine
		list := m.LeasesOf(c)
		if len(list) > 0 { // its own word of who it is counts for the hash
			c = list[0].Client
		} else {
			c = m.WhoAsks(c)
		}
		out.Client = c.String()
		for i := range list {
			_, orphan, _ := m.Lease(list[i].IP)
			out.Leases = append(out.Leases, leaseStatus(&list[i], orphan))
		}
		for _, w := range m.WhyServe(c) {
			out.Pairs = append(out.Pairs, ClientWay{Pair: w.Pair, State: w.State.String(), Serves: w.Serves, Reason: w.Reason.String(), Bucket: int(w.Bucket)})
		}
		if hasSingle(conf) || len(out.Pairs) == 0 {
			out.Pairs = append(out.Pairs, ClientWay{State: stateSingle, Serves: true, Reason: "no partner"})
		}
		out.take(m.Asker(c), time.Now())
	})
	return out, err
}

const stateSingle = "single"

// hasSingle says that some scope is this server's alone.
func hasSingle(conf *config.Config) bool {
	return slices.ContainsFunc(conf.Engine.Scopes.Scopes(), func(s *scope.Scope) bool { return s.Failover == "" })
}

// take adds what is known of the client itself; what forbids every answer goes before what the pairs say.
func (w *ClientWhy) take(a engine.Asker, now time.Time) {
	w.Known, w.Denied = a.Known, a.Denied
	never := ""
	switch {
	case a.Denied:
		never = engine.DeniedClient.String()
	case a.Limit:
		never = "it has, or has declined, as many addresses as one client may"
	}
	for i := range w.Pairs {
		if never != "" {
			w.Pairs[i].Serves, w.Pairs[i].Reason = false, never
		}
	}
	if a.Waits {
		asked := unservedOf(beside.Unserved{Here: true, Waiter: waiterOf(&a.Unserved)}, now)
		if a.Why == 0 {
			asked.Reason = "" // it was answered
		}
		w.Asked = &asked
	}
}

// whichClient is the client that somebody means: by hardware address or identifier, or by the name of a host that has or had a lease.
func (s *Server) whichClient(text string) (lease.Client, error) {
	octets := clientOctets(text)
	switch {
	case octets == text: // no hexadecimal digits
		list, err := s.listLeases(url.Values{"client": {text}, "limit": {"1"}}, false)
		if err != nil {
			return lease.Client{}, err
		}
		if found := list.(LeaseList).Leases; len(found) > 0 {
			return s.clientOf(found[0].Address)
		}
		return lease.Client{}, control.Refuse("no lease is of a host named %q: a hardware address such as 02:00:00:00:00:50, an identifier in hexadecimal, or such a name is wanted", text)
	case len(octets) == 6:
		return lease.Client{HType: 1, CHAddr: octets}, nil
	}
	return lease.Client{ID: octets}, nil
}

// clientOf is the client of an address that has a record.
func (s *Server) clientOf(address string) (c lease.Client, err error) {
	ip, err := addressFrom(address)
	if err != nil {
		return c, err
	}
	return c, s.loop.call(func() {
		l, _, _ := s.loop.machine.Lease(ip)
		c = l.Client
	})
}
