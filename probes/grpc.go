package probes

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"golang.org/x/net/http2"
)

// maxHealthMessage is the most bytes a health answer may have; one has two.
const maxHealthMessage = 4 << 10

// compileGRPC makes the check of grpc.health.v1.Health/Check, over TLS or, without, with prior knowledge (h2c).
func compileGRPC(s *Spec) (func(*attempt), []SpecError) {
	sec, errs := compileSecure(s, s.TLS, []string{"h2"})
	if len(s.GRPC.Service) > 1000 {
		errs = append(errs, SpecError{"grpc_service", strconv.Itoa(len(s.GRPC.Service)) + " bytes", "a name of at most 1000"})
	}
	body := grpcFrame(healthRequest(s.GRPC.Service))
	return func(a *attempt) {
		t := a.open(true)
		if t == nil {
			return
		}
		defer t.close()
		if sec != nil && !sec.upgrade(t) {
			return
		}
		ctx, cancel := context.WithDeadline(a.ctx, a.deadline)
		defer cancel()
		t.health(ctx, body, sec != nil)
	}, errs
}

// health asks over the open connection and ends the attempt.
func (t *talk) health(ctx context.Context, body []byte, overTLS bool) {
	a := t.a
	cc, err := (&http2.Transport{AllowHTTP: true, DisableCompression: true}).NewClientConn(t.conn) //nolint:staticcheck // its successor dials by itself; this connection was dialled, and measured, by us
	if err != nil {
		a.endGRPC(err)
		return
	}
	defer func() { _ = cc.Close() }()
	u := url.URL{Scheme: "http", Host: a.addr.String(), Path: "/grpc.health.v1.Health/Check"}
	if overTLS {
		u.Scheme = "https"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(body))
	if err != nil {
		a.end(ReasonInternal, err.Error(), nil)
		return
	}
	req.Host = a.spec.HTTP.Host
	req.Header = http.Header{"Content-Type": {"application/grpc"}, "Te": {"trailers"}, "User-Agent": {"loadshare"}}
	resp, err := cc.RoundTrip(req)
	if err != nil {
		a.endGRPC(err)
		return
	}
	defer func() { _ = resp.Body.Close() }()
	a.sawByte()
	msg, err := io.ReadAll(io.LimitReader(resp.Body, maxHealthMessage))
	if err != nil {
		a.endGRPC(err)
		return
	}
	if resp.StatusCode != http.StatusOK {
		a.end(ReasonStatus, fmt.Sprintf("status %d, accepted is 200", resp.StatusCode), msg)
		return
	}
	status := resp.Trailer.Get("Grpc-Status")
	if status == "" {
		status = resp.Header.Get("Grpc-Status") // an answer of trailers only
	}
	a.endHealth(status, msg)
}

// endGRPC ends the attempt with an error of the HTTP/2 layer, of the connection below it, or of neither.
func (a *attempt) endGRPC(err error) {
	r, _ := classify(stageTalk, err)
	if r == ReasonInternal {
		a.end(ReasonProtocol, err.Error(), nil)
		return
	}
	if errors.Is(err, context.DeadlineExceeded) {
		r = ReasonTimeout
	}
	if r == ReasonTimeout {
		a.end(r, a.silence(stageTalk), nil)
		return
	}
	a.end(r, err.Error(), nil)
}

// endHealth says what the answer means (the health checking protocol of gRPC).
func (a *attempt) endHealth(grpcStatus string, msg []byte) {
	switch grpcStatus {
	case "0":
	case "5":
		a.end(ReasonNotServing, "the server knows no such service", nil)
		return
	case "12":
		a.end(ReasonProtocol, "the server has no health service", nil)
		return
	default:
		a.end(ReasonProtocol, "grpc-status "+strconv.Quote(grpcStatus), msg)
		return
	}
	payload, err := parseGRPCFrame(msg)
	if err != nil {
		a.end(ReasonProtocol, err.Error(), msg)
		return
	}
	status, err := parseHealth(payload)
	switch {
	case err != nil:
		a.end(ReasonProtocol, err.Error(), msg)
	case status == 1:
		a.keep(msg)
		a.succeed()
	default:
		names := []string{"UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"}
		name := strconv.FormatUint(status, 10)
		if status < uint64(len(names)) {
			name = names[status]
		}
		a.end(ReasonNotServing, "the service is "+name, msg)
	}
}

// healthRequest is HealthCheckRequest: field 1, a string.
func healthRequest(service string) []byte {
	if service == "" {
		return nil
	}
	b := binary.AppendUvarint([]byte{1<<3 | 2}, uint64(len(service)))
	return append(b, service...)
}

// grpcFrame puts the five bytes before a message: not compressed, and its length.
func grpcFrame(msg []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(msg))), msg...)
}

// parseGRPCFrame takes those five bytes off the one message of an answer.
func parseGRPCFrame(b []byte) ([]byte, error) {
	switch {
	case len(b) < 5:
		return nil, errors.New("the answer has no message")
	case b[0] != 0:
		return nil, errors.New("the message is compressed unasked")
	case uint64(binary.BigEndian.Uint32(b[1:5])) != uint64(len(b)-5):
		return nil, errors.New("the message is not as long as it says")
	}
	return b[5:], nil
}

// parseHealth reads HealthCheckResponse: field 1, an enum; it is missing when 0. Other fields are passed over.
func parseHealth(b []byte) (status uint64, err error) {
	bad := errors.New("the message is not a health answer")
	for len(b) > 0 {
		tag, n := binary.Uvarint(b)
		if n <= 0 {
			return 0, bad
		}
		b = b[n:]
		var skip uint64
		switch tag & 7 {
		case 0:
			v, n := binary.Uvarint(b)
			if n <= 0 {
				return 0, bad
			}
			if tag>>3 == 1 {
				status = v
			}
			skip = uint64(n)
		case 1:
			skip = 8
		case 2:
			size, n := binary.Uvarint(b)
			if n <= 0 || size > uint64(len(b)) {
				return 0, bad
			}
			skip = uint64(n) + size
		case 5:
			skip = 4
		default:
			return 0, bad
		}
		if skip > uint64(len(b)) {
			return 0, bad
		}
		b = b[skip:]
	}
	return status, nil
}
