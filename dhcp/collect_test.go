package dhcp

import "testing"

// TestCollection: a server with few leases uses leastHeap before it collects, one with many a third more than it has.
func TestCollection(t *testing.T) {
	const mib = 1 << 20
	for _, c := range []struct {
		live uint64
		want int
	}{
		{0, 400}, {2 * mib, 400}, // the runtime begins no earlier than at 4 MiB * 400 %
		{4 * mib, 300}, {8 * mib, 100}, {16 * mib, 33}, {100 * mib, 33},
	} {
		if got := percentOf(c.live); got != c.want {
			t.Errorf("GOGC is %d with %d MiB in use, not %d", got, c.live/mib, c.want)
		}
	}
}
