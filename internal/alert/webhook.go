package alert

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// webhookTimeout bounds one call.
const webhookTimeout = 10 * time.Second

// webhook posts each message as JSON to a URL. Any 2xx is success.
type webhook struct {
	url    string
	client *http.Client
}

// payload is the body of a call.
type payload struct {
	Version int     `json:"version"`
	ID      string  `json:"id"`
	Subject string  `json:"subject"`
	Text    string  `json:"text"`
	Alerts  []Alert `json:"alerts"`
}

// newWebhook makes the Sender of a URL. roots may be nil: those of the system.
func newWebhook(url string, roots *x509.CertPool) *webhook {
	return &webhook{url, &http.Client{
		Timeout: webhookTimeout,
		Transport: &http.Transport{
			DisableKeepAlives: true, Proxy: http.ProxyFromEnvironment,
			TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Send implements Sender. The id is also in the header Idempotency-Key, the same at every try.
func (s *webhook) Send(ctx context.Context, m Message) error {
	body, err := json.Marshal(payload{Version: 1, ID: m.ID, Subject: m.Subject, Text: m.Text, Alerts: m.Alerts})
	if err != nil {
		return &Permanent{fmt.Errorf("webhook: %w", err)}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return &Permanent{fmt.Errorf("webhook: %w", err)}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "loadshare")
	req.Header.Set("Idempotency-Key", m.ID)
	resp, err := s.client.Do(req)
	if err != nil {
		return fmt.Errorf("webhook: %w", hideURL(err))
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // the answer has no meaning for us
	switch code := resp.StatusCode; {
	case code >= 200 && code < 300:
		return nil
	case code == http.StatusRequestTimeout, code == http.StatusTooEarly, code == http.StatusTooManyRequests, code >= 500:
		return fmt.Errorf("webhook: answered %s", resp.Status)
	default:
		return &Permanent{fmt.Errorf("webhook: answered %s", resp.Status)}
	}
}

// Close implements Sender; no connection is kept.
func (s *webhook) Close() error { return nil }
