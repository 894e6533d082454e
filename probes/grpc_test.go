package probes

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"
)

// health is a gRPC server with the health service alone.
func health(t *testing.T) http.Handler {
	frame := func(status byte) []byte { return grpcFrame([]byte{1 << 3, status}) }
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.ProtoMajor != 2 || r.URL.Path != "/grpc.health.v1.Health/Check" || r.Header.Get("Content-Type") != "application/grpc" || r.Header.Get("Te") != "trailers" {
			t.Errorf("not a gRPC call: %v %v %v", r.Proto, r.URL, r.Header)
		}
		msg, err := parseGRPCFrame(body)
		if err != nil {
			t.Errorf("the request: %v", err)
		}
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set("Trailer", "Grpc-Status")
		status := "0"
		switch string(bytes.TrimLeft(msg, "\n\x00\x01\x02\x03\x04\x05\x06\x07\x08")) {
		case "":
			_, _ = w.Write(frame(1))
		case "down":
			_, _ = w.Write(frame(2))
		case "zero":
			_, _ = w.Write(grpcFrame(nil))
		case "none":
			status = "5"
		case "unmade":
			status = "12"
		case "junk":
			_, _ = w.Write([]byte{0, 0, 0, 0, 9, 1})
		case "page":
			w.WriteHeader(http.StatusBadGateway)
		case "slow":
			<-r.Context().Done()
		}
		w.Header().Set("Grpc-Status", status)
	})
}

func TestGRPCReasons(t *testing.T) {
	plain := httptest.NewUnstartedServer(health(t))
	plain.Config.Protocols = new(http.Protocols)
	plain.Config.Protocols.SetUnencryptedHTTP2(true)
	plain.Start()
	defer plain.Close()
	secure := httptest.NewUnstartedServer(health(t))
	secure.EnableHTTP2 = true
	secure.StartTLS()
	defer secure.Close()
	at := netip.MustParseAddrPort(plain.Listener.Addr().String())
	for service, reason := range map[string]Reason{
		"": ReasonNone, "down": ReasonNotServing, "zero": ReasonNotServing, "none": ReasonNotServing, "unmade": ReasonProtocol,
		"junk": ReasonProtocol, "page": ReasonStatus, "slow": ReasonTimeout,
	} {
		t.Run("service "+service, func(t *testing.T) {
			want{reason, 0}.check(t, lookAt(t, Spec{Kind: GRPC, Timeout: timeoutOf(reason), GRPC: GRPCSpec{Service: service}}, at))
		})
	}
	overTLS := Spec{Kind: GRPC, TLS: true, Cert: CertSpec{NoVerify: true}}
	want{ReasonNone, 0}.check(t, lookAt(t, overTLS, netip.MustParseAddrPort(secure.Listener.Addr().String())))
	want{ReasonRefused, 0}.check(t, lookAt(t, Spec{Kind: GRPC}, refused(t)))
	want{ReasonTimeout, 0}.check(t, lookAt(t, Spec{Kind: GRPC, Timeout: short}, serve(t, hang)))
	want{ReasonProtocol, 0}.check(t, lookAt(t, Spec{Kind: GRPC, Timeout: time.Second}, serve(t, sayAndClose("HTTP/1.1 400 Bad Request\r\n\r\n"))))
}

func FuzzGRPC(f *testing.F) {
	f.Add(grpcFrame([]byte{8, 1}))
	f.Add(grpcFrame(healthRequest("x")))
	f.Add([]byte{0, 0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		msg, err := parseGRPCFrame(b)
		if err != nil {
			return
		}
		if !bytes.Equal(grpcFrame(msg), b) {
			t.Errorf("framing %q again does not give %q", msg, b)
		}
		if _, err := parseHealth(msg); err != nil {
			return
		}
		// A field more that nobody knows changes nothing.
		was, _ := parseHealth(msg)
		if now, err := parseHealth(append(msg, 9<<3|2, 1, 'x')); err != nil || now != was {
			t.Errorf("an unknown field changes %d to %d, %v", was, now, err)
		}
	})
}
