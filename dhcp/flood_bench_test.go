package dhcp

import (
	"bytes"
	"context"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"loadshare/internal/dhcpclient"
)

const floodAt = "DHCP_FLOOD_AT" // the server that a child process of the benchmark floods

// TestFlooder is the child: it sends packets of every hostile kind as fast as it can, until its standard input ends, and says how many.
func TestFlooder(t *testing.T) {
	at := os.Getenv(floodAt)
	if at == "" {
		t.Skip("only as a child of BenchmarkRenewalsDuringAFlood")
	}
	conn, err := net.DialUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 77)}, net.UDPAddrFromAddrPort(netip.MustParseAddrPort(at)))
	if err != nil {
		t.Fatal(err)
	}
	h := hostile{seeded(1)}
	packets := make([][]byte, 4096) // made beforehand: it is the server that is measured
	for i := range packets {
		packets[i] = h.packet()
	}
	end := make(chan struct{})
	go func() {
		_, _ = os.Stdin.Read(make([]byte, 1))
		close(end)
	}()
	for n := 0; ; n++ {
		select {
		case <-end:
			_, _ = os.Stdout.WriteString("sent " + strconv.Itoa(n) + " packets\n")
			return
		default:
		}
		p := packets[n%len(packets)]
		copy(p[4:8], h.octets(4))
		copy(p[28:34], h.octets(6))
		_, _ = conn.Write(p)
	}
}

// BenchmarkRenewalsDuringAFlood is how long renewals of known clients take, tries included, while another process floods the server without
// a pause.
//
//	DHCP_TEST_QUIET=1 go test ./dhcp -run - -bench RenewalsDuringAFlood -benchtime 2000x
func BenchmarkRenewalsDuringAFlood(b *testing.B) {
	if os.Getenv("GOMAXPROCS") == "" {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(max(Processors, runtime.GOMAXPROCS(0))))
	}
	s := newSite(b, single)
	s.start(b)
	r, err := dhcpclient.Listen(dhcpclient.Config{
		Local: netip.MustParseAddrPort("127.0.0.9:0"), Servers: []netip.AddrPort{s.addr}, Wait: 200 * time.Millisecond, Tries: 3,
	})
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	var leases []dhcpclient.Lease
	for i := range 20 {
		leases = append(leases, acquire(b, r, i))
	}
	child := exec.Command(os.Args[0], "-test.run", "^TestFlooder$", "-test.v")
	child.Env = append(os.Environ(), floodAt+"="+s.addr.String())
	stop, err := child.StdinPipe()
	var said bytes.Buffer
	child.Stdout = &said
	if err != nil || child.Start() != nil {
		b.Fatal("no child")
	}
	for s.server.socket.Counters().Received < 20_000 {
		time.Sleep(time.Millisecond)
	}
	began, before := time.Now(), s.server.socket.Counters()
	var took []time.Duration
	tries := 0
	for i := range b.N {
		from := time.Now()
		for {
			tries++
			l, err := r.Renew(context.Background(), client(i%20), leases[i%20])
			if err == nil && l.IP == leases[i%20].IP {
				break
			}
			if time.Since(from) > time.Minute {
				b.Fatalf("client %d of %s: %v", i%20, leases[i%20].IP, err)
			}
		}
		took = append(took, time.Since(from))
	}
	lasted, after := time.Since(began), s.server.socket.Counters()
	_ = stop.Close()
	_ = child.Wait()
	slices.Sort(took)
	ms := func(d time.Duration) float64 { return float64(d) / 1e6 }
	b.ReportMetric(ms(took[len(took)/2]), "median-ms")
	b.ReportMetric(ms(took[len(took)*99/100]), "p99-ms")
	b.ReportMetric(ms(took[len(took)-1]), "slowest-ms")
	b.ReportMetric(float64(tries-b.N), "retries")
	b.ReportMetric(float64(after.Received-before.Received+after.Overrun-before.Overrun)/lasted.Seconds(), "packets/s")
	b.ReportMetric(float64(after.Overrun-before.Overrun)/lasted.Seconds(), "overrun/s")
	b.ReportMetric(0, "ns/op")
	if !strings.Contains(said.String(), "sent ") {
		b.Errorf("the child: %s", &said)
	}
}
