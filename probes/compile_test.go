package probes

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// TestCompileRefuses: "all problems are reported at once", each with key, value and what is accepted.
func TestCompileRefuses(t *testing.T) {
	send := []Step{{Send: "x"}}
	tests := []struct {
		name string
		spec Spec
		keys []string
	}{
		{"no such kind", Spec{Kind: "gopher"}, []string{"type"}},
		{"no port", Spec{}, []string{"port"}},
		{"no such service", Spec{Service: "no-such-service"}, []string{"service"}},
		{"negative timeout", Spec{Port: 1, Timeout: -1}, []string{"timeout"}},
		{"many at once", Spec{Timeout: time.Hour, Steps: []Step{{}, {Send: "a", Expect: Pattern{Regexp: "("}, Reject: Pattern{Text: "a", Regexp: "b"}}}}, []string{"step[1].send", "step[2].expect_regexp", "step[2].reject", "timeout", "port"}},
		{"reject alone", Spec{Port: 1, Steps: []Step{{Send: "x", Reject: expect("y")}}}, []string{"expect"}},
		{"send with http", Spec{Kind: HTTP, Steps: send}, []string{"send"}},
		{"path with tcp", Spec{Port: 1, HTTP: HTTPSpec{Path: "/"}}, []string{"path, method, headers, status"}},
		{"path without slash", Spec{Kind: HTTP, HTTP: HTTPSpec{Path: "health"}}, []string{"path"}},
		{"header that splits", Spec{Kind: HTTP, HTTP: HTTPSpec{Path: "/ x", Host: "a b", Method: "GET /", Headers: []Header{{"A", "b\r\nC: d"}, {"Host", "x"}}, Status: []int{100}}}, []string{"method", "path", "host", "headers", "headers", "status"}},
		{"certificate without tls", Spec{Kind: HTTP, Cert: CertSpec{MinDays: 3}}, []string{"tls"}},
		{"bad certificate keys", Spec{Kind: TLS, Port: 1, Cert: CertSpec{MinDays: -1, CA: []byte("x")}}, []string{"min_days", "ca"}},
		{"starttls with tcp", Spec{Port: 1, StartTLS: StartTLSAuto}, []string{"starttls"}},
		{"bad starttls", Spec{Kind: SMTP, StartTLS: "maybe"}, []string{"starttls"}},
		{"starttls inside tls", Spec{Kind: SMTP, TLS: true, StartTLS: StartTLSRequired}, []string{"starttls"}},
		{"dns without a name", Spec{Kind: DNS, DNS: DNSSpec{Type: "BOGUS"}}, []string{"query", "query_type"}},
		{"exec without a command", Spec{Kind: Exec}, []string{"command"}},
		{"exec of an address", Spec{Kind: Exec, Exec: ExecSpec{Command: []string{"{address}"}}}, []string{"command"}},
		{"icmp with a port", Spec{Kind: ICMP, Port: 7}, []string{"port"}},
		{"grpc without a port", Spec{Kind: GRPC}, []string{"port"}},
		{"banner with http", Spec{Kind: HTTP, Banner: new(true)}, []string{"banner"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, errs := tt.spec.Compile()
			var keys []string
			for _, e := range errs {
				keys = append(keys, e.Key)
				if e.Accepted == "" || !strings.Contains(e.Error(), e.Accepted) {
					t.Errorf("%v does not say what is accepted", e)
				}
			}
			if p != nil || !slices.Equal(keys, tt.keys) {
				t.Errorf("Compile: %v, %q; want no Probe and errors of %q", p, errs, tt.keys)
			}
		})
	}
}

// TestEveryKindCompiles: the list of kinds and the switch of Compile agree.
func TestEveryKindCompiles(t *testing.T) {
	for _, k := range Kinds() {
		s := Spec{Kind: k, DNS: DNSSpec{}}
		switch k {
		case TCP, TLS, GRPC:
			s.Port = 1
		case DNS:
			s.DNS.Name = "mydomain.com"
		case Exec:
			s.Exec.Command = []string{"true"}
		}
		p := mustCompile(t, s)
		if p.Kind() != k || p.Timeout() != DefaultTimeout || (p.Port() == 0) == k.hasPort() {
			t.Errorf("%s compiles to kind %q, timeout %v, port %d", k, p.Kind(), p.Timeout(), p.Port())
		}
	}
}

// TestCompileCopies: what the caller changes afterwards has no effect.
func TestCompileCopies(t *testing.T) {
	s := Spec{Kind: Exec, Exec: ExecSpec{Command: []string{"true"}}}
	p := mustCompile(t, s)
	s.Exec.Command[0] = "false"
	if p.spec.Exec.Command[0] != "true" {
		t.Error("the Probe shares the Spec's slices")
	}
}

// TestWords: every reason has a word of its own, and the zero Result means "we do not know".
func TestWords(t *testing.T) {
	seen := map[string]bool{}
	for r := range Reason(numReasons) {
		if s := r.String(); s == "" || seen[s] || strings.ToLower(s) != s || strings.Contains(s, " ") {
			t.Errorf("reason %d is called %q", r, s)
		}
		seen[r.String()] = true
	}
	if (Result{}).Outcome != Untested || ReasonCancelled.Outcome() != Untested || ReasonNotServing.Outcome() != Failed || ReasonNone.Outcome() != OK {
		t.Error("reasons and outcomes do not fit")
	}
	r := Result{Outcome: Failed, Reason: ReasonTimeout, Step: 2, Detail: "no answer in 3s"}
	if got := r.String(); got != "failed: timeout at step 2: no answer in 3s" {
		t.Errorf("String = %q", got)
	}
}
