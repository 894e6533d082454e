package metrics

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"loadshare/internal/config"
	"loadshare/internal/room"
)

// The bounds of the server.
const (
	maxConns      = 64
	headerTimeout = 5 * time.Second
	writeTimeout  = 30 * time.Second
	idleTimeout   = 90 * time.Second // above the usual scrape interval
	drainTimeout  = time.Second
)

// Health is how a role answers /healthz and /readyz. Each function returns nil
// for yes, or why not; it is called from any goroutine and must not block. A nil function means yes.
type Health struct {
	// Live: the process is worth keeping; a no asks for a restart.
	Live func() error
	// Ready: the role can do its job now.
	Ready func() error
}

// Config is what a [metrics] table says. The zero value opens nothing.
type Config struct {
	// Listen is where /metrics is served; not valid: nowhere.
	Listen netip.AddrPort
}

// ConfigFrom reads a [metrics] table; s may be nil. Key: listen.
func ConfigFrom(s *config.Section) Config {
	c := Config{Listen: s.AddrPort("listen", 0)}
	if s.Present() && !s.Has("listen") {
		s.Fail("listen", "an address and port, such as \"127.0.0.1:9953\"")
	}
	return c
}

// Server shows a registry. Make one with Registry.Listen.
type Server struct {
	listener *room.Listener
	handler  http.Handler
	log      *slog.Logger
}

// Listen opens the web server that c asks for; nil, without an error, when it
// asks for none. A nil Server may be used: its Serve waits for ctx. log may be nil.
func (r *Registry) Listen(c Config, h Health, log *slog.Logger) (*Server, error) {
	if !c.Listen.IsValid() {
		return nil, nil
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	ln, err := net.Listen("tcp", c.Listen.String())
	if err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	return &Server{listener: room.New(ln, maxConns), handler: r.Handler(h), log: log}, nil
}

// Handler is /metrics, /healthz and /readyz.
func (r *Registry) Handler(h Health) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(r.inner, promhttp.HandlerOpts{MaxRequestsInFlight: 4, EnableOpenMetrics: true}))
	mux.Handle("GET /healthz", probe(h.Live))
	mux.Handle("GET /readyz", probe(h.Ready))
	return mux
}

func probe(fn func() error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		if fn != nil {
			if err := fn(); err != nil {
				w.WriteHeader(http.StatusServiceUnavailable)
				io.WriteString(w, err.Error()+"\n")
				return
			}
		}
		io.WriteString(w, "ok\n")
	})
}

// Addr is where the server listens; not valid for a nil Server.
func (s *Server) Addr() netip.AddrPort {
	if s == nil {
		return netip.AddrPort{}
	}
	return netip.MustParseAddrPort(s.listener.Addr().String())
}

// Serve answers until ctx ends and closes the server. It returns nil when ctx ended.
func (s *Server) Serve(ctx context.Context) error {
	if s == nil {
		<-ctx.Done()
		return nil
	}
	hs := &http.Server{
		Handler: s.handler, ReadHeaderTimeout: headerTimeout, ReadTimeout: headerTimeout,
		WriteTimeout: writeTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: 16 << 10,
	}
	if err := s.listener.Serve(ctx, s.listener, hs, drainTimeout, s.log); err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	return nil
}

// Serve is Listen and Serve in one, for a role that has nothing to do in between.
func (r *Registry) Serve(ctx context.Context, c Config, h Health) error {
	s, err := r.Listen(c, h, nil)
	if err != nil {
		return err
	}
	return s.Serve(ctx)
}
