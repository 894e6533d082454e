package option

// standard is the options that RFC 2132 and later ones define, by number, with Kea's names and types where Kea has them.
// IANA's registry: bootp-dhcp-parameters.
var standard = []Definition{
	{Code: 1, Name: "subnet-mask", Type: Address},
	{Code: 2, Name: "time-offset", Type: Int32},
	{Code: 3, Name: "routers", Type: Address, List: true},
	{Code: 4, Name: "time-servers", Type: Address, List: true},
	{Code: 5, Name: "name-servers", Type: Address, List: true},
	{Code: 6, Name: "domain-name-servers", Type: Address, List: true},
	{Code: 7, Name: "log-servers", Type: Address, List: true},
	{Code: 8, Name: "cookie-servers", Type: Address, List: true},
	{Code: 9, Name: "lpr-servers", Type: Address, List: true},
	{Code: 10, Name: "impress-servers", Type: Address, List: true},
	{Code: 11, Name: "resource-location-servers", Type: Address, List: true},
	{Code: 12, Name: "host-name", Type: String},
	{Code: 13, Name: "boot-size", Type: Uint16},
	{Code: 14, Name: "merit-dump", Type: String},
	{Code: 15, Name: "domain-name", Type: String},
	{Code: 16, Name: "swap-server", Type: Address},
	{Code: 17, Name: "root-path", Type: String},
	{Code: 18, Name: "extensions-path", Type: String},
	{Code: 19, Name: "ip-forwarding", Type: Boolean},
	{Code: 20, Name: "non-local-source-routing", Type: Boolean},
	{Code: 21, Name: "policy-filter", Type: Addresses, List: true},
	{Code: 22, Name: "max-dgram-reassembly", Type: Uint16},
	{Code: 23, Name: "default-ip-ttl", Type: Uint8},
	{Code: 24, Name: "path-mtu-aging-timeout", Type: Uint32},
	{Code: 25, Name: "path-mtu-plateau-table", Type: Uint16, List: true},
	{Code: 26, Name: "interface-mtu", Type: Uint16},
	{Code: 27, Name: "all-subnets-local", Type: Boolean},
	{Code: 28, Name: "broadcast-address", Type: Address},
	{Code: 29, Name: "perform-mask-discovery", Type: Boolean},
	{Code: 30, Name: "mask-supplier", Type: Boolean},
	{Code: 31, Name: "router-discovery", Type: Boolean},
	{Code: 32, Name: "router-solicitation-address", Type: Address},
	{Code: 33, Name: "static-routes", Type: Addresses, List: true},
	{Code: 34, Name: "trailer-encapsulation", Type: Boolean},
	{Code: 35, Name: "arp-cache-timeout", Type: Uint32},
	{Code: 36, Name: "ieee802-3-encapsulation", Type: Boolean},
	{Code: 37, Name: "default-tcp-ttl", Type: Uint8},
	{Code: 38, Name: "tcp-keepalive-interval", Type: Uint32},
	{Code: 39, Name: "tcp-keepalive-garbage", Type: Boolean},
	{Code: 40, Name: "nis-domain", Type: String},
	{Code: 41, Name: "nis-servers", Type: Address, List: true},
	{Code: 42, Name: "ntp-servers", Type: Address, List: true},
	{Code: 43, Name: "vendor-encapsulated-options", Type: Encapsulation},
	{Code: 44, Name: "netbios-name-servers", Type: Address, List: true},
	{Code: 45, Name: "netbios-dd-server", Type: Address, List: true},
	{Code: 46, Name: "netbios-node-type", Type: Uint8},
	{Code: 47, Name: "netbios-scope", Type: String},
	{Code: 48, Name: "font-servers", Type: Address, List: true},
	{Code: 49, Name: "x-display-manager", Type: Address, List: true},
	{Code: 50, Name: "dhcp-requested-address", Type: Address},
	{Code: 51, Name: "dhcp-lease-time", Type: Uint32},
	{Code: 52, Name: "dhcp-option-overload", Type: Uint8},
	{Code: 53, Name: "dhcp-message-type", Type: Uint8},
	{Code: 54, Name: "dhcp-server-identifier", Type: Address},
	{Code: 55, Name: "dhcp-parameter-request-list", Type: Uint8, List: true},
	{Code: 56, Name: "dhcp-message", Type: String},
	{Code: 57, Name: "dhcp-max-message-size", Type: Uint16},
	{Code: 58, Name: "dhcp-renewal-time", Type: Uint32},
	{Code: 59, Name: "dhcp-rebinding-time", Type: Uint32},
	{Code: 60, Name: "vendor-class-identifier", Type: String},
	{Code: 61, Name: "dhcp-client-identifier", Type: Binary},
	{Code: 62, Name: "nwip-domain-name", Type: String},
	{Code: 63, Name: "nwip-suboptions", Type: Binary},
	{Code: 64, Name: "nisplus-domain-name", Type: String},
	{Code: 65, Name: "nisplus-servers", Type: Address, List: true},
	{Code: 66, Name: "tftp-server-name", Type: String},
	{Code: 67, Name: "boot-file-name", Type: String},
	{Code: 68, Name: "mobile-ip-home-agent", Type: Address, List: true},
	{Code: 69, Name: "smtp-server", Type: Address, List: true},
	{Code: 70, Name: "pop-server", Type: Address, List: true},
	{Code: 71, Name: "nntp-server", Type: Address, List: true},
	{Code: 72, Name: "www-server", Type: Address, List: true},
	{Code: 73, Name: "finger-server", Type: Address, List: true},
	{Code: 74, Name: "irc-server", Type: Address, List: true},
	{Code: 75, Name: "streettalk-server", Type: Address, List: true},
	{Code: 76, Name: "streettalk-directory-assistance-server", Type: Address, List: true},
	{Code: 77, Name: "user-class", Type: Binary},
	{Code: 78, Name: "slp-directory-agent", Type: Record, List: true, Fields: []Type{Boolean, Address}},
	{Code: 79, Name: "slp-service-scope", Type: Record, Fields: []Type{Boolean, String}},
	{Code: 80, Name: "rapid-commit", Type: Flag},
	{Code: 81, Name: "fqdn", Type: Record, Fields: []Type{Uint8, Uint8, Uint8, Name}},
	{Code: 82, Name: "dhcp-agent-options", Type: Encapsulation},
	{Code: 83, Name: "isns", Type: Binary},
	{Code: 85, Name: "nds-servers", Type: Address, List: true},
	{Code: 86, Name: "nds-tree-name", Type: String},
	{Code: 87, Name: "nds-context", Type: String},
	{Code: 88, Name: "bcms-controller-names", Type: Name, List: true},
	{Code: 89, Name: "bcms-controller-address", Type: Address, List: true},
	{Code: 90, Name: "authenticate", Type: Binary},
	{Code: 91, Name: "client-last-transaction-time", Type: Uint32},
	{Code: 92, Name: "associated-ip", Type: Address, List: true},
	{Code: 93, Name: "client-system", Type: Uint16, List: true},
	{Code: 94, Name: "client-ndi", Type: Record, Fields: []Type{Uint8, Uint8, Uint8}},
	{Code: 97, Name: "uuid-guid", Type: Record, Fields: []Type{Uint8, Binary}},
	{Code: 98, Name: "uap-servers", Type: String},
	{Code: 99, Name: "geoconf-civic", Type: Binary},
	{Code: 100, Name: "pcode", Type: String},
	{Code: 101, Name: "tcode", Type: String},
	{Code: 108, Name: "v6-only-preferred", Type: Uint32},
	{Code: 112, Name: "netinfo-server-address", Type: Address, List: true},
	{Code: 113, Name: "netinfo-server-tag", Type: String},
	{Code: 114, Name: "v4-captive-portal", Type: String},
	{Code: 116, Name: "auto-config", Type: Uint8},
	{Code: 117, Name: "name-service-search", Type: Uint16, List: true},
	{Code: 118, Name: "subnet-selection", Type: Address},
	{Code: 119, Name: "domain-search", Type: Search, List: true},
	{Code: 120, Name: "sip-servers", Type: Binary}, // RFC 3361: two encodings
	{Code: 121, Name: "classless-static-route", Type: Route, List: true},
	{Code: 122, Name: "cablelabs-client-configuration", Type: Binary},
	{Code: 123, Name: "geoconf", Type: Binary},
	{Code: 124, Name: "vivco-suboptions", Type: Binary},
	{Code: 125, Name: "vivso-suboptions", Type: Binary},
	{Code: 136, Name: "pana-agent", Type: Address, List: true},
	{Code: 137, Name: "v4-lost", Type: Name},
	{Code: 138, Name: "capwap-ac-v4", Type: Address, List: true},
	{Code: 139, Name: "ipv4-address-mos", Type: Binary},
	{Code: 140, Name: "ipv4-fqdn-mos", Type: Binary},
	{Code: 141, Name: "sip-ua-cs-domains", Type: Name, List: true},
	{Code: 142, Name: "ipv4-address-andsf", Type: Address, List: true},
	{Code: 143, Name: "v4-sztp-redirect", Type: Tuple, List: true},
	{Code: 144, Name: "geoloc", Type: Binary},
	{Code: 145, Name: "forcerenew-nonce-capable", Type: Uint8, List: true},
	{Code: 146, Name: "rdnss-selection", Type: Record, List: true, Fields: []Type{Uint8, Address, Address, Name}},
	{Code: 147, Name: "dots-reference-identifier", Type: Name},
	{Code: 148, Name: "dots-address", Type: Address, List: true},
	{Code: 150, Name: "tftp-server-address", Type: Address, List: true}, // RFC 5859
	{Code: 151, Name: "status-code", Type: Record, Fields: []Type{Uint8, String}},
	{Code: 152, Name: "base-time", Type: Uint32},
	{Code: 153, Name: "start-time-of-state", Type: Uint32},
	{Code: 154, Name: "query-start-time", Type: Uint32},
	{Code: 155, Name: "query-end-time", Type: Uint32},
	{Code: 156, Name: "dhcp-state", Type: Uint8},
	{Code: 157, Name: "data-source", Type: Uint8},
	{Code: 158, Name: "v4-pcp-server", Type: Binary}, // RFC 7291: lists with lengths
	{Code: 159, Name: "v4-portparams", Type: Record, Fields: []Type{Uint8, Uint8, Uint16}},
	{Code: 161, Name: "mud-url", Type: String},
	{Code: 162, Name: "v4-dnr", Type: Record, Fields: []Type{Uint16, Uint16, Uint8, Name, Binary}}, // RFC 9463
	{Code: 208, Name: "pxelinux-magic", Type: Binary},                                              // RFC 5071
	{Code: 209, Name: "loader-configfile", Type: String},
	{Code: 210, Name: "loader-pathprefix", Type: String},
	{Code: 211, Name: "loader-reboottime", Type: Uint32},
	{Code: 212, Name: "option-6rd", Type: Record, List: true, Fields: []Type{Uint8, Uint8, Address6, Address}},
	{Code: 213, Name: "v4-access-domain", Type: Name},
	{Code: 220, Name: "subnet-allocation", Type: Binary},
	{Code: 221, Name: "virtual-subnet-selection", Type: Binary}, // RFC 6607
}

