package web

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strconv"
	"time"

	"grantbridge/access"
	"grantbridge/internal/handler"
	"grantbridge/store"
)

// The size of a page of results.
const (
	pageDefault = 100
	pageMax     = 1000
)

// results is the answer to a search.
type results struct {
	Results []any `json:"results"`
	Page    page  `json:"page"`
}

type page struct {
	NextToken string `json:"next_token"` // empty at the end
	Count     int    `json:"count"`
}

// found is a subject or resource in a result.
type found struct {
	Type       string         `json:"type"`
	ID         string         `json:"id"`
	Properties map[string]any `json:"properties,omitempty"`
}

// search is one search under way: where its page begins and how long it is.
type search struct {
	*asker
	kind  string
	q     question
	after int64 // the id behind which the page begins
	limit int
}

// search reads a search's body. lacks names what it does not have.
func (d *door) search(w http.ResponseWriter, r *http.Request, kind string, lacks func(*question) string) (*search, error) {
	who, err := d.caller(r)
	if err != nil {
		return nil, err
	}
	b, err := read(w, r, searchMembers)
	if err != nil {
		return nil, err
	}
	if says := lacks(&b.question); says != "" {
		return nil, handler.Bad("%s", says)
	}
	s := &search{kind: kind, q: b.question, after: -1, limit: pageDefault}
	if b.pageLimit != nil {
		if *b.pageLimit < 1 {
			return nil, handler.Bad("page.limit is %d; it must be at least 1", *b.pageLimit)
		}
		s.limit = int(min(*b.pageLimit, pageMax))
	}
	if b.pageToken != "" {
		if s.after, err = s.parseToken(b.pageToken); err != nil {
			return nil, err
		}
	}
	if s.asker, err = d.asker(r, who, b.atLeast()); err != nil {
		return nil, err
	}
	if s.snap == nil {
		// An empty list would be a lie, and a PEP might act on it.
		return nil, &handler.Problem{Status: http.StatusServiceUnavailable, Code: "stale", RetryAfter: time.Second,
			Detail: "this server has not heard from the grant store for too long to answer"}
	}
	return s, nil
}

// searchSubject answers POST /access/v1/search/subject: who may do it there?
func (d *door) searchSubject(w http.ResponseWriter, r *http.Request) error {
	s, err := d.search(w, r, "subject", func(q *question) string { return q.check(false, true, true) })
	if err != nil {
		return err
	}
	switch s.q.Subject.Type {
	case "user":
		return s.answerPage(w, r, s.people(r.Context()), s.user)
	case "token":
		tokens, err := s.tokens(r.Context())
		if err != nil {
			return err
		}
		return s.answerPage(w, r, tokens, func(id int64) any { return found{Type: "token", ID: strconv.FormatInt(id, 10)} })
	}
	return s.answerPage(w, r, nothing, nil)
}

// rest resolves action and site of a subject search; false when one is unknown.
func (s *search) rest() (r access.Request, ok bool) {
	action, known := s.snap.Catalogue().Lookup(s.q.Action.Name)
	r = access.Request{Action: action, Site: s.site(*s.q.Resource), At: s.at()}
	return r, known && r.Site != 0
}

func (s *search) at() time.Time {
	if t := s.q.time(); !t.IsZero() {
		return t
	}
	return s.now
}

// people yields who may, behind the page's beginning. Each is asked the very
// question that an evaluation would ask.
func (s *search) people(ctx context.Context) iter.Seq[int64] {
	r, ok := s.rest()
	if !ok {
		return nothing
	}
	r.Credential = access.Session(s.now)
	return func(yield func(int64) bool) {
		n := 0
		for id := range s.snap.People() {
			if n++; n%4096 == 0 && ctx.Err() != nil {
				return // answerPage sees it too
			}
			if int64(id) <= s.after {
				continue
			}
			if r.Person = id; s.snap.Check(r).Allowed && !yield(int64(id)) {
				return
			}
		}
	}
}

// user names a person so that an evaluation finds him and nobody else.
func (s *search) user(id int64) any {
	ref, ok := s.d.engine.PersonByID(access.PersonID(id))
	if !ok {
		return nil
	}
	names := []string{ref.Login}
	for _, source := range ref.Sources {
		names = append(names, source+"/"+ref.Login)
	}
	for _, name := range names {
		if p, err := s.d.engine.FindPerson(name); err == nil && p.ID == ref.ID && ref.Login != "" {
			return found{Type: "user", ID: name, Properties: map[string]any{"uid": ref.UID}}
		}
	}
	return found{Type: "user", ID: ref.UID}
}

