package beside

import (
	"testing"
	"time"
)

// BenchmarkAcked is what an acknowledgement costs the loop of the server.
func BenchmarkAcked(b *testing.B) {
	m := New("main", "backup", Now{})
	m.Step(Now{}, Connected{})
	var clients [1024]Acked
	for i := range clients {
		clients[i] = Acked{Client: client(i), Seconds: 3600}
	}
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		m.Step(Now{Mono: time.Duration(n)}, clients[n%len(clients)])
		n++
	}
}
