package access_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"

	"grantbridge/access"
	"grantbridge/access/accesstest"
)

// The corpus is decisions as JSON, which other languages may run too; what its
// fields mean is in testdata/corpus/README.md. Names stand for all enumerations,
// and an absent field is the zero value.

type corpusFile struct {
	Catalogue corpusCatalogue `json:"catalogue"`
	Cases     []corpusCase    `json:"cases"`
}

type corpusCatalogue struct {
	Version string          `json:"version"`
	Actions []access.Action `json:"actions"`
	Roles   []access.Role   `json:"roles,omitempty"`
}

type corpusCase struct {
	Name      string           `json:"name"`
	Set       corpusSet        `json:"set"`
	Questions []corpusQuestion `json:"questions"`
}

type corpusSet struct {
	Sites   []access.Site  `json:"sites,omitempty"`
	People  []corpusPerson `json:"people,omitempty"`
	Cohorts []corpusCohort `json:"cohorts,omitempty"`
	Rules   []corpusRule   `json:"rules,omitempty"`
	Tokens  []corpusToken  `json:"tokens,omitempty"`
}

type corpusPerson struct {
	ID        access.PersonID              `json:"id"`
	Groups    []access.GroupID             `json:"groups,omitempty"`
	Traits    []access.TraitID             `json:"traits,omitempty"`
	Joined    map[access.GroupID]time.Time `json:"joined,omitempty"`
	Locked    bool                         `json:"locked,omitempty"`
	Suspended bool                         `json:"suspended,omitempty"`
	Owner     bool                         `json:"owner,omitempty"`
	NotBefore time.Time                    `json:"not_before,omitzero"`
}

type corpusCohort struct {
	ID   access.CohortID `json:"id"`
	Expr corpusExpr      `json:"expr"`
}

type corpusExpr struct {
	Op      string         `json:"op"`
	Subject *corpusSubject `json:"subject,omitempty"`
	Args    []corpusExpr   `json:"args,omitempty"`
}

type corpusSubject struct {
	Kind string `json:"kind"`
	ID   int64  `json:"id,omitempty"`
}

type corpusScope struct {
	All          bool             `json:"all,omitempty"`
	Sites        []access.SiteID  `json:"sites,omitempty"`
	Select       []corpusSelector `json:"select,omitempty"`
	ExceptSites  []access.SiteID  `json:"except_sites,omitempty"`
	ExceptSelect []corpusSelector `json:"except_select,omitempty"`
}

type corpusSelector struct {
	Labels map[string]string `json:"labels,omitempty"`
	Slug   string            `json:"slug,omitempty"`
}

type corpusRule struct {
	ID           access.RuleID `json:"id"`
	Kind         string        `json:"kind"`
	Subject      corpusSubject `json:"subject"`
	Actions      []string      `json:"actions"` // exactly these, children spelt out
	Scope        corpusScope   `json:"scope"`
	TokenCeiling string        `json:"token_ceiling,omitempty"`
	Channel      string        `json:"channel,omitempty"`
	From         time.Time     `json:"from,omitzero"`
	Until        time.Time     `json:"until,omitzero"`
	ForSeconds   int64         `json:"for_seconds,omitempty"`
}

type corpusToken struct {
	ID      access.TokenID   `json:"id"`
	Owner   access.PersonID  `json:"owner"`
	Ceiling string           `json:"ceiling"`
	Sites   *[]access.SiteID `json:"sites,omitempty"`
	Actions *[]string        `json:"actions,omitempty"`
	Issued  time.Time        `json:"issued"`
	Expires time.Time        `json:"expires,omitzero"`
	Revoked bool             `json:"revoked,omitempty"`
	Parent  access.TokenID   `json:"parent,omitempty"`
}

type corpusCredential struct {
	Kind    string         `json:"kind"`
	Token   access.TokenID `json:"token,omitempty"`
	Ceiling string         `json:"ceiling,omitempty"`
	Issued  time.Time      `json:"issued,omitzero"`
	Expires time.Time      `json:"expires,omitzero"`
}

