package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"
)

// Tally is what a push did.
type Tally struct {
	People, Groups, Memberships int
	Requests, Errors            int64
	Took                        time.Duration
}

// client speaks SCIM to one source's door.
type client struct {
	http             *http.Client
	base, token      string
	agent, media     string
	requests, errors atomic.Int64
}

func newClient(base, token, agent, media string) *client {
	return &client{
		base: base, token: token, agent: agent, media: media,
		http: &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: workers}},
	}
}

// do sends one request; it tries again when the server says to come later, as
// identity providers do.
func (c *client) do(ctx context.Context, method, path string, body, answer any) (int, error) {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return 0, err
		}
	}
	for attempt := 1; ; attempt++ {
		status, err := c.once(ctx, method, path, text, answer)
		if status != http.StatusServiceUnavailable && status != http.StatusTooManyRequests || attempt == attempts {
			if err != nil {
				c.errors.Add(1)
			}
			return status, err
		}
		select {
		case <-ctx.Done():
			return status, ctx.Err()
		case <-time.After(time.Duration(attempt) * 100 * time.Millisecond):
		}
	}
}

const attempts = 5

func (c *client) once(ctx context.Context, method, path string, text []byte, answer any) (int, error) {
	r, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(text))
	if err != nil {
		return 0, err
	}
	r.Header.Set("Authorization", "Bearer "+c.token)
	r.Header.Set("User-Agent", c.agent)
	r.Header.Set("Accept", "application/scim+json")
	if text != nil {
		r.Header.Set("Content-Type", c.media)
	}
	c.requests.Add(1)
	resp, err := c.http.Do(r)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		return resp.StatusCode, err
	}
	if resp.StatusCode >= 300 {
		return resp.StatusCode, fmt.Errorf("%s %s: %s: %.300s", method, path, resp.Status, got)
	}
	if answer != nil && len(got) > 0 {
		return resp.StatusCode, json.Unmarshal(got, answer)
	}
	return resp.StatusCode, nil
}

// object is any SCIM resource or message.
type object map[string]any

type found struct {
	TotalResults int `json:"totalResults"`
	Resources    []struct {
		ID string `json:"id"`
	} `json:"Resources"`
}

// find asks for resources by a filter; "" when there is none.
func (c *client) find(ctx context.Context, kind, filter, more string) (string, error) {
	var f found
	_, err := c.do(ctx, http.MethodGet, "/"+kind+"?filter="+url.QueryEscape(filter)+more, nil, &f)
	if err != nil || len(f.Resources) == 0 {
		return "", err
	}
	return f.Resources[0].ID, nil
}

// create posts a resource and returns its id.
func (c *client) create(ctx context.Context, kind string, body object) (string, error) {
	var made struct {
		ID string `json:"id"`
	}
	_, err := c.do(ctx, http.MethodPost, "/"+kind, body, &made)
	return made.ID, err
}
