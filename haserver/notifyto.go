package haserver

import (
	"net"
	"net/netip"
	"slices"

	"loadshare/haserver/notify"
	"loadshare/haserver/zone"
)

// maxFound is how many secondaries a zone's own records can name: clients may change those.
const maxFound = 256

// notifySettings is what of a configuration matters to NOTIFY for all zones.
type notifySettings struct {
	machine notify.Config
	pair    bool
	listen  []netip.AddrPort // ours, wildcards too
	own     []netip.Addr     // ours and the partner's: no secondaries
	partner netip.Addr       // zero: none
	from    [2]netip.Addr    // where messages leave from: IPv4, IPv6
}

func newNotifySettings(conf *Config, addrs []netip.AddrPort) notifySettings {
	set := notifySettings{machine: conf.Notify, pair: conf.HA != nil, listen: addrs, from: notifyFrom(addrs)}
	if set.machine == (notify.Config{}) {
		set.machine = notify.Defaults
	}
	for _, a := range addrs {
		if a.Addr().IsUnspecified() {
			set.own = append(set.own, hostAddrs()...)
			continue
		}
		set.own = append(set.own, a.Addr())
	}
	if conf.HA != nil {
		set.partner = conf.HA.Partner.Addr().Unmap()
		set.own = append(set.own, set.partner)
	}
	return set
}

// notifyFrom picks the addresses that NOTIFY leaves from: secondaries know this server by those that it listens on. Loopback is
// taken when there is nothing else.
func notifyFrom(addrs []netip.AddrPort) [2]netip.Addr {
	from := [2]netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()}
	for i := range from {
		for _, a := range addrs {
			a := a.Addr()
			if a.Is4() == (i == 0) && (from[i].IsUnspecified() || from[i].IsLoopback() && !a.IsLoopback()) {
				from[i] = a
			}
			if a.Is4() == (i == 0) && a.IsUnspecified() { // the system picks the best for each
				from[i] = a
				break
			}
		}
	}
	return from
}

// hostAddrs are those of this host's interfaces.
func hostAddrs() []netip.Addr {
	list, _ := net.InterfaceAddrs()
	var addrs []netip.Addr
	for _, a := range list {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			addrs = append(addrs, p.Addr().Unmap().WithZone(""))
		}
	}
	return addrs
}

// secondaries are those of a zone: the configured ones, and the addresses of its name servers as far as our zones have them,
// without the primary that its SOA names, our own and the partner's (RFC 1996, 2.1 and 3.1; a pair does not notify itself).
func (set *notifySettings) secondaries(view *view, z *served, now *zone.Zone) []netip.AddrPort {
	var list []netip.AddrPort
	had := map[netip.AddrPort]bool{}
	add := func(a netip.AddrPort) {
		if !had[a] {
			had[a] = true
			list = append(list, a)
		}
	}
	for _, a := range z.conf.Notify {
		a = netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
		if !set.self(a) {
			add(a)
		}
	}
	ns, ok := now.Get(z.name, zone.TypeNS)
	if !ok {
		return list
	}
	primary, _, _ := zone.WireName(now.SOA().Data[0])
	none := map[netip.Addr]bool{}
	for _, a := range slices.Concat(set.own, addressesOf(view, primary)) {
		none[a] = true
	}
	most := len(list) + maxFound
	for _, data := range ns.Data {
		name, _, err := zone.WireName(data)
		if err != nil || name.Equal(primary) {
			continue
		}
		for _, a := range addressesOf(view, name) {
			if len(list) == most {
				return list
			}
			if !none[a] {
				add(netip.AddrPortFrom(a, 53))
			}
		}
	}
	return list
}

// self says that a configured secondary is this server or its partner. On another port of the same host it may be one.
func (set *notifySettings) self(a netip.AddrPort) bool {
	return slices.ContainsFunc(set.listen, func(l netip.AddrPort) bool {
		ours := l.Addr() == a.Addr() || a.Addr() == set.partner || l.Addr().IsUnspecified() && slices.Contains(set.own, a.Addr())
		return ours && l.Port() == a.Port()
	})
}

// addressesOf are the A and AAAA records that our zones have for a name.
func addressesOf(view *view, name zone.Name) []netip.Addr {
	z := view.find(name, zone.TypeA)
	if z == nil {
		return nil
	}
	now := z.visible.Load()
	if now == nil {
		return nil
	}
	var list []netip.Addr
	for _, t := range []zone.Type{zone.TypeA, zone.TypeAAAA} {
		set, _ := now.Get(name, t)
		for _, data := range set.Data {
			if a, ok := netip.AddrFromSlice([]byte(data)); ok {
				list = append(list, a.Unmap())
			}
		}
	}
	return list
}
