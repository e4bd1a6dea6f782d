package login

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"grantbridge/access"
	"grantbridge/directory"
	"grantbridge/internal/session"
	"grantbridge/provision"
	"grantbridge/saml"
	"grantbridge/saml/oidc"
	"grantbridge/saml/signin"
	"grantbridge/store"
)

// verdict says whose account a sign-in is.
type verdict uint8

const (
	refuseIt verdict = iota
	useIt
	createIt
	askAdmin
)

// known is what the store knows of a subject.
type known struct {
	found bool
	store.SubjectAccount
	left    bool // an account with the same login was deleted
	refused bool // by an administrator
	aged    bool // it was away for so long that it may be somebody else's by now
}

// decide says whose account a sign-in is. It is pure. The order is the rule:
// who has left stays out whatever the mode, and nobody is found by a name or an
// e-mail address.
func decide(m Mode, k known) (verdict, signin.Reason) {
	usable := k.found && (k.Approved || m != Off || ours(k.ExternalID))
	switch {
	case k.found && k.Deleted:
		return refuseIt, accountLeft
	case k.found && !k.Active:
		return refuseIt, accountInactive
	case usable && !k.aged:
		return useIt, ""
	case k.left:
		return refuseIt, accountLeft
	case k.refused:
		return refuseIt, linkRefused
	case usable:
		return askAdmin, subjectAged
	case m == Create && !k.found:
		return createIt, ""
	case m == Review:
		return askAdmin, linkPending
	}
	return refuseIt, noAccount
}

// auth is what a session keeps of its sign-in.
type auth struct {
	Ref     saml.SessionRef `json:"ref,omitzero"`
	OIDC    oidc.SessionRef `json:"oidc,omitzero"`
	Context string          `json:"context,omitempty"`
	Instant int64           `json:"instant,omitempty"`
	Strong  bool            `json:"strong"`
	Trace   string          `json:"trace"`
	// Password: nobody else has a session to end.
	Password bool `json:"password,omitempty"`
}

// entry is how somebody comes in: raising the session of old, or with a new one.
type entry struct {
	stepUp bool
	old    string
	began  time.Time // at an OpenID provider
}

// enter finds or makes the account, does what the groups say and makes the
// session.
func (d *Door) enter(ctx context.Context, name string, s Source, p parked, e entry) (handle string, no *signin.Rejection, err error) {
	by := store.By{Actor: s.protocol() + ":" + name, Via: s.protocol(), Reason: "sign-in " + p.Trace.ID, Lane: store.LaneLogin}
	account, no, err := d.account(ctx, by, name, s, p)
	if no != nil || err != nil {
		return "", no, err
	}
	p.Trace.Person = access.PersonID(account.Person)
	if no, err := d.groups(ctx, by, s, account, p); no != nil || err != nil {
		return "", no, err
	}
	if err := d.engine.Sync(ctx, 0); err != nil {
		return "", nil, err
	}
	in, err := s.signIn(name, account, p)
	if err != nil {
		return "", nil, err
	}
	if e.stepUp {
		handle, err = d.c.Sessions.StepUp(ctx, e.old, in)
	}
	if handle == "" && (err == nil || errors.Is(err, session.ErrNone)) {
		handle, _, err = d.c.Sessions.Issue(ctx, in)
	}
	if ended, ok := errors.AsType[*session.EndedError](err); ok {
		return "", endedRefusal(ended.Why), nil
	}
	if err != nil {
		return "", nil, err
	}
	if no, err := d.overtaken(ctx, s, handle, p, e.began); no != nil || err != nil {
		return "", no, err
	}
	if err := d.used(ctx, p); err != nil {
		return "", nil, err
	}
	d.gives(ctx, p.Trace)
	return handle, nil, d.keep(ctx, p.Trace, "in", "")
}

