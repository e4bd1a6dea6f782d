package docs

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"grantbridge/access"
)

// The world of the truth tables: three sites, one person in one group, and hours
// of one day.
//
//	column        words
//	Given         grants, with ; between: LEVEL [≤ CEILING] [on SCOPE] [from H] [until H]
//	Taken         deny ROLE|ACTION, or cap LEVEL [for tokens|for sessions], each [on SCOPE] [until H]
//	Credential    session [CEILING] | token CEILING [on SITE] [until H] [of CEILING] [revoked] | anonymous
//	Person        locked | suspended | owner | member until H
//	Hour, Site, Asked   12, 1 and view when not said
//	Effective     the level held
//	Answer        the decision's code
//
// SCOPE is all, a site's number, or region=eu.
var tableSites = []access.Site{
	{ID: 1, Slug: "shop-eu", Name: "Shop EU", Labels: map[string]string{"region": "eu"}},
	{ID: 2, Slug: "shop-us", Name: "Shop US", Labels: map[string]string{"region": "us"}},
	{ID: 3, Slug: "blog-eu", Name: "Blog EU", Labels: map[string]string{"region": "eu"}},
}

const (
	thePerson access.PersonID = 1
	theGroup  access.GroupID  = 1
	theParent access.TokenID  = 1
	theToken  access.TokenID  = 2
)

func TestTheModelsTablesAreWhatTheEvaluatorSays(t *testing.T) {
	rows := 0
	for _, d := range documents(t) {
		for _, tb := range d.tables {
			for i, cells := range tb.rows {
				rows++
				row, err := newRow(tb.head, cells)
				if err == nil {
					err = row.hold()
				}
				if err != nil {
					t.Errorf("%s:%d: %s: %v", tb.doc, tb.line+2+i, strings.Join(cells, " | "), err)
				}
			}
		}
	}
	if rows < 30 {
		t.Errorf("executed %d rows; docs/model.md has more than 30", rows)
	}
}

// row is one row by column.
type row map[string]string

var columns = []string{"Given", "Taken", "Credential", "Person", "Hour", "Site", "Asked", "Effective", "Answer", "Because"}

func newRow(head, cells []string) (row, error) {
	if len(head) != len(cells) {
		return nil, fmt.Errorf("%d cells under %d columns", len(cells), len(head))
	}
	r := row{}
	for i, h := range head {
		if !slices.Contains(columns, h) {
			return nil, fmt.Errorf("no column %q; there are %s", h, strings.Join(columns, ", "))
		}
		if cells[i] != "–" {
			r[h] = cells[i]
		}
	}
	return r, nil
}

func (r row) or(column, otherwise string) string {
	if r[column] == "" {
		return otherwise
	}
	return r[column]
}

// hold asks the evaluator, by Check and by Explain, and compares.
func (r row) hold() error {
	facts, credential, err := r.facts()
	if err != nil {
		return err
	}
	snap, err := access.Build(facts)
	if err != nil {
		return err
	}
	action, ok := facts.Catalogue.Lookup(r.or("Asked", "view"))
	if !ok {
		action = access.MaxActions
	}
	at, err := hour(r.or("Hour", "12"))
	if err != nil {
		return err
	}
	request := access.Request{Person: thePerson, Credential: credential, Site: r.site(), Action: action, At: at}
	if credential.Kind == access.AnonymousCredential {
		request.Person = 0
	}
	got := snap.Check(request)
	if want := r["Answer"]; want != "" && got.Code.String() != want {
		return fmt.Errorf("the answer is %s", got.Code)
	}
	if got.Allowed != (got.Code == access.Allowed) {
		return fmt.Errorf("code %s with allowed %v", got.Code, got.Allowed)
	}
	level := facts.Catalogue.Highest(snap.Effective(request))
	if want := r["Effective"]; want != "" && level.String() != want {
		return fmt.Errorf("the effective level is %s", level)
	}
	if x := snap.Explain(request); x.Decision != got || x.Effective != level && got.Code != access.UnknownAction {
		return fmt.Errorf("Explain says %+v and %s, Check says %+v and %s", x.Decision, x.Effective, got, level)
	}
	return nil
}

func (r row) site() access.SiteID {
	if r["Site"] == "platform" {
		return access.Global
	}
	n, _ := strconv.ParseInt(r.or("Site", "1"), 10, 64)
	return access.SiteID(n)
}

func (r row) facts() (access.Facts, access.Credential, error) {
	c := access.DefaultCatalogue()
	person := access.Person{ID: thePerson, Groups: []access.GroupID{theGroup}}
	switch r["Person"] {
	case "locked":
		person.Locked = true
	case "suspended":
		person.Suspended = true
	case "owner":
		person.Owner = true
	}
	if until, _ := words(strings.Fields(r["Person"])).after("until"); until != "" {
		at, err := hour(until)
		if err != nil {
			return access.Facts{}, access.Credential{}, err
		}
		person.Until = map[access.GroupID]time.Time{theGroup: at}
	}
	var rules []access.Rule
	for column, read := range map[string]func(*access.Catalogue, words) (access.Rule, error){"Given": readGrant, "Taken": readTaken} {
		for _, text := range strings.Split(r[column], ";") {
			if strings.TrimSpace(text) == "" {
				continue
			}
			rule, err := read(c, strings.Fields(text))
			if err != nil {
				return access.Facts{}, access.Credential{}, fmt.Errorf("%s: %w", text, err)
			}
			rule.ID = access.RuleID(len(rules) + 1)
			rules = append(rules, rule)
		}
	}
	credential, tokens, err := readCredential(strings.Fields(r.or("Credential", "session")))
	return access.Facts{
		Revision: 1, Catalogue: c, Sites: tableSites, Rules: rules, Tokens: tokens,
		People: slices.Values([]access.Person{person}),
	}, credential, err
}

