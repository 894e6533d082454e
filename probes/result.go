package probes

import (
	"fmt"
	"time"
)

// Outcome is what a look came to. The zero value is Untested: "we do not know".
type Outcome uint8

const (
	// Untested means the look says nothing about the service: the fault is here, or the look was
	// called off. It is never counted against the service (lessons, 27).
	Untested Outcome = iota
	// OK means the service did what the Spec asks.
	OK
	// Failed means the service, seen from here, did not.
	Failed
)

var outcomeNames = [...]string{Untested: "untested", OK: "ok", Failed: "failed"}

func (o Outcome) String() string {
	if int(o) < len(outcomeNames) {
		return outcomeNames[o]
	}
	return fmt.Sprintf("outcome(%d)", o)
}

// MarshalText gives the word of String, so that JSON carries words.
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// Reason is why an Outcome is what it is. It travels to logs, metrics and the status page.
type Reason uint8

// The reasons. Up to ReasonNotServing they go with Failed, from ReasonCancelled on with Untested;
// ReasonNone goes with OK.
const (
	ReasonNone          Reason = iota
	ReasonRefused              // the host refused the connection, or its port is closed (UDP)
	ReasonTimeout              // no answer, or not all of it, within the timeout
	ReasonClosed               // the service closed or reset the connection too early
	ReasonUnreachable          // a router or the host's network said it cannot be reached
	ReasonMismatch             // it answered, but not with what is expected
	ReasonRejected             // it answered with what the reject pattern, or the protocol, names as bad
	ReasonStatus               // an HTTP status that is not accepted
	ReasonProtocol             // the answer is not in the protocol at all
	ReasonTLS                  // the TLS handshake failed
	ReasonTLSExpired           // the certificate is expired or not yet valid
	ReasonTLSName              // the certificate is for another name
	ReasonTLSUntrusted         // nobody we trust signed the certificate
	ReasonTLSExpiring          // fewer than min_days left, and fail_expiring was asked for
	ReasonNXDomain             // the DNS server says the name does not exist
	ReasonRcode                // the DNS server answered with another error
	ReasonCritical             // a plugin exited 2
	ReasonNotServing           // a gRPC service says it is not serving
	ReasonCancelled            // the context ended first
	ReasonLocal                // no file descriptor, local port or memory left here
	ReasonNoRoute              // this host has no route or no such address family
	ReasonNoPermission         // this process may not send such packets
	ReasonPluginMissing        // the plugin could not be started
	ReasonPluginUnknown        // the plugin exited 3, or in a way that says nothing
	ReasonInternal             // a fault of the probe itself

	numReasons = int(ReasonInternal) + 1
)

var reasonNames = [numReasons]string{
	ReasonNone: "none", ReasonRefused: "refused", ReasonTimeout: "timeout", ReasonClosed: "closed",
	ReasonUnreachable: "unreachable", ReasonMismatch: "mismatch", ReasonRejected: "rejected",
	ReasonStatus: "status", ReasonProtocol: "protocol", ReasonTLS: "tls", ReasonTLSExpired: "tls-expired",
	ReasonTLSName: "tls-name", ReasonTLSUntrusted: "tls-untrusted", ReasonTLSExpiring: "tls-expiring",
	ReasonNXDomain: "nxdomain", ReasonRcode: "rcode", ReasonCritical: "critical",
	ReasonNotServing: "not-serving", ReasonCancelled: "cancelled", ReasonLocal: "local-resources",
	ReasonNoRoute: "no-route", ReasonNoPermission: "no-permission", ReasonPluginMissing: "plugin-missing",
	ReasonPluginUnknown: "plugin-unknown", ReasonInternal: "internal",
}

func (r Reason) String() string {
	if int(r) < len(reasonNames) {
		return reasonNames[r]
	}
	return fmt.Sprintf("reason(%d)", r)
}

// MarshalText gives the word of String, so that JSON carries words.
func (r Reason) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// Outcome is the only outcome the reason goes with.
func (r Reason) Outcome() Outcome {
	switch {
	case r == ReasonNone:
		return OK
	case r < ReasonCancelled:
		return Failed
	default:
		return Untested
	}
}

// MaxGot is the most bytes of an answer a Result keeps.
const MaxGot = 256

// Result is what one look saw.
type Result struct {
	Outcome Outcome
	Reason  Reason
	// Step is the send/expect step that decided, from 1; 0 is before the first: connecting, TLS, the greeting.
	Step int
	// Got holds the bytes that decided, at most MaxGot, as they came; nil when none did.
	Got []byte
	// Detail is one sentence for the operator; "" when there is nothing to add to the Reason.
	Detail string
	// Warning is set when the service works but somebody should know: a plugin that exited 1, a
	// certificate that ends soon.
	Warning string
	// Connect, FirstByte and Total are measured from the start of the look; 0 means it did not come to that.
	Connect, FirstByte, Total time.Duration
	// CertExpiry is when the first certificate of the chain we were shown to expire ends; zero without TLS.
	CertExpiry time.Time
}

// CertDays is the number of whole days from now to CertExpiry, negative when it is past. ok is false without TLS.
func (r Result) CertDays(now time.Time) (days int, ok bool) {
	if r.CertExpiry.IsZero() {
		return 0, false
	}
	left := r.CertExpiry.Sub(now)
	days = int(left / (24 * time.Hour))
	if left < 0 {
		days--
	}
	return days, true
}

// String is one line: "failed: timeout at step 1: nothing came in 3s".
func (r Result) String() string {
	s := r.Outcome.String()
	if r.Reason != ReasonNone {
		s += ": " + r.Reason.String()
	}
	if r.Step > 0 && r.Outcome != OK {
		s += fmt.Sprintf(" at step %d", r.Step)
	}
	if r.Detail != "" {
		s += ": " + r.Detail
	}
	if r.Warning != "" {
		s += " (warning: " + r.Warning + ")"
	}
	return s
}