// tokens yields the tokens that may.
func (s *search) tokens(ctx context.Context) (iter.Seq[int64], error) {
	r, ok := s.rest()
	if !ok {
		return nothing, nil
	}
	var ids []int64
	err := s.d.engine.Store().Read(ctx, func(v *store.View) error {
		all, err := v.Tokens(ctx, 0)
		for _, t := range all {
			ids = append(ids, int64(t.ID))
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list tokens: %w", err)
	}
	slices.Sort(ids)
	return func(yield func(int64) bool) {
		for _, id := range ids {
			t := s.token(access.TokenID(id))
			r.Person, r.Credential = t.person, t.credential
			if id > s.after && t.known() && s.snap.Check(r).Allowed && !yield(id) {
				return
			}
		}
	}, nil
}

// searchResource answers POST /access/v1/search/resource: on which sites may he
// do it?
func (d *door) searchResource(w http.ResponseWriter, r *http.Request) error {
	s, err := d.search(w, r, "resource", func(q *question) string { return q.check(true, true, false) })
	if err != nil {
		return err
	}
	s.q.Resource.ID = "" // ignored, says the specification
	request, unknown, _ := s.asker.request(r.Context(), s.q)
	if unknown != 0 || s.q.Resource.Type != "site" {
		return s.answerPage(w, r, nothing, nil)
	}
	var ids []int64
	for id := range s.snap.Sites(request) {
		if int64(id) > s.after && id > 0 {
			ids = append(ids, int64(id))
		}
	}
	slices.Sort(ids)
	return s.answerPage(w, r, slices.Values(ids), func(id int64) any {
		site, _ := s.snap.Site(access.SiteID(id))
		return found{Type: "site", ID: strconv.FormatInt(id, 10), Properties: map[string]any{"slug": site.Slug, "name": site.Name}}
	})
}

// searchAction answers POST /access/v1/search/action: what may he do there?
func (d *door) searchAction(w http.ResponseWriter, r *http.Request) error {
	s, err := d.search(w, r, "action", func(q *question) string { return q.check(true, false, true) })
	if err != nil {
		return err
	}
	s.q.Action = nil
	request, unknown, _ := s.asker.request(r.Context(), s.q)
	if unknown != 0 {
		return s.answerPage(w, r, nothing, nil)
	}
	may, c := s.snap.Effective(request), s.snap.Catalogue()
	ids := func(yield func(int64) bool) {
		for id := range may.All() {
			if int64(id) > s.after && !yield(int64(id)) {
				return
			}
		}
	}
	return s.answerPage(w, r, ids, func(id int64) any { return actionName{Name: c.Name(access.ActionID(id))} })
}

func nothing(func(int64) bool) {}

// answerPage shows the first of ids that fit into the page, which are ascending
// and behind its beginning, and says where the next one begins.
func (s *search) answerPage(w http.ResponseWriter, r *http.Request, ids iter.Seq[int64], show func(int64) any) error {
	out, last := results{Results: []any{}}, s.after
	for id := range ids {
		if len(out.Results) == s.limit {
			out.Page.NextToken = s.nextToken(last)
			break
		}
		if x := show(id); x != nil {
			out.Results = append(out.Results, x)
		}
		last = id
	}
	if err := r.Context().Err(); err != nil {
		return fmt.Errorf("search for %s: %w", s.kind, err) // half a list looks like a whole one
	}
	out.Page.Count = len(out.Results)
	return write(w, out)
}

// nextToken names the page behind after: the id, and what was searched for, so
// that it is of no use to another search.
func (s *search) nextToken(after int64) string {
	return base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint64(s.digest(), uint64(after)))
}

func (s *search) parseToken(token string) (int64, error) {
	b, err := base64.RawURLEncoding.DecodeString(token)
	digest := s.digest()
	if err != nil || len(b) != len(digest)+8 || !slices.Equal(b[:len(digest)], digest) {
		return 0, handler.Bad("page.token belongs to another search; ask without it to begin again")
	}
	return int64(binary.BigEndian.Uint64(b[len(digest):])), nil
}

func (s *search) digest() []byte {
	key, err := json.Marshal(struct {
		Kind     string
		Subject  *entity
		Action   *actionName
		Resource *entity
		At       int64
	}{s.kind, s.q.Subject, s.q.Action, s.q.Resource, s.q.time().UnixNano()})
	if err != nil {
		panic(err) // strings and numbers always encode
	}
	sum := sha256.Sum256(key)
	return sum[:12]
}
