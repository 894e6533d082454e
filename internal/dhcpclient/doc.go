// Package dhcpclient is a DHCPv4 client and a load generator for tests, benchmarks and the demo.
package dhcpclient
