package probes

import (
	"context"
	"errors"
	"io"
	"os"
	"syscall"
)

// stage is where in a look an error came up: the same errno means different things there.
type stage uint8

const (
	stageLocal   stage = iota // the call that makes or starts the socket failed at once: our own kernel said so
	stageConnect              // the connection attempt failed later: the network or the host said so
	stageTalk                 // the connection was there
)

// localError is an error the kernel gave at once, before anything was sent.
type localError struct{ err error }

func (e localError) Error() string { return e.err.Error() }
func (e localError) Unwrap() error { return e.err }

// classify says what a network error means. "Could not test" is never a failure (lessons, 27): what our own
// kernel refuses before a packet left is Untested, what comes back from the network is Failed.
func classify(st stage, err error) (Reason, string) {
	var local localError
	if errors.As(err, &local) {
		st = stageLocal
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), errors.Is(err, syscall.ETIMEDOUT):
		return ReasonTimeout, ""
	case errors.Is(err, context.Canceled):
		return ReasonCancelled, ""
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return ReasonClosed, "the service closed the connection"
	}
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return ReasonInternal, err.Error()
	}
	switch errno {
	case syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EADDRNOTAVAIL, syscall.EADDRINUSE, syscall.EAGAIN:
		return ReasonLocal, errno.Error()
	case syscall.EPERM:
		return ReasonNoPermission, errno.Error()
	case syscall.EACCES:
		if st == stageLocal {
			return ReasonNoPermission, errno.Error()
		}
		return ReasonUnreachable, errno.Error() // ICMPv6: administratively prohibited
	case syscall.EAFNOSUPPORT, syscall.EINVAL, syscall.EPROTONOSUPPORT:
		return ReasonNoRoute, errno.Error()
	case syscall.ENETUNREACH, syscall.EHOSTUNREACH, syscall.ENETDOWN, syscall.EHOSTDOWN:
		if st == stageLocal {
			return ReasonNoRoute, errno.Error()
		}
		return ReasonUnreachable, errno.Error()
	case syscall.ECONNREFUSED:
		return ReasonRefused, ""
	case syscall.ECONNRESET, syscall.EPIPE, syscall.ECONNABORTED:
		return ReasonClosed, "the connection was reset"
	case syscall.EPROTO, syscall.ENOPROTOOPT:
		return ReasonUnreachable, errno.Error() // ICMP: protocol or parameter problem
	default:
		return ReasonInternal, errno.Error()
	}
}
