package contract

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// mailServer takes mail, and can be away.
type mailServer struct {
	t    *testing.T
	addr string
	mu   sync.Mutex // sessions append, the test reads
	got  []string
	l    net.Listener
}

const mailPort = 2525

func (s *site) mail(last int) *mailServer {
	m := &mailServer{t: s.t, addr: s.at(last, mailPort)}
	s.t.Cleanup(m.away)
	return m
}

func (m *mailServer) back() {
	m.t.Helper()
	l, err := net.Listen("tcp", m.addr)
	if err != nil {
		m.t.Fatal(err)
	}
	m.mu.Lock()
	m.l = l
	m.mu.Unlock()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go m.session(c)
		}
	}()
}

func (m *mailServer) away() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.l != nil {
		_ = m.l.Close()
		m.l = nil
	}
}

func (m *mailServer) session(c net.Conn) {
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	in := bufio.NewReader(c)
	fmt.Fprint(c, "220 mail.mydomain.com ESMTP\r\n")
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		switch verb, _, _ := strings.Cut(strings.ToUpper(strings.TrimSpace(line)), " "); verb {
		case "DATA":
			fmt.Fprint(c, "354 go on\r\n")
			var b strings.Builder
			for {
				line, err := in.ReadString('\n')
				if err != nil {
					return
				}
				if line == ".\r\n" {
					break
				}
				b.WriteString(strings.TrimPrefix(line, "."))
			}
			m.mu.Lock()
			m.got = append(m.got, strings.ReplaceAll(b.String(), "\r\n", "\n"))
			m.mu.Unlock()
			fmt.Fprint(c, "250 taken\r\n")
		case "QUIT":
			fmt.Fprint(c, "221 bye\r\n")
			return
		default:
			fmt.Fprint(c, "250 ok\r\n")
		}
	}
}

func (m *mailServer) messages() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]string{}, m.got...)
}

// mailWith waits for a message with all these texts.
func (m *mailServer) mailWith(limit time.Duration, texts ...string) string {
	m.t.Helper()
	var found string
	eventually(m.t, limit, fmt.Sprintf("a mail with %q", texts), func() error {
	next:
		for _, msg := range m.messages() {
			for _, text := range texts {
				if !strings.Contains(msg, text) {
					continue next
				}
			}
			found = msg
			return nil
		}
		return fmt.Errorf("%d mails:\n%s", len(m.messages()), strings.Join(m.messages(), "\n=====\n"))
	})
	return found
}

// header is one field of a mail.
func header(mail, name string) string {
	head, _, _ := strings.Cut(mail, "\n\n")
	head = strings.ReplaceAll(head, "\n ", " ")
	for line := range strings.Lines(head) {
		if value, ok := strings.CutPrefix(line, name+": "); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// hooks are the messages of a webhook.
type hooks struct {
	mu  sync.Mutex // the handler appends, the test reads
	got []map[string]any
}

func (s *site) hooks(last int) (*hooks, string) {
	h := &hooks{}
	l, err := net.Listen("tcp", s.at(last, 0))
	if err != nil {
		s.t.Fatal(err)
	}
	srv := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var v map[string]any
		if json.Unmarshal(body, &v) == nil {
			h.mu.Lock()
			h.got = append(h.got, v)
			h.mu.Unlock()
		}
	})}
	go func() { _ = srv.Serve(l) }()
	s.t.Cleanup(func() { _ = srv.Close() })
	return h, "http://" + l.Addr().String() + "/"
}

// An incident is one thread: failure, what the restart said, recovery; whatever happens
// to the mail server meanwhile.
func TestOneIncidentOneThread(t *testing.T) {
	s := newSite(t)
	s.web(11)
	w2 := s.web(12)
	mail := s.mail(30)
	hook, url := s.hooks(31)
	s.dns("ns1", 1)
	ns := []int{1}
	s.role("agent", "a1", s.agentConfig("a1", 1)+s.publish("", 1))
	s.role("agent", "node2", s.agentConfig("node2", 12)+"[restart]\n"+s.execService("web", "echo 'httpd: could not bind to port 80'; exit 1"))
	alerts := fmt.Sprintf("[alerts]\nsmtp = \"smtp://%s\"\nfrom = \"loadshare@mydomain.com\"\nto = [\"root@mydomain.com\"]\nwebhook = %q\nrate = \"100/1m\"\n", mail.addr, url)
	m := s.role("monitor", "m1", s.monitorConfig("m1", s.pool("www.mydomain.com", "", 11, 12), ns, ns)+alerts)
	eventually(t, 10*time.Second, "published", s.answers(ns, "www.mydomain.com", 11, 12))

	// The mail server is away when it happens, and the monitor is killed before it is back.
	w2.down()
	s.whySays("m1", "www.mydomain.com", 12, "could not bind to port 80")
	eventually(t, 5*time.Second, "status says that mail is stuck", func() error {
		if out := must(t, "status", "-s", s.control("m1")); !strings.Contains(out, "mail is stuck") {
			return fmt.Errorf("%s", out)
		}
		return nil
	})
	m.kill9(t)
	mail.back()
	s.again("monitor", "m1")
	first := mail.mailWith(15*time.Second, s.ip(12), "is down")
	evidence := mail.mailWith(15*time.Second, "could not bind to port 80")
	w2.up()
	eventually(t, 5*time.Second, "back", s.answers(ns, "www.mydomain.com", 11, 12))
	last := mail.mailWith(15*time.Second, "is up again")
	for i, msg := range mail.messages() {
		t.Logf("--- mail %d\n%s", i+1, msg)
	}
	id := header(first, "Message-ID")
	if id == "" || header(last, "In-Reply-To") != id && !strings.Contains(header(last, "References"), id) {
		t.Errorf("not one thread: %q, then in reply to %q", id, header(last, "In-Reply-To"))
	}
	if !strings.Contains(header(first, "Subject"), "www.mydomain.com") || !strings.Contains(header(first, "Subject"), s.ip(12)) {
		t.Errorf("subject %q", header(first, "Subject"))
	}
	_, body, _ := strings.Cut(evidence, "\n\n")
	if head := strings.Join(strings.SplitN(body, "\n", 8)[:7], "\n"); !strings.Contains(head, "loadshare pool why www.mydomain.com "+s.ip(12)) {
		t.Errorf("the first lines do not say what to type next:\n%s", head)
	}
	hook.mu.Lock()
	defer hook.mu.Unlock()
	if len(hook.got) < 2 {
		t.Fatalf("%d webhook messages", len(hook.got))
	}
	for _, v := range hook.got {
		if v["version"] != 1.0 || v["subject"] == "" || v["text"] == "" {
			t.Errorf("webhook message %v", v)
		}
	}
}
