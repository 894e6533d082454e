package scope

import (
	"testing"

	"loadshare/dhcp/lease"
	"loadshare/dhcp/option"
	"loadshare/dhcp/packet"
)

// FuzzMessage: whatever a client or a relay puts into a message, every question has an answer that fits the configuration.
func FuzzMessage(f *testing.F) {
	c := full()
	c.Classes = append(c.Classes, Class{Name: "u", UserClass: "iPXE"}, Class{Name: "p", Circuit: "port", Policy: Policy{BootFile: "x"}},
		Class{Name: "t", Test: "relay4[1].exists and not member('UNKNOWN') or split(option[77].hex, 'x', 2) == pkt4.mac"})
	c.Clients = append(c.Clients, Client{ClientID: []byte("\x01id"), Classes: []string{"u"}})
	table, problems := Build(c)
	if table == nil {
		f.Fatal(problems)
	}
	f.Add(uint32(0), uint32(0), mac(5), []byte("\x01\x01\xff\x05\x04\x0a\x00\x01\x01"), []byte{1, 3, 108, 121, 255}, []byte("\x04iPXE"), []byte{10, 0, 1, 0})
	f.Add(uint32(0x0a000101), uint32(0x0a000201), []byte{}, []byte{5, 4, 1}, []byte{}, []byte("\x01id"), []byte{})
	f.Add(uint32(0xffffffff), uint32(1), make([]byte, 300), make([]byte, 300), make([]byte, 300), make([]byte, 300), make([]byte, 5))
	f.Fuzz(func(t *testing.T, giaddr, ciaddr uint32, chaddr, relay, asked, id, choice []byte) {
		q := Query{Packet: &packet.Packet{
			Type: packet.Discover, HType: 1, CHAddr: chaddr, GIAddr: lease.IP(giaddr), CIAddr: lease.IP(ciaddr),
			Options: option.List{
				{Code: option.RelayInformation, Data: relay}, {Code: option.ParameterList, Data: asked}, {Code: option.ClientIdentifier, Data: id},
				{Code: option.UserClass, Data: id}, {Code: option.SubnetSelection, Data: choice},
			},
		}}
		who := table.Identify(q)
		scopes := table.Link(q).Scopes()
		if s := table.InformScope(q); s != nil {
			scopes = append([]*Scope{s}, scopes...)
		}
		for _, s := range scopes {
			r := table.ReservationFor(q, s)
			if r != nil && (table.Reserved(r.Address) != r || table.ScopeOf(r.Address) != s) {
				t.Fatalf("%+v is no reservation of scope %s", r, s.Name)
			}
			if table.Admits(who, s, false) && (s.Deactivated || s.NoDHCP) {
				t.Fatalf("scope %s admits somebody", s.Name)
			}
			terms := table.Terms(q, who, s, r)
			if terms.Lease == 0 || terms.Min > terms.Lease || terms.Lease > terms.Max || !terms.Options.Has(option.SubnetMask) {
				t.Fatalf("%+v", terms)
			}
			for i, o := range terms.Options {
				if terms.Options[:i].Has(o.Code) || option.Managed(o.Code) && o.Code != option.SubnetSelection {
					t.Fatalf("%+v", terms.Options)
				}
			}
		}
	})
}
