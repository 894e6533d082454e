package control

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"loadshare/internal/room"
)

// The bounds of a server.
const (
	// MaxBody is the most bytes a request body may have.
	MaxBody = 1 << 20
	// MaxLargeBody is the same for handlers given to HandleLarge.
	MaxLargeBody = 64 << 20

	maxConns       = 64
	headerTimeout  = 5 * time.Second
	requestTimeout = 60 * time.Second
	idleTimeout    = 30 * time.Second
	drainTimeout   = 2 * time.Second
)

// roleHeader tells the client which role answered.
const roleHeader = "Loadshare-Role"

// Handler answers one kind of request. The value it returns is written as
// JSON. ctx ends when the client goes away or after a minute.
type Handler func(ctx context.Context, r Request) (any, error)

type route struct {
	handler Handler
	limit   int64
}

// Server is the operator's door of one role. Make one with Listen.
type Server struct {
	role     string
	listener net.Listener
	room     *room.Listener // below listener
	socket   string
	log      *slog.Logger

	mu     sync.RWMutex // handlers may be added while requests come in
	routes map[string]route
}

// Listen opens the door that c describes. Requests wait until Serve runs. log
// may be nil.
func Listen(c Config, log *slog.Logger) (*Server, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	s := &Server{role: c.Role, log: log, routes: map[string]route{}}
	s.Handle("GET /v1/healthz", func(context.Context, Request) (any, error) {
		return map[string]any{"ok": true, "role": c.Role}, nil
	})
	if c.Listen.Socket != "" {
		ln, err := listenSocket(c.Listen.Socket)
		if err != nil {
			return nil, err
		}
		s.listener, s.socket = s.bound(ln), c.Listen.Socket
		return s, nil
	}
	tc, err := c.TLS.server()
	if err != nil {
		return nil, fmt.Errorf("control %s: %w", c.Listen, err)
	}
	ln, err := net.Listen("tcp", c.Listen.Host)
	if err != nil {
		return nil, fmt.Errorf("control %s: %w", c.Listen, err)
	}
	s.listener = tls.NewListener(s.bound(ln), tc)
	return s, nil
}

// bound keeps room for those who ask something.
func (s *Server) bound(ln net.Listener) net.Listener {
	s.room = room.New(ln, maxConns)
	return s.room
}

// Address is where the server listens, with the port that the system chose
// when the configuration said 0.
func (s *Server) Address() Address {
	if s.socket != "" {
		return Address{Socket: s.socket}
	}
	return Address{Host: s.listener.Addr().String()}
}

// Handle makes h answer the requests of pattern, a method and a path: "GET
// /v1/status". The last handler of a pattern counts. It may be called while Serve runs.
func (s *Server) Handle(pattern string, h Handler) { s.handle(pattern, h, MaxBody) }

// HandleLarge is Handle for requests whose body may have MaxLargeBody bytes, such as a zone.
func (s *Server) HandleLarge(pattern string, h Handler) { s.handle(pattern, h, MaxLargeBody) }

func (s *Server) handle(pattern string, h Handler, limit int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.routes[pattern] = route{h, limit}
}

// Serve answers until ctx ends, gives running requests two seconds to finish,
// closes the door and removes the socket. It returns nil when ctx ended.
func (s *Server) Serve(ctx context.Context) error {
	hs := &http.Server{
		Handler:           http.HandlerFunc(s.serveHTTP),
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       requestTimeout,
		WriteTimeout:      requestTimeout + headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    64 << 10,
		ConnContext:       withPeer,
	}
	err := s.room.Serve(ctx, s.listener, hs, drainTimeout, s.log)
	s.removeSocket()
	if err == nil {
		return nil
	}
	return fmt.Errorf("control %s: %w", s.Address(), err)
}

// Close closes a server on which Serve was never called.
func (s *Server) Close() error {
	err := s.listener.Close()
	s.removeSocket()
	return err
}

func (s *Server) removeSocket() {
	if s.socket != "" {
		os.Remove(s.socket)
	}
}

func (s *Server) serveHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
	defer cancel()
	s.mu.RLock()
	rt, ok := s.routes[r.Method+" "+r.URL.Path]
	s.mu.RUnlock()
	if !ok {
		s.reply(w, http.StatusNotFound, failure{fmt.Sprintf("a %s does not answer %s %s", s.role, r.Method, r.URL.Path)})
		return
	}
	req := Request{Query: r.URL.Query(), By: peer(r), body: http.MaxBytesReader(w, r.Body, rt.limit)}
	out, err := rt.handler(ctx, req)
	var no *Refused
	switch {
	case errors.As(err, &no):
		s.log.Info("operator refused", "method", r.Method, "path", r.URL.Path, "by", req.By, "reason", no.Reason)
		s.reply(w, http.StatusConflict, failure{no.Reason})
	case err != nil:
		s.log.Error("operator request failed", "method", r.Method, "path", r.URL.Path, "by", req.By, "error", err)
		s.reply(w, http.StatusInternalServerError, failure{err.Error()})
	default:
		if r.Method != http.MethodGet {
			s.log.Info("operator order done", "method", r.Method, "path", r.URL.Path, "by", req.By)
		}
		s.reply(w, http.StatusOK, out)
	}
}

// failure is the body of every answer that is no success.
type failure struct {
	Error string `json:"error"`
}

func (s *Server) reply(w http.ResponseWriter, status int, v any) {
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		s.log.Error("operator answer has no JSON form", "error", err)
		status = http.StatusInternalServerError
		body.Reset()
		body.WriteString(`{"error":"the answer has no JSON form"}` + "\n")
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set(roleHeader, s.role)
	w.WriteHeader(status)
	w.Write(body.Bytes())
}
