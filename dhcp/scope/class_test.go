package scope

import (
	"strings"
	"testing"

	"loadshare/dhcp/option"
)

func classes(id Identity) string {
	var all []string
	for _, c := range id.Classes {
		all = append(all, c.Name)
	}
	return strings.Join(all, " ")
}

func TestClassify(t *testing.T) {
	table := build(t, Config{
		Scopes: []Scope{net24("a", "10.0.1")},
		Classes: []Class{
			{Name: "pxe", VendorClass: "PXEClient"},
			{Name: "ipxe", UserClass: "iPXE"},
			{Name: "maker", MACPrefix: []byte{2, 0, 0, 0, 0, 5}},
			{Name: "port", Circuit: "port1", Remote: "switch"},
			{Name: "efi", VendorClass: "PXEClient", Test: `substring(option[vendor-class-identifier].hex, 15, 5) == '00007'`},
			{Name: "both", Test: `member('pxe') and member('ipxe')`},
			{Name: "staff", OnlyKnown: true},
			{Name: "phone", OnlyKnown: true, VendorClass: "phone"},
			{Name: "strange", Test: `member('UNKNOWN')`},
			{Name: "desk", VendorClass: "desk"},
		},
		Clients: []Client{
			{CHAddr: mac(7), Classes: []string{"staff", "phone", "desk"}},
			{ClientID: []byte("\x00bad"), Deny: true},
		},
	})
	for _, c := range []struct {
		rule  string
		query Query
		want  string
	}{
		{"option 60 begins with it", from(1, opt(option.VendorClass, "PXEClient:Arch:00000")), "pxe strange"},
		{"option 60 does not contain it only", from(1, opt(option.VendorClass, "aPXEClient")), "strange"},
		{"all that is set must hold", from(1, opt(option.VendorClass, "PXEClient:Arch:00007")), "pxe efi strange"},
		{"RFC 3004, 4: classes with their lengths", from(1, opt(option.UserClass, "\x02ab\x04iPXE")), "ipxe strange"},
		{"a class without its length, as many clients send it", from(1, opt(option.UserClass, "iPXE")), "ipxe strange"},
		{"a length beyond the end", from(1, opt(option.UserClass, "\x05iPXE")), "strange"},
		{"member of classes before", from(1, opt(option.VendorClass, "PXEClient"), opt(option.UserClass, "iPXE")), "pxe ipxe both strange"},
		{"the hardware address begins with it", from(5), "maker strange"},
		{"option 82", from(1, opt(option.RelayInformation, "\x01\x05port1\x02\x06switch")), "port strange"},
		{"option 82, one of two", from(1, opt(option.RelayInformation, "\x01\x05port1")), "strange"},
		{"named by a Client: without conditions, but where it is for known clients only", from(7), "staff desk"},
		{"named by a Client: and the condition holds", from(7, opt(option.VendorClass, "phone 1")), "staff phone desk"},
		{"not named by a Client", from(1, opt(option.VendorClass, "phone 1")), "strange"},
	} {
		if got := classes(table.Identify(c.query)); got != c.want {
			t.Errorf("%s: %q, want %q", c.rule, got, c.want)
		}
	}
	if id := table.Identify(from(1, opt(option.ClientIdentifier, "\x00bad"))); !id.Denied || id.Known == nil {
		t.Error("a denied client is served")
	}
	if id := table.Identify(from(7)); id.Denied || id.Known == nil {
		t.Error("the identifier of nobody denies")
	}
}

func TestAdmits(t *testing.T) {
	plain, allow, deny, strangers := net24("plain", "10.0.1"), net24("allow", "10.0.2"), net24("deny", "10.0.3"), net24("strangers", "10.0.4")
	allow.Allow = []string{"phones", Known}
	deny.Deny = []string{"phones"}
	strangers.Deny = []string{Known}
	off, bootp := net24("off", "10.0.5"), net24("bootp", "10.0.6")
	off.Deactivated = true
	bootp.BOOTP, bootp.DynamicBOOTP, bootp.NoDHCP = true, true, true
	fixed := Scope{Name: "fixed", Subnet: net24("", "10.0.7").Subnet, Reservations: []Reservation{{Address: ip("10.0.7.7"), CHAddr: mac(7)}}}
	table := build(t, Config{
		Scopes:  []Scope{plain, allow, deny, strangers, off, bootp, fixed},
		Classes: []Class{{Name: "phones", VendorClass: "phone"}},
		Clients: []Client{{CHAddr: mac(8)}, {CHAddr: mac(9), Deny: true}},
	})
	phone := opt(option.VendorClass, "phone 1")
	for _, c := range []struct {
		rule  string
		query Query
		bootp bool
		want  string
	}{
		{"nobody in particular", from(1), false, "plain deny strangers"},
		{"of a class", from(1, phone), false, "plain allow strangers"},
		{"known by a Client", from(8), false, "plain allow deny"},
		{"known by a reservation elsewhere", from(7), false, "plain allow deny"},
		{"denied", from(9), false, ""},
		{"checklist D28: BOOTP has its own scope", from(1), true, "bootp"},
	} {
		id := table.Identify(c.query)
		var in []string
		for _, s := range table.Scopes() {
			if table.Admits(id, s, c.bootp) {
				in = append(in, s.Name)
			}
		}
		if got := strings.Join(in, " "); got != c.want {
			t.Errorf("%s: %q, want %q", c.rule, got, c.want)
		}
	}
}