type corpusQuestion struct {
	Person      access.PersonID    `json:"person,omitempty"`
	Credentials []corpusCredential `json:"credentials"`
	Site        access.SiteID      `json:"site"` // -1 is the platform
	Action      string             `json:"action"`
	Now         time.Time          `json:"now"`
	Allowed     bool               `json:"allowed"`
	Code        string             `json:"code"`
	Effective   []string           `json:"effective"`
}

var (
	corpusKinds       = []string{"", "grant", "deny", "cap"}
	corpusChannels    = []string{"any", "token", "session"}
	corpusSubjects    = []string{"nobody", "person", "group", "cohort", "trait", "signed-in", "everyone"}
	corpusOps         = []string{"never", "is", "all", "any", "not"}
	corpusCredentials = []string{"none", "session", "token", "anonymous"}
)

// TestCorpus asks the questions of testdata/corpus of the snapshot and of the
// naive specification.
func TestCorpus(t *testing.T) {
	if os.Getenv("GRANTBRIDGE_WRITE_CORPUS") != "" {
		writeCorpus(t)
	}
	paths, err := filepath.Glob("testdata/corpus/*.json")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no corpus: %v", err)
	}
	codes := map[string]int{}
	for _, path := range paths {
		f := readCorpus(t, path)
		cat, err := access.NewCatalogue(f.Catalogue.Version, f.Catalogue.Actions, f.Catalogue.Roles)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range f.Cases {
			w := c.Set.world(t, cat)
			s := build(t, w)
			for i, q := range c.Questions {
				r := q.request(t, cat)
				want := access.Decision{Allowed: q.Allowed, Code: s.Check(r).Code, Revision: 1}
				if got := s.Check(r); got != want || got.Code.String() != q.Code || w.Check(r) != got {
					t.Errorf("%s: %s: question %d: got %+v, want %v %s; the specification says %+v", path, c.Name, i, got, q.Allowed, q.Code, w.Check(r))
				}
				if got, want := s.Effective(r), corpusActions(t, cat, q.Effective); got != want {
					t.Errorf("%s: %s: question %d: effective %v, want %v", path, c.Name, i, got, want)
				}
				codes[q.Code]++
			}
		}
	}
	for c := access.Allowed; c <= access.UnknownAction; c++ {
		if codes[c.String()] == 0 {
			t.Errorf("no question of the corpus is answered with %s", c)
		}
	}
}

func readCorpus(t *testing.T, path string) (f corpusFile) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return f
}

func corpusActions(t testing.TB, cat *access.Catalogue, names []string) (set access.Actions) {
	t.Helper()
	for _, n := range names {
		a, ok := cat.Lookup(n)
		if !ok {
			t.Fatalf("no action %q", n)
		}
		set.Add(a)
	}
	return set
}

func index[T ~uint8](t testing.TB, names []string, name string) T {
	t.Helper()
	for i, n := range names {
		if n == name {
			return T(i)
		}
	}
	t.Fatalf("no %q in %v", name, names)
	return 0
}

func corpusCeiling(text string) access.Ceiling {
	if text == "" {
		return access.CeilingUnknown
	}
	c, err := access.ParseCeiling(text)
	if err != nil {
		return access.CeilingUnknown
	}
	return c
}

func (s corpusSubject) subject(t testing.TB) access.Subject {
	return access.Subject{Kind: index[access.SubjectKind](t, corpusSubjects, s.Kind), ID: s.ID}
}

func (e corpusExpr) expr(t testing.TB) access.Expr {
	x := access.Expr{Op: index[access.ExprOp](t, corpusOps, e.Op)}
	if e.Subject != nil {
		x.Subject = e.Subject.subject(t)
	}
	for _, a := range e.Args {
		x.Args = append(x.Args, a.expr(t))
	}
	return x
}

