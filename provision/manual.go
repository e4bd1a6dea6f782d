package provision

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"grantbridge/access"
	"grantbridge/directory"
	"grantbridge/store"
)

// InvalidError says what is wrong with what an administrator asked for, and what
// he could do instead.
type InvalidError struct{ Says string }

func (e *InvalidError) Error() string { return e.Says }

func invalid(format string, args ...any) error {
	return &InvalidError{Says: fmt.Sprintf(format, args...)}
}

// AddGrant adds a manual rule. It needs a reason and, for a human, an end; a
// rule that restricts is refused when it would take the last superuser.
func (e *Engine) AddGrant(ctx context.Context, by store.By, m store.Manual) (store.Manual, error) {
	m.Author = by.Actor
	if m.Reason == "" {
		m.Reason = by.Reason
	}
	if m.Ticket == "" {
		m.Ticket = by.Ticket
	}
	if err := e.checkManual(m); err != nil {
		return m, err
	}
	op := &store.AddManual{Manual: m}
	if m.Kind != access.Grant {
		rule := e.manualRule(m)
		rule.ID = math.MaxInt64 // it gets its own when it is written
		op.Guard = func(ctx context.Context, revision int64) error {
			return e.guardSuperusers(ctx, revision, access.Delta{Rules: []access.Rule{rule}})
		}
	}
	_, err := e.do(ctx, by, op)
	return op.Manual, err
}

func (e *Engine) checkManual(m store.Manual) error {
	if m.Reason == "" {
		return invalid("a manual rule needs a reason; say why with --reason")
	}
	if _, err := e.manualActions(m); err != nil {
		return err
	}
	if _, err := access.ParseCeiling(m.TokenCeiling); err != nil {
		return &InvalidError{Says: err.Error()}
	}
	if m.Kind == access.Grant && m.Role == access.Superuser.String() && !m.All {
		return invalid("superuser is global and takes no sites; leave them out")
	}
	if !m.All && len(m.Sites) == 0 && len(m.Labels) == 0 {
		return invalid("a manual rule needs sites: ids, slugs, labels or all")
	}
	for _, id := range m.Sites {
		if _, ok := e.snapshot().Site(id); !ok {
			return invalid("no site %d; `grantbridge site list` shows the sites", id)
		}
	}
	return e.checkEnd(m)
}

func (e *Engine) checkEnd(m store.Manual) error {
	p := e.picture.Load()
	if m.UntilSync != "" {
		if _, ok := p.sources[m.UntilSync]; !ok {
			known := slices.Sorted(maps.Keys(p.sources))
			return invalid("no source %q to wait for; sources are %s", m.UntilSync, strings.Join(known, ", "))
		}
		return nil
	}
	if m.Until.IsZero() {
		if m.Kind == access.Grant && e.aboutHumans(m.Subject) {
			return invalid("a manual grant needs an end: --until TIME, or --until next-sync:SOURCE")
		}
		return nil
	}
	if now := e.cfg().Now(); !m.Until.After(now) {
		return invalid("the end %s is past", m.Until.Format(time.RFC3339))
	}
	return nil
}

func (e *Engine) aboutHumans(s access.Subject) bool {
	if s.Kind != access.ThePerson {
		return true
	}
	p, ok := e.PersonByID(access.PersonID(s.ID))
	return !ok || p.Kind == store.Human
}

// manualActions is what a manual rule's role or actions stand for.
func (e *Engine) manualActions(m store.Manual) (access.Actions, error) {
	c := e.Catalogue()
	if len(m.Actions) > 0 {
		s, err := c.Expand(m.Actions...)
		if err != nil {
			return s, &InvalidError{Says: err.Error()}
		}
		return s, nil
	}
	if m.Role == access.NoAccess.String() && m.Kind != access.Grant {
		if m.Kind == access.Deny {
			return c.Level(access.Superuser), nil
		}
		return access.Actions{}, nil
	}
	if s, ok := c.Role(m.Role); ok && m.Role != access.NoAccess.String() {
		return s, nil
	}
	if near := c.Nearest(m.Role); near != "" {
		return access.Actions{}, invalid("no role %q; did you mean %s?", m.Role, near)
	}
	return access.Actions{}, invalid("no role %q", m.Role)
}

