package storetest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"grantbridge/directory"
	"grantbridge/store"
)

func leaf(op directory.Op, path, text string) *directory.Filter {
	return &directory.Filter{Op: op, Path: path, Text: text}
}

func all(fs ...*directory.Filter) *directory.Filter   { return node(directory.OpAnd, fs) }
func anyOf(fs ...*directory.Filter) *directory.Filter { return node(directory.OpOr, fs) }
func not(f *directory.Filter) *directory.Filter       { return node(directory.OpNot, []*directory.Filter{f}) }

func elem(path string, f *directory.Filter) *directory.Filter {
	return &directory.Filter{Op: directory.OpElem, Path: path, Args: []directory.Filter{*f}}
}

func node(op directory.Op, fs []*directory.Filter) *directory.Filter {
	n := &directory.Filter{Op: op}
	for _, f := range fs {
		n.Args = append(n.Args, *f)
	}
	return n
}

func filters(k Kit, c *Clock) {
	start := c.T
	add := func(login string, vs ...directory.Value) directory.Account {
		op := NewAccount("okta", login, "x-"+login)
		op.Change.Edit = func(a directory.Account) (directory.Account, error) {
			a.Login, a.ExternalID, a.Active, a.Values = login, "X-"+login, true, vs
			return a, nil
		}
		k.Do(op)
		c.T = c.T.Add(time.Second)
		return op.After
	}
	v := func(path string, elem int, text string) directory.Value {
		return directory.Value{Path: path, Elem: elem, Text: text}
	}
	a := add("ann", v("title", 0, "boss"), v("emails.type", 0, "work"), v("emails.value", 0, "ann@work"), v("emails.type", 1, "home"), v("emails.value", 1, "ann@home"))
	b := add("bob", v("title", 0, "bosses"), v("emails.type", 0, "home"), v("emails.value", 0, "ann@work"), v("age", 0, "7"))
	z := add("Zoë", v("emails.value", 0, "100%_a"), v("active", 0, "true"))
	k.Do(NewAccount("entra", "ann", ""))
	g := k.Group("okta", "Admins", a.UID, z.UID)
	h := k.Group("okta", "Users", b.UID)
	eq, ne, co, sw, ew, pr := directory.OpEq, directory.OpNe, directory.OpCo, directory.OpSw, directory.OpEw, directory.OpPr

	for i, f := range []struct {
		f    *directory.Filter
		want string
	}{
		{nil, "ann bob Zoë"},
		{&directory.Filter{}, ""},
		{leaf(eq, "username", directory.Fold("ZOË")), "Zoë"},
		{leaf(ne, "username", "ann"), "bob Zoë"},
		{leaf(co, "username", "o"), "bob Zoë"},
		{leaf(sw, "username", "a"), "ann"},
		{leaf(ew, "username", "b"), "bob"},
		{leaf(directory.OpGt, "username", "ann"), "bob Zoë"},
		{leaf(directory.OpGe, "username", "bob"), "bob Zoë"},
		{leaf(directory.OpLt, "username", "bob"), "ann"},
		{leaf(directory.OpLe, "username", "bob"), "ann bob"},
		{leaf(eq, "externalid", "X-ann"), "ann"},
		{leaf(eq, "externalid", "x-ann"), ""},
		{leaf(pr, "displayname", ""), ""},
		{leaf(eq, "id", b.UID), "bob"},
		{leaf(eq, "meta.created", directory.TimeText(start)), "ann"},
		{leaf(directory.OpGt, "meta.lastmodified", directory.TimeText(start)), "bob Zoë"},
		{leaf(directory.OpLe, "meta.lastmodified", "rubbish"), ""},
		{leaf(eq, "title", "boss"), "ann"},
		{leaf(sw, "title", "boss"), "ann bob"},
		{leaf(directory.OpGt, "title", "boss"), "bob"},
		{leaf(directory.OpGe, "title", "boss"), "ann bob"},
		{leaf(directory.OpLt, "title", "bosses"), "ann"},
		{leaf(directory.OpLe, "title", "bosses"), "ann bob"},
		{leaf(ne, "title", "boss"), "bob Zoë"},
		{leaf(pr, "title", ""), "ann bob"},
		{leaf(pr, "emails", ""), "ann bob Zoë"},
		{leaf(pr, "email", ""), ""},
		{leaf(pr, "nothing", ""), ""},
		{leaf(eq, "nothing", "x"), ""},
		{not(leaf(eq, "nothing", "x")), "ann bob Zoë"},
		{leaf(co, "emails.value", "%_"), "Zoë"},
		{leaf(co, "emails.value", "_a"), "Zoë"},
		{leaf(sw, "emails.value", "ANN"), ""},
		{leaf(co, "emails.value", ""), "ann bob Zoë"},
		{leaf(eq, "active", "true"), "Zoë"},
		{all(leaf(eq, "emails.type", "work"), leaf(eq, "emails.value", "ann@home")), "ann"},
		{elem("emails", all(leaf(eq, "emails.type", "work"), leaf(eq, "emails.value", "ann@home"))), ""},
		{elem("emails", all(leaf(eq, "emails.type", "work"), leaf(eq, "emails.value", "ann@work"))), "ann"},
		{elem("emails", all(leaf(eq, "emails.value", "ann@work"), not(leaf(eq, "emails.type", "work")))), "bob"},
		{elem("emails", leaf(ne, "emails.type", "work")), "ann bob Zoë"},
		{elem("emails", all(leaf(ne, "emails.type", "work"), leaf(sw, "emails.value", "ann"))), "ann bob"},
		{elem("emails", anyOf(leaf(eq, "emails.type", "work"), leaf(eq, "emails.value", "100%_a"))), "ann Zoë"},
		{elem("emails", not(leaf(pr, "emails.type", ""))), "Zoë"},
		{anyOf(leaf(eq, "username", "bob"), all(leaf(eq, "title", "boss"), not(leaf(eq, "username", "bob")))), "ann bob"},
		{not(anyOf(leaf(eq, "username", "bob"), leaf(eq, "title", "boss"))), "Zoë"},
		{leaf(eq, "groups.value", g.UID), "ann Zoë"},
		{leaf(ne, "groups.value", g.UID), "bob"},
		{leaf(pr, "groups.value", ""), "ann bob Zoë"},
		{leaf(eq, "groups.value", "nope"), ""},
	} {
		k.Read(func(view *store.View) error {
			as, n, err := view.Accounts(context.Background(), "okta", directory.Query{Filter: f.f, Count: 10})
			got := ""
			for _, a := range as {
				got += " " + a.Login
			}
			if want := f.want; got != "" && got[1:] != want || got == "" && want != "" || n != len(as) {
				k.T.Errorf("filter %d %+v: got%s (%d), want %s", i, f.f, got, n, want)
			}
			return err
		})
	}
	for i, f := range []struct {
		f    *directory.Filter
		want []string
	}{
		{nil, []string{g.UID, h.UID}},
		{leaf(eq, "displayname", "admins"), []string{g.UID}},
		{leaf(eq, "members.value", b.UID), []string{h.UID}},
		{leaf(pr, "members.value", ""), []string{g.UID, h.UID}},
		{all(leaf(eq, "displayname", "admins"), leaf(eq, "members.value", b.UID)), nil},
		{leaf(eq, "id", h.UID), []string{h.UID}},
	} {
		k.Read(func(view *store.View) error {
			gs, n, err := view.Groups(context.Background(), "okta", directory.Query{Filter: f.f, Count: 10})
			var got []string
			for _, g := range gs {
				got = append(got, g.UID)
			}
			if !slices.Equal(got, f.want) || n != len(gs) {
				k.T.Errorf("group filter %d: got %v (%d), want %v", i, got, n, f.want)
			}
			return err
		})
	}
}

