package scim

import (
	"context"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"

	"grantbridge/directory"
)

// A Bulk (RFC 7644 3.7) is done operation by operation, each a commit of its
// own: an operation that refers to another by bulkId waits for it, and two that
// refer to each other are both made and then completed.

// bulkOp is one operation of a Bulk.
type bulkOp struct {
	intent
	bulkID string
	refs   []string // the bulkIds that its data and path name
	state  bulkState
	out    outcome
	err    error
	// cut says that it was made without references that were not known yet.
	cut bool
}

type bulkState uint8

const (
	waiting bulkState = iota
	running
	done
)

func (c *call) bulk() error {
	v, err := c.body()
	if err != nil {
		return err
	}
	b, err := c.readBulk(v)
	if err != nil {
		return err
	}
	b.all(c.r.Context())
	b.complete(c.r.Context())
	return c.json(http.StatusOK, b.answer())
}

// bulkRun is a Bulk while it is done.
type bulkRun struct {
	c      *call
	ops    []*bulkOp
	byID   map[string]*bulkOp
	limit  int // failOnErrors; 0 is none
	failed int
	order  []*bulkOp // as done
}

func (c *call) readBulk(v any) (*bulkRun, error) {
	body, ok := v.(map[string]any)
	if !ok {
		return nil, invalidSyntax("the body must be a BulkRequest object")
	}
	n := c.reader(c.policy.types.user)
	ops := list(body["Operations"])
	for key, v := range body {
		if len(ops) == 0 && strings.EqualFold(key, "Operations") && n.use(RuleOperationsCase, "%s", key) {
			ops = list(v)
		}
	}
	c.rewrites = append(c.rewrites, n.rewrites...)
	if len(ops) == 0 {
		return nil, invalidSyntax("a Bulk needs Operations, an array of at least one operation")
	}
	if len(ops) > c.MaxOperations {
		return nil, tooMany(c.MaxOperations)
	}
	b := &bulkRun{c: c, byID: map[string]*bulkOp{}}
	var err error
	if b.limit, err = jsonNumber("failOnErrors", body["failOnErrors"], 0); err != nil {
		return nil, err
	}
	return b, b.read(ops)
}

func (b *bulkRun) read(ops []any) error {
	for i, v := range ops {
		in, ok := v.(map[string]any)
		if !ok {
			return inOperation(i, invalidSyntax("an operation is an object"))
		}
		o := readBulkOp(b.c.policy.types, in)
		if o.bulkID != "" && b.byID[o.bulkID] != nil {
			return inOperation(i, invalidSyntax("the bulkId %q stands twice", clip(o.bulkID)))
		}
		b.ops = append(b.ops, o)
		if o.bulkID != "" {
			b.byID[o.bulkID] = o
		}
	}
	return nil
}

func readBulkOp(t *types, in map[string]any) *bulkOp {
	o := &bulkOp{bulkID: text(in, "bulkId")}
	o.method, o.body, o.ifMatch = strings.ToUpper(text(in, "method")), in["data"], text(in, "version")
	endpoint, key, _ := strings.Cut(strings.Trim(text(in, "path"), "/"), "/")
	o.of, o.key = t.at(endpoint), key
	switch {
	case o.of == nil || strings.Contains(key, "/"):
		o.err = invalidValue("path must be /Users, /Groups, or one of them and an id, not %q", clip(text(in, "path")))
	case o.method == http.MethodPost && (key != "" || o.bulkID == ""):
		o.err = invalidSyntax("POST needs a bulkId and a path without an id")
	case o.method == http.MethodPost:
	case o.method != http.MethodPut && o.method != http.MethodPatch && o.method != http.MethodDelete:
		o.err = invalidSyntax("method must be POST, PUT, PATCH or DELETE, not %q", clip(o.method))
	case key == "":
		o.err = invalidSyntax("%s needs a path with an id", o.method)
	}
	o.refs = references(o.body, nil)
	if id, ok := strings.CutPrefix(key, "bulkId:"); ok {
		o.refs = append(o.refs, id)
	}
	return o
}

// references lists the bulkIds that v names.
func references(v any, found []string) []string {
	switch v := v.(type) {
	case string:
		if id, ok := strings.CutPrefix(v, "bulkId:"); ok {
			found = append(found, id)
		}
	case []any:
		for _, e := range v {
			found = references(e, found)
		}
	case map[string]any:
		for _, e := range v {
			found = references(e, found)
		}
	}
	return found
}

// all does the operations in their order, and together those whose order does
// not show (RFC 7644 3.7): the store commits many at once.
func (b *bulkRun) all(ctx context.Context) {
	for i := 0; i < len(b.ops); {
		if b.limit > 0 && b.failed >= b.limit {
			return
		}
		if n := b.independent(i); n > 1 {
			b.together(ctx, b.ops[i:i+n])
			i += n
			continue
		}
		b.run(ctx, b.ops[i])
		i++
	}
}

// independent is how many operations from i on create users that have nothing
// to do with each other. None are, when the caller wants to stop at an error.
func (b *bulkRun) independent(i int) int {
	if b.limit > 0 || b.c.trial != nil {
		return 0
	}
	seen := map[string]bool{}
	for n, o := range b.ops[i:] {
		data, _ := o.body.(map[string]any)
		if o.state != waiting || o.err != nil || o.method != http.MethodPost || o.of.group || len(o.refs) > 0 {
			return n
		}
		for key, v := range data {
			if s, ok := v.(string); ok && (strings.EqualFold(key, "userName") || strings.EqualFold(key, "externalId")) {
				id := strings.ToLower(key) + "=" + directory.Fold(s)
				if seen[id] {
					return n
				}
				seen[id] = true
			}
		}
	}
	return len(b.ops) - i
}

