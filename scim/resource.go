package scim

import (
	"context"
	"net/http"
	"strings"

	"grantbridge/directory"
	"grantbridge/store"
)

// read answers GET of one resource.
func (c *call) read() error {
	ctx := c.r.Context()
	p := project(c.of, names(c.query.Get("attributes")), names(c.query.Get("excludedAttributes")))
	return c.engine.Store().Read(ctx, func(v *store.View) error {
		if c.of.group {
			g, err := v.Group(ctx, c.source, c.key)
			if err != nil || c.notModified(g.Revision) {
				return err
			}
			return c.sendGroup(ctx, v, outcome{status: http.StatusOK, group: g}, p)
		}
		a, err := v.Account(ctx, c.source, c.key)
		if err != nil || c.notModified(a.Revision) {
			return err
		}
		return c.sendUser(ctx, v, outcome{status: http.StatusOK, account: a}, p)
	})
}

// notModified answers 304 when the caller has the resource already.
func (c *call) notModified(revision int64) bool {
	c.w.Header().Set("ETag", etag(revision))
	if !unchanged(c.r.Header, revision) {
		return false
	}
	c.w.WriteHeader(http.StatusNotModified)
	return true
}

// change answers POST, PUT, PATCH and DELETE.
func (c *call) change() error {
	method := c.r.Method
	out, err := c.changed(method)
	if err != nil {
		return err
	}
	if method == http.MethodDelete {
		c.w.WriteHeader(http.StatusNoContent)
		return nil
	}
	c.w.Header().Set("ETag", etag(out.revision(c.of)))
	if method == http.MethodPost {
		c.key = out.uid(c.of)
	}
	c.w.Header().Set("Location", c.base+c.of.endpoint+"/"+out.uid(c.of))
	if c.terse(method) {
		if out.status == http.StatusOK {
			out.status = http.StatusNoContent
		}
		c.w.WriteHeader(out.status)
		return nil
	}
	return c.send(out)
}

func (c *call) changed(method string) (out outcome, err error) {
	in := intent{of: c.of, method: method, key: c.key, ifMatch: strings.Join(c.r.Header.Values("If-Match"), ",")}
	if err := c.ifNoneMatch(); err != nil {
		return out, err
	}
	if method != http.MethodDelete {
		if in.body, err = c.changeBody(); err != nil {
			return out, err
		}
	}
	return c.do(c.r.Context(), &in)
}

// ifNoneMatch refuses a change of a version that the caller did not want to meet
// (RFC 9110 13.1.2).
func (c *call) ifNoneMatch() error {
	if c.key == "" || c.r.Header.Get("If-None-Match") == "" {
		return nil
	}
	ctx := c.r.Context()
	return c.engine.Store().Read(ctx, func(v *store.View) (err error) {
		var revision int64
		if c.of.group {
			var g directory.Group
			g, err = v.Group(ctx, c.source, c.key)
			revision = g.Revision
		} else {
			var a directory.Account
			a, err = v.Account(ctx, c.source, c.key)
			revision = a.Revision
		}
		if err == nil && unchanged(c.r.Header, revision) {
			return refuse(http.StatusPreconditionFailed, "the resource has the version that If-None-Match excludes (%s); read it again", etag(revision))
		}
		return err
	})
}

// terse reports whether the answer has no body: as the caller prefers (RFC
// 7240), and for a PATCH of a group unless attributes are asked for, because its
// members may be many.
func (c *call) terse(method string) bool {
	prefer := strings.ToLower(strings.Join(c.r.Header.Values("Prefer"), ","))
	for _, p := range []string{"return=minimal", "return=representation"} {
		if strings.Contains(prefer, p) {
			c.w.Header().Set("Preference-Applied", p)
			return p == "return=minimal"
		}
	}
	return method == http.MethodPatch && c.of.group && !c.query.Has("attributes") && !c.query.Has("excludedAttributes")
}

// send answers a change with the resource as it is now.
func (c *call) send(out outcome) error {
	ctx := c.r.Context()
	p := project(c.of, names(c.query.Get("attributes")), names(c.query.Get("excludedAttributes")))
	return c.engine.Store().Read(ctx, func(v *store.View) error {
		if c.of.group {
			return c.sendGroup(ctx, v, out, p)
		}
		return c.sendUser(ctx, v, out, p)
	})
}

func (c *call) sendUser(ctx context.Context, v *store.View, out outcome, p projection) error {
	of, err := groupsOf(ctx, v, []directory.Account{out.account}, p)
	if err != nil {
		return err
	}
	doc, err := c.userDocument(out.account, of[out.account.ID], p)
	if err != nil {
		return err
	}
	return c.json(out.status, doc)
}

func (c *call) sendGroup(ctx context.Context, v *store.View, out outcome, p projection) error {
	s := stream{c: c, status: out.status}
	if err := s.group(ctx, v, out.group, p); err != nil {
		return err
	}
	return s.flush(true)
}
