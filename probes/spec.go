package probes

import (
	"fmt"
	"time"
)

// DefaultTimeout is the Timeout of a Spec that names none.
const DefaultTimeout = 3 * time.Second

// MaxTimeout is the longest Timeout accepted.
const MaxTimeout = 5 * time.Minute

// Spec is what to look at, without the address. It is plain data, as it stands in [pool.check];
// Compile checks it and makes a Probe of it. The key of each field in the configuration is in brackets.
type Spec struct {
	Kind    Kind          // [type] "" is tcp
	Service string        // [service] name in the services file: gives the port and the default of Banner
	Port    uint16        // [port] wins over Service; 0 is the kind's own port
	Timeout time.Duration // [timeout] for the whole look; 0 is DefaultTimeout
	TLS     bool          // [tls] TLS from the first byte; always so for tls and https

	// StartTLS says when smtp, pop3, imap, ftp and nntp change to TLS by a command. [starttls]
	StartTLS StartTLS

	// Banner says whether to read the greeting before the first send; nil is the default of the
	// service: true for smtp, pop3, imap, ftp, nntp and ssh. [banner]
	Banner *bool

	// Steps are carried out in order: for tcp and tls they are the check; for the kinds that greet
	// first they follow the kind's own dialogue. [send, expect, reject, ... and pool.check.step]
	Steps []Step

	HTTP HTTPSpec
	DNS  DNSSpec
	Exec ExecSpec
	GRPC GRPCSpec
	Cert CertSpec
}

// Step is one send and what must come back. A Step with neither is refused.
type Step struct {
	// Send is one line: CRLF is added, and after a line that ends in HTTP/1.0 or HTTP/1.1 the empty
	// line too. "" sends nothing. [send]
	Send string
	// Raw sends Send as it stands, for protocols without lines. [raw]
	Raw bool
	// Expect passes the step as soon as it is found. None passes it as soon as Send is sent. [expect, expect_regexp]
	Expect Pattern
	// Reject fails the step as soon as it is found, also when Expect is there too. It needs an
	// Expect beside it: without one nothing says how long to read. [reject, reject_regexp]
	Reject Pattern
}

// Pattern is a fragment to look for. The zero value is none.
type Pattern struct {
	// Text is a substring, byte for byte.
	Text string
	// Regexp is an RE2 expression (package regexp). At most one of the two is set.
	Regexp string
}

// IsZero says that nothing is to be looked for.
func (p Pattern) IsZero() bool { return p == Pattern{} }

// StartTLS is when to change to TLS by a command (RFC 3207, 2595, 4217, 4642).
type StartTLS string

const (
	StartTLSAuto     StartTLS = "auto"     // when the service offers it; also the empty value
	StartTLSRequired StartTLS = "required" // a service that does not offer it fails
	StartTLSNever    StartTLS = "never"
)

// Header is one header field of an HTTP request.
type Header struct{ Name, Value string }

// HTTPSpec is a request and what its answer must be.
type HTTPSpec struct {
	Method  string   // [method] "" is GET
	Path    string   // [path] with the query; "" is "/"
	Host    string   // [host] the Host field, and the name the certificate must have; "" is the address
	Headers []Header // [headers]
	Status  []int    // [status] accepted; none is 200 to 399. Redirects are not followed.
	Expect  Pattern  // [expect, expect_regexp] in the body
	Reject  Pattern  // [reject, reject_regexp] in the body
}

// DNSSpec is a question and what its answer must be.
type DNSSpec struct {
	Name string // [query] the name asked for
	Type string // [query_type] "" is A
	// Expect is an address or other record data that must be in the answer, or an rcode
	// ("NXDOMAIN") that it must have. "" is: NOERROR and at least one record of the type. [expect]
	Expect string
	// Recursion sets RD. Our own servers are authoritative: false is right for them. [recursion]
	Recursion bool
}

// ExecSpec is a plugin by the Monitoring Plugins convention.
type ExecSpec struct {
	// Command is the program and its arguments, never a shell line. {address} and {port} are
	// replaced in the arguments. [command]
	Command []string
}

// GRPCSpec is the service name asked of grpc.health.v1.Health/Check.
type GRPCSpec struct {
	Service string // [grpc_service] "" asks for the whole server
}

// CertSpec says how a certificate is judged, for every kind with TLS.
type CertSpec struct {
	// ServerName is sent as SNI and must be in the certificate; "" is HTTP.Host, else the address. [server_name]
	ServerName string
	// NoVerify accepts any certificate. After STARTTLS without a ServerName that is the default,
	// as between mail servers (decision M13). [verify = false]
	NoVerify bool
	// CA holds the PEM certificates to trust instead of the system's. [ca]
	CA []byte
	// MinDays is how many days a certificate must still last; fewer is a warning. 0 is no warning. [min_days]
	MinDays int
	// FailExpiring makes fewer than MinDays a failure. [fail_expiring]
	FailExpiring bool
}

// SpecError is one mistake in a Spec, in the words of the configuration.
type SpecError struct {
	Key      string // as in [pool.check]: "send", "step[2].expect_regexp"
	Value    string // what was given, quoted or as a number; "" when it is missing
	Accepted string // what would be accepted
}

func (e SpecError) Error() string {
	if e.Value == "" {
		return fmt.Sprintf("%s is missing: accepted is %s", e.Key, e.Accepted)
	}
	return fmt.Sprintf("%s = %s: accepted is %s", e.Key, e.Value, e.Accepted)
}
