package login

import (
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"grantbridge/access"
	"grantbridge/provision"
	"grantbridge/saml"
	"grantbridge/saml/signin"
	"grantbridge/store"
)

//go:embed words.txt
var wordText string

var words = strings.Fields(wordText)

// wordsOf is how many words an id has: five of 128 are 35 bits, and the store's
// key finds the rare two that are equal.
const wordsOf = 5

func newID() string {
	var b [wordsOf]byte
	_, _ = rand.Read(b[:]) // never fails
	out := make([]string, wordsOf)
	for i, x := range b {
		out[i] = words[int(x)%len(words)] // 128 divides 256
	}
	return strings.Join(out, "-")
}

// Trace is what the administrator reads of an attempt. It has no value of an
// attribute, no NameID and nothing of the message as it came.
type Trace struct {
	ID     string          `json:"id"`
	Source string          `json:"source"`
	At     time.Time       `json:"at"`
	Person access.PersonID `json:"person,omitempty"`

	Want string `json:"expected,omitempty"`
	Got  string `json:"received,omitempty"`
	Fix  string `json:"change,omitempty"`
	Says string `json:"told,omitempty"`

	Issuer     string      `json:"issuer,omitempty"`
	Subject    string      `json:"subject,omitempty"` // its kind and name
	Context    string      `json:"authn_context,omitempty"`
	Clock      string      `json:"clock_offset,omitempty"`
	Key        string      `json:"key,omitempty"`
	Encrypted  bool        `json:"encrypted,omitempty"`
	Attributes []Attribute `json:"attributes,omitempty"`
	GroupState string      `json:"groups,omitempty"`
	Groups     []string    `json:"group_names,omitempty"`
	Joins      []string    `json:"joins,omitempty"`
	Leaves     []string    `json:"leaves,omitempty"`
	Notes      []string    `json:"notes,omitempty"`
	Gives      []string    `json:"gives,omitempty"`

	// Test is who asked for a sign-in that creates nothing; empty for all others.
	Test string `json:"test,omitempty"`
}

// Attribute is an attribute with its values redacted to their lengths.
type Attribute struct {
	Name   string   `json:"name"`
	Values []string `json:"values"`
}

func (d *Door) trace(source string) *Trace {
	return &Trace{ID: newID(), Source: source, At: d.c.Now().UTC()}
}

func (t *Trace) note(format string, args ...any) {
	t.Notes = append(t.Notes, fmt.Sprintf(format, args...))
}

const maxShown = 50

// identity notes what a verified identity said.
func (t *Trace) identity(who *signin.Identity, now time.Time) {
	t.Issuer, t.Context, t.Key, t.Encrypted = who.Issuer, who.AuthnContext, who.Key, who.Encrypted
	t.Subject = who.Subject.Kind + " " + who.Subject.Name
	t.Clock = now.Sub(who.IssuedAt).Round(time.Millisecond).String()
	if who.Subject.Reassignable {
		t.note("the subject is of a kind that identity providers give to somebody else later; prefer an immutable one")
	}
	for i, a := range who.Attributes {
		if i == maxShown {
			t.note("%d attributes more", len(who.Attributes)-i)
			break
		}
		shown := Attribute{Name: a.Name, Values: []string{}}
		for j, v := range a.Values {
			if j == 5 {
				shown.Values = append(shown.Values, fmt.Sprintf("and %d more", len(a.Values)-j))
				break
			}
			shown.Values = append(shown.Values, fmt.Sprintf("(%d characters)", len([]rune(v))))
		}
		t.Attributes = append(t.Attributes, shown)
	}
	t.GroupState = who.Groups.State.String()
	t.Groups = who.Groups.Values[:min(len(who.Groups.Values), maxShown)]
	t.Notes = append(t.Notes, who.Notes...)
}

// gives notes what the person holds now.
func (d *Door) gives(ctx context.Context, t *Trace) {
	p, ok := d.engine.PersonByID(t.Person)
	if !ok {
		return
	}
	if all, err := d.engine.WhatCan(ctx, p.UID, ""); err == nil {
		t.holds(all)
	}
}

// holds notes levels, with the rules that give them.
func (t *Trace) holds(all []provision.Holding) {
	sites, rules := map[access.Level]int{}, map[access.Level][]string{}
	for _, h := range all {
		sites[h.Level]++
		rules[h.Level] = append(rules[h.Level], h.Rules...)
	}
	for l := access.Superuser; l > access.NoAccess; l-- {
		if n := sites[l]; n > 0 {
			by := slices.Compact(slices.Sorted(slices.Values(rules[l])))
			t.Gives = append(t.Gives, fmt.Sprintf("%s on %d %s, by %s", l, n, plural(n, "site"), strings.Join(by, ", ")))
		}
	}
	if len(all) == 0 {
		t.note("no rule gives anything: grantbridge group list says which groups match")
	}
}

func plural(n int, noun string) string {
	if n == 1 {
		return noun
	}
	return noun + "s"
}

// keep stores the trace.
func (d *Door) keep(ctx context.Context, t *Trace, outcome string, reason signin.Reason) error {
	body, err := json.Marshal(t)
	if err != nil {
		return err
	}
	d.c.Kept(t.Source, outcome, reason)
	d.c.Log.Info("sign-in", "source", t.Source, "trace", t.ID, "outcome", outcome, "reason", string(reason))
	return d.engine.Store().PutTrace(ctx, store.LoginTrace{ID: t.ID, Source: t.Source, At: t.At, Outcome: outcome, Reason: string(reason), Person: t.Person, Body: body})
}

// refuse shows the sentence and the id, and keeps the rest for the administrator.
// why is a rejection, of a protocol or of the door's own.
func (d *Door) refuse(w http.ResponseWriter, r *http.Request, t *Trace, why error) error {
	no := rejectionOf(why)
	t.Want, t.Got, t.Fix, t.Says = no.Want, no.Got, no.Fix, no.Says
	if no.Cause != nil {
		d.c.Log.Error("sign-in", "source", t.Source, "trace", t.ID, "reason", string(no.Reason), "error", no.Cause)
	}
	outcome := "refused"
	if t.Test != "" {
		outcome = "tested"
	}
	if slices.Contains([]signin.Reason{linkPending, loginTaken, subjectAged}, no.Reason) {
		outcome = "waiting"
	}
	if err := d.keep(r.Context(), t, outcome, no.Reason); err != nil {
		return err
	}
	if t.Test != "" {
		return d.report(w, t, nil)
	}
	status := http.StatusForbidden
	if no.Reason == signin.Reason(saml.StoreUnavailable) {
		status = http.StatusServiceUnavailable
	}
	return d.page(w, status, "refused", "Not signed in", refusedView{no.Says, t.ID})
}

func isUnavailable(err error) bool {
	return errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrOverloaded)
}
