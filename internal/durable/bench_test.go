package durable

import (
	"fmt"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
)

// BenchmarkCommit: durable commits of one 100-byte value, by one caller and by 64.
func BenchmarkCommit(b *testing.B) {
	for name, open := range openers {
		for _, callers := range []int{1, 64} {
			b.Run(fmt.Sprintf("%s/callers=%d", name, callers), func(b *testing.B) {
				s, err := open(filepath.Join(b.TempDir(), "s"))
				if err != nil {
					b.Fatal(err)
				}
				defer s.Close()
				var next atomic.Int64
				value := make([]byte, 100)
				b.SetParallelism(max(1, callers/runtime.GOMAXPROCS(0)))
				if callers == 1 {
					for b.Loop() {
						commitOne(b, s, next.Add(1), value)
					}
					return
				}
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						commitOne(b, s, next.Add(1), value)
					}
				})
			})
		}
	}
}

func commitOne(b *testing.B, s Store, n int64, value []byte) {
	var batch Batch
	batch.Put(fmt.Appendf(nil, "key%012d", n), value)
	if err := s.Commit(&batch); err != nil {
		b.Error(err)
	}
}
