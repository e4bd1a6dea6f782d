package scim

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"grantbridge/directory"
	"grantbridge/store"
)

// intent is one change that a request asks for: the request itself, or one
// operation of a Bulk.
type intent struct {
	of      *resource
	method  string
	key     string // the resource's id; empty creates
	body    any
	ifMatch string
}

// outcome is what came of it.
type outcome struct {
	status  int
	account directory.Account
	group   directory.Group
}

func (o outcome) uid(of *resource) string {
	if of.group {
		return o.group.UID
	}
	return o.account.UID
}

func (o outcome) revision(of *resource) int64 {
	if of.group {
		return o.group.Revision
	}
	return o.account.Revision
}

// perform does one change, and drops its body.
func (c *call) perform(ctx context.Context, in *intent) (outcome, error) {
	if in.method == http.MethodDelete {
		return c.remove(ctx, in)
	}
	if err := c.countOperations(in.body); err != nil {
		return outcome{}, err
	}
	form, err := normalise(c.policy, Request{Method: in.method, Group: in.of.group, Body: in.body})
	in.body = nil // a hundred thousand members are not kept through the commit
	c.rewrites = append(c.rewrites, form.Rewrites...)
	if err != nil {
		return outcome{}, err
	}
	c.policy = form.policy
	if in.of.group {
		return c.changeGroup(ctx, in, form)
	}
	return c.changeUser(ctx, in, form)
}

// countOperations bounds the operations of a PATCH before they are read.
func (c *call) countOperations(body any) error {
	o, _ := body.(map[string]any)
	for key, v := range o {
		if strings.EqualFold(key, "Operations") && len(list(v)) > c.MaxOperations {
			return tooMany(c.MaxOperations)
		}
	}
	return nil
}

func tooMany(most int) *Error {
	return refuse(http.StatusRequestEntityTooLarge, "more than %d operations; send them in parts", most)
}

func (c *call) remove(ctx context.Context, in *intent) (outcome, error) {
	var change directory.Change = &directory.AccountChange{Source: c.source, UID: in.key, IfMatch: ifMatch(in.ifMatch), Delete: true}
	if in.of.group {
		change = &directory.GroupChange{Source: c.source, UID: in.key, IfMatch: ifMatch(in.ifMatch), Delete: true}
	}
	_, err := c.apply(ctx, c.by(true), change)
	return outcome{status: http.StatusNoContent}, err
}

func (c *call) changeUser(ctx context.Context, in *intent, form Canonical) (outcome, error) {
	change := &directory.AccountChange{
		Source: c.source, UID: in.key, IfMatch: ifMatch(in.ifMatch), UniqueLogin: true, Unique: in.of.uniquePaths(),
		Edit: func(old directory.Account) (directory.Account, error) { return form.editUser(old) },
	}
	res, err := c.apply(ctx, c.by(form.Revokes), change)
	if err != nil {
		return c.again(ctx, in, form, spelt(in.of, err))
	}
	return outcome{status: statusOf(in), account: res.Account}, nil
}

func (c *call) changeGroup(ctx context.Context, in *intent, form Canonical) (outcome, error) {
	change := &directory.GroupChange{
		Source: c.source, UID: in.key, IfMatch: ifMatch(in.ifMatch), UniqueDisplay: form.policy.uniqueDisplay,
		Unique: in.of.uniquePaths(), Members: form.Members,
	}
	if form.Doc != nil || len(form.Ops) > 0 {
		change.Edit = func(old directory.Group) (directory.Group, error) { return form.editGroup(old) }
	}
	if in.method == http.MethodPut && !form.membersSaid && c.policy.profile == Strict {
		change.Members.Replace = true
	}
	res, err := c.apply(ctx, c.by(form.Revokes || change.Members.Replace && in.method != http.MethodPost), change)
	if err != nil {
		return c.again(ctx, in, form, spelt(in.of, err))
	}
	c.parked += res.Parked
	return outcome{status: statusOf(in), group: res.Group}, nil
}

// spelt names the attribute of a UniqueError as the schema does; the store knows
// its path only.
func spelt(of *resource, err error) error {
	taken, ok := errors.AsType[*store.UniqueError](err)
	if !ok {
		return err
	}
	if i := slices.IndexFunc(of.unique, func(a *attr) bool { return a.path == taken.Attribute }); i >= 0 {
		return &store.UniqueError{Attribute: of.unique[i].title(), Value: taken.Value, UID: taken.UID}
	}
	return err
}

