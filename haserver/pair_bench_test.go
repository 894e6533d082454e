package haserver

import (
	"testing"

	"github.com/miekg/dns"
)

// BenchmarkPairUpdate is BenchmarkUpdate for a pair in normal: each answer means two disks. Both servers are processes of their own.
func BenchmarkPairUpdate(b *testing.B) {
	for _, clients := range []int{1, 32} {
		b.Run(map[int]string{1: "clients=1", 32: "clients=32"}[clients], func(b *testing.B) {
			d := newDuo(b, "")
			d.patient(b)
			d.main.hosts(b, 1000)
			main, backup := d.main.spawn(b).Process.Pid, d.backup.spawn(b).Process.Pid
			d.main.tryUpdate(b, "tcp", "begin")
			eventually(b, "the backup has it", func() bool {
				r := d.backup.ask(b, "udp", "begin.example.test", dns.TypeA)
				return len(r.Answer) == 1
			}, func() string { return "" })
			mainBefore, backupBefore := processorTime(b, main), processorTime(b, backup)
			updateLoad(b, d.main, clients)
			b.ReportMetric(float64((processorTime(b, main)-mainBefore).Microseconds())/float64(b.N), "main-cpu-us/update")
			b.ReportMetric(float64((processorTime(b, backup)-backupBefore).Microseconds())/float64(b.N), "backup-cpu-us/update")
		})
	}
}
