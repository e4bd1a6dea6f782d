package login

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"time"

	"grantbridge/access"
	"grantbridge/internal/handler"
	"grantbridge/internal/session"
	"grantbridge/saml/signin"
	"grantbridge/store"
)

// Checker says whose a login and a password are: the external id of the account
// in the source. An error is a *PasswordError; any other lets nobody in either.
// address is the client's, for a limiter, or empty when it says nothing.
type Checker interface {
	Check(ctx context.Context, address, login, password string) (externalID string, err error)
}

// PasswordSource is a source whose people sign in here with the password that
// their directory knows.
type PasswordSource struct {
	Checker
	Label string // above the form; default is the name
	// Ceiling is the most that such a session carries; empty is inherit.
	Ceiling string
}

// PasswordError says in a trace, never in an answer, why a password opened
// nothing.
type PasswordError struct {
	Reason PasswordReason
	Err    error
}

func (e *PasswordError) Error() string {
	if e.Err == nil {
		return string(e.Reason)
	}
	return string(e.Reason) + ": " + e.Err.Error()
}

// Unwrap is what the directory said.
func (e *PasswordError) Unwrap() error { return e.Err }

// PasswordReason is why a password opened nothing.
type PasswordReason string

// The reasons, beside those of accounts and sessions that every sign-in has.
const (
	PasswordLimited     PasswordReason = "password_limited"
	PasswordMalformed   PasswordReason = "password_malformed"
	PasswordUnknown     PasswordReason = "password_unknown"
	PasswordAmbiguous   PasswordReason = "password_ambiguous"
	PasswordDisabled    PasswordReason = "password_disabled"
	PasswordWrong       PasswordReason = "password_wrong"
	PasswordLocked      PasswordReason = "password_locked"
	PasswordExpired     PasswordReason = "password_expired"
	PasswordMustChange  PasswordReason = "password_must_change"
	PasswordUnavailable PasswordReason = "password_unavailable"
	passwordForm        PasswordReason = "password_form"
	passwordOff         PasswordReason = "source_disabled"
)

// passwordFixes are what the administrator can do.
var passwordFixes = map[PasswordReason]string{
	PasswordLimited:     "Too many attempts failed for this name or from this address (password_login.attempts, attempts_by_address). It ends by itself after password_login.window. Behind a proxy, name it in trusted_proxies.",
	PasswordMalformed:   "The name or the password was empty, too long or not text. Nothing was sent to the directory.",
	PasswordUnknown:     "Nobody below users.base has exactly this login, or the account that reads may not see him: grantbridge ldap user LOGIN.",
	PasswordAmbiguous:   "Several entries have this login: make users.filter narrower, or users.login another attribute.",
	PasswordDisabled:    "The directory says that the account is disabled, has ended, or may not sign in at this time or from here; which, stands under received.",
	PasswordWrong:       "The directory refused the password; what it said stands under received.",
	PasswordLocked:      "The directory has locked the account after wrong passwords. It unlocks by itself or by its administrator; keep password_login.attempts below its limit.",
	PasswordExpired:     "The password is the account's, and has expired: the person sets a new one in the directory. Nobody can set one here.",
	PasswordMustChange:  "The password is the account's, and must be changed before anything else: the person sets a new one in the directory. Nobody can set one here.",
	PasswordUnavailable: "The directory could not be asked: grantbridge ldap check says why. No attempt was counted.",
	passwordForm:        "The form was older than half an hour, the browser keeps no cookies, or another site sent it: look at the address in the log when it comes often.",
	passwordOff:         "The source is switched off in the configuration or the store.",
}

// passwordSays is the one sentence for everything that does not succeed: it tells
// nobody whether the name, the password or the account was at fault.
const passwordSays = "Signing in did not work: the name or the password is wrong, or the account may not sign in here. After several wrong attempts wait half an hour."

// maxPasswordForm is a form with the longest name and password, escaped.
const maxPasswordForm = 16 << 10

// passwordForms are the forms of the page of choices; token is of this browser.
func (d *Door) passwordForms(w http.ResponseWriter, r *http.Request) (forms []signInForm, token string) {
	for _, n := range slices.Sorted(maps.Keys(d.c.Passwords)) {
		forms = append(forms, signInForm{n, d.label(n)})
	}
	if len(forms) > 0 {
		token = formToken(d.c.Sessions.Browser(w, r, formLives))
	}
	return forms, token
}