// signIn is the sign-in as the session keeps it, with the ceiling of one that is
// not strong.
func (s Source) signIn(name string, account directory.Account, p parked) (in session.SignIn, err error) {
	in = session.SignIn{Person: access.PersonID(account.Person), Account: account.ID, Source: name, Ceiling: "inherit",
		NameKey: p.NameKey, Until: p.Identity.Until}
	a := p.Auth
	a.Context, a.Trace, a.Strong = p.Identity.AuthnContext, p.Trace.ID, true
	if !p.Identity.AuthnInstant.IsZero() {
		a.Instant = p.Identity.AuthnInstant.Unix()
	}
	if len(s.Strong) > 0 && !s.strong(p.Identity) {
		a.Strong, in.Ceiling = false, s.Ceiling
		p.Trace.note("the sign-in was not a strong one (%s): this session is limited to %s", orNone(a.Context), s.Ceiling)
	}
	in.Auth, err = json.Marshal(a)
	return in, err
}

func orNone(s string) string {
	if s == "" {
		return "none named"
	}
	return s
}

// account is whose account the sign-in is.
func (d *Door) account(ctx context.Context, by store.By, name string, s Source, p parked) (directory.Account, *signin.Rejection, error) {
	profile := profileOf(p.Identity)
	for range 2 { // once more when somebody made the account meanwhile
		k, err := d.look(ctx, s, p)
		if err != nil {
			return directory.Account{}, nil, err
		}
		what, why := decide(s.Mode, k)
		switch what {
		case useIt:
			p.Trace.note("the account is %s, by its %s", k.UID, how(k))
			return k.Account, nil, nil
		case createIt:
			a, err := d.create(ctx, by, name, p, profile)
			if u, ok := errors.AsType[*store.UniqueError](err); ok {
				if u.Attribute == "externalId" {
					continue
				}
				return a, d.pend(ctx, p, k, loginTaken), nil
			}
			if errors.Is(err, provision.ErrUnknownSource) {
				return a, refusal(sourceDisabled, "the source switched on", "switched off"), nil
			}
			return a, nil, err
		case askAdmin:
			return directory.Account{}, d.pend(ctx, p, k, why), nil
		}
		return directory.Account{}, refusal(why, "an active account of this subject", "none"), nil
	}
	return directory.Account{}, refusal(noAccount, "one account of this subject", "one that changed meanwhile"), nil
}

func how(k known) string {
	if k.Approved {
		return "subject, as an administrator linked it"
	}
	return "external id"
}

// look is what the store knows of the subject of a sign-in.
func (d *Door) look(ctx context.Context, s Source, p parked) (k known, err error) {
	source, subject := p.Trace.Source, p.Identity.Subject
	err = d.engine.Store().Read(ctx, func(v *store.View) error {
		a, err := v.SubjectAccount(ctx, source, subject.Key(), subject.ExternalID)
		switch {
		case err == nil:
			k.found, k.SubjectAccount = true, a
			if k.aged, err = d.aged(ctx, v, s, p); err != nil || !k.aged {
				return err
			}
		case !errors.Is(err, store.ErrNotFound):
			return err
		default:
			if k.left, err = v.Left(ctx, source, profileOf(p.Identity).login); err != nil {
				return err
			}
		}
		k.refused, err = v.SubjectRefused(ctx, source, subject.Key())
		return err
	})
	return k, err
}

// aged reports whether a subject that may be given to somebody else was away for
// so long that it may have been. Who was never noted counts from now on.
func (d *Door) aged(ctx context.Context, v *store.View, s Source, p parked) (bool, error) {
	subject := p.Identity.Subject
	if !subject.Reassignable || s.ReassignedAfter <= 0 {
		return false, nil
	}
	last, err := v.SubjectUsed(ctx, p.Trace.Source, subject.Key())
	if err != nil || last.IsZero() {
		return false, err
	}
	away := d.c.Now().Sub(last)
	if away <= s.ReassignedAfter {
		return false, nil
	}
	p.Trace.note("the subject signed in last at %s, longer ago than reassigned_after: it may be somebody else's by now", day(last))
	return true, nil
}

// used notes a sign-in of a subject that may be given to somebody else.
func (d *Door) used(ctx context.Context, p parked) error {
	if !p.Identity.Subject.Reassignable {
		return nil
	}
	return d.engine.Store().UseSubject(ctx, p.Trace.Source, p.Identity.Subject.Key(), d.c.Now())
}

