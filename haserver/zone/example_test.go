package zone_test

import (
	"fmt"

	"loadshare/haserver/zone"
)

func Example() {
	text := `$TTL 300
@    SOA ns1 root 1 28800 7200 3600000 60
@    NS  ns1
ns1  A   192.0.2.53
www  1 A 192.0.2.1
www  1 A 192.0.2.2
`
	origin, _ := zone.ParseName("example.org")
	z, problems := zone.Load(func(string) ([]byte, error) { return []byte(text), nil }, origin, "db.example.org")
	if z == nil {
		fmt.Println(problems.Err())
		return
	}

	www, _ := zone.ParseName("www.example.org")
	address, _ := zone.ParseRdata(zone.TypeA, "192.0.2.2", origin)
	gone := zone.Record{Name: www, Type: zone.TypeA, Class: zone.ClassNONE, Data: address}
	next, delta, rcode, _ := z.Apply(zone.Update{Updates: []zone.Record{gone}})
	fmt.Println(rcode, delta.From, delta.To)

	for _, generation := range []*zone.Zone{z, next} {
		a := generation.Lookup(zone.Question{Name: www, Type: zone.TypeA})
		fmt.Println(generation.Serial(), a.Rcode, a.Result, len(a.Answer[0].Data))
	}
	// Output:
	// NOERROR 1 2
	// 1 NOERROR found 2
	// 2 NOERROR found 1
}
