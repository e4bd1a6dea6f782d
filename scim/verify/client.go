package verify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// answerLimit bounds what is read of one answer.
const answerLimit = 32 << 20

// client speaks HTTP to the server under test, within the run's bounds. It is
// safe for concurrent use.
type client struct {
	cfg    Config
	redact redactor
	count  atomic.Int64
}

var errSpent = errors.New("verify: the run's request limit is spent")

// spent reports whether the run has asked all it may.
func (c *client) spent() bool { return c.count.Load() > c.cfg.MaxRequests }

// request is one request before it is sent.
type request struct {
	method, path string
	body         []byte
	header       map[string]string // an empty value takes the header away
	cleaning     bool              // not bounded: what was made must go
}

// do sends q, waiting out at most three refusals by rate limit, and captures
// what was said. The error is the transport's.
func (c *client) do(ctx context.Context, q request) (*reply, Exchange, error) {
	for try := 0; ; try++ {
		res, ex, err := c.once(ctx, q)
		if err != nil || try == 3 || res.Status != http.StatusTooManyRequests {
			return res, ex, err
		}
		if err := pause(ctx, retryAfter(res.Header)); err != nil {
			return res, ex, err
		}
	}
}

func (c *client) once(ctx context.Context, q request) (*reply, Exchange, error) {
	ex := Exchange{Method: q.method, URL: c.address(q.path), Body: c.redact.text(string(q.body))}
	if c.count.Add(1) > c.cfg.MaxRequests && !q.cleaning {
		return nil, ex, errSpent
	}
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	req, err := c.build(ctx, q)
	if err != nil {
		return nil, ex, err
	}
	ex.Header = c.redact.header(req.Header)
	ex.URL = c.redact.text(ex.URL)
	start := time.Now()
	answer, err := c.cfg.Client.Do(req)
	if err != nil {
		ex.Error = c.redact.text(err.Error())
		return nil, ex, errors.New(ex.Error)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, answerLimit))
	ex.AnswerIn = time.Since(start).Round(time.Microsecond * 100).String()
	ex.Status, ex.Answer = answer.StatusCode, c.redact.text(string(body))
	if err != nil {
		ex.Error = c.redact.text(err.Error())
		return nil, ex, fmt.Errorf("read the answer: %s", ex.Error)
	}
	res := &reply{Status: answer.StatusCode, Header: answer.Header, Body: body}
	res.parse()
	return res, ex, nil
}

func (c *client) build(ctx context.Context, q request) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, q.method, c.address(q.path), bytes.NewReader(q.body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/scim+json")
	req.Header.Set("User-Agent", "grantbridge-scim-verify")
	if len(q.body) > 0 {
		req.Header.Set("Content-Type", "application/scim+json")
	}
	if c.cfg.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.cfg.Token)
	}
	for name, values := range c.cfg.Header {
		req.Header[http.CanonicalHeaderKey(name)] = values
	}
	for name, value := range q.header {
		if value == "" {
			req.Header.Del(name)
		} else {
			req.Header.Set(name, value)
		}
	}
	return req, nil
}

// address makes an URL of a path under the base; a whole URL stays one only
// under the same base, so that no server sends our credential elsewhere.
func (c *client) address(path string) string {
	if strings.HasPrefix(path, c.cfg.URL) {
		return path
	}
	return c.cfg.URL + path
}

// retryAfter is how long a 429 asks to wait, at most ten seconds.
func retryAfter(h http.Header) time.Duration {
	seconds, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || seconds < 0 {
		seconds = 1
	}
	return min(time.Duration(seconds)*time.Second, 10*time.Second)
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
