package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
)

const (
	portCount = 8
	fragment  = "httpd is working"
	page      = "HTTP/1.1 200 OK\r\nServer: target\r\nContent-Type: text/plain\r\nContent-Length: 17\r\nConnection: close\r\n\r\nhttpd is working\n"
)

// serve answers every request on portCount ports of all addresses with the same page, until it is killed.
func serve() error {
	var ports []string
	for range portCount {
		l, err := net.Listen("tcp4", "0.0.0.0:0")
		if err != nil {
			return err
		}
		ports = append(ports, strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
		go accept(l)
	}
	fmt.Println(strings.Join(ports, ","))
	select {}
}

func accept(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			var b [4096]byte
			for n := 0; n < len(b); {
				k, err := c.Read(b[n:])
				if err != nil {
					return
				}
				if n += k; bytes.HasSuffix(b[:n], []byte("\r\n\r\n")) {
					break
				}
			}
			_, _ = io.WriteString(c, page)
		}()
	}
}

// targets gives out the server's addresses, each in turn.
type targets struct {
	ports []uint16
	n     atomic.Uint32
}

func newTargets(ports []string) (*targets, error) {
	t := &targets{}
	for _, p := range ports {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil {
			return nil, err
		}
		t.ports = append(t.ports, uint16(n))
	}
	return t, nil
}

// at is the i-th of the targets: 127.x.y.z and a port.
func (t *targets) at(i uint32) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, byte(1 + i>>16), byte(i >> 8), byte(i)}), t.ports[i%uint32(len(t.ports))])
}

func (t *targets) next() netip.AddrPort { return t.at(t.n.Add(1)) }
