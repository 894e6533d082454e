package haserver

import (
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// Both servers of a pair tell a secondary that only the main's configuration names, each by itself, of what is on both; neither
// tells the other.
func TestPairBothNotify(t *testing.T) {
	l := newListener(t)
	d := newDuo(t, "")
	conf, err := os.ReadFile(d.main.conf)
	if err != nil {
		t.Fatal(err)
	}
	d.main.write(t, "dns.toml", strings.Replace(string(conf), "transfer = [\"key xfer\"]\n", "transfer = [\"key xfer\"]\nnotify = [\""+l.addr()+"\"]\n", 1))
	d.start(t)
	d.main.change(t, "new.example.test. 5 IN A 192.0.2.99")
	serial := d.main.ask(t, "udp", "example.test", dns.TypeSOA).Answer[0].(*dns.SOA).Serial
	from := map[netip.AddrPort]uint32{}
	for len(from) < 2 || !all(from, serial) {
		h := l.next()
		l.answer(h, dns.RcodeSuccess)
		from[h.from] = h.serial(t)
	}
	d.equal(t)
	for _, s := range []*site{d.main, d.backup} {
		s.known(t, "told", func(st SecondaryStatus) bool {
			return st.Address == l.addr() && st.Answered != nil && st.Notified != nil && *st.Notified == serial && st.Tries == 0
		})
	}
}

func all(m map[netip.AddrPort]uint32, want uint32) bool {
	for _, v := range m {
		if v != want {
			return false
		}
	}
	return true
}
