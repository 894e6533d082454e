package decide

import (
	"testing"
	"time"

	"loadshare/monitor/order"
)

// FuzzSavedRecord: whatever the store gives back, the machine refuses it or
// runs; it never panics. A store may be restored from an odd backup.
func FuzzSavedRecord(f *testing.F) {
	w := newWorld(f, matrixConfig())
	w.quiet = true
	w.connect(true, "ns1")
	w.connect(false, "n1")
	w.rounds(2)
	f.Add(w.saved["pool/www/A"].Value)
	w.fails(3)
	f.Add(w.saved["pool/www/A"].Value)
	w.step(Drain{Address: "192.0.2.1", Until: w.now.Add(time.Hour), By: "ann", Reason: "disk"})
	f.Add(w.saved["pool/www/A"].Value)
	f.Add([]byte(`{"members":[{"value":"192.0.2.1","state":"restarting"},{"value":"192.0.2.2","state":"restarting"}]}`))
	f.Add([]byte(`{"decided":true,"want":["192.0.2.9"],"members":[{"value":"192.0.2.9","state":"up","held":true}]}`))
	f.Add([]byte(`{"members":[{"value":"192.0.2.1","state":"up","held":true}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := New(matrixConfig(), []Record{{Key: "pool/www/A", Value: data}}, start)
		if err != nil {
			return
		}
		now := start
		m.Step(now, AgentUp{Agent: "ns1", Welcome: order.Welcome{Publishes: true, Boot: "1"}})
		m.Step(now, Beat{Agent: "ns1", Claimed: []order.PoolID{"www/A"}})
		for i := range 12 {
			now = now.Add(5 * time.Second)
			for _, c := range []CheckID{"m", "other"} {
				o := Observation{Check: c, At: now}
				if i < 6 {
					o.Outcome = Failed
				}
				for _, p := range m.Step(now, o).Publishes {
					if len(p.Want.Values) == 0 {
						t.Fatalf("an empty set is ordered after %s", data)
					}
				}
			}
		}
		m.Step(now.Add(time.Hour), Tick{})
		m.Step(now.Add(time.Hour), Undrain{Address: "192.0.2.1"})
		m.Pool("www/A")
	})
}
