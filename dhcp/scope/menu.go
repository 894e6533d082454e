package scope

import (
	"encoding/binary"
	"slices"

	"loadshare/dhcp/option"
	"loadshare/dhcp/packet"
)

// menu chooses the options for one client.
type menu struct {
	table    *Table
	site     *site
	over     []*Policy // above the scope, widest first
	hostname string
	done     [256]bool // sent, or never to be
	out      *option.List
}

// serve fills out, and returns the wait of option 108 when the client gets it.
func (m *menu) serve(p *packet.Packet, v6 *uint32) *uint32 {
	n := len(m.site.base.Options) + 4
	for _, o := range m.over {
		n += len(o.Options)
	}
	*m.out = make(option.List, 0, n)
	asked, has := p.Options.Get(option.ParameterList)
	if !slices.Contains(asked, byte(option.IPv6OnlyPreferred)) {
		v6 = nil
	}
	if slices.Contains(asked, byte(option.ClasslessRoutes)) && m.value(option.ClasslessRoutes) != nil {
		m.done[option.Routers], m.done[option.StaticRoutes] = true, true
	}
	if !slices.Contains(asked, byte(option.SubnetMask)) {
		m.add(option.SubnetMask)
	}
	for _, c := range asked {
		if c == byte(option.IPv6OnlyPreferred) && v6 != nil && !m.done[c] {
			m.put(option.Option{Code: option.IPv6OnlyPreferred, Data: binary.BigEndian.AppendUint32(nil, *v6)})
			continue
		}
		m.add(option.Code(c))
	}
	if !has {
		m.all()
	}
	for _, c := range m.site.base.Always {
		m.add(c)
	}
	for _, o := range m.over {
		for _, c := range o.Always {
			m.add(c)
		}
	}
	if _, b := m.table.selection(p); b != nil {
		m.put(option.Option{Code: option.SubnetSelection, Data: b})
	}
	return v6
}

// all adds what is configured, for a client that does not say what it wants (RFC 2131, 4.3.1).
func (m *menu) all() {
	for _, o := range m.site.base.Options {
		m.add(o.Code)
	}
	for _, p := range m.over {
		for _, o := range p.Options {
			m.add(o.Code)
		}
	}
	m.add(option.HostName)
}

// add puts the option next, when it has a value and was not there yet; the mask before the routers.
func (m *menu) add(c option.Code) {
	if m.done[c] {
		return
	}
	b := m.value(c)
	if b == nil {
		return
	}
	if c == option.Routers {
		m.add(option.SubnetMask)
	}
	m.put(option.Option{Code: c, Data: b})
}

func (m *menu) put(o option.Option) {
	m.done[o.Code] = true
	*m.out = append(*m.out, o)
}

// value is what the narrowest level says; nil when none does.
func (m *menu) value(c option.Code) []byte {
	for i := len(m.over) - 1; i >= 0; i-- {
		if b, ok := m.over[i].Options.Get(c); ok {
			return present(b)
		}
	}
	base := &m.site.base
	if i := base.index[c]; i > 0 {
		return present(base.Options[i-1].Data)
	}
	switch {
	case c == option.SubnetMask:
		return m.site.mask
	case c == option.HostName && m.hostname != "":
		return []byte(m.hostname)
	}
	return nil
}

// present is a value that is there though it may have no octets.
func present(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
