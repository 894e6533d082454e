package dhcp

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// Alarms are told by webhook as the other roles do, with the command to type; the end of an alarm as well.
func TestAlarmsReachPeople(t *testing.T) {
	var mu sync.Mutex // the server's goroutines write
	var got strings.Builder
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		got.Write(b)
	}))
	defer hook.Close()
	has := func(words ...string) func() bool {
		return func() bool {
			mu.Lock()
			defer mu.Unlock()
			for _, w := range words {
				if !strings.Contains(got.String(), w) {
					return false
				}
			}
			return true
		}
	}
	s := newSite(t, strings.Replace(single, "[control]", "[alerts]\nwebhook = \""+hook.URL+"\"\n[control]", 1))
	disk := sick(s)
	s.start(t)
	disk.mu.Lock()
	comeOn := sync.OnceFunc(disk.mu.Unlock)
	defer comeOn()
	r := s.relay(t)
	r.Tries = 1
	told := has("dhcp: unfit", "df -h; journalctl -u loadshare-dhcp")
	until(t, "the alarm is told", func() bool {
		_, _ = r.Acquire(t.Context(), client(1)) // something to write, as soon as the server answers a DISCOVER
		return told()
	})
	comeOn()
	until(t, "its end is told", has("over: dhcp: unfit"))
}
