package monitor

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"time"

	"loadshare/internal/config"
	"loadshare/monitor/decide"
	"loadshare/probes"
)

// Check is one [pool.check] or [[check]] table.
type Check struct {
	// Name is unique in its pool, or among the [[check]] tables.
	Name string
	Spec probes.Spec
	// Address is what is looked at; not valid for a pool's checks: each
	// member's address is.
	Address    netip.Addr
	Interval   time.Duration
	Fall, Rise int
	// DependsOn are checks of the same pool or [[check]] names; while one of
	// them fails this one is silent.
	DependsOn []string
}

// namedCheck is the id of a [[check]].
func namedCheck(name string) decide.CheckID { return decide.CheckID("check " + name) }

// checkSections are the tables at `check`, written as one table or several.
func checkSections(s *config.Section) []*config.Section {
	if !s.Has("check") {
		return nil
	}
	if _, one := s.Raw("check").(map[string]any); one {
		if t := s.Table("check"); t != nil {
			return []*config.Section{t}
		}
		return nil
	}
	return s.Tables("check")
}

// checkTables reads the checks of a pool or a member.
func (r *reader) checkTables(s *config.Section, d settings) []Check {
	var out []Check
	taken := map[string]bool{}
	for _, t := range checkSections(s) {
		c := r.check(t, d)
		if c.Name != "" && taken[c.Name] {
			t.Fail("name", "each name once in a pool")
		}
		if c.Name == "" {
			c.Name = freeName(defaultCheckName(c.Spec), taken)
		}
		taken[c.Name] = true
		out = append(out, c)
	}
	return out
}

func defaultCheckName(s probes.Spec) string {
	kind := string(s.Kind)
	if kind == "" {
		kind = "tcp"
	}
	switch {
	case s.Service != "":
		return s.Service
	case s.Port != 0:
		return fmt.Sprintf("%s-%d", kind, s.Port)
	}
	return kind
}

func freeName(name string, taken map[string]bool) string {
	free := name
	for i := 2; taken[free]; i++ {
		free = fmt.Sprintf("%s-%d", name, i)
	}
	return free
}

// namedChecks reads the [[check]] tables, which belong to no pool (M8).
func (r *reader) namedChecks(root *config.Section, d settings) {
	for _, s := range root.Tables("check") {
		c := r.check(s, d)
		if c.Name == "" {
			s.Fail("name", "a name for depends_on, checks and anchors to use")
		}
		if _, dup := r.named[c.Name]; dup {
			s.Fail("name", "each name once")
		}
		c.Address = s.Addr("address").Unmap()
		if !s.Has("address") {
			s.Fail("address", "the address to look at")
		}
		r.named[c.Name] = len(r.cfg.Checks)
		r.cfg.Checks = append(r.cfg.Checks, c)
	}
}

// anchor makes a check of an address, or finds a [[check]].
func (r *reader) anchor(text string, d settings) (decide.CheckID, bool) {
	if _, ok := r.named[text]; ok {
		return namedCheck(text), true
	}
	c := Check{Name: "anchor " + text, Interval: d.interval, Fall: d.fall, Rise: d.rise,
		Spec: probes.Spec{Kind: probes.ICMP, Timeout: d.probeTimeout()}}
	a, err := netip.ParseAddr(text)
	if err != nil {
		ap, err := netip.ParseAddrPort(text)
		if err != nil || ap.Port() == 0 {
			return "", false
		}
		a, c.Spec.Kind, c.Spec.Port = ap.Addr(), probes.TCP, ap.Port()
	}
	c.Address = a.Unmap()
	if _, dup := r.named[c.Name]; !dup {
		r.named[c.Name] = len(r.cfg.Checks)
		r.cfg.Checks = append(r.cfg.Checks, c)
	}
	return namedCheck(c.Name), true
}

// check reads one table.
func (r *reader) check(s *config.Section, d settings) Check {
	d = d.overrideCheck(s)
	c := Check{Name: s.String("name", ""), Interval: d.interval, Fall: d.fall, Rise: d.rise, DependsOn: s.Strings("depends_on")}
	if s.Has("name") && (c.Name == "" || len(c.Name) > 64 || strings.ContainsFunc(c.Name, func(r rune) bool { return r < ' ' || r == 0x7f })) {
		s.Fail("name", "a short name")
	}
	c.Spec = readSpec(s, d.probeTimeout())
	if _, errs := c.Spec.Compile(); len(errs) > 0 {
		blame(s, errs)
	}
	return c
}