// manualRule is the access rule of a manual rule as stored. One that does not
// read any more (a role that left the catalogue, a ceiling changed in the
// database) gives nothing: a grant without actions, a restriction on everything.
func (e *Engine) manualRule(m store.Manual) access.Rule {
	r := access.Rule{
		ID: access.RuleID(m.ID), Kind: m.Kind, Subject: m.Subject, Role: m.Role, Channel: m.Channel, From: m.From, Until: m.Until,
		Scope: e.manualScope(m),
		Origin: access.Origin{
			Source: "manual", Rule: fmt.Sprintf("manual %d", m.ID), Author: m.Author, Reason: m.Reason, Ticket: m.Ticket, UntilSync: m.UntilSync,
		},
	}
	if len(m.Actions) > 0 {
		r.Role = strings.Join(m.Actions, ", ")
	}
	actions, err := e.manualActions(m)
	if err != nil && m.Kind == access.Deny {
		actions = e.Catalogue().Level(access.Superuser)
	}
	r.Actions = actions
	r.TokenCeiling, _ = access.ParseCeiling(m.TokenCeiling)
	if !m.Ended.IsZero() && (r.Until.IsZero() || m.Ended.Before(r.Until)) {
		r.Until = m.Ended
	}
	return r
}

func (e *Engine) manualScope(m store.Manual) access.Scope {
	s := access.Scope{All: m.All, Sites: m.Sites}
	var texts []string
	if m.All {
		texts = append(texts, "all")
	}
	for _, id := range m.Sites {
		texts = append(texts, fmt.Sprint(id))
	}
	if len(m.Labels) > 0 {
		s.Select = []access.Selector{{Labels: m.Labels}}
		for _, k := range slices.Sorted(maps.Keys(m.Labels)) {
			texts = append(texts, k+"="+m.Labels[k])
		}
	}
	s.Text = strings.Join(texts, ",")
	return s
}

// guardSuperusers refuses what would take the working superusers below the
// limit. The head lock is held, so revision is the truth.
func (e *Engine) guardSuperusers(ctx context.Context, revision int64, d access.Delta) error {
	if err := e.Sync(ctx, revision); err != nil {
		return err
	}
	p := e.picture.Load()
	d.Revision = p.revision
	then, err := p.snapshot.With(d)
	if err != nil {
		return err
	}
	limit := e.limits(p.set).Superusers()
	before, after := e.superusers(p.snapshot), e.superusers(then)
	if after < before && after < limit {
		return &RefusedError{Says: fmt.Sprintf("refused: %d working superusers would be left of %d, and superusers_at_least is %d; nothing was changed", after, before, limit)}
	}
	return nil
}

// superusers counts the people who are superuser now, the owner not counted.
func (e *Engine) superusers(s *access.Snapshot) (n int) {
	for id := range s.WhoCan(access.ActSuperuser, access.Global, e.cfg().Now()) {
		if p, ok := s.Person(id); ok && !p.Owner {
			n++
		}
	}
	return n
}

// EndGrant ends a manual rule now.
func (e *Engine) EndGrant(ctx context.Context, by store.By, id store.ManualID) error {
	op := &store.EndManual{ID: id}
	op.Guard = func(ctx context.Context, revision int64) error {
		return e.guardSuperusers(ctx, revision, access.Delta{RemoveRules: []access.RuleID{access.RuleID(id)}})
	}
	_, err := e.do(ctx, by, op)
	if errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("manual rule %d: %w; `grantbridge grant list` shows those that stand", id, err)
	}
	return err
}

// Lock takes everything from a person at once and kills his credentials, until
// Unlock. evenLast allows it for the last superuser.
func (e *Engine) Lock(ctx context.Context, by store.By, id access.PersonID, evenLast bool) error {
	op := &store.LockPerson{Person: id, Locked: true}
	by.Lane = store.LaneRevoke
	if !evenLast {
		op.Guard = func(ctx context.Context, revision int64) error {
			if err := e.Sync(ctx, revision); err != nil {
				return err
			}
			p, ok := e.snapshot().Person(id)
			if !ok {
				return fmt.Errorf("person %d: %w", id, store.ErrNotFound)
			}
			p.Locked = true
			return e.guardSuperusers(ctx, revision, access.Delta{People: []access.Person{p}})
		}
	}
	_, err := e.do(ctx, by, op)
	return err
}

// Unlock opens a lock. Credentials issued before it stay dead.
func (e *Engine) Unlock(ctx context.Context, by store.By, id access.PersonID) error {
	_, err := e.do(ctx, by, &store.LockPerson{Person: id})
	return err
}

// Link moves an account to another person, on an administrator's word: nothing
// that a source says links by itself.
func (e *Engine) Link(ctx context.Context, by store.By, account directory.AccountID, to access.PersonID) error {
	if _, ok := e.snapshot().Person(to); !ok {
		return fmt.Errorf("person %d: %w", to, store.ErrNotFound)
	}
	_, err := e.do(ctx, by, &store.LinkAccount{Account: account, Person: to})
	return err
}
