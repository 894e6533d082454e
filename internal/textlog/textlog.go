// Package textlog is a log that may be read while others write it. It is for tests only.
package textlog

import (
	"strings"
	"sync"
)

// Buffer is the log. The zero value is empty and ready.
type Buffer struct {
	mu   sync.Mutex // of the goroutines that log, or the copier of a process's output, and the test
	text strings.Builder
}

// Write is io.Writer's.
func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

// String is all that was written.
func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
