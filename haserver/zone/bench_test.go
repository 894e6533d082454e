package zone

import (
	"fmt"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// bigZone is the text of a zone with n A records, one a name, in the order a generator writes them: not the canonical one.
func bigZone(n int) []byte {
	var b strings.Builder
	b.WriteString("$ORIGIN big.test.\n$TTL 300\n@ IN SOA ns1 admin 1 3600 600 86400 60\n@ NS ns1\nns1 A 192.0.2.1\n")
	for i := range n {
		fmt.Fprintf(&b, "host%d A 10.%d.%d.%d\n", i, i>>16&255, i>>8&255, i&255)
	}
	return []byte(b.String())
}

func loadBig(tb testing.TB, n int) *Zone {
	tb.Helper()
	text := bigZone(n)
	z, problems := Load(func(string) ([]byte, error) { return text, nil }, must("big.test."), "big")
	if z == nil {
		tb.Fatal(problems.Err())
	}
	return z
}

// cpu reports the processor time an operation took, which a busy machine changes less than the time on the wall.
func cpu(b *testing.B) func() {
	now := func() int64 {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return u.Utime.Nano() + u.Stime.Nano()
	}
	start := now()
	return func() { b.ReportMetric(float64(now()-start)/float64(b.N), "cpu-ns/op") }
}

func BenchmarkLoadMillion(b *testing.B) {
	text := bigZone(1_000_000)
	origin := must("big.test.")
	defer cpu(b)()
	for b.Loop() {
		z, problems := Load(func(string) ([]byte, error) { return text, nil }, origin, "big")
		if z == nil {
			b.Fatal(problems.Err())
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1e6, "ns/record")
}

func BenchmarkMemoryMillion(b *testing.B) {
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		start := time.Now()
		z := loadBig(b, 1_000_000)
		took := time.Since(start)
		peak := runtime.MemStats{}
		runtime.ReadMemStats(&peak)
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(z.Len()), "bytes/record")
		b.ReportMetric(float64(after.HeapObjects-before.HeapObjects), "objects")
		b.ReportMetric(float64(peak.HeapSys)/1e6, "heapsys-MB")
		b.ReportMetric(took.Seconds(), "load-s")
		runtime.KeepAlive(z)
	}
}

func BenchmarkApply(b *testing.B) {
	for _, n := range []int{100, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			z := loadBig(b, n)
			runtime.GC()
			names := make([]Name, 64)
			for i := range names {
				names[i] = must(fmt.Sprintf("host%d.big.test.", i*7919%n))
			}
			data := "\x0a\x00\x00\xfe"
			b.ReportAllocs()
			i := 0
			defer cpu(b)()
			for b.Loop() {
				r := Record{names[i>>1%64], TypeA, ClassIN, 300, data}
				if i&1 == 1 {
					r.Class, r.TTL = ClassNONE, 0
				}
				z, _, _, _ = z.Apply(Update{Updates: []Record{r}})
				i++
			}
		})
	}
}

func BenchmarkLookup(b *testing.B) {
	for _, n := range []int{100, 100_000, 1_000_000} {
		z := loadBig(b, n)
		hits, misses := make([]Name, 4096), make([]Name, 4096)
		for i := range hits {
			hits[i] = must(fmt.Sprintf("host%d.big.test.", i*7919%n))
			misses[i] = must(fmt.Sprintf("nohost%d.big.test.", i*7919%n))
		}
		for kind, names := range map[string][]Name{"hit": hits, "miss": misses} {
			b.Run(fmt.Sprintf("%s/%d", kind, n), func(b *testing.B) {
				b.ReportAllocs()
				var a Answer
				i := 0
				defer cpu(b)()
				for b.Loop() {
					z.LookupInto(Question{Name: names[i&4095], Type: TypeA}, &a)
					i++
				}
			})
		}
	}
}

func BenchmarkAllMillion(b *testing.B) {
	z := loadBig(b, 1_000_000)
	for b.Loop() {
		octets := 0
		for s := range z.All() {
			octets += len(s.Name) + len(s.Data[0])
		}
		if octets < z.Len() {
			b.Fatal("records are missing")
		}
	}
}

func BenchmarkDiffMillion(b *testing.B) {
	z := loadBig(b, 1_000_000)
	next, _, _, _ := z.Apply(Update{Updates: []Record{{must("new.big.test."), TypeA, ClassIN, 300, "\x0a\x00\x00\x01"}}})
	for b.Loop() {
		if d := Diff(z, next); len(d.Added) != 2 {
			b.Fatal(d)
		}
	}
}

func must(text string) Name {
	n, err := ParseName(text)
	if err != nil {
		panic(err)
	}
	return n
}
