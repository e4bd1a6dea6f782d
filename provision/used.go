package provision

import (
	"context"
	"sync"
	"time"

	"grantbridge/access"
	"grantbridge/store"
)

// useEvery is how often the store is told which credentials were used.
const useEvery = 30 * time.Second

// uses are the credentials that were used since the store was told.
type uses struct {
	mu      sync.Mutex
	tokens  map[access.TokenID]time.Time
	sources map[int64]time.Time
}

func (u *uses) token(id access.TokenID, at time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.tokens == nil {
		u.tokens = map[access.TokenID]time.Time{}
	}
	u.tokens[id] = at
}

func (u *uses) scim(id int64, at time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.sources == nil {
		u.sources = map[int64]time.Time{}
	}
	u.sources[id] = at
}

// take empties u.
func (u *uses) take() (tokens map[access.TokenID]time.Time, scim map[int64]time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	tokens, scim = u.tokens, u.sources
	u.tokens, u.sources = nil, nil
	return tokens, scim
}

// tellUses tells the store now. What it does not take is lost: it is side state,
// and the credential will be used again.
func (e *Engine) tellUses(ctx context.Context) {
	tokens, scim := e.used.take()
	if len(tokens)+len(scim) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := e.st.Used(ctx, tokens, scim); err != nil {
		e.cfg().Log.Debug("the store was not told which tokens were used", "error", err)
	}
}

// tellUsesUntil tells the store from time to time, and when ctx ends.
func (e *Engine) tellUsesUntil(ctx context.Context) {
	tick := time.NewTicker(useEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			e.tellUses(ctx)
		case <-ctx.Done():
			e.tellUses(context.WithoutCancel(ctx))
			return
		}
	}
}

// EndingToken is a credential that ends soon.
type EndingToken struct {
	store.SCIMToken
	Left time.Duration // until it ends, at least 0
	// Alone says that nothing else lives that could take its place.
	Alone bool
}

// warnDays are how long before its end a SCIM credential is warned of.
var warnDays = []int{30, 14, 3, 1}

// Threshold is the number of days of the warning that is due: 30, 14, 3, 1, or 0
// when none is.
func (t EndingToken) Threshold() int {
	due := 0
	for _, d := range warnDays {
		if t.Left <= time.Duration(d)*24*time.Hour {
			due = d
		}
	}
	return due
}

// EndingSCIMTokens lists the live SCIM credentials that have an end, of sources
// that are not disabled.
func (e *Engine) EndingSCIMTokens() (out []EndingToken) {
	now := e.cfg().Now()
	e.names.mu.RLock()
	all := e.names.scim
	e.names.mu.RUnlock()
	live := func(t store.SCIMToken) bool {
		return t.Revoked.IsZero() && (t.Expires.IsZero() || now.Before(t.Expires)) && e.HasSource(t.Source)
	}
	for _, t := range all {
		if !live(t) || t.Expires.IsZero() {
			continue
		}
		ending := EndingToken{SCIMToken: t, Left: t.Expires.Sub(now), Alone: true}
		for _, o := range all {
			if o.ID != t.ID && o.Source == t.Source && o.Client == t.Client && live(o) && (o.Expires.IsZero() || o.Expires.After(t.Expires)) {
				ending.Alone = false
			}
		}
		out = append(out, ending)
	}
	return out
}

// warnOfEnds logs each credential once at each threshold, until ctx ends.
func (e *Engine) warnOfEnds(ctx context.Context, every time.Duration) {
	told := map[int64]int{}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		e.warnOnce(told)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (e *Engine) warnOnce(told map[int64]int) {
	for _, t := range e.EndingSCIMTokens() {
		due := t.Threshold()
		if due == 0 || told[t.ID] == due {
			continue
		}
		told[t.ID] = due
		kind, more := "token", ""
		if t.Client {
			kind, more = "client", " --client"
		}
		says := "make another and put it in place: grantbridge scim-token create --source " + t.Source + more
		if !t.Alone {
			says = "another lives already; put it in place"
		}
		e.cfg().Log.Warn("a SCIM "+kind+" ends soon", "source", t.Source, "id", t.ID, "expires", t.Expires, "within_days", due, "says", says)
	}
}
