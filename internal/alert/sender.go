package alert

import (
	"context"
	"errors"
	"net/url"
	"time"
)

// Message is one mail or one call of the webhook, complete.
type Message struct {
	// ID is the Message-ID without its angle brackets, the same at every try.
	ID   string
	From string
	To   []string
	// Subject is one line and begins with "[loadshare] ".
	Subject string
	// Text is the body, lines ended by "\n".
	Text string
	// InReplyTo is the ID of the first message of the thread, "" in that one. References are those before this one.
	InReplyTo  string
	References []string
	At         time.Time
	// Alerts are what the message tells, oldest first; at least one.
	Alerts []Alert
}

// Sender carries messages to one place. Send returns when the other side has taken the
// message, or why not: a [Permanent] error when trying again is pointless, else one that may pass.
// It gives up when ctx ends. Send is called by one goroutine at a time.
type Sender interface {
	Send(ctx context.Context, m Message) error
	Close() error
}

// Permanent is the error of a Sender whose other side said that it will never take this message.
type Permanent struct {
	Err error
}

func (e *Permanent) Error() string { return e.Err.Error() }

func (e *Permanent) Unwrap() error { return e.Err }

// isPermanent reports whether err says never.
func isPermanent(err error) bool {
	var p *Permanent
	return errors.As(err, &p)
}

// hideURL takes the URL out of an error of net/http: that of a webhook is often a secret.
func hideURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
