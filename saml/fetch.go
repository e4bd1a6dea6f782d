package saml

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"
)

// Fetcher gets metadata from a URL. It speaks https only, follows no redirect to
// anything else, connects to no private address, and reads at most 1 MiB in at
// most 20 seconds. It may be used concurrently.
type Fetcher struct {
	// Private lets it connect to private addresses: an identity provider inside
	// the company.
	Private bool
	// Roots, when given, are trusted for TLS instead of the system's.
	Roots *x509.CertPool
	// Transport, when given, is used instead of the guarded one; for tests.
	Transport http.RoundTripper
}

const (
	fetchTime = 20 * time.Second
	fetchSize = 1 << 20
	hops      = 3
)

// ErrUnchanged: the metadata are those of the ETag.
var ErrUnchanged = errors.New("metadata have not changed")

// Fetch gets the document and its ETag. etag is that of the last good one, or
// empty.
func (f Fetcher) Fetch(ctx context.Context, from, etag string) (doc []byte, newTag string, err error) {
	if err := httpsOnly(from); err != nil {
		return nil, "", err
	}
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return nil, "", fmt.Errorf("fetch %s: %w", from, err)
	}
	req.Header.Set("Accept", "application/samlmetadata+xml, application/xml;q=0.9, text/xml;q=0.8")
	if etag != "" {
		req.Header.Set("If-None-Match", etag)
	}
	client := http.Client{Transport: f.transport(), CheckRedirect: func(r *http.Request, via []*http.Request) error {
		if len(via) > hops {
			return errors.New("too many redirects")
		}
		return httpsOnly(r.URL.String())
	}}
	res, err := client.Do(req)
	if err != nil {
		return nil, "", fmt.Errorf("fetch %s: %w", from, err)
	}
	defer res.Body.Close()
	return read(res, from)
}

func read(res *http.Response, from string) ([]byte, string, error) {
	switch {
	case res.StatusCode == http.StatusNotModified:
		return nil, "", ErrUnchanged
	case res.StatusCode != http.StatusOK:
		return nil, "", fmt.Errorf("fetch %s: status %s", from, res.Status)
	}
	doc, err := io.ReadAll(io.LimitReader(res.Body, fetchSize+1))
	if err != nil {
		return nil, "", fmt.Errorf("fetch %s: %w", from, err)
	}
	if len(doc) > fetchSize {
		return nil, "", fmt.Errorf("fetch %s: more than %d bytes; use a URL of this identity provider alone", from, fetchSize)
	}
	return doc, res.Header.Get("ETag"), nil
}

func httpsOnly(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
		return fmt.Errorf("fetch %q: metadata come over https only", s)
	}
	return nil
}

func (f Fetcher) transport() http.RoundTripper {
	if f.Transport != nil {
		return f.Transport
	}
	dialer := &net.Dialer{Timeout: 5 * time.Second}
	if !f.Private {
		// Looked at after the name was resolved, so that no DNS answer gets by.
		dialer.Control = func(_, address string, _ syscall.RawConn) error { return publicOnly(address) }
	}
	return &http.Transport{DialContext: dialer.DialContext, TLSClientConfig: &tls.Config{RootCAs: f.Roots}, TLSHandshakeTimeout: 5 * time.Second, DisableKeepAlives: true, MaxResponseHeaderBytes: 64 << 10}
}

// shared is address space that is neither private nor public (RFC 6598).
var shared = netip.MustParsePrefix("100.64.0.0/10")

func publicOnly(address string) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("connect to %s: %w", address, err)
	}
	ip := at.Addr().Unmap()
	if !ip.IsGlobalUnicast() || ip.IsPrivate() || shared.Contains(ip) {
		return fmt.Errorf("connect to %s: not a public address", address)
	}
	return nil
}