// readSpec turns a table into a probe's specification; what is impossible in it is for Compile to say.
func readSpec(s *config.Section, timeout time.Duration) probes.Spec {
	kinds := make([]string, 0, len(probes.Kinds()))
	for _, k := range probes.Kinds() {
		kinds = append(kinds, string(k))
	}
	spec := probes.Spec{Kind: probes.Kind(s.OneOf("type", "tcp", kinds...)), Service: s.String("service", ""), Timeout: timeout, TLS: s.Bool("tls", false)}
	if s.Has("port") {
		spec.Port = uint16(s.Int("port", 1, 1, 65535))
	} else {
		s.Int("port", 0, 1, 65535)
	}
	spec.StartTLS = probes.StartTLS(s.OneOf("starttls", "", "auto", "required", "never"))
	if s.Has("banner") {
		b := s.Bool("banner", false)
		spec.Banner = &b
	} else {
		s.Bool("banner", false)
	}
	first := readStep(s)
	var steps []probes.Step
	for _, t := range s.Tables("step") {
		steps = append(steps, readStep(t))
	}
	switch spec.Kind {
	case probes.HTTP, probes.HTTPS:
		spec.HTTP.Expect, spec.HTTP.Reject = first.Expect, first.Reject
		first.Expect, first.Reject = probes.Pattern{}, probes.Pattern{}
	case probes.DNS:
		spec.DNS.Expect = first.Expect.Text
		first.Expect.Text = ""
	}
	if first != (probes.Step{}) {
		steps = append([]probes.Step{first}, steps...)
	}
	spec.Steps = steps
	readHTTP(s, &spec.HTTP)
	readOthers(s, &spec)
	return spec
}

func readStep(s *config.Section) probes.Step {
	return probes.Step{
		Send: s.String("send", ""), Raw: s.Bool("raw", false),
		Expect: probes.Pattern{Text: s.String("expect", ""), Regexp: s.String("expect_regexp", "")},
		Reject: probes.Pattern{Text: s.String("reject", ""), Regexp: s.String("reject_regexp", "")},
	}
}

func readHTTP(s *config.Section, h *probes.HTTPSpec) {
	h.Method = s.String("method", "")
	h.Path = s.String("path", "")
	h.Host = s.String("host", "")
	h.Status = s.Ints("status", 100, 599)
	for i, text := range s.Strings("headers") {
		name, value, ok := strings.Cut(text, ":")
		if !ok || name == "" {
			s.FailItem("headers", i, "\"Name: value\"")
			continue
		}
		h.Headers = append(h.Headers, probes.Header{Name: strings.TrimSpace(name), Value: strings.TrimSpace(value)})
	}
}

func readOthers(s *config.Section, spec *probes.Spec) {
	spec.DNS.Name = s.String("query", "")
	spec.DNS.Type = s.String("query_type", "")
	spec.DNS.Recursion = s.Bool("recursion", false)
	spec.Exec.Command = s.Strings("command")
	spec.GRPC.Service = s.String("grpc_service", "")
	spec.Cert.ServerName = s.String("server_name", "")
	spec.Cert.NoVerify = !s.Bool("verify", true)
	if file := s.File("ca"); file != "" {
		pem, err := os.ReadFile(file)
		if err != nil {
			s.Fail("ca", "a readable file of certificates, PEM")
		}
		spec.Cert.CA = pem
	}
	spec.Cert.MinDays = s.Int("min_days", 0, 0, 3650)
	spec.Cert.FailExpiring = s.Bool("fail_expiring", false)
}

// blame puts what Compile found at the keys of the table.
func blame(s *config.Section, errs []probes.SpecError) {
	steps := s.Tables("step")
	for _, e := range errs {
		at, key := s, e.Key
		var n int
		var rest string
		if c, err := fmt.Sscanf(e.Key, "step[%d].%s", &n, &rest); err == nil && c == 2 {
			key = rest
			// A send or expect beside the steps is the first step.
			if n -= 1 + firstStep(s); n >= 0 && n < len(steps) {
				at = steps[n]
			}
		}
		if _, bad := at.Raw(key).(map[string]any); bad || key == "" {
			key = "type"
		}
		at.Fail(key, e.Accepted)
	}
}

// firstStep is 1 when the table itself holds the first step.
func firstStep(s *config.Section) int {
	for _, key := range []string{"send", "expect", "expect_regexp", "reject", "reject_regexp"} {
		if s.Has(key) {
			return 1
		}
	}
	return 0
}