// bulkWorkers is how many operations of one Bulk are under way together.
const bulkWorkers = 16

func (b *bulkRun) together(ctx context.Context, ops []*bulkOp) {
	var wg sync.WaitGroup
	forks := make([]call, bulkWorkers)
	for w := range forks {
		forks[w] = *b.c
		forks[w].rewrites, forks[w].effects, forks[w].parked = nil, nil, 0
		wg.Go(func() {
			c := &forks[w]
			for i := w; i < len(ops); i += bulkWorkers {
				if ops[i].out, ops[i].err = c.safely(ctx, ops[i].intent); ops[i].err == nil {
					ops[i].key = ops[i].out.uid(ops[i].of)
				}
			}
		})
	}
	wg.Wait()
	for _, f := range forks {
		b.c.rewrites = append(b.c.rewrites, f.rewrites...)
		b.c.effects = append(b.c.effects, f.effects...)
	}
	for _, o := range ops {
		o.state = done
		b.order = append(b.order, o)
		if o.err != nil {
			b.failed++
		}
	}
}

// safely is do on a goroutine of its own, where a panic would end the process.
func (c *call) safely(ctx context.Context, in intent) (out outcome, err error) {
	defer func() {
		if p := recover(); p != nil {
			c.Log.Error("scim", "request", c.id, "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return c.do(ctx, &in)
}

// run does o, and first what it refers to.
func (b *bulkRun) run(ctx context.Context, o *bulkOp) {
	if o.state != waiting {
		return
	}
	o.state = running
	for _, id := range o.refs {
		if to := b.byID[id]; to != nil && o.err == nil {
			b.run(ctx, to)
		}
	}
	if o.err == nil {
		o.err = b.referable(o)
	}
	if o.err == nil {
		b.do(ctx, o)
	}
	o.state = done
	b.order = append(b.order, o)
	if o.err != nil {
		b.failed++
	}
}

// referable refuses references to what is not there.
func (b *bulkRun) referable(o *bulkOp) error {
	for _, id := range o.refs {
		switch to := b.byID[id]; {
		case to == nil || to.method != http.MethodPost:
			return invalidValue("bulkId:%s is no operation of this request that creates a resource", clip(id))
		case to.state == done && to.err != nil:
			return refuse(http.StatusConflict, "bulkId:%s could not be created, so nothing can refer to it", clip(id))
		case to.state == running && o.method != http.MethodPost:
			return refuse(http.StatusConflict, "bulkId:%s and this operation wait for each other", clip(id))
		case to.state == running:
			o.cut = true
		}
	}
	return nil
}

func (b *bulkRun) do(ctx context.Context, o *bulkOp) {
	in := o.intent
	in.body = b.resolve(in.body)
	if id, ok := strings.CutPrefix(in.key, "bulkId:"); ok {
		in.key = b.byID[id].out.uid(b.byID[id].of)
		o.key = in.key
	}
	if o.out, o.err = b.c.do(ctx, &in); o.err == nil && in.method == http.MethodPost {
		o.key = o.out.uid(o.of)
	}
}

// resolve is v with the ids that bulkIds stand for, and without those that are
// not known yet.
func (b *bulkRun) resolve(v any) any {
	switch v := v.(type) {
	case string:
		if id, ok := strings.CutPrefix(v, "bulkId:"); ok {
			if to := b.byID[id]; to.state == done || to.key != "" {
				return to.key
			}
			return nil
		}
	case []any:
		out := make([]any, 0, len(v))
		for _, e := range v {
			out = append(out, b.resolve(e))
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, e := range v {
			if w := b.resolve(e); w != nil || e == nil {
				out[key] = w
			}
		}
		return out
	}
	return v
}

// complete gives what was made in a circle the references that it lacked.
func (b *bulkRun) complete(ctx context.Context) {
	for _, o := range b.order {
		if !o.cut || o.err != nil {
			continue
		}
		in := intent{of: o.of, method: http.MethodPut, key: o.key, body: b.resolve(o.body)}
		out, err := b.c.do(ctx, &in)
		if err != nil {
			o.err = err
			continue
		}
		o.out.account, o.out.group = out.account, out.group
	}
}

// answer is the BulkResponse: what was done, in that order.
func (b *bulkRun) answer() map[string]any {
	results := make([]any, 0, len(b.order))
	for _, o := range b.order {
		results = append(results, b.result(o))
	}
	return map[string]any{"schemas": []string{urnBulkAnswer}, "Operations": results}
}

func (b *bulkRun) result(o *bulkOp) map[string]any {
	r := map[string]any{"method": o.method}
	if o.bulkID != "" {
		r["bulkId"] = o.bulkID
	}
	if o.of != nil && o.key != "" {
		r["location"] = b.c.base + o.of.endpoint + "/" + o.key
	}
	if o.err != nil {
		e := toError(o.err)
		r["status"], r["response"] = itoa(e.Status), e.document()
		return r
	}
	status := o.out.status
	if status == http.StatusOK && o.method == http.MethodPatch && o.of.group {
		status = http.StatusNoContent
	}
	r["status"] = itoa(status)
	if o.method != http.MethodDelete {
		r["version"] = etag(o.out.revision(o.of))
	}
	return r
}