// pend notes that an administrator must say whose sign-in this is.
func (d *Door) pend(ctx context.Context, p parked, k known, why signin.Reason) *signin.Rejection {
	now, f := d.c.Now(), profileOf(p.Identity)
	link := store.PendingLink{Source: p.Trace.Source, Subject: p.Identity.Subject.Key(), Login: f.login, Email: f.mail, Trace: p.Trace.ID, First: now, Last: now}
	if k.found && ours(k.ExternalID) {
		link.Account = k.UID
	}
	err := d.engine.Store().PutPendingLink(ctx, link)
	no := refusal(why, "an account of this subject", "none that is surely its; it waits for an administrator")
	no.Cause = err
	return no
}

// create makes the account, with no right but what rules give.
func (d *Door) create(ctx context.Context, by store.By, source string, p parked, f profile) (directory.Account, error) {
	r, err := d.engine.Apply(ctx, by, creating(source, p, f))
	if err == nil {
		p.Trace.note("the account %s was made", r.Account.UID)
	}
	return r.Account, err
}

func creating(source string, p parked, f profile) *directory.AccountChange {
	return &directory.AccountChange{Source: source, UniqueLogin: true,
		Edit: func(directory.Account) (directory.Account, error) { return f.account(p.Identity.Subject.ExternalID) }}
}

// profile is what a sign-in says of a person beside the subject.
type profile struct{ login, display, given, family, mail string }

// The names that identity providers use, first found first.
var (
	loginNames   = []string{"urn:oid:0.9.2342.19200300.100.1.1", "uid", "userName", "username", "login", "preferred_username", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name"}
	mailNames    = []string{"urn:oid:0.9.2342.19200300.100.1.3", "mail", "email", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress"}
	displayNames = []string{"urn:oid:2.16.840.1.113730.3.1.241", "displayName", "urn:oid:2.5.4.3", "cn", "http://schemas.microsoft.com/identity/claims/displayname", "name"}
	givenNames   = []string{"urn:oid:2.5.4.42", "givenName", "firstName", "given_name", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/givenname"}
	familyNames  = []string{"urn:oid:2.5.4.4", "sn", "lastName", "family_name", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/surname"}
)

func profileOf(who *signin.Identity) profile {
	first := func(names []string) string {
		for _, n := range names {
			for _, a := range who.Attributes {
				if a.Name == n && len(a.Values) > 0 && strings.TrimSpace(a.Values[0]) != "" {
					return strings.TrimSpace(a.Values[0])
				}
			}
		}
		return ""
	}
	f := profile{login: first(loginNames), display: first(displayNames), given: first(givenNames), family: first(familyNames), mail: first(mailNames)}
	if f.login == "" {
		f.login = who.Login
	}
	if f.login == "" {
		f.login = f.mail
	}
	if f.login == "" {
		f.login = who.Subject.Value
	}
	if f.display == "" {
		f.display = strings.TrimSpace(f.given + " " + f.family)
	}
	return f
}

// account is the profile as SCIM would say it, so that rules read one language.
func (f profile) account(external string) (directory.Account, error) {
	doc := map[string]any{"userName": f.login, "externalId": external, "active": true}
	values := []directory.Value{
		{Path: "active", Text: "true"}, {Path: "username", Text: directory.Fold(f.login)},
	}
	add := func(path, text string) {
		if text != "" {
			values = append(values, directory.Value{Path: path, Text: directory.Fold(text)})
		}
	}
	add("displayname", f.display)
	add("name.givenname", f.given)
	add("name.familyname", f.family)
	add("emails.value", f.mail)
	if f.display != "" {
		doc["displayName"] = f.display
	}
	if f.given+f.family != "" {
		doc["name"] = map[string]string{"givenName": f.given, "familyName": f.family}
	}
	if f.mail != "" {
		doc["emails"] = []map[string]any{{"value": f.mail, "primary": true}}
	}
	text, err := json.Marshal(doc)
	if err != nil {
		return directory.Account{}, fmt.Errorf("write an account: %w", err)
	}
	slices.SortFunc(values, func(a, b directory.Value) int { return strings.Compare(a.Path, b.Path) })
	return directory.Account{ExternalID: external, Login: f.login, Display: f.display, Email: f.mail, Active: true, Doc: text, Values: values}, nil
}
