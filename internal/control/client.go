package control

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// maxAnswer is the most bytes a client reads of one answer.
const maxAnswer = 512 << 20

// dialTimeout bounds the search for the server, so that a silent host is told within seconds.
const dialTimeout = 5 * time.Second

// Client asks one role. It may be used by several goroutines at once.
type Client struct {
	address Address
	base    string
	http    *http.Client
	role    atomic.Value
}

// Connect makes a client for an address in a form that ParseAddress reads. t
// is needed for https. Nothing is sent yet; the error is one of usage.
func Connect(address string, t TLS) (*Client, error) {
	a, err := ParseAddress(address)
	if err != nil {
		return nil, err
	}
	c := &Client{address: a, base: "http://loadshare"}
	tr := &http.Transport{DisableKeepAlives: true, MaxResponseHeaderBytes: 64 << 10}
	dialer := &net.Dialer{Timeout: dialTimeout}
	if a.Socket != "" {
		tr.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", a.Socket)
		}
	} else {
		tc, err := t.client()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", a, err)
		}
		tr.TLSClientConfig, tr.DialContext, tr.TLSHandshakeTimeout = tc, dialer.DialContext, dialTimeout
		c.base = a.String()
	}
	c.http = &http.Client{
		Transport: tr,
		Timeout:   requestTimeout + dialTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}
	return c, nil
}

// Address is the server's address.
func (c *Client) Address() Address { return c.address }

// Role is the role of the server, known after its first answer; before "".
func (c *Client) Role() string {
	role, _ := c.role.Load().(string)
	return role
}

// Get asks for path, which may have a query, and decodes the answer into into (nil: ignored).
// The error is *Unreachable, *Refused or *Failed.
func (c *Client) Get(ctx context.Context, path string, into any) error {
	return c.do(ctx, http.MethodGet, path, nil, into)
}

// Post gives an order: in is sent as JSON (nil: no body). Otherwise it is like Get.
func (c *Client) Post(ctx context.Context, path string, in, into any) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return &Failed{Reason: fmt.Sprintf("the order has no JSON form: %v", err)}
		}
	}
	return c.do(ctx, http.MethodPost, path, body, into)
}

func (c *Client) do(ctx context.Context, method, path string, body []byte, into any) error {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return &Failed{Reason: err.Error()}
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return &Unreachable{Address: c.address.String(), Err: plain(err)}
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return &Unreachable{Address: c.address.String(), Err: plain(err)}
	}
	role := resp.Header.Get(roleHeader)
	if role == "" {
		return &Failed{Reason: fmt.Sprintf("%s is no loadshare server: it answered %s", c.address, resp.Status)}
	}
	c.role.Store(role)
	if len(data) > maxAnswer {
		return &Failed{Reason: fmt.Sprintf("the answer is larger than %d bytes", maxAnswer)}
	}
	return outcome(resp.StatusCode, data, into)
}

// outcome turns a status and a body into an error or a value.
func outcome(status int, data []byte, into any) error {
	if status != http.StatusOK {
		var f failure
		if json.Unmarshal(data, &f) != nil || f.Error == "" {
			f.Error = http.StatusText(status)
		}
		if status >= 500 {
			return &Failed{Reason: f.Error}
		}
		return &Refused{Reason: f.Error}
	}
	if raw, ok := into.(*json.RawMessage); ok {
		*raw = data
		return nil
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(data, into); err != nil {
		return &Failed{Reason: fmt.Sprintf("the answer cannot be read: %v", err)}
	}
	return nil
}
