package login

import (
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

// Limits bound unauthenticated work per source and per address. Addresses of
// this machine and of private networks are those of reverse proxies and have no
// bound of their own, unless Config.TrustedProxies tells whom they stand for.
// They outlive a Door: who makes another one gives it the same.
type Limits struct {
	mu        sync.Mutex
	sources   map[string]*rate.Limiter
	addresses map[string]*rate.Limiter
}

// NewLimits makes limits that nobody has used yet.
func NewLimits() *Limits {
	return &Limits{sources: map[string]*rate.Limiter{}, addresses: map[string]*rate.Limiter{}}
}

// allow counts a request; an empty address has no bound of its own.
func (l *Limits) allow(source, address string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if address != "" {
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
	address := ""
	if a := handler.ClientAddress(r, d.c.TrustedProxies); a.IsValid() && !a.IsLoopback() && !a.IsPrivate() {
		address = a.String()
	}
	if d.c.Limits.allow(source, address, d.c.Now()) {
		return nil
	}
	return &handler.Problem{Status: http.StatusTooManyRequests, Code: "too_many", RetryAfter: 10 * time.Second,
		Detail: "too many sign-ins at once; wait a moment and try again"}
}
