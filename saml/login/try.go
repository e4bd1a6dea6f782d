package login

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"

	"grantbridge/access"
	"grantbridge/directory"
	"grantbridge/internal/session"
	"grantbridge/provision"
	"grantbridge/saml/signin"
	"grantbridge/store"
)

// A test is a sign-in that creates nothing: everything is verified as ever, and
// what would follow is done in a transaction that is taken back. It begins with
// a link that an administrator made and that is used once.

// Test is what a link to test with is for.
type Test struct {
	Protocol, Source string
	By               string // who asked
	Ends             time.Time
}

// NewTest makes the path of such a link.
func NewTest(ctx context.Context, st *store.Store, t Test) (path string, err error) {
	ticket := session.NewHandle()
	body, err := json.Marshal(pending{Test: t.By})
	if err != nil {
		return "", err
	}
	err = st.PutLogin(ctx, store.Login{Digest: testDigest(ticket), Source: t.Source, Body: body, Expires: t.Ends})
	return "/" + t.Protocol + "/" + t.Source + "/login?test=" + url.QueryEscape(ticket), err
}

// testDigest keeps tickets of tests apart from the handles of other logins.
func testDigest(ticket string) []byte { return store.Digest("test:" + ticket) }

// takeTest is who asked for the test, or "" when the ticket is none.
func (d *Door) takeTest(ctx context.Context, source, ticket string) (by string, err error) {
	l, err := d.engine.Store().TakeLogin(ctx, testDigest(ticket), nil, d.c.Now())
	if errors.Is(err, store.ErrNotFound) || err == nil && l.Source != source {
		return "", nil
	}
	var p pending
	if err == nil {
		err = json.Unmarshal(l.Body, &p)
	}
	return p.Test, err
}

// tried says what a verified sign-in would have done.
func (d *Door) tried(w http.ResponseWriter, r *http.Request, s Source, p parked) error {
	no, err := d.rehearse(r.Context(), s, p)
	if err != nil {
		return err
	}
	var reason signin.Reason
	if no != nil {
		reason = no.Reason
		p.Trace.Want, p.Trace.Got, p.Trace.Fix, p.Trace.Says = no.Want, no.Got, no.Fix, no.Says
	}
	if err := d.keep(r.Context(), p.Trace, "tested", reason); err != nil {
		return err
	}
	return d.report(w, p.Trace, p.Identity)
}

// rehearse fills the trace with what would follow, or says who would be refused.
func (d *Door) rehearse(ctx context.Context, s Source, p parked) (*signin.Rejection, error) {
	name, profile := p.Trace.Source, profileOf(p.Identity)
	k, err := d.look(ctx, s, p)
	if err != nil {
		return nil, err
	}
	re := rehearsal{d: d, s: s, p: p, account: k.Account}
	what, why := decide(s.Mode, k)
	switch what {
	case useIt:
		p.Trace.note("would sign in with the account %s, by its %s", k.UID, how(k))
	case createIt:
		p.Trace.note("would make an account with the login %s", profile.login)
		re.changes = append(re.changes, func() (directory.Change, error) { return creating(name, p, profile), nil })
	case askAdmin:
		return refusal(why, "an account of this subject", "none that is surely its; it would wait for an administrator"), nil
	default:
		return refusal(why, "an active account of this subject", "none"), nil
	}
	return re.run(ctx)
}

// rehearsal is the changes of a sign-in, one after the other.
type rehearsal struct {
	d       *Door
	s       Source
	p       parked
	account directory.Account // empty until it is made
	changes []func() (directory.Change, error)
	done    int
}

func (re *rehearsal) run(ctx context.Context) (*signin.Rejection, error) {
	t := re.p.Trace
	join, leave, err := re.d.difference(ctx, re.s, re.account, re.p)
	if err != nil {
		return nil, err
	}
	for _, g := range leave {
		re.changes = append(re.changes, func() (directory.Change, error) { return leaving(re.account, g), nil })
	}
	for _, name := range join {
		re.changes = append(re.changes, func() (directory.Change, error) { return re.d.joining(ctx, re.account, name) })
	}
	by := store.By{Actor: re.s.protocol() + ":" + t.Source, Via: re.s.protocol(), Reason: "test " + t.ID}
	holds, err := re.d.engine.Rehearse(ctx, by, re.next, func() access.PersonID { return access.PersonID(re.account.Person) })
	if unique, taken := errors.AsType[*store.UniqueError](err); taken && unique.Attribute == "userName" {
		t.Joins = nil
		return refusal(loginTaken, "a login of nobody else", "one that another account has; it would wait for an administrator"), nil
	}
	if err != nil {
		return nil, err
	}
	t.holds(holds)
	_, err = re.s.signIn(t.Source, re.account, re.p)
	return nil, err
}

func (re *rehearsal) next(last provision.Result) (directory.Change, error) {
	if re.account.ID == 0 {
		re.account = last.Account
	}
	if re.done == len(re.changes) {
		return nil, nil
	}
	re.done++
	return re.changes[re.done-1]()
}

// testView is what the administrator sees of a test.
type testView struct {
	*Trace
	OK     bool
	Values []Attribute // as sent: they are of the person at the browser
}

// report shows the whole trace to the browser that tested.
func (d *Door) report(w http.ResponseWriter, t *Trace, who *signin.Identity) error {
	v := testView{Trace: t, OK: t.Want == ""}
	if who != nil {
		for _, a := range who.Attributes[:min(len(who.Attributes), maxShown)] {
			shown := Attribute{Name: a.Name, Values: a.Values[:min(len(a.Values), maxShown)]}
			v.Values = append(v.Values, shown)
		}
	}
	return d.page(w, http.StatusOK, "test", "Test of a sign-in", v)
}
