package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"grantbridge/access"
	"grantbridge/directory"
	"grantbridge/internal/handler"
	"grantbridge/provision"
)

// patience is how long a question waits for a revision that it asks for.
const patience = time.Second

// asker answers the questions of one call, all from one snapshot.
type asker struct {
	d    *door
	snap *access.Snapshot // nil when it is stale
	now  time.Time
	who  caller
	// What was looked up, so that a thousand questions about one name are one
	// look-up.
	subjects map[entity]subject
}

// asker authenticates r's caller and takes the snapshot that answers him, which
// is at least as new as atLeast.
func (d *door) asker(r *http.Request, who caller, atLeast int64) (*asker, error) {
	if atLeast < 0 {
		return nil, handler.Bad("context.at_least is a revision; it cannot be negative")
	}
	if err := d.await(r.Context(), atLeast); err != nil {
		return nil, err
	}
	a := &asker{d: d, now: d.conf.Now(), who: who, subjects: map[entity]subject{}}
	if snap, fresh := d.engine.Holder().Snapshot(a.now); fresh && !who.stale {
		a.snap = snap
	}
	return a, nil
}

// await returns when the snapshot shows the revision; 503 when it does not in
// time.
func (d *door) await(ctx context.Context, revision int64) error {
	reached := func() (int64, bool) {
		if snap, _ := d.engine.Holder().Snapshot(d.conf.Now()); snap != nil {
			return snap.Revision(), snap.Revision() >= revision
		}
		return 0, revision == 0
	}
	if _, ok := reached(); ok {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := d.engine.Sync(ctx, revision)
		at, ok := reached()
		if ok {
			return nil
		}
		if err == nil {
			_, err = d.engine.Store().Wait(ctx, at, patience)
		}
		if err != nil || ctx.Err() != nil {
			return &handler.Problem{Status: http.StatusServiceUnavailable, Code: "behind", RetryAfter: time.Second,
				Detail: fmt.Sprintf("this server is at revision %d and did not reach %d in time", at, revision), Cause: err}
		}
	}
}

// subject is a subject by name, as the evaluator wants it.
type subject struct {
	person     access.PersonID
	credential access.Credential
	says       string // why it is unknown
}

func (s subject) known() bool { return s.credential.Kind != access.NoCredential }

// subject finds who is asked about. A person is asked about in a session that
// clamps nothing and is opened now, a token as it is.
func (a *asker) subject(e entity) subject {
	if s, ok := a.subjects[e]; ok {
		return s
	}
	s := a.findSubject(e)
	a.subjects[e] = s
	return s
}

func (a *asker) findSubject(e entity) subject {
	switch e.Type {
	case "user":
		ref, err := a.d.engine.FindPerson(e.ID)
		switch {
		case provision.IsPublic(e.ID):
			return subject{credential: access.Credential{Kind: access.AnonymousCredential}}
		case errors.Is(err, provision.ErrAmbiguous):
			return subject{says: "the login names more than one person; ask by SOURCE/login or by the person's id"}
		case err != nil:
			return subject{}
		}
		return subject{person: ref.ID, credential: access.Session(a.now)}
	case "token":
		if id, err := strconv.ParseInt(e.ID, 10, 64); err == nil {
			return a.token(access.TokenID(id))
		}
		t, err := a.d.engine.FindToken(e.ID)
		if err != nil {
			return subject{}
		}
		return a.token(t.ID)
	}
	return subject{says: "subjects are of type user or token"}
}

// token is the credential of a token that the snapshot knows. Whose it is, and
// whether it lives, is for the evaluator to say.
func (a *asker) token(id access.TokenID) subject {
	t, ok := a.snap.Token(id)
	if !ok {
		return subject{}
	}
	return subject{person: t.Owner, credential: access.TokenOf(id)}
}

// site finds the site that is asked about; zero is none.
func (a *asker) site(e entity) access.SiteID {
	if e.Type != "site" {
		return 0
	}
	if id, err := strconv.ParseInt(e.ID, 10, 64); err == nil && id > 0 {
		if _, ok := a.snap.Site(access.SiteID(id)); ok {
			return access.SiteID(id)
		}
	}
	return a.d.slugs.of(a.snap)[directory.Fold(e.ID)]
}

// check names what a question lacks, or returns "".
func (q *question) check(subjectID, action, resourceID bool) string {
	switch {
	case q.Subject == nil || q.Subject.Type == "":
		return "subject and its type are required"
	case subjectID && q.Subject.ID == "":
		return "subject.id is required"
	case action && (q.Action == nil || q.Action.Name == ""):
		return "action and its name are required"
	case q.Resource == nil || q.Resource.Type == "":
		return "resource and its type are required"
	case resourceID && q.Resource.ID == "":
		return "resource.id is required"
	}
	return ""
}