func statusOf(in *intent) int {
	if in.method == http.MethodPost {
		return http.StatusCreated
	}
	return http.StatusOK
}

// editUser makes of the account as it is the account as it shall be. It is pure.
func (c Canonical) editUser(old directory.Account) (directory.Account, error) {
	of := c.policy.types.user
	doc, err := c.edited(of, func() (map[string]any, error) { return accountDoc(old) }, old.UID == "")
	if err != nil {
		return old, err
	}
	if c.Doc != nil && !c.activeSaid {
		// A PUT that does not mention active must not let anybody in again.
		doc["active"] = old.UID == "" || old.Active
	}
	return liftAccount(of, doc)
}

func (c Canonical) editGroup(old directory.Group) (directory.Group, error) {
	of := c.policy.types.group
	doc, err := c.edited(of, func() (map[string]any, error) { return groupDoc(old) }, old.UID == "")
	if err != nil {
		return old, err
	}
	return liftGroup(of, doc)
}

// edited is the document as it shall be; stored reads it as it is.
func (c Canonical) edited(of *resource, stored func() (map[string]any, error), isNew bool) (map[string]any, error) {
	doc := c.Doc
	if doc != nil {
		doc = clone(doc).(map[string]any)
	} else {
		var err error
		if doc, err = stored(); err != nil {
			return nil, err
		}
		if err := applyOps(of, doc, c.Ops); err != nil {
			return nil, err
		}
	}
	if isNew || !of.fixes {
		return doc, nil
	}
	before, err := stored()
	if err != nil {
		return nil, err
	}
	return doc, keepFixed(of, before, doc, c.Doc != nil)
}

// accountDoc is an account's document. An account that another door made has
// less of one, and its fields stand in.
func accountDoc(a directory.Account) (map[string]any, error) {
	doc, err := decodeDoc(a.Doc)
	if err != nil {
		return nil, err
	}
	fill(doc, "userName", a.Login)
	fill(doc, "externalId", a.ExternalID)
	doc["active"] = a.Active
	return doc, nil
}

func groupDoc(g directory.Group) (map[string]any, error) {
	doc, err := decodeDoc(g.Doc)
	if err != nil {
		return nil, err
	}
	fill(doc, "displayName", g.Display)
	fill(doc, "externalId", g.ExternalID)
	return doc, nil
}

func fill(doc map[string]any, key, value string) {
	if _, ok := doc[key]; !ok && value != "" {
		doc[key] = value
	}
}

// again answers a POST that was sent before as it was answered then, where the
// profile wants that; err is how the store refused it.
func (c *call) again(ctx context.Context, in *intent, form Canonical, err error) (outcome, error) {
	taken, ok := errors.AsType[*store.UniqueError](err)
	if !ok || in.method != http.MethodPost || !form.policy.idempotentCreate || text(form.Doc, "externalId") == "" {
		return outcome{}, err
	}
	out := outcome{status: http.StatusCreated}
	same := false
	readErr := c.engine.Store().Read(ctx, func(v *store.View) (err error) {
		if in.of.group {
			out.group, same, err = c.sameGroup(ctx, v, taken.UID, form)
			return err
		}
		if out.account, err = v.Account(ctx, c.source, taken.UID); err != nil {
			return err
		}
		want, err := form.editUser(directory.Account{})
		same = slices.Equal(want.Doc, out.account.Doc)
		return err
	})
	if readErr != nil || !same {
		return outcome{}, err
	}
	return out, nil
}

func (c *call) sameGroup(ctx context.Context, v *store.View, uid string, form Canonical) (directory.Group, bool, error) {
	g, err := v.Group(ctx, c.source, uid)
	if err != nil {
		return g, false, err
	}
	want, err := form.editGroup(directory.Group{})
	if err != nil || !slices.Equal(want.Doc, g.Doc) {
		return g, false, err
	}
	members, err := v.Members(ctx, g.ID, 0, len(form.Members.Add)+1)
	have := make([]string, len(members))
	for i, m := range members {
		have[i] = m.UID
	}
	return g, len(minus(slices.Clone(form.Members.Add), have)) == 0 && len(have) == len(form.Members.Add), err
}
