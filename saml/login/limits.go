package login

import (
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"grantbridge/internal/handler"
)

// Bounds of what strangers may make us do.
const (
	sourceRate, sourceBurst   = 50, 300
	addressRate, addressBurst = 2, 60
	maxAddresses              = 10_000
)

// limits bound unauthenticated work per source and per address. Addresses of
// this machine and of private networks are those of reverse proxies and have no
// bound of their own.
type limits struct {
	mu        sync.Mutex
	sources   map[string]*rate.Limiter
	addresses map[string]*rate.Limiter
}

func newLimits() *limits {
	return &limits{sources: map[string]*rate.Limiter{}, addresses: map[string]*rate.Limiter{}}
}

func (l *limits) allow(source, address string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if ip := net.ParseIP(address); ip != nil && !ip.IsLoopback() && !ip.IsPrivate() {
		if len(l.addresses) >= maxAddresses {
			clear(l.addresses)
		}
		if !bucket(l.addresses, address, addressRate, addressBurst).AllowN(now, 1) {
			return false
		}
	}
	return bucket(l.sources, source, sourceRate, sourceBurst).AllowN(now, 1)
}

func bucket(in map[string]*rate.Limiter, key string, every rate.Limit, burst int) *rate.Limiter {
	b := in[key]
	if b == nil {
		b = rate.NewLimiter(every, burst)
		in[key] = b
	}
	return b
}

// admit refuses a request beyond the bounds.
func (d *Door) admit(r *http.Request, source string) error {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	if d.limits.allow(source, host, d.c.Now()) {
		return nil
	}
	return &handler.Problem{Status: http.StatusTooManyRequests, Code: "too_many", RetryAfter: 10 * time.Second,
		Detail: "too many sign-ins at once; wait a moment and try again"}
}