func pages(k Kit, _ *Clock) {
	for i := range 7 {
		op := NewAccount("okta", fmt.Sprint("u", i), "")
		edit := op.Change.Edit
		op.Change.Edit = func(a directory.Account) (directory.Account, error) {
			a, err := edit(a)
			if i%2 == 0 {
				a.Values = append(a.Values, directory.Value{Path: "title", Text: fmt.Sprint("t", 9-i/4)})
			}
			return a, err
		}
		k.Do(op)
	}
	// title: u0 t9, u2 t9, u4 t8, u6 t8; others none
	read := func(q directory.Query) (got string, total int, last int64) {
		k.T.Helper()
		k.Read(func(v *store.View) error {
			as, n, err := v.Accounts(context.Background(), "okta", q)
			total = n
			for _, a := range as {
				got += a.Login[1:]
				last = int64(a.ID)
			}
			return err
		})
		return got, total, last
	}
	for _, c := range []struct {
		q     directory.Query
		want  string
		total int
	}{
		{directory.Query{Count: 3}, "012", 7},
		{directory.Query{Count: 3, Start: 3}, "234", 7},
		{directory.Query{Count: 3, Start: 9}, "", 7},
		{directory.Query{Count: 0}, "", 7},
		{directory.Query{Count: 3, NoTotal: true}, "012", -1},
		{directory.Query{Count: 9, Descending: true}, "6543210", 7},
		{directory.Query{Count: 9, SortPath: "username", Descending: true}, "6543210", 7},
		{directory.Query{Count: 9, SortPath: "title"}, "4602135", 7},
		{directory.Query{Count: 9, SortPath: "title", Descending: true}, "1350246", 7},
		{directory.Query{Count: 9, SortPath: "emails.type"}, "0123456", 7},
		{directory.Query{Count: 9, SortPath: "nothing"}, "0123456", 7},
	} {
		if got, total, _ := read(c.q); got != c.want || total != c.total {
			k.T.Errorf("%+v: got %s of %d, want %s of %d", c.q, got, total, c.want, c.total)
		}
	}
	for _, q := range []directory.Query{{}, {Descending: true}, {SortPath: "title"}, {SortPath: "title", Descending: true}, {SortPath: "username"}, {SortPath: "meta.created", Descending: true}} {
		q.Count = 100
		want, _, _ := read(q)
		got, part, last := "", "", int64(0)
		for q.Count = 2; ; {
			q.After = last
			if part, _, last = read(q); part == "" {
				break
			}
			got += part
		}
		if got != want {
			k.T.Errorf("%+v page by page: got %s, want %s", q, got, want)
		}
	}
}