// aliases are other names, of ISC dhcpd, of RFCs and of common use.
var aliases = map[string]Code{
	"bcms-controller-addrs":           89,
	"bcmcs-controller-names":          88,
	"bcmcs-controller-address":        89,
	"boot-file":                       67,
	"bootfile-name":                   67,
	"captive-portal":                  114,
	"classless-static-routes":         121,
	"client-fqdn":                     81,
	"configfile":                      209,
	"default-url":                     114,
	"ipv6-only-preferred":             108,
	"pathprefix":                      210,
	"pxe-client-id":                   97,
	"pxe-interface-id":                94,
	"pxe-system-type":                 93,
	"reboottime":                      211,
	"relay-agent-information":         82,
	"rfc3442-classless-static-routes": 121,
	"tftp-server-addresses":           150,
	"vivco":                           124,
	"vivso":                           125,
	"vss":                             221,
}

var (
	standardCodes = byCode(standard)
	standardNames = byName(standard, standardCodes, aliases)
)

// byCode is the place of each option in the table, plus one; 0 is none.
func byCode(table []Definition) (at [256]uint8) {
	for i, d := range table {
		at[d.Code] = uint8(i + 1)
	}
	return at
}

func byName(table []Definition, at [256]uint8, aliases map[string]Code) map[string]int {
	names := make(map[string]int, len(table)+len(aliases))
	for alias, c := range aliases {
		names[alias] = int(at[c]) - 1
	}
	for i, d := range table {
		names[d.Name] = i
	}
	return names
}
