package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"grantbridge/access"
	"grantbridge/directory"
)

// View is the store at one revision. It is for one goroutine.
type View struct {
	s     *Store
	c     conn
	rev   int64
	ahead *ahead // of a follower's view
}

// Read calls f with a consistent view of the store at one revision.
func (s *Store) Read(ctx context.Context, f func(*View) error) error {
	leave, err := s.admit(ctx)
	if err != nil {
		return err
	}
	defer leave()
	v := &View{s: s}
	c, done, err := s.eng.snapshot(ctx, readHead(&v.rev))
	if err != nil {
		return s.callers(ctx, err)
	}
	defer done()
	v.c = c
	return f(v)
}

// Revision is the revision that the view shows.
func (v *View) Revision() int64 { return v.rev }

// ask gives each row of an answer to each. An error of each is returned as it
// is; an error of the database becomes what callers branch on.
func (v *View) ask(ctx context.Context, text string, each func(row) error, args ...any) error {
	return v.askAll(ctx, stmt{text: text, args: args, each: each})
}

// askAll asks several questions in one round trip, where there are any.
func (v *View) askAll(ctx context.Context, stmts ...stmt) error {
	var own error
	for i, s := range stmts {
		stmts[i].each = func(r row) error {
			own = s.each(r)
			return own
		}
	}
	err := v.c.run(ctx, stmts...)
	if own != nil {
		return own
	}
	return v.s.callers(ctx, err)
}

// list collects the rows of an answer.
func list[T any](ctx context.Context, v *View, scan func(row, *T) error, text string, args ...any) (out []T, err error) {
	err = v.ask(ctx, text, collect(&out, scan), args...)
	return out, err
}

// collect appends rows to out.
func collect[T any](out *[]T, scan func(row, *T) error) func(row) error {
	return func(r row) error {
		var t T
		if err := scan(r, &t); err != nil {
			return err
		}
		*out = append(*out, t)
		return nil
	}
}

// News is at which revision each kind of fact last changed; 0 is never.
type News struct{ Sources, Sites, Groups, Mapping, Manuals, Tokens, SCIMTokens int64 }

const newsText = `
	SELECT COALESCE((SELECT max(rev) FROM sources), 0), COALESCE((SELECT max(rev) FROM sites), 0),
		COALESCE((SELECT max(rev) FROM groups), 0), COALESCE((SELECT max(rev) FROM mappings), 0),
		COALESCE((SELECT max(rev) FROM manuals), 0), COALESCE((SELECT max(rev) FROM tokens), 0),
		COALESCE((SELECT max(rev) FROM scim_tokens), 0), COALESCE((SELECT max(rev) FROM scim_clients), 0)`

func scanNews(r row, n *News) error {
	var clients int64
	err := r.Scan(&n.Sources, &n.Sites, &n.Groups, &n.Mapping, &n.Manuals, &n.Tokens, &n.SCIMTokens, &clients)
	n.SCIMTokens = max(n.SCIMTokens, clients)
	return err
}

// News tells a follower what it need not read again, in one question whose cost
// does not depend on how much there is.
func (v *View) News(ctx context.Context) (n News, err error) {
	if v.ahead != nil {
		return v.ahead.news, nil
	}
	err = v.ask(ctx, newsText, func(r row) error { return scanNews(r, &n) })
	return n, err
}

const sourcesText = `SELECT ` + sourceColumns + ` FROM sources s ORDER BY s.name`

// Sources lists the sources.
func (v *View) Sources(ctx context.Context) ([]Source, error) {
	if v.ahead != nil {
		return slices.Clone(v.ahead.sources), nil
	}
	return list(ctx, v, scanSource, sourcesText)
}

// Sites lists the sites, and with since > 0 only those changed after it; removed
// then holds those removed after it.
func (v *View) Sites(ctx context.Context, since int64) (sites []access.Site, removed []access.SiteID, err error) {
	err = v.ask(ctx, `SELECT `+siteColumns+` FROM sites s WHERE s.rev > $1 ORDER BY s.id`, func(r row) error {
		var s access.Site
		_, gone, err := scanSite(r, &s)
		switch {
		case gone == 0:
			sites = append(sites, s)
		case since > 0:
			removed = append(removed, s.ID)
		}
		return err
	}, since)
	return sites, removed, err
}

