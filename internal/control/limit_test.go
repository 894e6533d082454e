package control

import (
	"net"
	"path/filepath"
	"testing"
)

// Connections are bounded: one over the bound is accepted when another has closed, not before.
func TestConnectionsAreBounded(t *testing.T) {
	inner, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	ln := newLimitListener(inner, 1)
	defer ln.Close()
	for range 2 {
		c, err := net.Dial("unix", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	first, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	second := make(chan net.Conn, 1)
	go func() {
		c, _ := ln.Accept()
		second <- c
	}()
	if len(ln.slots) != cap(ln.slots) {
		t.Fatalf("%d of %d slots are taken with one connection open", len(ln.slots), cap(ln.slots))
	}
	select {
	case <-second:
		t.Fatal("a second connection was accepted beside the first")
	default:
	}
	first.Close()
	first.Close() // closing twice must not make room twice
	c := <-second
	if c == nil {
		t.Fatal("no second connection after the first was closed")
	}
	c.Close()
	if len(ln.slots) != 0 {
		t.Errorf("%d slots are taken with nothing open", len(ln.slots))
	}
}
