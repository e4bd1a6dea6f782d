package verify

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Load asks for a load run: people are created, looked up, read and changed,
// put into groups and out again, and deleted, by many clients at once.
type Load struct {
	Users       int // how many people; 0 is 200
	Groups      int // how many groups; 0 is 1
	Memberships int // how many memberships in all; 0 is one each
	PerPatch    int // how many memberships one PATCH adds; 0 is 1
	Concurrency int // how many requests at a time; 0 is 4
}

func (l Load) prepare() (Load, error) {
	l.Users, l.Groups = cmp.Or(l.Users, 200), cmp.Or(l.Groups, 1)
	l.Memberships = cmp.Or(l.Memberships, l.Users)
	l.PerPatch, l.Concurrency = cmp.Or(l.PerPatch, 1), cmp.Or(l.Concurrency, 4)
	if l.Users < 0 || l.Groups < 0 || l.Memberships < 0 || l.PerPatch < 0 || l.Concurrency < 0 {
		return l, fmt.Errorf("%w: load: no number may be negative", ErrConfig)
	}
	if l.Memberships > l.Users*l.Groups {
		return l, fmt.Errorf("%w: load: %d memberships do not fit %d users in %d groups", ErrConfig, l.Memberships, l.Users, l.Groups)
	}
	return l, nil
}

// LoadReport is what came of a load run.
type LoadReport struct {
	Load   Load    `json:"load"`
	Phases []Phase `json:"phases"`
}

// Phase is one kind of request under load.
type Phase struct {
	Name     string        `json:"name"`
	Requests int           `json:"requests"`
	Errors   int           `json:"errors"`
	Example  string        `json:"example,omitempty"` // one error, in words
	Took     time.Duration `json:"took_ns"`
	Rate     float64       `json:"rate"` // requests per second
	P50      time.Duration `json:"p50_ns"`
	P95      time.Duration `json:"p95_ns"`
	P99      time.Duration `json:"p99_ns"`
	Max      time.Duration `json:"max_ns"`
}

// OK reports whether every request succeeded.
func (l *LoadReport) OK() bool {
	return !slices.ContainsFunc(l.Phases, func(p Phase) bool { return p.Errors > 0 })
}

// loader is a load run in progress.
type loader struct {
	*run
	Load
	users, groups []string // ids
	report        *LoadReport
}

func (r *run) load(ctx context.Context, l Load) *LoadReport {
	load := &loader{run: r, Load: l, users: make([]string, l.Users), groups: make([]string, l.Groups), report: &LoadReport{Load: l}}
	load.create(ctx, "create users", "/Users", load.users, load.userBody)
	load.create(ctx, "create groups", "/Groups", load.groups, load.groupBody)
	load.read(ctx)
	load.members(ctx, "add members", l.PerPatch, addOperation)
	load.members(ctx, "remove members", 1, removeOperation)
	load.update(ctx)
	cleanCtx := context.WithoutCancel(ctx)
	load.delete(cleanCtx, "delete groups", "/Groups/", load.groups)
	load.delete(cleanCtx, "delete users", "/Users/", load.users)
	return load.report
}

func (l *loader) name(kind string, i int) string {
	return fmt.Sprintf("gbv-%s-%s-%d", l.cfg.Run, kind, i)
}

func (l *loader) userBody(i int) any {
	name := l.name("load", i) + "@verify.example"
	return map[string]any{
		"schemas": []string{userURN}, "userName": name, "externalId": "ext-" + name, "active": true,
		"name":   map[string]string{"givenName": "Load", "familyName": fmt.Sprint("Person ", i)},
		"emails": []any{map[string]any{"value": name, "type": "work", "primary": true}},
	}
}

func (l *loader) groupBody(i int) any {
	return map[string]any{"schemas": []string{groupURN}, "displayName": l.name("load", i)}
}

func (l *loader) create(ctx context.Context, phase, path string, ids []string, body func(int) any) {
	l.phase(ctx, phase, len(ids), func(ctx context.Context, i int) error {
		res, err := l.succeed(ctx, "POST", path, body(i))
		if err == nil {
			ids[i] = lookupString(res.doc, "id")
		}
		return err
	})
}

func (l *loader) read(ctx context.Context) {
	l.phase(ctx, "read user", l.Users, func(ctx context.Context, i int) error {
		_, err := l.succeed(ctx, "GET", "/Users/"+url.PathEscape(l.users[i]), nil)
		return err
	})
	if l.lacks(NeedFilter) == "" {
		l.phase(ctx, "find by userName", l.Users, func(ctx context.Context, i int) error {
			res, err := l.succeed(ctx, "GET", "/Users"+queryOf("filter", `userName eq "`+l.name("load", i)+`@verify.example"`), nil)
			if err == nil && lookupInt(res.doc, "totalResults") != 1 {
				return fmt.Errorf("find user %d: %d found", i, lookupInt(res.doc, "totalResults"))
			}
			return err
		})
	}
	l.phase(ctx, "list 100 users", min(50, l.Users), func(ctx context.Context, i int) error {
		_, err := l.succeed(ctx, "GET", fmt.Sprintf("/Users?startIndex=%d&count=100", 1+i*100%max(l.Users, 1)), nil)
		return err
	})
}

