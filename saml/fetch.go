package saml

import (
	"context"
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
	return &http.Transport{DialContext: dialer.DialContext, TLSHandshakeTimeout: 5 * time.Second, DisableKeepAlives: true, MaxResponseHeaderBytes: 64 << 10}
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

// Feed keeps one source's metadata fresh. It has no state that other replicas
// need; run it on one of them, under a lease.
type Feed struct {
	URL     string
	Fetcher Fetcher
	Every   time.Duration // default 12 h, shorter when cacheDuration says so
	Trust   Trust
	// Current gives what holds, and the fingerprints that were taken; Apply
	// keeps what came. An error of a fetch is told to Failed, and the last good
	// metadata stay.
	Current func() (*IdP, []string)
	Apply   func(*Refreshed)
	Failed  func(error)
	// Jitter, between 0 and 1, moves the times apart; Now is the clock.
	Jitter func() float64
	Now    func() time.Time
}

const (
	refreshEvery = 12 * time.Hour
	refreshRetry = 10 * time.Minute
	refreshLeast = 5 * time.Minute
)

// Run refreshes until ctx ends.
func (f *Feed) Run(ctx context.Context) error {
	etag := ""
	for {
		wait := f.once(ctx, &etag)
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
	}
}

// once refreshes and returns how long to wait for the next time.
func (f *Feed) once(ctx context.Context, etag *string) time.Duration {
	current, approved := f.Current()
	doc, tag, err := f.Fetcher.Fetch(ctx, f.URL, *etag)
	if errors.Is(err, ErrUnchanged) {
		return f.wait(current)
	}
	var out *Refreshed
	if err == nil {
		out, err = Refresh(current, doc, f.Trust, approved, f.Now())
	}
	if err != nil {
		f.Failed(err)
		return refreshRetry
	}
	if *etag = tag; len(out.Waiting) > 0 {
		*etag = "" // an approval must find the document again
	}
	if out.Changed || len(out.Waiting) > 0 {
		f.Apply(out)
	}
	return f.wait(out.IdP)
}

func (f *Feed) wait(i *IdP) time.Duration {
	every := f.Every
	if every == 0 {
		every = refreshEvery
	}
	if i.CacheDuration > 0 && i.CacheDuration < every {
		every = i.CacheDuration
	}
	every = max(every, refreshLeast)
	return every - time.Duration(f.Jitter()*float64(every)/10)
}
