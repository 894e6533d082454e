// Command coredns is CoreDNS with the plugins that the benchmark needs and no others: the Go peer beside our DNS server.
package main

import (
	"github.com/coredns/coredns/coremain"

	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/file"
	_ "github.com/coredns/coredns/plugin/transfer"
)

func main() { coremain.Run() }
