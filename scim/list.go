package scim

import (
	"context"
	"math"
	"net/http"
	"strconv"
	"strings"

	"grantbridge/directory"
	"grantbridge/store"
)

// search is a question as GET and .search put it (RFC 7644 3.4.2, 3.4.3).
type search struct {
	filter, sortBy, sortOrder string
	attributes, excluded      []string
	start, count              int
	cursor                    *string // RFC 9865: given, and empty on the first page
}

func (c *call) list() error {
	s := search{
		filter: c.query.Get("filter"), sortBy: c.query.Get("sortBy"), sortOrder: c.query.Get("sortOrder"),
		attributes: names(c.query.Get("attributes")), excluded: names(c.query.Get("excludedAttributes")),
	}
	if c.query.Has("cursor") {
		cursor := c.query.Get("cursor")
		s.cursor = &cursor
	}
	var err error
	if s.start, err = number("startIndex", c.query.Get("startIndex"), 1); err != nil {
		return err
	}
	if s.count, err = number("count", c.query.Get("count"), c.PageSize); err != nil {
		return err
	}
	return c.answer(s)
}

func number(name, text string, otherwise int) (int, error) {
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		return 0, invalidValue("%s must be a whole number, not %q", name, clip(text))
	}
	return n, nil
}

// answer answers s over c's type, or over all types.
func (c *call) answer(s search) error {
	s.start, s.count = max(1, s.start), min(max(0, s.count), c.MaxPageSize)
	pages, err := c.pages(s)
	if err != nil {
		return err
	}
	ctx := c.r.Context()
	return c.engine.Store().Read(ctx, func(v *store.View) error { return c.found(ctx, v, s, pages) })
}

// page is s as a question to the store about one resource type.
type page struct {
	of       *resource
	query    directory.Query
	p        projection
	accounts []directory.Account
	groups   []directory.Group
}

func (g *page) len() int { return len(g.accounts) + len(g.groups) }

func (c *call) pages(s search) ([]*page, error) {
	if c.of != nil {
		g, err := c.page(c.of, s)
		return []*page{g}, err
	}
	if s.cursor != nil {
		return nil, invalid(typeInvalidCursor, "cursors are for /Users and /Groups; use startIndex here")
	}
	// A condition on an attribute that one type does not have is no mistake here.
	u, errU := c.page(c.policy.types.user, s)
	g, errG := c.page(c.policy.types.group, s)
	switch {
	case errU != nil && errG != nil:
		return nil, errU
	case errU != nil:
		return []*page{g}, nil
	case errG != nil:
		return []*page{u}, nil
	}
	return []*page{u, g}, nil
}

func (c *call) page(of *resource, s search) (*page, error) {
	g := &page{of: of, p: project(of, s.attributes, s.excluded), query: directory.Query{Start: s.start, Count: s.count}}
	n := c.reader(of)
	defer func() { c.rewrites = append(c.rewrites, n.rewrites...) }()
	if s.filter != "" {
		f, err := n.parseFilter(s.filter)
		if err != nil {
			return nil, err
		}
		g.query.Filter = answerable(f)
	}
	if err := n.sort(&g.query, s); err != nil {
		return nil, err
	}
	if s.cursor != nil {
		return g, c.resume(g, s)
	}
	if g.walks() {
		c.walks.goOn(&g.query, c.question(of, s), c.Now())
	}
	return g, nil
}

// walks reports whether g's pages can be continued behind a resource that may
// be gone by then: those in order of id.
func (g *page) walks() bool { return g.query.SortPath == "" && !g.query.Descending }

// last is the id of the page's last result.
func (g *page) last() int64 {
	if len(g.groups) > 0 {
		return int64(g.groups[len(g.groups)-1].ID)
	}
	return int64(g.accounts[len(g.accounts)-1].ID)
}

// answerable is f as the store is asked: a filter that is true for all is none,
// and one that is true for nobody compares with what no resource has.
func answerable(f directory.Filter) *directory.Filter {
	switch {
	case isEverything(f):
		return nil
	case isNothing(f):
		f = directory.Filter{Op: directory.OpEq, Path: "id"}
	}
	return &f
}

// sort reads sortBy. The order of creation is that of id and meta.created.
func (n *reader) sort(q *directory.Query, s search) error {
	switch strings.ToLower(s.sortOrder) {
	case "", "ascending":
	case "descending":
		q.Descending = true
	default:
		return invalidValue("sortOrder is ascending or descending, not %q", clip(s.sortOrder))
	}
	if s.sortBy == "" {
		q.Descending = false // RFC 7644 3.4.2.3: without sortBy it means nothing
		return nil
	}
	a := n.of.find(s.sortBy)
	if a == nil {
		a = n.lookup(s.sortBy)
	}
	if a == nil {
		return invalidValue("sortBy: %s have no attribute %q%s", strings.TrimPrefix(n.of.endpoint, "/"), clip(s.sortBy), suggest(s.sortBy, n.of))
	}
	if a.complex() && a.sub("value") != nil {
		a = a.sub("value")
	}
	switch {
	case a.complex(), isLink(a.parent), a.mutability == "writeOnly", a.path == "schemas":
		return invalidValue("sortBy: %s cannot be sorted by", a.title())
	case a.path != "id" && a.path != "meta.created":
		q.SortPath = a.order()
	}
	return nil
}

