package journal

import (
	"fmt"
	"strings"
	"testing"

	"loadshare/haserver/zone"
	"loadshare/internal/durable"
)

// million is a zone of a million addresses.
func million(b *testing.B) *zone.Zone {
	var text strings.Builder
	text.WriteString(head0)
	for i := range 1_000_000 {
		fmt.Fprintf(&text, "h%d A 10.%d.%d.%d\n", i, i>>16&255, i>>8&255, i&255)
	}
	return parse(b, "example.test", text.String())
}

// BenchmarkLoadMillion is the recovery of a zone of a million addresses, its digest proved.
func BenchmarkLoadMillion(b *testing.B) {
	store, err := durable.OpenPebble(b.TempDir(), durable.PebbleOptions{})
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	j, err := Open(store)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := j.Create(name(b, "example.test"), million(b), [32]byte{}); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if l, _, err := j.Load(name(b, "example.test")); l == nil || err != nil {
			b.Fatal(err)
		}
	}
}
