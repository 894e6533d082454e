package probes

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// Compile checks the Spec and makes a Probe of it. All mistakes are reported at once; with any of them the Probe is nil.
// The Spec is copied: what the caller changes later has no effect.
func (s Spec) Compile() (*Probe, []SpecError) {
	s = s.clone()
	if s.Kind == "" {
		s.Kind = TCP
	}
	if s.Timeout == 0 {
		s.Timeout = DefaultTimeout
	}
	s.TLS = s.TLS || s.Kind == TLS || s.Kind == HTTPS
	p := &Probe{}
	var errs []SpecError
	switch s.Kind { // a new kind is one line here and one file beside this one
	case TCP, TLS:
		p.look, errs = compileTCP(&s)
	case HTTP, HTTPS:
		p.look, errs = compileHTTP(&s)
	case SMTP, POP3, IMAP, FTP, NNTP, SSH:
		p.look, errs = compileGreet(&s)
	case DNS:
		p.look, errs = compileDNS(&s)
	case ICMP:
		p.look, errs = compileICMP(&s)
	case GRPC:
		p.look, errs = compileGRPC(&s)
	case Exec:
		p.look, errs = compileExec(&s)
	default:
		names := make([]string, 0, len(Kinds()))
		for _, k := range Kinds() {
			names = append(names, string(k))
		}
		return nil, []SpecError{{"type", strconv.Quote(string(s.Kind)), strings.Join(names, ", ")}}
	}
	errs = append(errs, s.validateCommon()...)
	port, portErrs := s.findPort()
	if errs = append(errs, portErrs...); len(errs) > 0 {
		return nil, errs
	}
	p.spec, p.port = s, port
	return p, nil
}

func (s Spec) clone() Spec {
	s.Steps = slices.Clone(s.Steps)
	s.HTTP.Headers, s.HTTP.Status = slices.Clone(s.HTTP.Headers), slices.Clone(s.HTTP.Status)
	s.Exec.Command = slices.Clone(s.Exec.Command)
	s.Cert.CA = slices.Clone(s.Cert.CA)
	return s
}

func (s *Spec) validateCommon() (errs []SpecError) {
	if s.Timeout < time.Millisecond || s.Timeout > MaxTimeout {
		errs = append(errs, SpecError{"timeout", strconv.Quote(s.Timeout.String()), "1ms to 5m"})
	}
	return append(errs, s.validateUse()...)
}

// validateUse refuses what the kind would silently ignore.
func (s *Spec) validateUse() (errs []SpecError) {
	unused := func(is bool, key, value string, kinds ...Kind) {
		if is && !slices.Contains(kinds, s.Kind) {
			names := make([]string, len(kinds))
			for i, k := range kinds {
				names[i] = string(k)
			}
			errs = append(errs, SpecError{key, value, "only with type " + strings.Join(names, ", ")})
		}
	}
	greeters := []Kind{SMTP, POP3, IMAP, FTP, NNTP, SSH}
	unused(len(s.Steps) > 0, "send", strconv.Itoa(len(s.Steps))+" steps", append([]Kind{TCP, TLS}, greeters...)...)
	unused(s.Banner != nil, "banner", "given", TCP, TLS)
	unused(s.TLS, "tls", "true", TCP, TLS, HTTPS, SMTP, POP3, IMAP, FTP, NNTP, GRPC)
	unused(s.StartTLS != "", "starttls", strconv.Quote(string(s.StartTLS)), SMTP, POP3, IMAP, FTP, NNTP)
	h := s.HTTP
	unused(h.Method != "" || h.Path != "" || len(h.Headers) > 0 || len(h.Status) > 0, "path, method, headers, status", "given", HTTP, HTTPS)
	unused(h.Host != "", "host", strconv.Quote(h.Host), HTTP, HTTPS, GRPC)
	unused(s.DNS != DNSSpec{}, "query, query_type, recursion", "given", DNS)
	unused(len(s.Exec.Command) > 0, "command", "given", Exec)
	unused(s.GRPC.Service != "", "grpc_service", strconv.Quote(s.GRPC.Service), GRPC)
	return errs
}

// findPort is the given port, else the service's, else the kind's own.
func (s *Spec) findPort() (uint16, []SpecError) {
	if s.Port != 0 {
		return s.Port, nil
	}
	if s.Service != "" {
		if port, ok := ServicePort(s.Service); ok {
			return port, nil
		}
		return 0, []SpecError{{"service", strconv.Quote(s.Service), "a TCP service of /etc/services, or a port beside it"}}
	}
	port := s.Kind.defaultPort(s.TLS)
	if port == 0 && s.Kind.hasPort() {
		return 0, []SpecError{{"port", "", "a port, or a service"}}
	}
	return port, nil
}
