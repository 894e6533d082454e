package demo

import (
	"context"
	"net"
	"net/mail"
	"strings"

	"mime"
)

// mailbox takes the mail that loadshare sends to the operator and shows its subject lines.
func (w *world) openMailbox(ctx context.Context, t *timeline) error {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", w.mailbox.String())
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { _ = l.Close() })
	go func() {
		_ = serveMail(l, func(text string) { t.say(plain, "mail", "%s", subject(text)) }) // ends with the listener
	}()
	return nil
}

// subject is the decoded subject line of a message.
func subject(text string) string {
	m, err := mail.ReadMessage(strings.NewReader(text))
	if err != nil {
		return "a message that does not parse: " + err.Error()
	}
	s, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil {
		return m.Header.Get("Subject")
	}
	return s
}