// words are the words of a cell that are not read yet.
type words []string

// after takes "key value" out of w.
func (w words) after(key string) (string, words) {
	i := slices.Index(w, key)
	if i < 0 || i+1 >= len(w) {
		return "", w
	}
	return w[i+1], slices.Concat(w[:i:i], w[i+2:])
}

// has takes key out of w.
func (w words) has(key string) (bool, words) {
	i := slices.Index(w, key)
	if i < 0 {
		return false, w
	}
	return true, slices.Concat(w[:i:i], w[i+1:])
}

func readGrant(c *access.Catalogue, w words) (access.Rule, error) {
	rule := access.Rule{Kind: access.Grant, Subject: access.Subject{Kind: access.TheGroup, ID: int64(theGroup)}, TokenCeiling: access.CeilingInherit}
	ceiling, w := w.after("≤")
	if ceiling != "" {
		var err error
		if rule.TokenCeiling, err = access.ParseCeiling(ceiling); err != nil {
			return rule, err
		}
	}
	everyone, w := w.has("to-everyone")
	if everyone {
		rule.Subject = access.Subject{Kind: access.Everyone}
	}
	w, err := readWhen(&rule, w)
	if err != nil {
		return rule, err
	}
	return rule, readRole(c, &rule, w)
}

func readTaken(c *access.Catalogue, w words) (access.Rule, error) {
	rule := access.Rule{Kind: access.Deny, Subject: access.Subject{Kind: access.TheGroup, ID: int64(theGroup)}}
	channel, w := w.after("for")
	switch channel {
	case "tokens":
		rule.Channel = access.TokenChannel
	case "sessions":
		rule.Channel = access.SessionChannel
	}
	isCap, w := w.has("cap")
	if isCap {
		rule.Kind = access.Cap
	} else if _, w = w.has("deny"); len(w) == 0 {
		return rule, fmt.Errorf("deny what?")
	}
	w, err := readWhen(&rule, w)
	if err != nil {
		return rule, err
	}
	return rule, readRole(c, &rule, w)
}

// readWhen reads scope and time, which all rules have.
func readWhen(rule *access.Rule, w words) (words, error) {
	on, w := w.after("on")
	rule.Scope = readScope(on)
	from, w := w.after("from")
	until, w := w.after("until")
	var err error
	if from != "" {
		rule.From, err = hour(from)
	}
	if until != "" && err == nil {
		rule.Until, err = hour(until)
	}
	return w, err
}

func readScope(on string) access.Scope {
	key, value, isLabel := strings.Cut(on, "=")
	switch n, err := strconv.ParseInt(on, 10, 64); {
	case on == "all":
		return access.Scope{All: true, Text: "all"}
	case isLabel:
		return access.Scope{Select: []access.Selector{{Labels: map[string]string{key: value}}}, Text: on}
	case err == nil:
		return access.Scope{Sites: []access.SiteID{access.SiteID(n)}, Text: on}
	}
	return access.Scope{Sites: []access.SiteID{1}, Text: "1"}
}

func readRole(c *access.Catalogue, rule *access.Rule, w words) error {
	if len(w) != 1 {
		return fmt.Errorf("want one role or action, not %q", w)
	}
	rule.Role = w[0]
	switch actions, ok := c.Role(w[0]); {
	case w[0] == "everything":
		rule.Actions = c.Level(access.Superuser)
	case w[0] == "noaccess":
		rule.Actions = c.Level(access.NoAccess)
	case w[0] == "superuser" && rule.Kind == access.Grant:
		rule.Actions, rule.Scope = actions, access.Scope{All: true, Text: "all"}
	case ok:
		rule.Actions = actions
	default:
		var err error
		rule.Actions, err = c.Expand(w[0])
		return err
	}
	return nil
}

func readCredential(w words) (access.Credential, []access.Token, error) {
	issued, _ := hour("0")
	kind, w := w[0], w[1:]
	switch kind {
	case "anonymous":
		return access.Credential{Kind: access.AnonymousCredential}, nil, nil
	case "session":
		s := access.Session(issued)
		if len(w) > 0 {
			s.Ceiling, _ = access.ParseCeiling(w[0])
		}
		return s, nil, nil
	case "token":
		tokens, err := readToken(w)
		return access.TokenOf(theToken), tokens, err
	}
	return access.Credential{}, nil, fmt.Errorf("no credential %q", kind)
}

func readToken(w words) ([]access.Token, error) {
	issued, err := hour("0")
	token := access.Token{ID: theToken, Owner: thePerson, Name: "t", Issued: issued, Ceiling: access.CeilingInherit}
	on, w := w.after("on")
	if n, err := strconv.ParseInt(on, 10, 64); err == nil {
		token.Sites = []access.SiteID{access.SiteID(n)}
	}
	until, w := w.after("until")
	if until != "" && err == nil {
		token.Expires, err = hour(until)
	}
	token.Revoked, w = w.has("revoked")
	tokens := []access.Token{}
	of, w := w.after("of")
	if of != "" {
		ceiling, _ := access.ParseCeiling(of)
		tokens = append(tokens, access.Token{ID: theParent, Owner: thePerson, Name: "parent", Issued: issued, Ceiling: ceiling})
		token.Parent = theParent
	}
	if len(w) > 0 {
		token.Ceiling, _ = access.ParseCeiling(w[0]) // an unknown word is an unknown ceiling, which is the point of a row
	}
	return append(tokens, token), err
}

func hour(s string) (time.Time, error) {
	h, err := strconv.Atoi(s)
	return time.Date(2026, 11, 23, h, 0, 0, 0, time.UTC), err
}