// resume continues behind the cursor of an earlier page.
func (c *call) resume(g *page, s search) error {
	if *s.cursor != "" {
		after, err := c.openCursor(*s.cursor, c.question(g.of, s))
		if err != nil {
			return err
		}
		g.query.After, g.query.NoTotal = after, true
	}
	g.query.Start = 1
	g.query.Count = s.count + 1 // one more shows whether there is a next page
	return nil
}

// found reads the pages and writes the answer.
func (c *call) found(ctx context.Context, v *store.View, s search, pages []*page) error {
	total, left := 0, s.count
	for _, g := range pages {
		if len(pages) > 1 {
			g.query.Start, g.query.Count = max(1, s.start-total), left
		}
		n, err := c.fill(ctx, v, g)
		if err != nil {
			return err
		}
		if g.query.Left {
			n += s.start - 1
		}
		if n >= 0 {
			total += n
		}
		left -= g.len()
		if s.cursor == nil && len(pages) == 1 && g.len() > 0 && g.walks() {
			c.walks.left(c.question(g.of, s), s.start+g.len(), g.last(), c.Now())
		}
	}
	return c.write(ctx, v, s, answered{pages: pages, total: total, returned: s.count - left})
}

// fill reads one page; n is the number of all results, or -1.
func (c *call) fill(ctx context.Context, v *store.View, g *page) (n int, err error) {
	if g.of.group {
		g.groups, n, err = v.Groups(ctx, c.source, g.query)
	} else {
		g.accounts, n, err = v.Accounts(ctx, c.source, g.query)
	}
	return n, err
}

type answered struct {
	pages           []*page
	total, returned int
}

// write writes a ListResponse.
func (c *call) write(ctx context.Context, v *store.View, s search, a answered) error {
	out := stream{c: c, status: http.StatusOK}
	next := ""
	if s.cursor != nil {
		next = c.cut(a.pages[0], s)
		a.returned = a.pages[0].len()
	}
	out.text(`{"schemas":["` + urnList + `"]`)
	if s.cursor == nil || *s.cursor == "" {
		out.text(`,"totalResults":` + itoa(a.total))
	}
	if s.cursor == nil {
		out.text(`,"startIndex":` + itoa(min(s.start, math.MaxInt32)))
	}
	out.text(`,"itemsPerPage":` + itoa(a.returned))
	if next != "" {
		out.text(`,"nextCursor":"` + next + `"`)
	}
	out.text(`,"Resources":[`)
	first := true
	for _, g := range a.pages {
		if err := c.writePage(ctx, v, &out, g, &first); err != nil {
			return err
		}
	}
	out.text(`]}`)
	return out.flush(true)
}

// cut drops the one result too many and makes the cursor of the next page.
func (c *call) cut(g *page, s search) string {
	if g.len() <= s.count || s.count == 0 {
		g.accounts, g.groups = g.accounts[:min(len(g.accounts), s.count)], g.groups[:min(len(g.groups), s.count)]
		return ""
	}
	if g.of.group {
		g.groups = g.groups[:s.count]
		return c.sealCursor(int64(g.groups[s.count-1].ID), c.question(g.of, s))
	}
	g.accounts = g.accounts[:s.count]
	return c.sealCursor(int64(g.accounts[s.count-1].ID), c.question(g.of, s))
}

func (c *call) writePage(ctx context.Context, v *store.View, out *stream, g *page, first *bool) error {
	comma := func() {
		if !*first {
			out.text(",")
		}
		*first = false
	}
	of, err := groupsOf(ctx, v, g.accounts, g.p)
	if err != nil {
		return err
	}
	for _, a := range g.accounts {
		comma()
		doc, err := c.userDocument(a, of[a.ID], g.p)
		if err != nil {
			return err
		}
		if err := out.value(doc); err != nil {
			return err
		}
		if err := out.flush(false); err != nil {
			return err
		}
	}
	for _, gr := range g.groups {
		comma()
		if err := out.group(ctx, v, gr, g.p); err != nil {
			return err
		}
	}
	return nil
}

// search answers POST .search.
func (c *call) search() error {
	v, err := c.body()
	if err != nil {
		return err
	}
	body, ok := v.(map[string]any)
	if !ok {
		return invalidSyntax("the body must be a SearchRequest object")
	}
	s := search{
		filter: text(body, "filter"), sortBy: text(body, "sortBy"), sortOrder: text(body, "sortOrder"),
		attributes: texts(body["attributes"]), excluded: texts(body["excludedAttributes"]),
	}
	if cursor, ok := body["cursor"].(string); ok {
		s.cursor = &cursor
	}
	if s.start, err = jsonNumber("startIndex", body["startIndex"], 1); err != nil {
		return err
	}
	if s.count, err = jsonNumber("count", body["count"], c.PageSize); err != nil {
		return err
	}
	return c.answer(s)
}

func jsonNumber(name string, v any, otherwise int) (int, error) {
	switch v := v.(type) {
	case nil:
		return otherwise, nil
	case interface{ String() string }:
		return number(name, v.String(), otherwise)
	case string:
		return number(name, v, otherwise)
	}
	return 0, invalidValue("%s must be a whole number", name)
}
