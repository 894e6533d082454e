// Package control is the door through which an operator talks to a running
// role: HTTP with JSON, on a unix socket of mode 0660 or on https where both
// ends show a certificate.
//
// A role reads its [control] table with [ConfigFrom] (this opens nothing, so
// `loadshare check` may do it too), opens the door with [Listen], registers what
// it answers with [Server.Handle], and runs [Server.Serve]:
//
//	cfg := control.ConfigFrom(doc.Root().Table("control"), "monitor")
//	srv, err := control.Listen(cfg, log)
//	srv.Handle("GET /v1/status", func(ctx context.Context, r control.Request) (any, error) { … })
//	err = srv.Serve(ctx) // until ctx ends; removes the socket
//
// A handler returns a value, written as JSON, or an error. [Refuse] makes the
// error that says "no, because …": the command line ends with exit code 4 and
// prints the reason. Any other error is a failure of the server: exit code 1.
//
// The other end is a [Client]:
//
//	c, err := control.Connect("unix:/run/loadshare/monitor.sock", control.TLS{})
//	err = c.Get(ctx, "/v1/status", &status)
//
// whose errors are [*Unreachable] (nobody there: exit code 3), [*Refused] and
// [*Failed].
//
// Who may operate a role is who may write to its socket, or who holds a
// certificate of the site's own authority (see the package ca below this one).
// There is no third way: http:// is refused, and so is https:// without ca,
// cert and cert_key.
//
// Everything is bounded: connections, time per request, request bodies
// ([MaxBody], or [MaxLargeBody] where [Server.HandleLarge] asks for it),
// response bodies at the client. Request bodies are strict: an unknown field
// or anything after the value is refused.
package control