// changedGroups is in the order of rev for the sake of its index, as
// changedPeople is.
const changedGroups = `
	SELECT g.id, g.uid, g.source, g.external_id, g.display, g.dn, '', g.members, g.created, g.modified, g.rev, g.deleted
	FROM groups g
	WHERE g.rev > $1 AND (g.deleted = 0 OR CAST($1 AS BIGINT) > 0) ORDER BY g.rev`

// AllGroups lists the groups of every source that changed after since, without
// Doc and Values; deleted ones only when since > 0.
func (v *View) AllGroups(ctx context.Context, since int64) ([]directory.Group, error) {
	all, err := list(ctx, v, scanGroup, changedGroups, since)
	slices.SortFunc(all, func(a, b directory.Group) int { return cmp.Compare(a.ID, b.ID) })
	return all, err
}

// Mapping is the live mapping, or the given version when not zero; the zero
// Mapping when there is none live, ErrNotFound for a version that never was.
func (v *View) Mapping(ctx context.Context, version int64) (Mapping, error) {
	ms, err := list(ctx, v, scanMapping, `
		SELECT `+mappingColumns+` FROM mappings m
		WHERE m.version = $1 OR CAST($1 AS BIGINT) = 0
		ORDER BY m.version DESC LIMIT 1`, version)
	if err != nil {
		return Mapping{}, err
	}
	if len(ms) > 0 {
		return ms[0], nil
	}
	if version != 0 {
		return Mapping{}, fmt.Errorf("mapping version %d: %w", version, ErrNotFound)
	}
	return Mapping{}, nil
}

// Mappings lists all versions, newest first, without Text.
func (v *View) Mappings(ctx context.Context) ([]Mapping, error) {
	return list(ctx, v, scanMapping, `
		SELECT m.version, '', m.author, m.note, m.at, m.restores, m.rev FROM mappings m ORDER BY m.version DESC`)
}

// Manuals lists the manual rules that changed after since, ended ones too.
func (v *View) Manuals(ctx context.Context, since int64) ([]Manual, error) {
	return list(ctx, v, scanManual, `SELECT `+manualColumns+` FROM manuals m WHERE m.rev > $1 ORDER BY m.id`, since)
}

// Tokens lists the tokens that changed after since, revoked ones too.
func (v *View) Tokens(ctx context.Context, since int64) ([]Token, error) {
	return list(ctx, v, func(r row, t *Token) error {
		var last int64
		err := scanToken(r, t, &last)
		t.LastUsed = timeOf(last)
		return err
	}, `
		SELECT `+tokenColumns+`, COALESCE(u.last, 0)
		FROM tokens t LEFT JOIN token_use u ON u.token = t.id
		WHERE t.rev > $1 ORDER BY t.id`, since)
}

// SCIMTokens lists all SCIM tokens, clients too.
func (v *View) SCIMTokens(ctx context.Context) ([]SCIMToken, error) {
	return list(ctx, v, func(r row, t *SCIMToken) error {
		var last int64
		err := scanSCIMToken(r, t, &last)
		t.LastUsed = timeOf(last)
		return err
	}, `
		SELECT `+scimTokenColumns+`, COALESCE(u.last, 0)
		FROM `+allSCIMTokens+` t LEFT JOIN scim_token_use u ON u.token = t.id
		ORDER BY t.id`)
}

// Holds lists the held plans, newest first; all of them or only those held.
func (v *View) Holds(ctx context.Context, all bool) ([]Hold, error) {
	return list(ctx, v, scanHold, `
		SELECT `+holdColumns+` FROM holds h
		WHERE h.state = 'held' OR CAST($1 AS BIGINT) = 1 ORDER BY h.id DESC`, bit(all))
}
