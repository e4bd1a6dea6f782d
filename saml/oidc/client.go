package oidc

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// answerSize bounds what the provider, or who answers for it, may make us read.
const answerSize = 256 << 10

var (
	errTooLarge = errors.New("an answer larger than the limit")
	errRedirect = errors.New("a redirect, which is not followed")
)

// newClient makes the client that speaks with the provider. It follows no
// redirect: a code or a secret would go where the provider did not say. base,
// when given, is used instead of the system's transport.
func newClient(base http.RoundTripper, timeout time.Duration) *http.Client {
	if base == nil {
		base = &http.Transport{Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
			TLSHandshakeTimeout: 5 * time.Second, IdleConnTimeout: time.Minute, MaxIdleConnsPerHost: 4, MaxResponseHeaderBytes: 64 << 10, ForceAttemptHTTP2: true}
	}
	return &http.Client{Transport: bounded{base}, Timeout: timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return errRedirect }}
}

// bounded lets no answer be larger than answerSize.
type bounded struct{ http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := b.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if res.ContentLength > answerSize {
		res.Body.Close()
		return nil, errTooLarge
	}
	res.Body = &boundedBody{ReadCloser: res.Body, left: answerSize}
	return res, nil
}

type boundedBody struct {
	io.ReadCloser
	left int
}

func (b *boundedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= n; b.left < 0 {
		return 0, errTooLarge
	}
	return n, err
}

// unaddressed is why a request failed, without the address, which is said already.
func unaddressed(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// read is the whole body of an answer of status 200.
func read(res *http.Response) ([]byte, error) {
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %s", res.Status)
	}
	return body, err
}
