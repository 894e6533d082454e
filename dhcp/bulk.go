package dhcp

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"loadshare/dhcp/bulkquery"
	"loadshare/dhcp/bulkserve"
	"loadshare/dhcp/config"
	"loadshare/dhcp/failover"
	"loadshare/dhcp/lease"
)

// openBulk opens bulk leasequery, if it is configured (RFC 6926).
func (s *Server) openBulk(conf *config.Config) (err error) {
	if len(conf.LeaseQuery.Bulk) == 0 {
		return nil
	}
	s.bulk, err = bulkserve.Listen(bulkserve.Config{Listen: conf.LeaseQuery.Bulk, From: conf.LeaseQuery.From, Page: s.bulkPage, Log: s.log})
	return err
}

// bulkPage is the next leases of an answer. What this server knows of the leases of a pair that recovers is not worth telling.
func (s *Server) bulkPage(after lease.IP, most int, all bool) (out bulkserve.Leases, err error) {
	var list []lease.Lease
	var conf *config.Config
	poor := ""
	if err := s.loop.call(func() {
		conf = s.conf.Load()
		for _, p := range s.loop.machine.Pairs() {
			if !p.Serving {
				poor = fmt.Sprintf("pair %s is in %s: its leases are not complete", p.Config.Name, p.State)
			}
		}
		list = s.loop.machine.Leases(after, most)
	}); err != nil {
		return out, err
	}
	if poor != "" {
		return out, errors.New(poor)
	}
	if all {
		list = bulkquery.Fill(after, most, list, poolRanges(conf))
	}
	if len(list) > 0 {
		out.Last, out.More = list[len(list)-1].IP, len(list) == most
	}
	own := map[string]lease.State{"": lease.Free}
	for _, p := range conf.Pairs {
		own[p.Name] = lease.Free
		if p.Role == failover.Backup {
			own[p.Name] = lease.Backup
		}
	}
	for i := range list {
		if sc := conf.Engine.Scopes.ScopeOf(list[i].IP); sc != nil { // else it is of no configured scope
			out.List = append(out.List, bulkquery.Known{Lease: list[i], Own: own[sc.Failover], Paired: sc.Failover != ""})
		}
	}
	return out, nil
}

// poolRanges are all dynamic addresses, ascending.
func poolRanges(conf *config.Config) []bulkquery.Range {
	var out []bulkquery.Range
	for _, p := range conf.Engine.Scopes.Pools() {
		for _, r := range p.Ranges {
			out = append(out, bulkquery.Range{First: r.First, Last: r.Last})
		}
	}
	slices.SortFunc(out, func(a, b bulkquery.Range) int { return cmp.Compare(a.First, b.First) })
	return out
}

// showBulk shows the counters of bulk leasequery.
func (c *counters) showBulk(of func() bulkserve.Counters) {
	for name, f := range map[string]func(bulkserve.Counters) uint64{
		"refused": func(c bulkserve.Counters) uint64 { return c.Refused }, "full": func(c bulkserve.Counters) uint64 { return c.Full },
		"answered": func(c bulkserve.Counters) uint64 { return c.Queries }, "failed": func(c bulkserve.Counters) uint64 { return c.Failed },
	} {
		c.reg.CounterFunc("dhcp_bulk_leasequeries_total", "Bulk leasequeries, and connections for them that were refused, by what became of them.",
			func() float64 { return float64(f(of())) }, "what", name)
	}
}
