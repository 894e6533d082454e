package dhcp

import (
	"context"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"loadshare/internal/dhcpclient"
)

// BenchmarkDORA: new clients, each an exchange of four messages through real sockets, every lease durable before its ACK. Reported are
// exchanges a second, and the processor time of the whole process: servers and generator.
func BenchmarkDORA(b *testing.B) {
	b.Run("single", func(b *testing.B) {
		s := newSite(b, strings.ReplaceAll(single, "127.1.3.254", "127.16.255.254"))
		b.Setenv("DHCP_TEST_QUIET", "1")
		s.start(b)
		dora(b, s)
	})
	b.Run("pair", func(b *testing.B) {
		main, backup := twins(b, "")
		for _, s := range []*site{main, backup} {
			s.text = strings.ReplaceAll(s.text, "127.1.3.254", "127.16.255.254")
		}
		b.Setenv("DHCP_TEST_QUIET", "1")
		main.start(b)
		backup.start(b)
		untilNormal(b, main, backup)
		dora(b, main, backup)
		ended := time.Now()
		untilNormal(b, main, backup)
		b.ReportMetric(float64(time.Since(ended).Milliseconds()), "backlog-ms")
	})
}

func dora(b *testing.B, servers ...*site) {
	b.Helper()
	c := dhcpclient.Config{Local: netip.MustParseAddrPort("127.0.0.9:0")}
	for _, s := range servers {
		c.Servers = append(c.Servers, s.addr)
	}
	g, err := dhcpclient.NewGenerator(c)
	if err != nil {
		b.Fatal(err)
	}
	defer g.Close()
	before := cpu()
	res, err := g.Run(context.Background(), dhcpclient.Load{Kind: dhcpclient.New, Clients: b.N, Window: 100})
	if err != nil {
		b.Fatal(err)
	}
	if res.Duplicates > 0 {
		b.Fatal(res.String())
	}
	b.ReportMetric(res.PerSecond(), "kept/s")
	b.ReportMetric(float64((cpu()-before).Microseconds())/float64(max(1, res.Kept)), "cpu-us/lease")
	b.ReportMetric(float64(res.Lost), "lost")
	if os.Getenv("DHCP_TEST_VERBOSE") != "" {
		b.Log(res.String())
	}
}

func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
