package dhcpclient

import (
	"fmt"
	"slices"
	"time"
)

// Result is what became of a Load.
type Result struct {
	Started    int
	Kept       int           // got what they wanted: new clients and renewals an ACK
	Offered    int           // new clients that got an OFFER
	Naks       int           // answered NAK
	Lost       int           // gave up after all tries
	Again      int           // messages that were sent again
	Duplicates int           // an address acknowledged to two clients: must never be
	Unsent     int           // messages that the kernel did not take
	Elapsed    time.Duration // from the first message to the last answer

	latencies []time.Duration // of those kept, from the first message to the ACK
}

// PerSecond is how many were kept a second.
func (r *Result) PerSecond() float64 {
	if r.Elapsed <= 0 {
		return 0
	}
	return float64(r.Kept) / r.Elapsed.Seconds()
}

// LostShare is the part of those started that was not kept, 0 to 1.
func (r *Result) LostShare() float64 {
	if r.Started == 0 {
		return 0
	}
	return float64(r.Started-r.Kept) / float64(r.Started)
}

// Percentile is the latency that p of 100 of those kept did not exceed; 0 when none was kept.
func (r *Result) Percentile(p float64) time.Duration {
	n := len(r.latencies)
	if n == 0 {
		return 0
	}
	return r.latencies[min(n-1, max(0, int(float64(n)*p/100+0.5)-1))]
}

// Waited is how many of those kept waited longer; those that were not kept waited too, but are not in it.
func (r *Result) Waited(longer time.Duration) int {
	at, _ := slices.BinarySearch(r.latencies, longer+1)
	return len(r.latencies) - at
}

// String is one line for people.
func (r *Result) String() string {
	return fmt.Sprintf("%d started, %d kept (%.0f/s), %d NAK, %d lost, %d sent again, %d duplicates, p50 %v, p99 %v, max %v",
		r.Started, r.Kept, r.PerSecond(), r.Naks, r.Lost, r.Again, r.Duplicates, r.Percentile(50), r.Percentile(99), r.Percentile(100))
}
