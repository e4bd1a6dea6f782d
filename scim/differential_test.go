package scim

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"grantbridge/directory"
	"grantbridge/provision"
	"grantbridge/store"
	"grantbridge/store/storetest"
)

// words are few, so that filters hit, and awkward, so that collation, folding
// and quoting matter.
var words = []string{"a", "A", "ab", "b", "ß", "SS", "é", "e\u0301", "İ", "z%_", `q"u'o\`, "10", "9", "ｗ", "a b", "\U0001F600"}

// world is a directory with everything in memory too.
type world struct {
	store   *store.Store
	records map[*resource]map[string]Record
	ids     []string
}

func populate(t *testing.T, st *store.Store) *world {
	ctx := t.Context()
	e, err := provision.New(ctx, st, provision.Config{Sources: []store.Source{{Name: "okta"}}})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{store: st, records: map[*resource]map[string]Record{users: {}, groups: {}}}
	for i := range 40 {
		res, err := e.Apply(ctx, store.By{Actor: "scim:okta", Via: "scim", Lane: store.LaneNormal}, &directory.AccountChange{Source: "okta",
			Edit: func(directory.Account) (directory.Account, error) { return liftAccount(users, userDoc(i)) }})
		if err != nil {
			t.Fatal(err)
		}
		w.ids = append(w.ids, res.Account.UID)
	}
	for i := range 12 {
		var members []string
		for j, id := range w.ids {
			if (j*7+i)%5 == 0 {
				members = append(members, id)
			}
		}
		_, err := e.Apply(ctx, store.By{Actor: "scim:okta", Via: "scim", Lane: store.LaneNormal}, &directory.GroupChange{Source: "okta", Members: directory.MemberChange{Add: members},
			Edit: func(directory.Group) (directory.Group, error) {
				return liftGroup(groups, map[string]any{"displayName": words[i] + fmt.Sprint(i), "externalId": words[i], "badge": words[(i+3)%len(words)]})
			}})
		if err != nil {
			t.Fatal(err)
		}
	}
	w.load(t)
	return w
}

func userDoc(i int) map[string]any {
	w := func(n int) string { return words[(i*n+n)%len(words)] }
	doc := map[string]any{"userName": w(1) + fmt.Sprint(i), "active": i%3 > 0}
	if i%2 == 0 {
		doc["title"], doc["externalId"] = w(3), w(5)+fmt.Sprint(i)
	}
	if i%4 > 0 {
		doc["displayName"] = w(7)
		doc["name"] = map[string]any{"givenName": w(2), "familyName": w(9)}
	}
	if i%5 > 0 {
		doc["emails"] = []any{
			map[string]any{"type": "work", "value": w(4), "primary": i%2 == 0},
			map[string]any{"type": "home", "value": w(6)},
		}
	}
	if i%3 == 0 {
		doc[urnEnterprise] = map[string]any{"department": w(11), "manager": map[string]any{"value": w(13)}}
		doc["urn:example:custom:2.0:User"] = map[string]any{"badge": w(8), "level": 7}
	}
	return doc
}

func (w *world) load(t *testing.T) {
	ctx := t.Context()
	err := w.store.Read(ctx, func(v *store.View) error {
		as, _, err := v.Accounts(ctx, "okta", directory.Query{Start: 1, Count: 1000})
		if err != nil {
			return err
		}
		ids := []directory.AccountID{}
		for _, a := range as {
			ids = append(ids, a.ID)
		}
		refs, err := v.GroupsOf(ctx, ids)
		for _, a := range as {
			r := Record{ID: a.UID, ExternalID: a.ExternalID, Created: a.Created, Modified: a.Modified, Values: a.Values}
			for _, ref := range refs[a.ID] {
				r.Links = append(r.Links, ref.UID)
			}
			w.records[users][a.UID] = r
		}
		if err != nil {
			return err
		}
		gs, _, err := v.Groups(ctx, "okta", directory.Query{Start: 1, Count: 1000})
		for _, g := range gs {
			r := Record{ID: g.UID, ExternalID: g.ExternalID, Created: g.Created, Modified: g.Modified, Values: g.Values}
			ms, err := v.Members(ctx, g.ID, 0, 1000)
			if err != nil {
				return err
			}
			for _, m := range ms {
				r.Links = append(r.Links, m.UID)
			}
			w.records[groups][g.UID] = r
			w.ids = append(w.ids, g.UID)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(w.records[users]) != 40 || len(w.records[groups]) != 12 {
		t.Fatalf("got %d users and %d groups", len(w.records[users]), len(w.records[groups]))
	}
}

// genFilter writes a filter as a caller would.
func (w *world) genFilter(t *rapid.T, of *resource, depth int) string {
	switch k := rapid.IntRange(0, 9).Draw(t, "kind"); {
	case depth > 0 && k == 0:
		return "not (" + w.genFilter(t, of, depth-1) + ")"
	case depth > 0 && k == 1:
		return w.genFilter(t, of, depth-1) + " or " + w.genFilter(t, of, depth-1)
	case depth > 0 && k <= 3:
		return "(" + w.genFilter(t, of, depth-1) + ") and (" + w.genFilter(t, of, depth-1) + ")"
	case k == 4 && of == users:
		return w.genElement(t)
	}
	return w.genLeaf(t, of)
}

func (w *world) genLeaf(t *rapid.T, of *resource) string {
	paths := []string{"displayName", "externalId", "id", "meta.created", "meta.lastModified", "urn:example:custom:2.0:User:badge"}
	if of == users {
		paths = append(paths, "userName", "title", "name.givenName", "emails", "emails.value", "emails.type", urnEnterprise+":department", "manager", "active", "groups.value", "name", "addresses", "schemas")
	} else {
		paths = append(paths, "members", "members.value", "meta.resourceType")
	}
	path := rapid.SampledFrom(paths).Draw(t, "path")
	op := rapid.SampledFrom([]string{"eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le", "pr"}).Draw(t, "op")
	if op == "pr" {
		return path + " pr"
	}
	return path + " " + op + " " + w.genLiteral(t, path)
}

func (w *world) genElement(t *rapid.T) string {
	leaf := func() string {
		sub := rapid.SampledFrom([]string{"type", "value", "primary"}).Draw(t, "sub")
		if sub == "primary" {
			return "primary " + rapid.SampledFrom([]string{"eq", "ne"}).Draw(t, "op") + " true"
		}
		op := rapid.SampledFrom([]string{"eq", "ne", "co", "sw", "ew", "gt"}).Draw(t, "op")
		word := rapid.SampledFrom(append([]string{"work", "home"}, words...)).Draw(t, "word")
		return sub + " " + op + " " + quote(word)
	}
	inner := leaf()
	for range rapid.IntRange(0, 2).Draw(t, "more") {
		inner = rapid.SampledFrom([]string{inner + " and " + leaf(), inner + " or " + leaf(), "not (" + inner + ")"}).Draw(t, "shape")
	}
	return "emails[" + inner + "]" + rapid.SampledFrom([]string{"", ".value co " + quote("a"), ".value pr"}).Draw(t, "tail")
}

func quote(s string) string {
	b, _ := encode(s)
	return string(b)
}

func (w *world) genLiteral(t *rapid.T, path string) string {
	switch {
	case path == "active":
		return rapid.SampledFrom([]string{"true", "false"}).Draw(t, "bool")
	case strings.HasPrefix(path, "meta.") && path != "meta.resourceType":
		of := rapid.SampledFrom(w.ids).Draw(t, "of")
		r, ok := w.records[users][of]
		if !ok {
			r = w.records[groups][of]
		}
		return `"` + r.Modified.Format(time.RFC3339Nano) + `"`
	case path == "id", strings.HasSuffix(path, ".value") && path != "emails.value", path == "members":
		return quote(rapid.SampledFrom(w.ids).Draw(t, "id"))
	case path == "schemas":
		return quote(rapid.SampledFrom([]string{urnUser, urnEnterprise, urnGroup}).Draw(t, "urn"))
	}
	word := rapid.SampledFrom(words).Draw(t, "word")
	if rapid.IntRange(0, 3).Draw(t, "numbered") == 0 {
		word += fmt.Sprint(rapid.IntRange(0, 39).Draw(t, "number"))
	}
	return quote(word)
}

func TestTheStoreAnswersFiltersAsEvalDoes(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		w := populate(t, st)
		asked, refused, hits := 0, 0, 0
		rapid.Check(t, func(rt *rapid.T) {
			of := users
			if rapid.IntRange(0, 3).Draw(rt, "groups?") == 0 {
				of = groups
			}
			text := w.genFilter(rt, of, 3)
			f, err := lenientReader(of).parseFilter(text)
			if asked++; err != nil {
				refused++
				return
			}
			var want []string
			for id, r := range w.records[of] {
				if Eval(f, r) {
					want = append(want, id)
				}
			}
			got := w.ask(rt, of, f)
			hits += len(got)
			slices.Sort(want)
			slices.Sort(got)
			if !slices.Equal(got, want) {
				rt.Fatalf("%s\n(%s)\nstore %v\neval  %v", text, show(f), got, want)
			}
		})
		if refused*2 > asked || hits == 0 {
			t.Errorf("%d of %d filters were refused, %d hits: the generator is worth little", refused, asked, hits)
		}
	})
}

func (w *world) ask(t *rapid.T, of *resource, f directory.Filter) (ids []string) {
	ctx := t.Context()
	err := w.store.Read(ctx, func(v *store.View) error {
		q := directory.Query{Filter: answerable(f), Start: 1, Count: 1000}
		as, gs, total := []directory.Account(nil), []directory.Group(nil), 0
		var err error
		if of == users {
			as, total, err = v.Accounts(ctx, "okta", q)
		} else {
			gs, total, err = v.Groups(ctx, "okta", q)
		}
		for _, a := range as {
			ids = append(ids, a.UID)
		}
		for _, g := range gs {
			ids = append(ids, g.UID)
		}
		if err == nil && total != len(ids) {
			t.Fatalf("total is %d, there are %d", total, len(ids))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return ids
}
