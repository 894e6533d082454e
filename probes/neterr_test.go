package probes

import (
	"context"
	"fmt"
	"io"
	"os"
	"syscall"
	"testing"
)

// TestClassify: the prober's own troubles are no failures of the target (lessons, 27), and the same errno means one
// thing from our kernel at once and another from the network later.
func TestClassify(t *testing.T) {
	tests := []struct {
		stage stage
		err   error
		want  Reason
	}{
		{stageLocal, syscall.EMFILE, ReasonLocal},
		{stageLocal, syscall.ENFILE, ReasonLocal},
		{stageLocal, syscall.ENOBUFS, ReasonLocal},
		{stageConnect, syscall.EADDRNOTAVAIL, ReasonLocal}, // no local port left
		{stageLocal, syscall.EPERM, ReasonNoPermission},    // our own packet filter
		{stageLocal, syscall.EACCES, ReasonNoPermission},
		{stageConnect, syscall.EACCES, ReasonUnreachable}, // a router forbids it
		{stageLocal, syscall.ENETUNREACH, ReasonNoRoute},
		{stageConnect, localError{syscall.ENETUNREACH}, ReasonNoRoute},
		{stageConnect, syscall.ENETUNREACH, ReasonUnreachable},
		{stageConnect, syscall.EHOSTUNREACH, ReasonUnreachable},
		{stageLocal, syscall.EAFNOSUPPORT, ReasonNoRoute}, // no IPv6 on this host
		{stageConnect, syscall.ECONNREFUSED, ReasonRefused},
		{stageConnect, syscall.ETIMEDOUT, ReasonTimeout},
		{stageConnect, os.ErrDeadlineExceeded, ReasonTimeout},
		{stageTalk, context.Canceled, ReasonCancelled},
		{stageTalk, io.EOF, ReasonClosed},
		{stageTalk, &os.PathError{Op: "read", Err: syscall.ECONNRESET}, ReasonClosed},
		{stageTalk, syscall.EPIPE, ReasonClosed},
		{stageTalk, io.ErrNoProgress, ReasonInternal},
	}
	for _, tt := range tests {
		if got, _ := classify(tt.stage, fmt.Errorf("look: %w", tt.err)); got != tt.want {
			t.Errorf("%v at stage %d is %v, want %v", tt.err, tt.stage, got, tt.want)
		}
	}
}