// formToken is what a form of ours must carry, from this browser and no other: a
// page of another site can neither read the cookie nor guess this.
func formToken(browser string) string {
	sum := sha256.Sum256([]byte("sign-in form\x00" + browser))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func (d *Door) ownForm(r *http.Request) bool {
	browser := d.c.Sessions.BrowserOf(r)
	return browser != "" && subtle.ConstantTimeCompare([]byte(formToken(browser)), []byte(r.PostForm.Get("token"))) == 1
}

// password takes a name and a password.
func (d *Door) password(w http.ResponseWriter, r *http.Request) error {
	began := time.Now()
	r.Body = http.MaxBytesReader(w, r.Body, maxPasswordForm)
	if err := r.ParseForm(); err != nil {
		return handler.Bad("this is no form that can be read, or it is too long")
	}
	name := r.PostForm.Get("source")
	s, ok := d.c.Passwords[name]
	if !ok {
		return &handler.Problem{Status: http.StatusNotFound, Code: "not_found", Detail: "nobody signs in here with a password"}
	}
	if err := d.admit(r, name); err != nil {
		return err
	}
	t := d.trace(name)
	handle, err := d.enterByPassword(r, name, s, t)
	if no, ok := errors.AsType[*PasswordError](err); ok {
		d.pace(r.Context(), began)
		return d.refusePassword(w, r, t, no)
	}
	if err != nil {
		return err
	}
	d.endBefore(r)
	d.c.Sessions.SetCookie(w, handle)
	http.Redirect(w, r, here(r.PostForm.Get("return")), http.StatusSeeOther)
	return nil
}

// enterByPassword asks the directory, finds the account and makes the session.
func (d *Door) enterByPassword(r *http.Request, name string, s PasswordSource, t *Trace) (handle string, err error) {
	ctx := r.Context()
	if !d.ownForm(r) {
		return "", &PasswordError{Reason: passwordForm}
	}
	if off, err := d.disabled(ctx, name); err != nil || off {
		return "", errors.Join(err, &PasswordError{Reason: passwordOff})
	}
	id, err := s.Check(ctx, d.address(r), r.PostForm.Get("login"), r.PostForm.Get("password"))
	if err != nil {
		if _, typed := errors.AsType[*PasswordError](err); !typed {
			err = &PasswordError{PasswordUnavailable, err}
		}
		return "", err
	}
	t.Subject, t.Context = "entry of the directory", passwordContext
	account, err := d.accountOf(ctx, name, id)
	if err != nil {
		return "", err
	}
	t.note("the account is %s, by the id of its entry", account.UID)
	t.Person = access.PersonID(account.Person)
	if err := d.engine.Sync(ctx, 0); err != nil {
		return "", err
	}
	in := session.SignIn{Person: t.Person, Account: account.ID, Source: name, Ceiling: s.Ceiling}
	if in.Ceiling == "" {
		in.Ceiling = "inherit"
	}
	a := auth{Context: passwordContext, Instant: d.c.Now().Unix(), Strong: s.Ceiling == "", Trace: t.ID, Password: true}
	if in.Auth, err = json.Marshal(a); err != nil {
		return "", err
	}
	handle, _, err = d.c.Sessions.Issue(ctx, in)
	if ended, ok := errors.AsType[*session.EndedError](err); ok {
		return "", &PasswordError{PasswordReason(endedRefusal(ended.Why).Reason), err}
	}
	if err != nil {
		return "", err
	}
	d.gives(ctx, t)
	return handle, d.keep(ctx, t, "in", "")
}

// passwordContext is the authentication context of a password over TLS (SAML 2.0
// Authentication Context 3.4.16).
const passwordContext = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"

// accountOf is the account of an entry: one that a run has taken over. A sign-in
// makes none.
func (d *Door) accountOf(ctx context.Context, source, id string) (store.SubjectAccount, error) {
	var k known
	err := d.engine.Store().Read(ctx, func(v *store.View) error {
		a, err := v.SubjectAccount(ctx, source, "ldap:"+id, id)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		k.found, k.SubjectAccount = err == nil, a
		return err
	})
	if err != nil {
		return k.SubjectAccount, err
	}
	if what, why := decide(LinkOnly, k); what != useIt {
		return k.SubjectAccount, &PasswordError{Reason: PasswordReason(why)}
	}
	return k.SubjectAccount, nil
}

// refusePassword shows the one sentence and the trace's id, and keeps the rest
// for the administrator.
func (d *Door) refusePassword(w http.ResponseWriter, r *http.Request, t *Trace, no *PasswordError) error {
	reason := signin.Reason(no.Reason)
	t.Want, t.Got, t.Says = "a login and its password", string(no.Reason), passwordSays
	if no.Err != nil {
		t.Got = no.Error()
	}
	if t.Fix = passwordFixes[no.Reason]; t.Fix == "" {
		t.Fix = sayings[reason].fix
	}
	if err := d.keep(r.Context(), t, "refused", reason); err != nil {
		return err
	}
	return d.page(w, http.StatusForbidden, "refused", "Not signed in", refusedView{passwordSays, t.ID})
}

// pace lets every refusal take the same time, or a whole multiple of it: what a
// directory does for a name that it knows may take longer.
func (d *Door) pace(ctx context.Context, began time.Time) {
	took := time.Since(began)
	select {
	case <-ctx.Done():
	case <-time.After(took.Truncate(d.c.Pace) + d.c.Pace - took):
	}
}

// address is where a request comes from, for the limiter; empty when that is a
// proxy on this machine which nobody trusts.
func (d *Door) address(r *http.Request) string {
	a := handler.ClientAddress(r, d.c.TrustedProxies)
	if !a.IsValid() || a.IsLoopback() {
		return ""
	}
	return a.String()
}

// endBefore ends the session that the browser had.
func (d *Door) endBefore(r *http.Request) {
	old := d.c.Sessions.Handle(r)
	if old == "" {
		return
	}
	if before, err := d.c.Sessions.Find(r.Context(), old); err == nil {
		_, _ = d.c.Sessions.End(r.Context(), "signed in again", before.ID)
	}
}
