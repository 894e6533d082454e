package dhcp

import (
	"runtime"
	"strings"
	"testing"
)

// "Run returns on context end, in bounded time, everything it started stopped."
func TestNothingIsLeftRunning(t *testing.T) {
	main, backup := twins(t, "")
	main.start(t)
	backup.start(t)
	untilNormal(t, main, backup)
	r := main.relay(t, backup)
	acquire(t, r, 1)
	r.Close()
	main.stop(t)
	backup.stop(t)
	left := ""
	defer func() {
		if left != "" {
			t.Log(left)
		}
	}()
	until(t, "all goroutines of the servers have ended", func() bool {
		buf := make([]byte, 1<<20)
		left = ""
		for g := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
			if strings.Contains(g, "loadshare/dhcp") && !strings.Contains(g, "testing.tRunner") {
				left += g + "\n"
			}
		}
		return left == ""
	})
}