// members sends PATCHes of n memberships each: membership k is user k mod
// Users in group k div Users.
func (l *loader) members(ctx context.Context, phase string, n int, operation func(users []string) any) {
	if l.lacks(NeedPatch) != "" || l.lacks(NeedGroups) != "" {
		return
	}
	type batch struct {
		group int
		users []string
	}
	var batches []batch
	for k := 0; k < l.Memberships; {
		b := batch{group: k / l.Users}
		for len(b.users) < n && k < l.Memberships && k/l.Users == b.group {
			b.users = append(b.users, l.users[k%l.Users])
			k++
		}
		batches = append(batches, b)
	}
	l.phase(ctx, phase, len(batches), func(ctx context.Context, i int) error {
		body := map[string]any{"schemas": []string{patchURN}, "Operations": []any{operation(batches[i].users)}}
		_, err := l.succeed(ctx, "PATCH", "/Groups/"+url.PathEscape(l.groups[batches[i].group]), body)
		return err
	})
}

func addOperation(users []string) any {
	refs := make([]any, len(users))
	for i, id := range users {
		refs[i] = map[string]string{"value": id}
	}
	return map[string]any{"op": "add", "path": "members", "value": refs}
}

func removeOperation(users []string) any {
	return map[string]any{"op": "remove", "path": `members[value eq "` + users[0] + `"]`}
}

func (l *loader) update(ctx context.Context) {
	if l.lacks(NeedPatch) != "" {
		return
	}
	l.phase(ctx, "deactivate user", l.Users, func(ctx context.Context, i int) error {
		body := json.RawMessage(`{"schemas":["` + patchURN + `"],"Operations":[{"op":"replace","path":"active","value":false}]}`)
		_, err := l.succeed(ctx, "PATCH", "/Users/"+url.PathEscape(l.users[i]), body)
		return err
	})
}

func (l *loader) delete(ctx context.Context, phase, path string, ids []string) {
	l.phase(ctx, phase, len(ids), func(ctx context.Context, i int) error {
		if ids[i] == "" {
			return nil
		}
		_, err := l.succeed(ctx, "DELETE", path+url.PathEscape(ids[i]), nil)
		if err != nil {
			l.leave(path + ids[i])
		}
		return err
	})
}

// succeed sends a request that must be answered 2xx.
func (l *loader) succeed(ctx context.Context, method, path string, body any) (*reply, error) {
	q := request{method: method, path: path, cleaning: method == "DELETE"}
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		q.body = raw
	}
	res, ex, err := l.do(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", ex.Line(), err)
	}
	if res.Status/100 != 2 {
		return nil, fmt.Errorf("%s: %s", ex.Line(), l.redact.text(res.says()))
	}
	return res, nil
}

// phase does n things, Concurrency at a time, and reports how it went.
func (l *loader) phase(ctx context.Context, name string, n int, do func(context.Context, int) error) {
	if n == 0 {
		return
	}
	took := make([]time.Duration, n)
	failed := make([]error, n)
	var next, done atomic.Int64
	var wait sync.WaitGroup
	start := time.Now()
	for range min(l.Concurrency, n) {
		wait.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				began := time.Now()
				failed[i] = do(ctx, i)
				took[i] = time.Since(began)
				done.Add(1)
			}
		})
	}
	wait.Wait()
	l.report.Phases = append(l.report.Phases, newPhase(name, took, failed, int(done.Load()), time.Since(start)))
}

func newPhase(name string, took []time.Duration, failed []error, done int, wall time.Duration) Phase {
	p := Phase{Name: name, Requests: done, Took: wall, Rate: float64(done) / wall.Seconds()}
	for _, err := range failed {
		if err == nil {
			continue
		}
		p.Errors++
		p.Example = cmp.Or(p.Example, shorten(err.Error(), 200))
	}
	sorted := slices.DeleteFunc(slices.Clone(took), func(d time.Duration) bool { return d == 0 })
	slices.Sort(sorted)
	p.P50, p.P95, p.P99, p.Max = percentile(sorted, 50), percentile(sorted, 95), percentile(sorted, 99), percentile(sorted, 100)
	return p
}

// percentile is the least of sorted that p per cent are not above (nearest rank).
func percentile(sorted []time.Duration, p int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[max(0, (len(sorted)*p+99)/100-1)]
}