// request puts q's names into the evaluator's terms. The code is not zero when a
// name is unknown.
func (a *asker) request(q question) (r access.Request, unknown access.Code, says string) {
	r.At = a.now
	if t := q.time(); !t.IsZero() {
		r.At = t
	}
	// In the order of the evaluator's own codes: the action, the site, the subject.
	if q.Action != nil {
		action, ok := a.snap.Catalogue().Lookup(q.Action.Name)
		if !ok {
			return r, access.UnknownAction, ""
		}
		r.Action = action
	}
	if q.Resource.ID != "" {
		if r.Site = a.site(*q.Resource); r.Site == 0 {
			return r, access.UnknownSite, ""
		}
	}
	s := a.subject(*q.Subject)
	if !s.known() {
		return r, access.UnknownSubject, s.says
	}
	r.Person, r.Credential = s.person, s.credential
	return r, 0, ""
}

// answer decides q, which is complete.
func (a *asker) answer(ctx context.Context, q question) evaluation {
	if a.snap == nil {
		return a.no(access.Stale, 0)
	}
	r, unknown, says := a.request(q)
	if unknown != 0 {
		e := a.no(unknown, a.snap.Revision())
		if says != "" {
			e.Context.Error = &itemError{Status: http.StatusConflict, Message: says}
		}
		return e
	}
	d := a.snap.Check(r)
	a.d.metrics.decided(d.Code)
	c := a.snap.Catalogue()
	e := evaluation{Decision: d.Allowed, Context: answers{
		Code: d.Code, Revision: d.Revision, Effective: c.Highest(a.snap.Effective(r)), ReasonUser: reasonUser(d.Code),
	}}
	if a.who.explains {
		e.Context.ReasonAdmin = a.reasonAdmin(ctx, r, d)
	}
	return e
}

// no is the answer to what cannot be known.
func (a *asker) no(code access.Code, revision int64) evaluation {
	a.d.metrics.decided(code)
	return evaluation{Context: answers{Code: code, Revision: revision, ReasonUser: reasonUser(code)}}
}

// incomplete is the answer to a question of a batch that lacks a part.
func (a *asker) incomplete(q question, says string) evaluation {
	code := access.UnknownSubject
	switch {
	case q.Action == nil || q.Action.Name == "":
		code = access.UnknownAction
	case q.Resource == nil || q.Resource.Type == "" || q.Resource.ID == "":
		code = access.UnknownSite
	}
	var revision int64
	if a.snap != nil {
		revision = a.snap.Revision()
	}
	e := a.no(code, revision)
	e.Context.Error = &itemError{Status: http.StatusBadRequest, Message: says}
	return e
}

// reasonAdmin is the sentence that names rules and groups. It is left out when
// the model has moved on since the decision was made.
func (a *asker) reasonAdmin(ctx context.Context, r access.Request, d access.Decision) *reason {
	who := provision.Public
	if r.Credential.Kind != access.AnonymousCredential {
		ref, ok := a.d.engine.PersonByID(r.Person)
		if !ok {
			return nil
		}
		who = ref.UID
	}
	q := provision.Question{Who: who, What: a.snap.Catalogue().Name(r.Action), Site: strconv.FormatInt(int64(r.Site), 10), At: r.At}
	if r.Credential.Kind == access.TokenCredential {
		q.Token = strconv.FormatInt(int64(r.Credential.Token), 10)
	}
	x, err := a.d.engine.Explain(ctx, q)
	if err != nil || x.Revision != d.Revision || x.Code != d.Code.String() {
		return nil
	}
	says := x.Says
	for i, n := range x.Nearest {
		if i == 0 {
			says = strings.TrimSpace(says) + " It would be yes with: "
		} else {
			says += "; "
		}
		says += n.Change
	}
	return &reason{En: says}
}

// evaluation answers POST /access/v1/evaluation.
func (d *door) evaluation(w http.ResponseWriter, r *http.Request) error {
	who, err := d.caller(r)
	if err != nil {
		return err
	}
	b, err := read(w, r, singleMembers)
	if err != nil {
		return err
	}
	return d.one(w, r, who, b.question)
}

// one answers a single question.
func (d *door) one(w http.ResponseWriter, r *http.Request, who caller, q question) error {
	if lacks := q.check(true, true, true); lacks != "" {
		return handler.Bad("%s", lacks)
	}
	a, err := d.asker(r, who, q.atLeast())
	if err != nil {
		return err
	}
	return write(w, a.answer(r.Context(), q))
}

// time is the time that q names, or zero.
func (q *question) time() time.Time {
	if q.Context == nil {
		return time.Time{}
	}
	return q.Context.Time
}

func (q *question) atLeast() int64 {
	if q.Context == nil {
		return 0
	}
	return q.Context.AtLeast
}