func corpusSelectors(list []corpusSelector) (out []access.Selector) {
	for _, s := range list {
		out = append(out, access.Selector(s))
	}
	return out
}

func (s corpusSet) world(t testing.TB, cat *access.Catalogue) *accesstest.World {
	w := &accesstest.World{Revision: 1, Catalogue: cat, Sites: s.Sites}
	for _, p := range s.People {
		w.People = append(w.People, access.Person{
			ID: p.ID, Groups: p.Groups, Traits: p.Traits, Joined: p.Joined,
			Locked: p.Locked, Suspended: p.Suspended, Owner: p.Owner, NotBefore: p.NotBefore,
		})
	}
	for _, c := range s.Cohorts {
		w.Cohorts = append(w.Cohorts, access.Cohort{ID: c.ID, Expr: c.Expr.expr(t)})
	}
	for _, r := range s.Rules {
		ch := access.AnyChannel
		if r.Channel != "" {
			ch = index[access.Channel](t, corpusChannels, r.Channel)
		}
		w.Rules = append(w.Rules, access.Rule{
			ID: r.ID, Kind: index[access.Kind](t, corpusKinds, r.Kind), Subject: r.Subject.subject(t), Actions: corpusActions(t, cat, r.Actions),
			Scope: access.Scope{
				All: r.Scope.All, Sites: r.Scope.Sites, Select: corpusSelectors(r.Scope.Select),
				ExceptSites: r.Scope.ExceptSites, ExceptSelect: corpusSelectors(r.Scope.ExceptSelect),
			},
			TokenCeiling: corpusCeiling(r.TokenCeiling), Channel: ch, From: r.From, Until: r.Until, For: time.Duration(r.ForSeconds) * time.Second,
		})
	}
	for _, k := range s.Tokens {
		tok := access.Token{
			ID: k.ID, Owner: k.Owner, Ceiling: corpusCeiling(k.Ceiling), Issued: k.Issued, Expires: k.Expires, Revoked: k.Revoked, Parent: k.Parent,
		}
		if k.Sites != nil {
			tok.Sites = append([]access.SiteID{}, *k.Sites...)
		}
		if k.Actions != nil {
			set := corpusActions(t, cat, *k.Actions)
			tok.Actions = &set
		}
		w.Tokens = append(w.Tokens, tok)
	}
	return w
}

func (q corpusQuestion) request(t testing.TB, cat *access.Catalogue) access.Request {
	r := access.Request{Person: q.Person, Site: q.Site, At: q.Now}
	a, ok := cat.Lookup(q.Action)
	if !ok {
		a = access.MaxActions
	}
	r.Action = a
	for i, c := range q.Credentials {
		x := access.Credential{
			Kind: index[access.CredentialKind](t, corpusCredentials, c.Kind), Token: c.Token,
			Ceiling: corpusCeiling(c.Ceiling), Issued: c.Issued, Expires: c.Expires,
		}
		if i == 0 {
			r.Credential = x
		} else {
			r.Also = append(r.Also, x)
		}
	}
	return r
}

