package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// answers asks one DNS server for the addresses of name, as a resolver would.
// No address at all is an empty list; a server that does not answer is an error.
func answers(ctx context.Context, server netip.AddrPort, name string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
	defer cancel()
	r := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, server.String())
	}}
	addrs, err := r.LookupNetIP(ctx, "ip4", name+".")
	var missing *net.DNSError
	if errors.As(err, &missing) && missing.IsNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s does not answer: %w", server, err)
	}
	out := make([]string, 0, len(addrs))
	for _, a := range addrs {
		out = append(out, a.Unmap().String())
	}
	slices.Sort(out)
	return out, nil
}

// fetch asks a node for its health page, as the users of www would.
func fetch(ctx context.Context, n node) error {
	ctx, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
	defer cancel()
	url := fmt.Sprintf("http://%s/health", netip.AddrPortFrom(n.addr, httpPort))
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	req.Close = true
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1024))
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK || !strings.Contains(string(body), "is working") {
		return fmt.Errorf("%s answered %s", url, res.Status)
	}
	return nil
}

// until asks again every 10 ms until check is satisfied, and says what was wrong last when time is up.
func until(ctx context.Context, limit time.Duration, check func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not within %s: %w", limit, err)
		case <-tick.C:
		}
	}
}

// holds returns a check that every given server answers exactly want for name.
func (w *world) holds(name string, want []string, servers ...node) func(context.Context) error {
	want = slices.Sorted(slices.Values(want))
	return func(ctx context.Context) error {
		for _, s := range servers {
			got, err := answers(ctx, w.dnsAt(s), name)
			if err != nil {
				return err
			}
			if !slices.Equal(got, want) {
				return fmt.Errorf("%s answers %v for %s, expected %v", s.name, got, name, want)
			}
		}
		return nil
	}
}

// zoneOf asks one DNS server for the whole zone (AXFR), as a secondary would: its records in order, the SOA with its serial among them.
func zoneOf(server netip.AddrPort) ([]string, error) {
	ask := new(dns.Msg).SetAxfr(domain + ".")
	t := dns.Transfer{DialTimeout: 500 * time.Millisecond, ReadTimeout: time.Second}
	parts, err := t.In(ask, server.String())
	if err != nil {
		return nil, err
	}
	var lines []string
	for p := range parts {
		if p.Error != nil {
			return nil, p.Error
		}
		for _, rr := range p.RR {
			lines = append(lines, rr.String())
		}
	}
	slices.Sort(lines)
	return lines, nil
}

// equalZones checks that both DNS servers hand out the same zone, serial included.
func (w *world) equalZones() func(context.Context) error {
	return func(context.Context) error {
		a, err := zoneOf(w.dnsAt(w.dns[0]))
		if err != nil {
			return err
		}
		b, err := zoneOf(w.dnsAt(w.dns[1]))
		if err != nil {
			return err
		}
		if !slices.Equal(a, b) {
			return fmt.Errorf("the zones differ:\n%s\nand\n%s", strings.Join(a, "\n"), strings.Join(b, "\n"))
		}
		return nil
	}
}

// paired checks what servers of the pair say of themselves.
func (w *world) paired(state string, servers ...node) func(context.Context) error {
	return func(ctx context.Context) error {
		for _, s := range servers {
			st, err := w.dnsStatus(ctx, s)
			if err != nil {
				return err
			}
			if st.State != state || state == "normal" && st.Synchronized != st.Total {
				return fmt.Errorf("%s is in %s, %d of %d zones synchronised", s.name, st.State, st.Synchronized, st.Total)
			}
		}
		return nil
	}
}