// writeCorpus makes testdata/corpus/random.json anew, from tiny worlds, keeping of
// each the questions with a code that is not yet there five times in the file.
func writeCorpus(t *testing.T) {
	f := corpusFile{Catalogue: corpusCatalogue{Version: tiny.Version(), Actions: tiny.Actions()[4:], Roles: tiny.Roles()[4:]}}
	seen := map[access.Code]int{}
	type drawn struct {
		w  *accesstest.World
		rs []access.Request
	}
	gen := rapid.Custom(func(t *rapid.T) drawn {
		d := drawn{w: drawWorld(t)}
		for range 8 {
			d.rs = append(d.rs, drawRequest(t))
		}
		return d
	})
	for seed := 0; seed < 6000; seed++ {
		d := gen.Example(seed)
		c := corpusCase{Name: fmt.Sprintf("random world %d", seed), Set: setOf(d.w)}
		for _, r := range d.rs {
			got := d.w.Check(r)
			if r.Credential.Kind > access.AnonymousCredential || len(r.Also) > 0 && r.Also[0].Kind > access.AnonymousCredential || seen[got.Code] >= 10 || r.At.IsZero() {
				continue
			}
			seen[got.Code]++
			c.Questions = append(c.Questions, questionOf(r, got, d.w.Effective(r)))
		}
		if len(c.Questions) > 0 {
			f.Cases = append(f.Cases, c)
		}
	}
	head, err := json.Marshal(f.Catalogue)
	text := fmt.Appendf(nil, "{\"catalogue\": %s,\n\"cases\": [\n", head)
	for i, c := range f.Cases {
		line, e := json.Marshal(c)
		err = errors.Join(err, e)
		if i > 0 {
			text = append(text, ",\n"...)
		}
		text = append(text, line...)
	}
	if err = errors.Join(err, os.MkdirAll("testdata/corpus", 0o755)); err == nil {
		err = os.WriteFile("testdata/corpus/random.json", append(text, "\n]}\n"...), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func setOf(w *accesstest.World) (s corpusSet) {
	s.Sites = w.Sites
	for _, p := range w.People {
		s.People = append(s.People, corpusPerson{p.ID, p.Groups, p.Traits, p.Joined, p.Locked, p.Suspended, p.Owner, p.NotBefore})
	}
	for _, c := range w.Cohorts {
		s.Cohorts = append(s.Cohorts, corpusCohort{c.ID, exprOf(c.Expr)})
	}
	for _, r := range w.Rules {
		s.Rules = append(s.Rules, corpusRule{
			r.ID, corpusKinds[r.Kind], corpusSubject{corpusSubjects[r.Subject.Kind], r.Subject.ID}, names(r.Actions),
			corpusScope{r.Scope.All, r.Scope.Sites, selectorsOf(r.Scope.Select), r.Scope.ExceptSites, selectorsOf(r.Scope.ExceptSelect)},
			r.TokenCeiling.String(), corpusChannels[r.Channel], r.From, r.Until, int64(r.For / time.Second),
		})
	}
	for _, k := range w.Tokens {
		x := corpusToken{ID: k.ID, Owner: k.Owner, Ceiling: k.Ceiling.String(), Issued: k.Issued, Expires: k.Expires, Revoked: k.Revoked, Parent: k.Parent}
		if k.Sites != nil {
			x.Sites = &k.Sites
		}
		if k.Actions != nil {
			list := append([]string{}, names(*k.Actions)...)
			x.Actions = &list
		}
		s.Tokens = append(s.Tokens, x)
	}
	return s
}

func exprOf(e access.Expr) corpusExpr {
	x := corpusExpr{Op: corpusOps[e.Op]}
	if e.Op == access.Is {
		x.Subject = &corpusSubject{corpusSubjects[e.Subject.Kind], e.Subject.ID}
	}
	for _, a := range e.Args {
		x.Args = append(x.Args, exprOf(a))
	}
	return x
}

func selectorsOf(list []access.Selector) (out []corpusSelector) {
	for _, s := range list {
		out = append(out, corpusSelector(s))
	}
	return out
}

func questionOf(r access.Request, d access.Decision, effective access.Actions) corpusQuestion {
	q := corpusQuestion{
		Person: r.Person, Site: r.Site, Action: tiny.Name(r.Action), Now: r.At,
		Allowed: d.Allowed, Code: d.Code.String(), Effective: append([]string{}, names(effective)...),
	}
	for _, c := range append([]access.Credential{r.Credential}, r.Also...) {
		x := corpusCredential{Kind: corpusCredentials[c.Kind], Token: c.Token, Issued: c.Issued, Expires: c.Expires}
		if c.Kind == access.SessionCredential {
			x.Ceiling = c.Ceiling.String()
		}
		q.Credentials = append(q.Credentials, x)
	}
	return q
}
